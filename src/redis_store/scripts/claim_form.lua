-- A form was sent: whoever comes first may act on it.
-- KEYS: 1 the form · 2 what tells that it was acted on. ARGV: 1 whose claim · 2 digest of what was sent · 3 how long a claim
-- lasts, ms. Answers 'unknown', 'yours', 'wait' (somebody acts on it), 'sent' (nothing may be done), or 'told' and what tells of it.
local state = redis.call('HGET', KEYS[1], 'state')
if not state then return {'unknown'} end
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
if state == 'open' then
  redis.call('HSET', KEYS[1], 'state', 'taken', 'by', ARGV[1], 'until', string.format('%.0f', now + tonumber(ARGV[3])))
  return {'yours'}
end
if state == 'taken' and tonumber(redis.call('HGET', KEYS[1], 'until')) > now then return {'wait'} end
if state == 'done' and redis.call('HGET', KEYS[1], 'sent') == ARGV[2] then
  local told = redis.call('GET', KEYS[2])
  if told then return {'told', told} end
end
return {'sent'}
