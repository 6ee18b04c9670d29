-- What became of a form that was claimed.
-- KEYS: 1 the form · 2 what tells that it was acted on. ARGV: 1 whose claim · 2 'open' (nothing was done) or 'done' · 3 digest of
-- what was sent · 4 what tells of it, sealed; empty = nothing · 5 for how many seconds that is kept. Answers whether it was theirs.
if redis.call('HGET', KEYS[1], 'by') ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'state', ARGV[2], 'sent', ARGV[3])
redis.call('HDEL', KEYS[1], 'by', 'until')
if ARGV[4] ~= '' then redis.call('SET', KEYS[2], ARGV[4], 'EX', ARGV[5]) end
return 1
