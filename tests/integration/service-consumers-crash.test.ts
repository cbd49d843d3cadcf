/** Whatever ends a process: what was acknowledged reaches every receiver, and counts once. */
import { readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:https";
import type { ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, describe, expect, it } from "vitest";
import { makeCertificate } from "../browser/support/certificate.ts";
import { startOtlp, startSyslog } from "../support/sink-receivers.ts";
import { Webhook } from "standardwebhooks";
import { bearer, folder, SECRET, send, serveProcess, sojourn } from "./service-harness.ts";
import type { Json, ServedProcess } from "./service-harness.ts";

type Env = Readonly<Record<string, string>>;
const toEnd: (() => unknown)[] = [];

afterEach(async () => {
  for (const end of toEnd.splice(0).toReversed()) await end();
});

async function until(what: () => boolean | Promise<boolean>): Promise<void> {
  for (let attempt = 0; attempt < 1_200; attempt += 1) {
    if (await what()) return;
    await sleep(50);
  }
  throw new Error("it did not come to that");
}

interface Hook {
  readonly id: string;
  readonly type: string;
  readonly session: unknown;
}

interface TlsReceiver {
  readonly url: string;
  readonly got: Hook[];
  answer: (response: ServerResponse) => void;
  /** What it was sent is checked against it. */
  secret: string;
}

/** As receivers are: with a certificate, and a library of somebody else's. */
async function tlsReceiver(place: string): Promise<TlsReceiver> {
  const { key, cert } = makeCertificate("DNS:localhost");
  writeFileSync(join(place, "ca.pem"), cert);
  const sockets = new Set<Socket>();
  const server = createServer({ key, cert }, (request, response) => {
    const chunks: Buffer[] = [];
    request.on("error", () => undefined);
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const body = Buffer.concat(chunks).toString();
      const headers = request.headers as Record<string, string>;
      const { type, data } = new Webhook(receiver.secret).verify(body, headers) as {
        type: string;
        data: Json;
      };
      receiver.got.push({ id: headers["webhook-id"] ?? "", type, session: data["session"] });
      receiver.answer(response);
    });
  });
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  toEnd.push(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  const receiver: TlsReceiver = {
    url: `https://localhost:${(server.address() as AddressInfo).port}/hooks`,
    got: [],
    answer: (response) => void response.writeHead(200).end(),
    secret: "",
  };
  return receiver;
}

async function serve(env: Env): Promise<ServedProcess> {
  const served = await serveProcess(env);
  toEnd.push(() => served.stop("SIGKILL"));
  return served;
}

async function made(args: readonly string[], env: Env, member: string): Promise<string> {
  const { code, out, err } = await sojourn([...args, "--json"], env);
  if (code !== 0) throw new Error(err);
  return String((JSON.parse(out) as Json)[member]);
}

/** Sessions that were acknowledged, until the service is gone. */
async function openWhile(url: string, key: string, opened: string[]): Promise<void> {
  for (let count = 0; ; count += 1) {
    const body = { subject: `s${count % 7}`, amr: ["pwd"] };
    try {
      const { status, json } = await send(`${url}/v1/sessions`, "POST", { ...bearer(key), body });
      if (status === 201) opened.push(String((json["session"] as Json)["id"]));
      // Enough to be under way in every step, and not more than can be sent soon.
      await sleep(20);
    } catch {
      return;
    }
  }
}

describe("what was acknowledged before kill -9", () => {
  it("reaches webhook, syslog and OTLP, again with the same ids, and is counted once", async () => {
    const place = folder();
    toEnd.push(() => place.remove());
    const to = await tlsReceiver(place.path);
    const syslog = await startSyslog();
    toEnd.push(() => syslog.close());
    const otlp = await startOtlp();
    toEnd.push(() => otlp.close());
    const env: Env = {
      SOJOURN_SECRETS: SECRET,
      SOJOURN_STORE: `sqlite:${place.path}/sojourn.db`,
      SOJOURN_RATE_LIMIT: "0",
      SOJOURN_WEBHOOK_NETWORKS: "127.0.0.0/8,::1/128",
      SOJOURN_AUDIT_SYSLOG: `tcp://127.0.0.1:${syslog.port}`,
      SOJOURN_AUDIT_OTLP: otlp.url,
      NODE_EXTRA_CA_CERTS: join(place.path, "ca.pem"),
    };
    const scopes = ["--scope", "sessions:write,sessions:read,analytics:read"];
    const key = await made(["keys", "create", "--name", "k", ...scopes], env, "key");
    const create = ["webhooks", "create", to.url, "--event", "session-established"];
    to.secret = await made(create, env, "secret");
    // No receiver takes anything while the service is killed.
    to.answer = () => undefined;
    syslog.instead = (socket) => void socket.destroy();
    otlp.answer = (response) => {
      response.destroy();
      return false;
    };
    const served = await serve(env);
    const opened: string[] = [];
    const opening = openWhile(served.url, key, opened);
    await until(() => to.got.length > 1 && opened.length > 20);
    await served.stop("SIGKILL");
    await opening;
    to.answer = (response) => void response.writeHead(200).end();
    syslog.instead = undefined;
    otlp.answer = (response) => {
      response.writeHead(200, { "content-type": "application/json" }).end("{}");
      return true;
    };
    const last = await serve(env);
    const all = new Set(opened);
    await until(() => opened.every((id) => to.got.some(({ session }) => session === id)));
    const ids = new Map(to.got.map(({ session, id }) => [session, id]));
    expect(to.got.length).toBeGreaterThan(ids.size);
    for (const { session, id } of to.got)
      expect([session, id]).toEqual([session, ids.get(session)]);
    const inSyslog = (): Set<unknown> =>
      new Set(syslog.got.map(({ text }) => (JSON.parse(text) as Json)["session"]));
    await until(() => [...all].every((id) => inSyslog().has(id)));
    await until(() =>
      [...all].every((id) => otlp.got.some((one) => one["sojourn.session"] === id)),
    );
    const analytics = async (): Promise<Json> =>
      (await send(`${last.url}/v1/analytics`, "GET", bearer(key))).json;
    await until(async () => (await analytics())["behind"] === 0);
    const items = (await analytics())["items"] as { signIns: { total: number } }[];
    const exported = await sojourn(["audit", "export", "--name", "session-established"], env);
    const told = exported.out.trimEnd().split("\n").length;
    expect(items.reduce((sum, one) => sum + one.signIns.total, 0)).toBe(told);
    expect(last.said()).not.toContain(to.secret);
    for (const file of ["sojourn.db", "sojourn.db-wal"]) {
      expect(readFileSync(join(place.path, file), "latin1")).not.toContain(to.secret.slice(6));
    }
  }, 120_000);
});
