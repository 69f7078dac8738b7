-- The log of invalidations, version 1. `install.rs` runs this once, in one transaction.
-- For PostgreSQL 14 and newer.

CREATE SCHEMA IF NOT EXISTS larder;
COMMENT ON SCHEMA larder IS
    'Larder: what transactions changed, so that processes drop the results that are no longer right';

-- Which database this is, and how far back the log goes. One row.
CREATE TABLE larder.epoch (
    singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    id        uuid    NOT NULL,
    version   integer NOT NULL,
    horizon   xid8    NOT NULL
);
COMMENT ON COLUMN larder.epoch.id IS 'renewed after a restore: what was cached before counts no more';
COMMENT ON COLUMN larder.epoch.horizon IS 'rows of transactions before this one may have been pruned';
INSERT INTO larder.epoch (id, version, horizon) VALUES (pg_catalog.gen_random_uuid(), 1, '0');

-- Hours since 1970 decide on the slot, so neither time zone nor daylight saving time matter.
-- While one partition is written, the one of the hour before is kept and the third can be emptied.
CREATE TABLE larder.invalidation (
    xid     xid8     NOT NULL DEFAULT pg_catalog.pg_current_xact_id(),
    slot    smallint NOT NULL DEFAULT
        (pg_catalog.floor(extract(epoch FROM pg_catalog.clock_timestamp()) / 3600)::bigint % 3),
    format  smallint NOT NULL,
    touched bigint[] NOT NULL,
    detail  text
) PARTITION BY LIST (slot);
COMMENT ON TABLE larder.invalidation IS
    'one row per transaction: what it touched, written together with its COMMIT';

-- Rows are only inserted, and TRUNCATE takes them all within three hours: a vacuum because of
-- inserts would be work for nothing. One because of rows that were rolled back stays.
CREATE TABLE larder.invalidation_0 PARTITION OF larder.invalidation FOR VALUES IN (0)
    WITH (autovacuum_vacuum_insert_threshold = -1,
          autovacuum_analyze_threshold = 5000, autovacuum_analyze_scale_factor = 0.5);
CREATE TABLE larder.invalidation_1 PARTITION OF larder.invalidation FOR VALUES IN (1)
    WITH (autovacuum_vacuum_insert_threshold = -1,
          autovacuum_analyze_threshold = 5000, autovacuum_analyze_scale_factor = 0.5);
CREATE TABLE larder.invalidation_2 PARTITION OF larder.invalidation FOR VALUES IN (2)
    WITH (autovacuum_vacuum_insert_threshold = -1,
          autovacuum_analyze_threshold = 5000, autovacuum_analyze_scale_factor = 0.5);
CREATE INDEX invalidation_xid ON larder.invalidation (xid);

-- What was switched on and off while services ran. The newest row of a target holds.
CREATE TABLE larder.switch (
    id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    target  text        NOT NULL,
    enabled boolean     NOT NULL,
    at      timestamptz NOT NULL DEFAULT pg_catalog.now()
);
COMMENT ON TABLE larder.switch IS 'what was switched on and off while services ran; only ever added to';

-- Writes a row for the transaction that calls it, and gives the transaction's id. Services write
-- rows by this alone: a role that is set when a transaction ends needs USAGE on the schema and EXECUTE
-- on this, and no more. A
-- transaction that may only read and has written nothing needs no row. One that has written first
-- and then said that it only reads cannot have one, and must not be committed.
-- It is called with every commit, so it sets nothing, and names all it uses by their schemas.
CREATE FUNCTION larder.note(format smallint, touched bigint[], detail text) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER
AS $function$
DECLARE
    written pg_catalog.xid8;
BEGIN
    IF pg_catalog.current_setting('transaction_read_only') OPERATOR(pg_catalog.=) 'on'
        AND pg_catalog.pg_current_xact_id_if_assigned() IS NULL
    THEN
        RETURN NULL;
    END IF;
    INSERT INTO larder.invalidation (format, touched, detail)
        VALUES (note.format, note.touched, note.detail) RETURNING xid INTO written;
    RETURN written::pg_catalog.text;
END
$function$;
COMMENT ON FUNCTION larder.note(smallint, bigint[], text) IS
    'writes a row of larder.invalidation for the transaction that calls it';

-- Empties the partition that is written next. True: it is empty now. False: somebody uses it, or
-- the hour has just changed; to be tried again. Nobody is waited for, and the lock on the
-- partition lasts until the caller's transaction ends, so it is to be called in one of its own.
--
-- TRUNCATE takes the rows away from every snapshot, older ones too. So whoever reads the log has
-- to read the horizon in a statement after that, not in the same one.
CREATE FUNCTION larder.prune() RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    hour     bigint := floor(extract(epoch FROM clock_timestamp()) / 3600)::bigint;
    next     text   := 'larder.invalidation_' || (hour + 1) % 3;
    used     boolean;
    newest   xid8;
BEGIN
    -- An older snapshot would not show the newest row, and the horizon would come out too low.
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'larder.prune() works in a READ COMMITTED transaction only'
            USING ERRCODE = 'invalid_transaction_state';
    END IF;
    EXECUTE 'SELECT EXISTS (SELECT FROM ' || next || ')' INTO used;
    IF NOT used THEN
        RETURN true;
    END IF;
    BEGIN
        -- First the row, so that nobody who holds it keeps readers waiting for the partition.
        PERFORM FROM larder.epoch FOR UPDATE NOWAIT;
        EXECUTE 'LOCK TABLE ONLY ' || next || ' IN ACCESS EXCLUSIVE MODE NOWAIT';
    EXCEPTION WHEN lock_not_available THEN
        RETURN false;
    END;
    -- Nobody can write to it any more. If the hour has changed, somebody may have done so.
    IF floor(extract(epoch FROM clock_timestamp()) / 3600)::bigint <> hour THEN
        RETURN false;
    END IF;
    EXECUTE 'SELECT xid FROM ' || next || ' ORDER BY xid DESC LIMIT 1' INTO newest;
    -- There is no arithmetic on xid8.
    UPDATE larder.epoch
        SET horizon = greatest(horizon, (newest::text::numeric + 1)::text::xid8)
        WHERE newest IS NOT NULL;
    EXECUTE 'TRUNCATE TABLE ONLY ' || next;
    RETURN true;
END
$function$;
COMMENT ON FUNCTION larder.prune() IS
    'empties the partition of larder.invalidation that is written next, if nobody uses it';

-- After a restore from a backup: nothing that was cached before is accepted any more. A dump brings
-- ids of the server that it was taken on. This server may not have come that far: such rows would
-- look new for ever, and such a horizon would never be reached.
CREATE FUNCTION larder.renew_epoch() RETURNS uuid
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $function$
    DELETE FROM larder.invalidation WHERE xid >= pg_snapshot_xmax(pg_current_snapshot());
    UPDATE larder.epoch
        SET id = gen_random_uuid(),
            horizon = least(horizon, pg_snapshot_xmax(pg_current_snapshot()))
        RETURNING id
$function$;
COMMENT ON FUNCTION larder.renew_epoch() IS
    'to be called after a restore: what was cached before counts no more';

-- For statement triggers on tables that are written by others than Larder. Results may have been
-- read through any table that shows these rows: those below, and all that are above those.
CREATE FUNCTION larder.track() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    INSERT INTO larder.invalidation (format, touched)
    WITH RECURSIVE
    below (id) AS (
        VALUES (TG_RELID)
        UNION
        SELECT i.inhrelid FROM below b JOIN pg_inherits i ON i.inhparent = b.id
    ),
    family (id) AS (
        SELECT id FROM below
        UNION
        SELECT i.inhparent FROM family f JOIN pg_inherits i ON i.inhrelid = f.id
    )
    SELECT 1, array_agg(id::bigint ORDER BY id) FROM family;
    RETURN NULL;
END
$function$;
COMMENT ON FUNCTION larder.track() IS
    'statement trigger: writes the table, and those that show its rows, into larder.invalidation';

-- What a service needs is granted by name. Default privileges may have given more.
REVOKE ALL ON SCHEMA larder FROM PUBLIC;
REVOKE ALL ON ALL TABLES IN SCHEMA larder FROM PUBLIC;
REVOKE ALL ON ALL SEQUENCES IN SCHEMA larder FROM PUBLIC;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA larder FROM PUBLIC;
