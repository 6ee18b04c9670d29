-- Takes a try from each of several buckets, or from none. A bucket's value is when it will be full again.
-- KEYS: the buckets, then perhaps what says that the account got in from there before. ARGV: 1 how many buckets · 2 which of
-- them does not refuse where the account got in before, 0 = none · then of each, how many tries it holds and the milliseconds
-- after which it gets one back. Answers 0 = taken, else the milliseconds to wait.
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local buckets, spared = tonumber(ARGV[1]), tonumber(ARGV[2])
local is_home = spared > 0 and redis.call('EXISTS', KEYS[buckets + 1]) == 1
local taken = {}
for at = 1, buckets do
  local burst, refill = tonumber(ARGV[1 + 2 * at]), tonumber(ARGV[2 + 2 * at])
  local full_at = math.max(tonumber(redis.call('GET', KEYS[at]) or '0'), now) + refill
  local wait = full_at - now - burst * refill
  if wait <= 0 then
    taken[at] = full_at
  elseif not (is_home and at == spared) then
    return wait
  end
end
for at, full_at in pairs(taken) do
  redis.call('SET', KEYS[at], string.format('%.0f', full_at), 'PX', string.format('%.0f', full_at - now))
end
return 0
