# Overview

range-short-today = Today
range-short-24h = 24 h
range-short-7d = 7 d
range-short-30d = 30 d
range-custom = Custom
from-day = From
to-day = To
apply = Apply
balance = Balance
spent-so-far = { $amount } spent so far
requests = Requests
success-rate = Success rate
cache-hit = Cache hit
duration-p50 = Duration, median
ttft-p50 = First output, median
p95 = 95% within { $value }
than-before = than before
nothing-before = nothing before
tokens-over-time = Tokens
cost-over-time = Cost and requests
cost-left = Cost (left)
requests-right = Requests (right)
tokens-finding = { $total } tokens over the whole range
cost-finding = { $total } over the whole range
by-cost = by cost
gone = deleted
no-channel = None answered
mean-duration = Mean duration
overview-none = No requests in this range
overview-none-hint = Figures appear as soon as a key is used.
running-now = Running now
waiting = { $count ->
    [0] none waiting
   *[other] { $count } waiting
}
p95-rounded = 95% within { $value }, rounded up
throughput = Throughput
per-minute = per minute
requests-per-minute = Requests per minute
tokens-per-minute = Tokens per minute
requests-left = Requests (left)
tokens-right = Tokens (right)
throughput-finding = At most { $requests } requests and { $tokens } tokens per minute
errors-by-kind = Errors by kind
errors-count = { $count ->
    [one] { $count } request
   *[other] { $count } requests
}
errors-none = No request failed in this range
share = Share
traffic-by-channel = Traffic by channel
protocols = Protocols
protocols-hint = what clients spoke, and what the channel was asked in
protocol-client = Client
protocol-upstream = Channel
protocol-count = Token counting
protocol-native = as it came
