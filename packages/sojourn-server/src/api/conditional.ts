/** `ETag` and `If-Match`: the version a caller read is the version it changes. */
import type { FastifyReply, FastifyRequest } from "fastify";
import { problemOf } from "sojourn";
import type { Session } from "sojourn";
import { Refusal } from "./problems.ts";

export function etagOf(version: string): string {
  return `"${version}"`;
}

export function setEtag(reply: FastifyReply, version: string): void {
  void reply.header("etag", etagOf(version));
}

/** @returns the versions of `If-Match`; `undefined` when it is absent or `*`. */
function expectedVersions(request: FastifyRequest): readonly string[] | undefined {
  const header = request.headers["if-match"];
  if (header === undefined || header.trim() === "*") return undefined;
  return header.split(",").map((part) => part.trim().replaceAll(/^"|"$/g, ""));
}

/** @returns the one version of `If-Match`; `undefined` when it is absent or `*`. */
export function expectedVersion(request: FastifyRequest): string | undefined {
  return expectedVersions(request)?.[0];
}

/** @returns true when the caller named a version. @throws {Refusal} 412 when it is another one. */
export function checkMatch(request: FastifyRequest, session: Session): boolean {
  return checkVersion(request, session.version);
}

/** @returns true when the caller named a version. @throws {Refusal} 412 when it is another one. */
export function checkVersion(request: FastifyRequest, version: string): boolean {
  const expected = expectedVersions(request);
  if (expected === undefined) return false;
  if (expected.includes(version)) return true;
  throw versionConflict(version);
}

export function versionConflict(version?: string): Refusal {
  return new Refusal(problemOf("version_conflict", version === undefined ? {} : { version }));
}

/** @throws {Refusal} 428 when the request does not say which version it changes. */
export function requireMatch(request: FastifyRequest): void {
  if (request.headers["if-match"] === undefined) {
    throw new Refusal(problemOf("precondition_required"));
  }
}
