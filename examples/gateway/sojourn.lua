-- Ask Sojourn about every request: http-request lua.sojourn URL
-- HAProxy has no auth_request of its own; this is one, on its own HTTP client.

local TIMEOUT_MS = 10000

-- What the back end is told. Names that the answer leaves empty are not sent.
local IDENTITY = {
  "x-session-subject",
  "x-session-id",
  "x-session-tenant",
  "x-session-acr",
  "x-session-amr",
  "x-session-auth-time",
}

-- What the client is told of a refusal.
local REFUSAL = {
  "content-type",
  "cache-control",
  "retry-after",
  "set-cookie",
  "vary",
  "www-authenticate",
}

-- About the body and the connection of the original request: not the question's.
local LEFT_OUT = {
  ["connection"] = true,
  ["content-length"] = true,
  ["content-encoding"] = true,
  ["expect"] = true,
  ["keep-alive"] = true,
  ["te"] = true,
  ["transfer-encoding"] = true,
}

-- HAProxy counts values from 0.
local function listOf(values)
  local list = {}
  for index = 0, #values do
    list[#list + 1] = values[index]
  end
  return list
end

local function question(txn)
  local headers = {}
  for name, values in pairs(txn.http:req_get_headers()) do
    if not LEFT_OUT[name] then
      headers[name] = listOf(values)
    end
  end
  headers["x-forwarded-method"] = { txn.sf:method() }
  return headers
end

local function refuse(txn, answer)
  local known = answer.status == 401 or answer.status == 403
  local reply = txn:reply({ status = known and answer.status or 503 })
  if not known then
    reply:add_header("cache-control", "no-store")
    reply:add_header("retry-after", "1")
    txn:done(reply)
    return
  end
  for _, name in ipairs(REFUSAL) do
    for _, value in ipairs(listOf(answer.headers[name] or {})) do
      reply:add_header(name, value)
    end
  end
  reply:set_body(answer.body or "")
  txn:done(reply)
end

core.register_action("sojourn", { "http-req" }, function(txn, url)
  local answer = core.httpclient():get({
    url = url,
    headers = question(txn),
    timeout = TIMEOUT_MS,
  })
  if answer.status ~= 200 then
    refuse(txn, answer)
    return
  end
  for _, name in ipairs(IDENTITY) do
    local value = (answer.headers[name] or {})[0]
    if value ~= nil and value ~= "" then
      txn.http:req_set_header(name, value)
    end
  end
  local cookie = (answer.headers["set-cookie"] or {})[0]
  if cookie ~= nil then
    txn:set_var("txn.sojourn_cookie", cookie)
  end
end, 1)
