# 模型广场

square-hint = 共 { $count } 个模型，价格单位为美元 / 百万 Token
square-search = 搜索模型
square-any-price = 全部价格
square-up-to = 输入价不高于 { $amount }
square-priced = 已定价
square-unpriced = 暂无价格
square-call = 调用示例
square-calls = 调用示例
square-calls-hint = 请将 YOUR_API_KEY 换成您的密钥
square-base = 接口地址：
square-none = 还没有模型
square-none-hint = 本站尚未公布任何模型。
