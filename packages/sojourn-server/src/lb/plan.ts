/** What a load balancer's configuration is made of, checked: nothing breaks out of a line. */
export interface Node {
  readonly host: string;
  readonly port: number;
}

export interface LbPlan {
  readonly nodes: readonly Node[];
  /** Of `nodes`: given nothing new, so that they can be stopped. */
  readonly leaving: readonly Node[];
  readonly listen: Node;
  readonly tls: { readonly cert: string; readonly key: string } | undefined;
  /** One session, one node: for applications that keep something in memory. */
  readonly sticky: boolean;
  /** The session's cookie; looked at for stickiness alone. */
  readonly cookie: string;
  /** A node is asked this how it is. */
  readonly check: string;
  /** Paths of event streams, which are not held back. */
  readonly streams: readonly string[];
  /** Where lines about requests go: `HOST:PORT` of a syslog; absent: standard output. */
  readonly log: Node | undefined;
}

/**
 * Of a token `sj1s_…` the characters that name the session: they stay the same when the token is
 * renewed, and are its public handle. The rest is secret and is read by nobody here.
 */
export const HANDLE = { skip: "sj1s_".length + 4, chars: 24 } as const;

/** A stream says something every 15 s. */
export const STREAM_S = 60;
/** The service closes connections that were idle for 72 s: the balancer must be earlier. */
export const IDLE_S = 60;
/** Longer than `storeTimeout`, so that the service's own 503 comes first. */
export const ANSWER_S = 15;
export const CONNECT_S = 2;
export const CHECK_S = 1;

const HOST = /^(?:[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252}[A-Za-z0-9])?|\[[0-9A-Fa-f:.]{2,45}\])$/;

/** @returns `undefined` for what is no `HOST:PORT`. */
export function readNode(text: string): Node | undefined {
  const at = text.lastIndexOf(":");
  const host = text.slice(0, at);
  const port = Number(text.slice(at + 1));
  const numbered = /^\d{1,5}$/.test(text.slice(at + 1)) && port >= 1 && port <= 65_535;
  return at > 0 && numbered && HOST.test(host) ? { host, port } : undefined;
}

export function nodeText({ host, port }: Node): string {
  return `${host}:${port}`;
}

/** Names for the servers, by their place in the list: `node1`, `node2`, … */
export function nodeName(index: number): string {
  return `node${index + 1}`;
}

export function isLeaving(plan: LbPlan, node: Node): boolean {
  return plan.leaving.some((one) => nodeText(one) === nodeText(node));
}

/** A name or path that needs no quotes in any of the formats. */
export function isPlainPath(text: string): boolean {
  return /^\/[A-Za-z0-9._~/-]{0,254}$/.test(text);
}

/** RFC 6265 token, of the characters that cookie names are made of in practice. */
export function isCookieName(text: string): boolean {
  return /^[A-Za-z0-9_.-]{1,64}$/.test(text);
}
