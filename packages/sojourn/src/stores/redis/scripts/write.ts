/**
 * Create, decide, patch and touch, each as one script. Every refusal comes before a change. Redis
 * takes nothing back when a command fails inside a script, as on a foreign key in our space: so an
 * end is written before all that follows from it, and a live row after all that belongs to it.
 */

/**
 * KEYS: session, tombstone[, epoch, index], perhaps a guard. ARGV: tag, name, row, now,
 * subjectEpoch, max, onLimit, tag, name and dataVersion of the one it replaces, then data for the
 * hash. Absent ones are empty.
 */
export const CREATE = `
local t, name, row, now = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4])
local stale, max, mode = tonumber(ARGV[5]), tonumber(ARGV[6]), ARGV[7]
if redis.call('EXISTS', KEYS[1]) == 1 then return { 'exists' } end
local till = redis.call('GET', KEYS[2])
if till and now < tonumber(till) then return { 'exists' } end
local new = head(row)
local epoch = KEYS[4] and tonumber(redis.call('GET', KEYS[3]) or 0) or 0
if stale and epoch > stale then return { 'stale-epoch', epoch } end

local oldtag, oldname, old, oldhead = ARGV[8], ARGV[9]
if oldname ~= '' then
  old = load(rowkey(oldtag, oldname))
  oldhead = old and head(old)
  if not old or not live(oldhead, epoch, now) or named(oldhead) ~= named(new)
    or subjectof(old, oldhead) ~= subjectof(row, new) then return { 'gone' } end
  if oldhead[DATAVERSION] ~= tonumber(ARGV[10]) then return { 'conflict' } end
end

local evict = {}
if max and KEYS[4] then
  local alive = {}
  for _, other in ipairs(redis.call('ZRANGEBYSCORE', KEYS[4], 0, '+inf')) do
    local raw = other ~= oldname and load(rowkey(tagof(other), other))
    local h = raw and head(raw)
    if h and live(h, epoch, now) and not refresh(h) then
      table.insert(alive, { name = other, raw = raw, h = h })
    end
  end
  local surplus = #alive + 1 - max
  if surplus > 0 then
    if mode == 'reject' or mode == 'ask' then
      local answer = { 'limit' }
      for _, one in ipairs(alive) do
        table.insert(answer, one.name)
        table.insert(answer, one.raw)
      end
      return answer
    end
    table.sort(alive, function(a, b)
      if mode == 'evict-idle' and a.h[SEEN] ~= b.h[SEEN] then return a.h[SEEN] < b.h[SEEN] end
      if a.h[CREATED] ~= b.h[CREATED] then return a.h[CREATED] < b.h[CREATED] end
      return before(a.name, b.name)
    end)
    for i = 1, surplus do evict[i] = alive[i] end
  end
end

local answer = { 'created', epoch, old or '' }
if old then finish(oldtag, oldname, old, oldhead, 4, now, '') end
for _, one in ipairs(evict) do
  finish(tagof(one.name), one.name, one.raw, one.h, 5, now, '')
  table.insert(answer, one.name)
  table.insert(answer, one.raw)
end
note('c', t, name, named(new) and subjectof(row, new) or nil)
if KEYS[4] then redis.call('ZADD', KEYS[4], new[CREATED], name) end
file(t, new[DUE], name)
if ARGV[11] then hset(key('d', t, name), 11) end
if new[EPOCH] ~= epoch then
  new[EPOCH] = epoch
  row = encoded(new) .. string.sub(row, new[HEAD] + 1)
end
redis.call('SET', KEYS[1], row)
return answer`;

/**
 * KEYS: session. ARGV: tag, name, expectedVersion, row without data, then of an end the decision
 * brings: reason, instant, text.
 */
export const REPLACE = `
local t, name, row = ARGV[1], ARGV[2], ARGV[4]
local old = load(KEYS[1])
if not old then return { 'gone' } end
local h = head(old)
if not writable(h, epochof(old, h, name, t)) then return { 'gone' } end
if h[VERSION] ~= tonumber(ARGV[3]) then return { 'conflict' } end
local n = head(row)
if n[CREATED] ~= h[CREATED] then return { 'created', string.format('%.0f', h[CREATED]) } end
n[SEEN] = math.max(h[SEEN], n[SEEN])
if n[PENDING] ~= 0 and n[PENDING] == h[PENDING] then n[SENT] = math.max(h[SENT], n[SENT]) end
n[EPOCH] = math.max(h[EPOCH], n[EPOCH])
n[VERSION] = h[VERSION] + 1
local cold = string.sub(row, n[DATA] - n[COLDLEN] + 1)
-- All but the state and whether idleness locks is as it was.
n[BITS] = n[BITS] - n[BITS] % 32 + h[BITS] % 32
n[DATAVERSION], n[SUBJECTLEN] = h[DATAVERSION], h[SUBJECTLEN]
local due = slot(endsat(n))
n[DUE] = math.min(due, h[DUE])
local new = encoded(n) .. string.sub(old, h[HEAD] + 1, h[HEAD] + h[SUBJECTLEN]) .. cold
  .. string.sub(old, h[DATA] + 1)
redis.call('SET', KEYS[1], new)
if due < h[DUE] then file(t, due, name) end
if ARGV[5] then finish(t, name, new, head(new), tonumber(ARGV[5]), tonumber(ARGV[6]), ARGV[7])
else note('m', t, name, named(h) and subjectof(old, h) or nil, lockedness(n)) end
return { 'replaced' }`;

/**
 * KEYS: session, hash of data. ARGV: tag, name, expectedVersion, maxDataBytes, keys as JSON, then
 * `s` or `d`, key and value of each operation.
 */
export const PATCH = `
local t, name, expected, max = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local old = load(KEYS[1])
if not old then return { 'gone' } end
local h = head(old)
if not writable(h, epochof(old, h, name, t)) then return { 'gone' } end
if expected and expected ~= h[DATAVERSION] then return { 'conflict' } end
local from = h[DATA]
local last = {}
local keys = {}
for i = 6, #ARGV, 3 do
  if last[ARGV[i + 1]] == nil then table.insert(keys, ARGV[i + 1]) end
  last[ARGV[i + 1]] = ARGV[i] == 's' and ARGV[i + 2] or false
end

local function varint(n)
  local out = ''
  while n >= 128 do
    out = out .. string.char(n % 128 + 128)
    n = math.floor(n / 128)
  end
  return out .. string.char(n)
end
local at = from + 1
local function piece()
  local length, scale = 0, 1
  repeat
    local byte = string.byte(old, at)
    at = at + 1
    length = length + (byte % 128) * scale
    scale = scale * 128
  until byte < 128
  at = at + length
  return string.sub(old, at - length, at - 1)
end

local hashes = h[BITS] % 8 >= 4
local bytes, data = 0, ''
local order, values = {}, {}
if hashes then
  bytes = struct.unpack('>I4', old, from + 1)
  for _, k in ipairs(keys) do
    if redis.call('HEXISTS', KEYS[2], k) == 1 then
      bytes = bytes - #k - redis.call('HSTRLEN', KEYS[2], k)
    end
    if last[k] then bytes = bytes + #k + #last[k] end
  end
else
  while at <= #old do
    local k = piece()
    table.insert(order, k)
    values[k] = piece()
  end
  for _, k in ipairs(keys) do
    if values[k] == nil then table.insert(order, k) end
    values[k] = last[k] or nil
  end
  local parts, told = {}, {}
  for _, k in ipairs(order) do
    local v = values[k]
    if v and not told[k] then
      told[k] = true
      bytes = bytes + #k + #v
      table.insert(parts, varint(#k) .. k .. varint(#v) .. v)
    end
  end
  data = table.concat(parts)
end
if bytes > max then return { 'too-large', bytes } end

if not hashes and #data > INLINE then
  h[BITS] = h[BITS] + 4
  for k, v in pairs(values) do redis.call('HSET', KEYS[2], k, v) end
  hashes = true
elseif hashes then
  for _, k in ipairs(keys) do
    if last[k] then redis.call('HSET', KEYS[2], k, last[k]) else redis.call('HDEL', KEYS[2], k) end
  end
end
if hashes then data = struct.pack('>I4', bytes) end
h[DATAVERSION] = h[DATAVERSION] + 1
redis.call('SET', KEYS[1], encoded(h) .. string.sub(old, h[HEAD] + 1, from) .. data)
note('d', t, name, named(h) and subjectof(old, h) or nil, ARGV[5])
return { 'patched', h[DATAVERSION] }`;

/**
 * KEYS: sessions, perhaps a guard. ARGV, for each session: name, seenAt, pending generation,
 * sentAt; absent ones empty.
 */
export const TOUCH = `
local answer, from = {}, #P + 2
-- In place. More than a narrow row can say is 31 years after its session began.
local function putat(k, h, narrow, wide, at)
  if h[FORM] == WIDE then return redis.call('SETRANGE', k, wide, struct.pack('>I6', at)) end
  redis.call('SETRANGE', k, narrow, struct.pack('>I5', math.min(at - h[CREATED], SPAN - 1)))
end
for i = 1, #ARGV / 4 do
  local k = KEYS[i]
  local name, seen = ARGV[i * 4 - 3], tonumber(ARGV[i * 4 - 2])
  local generation, sent = tonumber(ARGV[i * 4 - 1]), tonumber(ARGV[i * 4])
  local raw = load(k)
  local h = raw and head(raw)
  answer[i] = 0
  local t = h and string.sub(k, from, string.find(k, '}', from, true) - 1)
  if h and writable(h, epochof(raw, h, name, t)) then
    local later = seen and seen > h[SEEN]
    if not (later and seen >= idleends(h)) then
      answer[i] = 1
      if later then putat(k, h, 8, 8, seen) end
      if generation and generation == h[PENDING] and sent > h[SENT] then
        putat(k, h, 13, 14, sent)
      end
    end
  end
end
return answer`;
