# Overview

range-short-today = 今天
range-short-24h = 24 小时
range-short-7d = 7 天
range-short-30d = 30 天
range-custom = 自定义
from-day = 开始日期
to-day = 结束日期
apply = 应用
balance = 余额
spent-so-far = 累计消费 { $amount }
requests = 请求数
success-rate = 成功率
cache-hit = 缓存命中率
duration-p50 = 耗时中位数
ttft-p50 = 首次输出中位数
p95 = 95% 不超过 { $value }
than-before = 较上一周期
nothing-before = 上一周期无数据
tokens-over-time = Token 趋势
cost-over-time = 费用与请求数
cost-left = 费用（左）
requests-right = 请求数（右）
tokens-finding = 整个时间段共 { $total } 个 Token
cost-finding = 整个时间段共 { $total }
by-cost = 按费用
gone = 已删除
no-channel = 无渠道应答
mean-duration = 平均耗时
overview-none = 该时间段内没有请求
overview-none-hint = 使用密钥后，数据会显示在这里。
running-now = 进行中
waiting = { $count ->
    [0] 无排队
   *[other] { $count } 个排队
}
p95-rounded = 95% 不超过 { $value }（向上取整）
throughput = 吞吐量
per-minute = 每分钟
requests-per-minute = 每分钟请求数
tokens-per-minute = 每分钟 Token 数
requests-left = 请求（左）
tokens-right = Token（右）
throughput-finding = 每分钟最多 { $requests } 个请求、{ $tokens } 个 Token
errors-by-kind = 错误分布
errors-count = 共 { $count } 个请求
errors-none = 该时间段内没有失败的请求
share = 占比
traffic-by-channel = 渠道流量
protocols = 协议转换
protocols-hint = 客户端协议与渠道协议
protocol-client = 客户端
protocol-upstream = 渠道
protocol-count = Token 计数
protocol-native = 直通
