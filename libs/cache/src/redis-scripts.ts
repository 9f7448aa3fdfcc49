/** Time is Redis's own everywhere: servers' clocks need not agree. All numbers are whole. */
const now = `
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
`;

/** As `takeFrom` in `bucket.ts`. A bucket that would be full by now is forgotten, which is the same. */
export const takeScript = `${now}
local perSecond, capacity, cost = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local known = redis.call('HMGET', KEYS[1], 'level', 'at')
local level, at = capacity, now
if known[1] and known[2] then
  at = math.max(now, tonumber(known[2]))
  level = math.min(capacity, tonumber(known[1]) + (at - tonumber(known[2])) * perSecond)
end
local wait = 0
if level >= cost then level = level - cost else wait = math.ceil((cost - level) / perSecond) end
redis.call('HSET', KEYS[1], 'level', string.format('%.0f', level), 'at', string.format('%.0f', at))
redis.call('PEXPIRE', KEYS[1], math.ceil((capacity - level) / perSecond) + 1000)
return wait
`;

/** ARGV: how long to keep, then the text of each key. */
export const putScript = `${now}
local stamp = string.format('%.0f', now)
for i, key in ipairs(KEYS) do
  redis.call('SET', key, stamp .. ':' .. ARGV[i + 1], 'PX', ARGV[1])
end
return #KEYS
`;

/** Two elements for each key: its text and its age, or false twice. */
export const getScript = `${now}
local found = {}
for i, key in ipairs(KEYS) do
  local value = redis.call('GET', key)
  local colon = value and string.find(value, ':', 1, true)
  if colon then
    found[2 * i - 1] = string.sub(value, colon + 1)
    found[2 * i] = math.max(0, now - tonumber(string.sub(value, 1, colon - 1)))
  else
    found[2 * i - 1] = false
    found[2 * i] = false
  end
end
return found
`;
