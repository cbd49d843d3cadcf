/** Every way a session ends or is erased. These scripts run when memory is full. I2, I5, I10. */

/** KEYS: session. ARGV: tag, name, reason, instant, text, tombstoneUntil. */
export const REVOKE = `
local raw = load(KEYS[1])
if not raw then
  if ARGV[6] ~= '' then
    bury(ARGV[1], ARGV[2], tonumber(ARGV[6]))
    note('e', ARGV[1], ARGV[2], nil, ARGV[3] .. ' ' .. ARGV[4] .. ' ' .. ARGV[5])
  end
  return { 'absent' }
end
local h = head(raw)
if h[STATE] == 3 then return { 'already', raw } end
finish(ARGV[1], ARGV[2], raw, h, tonumber(ARGV[3]), tonumber(ARGV[4]), ARGV[5])
return { 'ended', raw }`;

/**
 * KEYS: epoch, index. ARGV: tag, tenant part, subject, name of the excepted, epoch to lie above.
 * The step that ends everything: whatever has a lower epoch is refused from here on.
 */
export const RAISE = `
local t, part, subject, except = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local was = tonumber(redis.call('GET', KEYS[1]) or 0)
local epoch = math.max(was, tonumber(ARGV[5])) + 1
redis.call('SET', KEYS[1], epoch)
local _, at = split(except)
local id = at == 0 and 'A' .. except or string.sub(except, at)
note('s', t, part, subject, except == '' and '' .. epoch or epoch .. ' ' .. id)
local score = except ~= '' and redis.call('ZSCORE', KEYS[2], except)
if score and tonumber(score) >= 0 then
  local k = rowkey(tagof(except), except)
  local raw = load(k)
  local h = raw and head(raw)
  if h and writable(h, was) then
    h[EPOCH] = epoch
    redis.call('SET', k, encoded(h) .. string.sub(raw, h[HEAD] + 1))
    note('m', tagof(except), except, subject, lockedness(h))
  end
end
return { epoch, was }`;

/** KEYS: index. ARGV: epoch, offset, chunk, reason, instant, text. Ends what is below the epoch. */
export const WORK_OFF = `
local epoch, offset, chunk = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local names = redis.call('ZRANGEBYSCORE', KEYS[1], 0, '+inf', 'LIMIT', offset, chunk)
local answer = { #names == chunk and 1 or 0, offset }
for _, name in ipairs(names) do
  local t = tagof(name)
  local raw = load(rowkey(t, name))
  local h = raw and head(raw)
  if not h then redis.call('ZREM', KEYS[1], name)
  elseif h[STATE] ~= 3 and h[EPOCH] < epoch then
    finish(t, name, raw, h, tonumber(ARGV[4]), tonumber(ARGV[5]), ARGV[6], 'subject')
    table.insert(answer, name)
    table.insert(answer, raw)
  else answer[2] = answer[2] + 1 end
end
return answer`;

/** KEYS: index. ARGV: chunk, now. Erases sessions, ended ones too. @returns erased, looked at. */
export const ERASE = `
local now = tonumber(ARGV[2])
local names = redis.call('ZRANGE', KEYS[1], 0, tonumber(ARGV[1]) - 1)
local erased = 0
for _, name in ipairs(names) do
  local t = tagof(name)
  local raw = load(rowkey(t, name))
  local h = raw and head(raw)
  redis.call('ZREM', KEYS[1], name)
  if h then
    if h[STATE] ~= 3 then finish(t, name, raw, h, 7, now, '', 'nameless') end
    erase(t, name, raw, h, now)
    erased = erased + 1
  end
end
return { erased, #names }`;

/** ARGV: now, purgeBefore, hash tags. @returns those that have anything for the sweep. */
export const DUE_TAGS = `
local found = {}
local due, old = slot(tonumber(ARGV[1])), tonumber(ARGV[2])
for i = 3, #ARGV do
  local t = ARGV[i]
  local some = redis.call('ZCOUNT', key('w', t, ''), '-inf', due) > 0
  if not some and old then some = redis.call('ZCOUNT', key('y', t, ''), '-inf', slot(old)) > 0 end
  if some then table.insert(found, t) end
end
return found`;

/** ARGV: hash tags. @returns the number of each one's last change, erased ones included. */
export const LAST = `
local answer = {}
for i, t in ipairs(ARGV) do
  answer[i] = '0-0'
  if redis.call('EXISTS', key('l', t, '')) == 1 then
    local facts = redis.call('XINFO', 'STREAM', key('l', t, ''))
    for at = 1, #facts, 2 do
      if facts[at] == 'last-generated-id' then answer[i] = facts[at + 1] end
    end
  end
end
return answer`;

/**
 * KEYS: any of the tag. ARGV: tag, now, limit, purgeBefore, most entries to look at. A list's entry
 * counts only if its session says it is filed there: a deadline that moved forward has filed it
 * anew.
 */
export const SWEEP = `
local t, now, limit = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local old, room = tonumber(ARGV[4]), tonumber(ARGV[5])
local answer = { 0, 0 }
local done = 0

local function each(kind, slots, last, judge)
  for _, at in ipairs(redis.call('ZRANGEBYSCORE', key(slots, t, ''), '-inf', last)) do
    local list = key(kind, t, at)
    local left, kept = redis.call('LLEN', list), {}
    while left > 0 do
      if done >= limit or room <= 0 then
        answer[1] = 1
        break
      end
      left, room = left - 1, room - 1
      local name = redis.call('LPOP', list)
      local raw = load(rowkey(t, name))
      if raw and judge(name, raw, head(raw), tonumber(at)) then table.insert(kept, name) end
    end
    for _, name in ipairs(kept) do redis.call('RPUSH', list, name) end
    if redis.call('EXISTS', list) == 0 then redis.call('ZREM', key(slots, t, ''), at) end
    if answer[1] == 1 then return end
  end
end

each('q', 'w', slot(now), function(name, raw, h, at)
  if h[STATE] == 3 or h[DUE] ~= at then return false end
  local due = endsat(h)
  if due > now then
    if slot(due) == at then return true end
    h[DUE] = slot(due)
    redis.call('SET', rowkey(t, name), encoded(h) .. string.sub(raw, h[HEAD] + 1))
    file(t, slot(due), name)
    return false
  end
  -- Idleness first where both have passed, unless both were at the same instant.
  local reason = due == h[ABSOLUTE] and 3 or 2
  finish(t, name, raw, h, reason, due, '')
  done = done + 1
  table.insert(answer, name)
  table.insert(answer, raw)
  return false
end)
if old and answer[1] == 0 then
  each('z', 'y', slot(old), function(name, raw, h)
    if h[STATE] ~= 3 then return false end
    if endedat(raw) >= old then return true end
    erase(t, name, raw, h, now)
    done = done + 1
    answer[2] = answer[2] + 1
    return false
  end)
end
return answer`;
