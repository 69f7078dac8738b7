-- Who was asked to warm its cache, and how far it has come. `install.rs` runs this after `schema.sql`, and
-- for a log that was made without it. Nothing else depends on it.

CREATE TABLE larder.warming (
    request     uuid        NOT NULL,
    process     text        NOT NULL,
    name        text        NOT NULL DEFAULT '',
    total       bigint      NOT NULL DEFAULT 0,
    done        bigint      NOT NULL DEFAULT 0,
    failed      bigint      NOT NULL DEFAULT 0,
    problem     text,
    begun_at    timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    finished_at timestamptz,
    PRIMARY KEY (request, process)
);
COMMENT ON TABLE larder.warming IS
    'who was asked to warm its cache, and how far it has come: the request has no process; removed after a day';
REVOKE ALL ON larder.warming FROM PUBLIC;
