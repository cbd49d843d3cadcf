/** What every answer must be, by the document and by the conventions of the interface. */
import type { IncomingHttpHeaders } from "node:http";
import { Ajv2020 } from "ajv/dist/2020.js";
import type { ValidateFunction } from "ajv/dist/2020.js";
import { bodyOf } from "./document.ts";
import type { OpenApi, Reply, Route, Schema } from "./document.ts";

export interface Heard {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

const PROBLEM = "application/problem+json";
/** Statuses of problems: those of the catalogue, and what HTTP has words of its own for. */
const STATUSES = new Set([
  400, 401, 403, 404, 405, 409, 412, 413, 414, 415, 422, 423, 428, 429, 431,
]);
const LEAK =
  /\bat .+\(.*:\d+:\d+\)|node_modules|\/src\/|file:\/\/|\.ts:\d|\.js:\d|[A-Z]\w+Error\b|ECONN/;
const SECRET = /sj1[a-z]_[\w-]{6,}/;

export class Judge {
  readonly #document: OpenApi;
  readonly #ajv = new Ajv2020({ strict: false, allErrors: false, validateFormats: false });
  readonly #compiled = new Map<Schema, ValidateFunction>();
  readonly #secrets: readonly string[];

  /** @param secrets What no answer may hold. */
  constructor(document: OpenApi, secrets: readonly string[]) {
    this.#document = document;
    this.#secrets = secrets;
  }

  /** @returns what is wrong with the answer; nothing, when it is sound. */
  faultsOf(route: Route, answer: Heard): string[] {
    const { responses } = route.operation;
    const exact = responses[String(answer.status)];
    const range = responses[`${String(answer.status)[0]}XX`];
    const reply = exact ?? range ?? responses["default"];
    // The store of these tests is well, and nobody is in a hurry.
    if (answer.status === 503) return ["503 without trouble"];
    if (reply === undefined) return [`status ${answer.status} is not documented`];
    if (exact === undefined && !STATUSES.has(answer.status)) {
      return [`status ${answer.status} is neither documented nor one of a problem`];
    }
    return [
      ...headerFaults(route, answer, reply),
      ...this.#bodyFaults(reply, answer, exact === undefined),
      ...this.#leaks(answer, exact === undefined),
    ];
  }

  /** @returns true when the document allows this JSON body. */
  allows(route: Route, body: unknown): boolean {
    const wanted = bodyOf(route);
    return wanted === undefined || this.#validator(wanted.schema)(body);
  }

  #bodyFaults(reply: Reply, answer: Heard, isError: boolean): string[] {
    const { status, headers, text } = answer;
    const [type = ""] = (headers["content-type"] ?? "").split(";");
    if (reply.content === undefined) return text === "" ? [] : ["a body that is not documented"];
    const content = reply.content[type];
    if (content === undefined) return [`content type ${type} is not documented`];
    if (!/[/+]json$/.test(type)) return [];
    const json = parsed(text);
    if (json === undefined) return ["the body is no JSON"];
    const validate = this.#validator(content.schema ?? {});
    const faults = validate(json) ? [] : [`body: ${this.#ajv.errorsText(validate.errors)}`];
    return isError && type === PROBLEM ? [...faults, ...problemFaults(json, status)] : faults;
  }

  #leaks({ text, headers }: Heard, isError: boolean): string[] {
    const all = `${text}\n${JSON.stringify(headers)}`;
    const faults = this.#secrets.some((one) => all.includes(one)) ? ["it holds a secret"] : [];
    if (!isError) return faults;
    const [leak] = LEAK.exec(text) ?? [];
    if (leak !== undefined) faults.push(`it tells of the inside: ${leak}`);
    if (SECRET.test(text)) faults.push("it repeats a token");
    return faults;
  }

  #validator(schema: Schema): ValidateFunction {
    const known = this.#compiled.get(schema);
    if (known !== undefined) return known;
    const { components } = this.#document;
    const made = this.#ajv.compile({ ...schema, components });
    this.#compiled.set(schema, made);
    return made;
  }
}

function headerFaults(route: Route, { headers, status }: Heard, reply: Reply): string[] {
  const kept = headers["cache-control"];
  const { tags } = route.operation;
  const mayBeKept = status === 200 && (tags[0] === "Service" || route.path.includes("forward"));
  const promised = Object.keys(reply.headers ?? {});
  const missing = promised.filter((name) => headers[name.toLowerCase()] === undefined);
  const wrong: Readonly<Record<string, boolean>> = {
    "no X-Request-Id": (headers["x-request-id"] ?? "") === "",
    "no nosniff": headers["x-content-type-options"] !== "nosniff",
    [`Cache-Control is ${kept}`]: kept !== "no-store" && !mayBeKept,
    "a cookie that is kept": "set-cookie" in headers && kept !== "no-store",
    "an ETag untold": "etag" in headers && !promised.includes("ETag"),
    "no Retry-After": status === 429 && headers["retry-after"] === undefined,
    "no WWW-Authenticate": status === 401 && headers["www-authenticate"] === undefined,
  };
  const faults = Object.keys(wrong).filter((name) => wrong[name]);
  return [...faults, ...missing.map((name) => `${name} is promised and missing`)];
}

function problemFaults(json: unknown, status: number): string[] {
  const problem = json as { readonly type?: string; readonly code?: string; status?: number };
  const faults: string[] = [];
  if (problem.type !== `urn:sojourn:problem:${problem.code}`) faults.push("type is not of code");
  if (problem.status !== status) faults.push(`says status ${problem.status}`);
  if (problem.code === "internal") faults.push("an internal error");
  return faults;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
