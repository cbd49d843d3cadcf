/** `sojourn lb`: the configuration of a load balancer before several nodes, printed. */
import { envoyConfig } from "../lb/envoy.ts";
import { haproxyConfig } from "../lb/haproxy.ts";
import { kubernetesConfig } from "../lb/kubernetes.ts";
import { nginxConfig } from "../lb/nginx.ts";
import { isCookieName, isPlainPath, nodeText, readNode } from "../lb/plan.ts";
import type { LbPlan, Node } from "../lb/plan.ts";
import { traefikConfig } from "../lb/traefik.ts";
import { EXIT, listOption, textOption, UsageError } from "./command.ts";
import type { Command, OptionValues } from "./command.ts";

const PRODUCTS = ["nginx", "haproxy", "envoy", "traefik", "k8s"] as const;
type Product = (typeof PRODUCTS)[number];

const WRITERS: Readonly<Record<Product, (plan: LbPlan) => string | undefined>> = {
  nginx: nginxConfig,
  haproxy: haproxyConfig,
  envoy: envoyConfig,
  traefik: traefikConfig,
  k8s: kubernetesConfig,
};

const NODES_MAX = 100;
const NODE_ACCEPTED = "accepted: HOST:PORT, like 10.0.0.11:7380 or [fd00::1]:7380";
const PATH_ACCEPTED = "accepted: a path of letters, digits and ._~-/ that begins with /";

const lb: Command = {
  name: "lb",
  summary: `Print the configuration of a load balancer: ${PRODUCTS.join(", ")}`,
  words: ["PRODUCT"],
  options: [
    {
      name: "node",
      value: "HOST:PORT",
      many: true,
      means: "a node of the service, or of your application; repeat it (required)",
    },
    {
      name: "leaving",
      value: "HOST:PORT",
      many: true,
      means: "one of the nodes that is given nothing new, to be stopped",
    },
    {
      name: "listen",
      value: "HOST:PORT",
      means: "where it listens (default: 0.0.0.0:443 with TLS, else 127.0.0.1:8080)",
    },
    { name: "tls-cert", value: "FILE", means: "certificate chain, for https" },
    { name: "tls-key", value: "FILE", means: "its key" },
    {
      name: "sticky",
      means: "one session, one node: for applications that keep something in memory",
    },
    {
      name: "cookie",
      value: "NAME",
      means: "the session's cookie, for --sticky (default: __Host-session)",
    },
    { name: "check", value: "PATH", means: "what a node is asked (default: /readyz)" },
    {
      name: "stream",
      value: "PATH",
      many: true,
      means: "a path of server-sent events (default: /v1/session/stream)",
    },
    {
      name: "log",
      value: "HOST:PORT",
      means: "syslog for lines about requests (nginx, haproxy; default: standard output)",
    },
  ],
  installation: false,
  details:
    "Sojourn's own service needs no stickiness. nginx and HAProxy are run by Sojourn's tests with " +
    "what this prints; Envoy, Traefik and Kubernetes are not. For k8s the one --node is the name " +
    "and port of the Service. Nothing printed reads a token's secret part, or logs any of it.",
  examples: [
    "sojourn lb haproxy --node 10.0.0.11:7380 --node 10.0.0.12:7380 > haproxy.cfg",
    "sojourn lb nginx --node 10.0.0.21:3000 --node 10.0.0.22:3000 --sticky --check /healthz",
    "sojourn lb k8s --node sojourn:7380",
  ],
  async run({ words: [product = ""], values, output }) {
    const write = PRODUCTS.find((one) => one === product);
    if (write === undefined) {
      throw new UsageError(`PRODUCT: accepted: ${PRODUCTS.join(", ")}`, this.name);
    }
    const text = WRITERS[write](readPlan(values, this.name));
    if (text === undefined) {
      const accepted = "k8s: accepted: one --node, the name and port of the Service; no --leaving";
      throw new UsageError(accepted, this.name);
    }
    output.lines(text.trimEnd().split("\n"));
    return EXIT.ok;
  },
};

export const balancerCommands: readonly Command[] = [lb];

function readPlan(values: OptionValues, command: string): LbPlan {
  const refuse: Refuse = (option, accepted) => {
    throw new UsageError(`--${option}: ${accepted}`, command);
  };
  const node = (option: string, text: string): Node =>
    readNode(text) ?? refuse(option, NODE_ACCEPTED);
  const all = (option: string): readonly Node[] =>
    (listOption(values, option) ?? []).map((text) => node(option, text));
  const path = (option: string, text: string): string =>
    isPlainPath(text) ? text : refuse(option, PATH_ACCEPTED);
  const nodes = all("node");
  const leaving = all("leaving");
  checkNodes(nodes, leaving, refuse);
  const tls = readTls(values, path, refuse);
  const cookie = textOption(values, "cookie") ?? "__Host-session";
  if (!isCookieName(cookie)) refuse("cookie", "accepted: 1 to 64 letters, digits and ._-");
  const listen = textOption(values, "listen");
  const log = textOption(values, "log");
  const standard = tls === undefined ? "127.0.0.1:8080" : "0.0.0.0:443";
  return {
    nodes,
    leaving,
    listen: node("listen", listen ?? standard),
    tls,
    sticky: values["sticky"] === true,
    cookie,
    check: path("check", textOption(values, "check") ?? "/readyz"),
    streams: (listOption(values, "stream") ?? ["/v1/session/stream"]).map((one) =>
      path("stream", one),
    ),
    log: log === undefined ? undefined : node("log", log),
  };
}

type Refuse = (option: string, accepted: string) => never;

function checkNodes(nodes: readonly Node[], leaving: readonly Node[], refuse: Refuse): void {
  const names = nodes.map(nodeText);
  if (nodes.length === 0) refuse("node", `missing; ${NODE_ACCEPTED}`);
  if (nodes.length > NODES_MAX) refuse("node", `accepted: at most ${NODES_MAX}`);
  const twice = names.find((name, at) => names.indexOf(name) !== at);
  if (twice !== undefined) refuse("node", `${twice} is there twice`);
  const foreign = leaving.map(nodeText).find((name) => !names.includes(name));
  if (foreign !== undefined) refuse("leaving", `${foreign} is no --node`);
  if (leaving.length === nodes.length) refuse("leaving", "one node must stay");
}

function readTls(
  values: OptionValues,
  path: (option: string, text: string) => string,
  refuse: Refuse,
): LbPlan["tls"] {
  const given = (option: string): string | undefined => {
    const text = textOption(values, option);
    return text === undefined ? undefined : path(option, text);
  };
  const cert = given("tls-cert");
  const key = given("tls-key");
  if (cert === undefined && key === undefined) return undefined;
  if (cert === undefined) return refuse("tls-cert", "missing beside --tls-key");
  if (key === undefined) return refuse("tls-key", "missing beside --tls-cert");
  return { cert, key };
}
