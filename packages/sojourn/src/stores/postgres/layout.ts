/** The tables and functions of the schema, as the migrations that make them. */

/**
 * No index holds a column that a touch writes (`seen_at`, `sent_at`): with one, every touch would
 * write all indexes anew. `due` is a lower bound of the deadline, moved only when the sweep meets
 * it. Room is left in each page, so that the new version of a row stays beside the old one. Ended
 * rows leave the indexes of live ones. Wide columns come first: nothing is lost to alignment.
 */
const TABLES: readonly string[] = [
  "CREATE TABLE sojourn.meta (key text PRIMARY KEY, value text NOT NULL)",
  "COMMENT ON TABLE sojourn.meta IS 'sojourn'",
  `CREATE TABLE sojourn.tenant (
      no integer GENERATED ALWAYS AS IDENTITY UNIQUE,
      name text COLLATE "C" PRIMARY KEY
    )`,
  `CREATE TABLE sojourn.session (
      created_at bigint NOT NULL, seen_at bigint NOT NULL, idle_ms bigint NOT NULL,
      life_ms bigint NOT NULL, sent_at bigint, ended_at bigint,
      tenant integer NOT NULL, version integer NOT NULL, epoch integer NOT NULL,
      due integer NOT NULL, data_version integer NOT NULL, pending integer,
      state smallint NOT NULL, idle_lock smallint NOT NULL, lock_factors smallint,
      id bytea NOT NULL, subject text COLLATE "C", device text COLLATE "C", ending text,
      turn bytea NOT NULL, cold text, data jsonb NOT NULL,
      PRIMARY KEY (id, tenant)
    ) WITH (fillfactor = 90)`,
  `CREATE INDEX session_subject_live ON sojourn.session (tenant, subject)
      WHERE ended_at IS NULL AND subject IS NOT NULL`,
  `CREATE INDEX session_subject_ended ON sojourn.session (tenant, subject)
      WHERE ended_at IS NOT NULL AND subject IS NOT NULL`,
  // Whole seconds: equal keys share one entry, which is a quarter of the size.
  `CREATE INDEX session_tenant_live ON sojourn.session (tenant, (created_at / 1000))
      WHERE ended_at IS NULL`,
  `CREATE INDEX session_tenant_ended ON sojourn.session (tenant, (created_at / 1000))
      WHERE ended_at IS NOT NULL`,
  `CREATE INDEX session_device ON sojourn.session (tenant, device) WHERE device IS NOT NULL`,
  `CREATE INDEX session_due ON sojourn.session (due) WHERE ended_at IS NULL`,
  `CREATE INDEX session_ended ON sojourn.session (ended_at) WHERE ended_at IS NOT NULL`,
  // Only subjects that were ever revoked as a whole: the others have epoch 0.
  `CREATE TABLE sojourn.subject_epoch (
      tenant integer NOT NULL, subject text COLLATE "C" NOT NULL, epoch integer NOT NULL,
      PRIMARY KEY (tenant, subject)
    )`,
  "CREATE TABLE sojourn.erased_subject (hash bytea PRIMARY KEY, epoch integer NOT NULL)",
  "CREATE TABLE sojourn.tombstone (hash bytea PRIMARY KEY, until bigint NOT NULL)",
  "CREATE INDEX tombstone_until ON sojourn.tombstone (until)",
  // `horizon`: every transaction below it had ended when the row was written.
  `CREATE TABLE sojourn.change (
      xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
      horizon xid8 NOT NULL DEFAULT pg_snapshot_xmin(pg_current_snapshot()),
      seq bigint GENERATED ALWAYS AS IDENTITY,
      at timestamptz NOT NULL DEFAULT clock_timestamp(),
      tenant integer NOT NULL, what smallint NOT NULL,
      id bytea, subject text COLLATE "C", detail text,
      PRIMARY KEY (xid, seq)
    )`,
  "CREATE INDEX change_erased ON sojourn.change (at) WHERE what = 6",
  `INSERT INTO sojourn.meta (key, value) VALUES
      ('store', substr(md5(gen_random_uuid()::text), 1, 8)),
      ('salt', gen_random_uuid()::text), ('log_floor', '0')`,
];

/** What a tombstone keeps of an id, and what stays of an erased subject's name. */
const FUNCTIONS: readonly string[] = [
  `CREATE FUNCTION sojourn.id_hash(id bytea, tenant integer) RETURNS bytea
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
    'SELECT substr(sha256(id || int4send(tenant)), 1, 16)'`,
  `CREATE FUNCTION sojourn.subject_hash(subject text, tenant integer) RETURNS bytea
    LANGUAGE sql STABLE AS
    'SELECT substr(sha256(convert_to(m.value || subject, ''UTF8'') || int4send(tenant)), 1, 16)
      FROM sojourn.meta m WHERE m.key = ''salt'''`,
  // Each query of a volatile function sees what was committed before it, not before the statement
  // that called it: what is read here was read under the locks.
  `CREATE FUNCTION sojourn.admit(
      tenant integer, subject text, subject_lock bigint, id bytea, id_lock bigint, at bigint,
      OUT epoch integer, OUT erased boolean, OUT taken boolean)
    LANGUAGE plpgsql VOLATILE AS $$
    #variable_conflict use_variable
    BEGIN
      IF subject_lock IS NOT NULL THEN PERFORM pg_advisory_xact_lock_shared(subject_lock); END IF;
      PERFORM pg_advisory_xact_lock_shared(id_lock);
      SELECT e.epoch INTO epoch FROM sojourn.subject_epoch e
        WHERE e.tenant = tenant AND e.subject = subject;
      erased := false;
      IF epoch IS NULL AND subject IS NOT NULL THEN
        SELECT x.epoch INTO epoch FROM sojourn.erased_subject x
          WHERE x.hash = sojourn.subject_hash(subject, tenant);
        erased := epoch IS NOT NULL;
      END IF;
      epoch := coalesce(epoch, 0);
      taken := EXISTS (SELECT FROM sojourn.session s WHERE s.id = id AND s.tenant = tenant)
        OR EXISTS (SELECT FROM sojourn.tombstone t
          WHERE t.hash = sojourn.id_hash(id, tenant) AND t.until > at);
    END $$`,
];

/** Each entry brings the schema from the version of its index to the next. Never edited: added. */
export const MIGRATIONS: readonly (readonly string[])[] = [[...TABLES, ...FUNCTIONS]];
