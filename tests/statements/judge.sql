-- What the judge asks the server.

CREATE SCHEMA judge;

-- Every table and materialised view, with what tells whether a statement changed it: its own
-- rows and those that a query of it shows, the rows that this transaction touched, its file.
CREATE FUNCTION judge.tables() RETURNS TABLE (
    relation oid, name text, is_temporary boolean, contents text, touched text, file oid
) LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog SET timezone = 'UTC' AS $$
DECLARE
    -- Whatever casts the corpus makes, this is how the server itself writes a row.
    rows CONSTANT text := 'SELECT md5(string_agg(r, E''\n'' ORDER BY r COLLATE "C")) FROM '
        || '(SELECT textin(record_out(t)) AS r FROM %s %s t) AS all_rows';
    class record;
    own text;
    shown text;
BEGIN
    FOR class IN
        SELECT c.oid, relkind, relhassubclass, relispopulated, relpersistence,
            quote_ident(nspname) || '.' || quote_ident(relname) AS full_name
        FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
        WHERE relkind IN ('r', 'p', 'm')
            AND nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
            AND (relpersistence <> 't' OR relnamespace = pg_my_temp_schema())
    LOOP
        own := NULL;
        shown := NULL;
        IF NOT class.relispopulated THEN
            own := 'not populated';
        ELSIF class.relkind <> 'p' THEN
            EXECUTE format(rows, 'ONLY', class.full_name) INTO own;
        END IF;
        IF class.relhassubclass THEN
            EXECUTE format(rows, '', class.full_name) INTO shown;
        END IF;
        relation := class.oid;
        name := class.full_name;
        is_temporary := class.relpersistence = 't';
        contents := concat_ws(' ', own, shown);
        touched := concat_ws(' ', pg_stat_get_xact_tuples_inserted(class.oid),
            pg_stat_get_xact_tuples_updated(class.oid), pg_stat_get_xact_tuples_deleted(class.oid));
        file := pg_relation_filenode(class.oid);
        RETURN NEXT;
    END LOOP;
END $$;

-- What a statement may leave behind on its session: what names mean, and everything else.
CREATE FUNCTION judge.session(OUT names text, OUT state text) LANGUAGE sql SECURITY INVOKER AS $$
    SELECT concat_ws(' ', pg_catalog.current_setting('search_path'), pg_catalog.current_schemas(false), current_user, session_user,
            (SELECT count(*) FROM pg_catalog.pg_class WHERE relnamespace = pg_catalog.pg_my_temp_schema())),
        concat_ws(' ',
            (SELECT pg_catalog.md5(pg_catalog.string_agg(s.setting, '|' ORDER BY s.name COLLATE "C")) FROM pg_catalog.pg_settings s WHERE source = 'session'),
            pg_catalog.current_setting('shop.tenant', true),
            (SELECT count(*) FROM pg_catalog.pg_prepared_statements),
            (SELECT count(*) FROM pg_catalog.pg_cursors WHERE name <> ''))
$$;

-- The relations on which this transaction holds a lock. Straight from the function: whatever is
-- joined here would be locked too.
CREATE FUNCTION judge.locked() RETURNS SETOF oid LANGUAGE sql SET search_path = pg_catalog AS $$
    SELECT relation FROM pg_lock_status() WHERE locktype = 'relation' AND pid = pg_backend_pid()
$$;

CREATE FUNCTION judge.named(schema text, name text) RETURNS SETOF oid LANGUAGE sql SET search_path = pg_catalog AS $$
    SELECT c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
    WHERE relname = name::name AND nspname = schema::name
$$;

-- What these are, and what they are partitions or children of, themselves included. Indexes and
-- such are left out.
CREATE FUNCTION judge.relations(oids oid[])
    RETURNS TABLE (relation oid, name text, is_view boolean, ancestor oid)
    LANGUAGE sql SET search_path = pg_catalog
AS $$
    WITH RECURSIVE lineage (oid, ancestor) AS (
        SELECT oid, oid FROM pg_class WHERE oid = ANY (oids) AND relkind IN ('r', 'p', 'm', 'v', 'f', 'S')
        UNION
        SELECT lineage.oid, inhparent FROM lineage JOIN pg_inherits ON inhrelid = lineage.ancestor
    )
    SELECT c.oid, c.oid::regclass, relkind = 'v', lineage.ancestor FROM lineage JOIN pg_class c USING (oid)
$$;

GRANT USAGE ON SCHEMA judge TO PUBLIC;
