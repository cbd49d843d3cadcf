/** Tables of the audit trail, for either engine. Texts are ASCII: what people wrote is escaped. */

/** @param int The engine's whole number. @param text The engine's text. */
export function auditTables(int: string, text: string): readonly string[] {
  const statement = `chain ${text} NOT NULL, anchor_seq ${int} NOT NULL,
    anchor_hash ${text} NOT NULL, hash ${text} NOT NULL, at ${int} NOT NULL,
    kid ${text} NOT NULL, signature ${text} NOT NULL`;
  return [
    // `about` and `actor` are in the clear and can be erased; their digests are in the chain.
    `audit_entry (seq ${int} PRIMARY KEY, id ${text} NOT NULL UNIQUE, at ${int} NOT NULL,
      tenant ${text} NOT NULL, name ${text} NOT NULL, subject_ref ${text}, about_digest ${text}
      NOT NULL, actor_ref ${text}, actor_digest ${text}, hash ${text} NOT NULL,
      session ${text}, about ${text}, actor ${text})`,
    // Random references for people: erasing the row leaves nothing that leads to them.
    `audit_person (tenant ${text} NOT NULL, name ${text} NOT NULL, ref ${text} NOT NULL,
      PRIMARY KEY (tenant, name))`,
    `audit_head (one ${int} PRIMARY KEY, seq ${int} NOT NULL, ${statement})`,
    `audit_checkpoint (seq ${int} PRIMARY KEY, ${statement})`,
  ];
}

/** @param prefix Of tables, not of the indexes' own names. */
export function auditIndexes(prefix: string): readonly string[] {
  const on = (name: string, columns: string): string =>
    `audit_entry_${name} ON ${prefix}audit_entry (${columns})`;
  return [
    on("tenant", "tenant, seq"),
    on("name", "tenant, name, seq"),
    on("subject", "subject_ref, seq"),
    on("actor", "actor_ref, seq"),
    on("session", "session, seq"),
    `audit_person_ref ON ${prefix}audit_person (ref)`,
  ];
}
