/** Traefik 3, as a file for its file provider. Written after its documentation; not run here. */
import { CHECK_S, IDLE_S, isLeaving, nodeText } from "./plan.ts";
import type { LbPlan } from "./plan.ts";

export function traefikConfig(plan: LbPlan): string {
  const nodes = plan.nodes.filter((node) => !isLeaving(plan, node));
  return `# Traefik before ${nodes.length} nodes. Not run by the tests of Sojourn. For the file provider (dynamic).
#
# In the static configuration: an entry point "public" at ${nodeText(plan.listen)} without
# forwardedHeaders.insecure and trustedIPs, so that what a client says of itself is replaced, and
# respondingTimeouts.readTimeout of 60s. Its access log drops headers and keeps queries: leave
# accessLog.fields.headers.defaultMode at drop.
#
# A node that is told to stop (SIGTERM) says no at ${plan.check} and is left out after one check: give
# it --drain ${CHECK_S * 3}s or more.
http:
  routers:
    all:
      entryPoints: [public]
      rule: PathPrefix(\`/\`)
      service: nodes
      middlewares: [hygiene, again]
${plan.tls === undefined ? "" : "      tls: {}\n"}    # What may have been done is not asked again.
    once:
      entryPoints: [public]
      rule: (Method(\`POST\`) || Method(\`PATCH\`) || Method(\`PUT\`) || Method(\`DELETE\`))${exceptVerify(plan)}
      priority: 1000
      service: nodes
      middlewares: [hygiene]
${plan.tls === undefined ? "" : "      tls: {}\n"}  middlewares:
    hygiene:
      headers:
        customRequestHeaders:
${STRIPPED.map((name) => `          ${name}: ""`).join("\n")}
    # Traefik asks again where no node could be reached.
    again:
      retry: { attempts: 2, initialInterval: 100ms }
  services:
    nodes:
      loadBalancer:
        passHostHeader: true
        serversTransport: nodes
        # Events leave at once.
        responseForwarding: { flushInterval: -1ms }
        healthCheck: { path: ${plan.check}, interval: ${CHECK_S}s, timeout: ${CHECK_S * 2}s, followRedirects: false }
${plan.sticky ? STICKY : ""}        servers:
${nodes.map((node) => `          - { url: "http://${nodeText(node)}" }`).join("\n")}
  serversTransports:
    nodes:
      forwardingTimeouts:
        dialTimeout: 2s
        # Streams have no answer time; the service has a limit of its own for each store call.
        responseHeaderTimeout: 15s
        # Shorter than the nodes' 72 s, or a request could meet a connection that is being closed.
        idleConnTimeout: ${IDLE_S}s
${tls(plan)}`;
}

const STRIPPED = [
  "Forwarded",
  "X-Forwarded-Method",
  "X-Forwarded-Uri",
  "X-Original-Method",
  "X-Original-URI",
] as const;

const STICKY = `        # Traefik cannot hash a cookie: it names the node in one of its own, which is no credential.
        sticky: { cookie: { name: node, secure: true, httpOnly: true, sameSite: lax } }
`;

function exceptVerify({ sticky }: LbPlan): string {
  return sticky ? "" : " && !Path(`/v1/sessions/verify`)";
}

function tls({ tls: files }: LbPlan): string {
  if (files === undefined) return "";
  return `tls:
  certificates:
    - { certFile: ${files.cert}, keyFile: ${files.key} }
  options:
    default: { minVersion: VersionTLS12 }
`;
}
