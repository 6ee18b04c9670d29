-- Takes in one instance's share of a user's limits and answers at most one question, in one step.
--
-- KEYS: 1 the user's hash · 2 the user's windows · 3 the instances (id → last heartbeat) · 4 the users this instance has
-- a share of. ARGV[1]: JSON, as accounts.rs writes it. Answers strings: now, second, quota, used, decision, its figures.
--
-- In the user's hash: q, u, qt (quota, spent as booked, when the quota was read); of an instance i: v|i version, s|i slots,
-- m|i held, b|i not booked, w|i since when its first in line waits, t|i when it said so; of a key k: u|k spent as booked,
-- d|k day:tokens as booked, and s|k|i, m|k|i, b|k|i, d|k|i (day:held:not booked); o: the hold that goes beyond what was left.
local user, windows, instances, mine = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local told = cjson.decode(ARGV[1])
local me = told.me
local time = redis.call('TIME')
local second = tonumber(time[1])
local now = second * 1000 + math.floor(tonumber(time[2]) / 1000)

local function whole(number) return string.format('%.0f', number) end
local function get(field) return tonumber(redis.call('HGET', user, field) or '0') or 0 end
local function answer(decision, ...)
  local quota = redis.call('HGET', user, 'q')
  return {whole(now), '', quota or '', whole(get('u')), decision, ...}
end

if told.version <= get('v|' .. me) then return answer('stale') end
if redis.call('HEXISTS', user, 'v|' .. me) == 0 then redis.call('SADD', mine, told.user) end

-- The instances: those that live hold slots and money; what the others have not booked counts until they are buried.
local alive, known, is_listed = {}, {}, false
local members = redis.call('ZRANGE', instances, 0, -1, 'WITHSCORES')
for at = 1, #members, 2 do
  known[#known + 1] = members[at]
  is_listed = is_listed or members[at] == me
  if members[at] == me or tonumber(members[at + 1]) > now - told.lease then alive[#alive + 1] = members[at] end
end
if not is_listed then
  known[#known + 1] = me
  alive[#alive + 1] = me
end

local function field(prefix, instance) return prefix .. '|' .. instance end
local function sum(prefix, list)
  if #list == 0 then return 0 end
  local fields, total = {}, 0
  for at, instance in ipairs(list) do fields[at] = field(prefix, instance) end
  for _, value in ipairs(redis.call('HMGET', user, unpack(fields))) do total = total + (tonumber(value or '0') or 0) end
  return total
end
-- Tokens of a key's day: held by those that live, used and not booked by all.
local function day_of(key, day)
  local held, unbooked = 0, 0
  local living = {}
  for _, instance in ipairs(alive) do living[instance] = true end
  for _, instance in ipairs(known) do
    local value = redis.call('HGET', user, field('d|' .. key, instance))
    if value then
      local start, its_held, its_unbooked = string.match(value, '^(%-?%d+):(%-?%d+):(%-?%d+)$')
      if tonumber(start) == day then
        unbooked = unbooked + tonumber(its_unbooked)
        if living[instance] then held = held + tonumber(its_held) end
      end
    end
  end
  local booked = 0
  local start, tokens = string.match(redis.call('HGET', user, 'd|' .. key) or '', '^(%-?%d+):(%-?%d+)$')
  if start and tonumber(start) >= day then booked = tonumber(tokens) end
  return booked + unbooked, held
end

-- Windows of sixty steps of a second: fields name|second, name|o the oldest step, name|t the sum.
local function window_total(name)
  local total = tonumber(redis.call('HGET', windows, name .. '|t') or '0')
  local oldest = tonumber(redis.call('HGET', windows, name .. '|o') or whole(second))
  local last = second - 60
  if oldest <= last then
    for step = oldest, math.min(last, oldest + 60) do
      local charged = redis.call('HGET', windows, name .. '|' .. whole(step))
      if charged then
        total = total - tonumber(charged)
        redis.call('HDEL', windows, name .. '|' .. whole(step))
      end
    end
    if last >= oldest + 60 then total = 0 end
    redis.call('HSET', windows, name .. '|o', whole(last + 1), name .. '|t', whole(total))
  end
  return total
end
local function window_add(name, step, amount)
  if amount == 0 then return end
  if step <= second - 60 or step > second then return end
  local field_name = name .. '|' .. whole(step)
  if amount < 0 and redis.call('HEXISTS', windows, field_name) == 0 then return end
  if redis.call('HEXISTS', windows, name .. '|o') == 0 then redis.call('HSET', windows, name .. '|o', whole(step)) end
  redis.call('HINCRBY', windows, field_name, whole(amount))
  redis.call('HINCRBY', windows, name .. '|t', whole(amount))
end
-- Milliseconds until a full window has room.
local function room_in(name, total, amount, limit)
  for step = second - 59, second do
    total = total - tonumber(redis.call('HGET', windows, name .. '|' .. whole(step)) or '0')
    if total + amount <= limit then return math.max((step + 60) * 1000 - now, 1) end
  end
  return 60000
end

-- The share.
redis.call('HSET', user, 'v|' .. me, whole(told.version), 's|' .. me, told.slots, 'm|' .. me, whole(told.held),
  'b|' .. me, whole(told.unbooked))
if told.waits then redis.call('HSET', user, 'w|' .. me, whole(now - told.waits), 't|' .. me, whole(now))
else redis.call('HDEL', user, 'w|' .. me, 't|' .. me) end
local overdrawn = redis.call('HGET', user, 'o')
if told.overdrawn then
  if not overdrawn then redis.call('HSET', user, 'o', me .. '|' .. told.overdrawn) end
elseif overdrawn and string.sub(overdrawn, 1, #me + 1) == me .. '|' then redis.call('HDEL', user, 'o') end
for _, key in ipairs(told.keys) do
  local suffix = key.id .. '|' .. me
  if key.slots == 0 and key.held == 0 and key.unbooked == 0 and key.day_held == 0 and key.day_unbooked == 0 then
    redis.call('HDEL', user, 's|' .. suffix, 'm|' .. suffix, 'b|' .. suffix, 'd|' .. suffix)
  else
    redis.call('HSET', user, 's|' .. suffix, key.slots, 'm|' .. suffix, whole(key.held), 'b|' .. suffix, whole(key.unbooked),
      'd|' .. suffix, whole(key.day) .. ':' .. whole(key.day_held) .. ':' .. whole(key.day_unbooked))
  end
end
if told.account then
  local account = told.account
  if account.quota and (account.token >= get('qt') or redis.call('HEXISTS', user, 'q') == 0) then
    redis.call('HSET', user, 'q', whole(account.quota), 'qt', whole(account.token))
  end
  redis.call('HSET', user, 'u', whole(math.max(account.used, get('u'))))
  for _, key in ipairs(account.keys) do
    local name = 'u|' .. key.id
    redis.call('HSET', user, name, whole(math.max(key.used, get(name))))
    local start, tokens = string.match(redis.call('HGET', user, 'd|' .. key.id) or '', '^(%-?%d+):(%-?%d+)$')
    start, tokens = tonumber(start or '-1'), tonumber(tokens or '0')
    if key.day > start then start, tokens = key.day, key.tokens
    elseif key.day == start then tokens = math.max(tokens, key.tokens) end
    redis.call('HSET', user, 'd|' .. key.id, whole(start) .. ':' .. whole(tokens))
  end
end
for _, correction in ipairs(told.corrections) do
  window_add('r', correction.second, correction.requests)
  window_add('t', correction.second, correction.tokens)
  window_add('r' .. correction.key, correction.second, correction.key_requests)
  window_add('t' .. correction.key, correction.second, correction.key_tokens)
end
redis.call('EXPIRE', user, 86400)
redis.call('EXPIRE', windows, 180)
redis.call('EXPIRE', mine, 86400)

-- Whether somebody waits elsewhere for what was given back, and who has waited longest.
local longest
for _, instance in ipairs(alive) do
  if instance ~= me then
    local since, said = unpack(redis.call('HMGET', user, 'w|' .. instance, 't|' .. instance))
    if since and tonumber(said) > now - told.waits_last then longest = math.min(longest or tonumber(since), tonumber(since)) end
  end
end
if told.gave_back and longest then redis.call('PUBLISH', told.freed, me .. ' ' .. told.user) end

local function done(charged_second, decision, ...)
  local quota = redis.call('HGET', user, 'q')
  local used = get('u') + sum('b', known)
  return {whole(now), charged_second and whole(charged_second) or '', quota or '', whole(used), decision, ...}
end

local ask = told.ask
if not ask then return done(nil, 'noted') end
local quota = redis.call('HGET', user, 'q')
if not quota then return done(nil, 'account') end
local balance = tonumber(quota) - get('u') - sum('b', known)
local held = sum('m', alive)
local key = ask.key
local function budget_left()
  if not ask.budget then return nil, 0 end
  return ask.budget - get('u|' .. key) - sum('b|' .. key, known), sum('m|' .. key, alive)
end

if ask.extend then
  local left, held_of_key = budget_left()
  local free = balance - held
  if left then free = math.min(free, left - held_of_key) end
  if free < ask.least then
    local is_used_up = balance <= 0 or (left and left <= 0)
    local other = redis.call('HGET', user, 'o')
    local this = me .. '|' .. ask.extend
    if other and other ~= this then
      local owner, lives = string.match(other, '^(.*)|'), false
      for _, instance in ipairs(alive) do lives = lives or instance == owner end
      if lives then return done(nil, 'extended', 'held', '0') end
      other = nil
    end
    if not other and (is_used_up or free < 0) then return done(nil, 'extended', 'used_up', '0') end
    redis.call('HSET', user, 'o', this)
    return done(nil, 'extended', 'overdrawn', '0')
  end
  local more = math.max(math.min(ask.wished, free), ask.least)
  redis.call('HSET', user, 'm|' .. me, whole(told.held + more))
  redis.call('HINCRBY', user, 'm|' .. key .. '|' .. me, whole(more))
  return done(nil, 'extended', 'granted', whole(more))
end

local load = ask.load
local function unaffordable()
  if not load then return nil end
  local least = load.strict and load.wanted or load.floor
  if balance <= 0 then return 'no_balance' end
  if balance < least then return 'too_small' end
  local left = budget_left()
  if left and (left <= 0 or left < least) then return 'budget' end
end
local day_used, day_held = 0, 0
if load and load.daily then
  day_used, day_held = day_of(key, load.day)
end

local charged_second
if ask.charges then
  local refusal = unaffordable()
  if refusal then return done(nil, 'never', refusal, '0') end
  if load and load.daily and day_used >= load.daily then return done(nil, 'never', 'daily', whole(load.daily)) end
  local charges = {}
  local function charge(name, limit, amount, kind, of)
    if not limit then return nil end
    amount = math.min(amount, limit)
    local total = window_total(name)
    if total + amount > limit then return {kind, of, whole(limit), whole(room_in(name, total, amount, limit))} end
    charges[#charges + 1] = {name, amount}
  end
  local full = charge('r', ask.user_rpm, 1, 'rpm', 'user') or charge('r' .. key, ask.key_rpm, 1, 'rpm', 'key')
  if not full and load then
    full = charge('t', ask.user_tpm, ask.tokens, 'tpm', 'user') or charge('t' .. key, ask.key_tpm, ask.tokens, 'tpm', 'key')
  end
  if full then return done(nil, unpack(full)) end
  for _, one in ipairs(charges) do window_add(one[1], second, one[2]) end
  charged_second = second
end
if not load then return done(charged_second, 'granted', '0', '0') end
if not ask.tries then return done(charged_second, 'noted') end

-- Slots and money, for which instances take turns within a bound.
if longest and longest < now - ask.waited - told.fair then return done(charged_second, 'user_full', 'turn', whole(ask.user_slots or 0)) end
if ask.user_slots and sum('s', alive) >= ask.user_slots then return done(charged_second, 'user_full', 'slots', whole(ask.user_slots)) end
if ask.key_slots and sum('s|' .. key, alive) >= ask.key_slots then return done(charged_second, 'key_full', 'slots', whole(ask.key_slots)) end
local refusal = unaffordable()
if refusal then return done(charged_second, 'never', refusal, '0') end
local day_tokens = 0
if load.daily then
  local left, wanted = load.daily - day_used, math.min(load.day_hold, load.daily)
  if left <= 0 then return done(charged_second, 'never', 'daily', whole(load.daily)) end
  if left - day_held >= wanted then day_tokens = wanted
  elseif day_held == 0 then day_tokens = left
  else return done(charged_second, 'key_full', 'daily', whole(load.daily)) end
end
-- What it wants, else (by policy) the whole rest, if nobody else holds any of it.
local function fit(left, taken)
  if left - taken >= load.wanted then return load.wanted end
  if not load.strict and taken == 0 and left >= load.floor then return left end
end
local money = fit(balance, held)
if not money then return done(charged_second, 'user_full', 'balance', '0') end
local left, held_of_key = budget_left()
if left then
  local of_budget = fit(left, held_of_key)
  if not of_budget then return done(charged_second, 'key_full', 'balance', '0') end
  money = math.min(money, of_budget)
end
local suffix = key .. '|' .. me
redis.call('HINCRBY', user, 's|' .. me, 1)
redis.call('HINCRBY', user, 's|' .. suffix, 1)
redis.call('HSET', user, 'm|' .. me, whole(told.held + money))
redis.call('HINCRBY', user, 'm|' .. suffix, whole(money))
if day_tokens > 0 then
  local value = redis.call('HGET', user, 'd|' .. suffix)
  local start, its_held, its_unbooked = string.match(value or '', '^(%-?%d+):(%-?%d+):(%-?%d+)$')
  if tonumber(start or '-1') ~= load.day then its_held, its_unbooked = '0', '0' end
  redis.call('HSET', user, 'd|' .. suffix, whole(load.day) .. ':' .. whole(tonumber(its_held) + day_tokens) .. ':' .. its_unbooked)
end
return done(charged_second, 'granted', whole(money), whole(day_tokens))
