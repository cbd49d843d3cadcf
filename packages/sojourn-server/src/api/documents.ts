/** What routes say of themselves in the OpenAPI document. */
import { z } from "zod";
import { problem } from "./schemas.ts";

const problemContent = {
  description: "What went wrong, as RFC 9457 problem; `code` is stable.",
  content: { "application/problem+json": { schema: problem } },
};

interface Replies<Schema extends z.ZodType> {
  readonly schema: Schema;
  readonly description: string;
}

interface Told {
  readonly description: string;
  readonly content: Readonly<Record<string, { readonly schema: z.ZodType }>>;
}

/** @param signed The type of the same as a JWT, for those who accept that. */
function told({ schema, description }: Replies<z.ZodType>, signed?: string): Told {
  const jwt = signed === undefined ? {} : { [signed]: { schema: z.string() } };
  return { description, content: { "application/json": { schema }, ...jwt } };
}

/** 200, and a problem for everything else. */
export function answers<Schema extends z.ZodType>(schema: Schema, description: string): object {
  return { 200: told({ schema, description }), default: problemContent };
}

/** What a browser's side of DBSC understands: a status, and words for nobody. */
export function answersBrowser<Schema extends z.ZodType>(schema: Schema, says: string): object {
  const content = { "text/plain": { schema: z.literal("") }, ...problemContent.content };
  const ends = { description: "The browser's side ends: empty, or a problem.", content };
  const later = { description: "The browser asks again: empty, or a problem.", content };
  const good = told({ schema, description: says });
  return { 200: good, "4XX": ends, 503: later, default: problemContent };
}

/** 200, and an error of RFC 6749 section 5.2 for everything else. */
export function oauthAnswers<Schema extends z.ZodType>(
  schema: Schema,
  says: string,
  signed?: string,
): object {
  const error = z.strictObject({ error: z.string(), error_description: z.string() });
  const refused = told({ schema: error, description: "RFC 6749 section 5.2." });
  const off = { ...problemContent, description: "Tokens are off here." };
  return { 200: told({ schema, description: says }, signed), 404: off, default: refused };
}

/** The same, or signed. */
export function answersSigned<Schema extends z.ZodType>(
  schema: Schema,
  description: string,
  signed: string,
): object {
  return { 200: told({ schema, description }, signed), default: problemContent };
}

/** 201, and a problem for everything else. */
export function creates<Schema extends z.ZodType>(schema: Schema, description: string): object {
  return { 201: told({ schema, description }), default: problemContent };
}

/** Other kinds of content than JSON, and JSON that is written bit by bit. */
export function answersWith(types: string | readonly string[], description: string): object {
  const schemaOf = (type: string): z.ZodType =>
    type === "application/json" ? z.looseObject({}) : z.string();
  const content = [types].flat().map((type) => [type, { schema: schemaOf(type) }]);
  return {
    200: { description, content: Object.fromEntries(content) },
    default: problemContent,
  };
}

export const backend = { tags: ["Backend"], security: [{ serviceKey: [] }] };
export const self = { tags: ["Self"], security: [{ sessionCookie: [] }, { sessionToken: [] }] };
/** By service key, or by whoever proves itself in the form. */
export const client = { tags: ["Service"], security: [{ serviceKey: [] }, {}] };
export const open = { tags: ["Service"], security: [] };

export const openApi = {
  openapi: "3.1.0" as const,
  info: {
    title: "Sojourn",
    version: "1",
    summary: "Sessions: opened, verified, extended, listed, ended.",
    description:
      "Ids are public handles. A token is a secret: it appears in the reply that makes it and " +
      "in the body that verifies it, never in an address, a list or a log. Errors are RFC 9457 " +
      "problems; switch on `code`.",
    license: { name: "Apache-2.0", identifier: "Apache-2.0" },
  },
  tags: [
    { name: "Self", description: "One's own session, by cookie or bearer token; CSRF-checked." },
    { name: "Backend", description: "Sessions of a tenant, by service key." },
    { name: "Service", description: "This service itself." },
  ],
  components: {
    securitySchemes: {
      serviceKey: {
        type: "http" as const,
        scheme: "bearer",
        description: "A service key `sj1k_…`, made by `sojourn keys create`.",
      },
      sessionToken: {
        type: "http" as const,
        scheme: "bearer",
        description: "A session token `sj1s_…`.",
      },
      sessionCookie: {
        type: "apiKey" as const,
        in: "cookie" as const,
        name: "__Host-session",
        description: "Named `session` on plain-HTTP loopback outside production.",
      },
    },
  },
};
