/**
 * What every script begins with: the layout of `head.ts` and `row.ts` and the names of `names.ts`
 * in Lua, and the ways a session is judged, ended and noted. Facts of the installation are written
 * in as constants.
 */
import {
  FORMATS,
  NARROW,
  NARROW_BYTES,
  NARROW_SPAN_MS,
  SLOT_MS,
  WIDE,
  WIDE_BYTES,
} from "../head.ts";
import { INLINE_DATA_BYTES } from "../row.ts";
import { ALPHABET } from "../names.ts";
import type { Names } from "../names.ts";

/** Most entries all logs keep together, at about 100 B each; and one of them at least. */
const LOG_MAX = 100_000;
const LOG_OF_BUCKET_MIN = 256;
/** A tombstone outlives its instant by this much: the server's clock may be ahead of ours. */
const TOMBSTONE_MARGIN_MS = 86_400_000;

/** Words of the scripts that stand for numbers: where a row that was read has what, and limits. */
const NUMBERS: Readonly<Record<string, number>> = {
  FORM: 1,
  STATE: 2,
  BITS: 3,
  CREATED: 4,
  SEEN: 5,
  SENT: 6,
  DUE: 7,
  IDLE: 8,
  ABSOLUTE: 9,
  PENDING: 10,
  VERSION: 11,
  EPOCH: 12,
  DATAVERSION: 13,
  SUBJECTLEN: 14,
  COLDLEN: 15,
  HEAD: 16,
  DATA: 17,
  NARROW,
  WIDE,
  SPAN: NARROW_SPAN_MS,
  SLOT: SLOT_MS,
  INLINE: INLINE_DATA_BYTES,
};

/**
 * What `body` needs to run. Redis runs a script's text from its beginning each time, and making
 * thirty functions takes longer than most bodies: so only those that are called are put before it.
 * Numbers are written in: a local that a function takes from outside makes it dearer to make.
 */
export function preludeFor(names: Names, body: string): string {
  let text = body;
  for (const { name, source } of FUNCTIONS.toReversed()) {
    if (new RegExp(`\\b${name}\\(`).test(text)) text = `${source}\n${text}`;
  }
  const logMax = Math.max(Math.ceil(LOG_MAX / names.buckets), LOG_OF_BUCKET_MIN);
  const numbers = new Map(Object.entries({ ...NUMBERS, BUCKETS: names.buckets, LOGMAX: logMax }));
  text = text.replaceAll(/\b[A-Z]{3,}\b/g, (word) => String(numbers.get(word) ?? word));
  return `local P, SALT, B64 = '${names.prefix}', '${names.salt}', '${ALPHABET}'\n${text}`;
}

const SOURCE = `local function tag(bucket) return string.format('%02x', bucket % BUCKETS) end
local function key(kind, t, name) return P .. kind .. '/{' .. t .. '}' .. name end
local function rowkey(t, name) return P .. '{' .. t .. '}' .. name end
local function hashed(name) return string.sub(redis.sha1hex(SALT .. name), 1, 32) end

-- The tenant's part of a session's name, and where the id begins: before a plain name, which goes
-- without the first character of its id.
local function split(name)
  local dot = string.find(name, '.', 1, true)
  if not dot then return '.', 0 end
  local last = dot + tonumber(string.sub(name, 1, dot - 1))
  local part = string.sub(name, 1, last)
  if part == '7.default' then part = '.' end
  return part, last + 1
end
local function tagof(name)
  local _, at = split(name)
  if #name - at ~= 23 or string.find(name, '[^%w_-]', at) then return tag(0) end
  local bits = 0
  for i = at + 1, at + 3 do
    bits = bits * 64 + string.find(B64, string.sub(name, i, i), 1, true) - 1
  end
  return tag(bits % 65536)
end

-- A row of ours or nothing: what another application put there is left alone.
local function load(k)
  local raw = redis.pcall('GET', k)
  if type(raw) ~= 'string' then return nil end
  local format = string.byte(raw, 1)
  if format == NARROW and #raw >= ${NARROW_BYTES} then return raw end
  if format == WIDE and #raw >= ${WIDE_BYTES} then return raw end
  if format and format > WIDE and format < 32 then error('SOJOURN_NEWER') end
  return nil
end
local function slot(at) return math.max(0, math.floor(at / SLOT)) end

-- Both forms as the wide one. The head has HEAD bytes; data begin behind DATA bytes.
local function head(raw)
  local form, bits, created, seen, sent, due, idle, absolute
  local pending, version, epoch, data, s, c, from
  if string.byte(raw, 1) == NARROW then
    form, bits, created, seen, sent, due, idle, absolute,
      pending, version, epoch, data, s, c, from = struct.unpack('${FORMATS.narrow}', raw)
    seen, sent, absolute = created + seen, created + sent, created + absolute
    due, idle = (created - created % SLOT) / SLOT + due, idle * 1000
  else
    form, bits, created, seen, sent, due, idle, absolute,
      pending, version, epoch, data, s, c, from = struct.unpack('${FORMATS.wide}', raw)
  end
  from = from - 1
  return { form, bits % 4, bits, created, seen, sent, due, idle, absolute,
    pending, version, epoch, data, s, c, from, from + s + c }
end
-- As encodeHead: the shorter form that holds it exactly.
local function encoded(h)
  local bits, created, idle = h[BITS] - h[BITS] % 4 + h[STATE], h[CREATED], h[IDLE] / 1000
  local seen, sent, absolute = h[SEEN] - created, h[SENT] - created, h[ABSOLUTE] - created
  local due = h[DUE] - (created - created % SLOT) / SLOT
  local pending, version, epoch, data = h[PENDING], h[VERSION], h[EPOCH], h[DATAVERSION]
  local s, c = h[SUBJECTLEN], h[COLDLEN]
  if seen >= 0 and sent >= 0 and absolute >= 0 and due >= 0
    and seen < SPAN and sent < SPAN and absolute < SPAN and due * SLOT < SPAN
    and idle % 1 == 0 and idle < 16777216 and s < 256 and c < 256
    and pending < 65536 and version < 65536 and epoch < 65536 and data < 65536 then
    return struct.pack('${FORMATS.narrow}', NARROW, bits, created, seen, sent, due, idle, absolute,
      pending, version, epoch, data, s, c)
  end
  return struct.pack('${FORMATS.wide}', WIDE, bits, created, h[SEEN], h[SENT], h[DUE], h[IDLE],
    h[ABSOLUTE], pending, version, epoch, data, s, c)
end
local function endedat(raw)
  return struct.unpack('>I6', raw, #raw - struct.unpack('>I3', raw, #raw - 2) + 1)
end
-- The subject, and the tag of its bucket: of another one than t, two bytes before it say which.
local function subjectof(raw, h, t)
  local from, to = h[HEAD], h[HEAD] + h[SUBJECTLEN]
  if h[BITS] % 32 < 16 then return string.sub(raw, from + 1, to), t end
  return string.sub(raw, from + 3, to), tag(struct.unpack('>I2', raw, from + 1))
end
local function named(h) return h[BITS] % 16 >= 8 end
local function refresh(h) return h[BITS] % 128 >= 64 end
local function epochof(raw, h, name, t)
  if not named(h) then return 0 end
  local subject, its = subjectof(raw, h, t)
  return tonumber(redis.call('GET', key('e', its, hashed(split(name) .. subject))) or 0)
end
local function indexof(raw, h, name, t)
  if not named(h) then return nil end
  local subject, its = subjectof(raw, h, t)
  local part = split(name)
  return key('u', its, part .. subject)
end

local function idleends(h) return math.min(h[SEEN] + h[IDLE], h[ABSOLUTE]) end
local function endsat(h)
  if h[BITS] % 64 < 32 or h[STATE] == 0 then return idleends(h) end
  return h[ABSOLUTE]
end
local function writable(h, epoch) return h[STATE] ~= 3 and h[EPOCH] >= epoch end
local function live(h, epoch, now) return writable(h, epoch) and now < endsat(h) end

-- The change for the tail, in one unbroken count for each hash tag.
local function note(what, t, name, subject, detail)
  redis.call('XADD', key('l', t, ''), 'MAXLEN', '~', LOGMAX, '0-*',
    'w', what, 'n', name, 's', subject or '', 'x', subject and 1 or 0, 'd', detail or '')
end
local function lockedness(h) return h[STATE] == 2 and 'l' or '' end
local function file(t, at, name)
  redis.call('RPUSH', key('q', t, at), name)
  redis.call('ZADD', key('w', t, ''), at, at)
end
local function fileended(t, at, name)
  redis.call('RPUSH', key('z', t, slot(at)), name)
  redis.call('ZADD', key('y', t, ''), slot(at), slot(at))
end

-- End a session that was just read as not ended. The row grows by its end.
-- Told as 'subject': the change of the subject's epoch has said it already.
local function finish(t, name, raw, h, reason, at, text, told)
  redis.call('SET', rowkey(t, name), string.char(h[FORM], h[BITS] - h[STATE] + 3)
    .. string.sub(raw, 3) .. struct.pack('>I6B', at, reason) .. text
    .. struct.pack('>I3', #text + 10))
  local index = indexof(raw, h, name, t)
  if index then redis.call('ZADD', index, -(at + 1), name) end
  fileended(t, at, name)
  if told == 'subject' then return end
  local subject = told ~= 'nameless' and named(h) and subjectof(raw, h) or nil
  note('e', t, name, subject, reason .. ' ' .. string.format('%.0f', at) .. ' ' .. text)
end
local function bury(t, name, till)
  local k = key('t', t, hashed(name))
  local known = tonumber(redis.call('GET', k) or 0)
  till = math.max(known, till)
  redis.call('SET', k, string.format('%.0f', till))
  redis.call('PEXPIREAT', k, string.format('%.0f', till + ${TOMBSTONE_MARGIN_MS}))
end
-- Erase a row; its id stays taken while its session could have lived.
local function erase(t, name, raw, h, now)
  redis.call('DEL', rowkey(t, name), key('d', t, name))
  local index = indexof(raw, h, name, t)
  if index then redis.call('ZREM', index, name) end
  if now == nil or now < h[ABSOLUTE] then bury(t, name, h[ABSOLUTE]) end
end
local function before(a, b)
  local n = math.min(#a, #b)
  for i = 1, n do
    local x, y = string.byte(a, i), string.byte(b, i)
    if x ~= y then return x < y end
  end
  return #a < #b
end
local function hset(k, from)
  for i = from, #ARGV, 1000 do
    redis.call('HSET', k, unpack(ARGV, i, math.min(i + 999, #ARGV)))
  end
end
`;

/** Each with the comment before it; a later one calls only earlier ones. */
const FUNCTIONS: readonly { readonly name: string; readonly source: string }[] = SOURCE.split(
  /\n(?=local function )/,
).map((source) => ({ name: /function (\w+)/.exec(source)?.[1] ?? "", source }));
