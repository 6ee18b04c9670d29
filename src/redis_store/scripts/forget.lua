-- Takes an instance's share out of one user's limits: it has ended, and what it had to book is booked or given up.
-- KEYS: 1 the user's hash · 2 the users it has a share of. ARGV: 1 the instance · 2 the user's id.
local suffix = '|' .. ARGV[1]
local gone = {}
for _, field in ipairs(redis.call('HKEYS', KEYS[1])) do
  if string.sub(field, -#suffix) == suffix then gone[#gone + 1] = field end
end
for at = 1, #gone, 1000 do redis.call('HDEL', KEYS[1], unpack(gone, at, math.min(at + 999, #gone))) end
local overdrawn = redis.call('HGET', KEYS[1], 'o')
if overdrawn and string.sub(overdrawn, 1, #ARGV[1] + 1) == ARGV[1] .. '|' then redis.call('HDEL', KEYS[1], 'o') end
redis.call('SREM', KEYS[2], ARGV[2])
return #gone
