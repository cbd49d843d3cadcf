/**
 * Tickets (`sj1t_…`): each opens one live connection of a session, once and soon. In the shape of a
 * token, with the session's id in its place; where a token has its secret, a ticket has the instant
 * at which it ends (6 bytes) and its claim (18): the id under which a store remembers that it was
 * used. Nothing is stored when one is made, and what is stored afterwards opens nothing: the MAC is
 * in the ticket alone. Invariant I12.
 */
import type { MaybePromise } from "../engine/ports.ts";
import { decodeGroups, encodeBase64Url } from "./base64url.ts";
import { chain } from "./maybe-promise.ts";
import { newSessionId } from "./session-id.ts";
import type { TokenTools } from "./session-token.ts";
import { buildBody, parseToken, SECRET_BYTES, tokenSecret, tokenText } from "./token-format.ts";
import type { ParsedToken } from "./token-format.ts";
import { macIsRight, macOver } from "./token-proof.ts";
import { invariant } from "../engine/invariant.ts";

const TYPE = "ticket";
const INSTANT_BYTES = 6;

export interface Ticket {
  /** Of the session that it is for: 24 base64url characters. */
  readonly id: string;
  /** Of the session's token when it was made. */
  readonly generation: number;
  /** In the form of a session id, and of no session. */
  readonly claim: string;
  readonly expiresAt: number;
}

export interface TicketRequest {
  readonly tenant: string;
  readonly id: string;
  readonly generation: number;
  readonly expiresAt: number;
}

export interface TicketDesk {
  mint(request: TicketRequest): MaybePromise<string>;
  /** @returns what we wrote for this tenant, without I/O; `undefined` for anything else. */
  prove(text: string, tenant: string): MaybePromise<Ticket | undefined>;
}

export function ticketDesk(tools: TokenTools): TicketDesk {
  const { ring } = tools;
  return {
    mint({ tenant, id, generation, expiresAt }) {
      const kid = ring.primary;
      const secret = new Uint8Array(SECRET_BYTES);
      for (let at = INSTANT_BYTES - 1, rest = expiresAt; at >= 0; at -= 1) {
        secret[at] = rest % 256;
        rest = Math.floor(rest / 256);
      }
      decodeGroups(newSessionId(tools.entropy), 0, secret.subarray(INSTANT_BYTES));
      const body = buildBody({ type: TYPE, kid, id, generation, secret });
      const mac = macOver(ring, body, { type: TYPE, kid, tenant });
      invariant(mac !== undefined, "the primary key is in the ring");
      return chain(mac, (bytes) => tokenText(TYPE, body, bytes));
    },
    prove(text, tenant) {
      const parsed = parseToken(text, TYPE);
      if (parsed === undefined) return undefined;
      return chain(macIsRight(ring, parsed, tenant), (ours) => (ours ? read(parsed) : undefined));
    },
  };
}

function read(parsed: ParsedToken): Ticket {
  const secret = tokenSecret(parsed);
  const expiresAt = secret.subarray(0, INSTANT_BYTES).reduce((sum, byte) => sum * 256 + byte, 0);
  const claim = encodeBase64Url(secret.subarray(INSTANT_BYTES));
  return { id: parsed.id, generation: parsed.generation, claim, expiresAt };
}
