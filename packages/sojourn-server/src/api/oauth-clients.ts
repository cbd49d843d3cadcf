/**
 * Who asks at the OAuth endpoints. A confidential client is a service key: `client_id` is the key's
 * name, `client_secret` the key (RFC 6749 2.3.1, HTTP Basic). A public client is configured by its
 * `client_id` and proves nothing: what it holds is bound to it, and may be bound to a key.
 */
import type { FastifyRequest } from "fastify";
import type { Caller } from "../control/key-desk.ts";
import { Refusal } from "./problems.ts";
import { admitTenant } from "./tenant-guard.ts";
import type { House } from "./types.ts";

export interface OAuthClient {
  readonly id: string;
  readonly tenant: string;
  /** Absent for a public client. */
  readonly key?: Caller;
}

/** An answer of the OAuth endpoints that is an error: RFC 6749 section 5.2. */
export class OAuthError extends Error {
  readonly code: string;
  readonly status: number;
  readonly description: string;

  constructor(code: string, description: string, status = 400) {
    super(code);
    this.name = "OAuthError";
    this.code = code;
    this.status = status;
    this.description = description;
  }
}

export type Form = ReadonlyMap<string, string>;

export const FORM = "application/x-www-form-urlencoded";

/** The form of a request. @throws {OAuthError} for JSON, and for no body at all. */
export function formOf(request: FastifyRequest): Form {
  const { body: form } = request;
  if (form instanceof Map) return form as Form;
  throw new OAuthError("invalid_request", `Send a form: Content-Type: ${FORM}.`);
}

const FIELDS_MAX = 64;

/** @throws {OAuthError} for a parameter that comes twice (RFC 6749 section 3.2). */
export function readForm(text: string): Form {
  const form = new Map<string, string>();
  const pairs = [...new URLSearchParams(text)];
  if (pairs.length > FIELDS_MAX) throw new OAuthError("invalid_request", "Too many parameters.");
  const names = new Set<string>();
  for (const [name, value] of pairs) {
    if (names.has(name)) {
      throw new OAuthError("invalid_request", "A parameter is given more than once.");
    }
    names.add(name);
    // Sent without a value is not sent: RFC 6749 section 3.2.
    if (value !== "") form.set(name, value);
  }
  return form;
}

/** @throws {OAuthError} `invalid_client`; which part was wrong is told to nobody. */
export async function clientOf(
  house: House,
  request: FastifyRequest,
  form: Form,
): Promise<OAuthClient> {
  const { authorization } = request.headers;
  const named = form.get("client_id");
  if (authorization === undefined) return admitted(house, publicClient(house, form, named));
  const [id, secret] = basicOf(authorization) ?? [];
  const key = secret === undefined ? undefined : await house.keys.authenticate(secret);
  if (key === undefined || key.name !== id || (named ?? id) !== id) throw refused();
  return admitted(house, { id, tenant: key.tenant, key });
}

/** @throws {OAuthError} `unauthorized_client` while its tenant is suspended. */
async function admitted<Who extends { readonly tenant: string }>(
  house: House,
  who: Who,
): Promise<Who> {
  try {
    await admitTenant(house, who.tenant);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    if (error.answer.problem.code !== "tenant_suspended") throw refused();
    throw new OAuthError("unauthorized_client", error.answer.problem.detail);
  }
  return who;
}

function publicClient(house: House, form: Form, id: string | undefined): OAuthClient {
  const known = id !== undefined && house.tokens?.clients.includes(id) === true;
  if (!known || form.has("client_secret")) throw refused();
  return { id, tenant: house.config.library.tenant ?? "default" };
}

const BEARER = /^Bearer (sj1k_[\w-]{1,512})$/i;

/** A service key as Bearer, or as a client: who may ask what a token is worth. RFC 7662 2.1. */
export async function readerOf(house: House, request: FastifyRequest, form: Form): Promise<Caller> {
  const [, bearer] = BEARER.exec(request.headers.authorization ?? "") ?? [];
  const key =
    bearer === undefined
      ? (await clientOf(house, request, form)).key
      : await house.keys.authenticate(bearer);
  if (key === undefined) throw refused();
  if (!key.scopes.includes("sessions:read")) {
    throw new OAuthError("insufficient_scope", "The key lacks sessions:read.", 403);
  }
  return admitted(house, key);
}

const BASIC = /^Basic ([A-Za-z0-9+/]{1,1024}={0,2})$/i;

function basicOf(authorization: string): readonly [string, string] | undefined {
  const [, encoded] = BASIC.exec(authorization) ?? [];
  if (encoded === undefined) return undefined;
  const text = Buffer.from(encoded, "base64").toString("utf8");
  const colon = text.indexOf(":");
  if (colon < 1) return undefined;
  // Both halves are form-encoded first: RFC 6749 section 2.3.1.
  const [id, secret] = [text.slice(0, colon), text.slice(colon + 1)].map(decoded);
  return id === undefined || secret === undefined ? undefined : [id, secret];
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text.replaceAll("+", " "));
  } catch {
    return undefined;
  }
}

function refused(): OAuthError {
  return new OAuthError("invalid_client", "The client is not known or not proved.", 401);
}
