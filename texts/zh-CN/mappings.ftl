# 模型映射

mappings-count = 共 { $count } 条映射
mappings-search = 入站模型或上游模型
mappings-new = 新建映射
mappings-edit = 编辑映射
mappings-add = 创建映射
mappings-none = 还没有映射
mappings-none-hint = 映射会把客户端请求的模型换成另一个上游模型。
mappings-client = 客户端协议
mappings-client-claude = Claude（Messages）
mappings-client-openai = OpenAI（其余全部）
mappings-any-client = 全部客户端协议
mappings-target = 渠道类型
mappings-target-same = 与客户端协议相同
mappings-hint-inbound = 客户端请求的模型名称，每行一个
mappings-hint-upstream = 向渠道请求的模型名称
mappings-hint-channels = 须属于上面所选的渠道类型；都不勾选则使用该类型的全部渠道。
mappings-done-added = 映射已创建。
mappings-done-saved = 映射已保存。
mappings-done-enabled = 已启用 { $count } 条映射。
mappings-done-disabled = 已停用 { $count } 条映射。
mappings-done-removed = 已删除 { $count } 条映射。
mappings-remove-ask = 删除 { $name } 的映射？
mappings-remove-ask-several = 删除 { $count } 条映射？
mappings-remove-hint = 此后请求这些名称的客户端将按原名称转发；如果没有渠道提供，请求会被拒绝。
mappings-unserved = 无可用渠道
