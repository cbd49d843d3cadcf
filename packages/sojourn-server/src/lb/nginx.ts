/** nginx 1.22 or newer, the free one: it looks at answers, and asks no node how it is. */
import { ANSWER_S, CONNECT_S, HANDLE, IDLE_S, isLeaving, nodeText, STREAM_S } from "./plan.ts";
import type { LbPlan } from "./plan.ts";

export function nginxConfig(plan: LbPlan): string {
  return `# nginx before ${plan.nodes.length} nodes. Check with: nginx -t -c FILE. Reload with: nginx -s reload
#
# This nginx learns from failed requests alone. To stop a node: list it under --leaving too, reload,
# wait for the longest request, then SIGTERM. A node that dies is left out after its first failure.
events {
  worker_connections 8192;
}

http {
  # The name of the request, in this log and in the nodes': the client's if it is one.
  map $http_x_request_id $request_name {
    default $request_id;
    "~^[A-Za-z0-9._-]{8,64}$" $http_x_request_id;
  }

  # No cookie, no Authorization, no query: a token never reaches a log.
  log_format requests escape=json '{"at":"$time_iso8601","id":"$request_name",'
    '"method":"$request_method","path":"$uri","status":$status,"seconds":$request_time,'
    '"nodes":"$upstream_addr","statuses":"$upstream_status"}';
  access_log ${logTarget(plan)} requests;
  error_log stderr warn;
  server_tokens off;
${sticky(plan)}
  upstream nodes {
    # Shared by the worker processes: what one has learnt of a node, all know.
    zone nodes 256k;
${plan.sticky ? "    hash $sticky_key consistent;\n" : ""}${servers(plan)}
    keepalive 64;
    # Shorter than the nodes' 72 s, or a request could meet a connection that is being closed.
    keepalive_timeout ${IDLE_S}s;
  }

  server {
${listen(plan)}
    # The service has limits of its own for bodies; this one is above all of them.
    client_max_body_size 16m;

    proxy_http_version 1.1;
    proxy_set_header Connection "";
    proxy_set_header Host $host;
    # Set, not added to: what a client says of itself here is not believed.
    proxy_set_header X-Forwarded-For $remote_addr;
    proxy_set_header X-Forwarded-Proto $scheme;
    proxy_set_header X-Forwarded-Host $host;
    proxy_set_header X-Request-Id $request_name;
${STRIPPED.map((name) => `    proxy_set_header ${name} "";`).join("\n")}

    proxy_connect_timeout ${CONNECT_S}s;
    proxy_send_timeout ${ANSWER_S}s;
    proxy_read_timeout ${ANSWER_S}s;
    # A node that cannot be reached, whatever was asked: nothing had been sent. Once it had been,
    # POST and PATCH are not asked again (no "non_idempotent"): they may have been done.
    # A 503 of a node is its answer: the store is in trouble, and nobody was signed out.
    proxy_next_upstream error timeout;
    proxy_next_upstream_tries ${Math.max(2, Math.min(plan.nodes.length, 3))};
    proxy_next_upstream_timeout ${ANSWER_S}s;

    location / {
      proxy_pass http://nodes;
    }
${plan.sticky ? "" : VERIFY}${plan.streams.map(stream).join("")}  }
}
`;
}

/** What would tell the node something that only this balancer may. */
const STRIPPED = [
  "Forwarded",
  "X-Real-IP",
  "X-Forwarded-Method",
  "X-Forwarded-Uri",
  "X-Original-Method",
  "X-Original-URI",
] as const;

const VERIFY = `
    # A POST that changes nothing: it may be asked twice.
    location = /v1/sessions/verify {
      proxy_pass http://nodes;
      proxy_next_upstream error timeout non_idempotent;
    }
`;

function stream(path: string): string {
  return `
    # Events leave at once. A node says something every 15 s.
    location = ${path} {
      proxy_pass http://nodes;
      proxy_buffering off;
      proxy_read_timeout ${STREAM_S}s;
      proxy_next_upstream off;
    }
`;
}

function servers(plan: LbPlan): string {
  return plan.nodes
    .map((node) => {
      const how = isLeaving(plan, node) ? "down" : "max_fails=1 fail_timeout=2s";
      return `    server ${nodeText(node)} ${how};`;
    })
    .join("\n");
}

function sticky({ sticky: wanted, cookie }: LbPlan): string {
  if (!wanted) return "";
  const name = cookie.replaceAll(".", String.raw`\.`);
  const { skip, chars } = HANDLE;
  return `
  # The ${chars} characters of the token that name the session: the same after a renewal, and no secret.
  # Without a session the address decides. A node more or less moves few sessions ("consistent").
  map $http_cookie $sticky_key {
    default $remote_addr;
    "~(?:^|;\\s*)${name}=[A-Za-z0-9_-]{${skip}}(?<handle>[A-Za-z0-9_-]{${chars}})" $handle;
  }
`;
}

function listen({ listen: place, tls }: LbPlan): string {
  if (tls === undefined) {
    return `    listen ${nodeText(place)};
    # Plain HTTP: for something that ends TLS before this and names the client's way itself.
`;
  }
  return `    listen ${nodeText(place)} ssl http2;
    ssl_certificate ${tls.cert};
    ssl_certificate_key ${tls.key};
    ssl_protocols TLSv1.2 TLSv1.3;
    ssl_session_cache shared:tls:10m;
    add_header Strict-Transport-Security "max-age=63072000" always;
`;
}

function logTarget({ log }: LbPlan): string {
  return log === undefined ? "/dev/stdout" : `syslog:server=${nodeText(log)},nohostname`;
}
