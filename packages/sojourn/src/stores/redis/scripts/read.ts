/** Reads that need more than one key, in one round trip and of one moment. */

/** KEYS: session. ARGV: tag, name. @returns row, epoch, and data that are in a hash. */
export const FIND = `
local raw = load(KEYS[1])
if not raw then return { false, redis.call('EXISTS', KEYS[1]) } end
local h = head(raw)
local data = {}
if h[BITS] % 8 >= 4 then data = redis.call('HGETALL', key('d', ARGV[1], ARGV[2])) end
return { raw, epochof(raw, h, ARGV[2], ARGV[1]), data }`;

/**
 * KEYS: index, epoch. ARGV: now, wanted, createdAt and name of the last one shown (or empty), most
 * to look at. @returns whether there may be more, createdAt and name of the last one looked at,
 * then name and row of each live one.
 */
export const LIST = `
local now, wanted, room = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[5])
local top, after = ARGV[3], ARGV[4]
local epoch = tonumber(redis.call('GET', KEYS[2]) or 0)
local answer = { 0, top, after }
local offset, found = 0, 0
if top == '' then top = '+inf' end
while true do
  local names = redis.call('ZREVRANGEBYSCORE', KEYS[1], top, 0, 'WITHSCORES', 'LIMIT', offset, 100)
  for i = 1, #names, 2 do
    local name, created = names[i], names[i + 1]
    offset = offset + 1
    if created ~= top or after == '' or before(name, after) then
      if found >= wanted or room <= 0 then
        answer[1] = 1
        return answer
      end
      room = room - 1
      answer[2], answer[3] = created, name
      local raw = load(rowkey(tagof(name), name))
      local h = raw and head(raw)
      if h and live(h, epoch, now) then
        found = found + 1
        table.insert(answer, name)
        table.insert(answer, string.sub(raw, 1, h[DATA]))
      end
    end
  end
  if #names < 200 then return answer end
end`;

/**
 * KEYS: any of the tag. ARGV: tag, kind of lists, kind of their slots, after which slot, about how
 * many. Each session is filed in a list of its own bucket: live ones by when they are due, ended
 * ones by when they ended. @returns the last slot that was read if there are more, then names.
 */
export const SCAN = `
local t, kind, slots, limit = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[5])
local answer = { '' }
for _, at in ipairs(redis.call('ZRANGEBYSCORE', key(slots, t, ''), '(' .. ARGV[4], '+inf')) do
  if #answer > limit then return answer end
  for _, name in ipairs(redis.call('LRANGE', key(kind, t, at), 0, -1)) do
    if redis.call('EXISTS', rowkey(t, name)) == 1 then table.insert(answer, name) end
  end
  answer[1] = at
end
answer[1] = ''
return answer`;
