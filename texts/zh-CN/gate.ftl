# Signing in

sign-in = 登录
sign-in-to = 登录 { $site }
sign-out = 退出登录
no-account = 还没有账号？
have-account = 已有账号？
register = 注册
register-first = 初始化网关
register-first-hint = 第一个账号将成为超级管理员。
registration-closed = 注册已关闭，请联系管理员开通账号。
hint-username = 3 到 64 个字母、数字、点、连字符或下划线
hint-password = 至少 8 个字符
hint-setupCode = 服务启动时打印的安装码。仅监听本机时，在服务器本机上通过 http://127.0.0.1:3000 这样的地址打开则无需填写。
