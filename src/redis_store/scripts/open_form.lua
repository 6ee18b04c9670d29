-- A form was opened. Of a user's forms the newest so many are known.
-- KEYS: 1 the form · 2 the user's forms. ARGV: 1 for how many seconds it may lie open · 2 how many are known.
redis.call('HSET', KEYS[1], 'state', 'open')
redis.call('EXPIRE', KEYS[1], ARGV[1])
redis.call('LPUSH', KEYS[2], KEYS[1])
redis.call('EXPIRE', KEYS[2], ARGV[1])
for _, old in ipairs(redis.call('LRANGE', KEYS[2], ARGV[2], -1)) do redis.call('DEL', old) end
redis.call('LTRIM', KEYS[2], 0, tonumber(ARGV[2]) - 1)
return 1
