# 管理令牌

tokens-own = 供脚本以您的身份调用管理接口
tokens-all = 供脚本以所有者的身份调用管理接口
tokens-none = 还没有管理令牌
tokens-none-hint = 脚本以 Bearer 方式携带令牌，权限与其所有者相同。
tokens-created = 创建时间
token-new = 新建令牌
token-create = 创建令牌
token-created = 令牌已创建
token-text = 令牌
token-shown-once = 请立即复制：令牌只显示这一次，系统仅保存其摘要。
token-hint = 每次调用时，令牌的权限以您当时的角色为准。
hint-token-name = 用途，例如脚本或流水线的名称
token-remove = 删除
token-remove-named = 删除令牌 { $name }
token-remove-ask = 删除令牌“{ $name }”？
token-remove-hint = 使用它的脚本此后会被拒绝。此操作无法撤销。
token-done-removed = 令牌已删除。
