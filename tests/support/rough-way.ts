/**
 * A way to a service that fails as real ones do: connections that break before or after the
 * service has done what it was asked, and a balancer that has nobody to send to for a while.
 */
import { connect, createServer } from "node:net";
import type { AddressInfo, Socket } from "node:net";

export type Trouble =
  /** The connection breaks when the answer comes: it was done, and nobody knows. */
  | "answer-lost"
  /** It breaks before anything was asked. */
  | "refused"
  /** It comes, and nobody answers. */
  | "silent"
  /** 503 with `Retry-After: 1` by whoever stands between. */
  | "drained";

export interface RoughWay {
  readonly url: string;
  /** What befalls the next requests, one each. */
  readonly ahead: Trouble[];
  /** Requests that came, troubled ones included. */
  requests(): number;
  stop(): Promise<void>;
}

const DRAINED =
  "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\n" +
  "Connection: close\r\n\r\n";

/** @param target Where the service is. */
export async function roughWay(target: string): Promise<RoughWay> {
  const { hostname, port } = new URL(target);
  const ahead: Trouble[] = [];
  const open = new Set<Socket>();
  let requests = 0;
  const server = createServer((client) => {
    const service = connect(Number(port), hostname);
    const both = [client, service];
    const end = (): void => both.forEach((one) => one.destroy());
    for (const one of both) {
      open.add(one);
      one.on("error", end);
      one.on("close", () => {
        open.delete(one);
        end();
      });
    }
    let trouble: Trouble | undefined;
    client.on("data", (bytes) => {
      // The head of a request comes at once here, and its body with it or after it.
      if (/^[A-Z]+ \/.* HTTP\/1\.1\r\n/.test(bytes.toString("latin1"))) {
        requests += 1;
        trouble = ahead.shift();
      }
      if (trouble === "refused") end();
      else if (trouble === "drained") client.end(DRAINED);
      else if (trouble !== "silent") service.write(bytes);
    });
    service.on("data", (bytes) => {
      if (trouble === "answer-lost") end();
      else client.write(bytes);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    ahead,
    requests: () => requests,
    stop: () => {
      for (const one of open) one.destroy();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}
