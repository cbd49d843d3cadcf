/** What the service keeps besides sessions: tenants, service keys, replies, proofs, the trail. */
import { AddressTable } from "../audit/address-table.ts";
import { Signer } from "../audit/signer.ts";
import { TrailReader } from "../audit/trail-reader.ts";
import { Trail } from "../audit/trail.ts";
import { ErasureTable } from "../privacy/erasure-table.ts";
import { TenantTable } from "../tenants/tenant-table.ts";
import { Wrapping } from "../tenants/wrapping.ts";
import { AnalyticsTable } from "../analytics/analytics-table.ts";
import { DeliveryTable } from "../webhooks/delivery-table.ts";
import { EndpointTable } from "../webhooks/endpoint-table.ts";
import type { ControlSql } from "./control-sql.ts";
import { ConsoleApprovals } from "./console-approvals.ts";
import { ConsolePasskeys } from "./console-passkeys.ts";
import { ConsoleUsers } from "./console-users.ts";
import { KeyTable } from "./key-table.ts";
import { LockTable } from "./lock-table.ts";
import { MetaTable } from "./meta-table.ts";
import { Proofs } from "./proofs.ts";
import { Replies } from "./replies.ts";

export class ControlStore {
  readonly keys: KeyTable;
  readonly locks: LockTable;
  readonly replies: Replies;
  readonly proofs: Proofs;
  readonly meta: MetaTable;
  readonly tenants: TenantTable;
  readonly wrapping: Wrapping;
  readonly trail: Trail;
  readonly trailReader: TrailReader;
  readonly users: ConsoleUsers;
  readonly passkeys: ConsolePasskeys;
  readonly approvals: ConsoleApprovals;
  readonly addresses: AddressTable;
  readonly erasures: ErasureTable;
  readonly analytics: AnalyticsTable;
  readonly endpoints: EndpointTable;
  readonly deliveries: DeliveryTable;
  /** For who writes several of these in one transaction. */
  readonly sql: ControlSql;

  constructor(sql: ControlSql, secrets: readonly string[], now: () => number) {
    this.sql = sql;
    this.keys = new KeyTable(sql);
    this.locks = new LockTable(sql);
    this.meta = new MetaTable(sql);
    this.replies = new Replies(sql, secrets, now);
    this.tenants = new TenantTable(sql);
    this.wrapping = new Wrapping(secrets);
    this.proofs = new Proofs(sql, { now });
    this.users = new ConsoleUsers(sql, now);
    this.approvals = new ConsoleApprovals(sql, now);
    this.passkeys = new ConsolePasskeys(sql);
    const signer = new Signer(secrets);
    this.trail = new Trail({ sql, signer, now });
    this.addresses = new AddressTable(sql);
    this.erasures = new ErasureTable(sql);
    this.trailReader = new TrailReader(sql, signer);
    this.analytics = new AnalyticsTable(sql);
    this.endpoints = new EndpointTable(sql);
    this.deliveries = new DeliveryTable(sql);
  }

  close(): Promise<void> {
    return this.sql.close();
  }
}
