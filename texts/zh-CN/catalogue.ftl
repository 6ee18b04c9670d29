# 模型、映射与价格页面的公共文字

catalogue-any-provider = 全部服务商
catalogue-any-channel = 全部渠道
catalogue-choose = 选择
catalogue-choose-all = 选择本页全部
catalogue-choose-one = 选择 { $name }
catalogue-with-chosen = 对所选项：
catalogue-none-chosen = 尚未选择，请先勾选至少一行。
catalogue-remove = 删除
