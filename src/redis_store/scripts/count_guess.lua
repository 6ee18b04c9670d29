-- Counts something that an address may do so often in a while, which begins with the first.
-- KEYS: 1 the count. ARGV: 1 how long it lasts, ms. Answers the count, and the milliseconds that are left.
local count = redis.call('INCR', KEYS[1])
if count == 1 then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return {count, redis.call('PTTL', KEYS[1])}
