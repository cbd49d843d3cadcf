/** `req.session.cookie`: attributes of the session's cookie, and when it expires. */
import { deprecate } from "./deprecate.ts";
import { serializeCookie } from "./set-cookie.ts";
import type { CookieOptions } from "./types.ts";

/** What of a cookie is stored, and what becomes its attributes. */
export interface CookieData {
  originalMaxAge: number | null;
  partitioned?: boolean | undefined;
  priority?: CookieOptions["priority"];
  expires?: Date | null | undefined;
  secure?: boolean | "auto" | undefined;
  httpOnly?: boolean | undefined;
  domain?: string | undefined;
  path?: string | undefined;
  sameSite?: CookieOptions["sameSite"];
}

export interface Cookie extends CookieOptions {
  /** Milliseconds as configured; what `touch` resets `maxAge` to. */
  originalMaxAge: number | null;
  /** What `"auto"` of the options became. */
  sameSite?: Exclude<CookieOptions["sameSite"], "auto">;
  /** Attributes, without methods. */
  readonly data: CookieData;
  serialize(name: string, value: string): string;
  toJSON(): CookieData;
}

export interface CookieConstructor {
  new (options?: CookieOptions): Cookie;
  readonly prototype: Cookie;
}

interface Internals extends Cookie {
  _expires: Date | null | undefined;
}

/** Attributes from options. What else the options hold is kept on the object, but not stored. */
export const Cookie: CookieConstructor = function Cookie(this: Internals, options?: CookieOptions) {
  this.path = "/";
  this._expires = null;
  this.originalMaxAge = null;
  this.httpOnly = true;
  if (options) adopt(this, options);
  this.originalMaxAge ??= this.maxAge as unknown as number | null;
} as unknown as CookieConstructor;

function adopt(cookie: Cookie, options: CookieOptions): void {
  if (typeof options !== "object") throw new TypeError("argument options must be a object");
  // Inherited options count too: applications pass objects made with `Object.create`.
  const from = options as Record<string, unknown>;
  const to = cookie as unknown as Record<string, unknown>;
  for (const name in from) {
    if (name !== "data") to[name] = from[name];
  }
}

/** Accessors are enumerable, so that a cookie can be the options of the next one. */
const prototype: object & ThisType<Internals> = {
  set expires(expires: Date | null | undefined) {
    this._expires = expires;
    this.originalMaxAge = this.maxAge as number | null;
  },

  get expires(): Date | null | undefined {
    return this._expires;
  },

  /** Milliseconds from now; a `Date` is taken for the instant of expiry, with a notice. */
  set maxAge(value: number | Date | null | undefined) {
    if (value && typeof value !== "number" && !(value instanceof Date)) {
      throw new TypeError("maxAge must be a number or Date");
    }
    if (value instanceof Date) deprecate("maxAge as Date; pass number of milliseconds instead");
    this.expires = typeof value === "number" ? new Date(Date.now() + value) : value;
  },

  /** Milliseconds left; `null` or whatever else `expires` is when it is no date. */
  get maxAge(): number | Date | null | undefined {
    const { expires } = this;
    return expires instanceof Date ? expires.valueOf() - Date.now() : expires;
  },

  get data(): CookieData {
    return {
      originalMaxAge: this.originalMaxAge,
      partitioned: this.partitioned,
      priority: this.priority,
      expires: this._expires,
      secure: this.secure,
      httpOnly: this.httpOnly,
      domain: this.domain,
      path: this.path,
      sameSite: this.sameSite,
    };
  },

  serialize(name: string, value: string): string {
    return serializeCookie(name, value, this.data);
  },

  toJSON(): CookieData {
    return this.data;
  },
};

Object.defineProperty(Cookie, "prototype", { value: prototype });
