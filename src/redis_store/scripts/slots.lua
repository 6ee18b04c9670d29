-- Takes in how many attempts an instance has under way on a channel, and says whether that is within the channel's slots.
-- KEYS: 1 the channel's hash · 2 the instances. ARGV: 1 the instance · 2 version · 3 attempts · 4 slots, 0 = it only tells ·
-- 5 how long a heartbeat counts, ms. Answers 1 = within; else 0, and the last attempt is not counted.
local me, version, mine, limit = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local stored = tonumber(redis.call('HGET', KEYS[1], 'v|' .. me) or '0')
if version > stored then
  redis.call('HSET', KEYS[1], 'v|' .. me, ARGV[2], 's|' .. me, mine)
else
  mine = tonumber(redis.call('HGET', KEYS[1], 's|' .. me) or '0')
end
redis.call('EXPIRE', KEYS[1], 86400)
if limit == 0 then return 1 end
local total = mine
local members = redis.call('ZRANGE', KEYS[2], 0, -1, 'WITHSCORES')
for at = 1, #members, 2 do
  if members[at] ~= me and tonumber(members[at + 1]) > now - tonumber(ARGV[5]) then
    total = total + tonumber(redis.call('HGET', KEYS[1], 's|' .. members[at]) or '0')
  end
end
if total <= limit then return 1 end
if version > stored then redis.call('HSET', KEYS[1], 's|' .. me, mine - 1) end
return 0
