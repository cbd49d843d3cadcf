/**
 * What every script begins with: the layout of `row.ts` and the names of `names.ts` in Lua, and the
 * ways a session is judged, ended and noted. Facts of the installation are written in as constants.
 */
import { HEADER_BYTES, INLINE_DATA_BYTES, SLOT_MS } from "../row.ts";
import type { Names } from "../names.ts";

/** Most entries all logs keep together, at about 100 B each; and one of them at least. */
const LOG_MAX = 100_000;
const LOG_OF_BUCKET_MIN = 256;
/** A tombstone outlives its instant by this much: the server's clock may be ahead of ours. */
const TOMBSTONE_MARGIN_MS = 86_400_000;

/**
 * What `body` needs to run. Redis runs a script's text from its beginning each time, and making
 * thirty functions takes longer than most bodies: so only those that are called are put before it.
 */
export function preludeFor(names: Names, body: string): string {
  const constants = `
local P, SALT, BUCKETS = '${names.prefix}', '${names.salt}', ${names.buckets}
local LOGMAX = ${Math.max(Math.ceil(LOG_MAX / names.buckets), LOG_OF_BUCKET_MIN)}
`;
  let text = body;
  for (const { name, source } of FUNCTIONS.toReversed()) {
    if (new RegExp(`\\b${name}\\(`).test(text)) text = `${source}\n${text}`;
  }
  return constants + CONSTANTS + text;
}

const CONSTANTS = `
local FMT, HEAD = '>BBBBI4I4I6I6I6I6BBI4I4I6I2I2I3I3I4', ${HEADER_BYTES}
local STATE, FLAGS, VERSION, EPOCH, CREATED, SEEN, IDLE, ABSOLUTE = 2, 3, 5, 6, 7, 8, 9, 10
local IDLELOCK, DATAVERSION, PENDING, SENT, BUCKET = 11, 13, 14, 15, 16
local SUBJECTLEN, COLDLEN, DATALEN, DUE = 17, 18, 19, 20
local SLOT, INLINE = ${SLOT_MS}, ${INLINE_DATA_BYTES}
local B64 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
`;

const SOURCE = `local function tag(bucket) return string.format('%02x', bucket % BUCKETS) end
local function key(kind, t, name) return P .. kind .. ':{' .. t .. '}' .. name end
local function hashed(name) return string.sub(redis.sha1hex(SALT .. name), 1, 32) end

-- The tenant's part of a session's name, and where the id begins.
local function split(name)
  local dot = string.find(name, '.', 1, true)
  if not dot then return '.', 1 end
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
  if format == 1 and #raw >= HEAD then return raw end
  if format and format > 1 and format < 32 then error('SOJOURN_NEWER') end
  return nil
end
local function head(raw) return { struct.unpack(FMT, raw) } end
local function subjectof(raw, h) return string.sub(raw, HEAD + 1, HEAD + h[SUBJECTLEN]) end
local function named(h) return math.floor(h[FLAGS] / 2) % 2 == 1 end
local function epochkey(bucket, part, subject) return key('e', tag(bucket), hashed(part .. subject)) end
local function epochof(raw, h, name)
  if not named(h) then return 0 end
  local part = split(name)
  return tonumber(redis.call('GET', epochkey(h[BUCKET], part, subjectof(raw, h))) or 0)
end
local function indexof(raw, h, name)
  if not named(h) then return nil end
  local part = split(name)
  return key('u', tag(h[BUCKET]), part .. subjectof(raw, h))
end

local function idleends(h) return math.min(h[SEEN] + h[IDLE], h[ABSOLUTE]) end
local function endsat(h)
  if h[IDLELOCK] == 0 or h[STATE] == 0 then return idleends(h) end
  return h[ABSOLUTE]
end
local function writable(h, epoch) return h[STATE] ~= 3 and h[EPOCH] >= epoch end
local function live(h, epoch, now) return writable(h, epoch) and now < endsat(h) end
local function slot(at) return math.max(0, math.floor(at / SLOT)) end

-- The change for the tail, in one unbroken count for each hash tag.
local function note(what, t, name, subject, detail)
  redis.call('XADD', key('l', t, ''), 'MAXLEN', '~', LOGMAX, '0-*',
    'w', what, 'n', name, 's', subject or '', 'x', subject and 1 or 0, 'd', detail or '')
end
local function file(t, at, name)
  redis.call('RPUSH', key('q', t, at), name)
  redis.call('ZADD', key('w', t, ''), at, at)
end
local function fileended(t, at, name)
  redis.call('RPUSH', key('z', t, slot(at)), name)
  redis.call('ZADD', key('y', t, ''), slot(at), slot(at))
end

-- End a session that was just read as not ended. The row grows by its end and stays where it is.
-- Told as 'subject': the change of the subject's epoch has said it already.
local function finish(t, name, raw, h, reason, at, text, told)
  local k = key('s', t, name)
  redis.call('SETRANGE', k, 1, string.char(3, h[FLAGS], reason))
  redis.call('APPEND', k, struct.pack('>I6', at) .. text)
  local index = indexof(raw, h, name)
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
  redis.call('DEL', key('s', t, name), key('d', t, name))
  local index = indexof(raw, h, name)
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
