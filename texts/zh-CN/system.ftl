# System state

started-at = 自 { $time } { $zone } 起运行
refresh = 刷新
relaying = 转发
working = 正常
not-working = 不可用
database = 数据库
database-down = 无响应
database-lock-lost = 数据库锁已丢失，正在重新获取
database-lock-taken = 另一个进程也在使用此数据库：请停掉其中一个
latency = 响应时间 { $time }
in-flight = 进行中的请求
waiting-requests = { $count ->
    [0] 没有排队
   *[other] { $count } 个在排队
 }
slots-held = 已占用并发位
holds-now = 预留金额
holds-count = { $count ->
    [0] 没有请求占用
   *[other] 由 { $count } 个请求占用
 }
active-users = 活跃用户
cached-keys = 内存中的密钥
live-readers = 实时日志读者
unbooked = 待入账的凭据
journal-size = 用量日志文件
books = 账目
books-hint = 等待写入数据库的凭据，以及数据库拒收的凭据。
books-oldest = 最早一笔已等待
books-aside = 已搁置
books-booked = 最近入账
books-journal-lasts = 数据库不可用时还能记下 { $count ->
    [0] 不到一天
   *[other] { $count } 天
 }的请求
books-journal-disk = 用量日志所在磁盘剩余
books-database-disk = 数据库所在磁盘剩余
books-disbelieved = 不可信的用量
books-disbelieved-hint = 自启动以来；已改按文本计量
books-failure = 最近一次故障
books-aside-title = 已搁置的凭据
books-aside-hint = 这些请求尚未计费。排除原因后可用 POST /api/system/set-aside/ID/retry 重新入账；DELETE /api/system/set-aside/ID 则放弃入账。
books-reason = 原因
books-line = 无法读取的日志行
growth = 增长
growth-hint = 按最近七天的请求数，以及现存请求在数据库中实际占用的空间计算。
growth-requests = 每天请求数
growth-each = 每个请求占用
growth-unknown = 满 500 个请求后可知
growth-day = 每天占用
growth-levels-off = 将稳定在 { $size }
growth-kept = 日志保留
growth-days = { $count ->
    [0] 不到一天
   *[other] { $count } 天
 }
growth-always = 永久
growth-change = 修改
growth-full = 距磁盘写满
growth-never = 十年内不会写满
growth-left = 剩余 { $size }
growth-unused = 文件中未使用的空间
growth-gives-back = 会自动归还磁盘
growth-keeps = 留在文件中：停止进程后运行一次 “api-proxy migrate --vacuum” 即可归还
memory = 内存
lost-log-lines = 未能写入的日志行
version = 版本
without-npm = 构建时没有 npm：不含图标与图表库
uptime = 已运行 { $days ->
    [0] { "" }
   *[other] { $days } 天{ " " }
 }{ $hours } 小时 { $minutes } 分钟
leases = 单实例任务
leases-hint = 多个实例共用此数据库时，每项任务同一时间只由其中一个执行；该实例停止或出现故障后，由其他实例接手。
lease-work = 任务
lease-since = 开始时间
lease-until = 到期时间（到期前会续期）
lease-free = 暂时无人执行
leased-probes = 渠道探测
leased-maintenance = 清理过期数据
instance = 实例
this-instance = 当前实例
system-actors = 组件
system-actors-hint = 管理跨请求的状态，出现故障后会自动重启。
actor = 组件
mailbox = 待处理消息
handled = 已处理
restarts = 重启次数
restart-loses = 重启会丢失
actor-running = 运行中
actor-stopped = 已停止，需要时自动启动
loses-nothing = 无
loses-health_memory = 对渠道状况的记忆：熔断与冷却结束
loses-readers = 实时日志的读取位置：读者会重新连接
owns-UserGate = 每个活跃用户的并发位、限额与余额
owns-ChannelHealth = 各渠道的健康状况
owns-SettingsCache = 内存中的设置、渠道、价格与密钥
owns-LogBroadcaster = 实时日志
owns-UsageLedger = 正在写入数据库的用量凭据
system-holds = 占用明细
system-holds-hint = 共 { $count } 个，显示最早的 { $shown } 个
holder = 用户
hold-request = 请求
hold-age = 已持续
hold-slot = 并发位
hold-slot-yes = 占用
hold-slot-no = 未占用
holds-none = 目前没有请求占用并发位或金额。
instances = 实例
instance-place = 主机与地址
instance-started = 启动时间
instance-heard = 心跳
instance-alive = 正常
instance-silent = 已 { $time } 无心跳
redis-together = Redis：限额由各实例共享
redis-rejoining = Redis 已恢复：正在上报各实例的占用
redis-alone = Redis 无响应：各实例按限额的 1/{ $parts } 执行
redis-banner = Redis 无响应。恢复之前，每个实例只使用各项限额的 1/{ $parts }；用量不会丢失。
redis-figures = Redis 最近一次响应：{ $latency } µs · 启动以来断开 { $losses } 次 · 失败命令 { $failures } 条
