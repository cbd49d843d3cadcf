/** HAProxy 2.6 or newer. */
import {
  ANSWER_S,
  CHECK_S,
  CONNECT_S,
  HANDLE,
  IDLE_S,
  isLeaving,
  nodeName,
  nodeText,
  STREAM_S,
} from "./plan.ts";
import type { LbPlan } from "./plan.ts";

const LOG_FORMAT = [
  '{"at":"%tr","id":"%[var(txn.id),json(utf8s)]","method":"%HM"',
  '"path":"%[var(txn.path),json(utf8s)]","status":%ST,"ms":%Ta,"node":"%si:%sp"',
  '"why":"%tsc","retries":"%rc"}',
].join(",");

export function haproxyConfig(plan: LbPlan): string {
  return `# HAProxy before ${plan.nodes.length} nodes. Check with: haproxy -c -f FILE. Reload the master (-W) with SIGUSR2.
#
# A node that is told to stop (SIGTERM) says no at ${plan.check} and is left out after one check: give
# it --drain ${CHECK_S * 3}s or more. A node that dies is left out likewise; a request that had reached it fails.
global
  log ${plan.log === undefined ? "stdout format raw" : nodeText(plan.log)} local0 info
  # Of an old process after a reload: streams are cut then, and come back.
  hard-stop-after ${STREAM_S}s

defaults
  mode http
  log global
  # No cookie, no Authorization, no query: a token never reaches a log.
  log-format '${LOG_FORMAT}'
  timeout connect ${CONNECT_S}s
  timeout client ${IDLE_S}s
  timeout server ${ANSWER_S}s
  timeout check ${CHECK_S * 2}s
  timeout http-request 10s
  # Shorter than the nodes' 72 s, or a request could meet a connection that is being closed.
  timeout http-keep-alive ${IDLE_S}s
  option http-keep-alive
  option dontlognull
  retries ${Math.max(2, Math.min(plan.nodes.length, 3))}
  # Another node for the next attempt.
  option redispatch 1

frontend public
${bind(plan)}
  http-request set-var(txn.path) path
  # The name of the request, in this log and in the nodes': the client's if it is one.
  acl named req.hdr(X-Request-Id) -m reg ^[A-Za-z0-9._-]{8,64}$
  http-request set-header X-Request-Id %[uuid()] unless named
  http-request set-var(txn.id) req.hdr(X-Request-Id)
  # Set, not added to: what a client says of itself here is not believed.
  http-request set-header X-Forwarded-For %[src]
  http-request set-header X-Forwarded-Proto ${plan.tls === undefined ? "http" : "https"}
  http-request set-header X-Forwarded-Host %[req.hdr(Host)]
${STRIPPED.map((name) => `  http-request del-header ${name}`).join("\n")}
${plan.tls === undefined ? "" : '  http-response set-header Strict-Transport-Security "max-age=63072000"\n'}  acl stream path ${plan.streams.join(" ")}
  use_backend streams if stream
  default_backend nodes

backend nodes
${balance(plan)}
  # A node that cannot be reached, whatever was asked: nothing had been sent. Once it had been, only
  # what changes nothing is asked again.
  # A 503 of a node is its answer: the store is in trouble, and nobody was signed out.
  retry-on conn-failure empty-response response-timeout
  acl repeatable method GET HEAD OPTIONS
${plan.sticky ? "" : "  acl repeatable path /v1/sessions/verify\n"}  http-request disable-l7-retry unless repeatable
${check(plan)}
${servers(plan, "check")}

backend streams
  # Events leave at once: HAProxy holds nothing back. A node says something every 15 s.
  timeout server ${STREAM_S}s
${balance(plan)}
${servers(plan, "track")}
`;
}

const STRIPPED = [
  "Forwarded",
  "X-Real-IP",
  "X-Forwarded-Method",
  "X-Forwarded-Uri",
  "X-Original-Method",
  "X-Original-URI",
] as const;

function bind({ listen, tls }: LbPlan): string {
  if (tls === undefined) {
    return `  bind ${nodeText(listen)}
  # Plain HTTP: for something that ends TLS before this and names the client's way itself.`;
  }
  return `  # The key beside it: ${tls.cert}.key is found by HAProxy itself, so name the two alike.
  bind ${nodeText(listen)} ssl crt ${tls.cert} alpn h2,http/1.1 ssl-min-ver TLSv1.2`;
}

function balance({ sticky, cookie }: LbPlan): string {
  if (!sticky) return "  balance leastconn";
  const { skip, chars } = HANDLE;
  return `  # The ${chars} characters of the token that name the session: the same after a renewal, and no secret.
  # Without a session the address decides. A node more or less moves few sessions ("consistent").
  http-request set-var(txn.key) src
  http-request set-var(txn.key) req.cook(${cookie}),bytes(${skip},${chars}) if { req.cook(${cookie}),bytes(${skip},${chars}) -m len ${chars} }
  balance hash var(txn.key)
  hash-type consistent`;
}

function check({ check: path }: LbPlan): string {
  return `  option httpchk
  http-check send meth GET uri ${path} ver HTTP/1.1 hdr Host check
  http-check expect status 200
  default-server inter ${CHECK_S}s fastinter 200ms fall 1 rise 2 maxconn 2000`;
}

function servers(plan: LbPlan, how: "check" | "track"): string {
  return plan.nodes
    .map((node, index) => {
      const name = nodeName(index);
      const health = how === "check" ? "check" : `track nodes/${name}`;
      const weight = isLeaving(plan, node) ? " weight 0" : "";
      return `  server ${name} ${nodeText(node)} ${health}${weight}`;
    })
    .join("\n");
}
