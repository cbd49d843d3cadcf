/** Names that could be mistaken for one another, and facts that every store keeps. */
import { hold, outcome, same } from "../expect.ts";
import { found, handles, opened, revoked } from "../store-case.ts";
import type { StoreCase } from "../store-case.ts";
import { AWKWARD_TEXTS } from "./data.ts";
import { idsIn, listed } from "./list.ts";

const SEPARATORS = [":", "/", "|", "\u0000", ",", ".", '","', "\u001f", "%00", " "];

export const nameCases: readonly StoreCase[] = [
  {
    name: "keeps tenants and subjects apart whatever separators they contain [TN-01]",
    async run(store, kit) {
      for (const separator of SEPARATORS) {
        const base = kit.tenant();
        const left = kit.recordOf({ tenant: base, subject: `b${separator}c` });
        const right = kit.recordOf({ tenant: `${base}${separator}b`, subject: "c", id: left.id });
        await opened(store, left, { data: { of: "left" } });
        await opened(store, right, { data: { of: "right" } });
        same((await found(store, left)).data, { of: "left" }, "the left one's data");
        same((await found(store, right)).data, { of: "right" }, "the right one's data");
        same((await listed(store, base, `b${separator}c`, kit.now)).length, 1, "the left list");
        same(await listed(store, base, "b", kit.now), [], "a list of part of a name");
        const end = revoked(kit.now);
        await store.revokeSubject(`${base}${separator}b`, "c", { now: kit.now, end });
        same((await found(store, left)).subjectEpoch, 0, "the left one's epoch");
        same((await found(store, left)).record.state, "active", "the left session");
        await store.revoke({ tenant: left.tenant, id: right.id }, end, { now: kit.now });
        const { epoch } = (await found(store, right)).record;
        same(epoch, 0, "the right session's own epoch");
      }
    },
  },
  {
    name: "keeps any text as subject and tells them apart",
    async run(store, kit) {
      const tenant = kit.tenant();
      const records = AWKWARD_TEXTS.map((subject) => kit.recordOf({ tenant, subject }));
      for (const record of records) await opened(store, record);
      for (const record of records) {
        const subject = record.subject ?? "";
        const list = await listed(store, tenant, subject, kit.now);
        same(idsIn(list), [record.id], `the list of ${JSON.stringify(subject)}`);
      }
      for (const record of records) {
        const subject = record.subject ?? "";
        await store.revokeSubject(tenant, subject, { now: kit.now, end: revoked(kit.now) });
        same(await listed(store, tenant, subject, kit.now), [], "after revoke-all");
      }
    },
  },
  {
    name: "keeps any text in the record's free fields",
    async run(store, kit) {
      const tenant = kit.tenant();
      for (const text of AWKWARD_TEXTS) {
        const device = { id: text, label: text, address: text };
        const record = kit.recordOf({ tenant, device, roles: [text], client: text, kind: text });
        await opened(store, record);
        same((await found(store, record)).record, record, "the record");
        const end = { ...revoked(kit.now), cause: text, actor: text };
        await store.revoke(record, end, { now: kit.now });
        same((await found(store, record)).record.end, end, "the end");
      }
    },
  },
  {
    name: "keeps the first installation for every caller",
    async run(store, kit) {
      const candidates = Array.from({ length: 10 }, () => ({ id: kit.id(), bucketKey: kit.id() }));
      const stores = handles(store, kit);
      const answers = await Promise.all(
        candidates.map((one, index) => (stores[index % 2] ?? store).installation(one)),
      );
      for (const answer of answers) same(answer, answers[0], "the installation that is kept");
      same(await store.installation({ id: "late", bucketKey: "late" }), answers[0], "later on");
    },
  },
  {
    name: "tells its health, and keeps its incarnation while nothing was lost",
    async run(store, kit) {
      const first = await store.health();
      await opened(store, kit.recordOf({ tenant: kit.tenant() }));
      const second = await store.health();
      same(second.incarnation, first.incarnation, "the incarnation");
      same(second.incarnationSince, first.incarnationSince, "since when");
      same([first.role, first.writable], ["primary", true], "role and readiness");
      hold(first.lagMs >= 0, "the lag is no negative span");
    },
  },
  {
    name: "shows one handle at once what another wrote",
    needs: (capabilities) => capabilities.shared,
    async run(store, kit) {
      const { peer } = kit;
      hold(peer !== undefined, "the cases of a shared store are run with a second handle");
      const record = kit.recordOf({ tenant: kit.tenant() });
      await opened(store, record);
      same((await found(peer, record)).record, record, "a create");
      outcome(
        await peer.patchData(record, [{ op: "set", key: "a", value: "1" }]),
        "patched",
        "data",
      );
      same((await found(store, record)).data, { a: "1" }, "data");
      await peer.touch([{ ref: record, seenAt: kit.now + 5 }]);
      same((await found(store, record)).record.seenAt, kit.now + 5, "a touch");
      await peer.revoke(record, revoked(kit.now + 6), { now: kit.now + 6 });
      same((await found(store, record)).record.state, "ended", "a revocation");
      const { epoch } = await peer.revokeSubject(record.tenant, "alice", {
        now: kit.now + 7,
        end: revoked(kit.now + 7),
      });
      same(await store.subjectEpoch(record.tenant, "alice"), epoch, "an epoch");
      same((await found(store, record)).subjectEpoch, epoch, "an epoch with the session");
    },
  },
];
