-- Says that an instance lives, and learns who else does.
-- KEYS: 1 the instances (id → last heartbeat) · 2 what is known of them (id → JSON). ARGV: 1 id · 2 what is known of it ·
-- 3 how long a heartbeat counts, ms. Answers: now, whether it was listed before, then id, age and JSON of every instance.
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local before = redis.call('ZSCORE', KEYS[1], ARGV[1])
redis.call('ZADD', KEYS[1], now, ARGV[1])
redis.call('HSET', KEYS[2], ARGV[1], ARGV[2])
local answer = {string.format('%.0f', now), before and '1' or '0'}
local members = redis.call('ZRANGE', KEYS[1], 0, -1, 'WITHSCORES')
for at = 1, #members, 2 do
  answer[#answer + 1] = members[at]
  answer[#answer + 1] = string.format('%.0f', now - tonumber(members[at + 1]))
  answer[#answer + 1] = redis.call('HGET', KEYS[2], members[at]) or ''
end
return answer
