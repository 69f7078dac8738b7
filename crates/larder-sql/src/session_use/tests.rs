//! Which statements use a session.

use super::session_use;

#[test]
fn what_outlasts_a_transaction_is_named() {
    for (sql, words) in [
        ("SET TimeZone = 'UTC'", "SET"),
        (
            "set session characteristics as transaction read only",
            "SET",
        ),
        ("SET SESSION AUTHORIZATION x", "SET"),
        ("/* now */ Set Role x", "SET"),
        ("RESET ALL", "RESET"),
        ("DISCARD TEMP", "DISCARD"),
        ("LISTEN news", "LISTEN"),
        ("PREPARE p AS SELECT 1", "PREPARE"),
        ("EXECUTE p", "EXECUTE"),
        ("DEALLOCATE ALL", "DEALLOCATE"),
        ("LOAD 'auto_explain'", "LOAD"),
        (
            "DECLARE c CURSOR WITH HOLD FOR SELECT 1",
            "DECLARE .. WITH HOLD",
        ),
        ("CREATE TEMP TABLE t (id int)", "CREATE TEMPORARY"),
        (
            "CREATE OR REPLACE TEMPORARY VIEW v AS SELECT 1",
            "CREATE TEMPORARY",
        ),
        ("SELECT 1 AS x INTO TEMP t", "INTO TEMPORARY"),
        ("SELECT pg_try_advisory_lock(1)", "pg_try_advisory_lock"),
        (
            "SELECT pg_catalog.pg_advisory_unlock_all()",
            "pg_advisory_unlock_all",
        ),
        (
            "SELECT set_config('a.b', 'c', false)",
            "set_config(.., false)",
        ),
        ("SELECT set_config('a.b', $1, $2)", "set_config(.., false)"),
        (
            "SELECT set_config('a.b', 'true', not true)",
            "set_config(.., false)",
        ),
        ("SELECT 1; SET role x", "SET"),
    ] {
        assert_eq!(session_use(sql).as_deref(), Some(words), "{sql}");
    }
}

#[test]
fn what_ends_with_the_transaction_does_not_count() {
    for sql in [
        "SET LOCAL TimeZone = 'UTC'",
        "SET TRANSACTION READ ONLY",
        "SET CONSTRAINTS ALL DEFERRED",
        "SELECT set_config('a.b', 'c', true), 1",
        "SELECT set_config('a.b', lower('C'), true)",
        "SELECT pg_advisory_xact_lock(1)",
        "SELECT pg_try_advisory_xact_lock_shared(1)",
        "DECLARE c CURSOR FOR SELECT 1",
        "CREATE TEMP TABLE t ON COMMIT DROP AS SELECT 1",
        "NOTIFY news",
        "SELECT 'SET x', set, prepare FROM discard",
        "UPDATE t SET a = 1",
        "DO $$ BEGIN SET x.y = 1; END $$",
        "CREATE TABLE temperatures (temp int)",
        "",
    ] {
        assert_eq!(session_use(sql), None, "{sql}");
    }
}
