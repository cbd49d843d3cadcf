/** Wire shapes of locks. */
import { LOCKOUT_KINDS } from "sojourn";
import type { LockoutKind } from "sojourn";
import { z } from "zod";
import { MESSAGE_CHARS_MAX, REASON_CHARS_MAX } from "../locks/lock.ts";
import type { Lock } from "../locks/lock.ts";
import { instantText, pageQuery } from "./schemas.ts";
import { instant } from "./views.ts";

const VALUE_CHARS_MAX = 512;

const kind = z.enum(LOCKOUT_KINDS as readonly LockoutKind[] as [LockoutKind, ...LockoutKind[]]);
const message = z.string().min(1).max(MESSAGE_CHARS_MAX);
const value = z.string().min(1).max(VALUE_CHARS_MAX);

export const newLock = z
  .strictObject({
    kind,
    value: value.optional().meta({
      description:
        "The session's id, the subject, the device's id, the client's id, or the network: an IPv4 " +
        "or IPv6 address, or a range in CIDR notation. None for the tenant.",
    }),
    message: message.meta({ description: "Shown to whoever is kept out." }),
    reason: z.string().min(1).max(REASON_CHARS_MAX).optional().meta({
      description: "For the record: the cause of the ends it makes.",
    }),
    expiresAt: instantText.optional().meta({ description: "Exclusive; in the future." }),
    confirm: z.boolean().optional().meta({
      description: "Needed for the whole tenant, and networks below 8 (IPv6: 16) bits.",
    }),
  })
  .meta({ id: "NewLock" });

const lock = z
  .strictObject({
    id: z.string(),
    tenant: z.string(),
    kind,
    value: z.string().optional(),
    message: z.string(),
    reason: z.string().optional(),
    setBy: z.string(),
    setAt: instantText,
    updatedAt: instantText,
    expiresAt: instantText.optional(),
  })
  .meta({ id: "Lock" });

export const lockReply = z.strictObject({ lock, serverTime: instantText });
export const setLockReply = z.strictObject({
  lock,
  ended: z.number().int().meta({
    description: "Sessions that were ended now. What else is live of it ends when presented.",
  }),
  serverTime: instantText,
});
export const liftReply = z.strictObject({
  id: z.string(),
  liftedAt: instantText,
  serverTime: instantText,
});
export const lockQuery = z.strictObject({
  kind: kind.optional(),
  value: value.optional(),
  ...pageQuery,
});
export const lockPage = z
  .strictObject({
    items: z.array(lock),
    nextCursor: z.string().optional(),
    serverTime: instantText,
  })
  .meta({ id: "LockPage" });

export function lockView(of: Lock): z.infer<typeof lock> {
  const { id, tenant, reason, setBy, setAt, updatedAt, expiresAt } = of;
  return {
    id,
    tenant,
    kind: of.kind,
    ...(of.value === "" ? {} : { value: of.value }),
    message: of.message,
    ...(reason === undefined ? {} : { reason }),
    setBy,
    setAt: instant(setAt),
    updatedAt: instant(updatedAt),
    ...(expiresAt === undefined ? {} : { expiresAt: instant(expiresAt) }),
  };
}
