-- Gives a try back to each of several buckets.
-- KEYS: the buckets, then perhaps what says that the account got in from there. ARGV: 1 how many buckets · 2 for how many
-- seconds that is known · then of each bucket the milliseconds after which it gets a try back.
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local buckets = tonumber(ARGV[1])
for at = 1, buckets do
  local full_at = tonumber(redis.call('GET', KEYS[at]) or '0') - tonumber(ARGV[2 + at])
  if full_at > now then
    redis.call('SET', KEYS[at], string.format('%.0f', full_at), 'PX', string.format('%.0f', full_at - now))
  else
    redis.call('DEL', KEYS[at])
  end
end
if KEYS[buckets + 1] then redis.call('SET', KEYS[buckets + 1], '1', 'EX', ARGV[2]) end
return 0
