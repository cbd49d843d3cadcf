/** What the audit trail adds to a request of the service, and what carrying it on takes besides. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fastify from "fastify";
import type { FastifyRequest } from "fastify";
import { generateSecret } from "sojourn/tokens";
import { circumstancesReader } from "../../packages/sojourn-server/src/api/circumstances.ts";
import { requestScope } from "../../packages/sojourn-server/src/api/log.ts";
import { AuditLog } from "../../packages/sojourn-server/src/audit/audit-log.ts";
import { Spool } from "../../packages/sojourn-server/src/audit/spool.ts";
import { readConfig } from "../../packages/sojourn-server/src/config/config.ts";
import { ControlStore } from "../../packages/sojourn-server/src/control/control-store.ts";
import { SqliteControl } from "../../packages/sojourn-server/src/control/sqlite-control.ts";
import { compare } from "../harness.ts";
import type { Effort } from "../harness.ts";
import { atMost } from "../report.ts";
import type { Section } from "../report.ts";

/** As in the service: a batch is one transaction. */
const BATCH = 64;
const AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";

export async function audit(effort: Effort): Promise<Section> {
  const folder = mkdtempSync(join(tmpdir(), "sojourn-bench-audit-"));
  const secret = generateSecret();
  const env = { SOJOURN_SECRETS: secret, SOJOURN_STORE: `sqlite:${folder}/sojourn.db` };
  const circumstances = circumstancesReader(readConfig({ flags: {}, env }));
  const sql = new SqliteControl(join(folder, "control.db"));
  const { trail } = new ControlStore(sql, [secret], Date.now);
  const spool = (owner: string): Spool =>
    new Spool({ folder: join(folder, "spool"), owner, fsync: false });
  const log = new AuditLog({ trail, spool, now: Date.now, background: false });
  const request = await aRequest();
  let serial = 0;
  const record = (): void => {
    serial += 1;
    log.event(
      {
        name: "session-ended",
        at: Date.now(),
        tenant: "default",
        subject: `user-${serial % 1_000}`,
        session: "ses_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        sidRef: "PH_OmC3iavzK1VtP",
        actor: "key:shop-api",
        cause: "lost_laptop",
        reason: "revoked",
        kind: "user",
        lastedMs: 3_600_000,
      },
      circumstances(),
    );
  };
  const figures = await compare(
    [
      { name: "an event taken down", run: () => requestScope.run(request, record) },
      {
        name: `an entry chained in SQLite, ${BATCH} at once`,
        operations: BATCH,
        run: () => {
          serial += 1;
          const batch = Array.from({ length: BATCH }, (_, at) => ({
            ...log.entry("session-ended", "key:shop-api", {
              subject: `user-${(serial + at) % 1_000}`,
              reason: "revoked",
            }),
            id: `${serial}.${at}`,
          }));
          return trail.append(batch);
        },
      },
    ],
    effort,
  );
  await sql.close();
  rmSync(folder, { recursive: true });
  const [taken] = figures;
  return {
    title: "Audit",
    figures,
    goals: [atMost("added to an operation", taken?.cpuUs ?? Number.NaN, 10, "µs cpu")],
    notes: ["the second is worked off beside requests, in the same process"],
  };
}

/** A real one, with what Fastify hangs on it. */
async function aRequest(): Promise<FastifyRequest> {
  const app = fastify();
  app.decorateRequest("caller", null);
  app.decorateRequest("exchange", null);
  let request: FastifyRequest | undefined;
  app.get("/", async (one) => {
    request = one;
    return {};
  });
  await app.inject({ url: "/", headers: { "user-agent": AGENT } });
  if (request === undefined) throw new Error("no request came");
  return request;
}
