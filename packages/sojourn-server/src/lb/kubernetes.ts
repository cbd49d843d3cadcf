/** A Service and an Ingress of ingress-nginx. Held against the schemas, run in no cluster. */
import { ANSWER_S, CONNECT_S, STREAM_S } from "./plan.ts";
import type { LbPlan } from "./plan.ts";

/** @returns `undefined` when it cannot be: Kubernetes finds nodes by their labels. */
export function kubernetesConfig(plan: LbPlan): string | undefined {
  const [node] = plan.nodes;
  if (node === undefined || plan.nodes.length > 1 || plan.leaving.length > 0) return undefined;
  const { host: name, port } = node;
  return `# Kubernetes before the pods labelled app.kubernetes.io/name: ${name}. Not run by the tests of Sojourn.
#
# Pods are left out by their readiness probe at ${plan.check}: see deploy/kubernetes of Sojourn.
apiVersion: v1
kind: Service
metadata:
  name: ${name}
  labels: { app.kubernetes.io/name: ${name} }
spec:
  type: ClusterIP
  selector: { app.kubernetes.io/name: ${name} }
  ports:
    - { name: http, port: ${port}, targetPort: http, protocol: TCP }
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: ${name}
  labels: { app.kubernetes.io/name: ${name} }
  annotations:
    # Only where nothing had been sent, or for methods that change nothing.
    nginx.ingress.kubernetes.io/proxy-next-upstream: "error timeout"
    nginx.ingress.kubernetes.io/proxy-connect-timeout: "${CONNECT_S}"
    nginx.ingress.kubernetes.io/proxy-read-timeout: "${ANSWER_S}"
${plan.sticky ? STICKY : ""}spec:
  ingressClassName: nginx
${tlsOf(plan, name)}  rules:
    - http:
        paths:
          - path: /
            pathType: Prefix
            backend: { service: { name: ${name}, port: { name: http } } }
---
# Event streams: nothing is held back, and a node says something every 15 s.
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: ${name}-streams
  labels: { app.kubernetes.io/name: ${name} }
  annotations:
    nginx.ingress.kubernetes.io/proxy-buffering: "off"
    nginx.ingress.kubernetes.io/proxy-read-timeout: "${STREAM_S}"
    nginx.ingress.kubernetes.io/proxy-next-upstream: "off"
${plan.sticky ? STICKY : ""}spec:
  ingressClassName: nginx
${tlsOf(plan, name)}  rules:
    - http:
        paths:
${plan.streams.map((path) => streamPath(path, name)).join("\n")}
`;
}

const STICKY = `    # The token's name for the session cannot be read here: the node is named in a cookie of its own.
    nginx.ingress.kubernetes.io/affinity: cookie
    nginx.ingress.kubernetes.io/affinity-mode: persistent
    nginx.ingress.kubernetes.io/session-cookie-name: node
    nginx.ingress.kubernetes.io/session-cookie-secure: "true"
    nginx.ingress.kubernetes.io/session-cookie-samesite: Lax
`;

function streamPath(path: string, name: string): string {
  return `          - path: ${path}
            pathType: Exact
            backend: { service: { name: ${name}, port: { name: http } } }`;
}

function tlsOf({ tls }: LbPlan, name: string): string {
  if (tls === undefined) return "";
  return `  # kubectl create secret tls ${name}-tls --cert ${tls.cert} --key ${tls.key}
  tls: [{ secretName: ${name}-tls }]
`;
}
