# 公开页面

public-models = 模型广场
public-docs = 接入文档
public-console = 进入控制台
