/** Merging what another store saw. The merge is the engine's; these put its result in place. I9. */

/**
 * KEYS: session, tombstone, hash of data[, index], perhaps a guard. ARGV: tag, name, row expected
 * (empty: none), new row, what to note (`c`, `m`, `e` or empty), its detail, data keys that changed
 * (or empty), whether data are written, then data for the hash.
 */
export const PUT = `
local t, name, expected, row = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
if redis.call('EXISTS', KEYS[2]) == 1 then return 'buried' end
local was = load(KEYS[1])
if (was or '') ~= expected then return 'retry' end
if not was and redis.call('EXISTS', KEYS[1]) == 1 then return 'foreign' end
local h, n = was and head(was), head(row)
local ended = n[STATE] == 3
if ended then redis.call('SET', KEYS[1], row) end
if ARGV[8] == '1' then redis.call('DEL', KEYS[3]) end
if ARGV[9] then hset(KEYS[3], 9) end
local at = ended and endedat(row)
if named(n) then redis.call('ZADD', KEYS[4], ended and -(at + 1) or n[CREATED], name) end
if ended and not (h and h[STATE] == 3) then fileended(t, at, name) end
if not ended and not (h and h[DUE] == n[DUE]) then file(t, n[DUE], name) end
local subject = named(n) and subjectof(row, n) or nil
if ARGV[5] ~= '' then note(ARGV[5], t, name, subject, ARGV[6]) end
if ARGV[7] ~= '' then note('d', t, name, subject, ARGV[7]) end
if not ended then redis.call('SET', KEYS[1], row) end
return 'put'`;

/** KEYS: epoch. ARGV: tag, tenant part, subject, epoch. */
export const RAISE_TO = `
local epoch = tonumber(ARGV[4])
if epoch <= tonumber(redis.call('GET', KEYS[1]) or 0) then return 0 end
redis.call('SET', KEYS[1], epoch)
note('s', ARGV[1], ARGV[2], ARGV[3], '' .. epoch)
return 1`;

/** KEYS: session. ARGV: tag, name, until. */
export const BURY = `
local raw = load(KEYS[1])
bury(ARGV[1], ARGV[2], tonumber(ARGV[3]))
if not raw then return 0 end
local h = head(raw)
if h[STATE] ~= 3 then
  note('e', ARGV[1], ARGV[2], named(h) and subjectof(raw, h) or nil, '')
end
erase(ARGV[1], ARGV[2], raw, h, nil)
return 1`;
