use super::SessionEffect;
use crate::classify;

#[track_caller]
fn check(expected: SessionEffect, texts: &[&str]) {
    for text in texts {
        assert_eq!(classify(text).session_effect(), expected, "{text}");
    }
}

#[test]
fn most_statements_leave_nothing() {
    check(
        SessionEffect::None,
        &[
            "",
            "select count(*), now(), lower(name), pg_catalog.upper(city) from restaurants",
            "insert into restaurants (id) values (gen_random_uuid()) returning *",
            "update t set a = nextval('s')",
            "show search_path",
            "notify news",
            "lock table t",
            "vacuum",
            "begin",
            "commit",
            "create table t (a int)",
            "alter table t add column temp int",
            "select pg_advisory_xact_lock(1)",
            "fetch all from c",
            "explain select 1",
        ],
    );
}

#[test]
fn settings_locks_and_what_is_not_known_are_state() {
    check(
        SessionEffect::State,
        &[
            "set time zone 'UTC'",
            "set local work_mem = '1MB'",
            "set app.tenant = '1'",
            "reset statement_timeout",
            "set transaction isolation level serializable",
            "set session characteristics as transaction read only",
            "discard plans",
            "listen news",
            "unlisten *",
            "prepare p as select 1",
            "deallocate p",
            "declare c cursor with hold for select 1",
            "select pg_advisory_lock(1)",
            "select pg_try_advisory_lock(1), now()",
            "select setseed(0.5)",
            "select lo_open(1, 2)",
            "select query_to_xml('select 1', true, true, '')",
            "select tenant_total(1)",
            "select app.now()",
            "insert into t values (f())",
            "create materialized view m as select f()",
            "begin; set work_mem = '1MB'; commit",
        ],
    );
}

#[test]
fn what_changes_the_meaning_of_names_is_names() {
    check(
        SessionEffect::Names,
        &[
            "set search_path to a, public",
            "SET LOCAL Search_Path = a",
            "set session search_path = a",
            "set \"search_path\" = a",
            "set schema 'a'",
            "set role admin",
            "set local role admin",
            "set session role admin",
            "set session authorization alice",
            "set session session authorization alice",
            "set local session authorization default",
            "set row_security = off",
            "reset search_path",
            "reset role",
            "reset session authorization",
            "reset all",
            "discard all",
            "discard temp",
            "select set_config('a.b', 'c', true)",
            "select pg_catalog.set_config('search_path', 'c', true), now()",
            "create temp table t (a int)",
            "create local temporary table t as select 1",
            "create or replace temp view v as select 1",
            "create temporary sequence s",
            "create table pg_temp.t (a int)",
            "select * into temp t from u",
            "select * from pg_temp.t",
            "insert into pg_temp_3.t values (1)",
            "call p()",
            "do 'begin end'",
            "execute p",
            "load 'x'",
            "select 'unterminated",
            "select ] from",
            "select 1; set search_path = a; select 2",
            "commit prepared 'a'",
        ],
    );
}

#[test]
fn long_texts_are_not_looked_at() {
    check(
        SessionEffect::Names,
        &[&format!("select 1 -- {}", "x".repeat(1 << 20))],
    );
}
