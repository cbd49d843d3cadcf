/**
 * Where a follower is in the log, as text. A change's own place is `horizon.xid.seq`: transactions
 * below the horizon had ended when it was written, so whoever was told of it was told of theirs. A
 * frontier is a horizon alone. Between the two a change may be told twice, never missed.
 */
export interface Position {
  readonly horizon: bigint;
  readonly xid?: bigint;
  readonly seq?: bigint;
}

const POSITION = /^(?<of>[^:]+):(?<horizon>\d{1,20})(?:\.(?<xid>\d{1,20})\.(?<seq>\d{1,20}))?$/;

/** @returns `undefined` for a position that is not of this incarnation. */
export function parsePosition(text: string, incarnation: string): Position | undefined {
  const { of, horizon, xid, seq } = POSITION.exec(text)?.groups ?? {};
  if (of !== incarnation || horizon === undefined) return undefined;
  if (xid === undefined || seq === undefined) return { horizon: BigInt(horizon) };
  return { horizon: BigInt(horizon), xid: BigInt(xid), seq: BigInt(seq) };
}

/** What follows a position among the rows `c` of the log. */
export function resumeClause({ horizon, xid, seq }: Position): string {
  if (xid === undefined || seq === undefined) return `c.xid >= '${horizon}'`;
  return `c.xid >= '${horizon}' AND (c.xid < '${xid}' OR (c.xid, c.seq) > ('${xid}', ${seq}))`;
}
