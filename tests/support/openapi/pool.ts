/**
 * What answers have told so far, so that generated requests speak of things that exist: ids,
 * tokens, cursors, versions. An operation that is new is fed by its own answers.
 */

import { bodyOf } from "./document.ts";
import type { Route } from "./document.ts";

const KEPT_MAX = 12;
const TEXT_MAX = 2_048;
const DEPTH_MAX = 8;

/** Fields that take what other fields of answers hold. */
const ALIASES: Readonly<Record<string, readonly string[]>> = {
  tokens: ["token"],
  refresh_token: ["refreshToken"],
  except: ["/v1/sessions|id"],
  parent: ["/v1/sessions|id"],
  session: ["/v1/sessions|id"],
  tenant: ["/v1/tenants|id"],
  cursor: ["nextCursor", "prevCursor"],
  since: ["position"],
};

/** `/v1/sessions` of `/v1/sessions/{id}/revoke`. */
function collectionOf(path: string): string {
  const [head = ""] = path.split("/{");
  return head;
}

/** Operations that change what this one is about, or answer with what it takes. */
export function producersOf(route: Route, routes: readonly Route[]): readonly Route[] {
  const fields = Object.keys(bodyOf(route)?.schema["properties"] ?? {});
  const names = [...fields, ...fields.flatMap((name) => ALIASES[name] ?? [])];
  return routes.filter((one) => {
    if (one.path.startsWith(collectionOf(route.path))) return true;
    const { default: _problem, ...good } = one.operation.responses;
    const told = JSON.stringify(good);
    return names.some((name) => told.includes(`"${name}":`));
  });
}

export class Pool {
  readonly #texts = new Map<string, string[]>();
  readonly #etags = new Map<string, string>();

  /** Only the newest of each: what was just made, and nothing that has ended since. */
  newestOnly = false;

  /** What it stands on itself, and must not end. */
  readonly spared = new Set<string>();

  add(name: string, text: string): void {
    if (this.spared.has(text)) return;
    const all = (this.#texts.get(name) ?? []).filter((one) => one !== text);
    this.#texts.set(name, [...all, text].slice(-KEPT_MAX));
  }

  /** Texts that a parameter or field of this name may hold, newest last. */
  texts(name: string, path: string): readonly string[] {
    const collection = collectionOf(path);
    const aliases = ALIASES[name] ?? [];
    const own = [name, ...aliases].map((one) => `${collection}|${one}`);
    const names = [...own, ...aliases, name];
    for (const one of names) {
      const found = this.#texts.get(one);
      if (found !== undefined) return this.newestOnly ? found.slice(-1) : found;
    }
    return [];
  }

  /** Everything that was heard, for fields that nobody thought of. */
  any(): readonly string[] {
    return [...this.#texts.values()].flatMap((texts) => texts.slice(-2));
  }

  etags(): readonly string[] {
    return [...this.#etags.values()].slice(-KEPT_MAX);
  }

  /** The newest version of a resource. */
  etagOf(address: string): string | undefined {
    return this.#etags.get(address);
  }

  /** @param path The pattern of the operation. @param address The path that was asked. */
  hear(path: string, address: string, answer: { json: unknown; etag: string | undefined }): void {
    if (answer.etag !== undefined) this.#etags.set(address, answer.etag);
    this.#walk(collectionOf(path), answer.json, 0);
  }

  #walk(collection: string, value: unknown, depth: number): void {
    if (depth > DEPTH_MAX || typeof value !== "object" || value === null) return;
    for (const [name, inner] of Object.entries(value)) {
      if (typeof inner === "string") this.#keep(collection, name, inner);
      else this.#walk(collection, inner, depth + 1);
    }
  }

  #keep(collection: string, name: string, text: string): void {
    if (text === "" || text.length > TEXT_MAX) return;
    this.add(`${collection}|${name}`, text);
    this.add(name, text);
  }
}
