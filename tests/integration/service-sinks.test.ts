/** Audit entries on their way to collectors: none is lost, whatever becomes of them or of us. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import type { ReadEntry } from "../../packages/sojourn-server/src/audit/trail-reader.ts";
import { readConfig } from "../../packages/sojourn-server/src/config/config.ts";
import { sendOtlp } from "../../packages/sojourn-server/src/sinks/otlp.ts";
import { syslogOf } from "../../packages/sojourn-server/src/sinks/syslog-format.ts";
import { sendSyslog } from "../../packages/sojourn-server/src/sinks/syslog.ts";
import { makeCertificate } from "../browser/support/certificate.ts";
import { eventually } from "../support/eventually.ts";
import { parseSyslog, startOtlp, startSyslog, startUdpSyslog } from "../support/sink-receivers.ts";
import { folder, SECRET, startTestService } from "./service-harness.ts";
import type { Json, TestService } from "./service-harness.ts";

const toEnd: (() => unknown)[] = [];

afterEach(async () => {
  for (const end of toEnd.splice(0).toReversed()) await end();
});

async function serve(env: Readonly<Record<string, string>>): Promise<TestService> {
  const s = await startTestService({ env });
  toEnd.push(() => s.service.stop());
  return s;
}

describe("audit entries", () => {
  it("go to a collector of syslog as RFC 5424, each an octet-counted frame", async () => {
    const collector = await startSyslog();
    toEnd.push(() => collector.close());
    const s = await serve({ SOJOURN_AUDIT_SYSLOG: `tcp://127.0.0.1:${collector.port}` });
    const { id } = await s.open("ann");
    const found = await eventually(() => collector.got.find(({ text }) => text.includes(id)));
    expect(found).toMatchObject({ version: 1, app: "sojourn-server", id: "session-established" });
    expect(found.priority).toBe(85);
    expect(JSON.parse(found.text)).toMatchObject({ subject: "ann", session: id });
  });

  it("go to a collector of OTLP logs", async () => {
    const collector = await startOtlp();
    toEnd.push(() => collector.close());
    const s = await serve({ SOJOURN_AUDIT_OTLP: collector.url });
    const { id } = await s.open("ann");
    const found = await eventually(() =>
      collector.got.find((one) => one["sojourn.session"] === id),
    );
    expect(found).toMatchObject({
      eventName: "sojourn.session-established",
      "sojourn.subject": "ann",
      "sojourn.detail": { kind: "user", amr: ["pwd"] },
    });
  });

  it("wait for a collector that is down, refuses, or closes at once, and come all and in order", async () => {
    const first = await startSyslog();
    const { port } = first;
    first.instead = (socket) => void socket.destroy();
    const otlp = await startOtlp();
    toEnd.push(() => otlp.close());
    otlp.answer = (response) => {
      response.writeHead(503, { "retry-after": "1" }).end();
      return false;
    };
    const s = await serve({
      SOJOURN_AUDIT_SYSLOG: `tcp://127.0.0.1:${port}`,
      SOJOURN_AUDIT_OTLP: otlp.url,
    });
    const ids: string[] = [];
    for (let each = 0; each < 5; each += 1) ids.push((await s.open("ann")).id);
    await eventually(() => s.logs.find((line) => line.includes("consumer trouble")));
    await first.close();
    for (let each = 0; each < 5; each += 1) ids.push((await s.open("ann")).id);
    await eventually(() => (otlp.headers.length > 1 ? true : undefined));
    const collector = await startSyslog(port);
    toEnd.push(() => collector.close());
    otlp.answer = (response) => {
      response.writeHead(200).end();
      return true;
    };
    const named = (sessions: readonly unknown[]): readonly unknown[] =>
      [...new Set(sessions)].filter((id) => ids.includes(String(id)));
    const inSyslog = (): readonly unknown[] =>
      named(collector.got.map(({ text }) => (JSON.parse(text) as Json)["session"]));
    const inOtlp = (): readonly unknown[] => named(otlp.got.map((one) => one["sojourn.session"]));
    await eventually(() => (inSyslog().length + inOtlp().length === 20 ? true : undefined));
    expect([inSyslog(), inOtlp()]).toEqual([ids, ids]);
    // Said once for each outage, and when it was over.
    const said = (what: string): number => s.logs.filter((line) => line.includes(what)).length;
    await eventually(() => (said("consumer goes on") === 2 ? true : undefined));
    expect(said("consumer trouble")).toBe(2);
  });
});

/** As they are read from the trail. */
function entry(more: Partial<ReadEntry> = {}): ReadEntry {
  const told = { tenant: "default", name: "session-ended", actor: "key:shop", subject: "ann" };
  return { seq: 7, id: "e.1", at: 1_800_000_000_000, ...told, ...more };
}

const odd = 'x\r\n<0>1 - - - - - - "q" ] \u001b[31m\u0000\u2028\u202e\ud800 é';

describe("a message of syslog", () => {
  it("[LG-04] is one line of ASCII with its place in the chain, whatever is in the entry", () => {
    const line = syslogOf(entry({ cause: odd, name: "token-fork" }), "host");
    expect(line).toMatch(/^[ -~]+$/);
    expect(parseSyslog(line)).toMatchObject({
      priority: 10 * 8 + 3,
      timestamp: "2027-01-15T08:00:00.000Z",
      host: "host",
      data: '[meta sequenceId="7"]',
    });
    expect(JSON.parse(parseSyslog(line).text)).toMatchObject({ cause: odd });
    expect(syslogOf(entry({ seq: 2_147_483_648 }))).toContain('sequenceId="1"]');
  });

  it("goes over TLS to a collector whose certificate is proved, and to no other", async () => {
    const place = folder();
    toEnd.push(() => place.remove());
    const { key, cert } = makeCertificate("DNS:localhost,IP:127.0.0.1");
    const caFile = join(place.path, "ca.pem");
    writeFileSync(caFile, cert);
    const collector = await startSyslog(0, { key, cert });
    toEnd.push(() => collector.close());
    const { port } = collector;
    const limit = { timeoutMs: 20_000 };
    for (const host of ["localhost", "127.0.0.1"]) {
      await sendSyslog({ kind: "tls", host, port, caFile }, [entry(), entry()], limit);
    }
    expect(collector.got).toHaveLength(4);
    const unproved = sendSyslog({ kind: "tls", host: "localhost", port }, [entry()], limit);
    await expect(unproved).rejects.toMatchObject({ code: "DEPTH_ZERO_SELF_SIGNED_CERT" });
    expect(collector.got).toHaveLength(4);
  });

  it("was not taken by a collector that does not read, and none waits for ever", async () => {
    const collector = await startSyslog();
    toEnd.push(() => collector.close());
    collector.instead = (socket) => void socket.pause();
    const to = { kind: "tcp", host: "127.0.0.1", port: collector.port } as const;
    const many = Array.from({ length: 100 }, () => entry());
    const sent = sendSyslog(to, many, { timeoutMs: 500 });
    await expect(sent).rejects.toMatchObject({ code: "ETIMEDOUT" });
  });

  it("goes over UDP as one datagram", async () => {
    const collector = await startUdpSyslog();
    toEnd.push(() => collector.close());
    const to = { kind: "udp", host: "127.0.0.1", port: collector.port } as const;
    await sendSyslog(to, [entry(), entry({ cause: "x".repeat(70_000) })], { timeoutMs: 1_000 });
    await eventually(() => (collector.got.length === 2 ? true : undefined));
    expect(JSON.parse(collector.got[0]?.text ?? "")).toMatchObject({ subject: "ann" });
  });
});

describe("a batch of OTLP logs", () => {
  const options = { timeoutMs: 10_000, onRejected: () => undefined };

  it("carries the headers that are set, and every member of the entry", async () => {
    const collector = await startOtlp();
    toEnd.push(() => collector.close());
    const place = { url: collector.url, headers: { authorization: "Bearer canary" } };
    const detail = { amr: ["pwd"], deep: { on: true, at: 1.5, none: null } };
    await sendOtlp(place, [entry({ cause: odd, detail })], options);
    expect(collector.headers[0]).toMatchObject({ authorization: "Bearer canary" });
    expect(collector.got[0]).toMatchObject({
      timeUnixNano: "1800000000000000000",
      severityNumber: 9,
      "sojourn.seq": 7,
      "sojourn.cause": odd,
      "sojourn.detail": { amr: ["pwd"], deep: { on: true, at: 1.5, none: "null" } },
    });
  });

  it("is sent in parts to who finds it too large, and counted where some are refused", async () => {
    const collector = await startOtlp();
    toEnd.push(() => collector.close());
    collector.answer = (response, records) => {
      const fits = records.length <= 3;
      const partialSuccess = { rejectedLogRecords: "1", errorMessage: "no" };
      response.writeHead(fits ? 200 : 413).end(fits ? JSON.stringify({ partialSuccess }) : "");
      return fits;
    };
    const rejected: number[] = [];
    const all = Array.from({ length: 10 }, (_, at) => entry({ seq: at + 1 }));
    const place = { url: collector.url, headers: {} };
    await sendOtlp(place, all, { ...options, onRejected: (count) => rejected.push(count) });
    expect(collector.got.map((one) => one["sojourn.seq"])).toEqual(all.map(({ seq }) => seq));
    expect(rejected).toEqual([1, 1, 1, 1]);
  });

  it("was not taken by who answers otherwise, leads elsewhere, or hangs", async () => {
    const elsewhere = await startOtlp();
    const collector = await startOtlp();
    toEnd.push(
      () => collector.close(),
      () => elsewhere.close(),
    );
    const place = { url: collector.url, headers: {} };
    for (const [status, code] of [
      [400, "HTTP 400"],
      [401, "HTTP 401"],
      [413, "HTTP 413"],
      [429, "HTTP 429"],
      [307, "TypeError"],
    ] as const) {
      collector.answer = (response) => {
        response.writeHead(status, { location: elsewhere.url }).end();
        return false;
      };
      await expect(sendOtlp(place, [entry()], options)).rejects.toMatchObject({ code });
    }
    expect(elsewhere.got).toEqual([]);
    collector.answer = () => false;
    const slow = sendOtlp(place, [entry()], { ...options, timeoutMs: 300 });
    await expect(slow).rejects.toMatchObject({ code: "TimeoutError" });
  });
});

describe("settings of sinks, webhooks and analytics", () => {
  it("are refused where they cannot be meant, and nothing of a password is repeated", () => {
    for (const [name, value] of [
      ["SOJOURN_AUDIT_SYSLOG", "127.0.0.1:514"],
      ["SOJOURN_AUDIT_SYSLOG", "tcp://host:0"],
      ["SOJOURN_AUDIT_SYSLOG", "tcp://host:601?ca=/x"],
      ["SOJOURN_AUDIT_SYSLOG", "tls://canary:canary@host"],
      ["SOJOURN_AUDIT_OTLP", "collector:4318"],
      ["SOJOURN_AUDIT_OTLP_HEADERS", "canary"],
      ["SOJOURN_WEBHOOK_NETWORKS", "10.0.0.1"],
      ["SOJOURN_ANALYTICS_KEEP_DAYS", "36601"],
    ] as const) {
      const env = { SOJOURN_SECRETS: SECRET, SOJOURN_STORE: "memory:", [name]: value };
      let said = "";
      try {
        readConfig({ flags: {}, env });
      } catch (error) {
        said = String(error);
      }
      expect([name, said.includes("accepted"), said.includes("canary")]).toEqual([
        name,
        true,
        false,
      ]);
    }
    const env = { SOJOURN_SECRETS: SECRET, SOJOURN_AUDIT_SYSLOG: "tls://[::1]?ca=%2Fca.pem" };
    expect(readConfig({ flags: {}, env }).consumers.syslog).toEqual({
      kind: "tls",
      host: "::1",
      port: 6_514,
      caFile: "/ca.pem",
    });
  });
});
