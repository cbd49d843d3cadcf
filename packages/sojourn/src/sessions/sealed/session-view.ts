/** A session as the service writes it, read back into what a store would have told of it. */
import type { DataSnapshot } from "../../engine/data.ts";
import { BINDING_TIERS } from "../../engine/record.ts";
import type {
  Assurance,
  Device,
  DeviceBinding,
  Factor,
  SessionSummary,
} from "../../engine/record.ts";
import { idOfHandle } from "../../protocol/words.ts";
import { readInstant } from "../../tokens/instants.ts";

export type Json = Readonly<Record<string, unknown>>;

export interface ReadSession {
  readonly session: SessionSummary;
  readonly data: DataSnapshot;
}

const SECOND_MS = 1_000;

/** @throws {TypeError} naming the member that is no part of a live session. */
export function readSessionView(value: unknown): ReadSession {
  const view = objectOf(value, "session");
  const { device, roles, clientId: client, parent, actor, remember } = view;
  const state = stateOf(view);
  const summary = {
    id: idOf(view["id"]),
    tenant: textOf(view, "tenant"),
    subject: view["subject"] === null ? null : textOf(view, "subject"),
    kind: textOf(view, "kind"),
    version: Number.parseInt(textOf(view, "version"), 10),
    state,
    epoch: countOf(view, "subjectEpoch"),
    createdAt: instantOf(view, "createdAt"),
    authenticatedAt: instantOf(view, "authenticatedAt"),
    seenAt: instantOf(view, "seenAt"),
    idleMs: countOf(view, "idleSeconds") * SECOND_MS,
    idleLockFactors: view["idleFactors"] === undefined ? 0 : countOf(view, "idleFactors"),
    absoluteExpiresAt: instantOf(view, "absoluteExpiresAt"),
    assurance: assuranceOf(view["assurance"]),
    lockFactors: state === "locked" ? lockOf(view) : undefined,
    device: device as Device | undefined,
    roles: roles as readonly string[] | undefined,
    client,
    parent,
    actor,
    remember,
    binding: view["binding"] === undefined ? undefined : bindingOf(view["binding"]),
  };
  const data = state === "active" ? objectOf(view["data"], "session.data") : {};
  return { session: present(summary) as unknown as SessionSummary, data };
}

/** Absent members stay absent: the copy is compared and sealed as it is. */
function present(members: Json): Json {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined));
}

function stateOf(view: Json): "active" | "pending" | "locked" {
  const { state } = view;
  if (state === "active" || state === "pending" || state === "locked") return state;
  throw flaw("session.state");
}

function lockOf(view: Json): number {
  return countOf(objectOf(view["required"], "session.required"), "factors");
}

function idOf(handle: unknown): string {
  const id = typeof handle === "string" ? idOfHandle(handle) : undefined;
  if (id === undefined) throw flaw("session.id");
  return id;
}

function assuranceOf(value: unknown): Assurance {
  const { acr, amr, authTime, factors, elevatedUntil } = objectOf(value, "session.assurance");
  if (!Array.isArray(amr) || !Array.isArray(factors)) throw flaw("session.assurance");
  const given = factors.map((one: unknown): Factor => {
    const factor = objectOf(one, "session.assurance.factors");
    return { method: textOf(factor, "method"), at: instantOf(factor, "at") };
  });
  const elevated = elevatedUntil === undefined ? undefined : readInstant(elevatedUntil);
  const assurance = { acr, amr, authTime: instantOf({ authTime }, "authTime"), factors: given };
  return present({ ...assurance, elevatedUntil: elevated }) as unknown as Assurance;
}

/** A copy without it would be worth something on any device. */
function bindingOf(value: unknown): DeviceBinding {
  const binding = objectOf(value, "session.binding");
  const tier = BINDING_TIERS.find((known) => known === binding["tier"]);
  if (tier === undefined) throw flaw("session.binding.tier");
  return {
    tier,
    key: textOf(binding, "key"),
    thumbprint: textOf(binding, "thumbprint"),
    boundAt: instantOf(binding, "boundAt"),
    proofs: countOf(binding, "proofs"),
  };
}

export function objectOf(value: unknown, path: string): Json {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Json;
  throw flaw(path);
}

function textOf(fields: Json, name: string): string {
  const value = fields[name];
  if (typeof value === "string" && value !== "") return value;
  throw flaw(`session.${name}`);
}

function countOf(fields: Json, name: string): number {
  const value = fields[name];
  if (typeof value === "number" && Number.isFinite(value) && value >= 0) return value;
  throw flaw(`session.${name}`);
}

function instantOf(fields: Json, name: string): number {
  const at = readInstant(fields[name]);
  if (at === undefined) throw flaw(`session.${name}`);
  return at;
}

function flaw(path: string): TypeError {
  return new TypeError(
    `the service's answer has no usable ${path}: is it Sojourn, and of this version?`,
  );
}
