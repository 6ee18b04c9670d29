# System state

started-at = 自 { $time } { $zone } 起运行
relaying = 转发
working = 正常
not-working = 不可用
database = 数据库
database-down = 无响应
in-flight = 进行中的请求
active-users = 活跃用户
cached-keys = 内存中的密钥
live-readers = 实时日志读者
unbooked = 待入账的凭据
journal-size = 日志文件
restarts = 故障后重启
memory = 内存
version = 版本
