-- Remembers a value for a while, within what all of its kind may take together: the oldest go first.
-- KEYS: 1 the value's · 2 all of its kind, by when they end · 3 the bytes they take.
-- ARGV: 1 the value · 2 for how many seconds · 3 most bytes.
local now, lasts, most = tonumber(redis.call('TIME')[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local bytes = tonumber(redis.call('GET', KEYS[3]) or '0')
local function forget(members, has_value)
  for _, member in ipairs(members) do
    local gap = string.find(member, ' ', 1, true)
    bytes = bytes - tonumber(string.sub(member, 1, gap - 1))
    if has_value then redis.call('DEL', string.sub(member, gap + 1)) end
    redis.call('ZREM', KEYS[2], member)
  end
end
forget(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now, 'LIMIT', 0, 100), false)
redis.call('SET', KEYS[1], ARGV[1], 'EX', lasts)
-- Its key stands in the list, too, and Redis has something of its own for each.
local size = #ARGV[1] + 2 * #KEYS[1] + 200
if redis.call('ZADD', KEYS[2], now + lasts, string.format('%.0f %s', size, KEYS[1])) == 1 then bytes = bytes + size end
for _ = 1, 1000 do
  if bytes <= most then break end
  local oldest = redis.call('ZRANGE', KEYS[2], 0, 0)
  if #oldest == 0 then break end
  forget(oldest, true)
end
redis.call('SET', KEYS[3], string.format('%.0f', math.max(bytes, 0)), 'EX', lasts)
redis.call('EXPIRE', KEYS[2], lasts)
return 1
