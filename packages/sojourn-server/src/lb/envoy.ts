/** Envoy 1.30 or newer, as one static file. Written after its documentation; not run here. */
import { ANSWER_S, CHECK_S, CONNECT_S, HANDLE, IDLE_S, isLeaving, STREAM_S } from "./plan.ts";
import type { LbPlan, Node } from "./plan.ts";

export function envoyConfig(plan: LbPlan): string {
  const { listen, streams } = plan;
  return `# Envoy before ${plan.nodes.length} nodes. Not run by the tests of Sojourn. Check with: envoy --mode validate -c FILE
#
# A node that is told to stop (SIGTERM) says no at ${plan.check} and is left out after one check: give
# it --drain ${CHECK_S * 3}s or more. Of a node with "health_status: DRAINING" nothing new is asked.
static_resources:
  listeners:
    - name: public
      address: ${address(listen)}
      filter_chains:
        - filters:
            - name: envoy.filters.network.http_connection_manager
              typed_config:
                "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
                stat_prefix: public
                # This is the edge: the client's address replaces what it says of itself.
                use_remote_address: true
                xff_num_trusted_hops: 0
                skip_xff_append: false
                normalize_path: true
                request_headers_timeout: 10s
                stream_idle_timeout: ${STREAM_S}s
                # No cookie, no Authorization, no query: a token never reaches a log.
                access_log:
                  - name: envoy.access_loggers.stdout
                    typed_config:
                      "@type": type.googleapis.com/envoy.extensions.access_loggers.stream.v3.StdoutAccessLog
                      log_format:
                        json_format:
                          at: "%START_TIME%"
                          id: "%REQ(X-REQUEST-ID)%"
                          method: "%REQ(:METHOD)%"
                          path: "%REQ_WITHOUT_QUERY(:PATH)%"
                          status: "%RESPONSE_CODE%"
                          node: "%UPSTREAM_HOST%"
                http_filters:
                  - name: envoy.filters.http.router
                    typed_config:
                      "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router
                route_config:
                  request_headers_to_remove: [${STRIPPED.join(", ")}]
                  virtual_hosts:
                    - name: all
                      domains: ["*"]
                      routes:
${streams.map(stream).join("")}${plan.sticky ? "" : VERIFY}                        - match:
                            prefix: /
                            headers:
                              - name: ":method"
                                string_match: { safe_regex: { regex: "GET|HEAD|OPTIONS" } }
                          route:
                            ${action(plan, "connect-failure,reset")}
                        # What may have been done is asked again only where nothing had been sent.
                        - match: { prefix: / }
                          route:
                            ${action(plan, "connect-failure,reset-before-request")}
${tls(plan)}${clusters(plan)}`;
}

function clusters(plan: LbPlan): string {
  return `  clusters:
    - name: nodes
      type: STRICT_DNS
      lb_policy: ${plan.sticky ? "RING_HASH" : "LEAST_REQUEST"}
      connect_timeout: ${CONNECT_S}s
      typed_extension_protocol_options:
        envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
          "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
          # Shorter than the nodes' 72 s, or a request could meet a connection that is being closed.
          common_http_protocol_options: { idle_timeout: ${IDLE_S}s }
          explicit_http_config: { http_protocol_options: {} }
      health_checks:
        - timeout: ${CHECK_S * 2}s
          interval: ${CHECK_S}s
          unhealthy_threshold: 1
          healthy_threshold: 2
          http_health_check: { path: ${plan.check} }
      load_assignment:
        cluster_name: nodes
        endpoints:
          - lb_endpoints:
${plan.nodes.map((node) => endpoint(plan, node)).join("\n")}
`;
}

const STRIPPED = [
  "forwarded",
  "x-real-ip",
  "x-forwarded-method",
  "x-forwarded-uri",
  "x-original-method",
  "x-original-uri",
] as const;

const VERIFY = `                        # A POST that changes nothing: it may be asked twice.
                        - match: { path: /v1/sessions/verify }
                          route:
                            cluster: nodes
                            timeout: ${ANSWER_S}s
                            retry_policy: { retry_on: "connect-failure,reset", num_retries: 2 }
`;

function stream(path: string): string {
  return `                        # Envoy holds no event back. A node says something every 15 s.
                        - match: { path: ${path} }
                          route: { cluster: nodes, timeout: 0s, idle_timeout: ${STREAM_S}s }
`;
}

function action({ sticky, cookie }: LbPlan, retryOn: string): string {
  const lines = [
    "cluster: nodes",
    `timeout: ${ANSWER_S}s`,
    `retry_policy: { retry_on: "${retryOn}", num_retries: 2 }`,
  ];
  if (sticky) {
    const { skip, chars } = HANDLE;
    const name = cookie.replaceAll(".", String.raw`\.`);
    const token = `[A-Za-z0-9_-]{${skip}}([A-Za-z0-9_-]{${chars}})`;
    lines.push(
      "# The part of the token that names the session: the same after a renewal, and no secret.",
      "hash_policy:",
      "  - header:",
      "      header_name: cookie",
      "      regex_rewrite:",
      `        pattern: { regex: '^(?:.*;\\s*)?${name}=${token}.*$' }`,
      String.raw`        substitution: '\1'`,
      "  - connection_properties: { source_ip: true }",
    );
  }
  return lines.join(`\n${" ".repeat(28)}`);
}

function tls({ tls: files }: LbPlan): string {
  if (files === undefined) return "";
  return `          transport_socket:
            name: envoy.transport_sockets.tls
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext
              common_tls_context:
                tls_params: { tls_minimum_protocol_version: TLSv1_2 }
                tls_certificates:
                  - certificate_chain: { filename: ${files.cert} }
                    private_key: { filename: ${files.key} }
`;
}

function endpoint(plan: LbPlan, node: Node): string {
  const status = isLeaving(plan, node) ? ", health_status: DRAINING" : "";
  return `            - { endpoint: { address: ${address(node)} }${status} }`;
}

function address({ host, port }: Node): string {
  const bare = host.replace(/^\[|\]$/g, "");
  return `{ socket_address: { address: "${bare}", port_value: ${port} } }`;
}
