//! Which forms of statements name rows, and which do not.

use super::{Conflict, KeyCandidates, Verb};
use crate::classify;

fn shown(candidates: &KeyCandidates) -> String {
    let columns = candidates.columns.iter().map(|column| {
        let numbers: Vec<String> = column
            .parameters
            .iter()
            .map(|index| format!("${}", index + 1))
            .collect();
        format!("{} {}", column.column, numbers.join(" "))
    });
    columns.collect::<Vec<_>>().join(", ")
}

#[track_caller]
fn names(text: &str, expected: &str) {
    let profile = classify(text);
    let found = profile.key_candidates.as_deref().map(shown);
    let reason = profile.unknown_reason();
    assert_eq!(found.as_deref(), Some(expected), "{text} {reason:?}");
}

#[track_caller]
fn names_nothing(text: &str) {
    let profile = classify(text);
    assert_eq!(profile.key_candidates, None, "{text}");
}

#[test]
fn what_diesel_writes_is_recognised() {
    for (text, expected) in [
        (
            r#"SELECT "orders"."id", "orders"."name" FROM "orders" WHERE ("orders"."id" = $1)"#,
            "id $1",
        ),
        (
            r#"SELECT "orders"."id" FROM "orders" WHERE ("orders"."id" = $1) LIMIT $2"#,
            "id $1",
        ),
        (
            r#"SELECT "orders"."id" FROM "orders" WHERE (("orders"."id" = $1) AND ("orders"."deleted_at" IS NULL)) ORDER BY "orders"."id" DESC  LIMIT $2 OFFSET $3"#,
            "id $1",
        ),
        (
            r#"SELECT COUNT(*) FROM "shop"."orders" WHERE ("shop"."orders"."id" = $1)"#,
            "id $1",
        ),
        (
            r#"INSERT INTO "orders" ("id", "name") VALUES ($1, $2) RETURNING "orders"."id", "orders"."name""#,
            "id $1, name $2",
        ),
        (
            r#"INSERT INTO "orders" ("id", "name") VALUES ($1, $2), ($3, DEFAULT), ($4, $5)"#,
            "id $1 $3 $4",
        ),
        (
            r#"INSERT INTO "orders" ("id", "name") VALUES (DEFAULT, $1)"#,
            "name $1",
        ),
        (r#"INSERT INTO "orders" DEFAULT VALUES RETURNING "id""#, ""),
        (
            r#"INSERT INTO "orders" ("id", "name") VALUES ($1, $2) ON CONFLICT ("id") DO UPDATE SET "name" = excluded."name""#,
            "id $1, name $2",
        ),
        (
            r#"INSERT INTO "orders" ("id") VALUES ($1) ON CONFLICT  DO NOTHING"#,
            "id $1",
        ),
        (
            r#"UPDATE "orders" SET "name" = $1, "placed" = CURRENT_TIMESTAMP WHERE ("orders"."id" = $2) RETURNING "orders"."id""#,
            "id $2",
        ),
        (
            r#"DELETE  FROM "orders" WHERE ("orders"."id" = $1)"#,
            "id $1",
        ),
    ] {
        names(text, expected);
    }
}

#[test]
fn every_condition_of_a_conjunction_counts() {
    for (text, expected) in [
        ("select 1 from t where id = $1", "id $1"),
        ("select 1 from t where $3=id;", "id $3"),
        ("select 1 from t where id = $1 and id = $2", "id $1"),
        (
            "select 1 from t where ((a = $1 and (b = $2)) and ((c = $3)))",
            "a $1, b $2, c $3",
        ),
        (
            "select 1 from t where (a = $1) and (b = $2 or c = $3)",
            "a $1",
        ),
        (
            "select 1 from t where a between $1 and $2 and id = $3",
            "id $3",
        ),
        ("select 1 from t where not a = $1 and id = $2", "id $2"),
        (
            "select 1 from t where id = $1 and a is not distinct from b",
            "id $1",
        ),
        ("select 1 from t where id = $1 and a in ($2, $3)", "id $1"),
        (
            "select 1 from s.t as x where x.id = $1 and t.a = $2",
            "id $1",
        ),
        (
            "select 1 from s.t x where s.t.a = $2 and x.id = $1",
            "id $1",
        ),
        (
            "select 1 from S.T where T.ID = $1 and s.t.a = $2 and u.b = $3",
            "id $1, a $2",
        ),
        ("select extract(day from a) from t where id = $1", "id $1"),
        (
            "select \"Id\" from t where \"Id\" = $1 and ID = $2",
            "Id $1, id $2",
        ),
        (
            "select count(*) filter (where a > 3) from t where id = $1 group by b having true",
            "id $1",
        ),
        (
            "select 1 /* from x */ from t -- where\n where id = $1",
            "id $1",
        ),
        ("select 1 from t where id = $65535", "id $65535"),
        ("select a is distinct from b from t where id = $1", "id $1"),
        (
            "update t set a = b is distinct from c where id = $2",
            "id $2",
        ),
        ("update t set a = $1 where id = $2 and a = $3", "id $2"),
        ("update t as set set a = 1 where set.id = $1", "id $1"),
        (
            "update t u set (a, b) = ($1, $2), c = 3, d.e = 4 where u.id = $5",
            "id $5",
        ),
        (
            "delete from only_t where id = $1 returning id = $2",
            "id $1",
        ),
    ] {
        names(text, expected);
    }
}

#[test]
fn a_long_name_is_cut_as_the_server_cuts_it() {
    let (long, cut) = ("x".repeat(70), "x".repeat(63));
    names(
        &format!("select 1 from t where {long} = $1"),
        &format!("{cut} $1"),
    );
    names(
        &format!("insert into t (\"{long}\") values ($1)"),
        &format!("{cut} $1"),
    );
}

#[test]
fn what_is_not_a_plain_condition_names_nothing() {
    for condition in [
        "id = $1 or true",
        "id = $1 or id = $2",
        "not id = $1",
        "not (id = $1)",
        "(id = $1) is not true",
        "(id = $1) = false",
        "id = $1 is null",
        "a between 1 and id = $1",
        "a between symmetric 1 and id = $1",
        "a between 1 and 2 and b between 3 and id = $1",
        "case when a and id = $1 and b then true else true end",
        "case when true then true or a and id = $1 end",
        "id = $1::int",
        "id::text = $1",
        "id = cast($1 as int)",
        "id = ($1)",
        "id = -$1",
        "id =-$1",
        "id = +$1",
        "id = 1",
        "id = '1'",
        "id <> $1",
        "id >= $1",
        "id => $1",
        "id operator(pg_catalog.=) $1",
        "id operator(public.=) $1",
        "id collate \"C\" = $1",
        "id = $1 collate \"C\"",
        "id = any($1)",
        "id = all($1)",
        "id in ($1)",
        "id is not distinct from $1",
        "id like $1",
        "(id, a) = ($1, $2)",
        "row(id) = row($1)",
        "abs(id) = $1",
        "id[1] = $1",
        "(t).id = $1",
        "a.b.c.id = $1",
        "u.id = $1",
        "true = $1",
        "current_user = $1",
        "u&\"id\" = $1",
        "$1 = $2",
        "id = b",
        "exists (select 1 from t where id = $1)",
        "id = (select $1)",
        "id = $1 and a = (select 1)",
        "id = $1 and exists (table u)",
        "id = $1 and a in (values (1))",
        "id = $0",
        "id = $65536",
        "id = $1 and x.from = 1",
        "id = $1 union select 1 from t",
        "id = $1; select 2 from t where id = $1",
        "(id = $1",
        "id = $1]",
    ] {
        names_nothing(&format!("select 1 from t where {condition}"));
        names_nothing(&format!("update t set a = 1 where {condition}"));
        names_nothing(&format!("delete from t where {condition}"));
    }
}

#[test]
fn a_select_from_more_than_one_plain_table_names_nothing() {
    for text in [
        "select 1 from t",
        "select 1 where id = $1",
        "select 1 from t, t u where id = $1",
        "select 1 from t join t u on true where t.id = $1",
        "select 1 from t natural join u where id = $1",
        "select 1 from (t) where id = $1",
        "select 1 from (select * from t) t where id = $1",
        "select 1 from only t where id = $1",
        "select 1 from only (t) where id = $1",
        "select 1 from t * where id = $1",
        "select 1 from t u (id) where id = $1",
        "select 1 from t as u (id) where id = $1",
        "select 1 from t tablesample system (10) where id = $1",
        "select 1 from t u tablesample bernoulli (10) repeatable (1) where id = $1",
        "select 1 from f($1) t where id = $1",
        "select 1 from rows from (f(1)) t where id = $1",
        "select 1 from t, lateral f(t.id) where id = $1",
        "with t as (select 1 as id) select 1 from t where id = $1",
        "with u as (delete from u) select 1 from t where id = $1",
        "select 1 from t where id = $1 union all select 1 from t where id = $2",
        "(select 1 from t where id = $1)",
        "select (select max(id) from t) from t where id = $1",
        "select array(select id from t) from t where id = $1",
        "select 1 from t where id = $1 order by (select 1 from t limit 1)",
        "select 1 from t where id = $1 limit (select count(*) from t)",
        "select 1 into u from t where id = $1",
        "select distinct from t where id = $1",
        "select a distinct from t where b is distinct from c and id = $1",
        "select 1 as from from t where id = $1",
        "select t.from from t where id = $1",
        "select 1 as where from t where id = $1",
        "explain select 1 from t where id = $1",
        "explain analyze select 1 from t where id = $1",
        "declare c cursor for select 1 from t where id = $1",
        "create table u as select 1 from t where id = $1",
        "copy (select 1 from t where id = $1) to stdout",
        "prepare p as select 1 from t where id = $1",
        "table t",
        "values ($1)",
        "select 1 from t where id = $1; select 1",
        "set search_path = a; select 1 from t where id = $1",
    ] {
        names_nothing(text);
    }
    // Nothing stands in the other statements.
    names(" ; select 1 from t where id = $1 ;; ", "id $1");
}

#[test]
fn a_write_that_may_reach_other_rows_names_nothing() {
    for text in [
        "update t set a = 1",
        "update t set id = $1 where id = $2",
        "update t set (a, id) = ($1, $2) where id = $3",
        "update t set (a, \"id\") = (1, 2) where id = $3",
        "update t set id[1] = 2 where id = $3",
        "update t set id.a = 2 where id = $3",
        "update t set a = 1, ID = default where id = $3",
        "update t set a = b and id = $1",
        "update t set a = 1 from u where t.id = $1",
        "update t set a = u.b from u where t.id = $1 and u.id = t.id",
        "update t set a = (select 1 from u) where id = $1",
        "update t set (a, b) = (select 1, 2) where id = $1",
        "update only t set a = 1 where id = $1",
        "update t * set a = 1 where id = $1",
        "update t set a = 1 where current of c",
        "update t set a = 1 where id = $1 returning (select max(id) from t)",
        "with x as (select 1) update t set a = 1 where id = $1",
        "with x as (update t set a = 1 where id = $1 returning 1) select * from x",
        "delete from t",
        "delete from t using u where t.id = $1",
        "delete from only t where id = $1",
        "delete from t where current of c",
        "delete from t where id = $1 and a in (select a from u)",
        "with x as (select 1) delete from t where id = $1",
        "merge into t using u on t.id = $1 when matched then delete",
        "truncate t",
        "explain analyze delete from t where id = $1",
        "delete from t where id = $1; delete from t",
    ] {
        names_nothing(text);
    }
}

#[test]
fn an_insert_names_the_columns_with_a_parameter_in_every_row() {
    for (text, expected) in [
        ("insert into t (id, a) values ($1, $2)", "id $1, a $2"),
        ("insert into t (a, id) values ($1, $2)", "a $1, id $2"),
        (
            "insert into t as x (id) values ($1) on conflict (id) do update set a = x.a",
            "id $1",
        ),
        ("insert into t (id) values ($2), ($1), ($2)", "id $2 $1 $2"),
        (
            "insert into t (id, a) values ($1, 1), ($2, 'x')",
            "id $1 $2",
        ),
        (
            "insert into t (id, a) values ($1, $2), (default, $3)",
            "a $2 $3",
        ),
        (
            "insert into t (id, a) values ($1, $2), (null, $3)",
            "a $2 $3",
        ),
        (
            "insert into t (id, a) values ($1, $2), ($3 + 1, $4)",
            "a $2 $4",
        ),
        (
            "insert into t (id, a) values ($1, $2), ($3::int, $4)",
            "a $2 $4",
        ),
        (
            "insert into t (id, a) values ($1, $2), (($3), $4)",
            "a $2 $4",
        ),
        (
            "insert into t (id, a) values ($1, $2), (f($3, $5), $4)",
            "a $2 $4",
        ),
        ("insert into t values ($1, $2)", ""),
        ("insert into t (id, a) values ($1)", ""),
        ("insert into t (id) values ($1, $2)", ""),
        (
            "insert into t (id) values ($1) on conflict (id) where a > 3 do nothing",
            "id $1",
        ),
        (
            "insert into t (id) values ($1) on conflict on constraint p do nothing returning *",
            "id $1",
        ),
    ] {
        names(text, expected);
    }
    let many = "($1), ".repeat(128);
    names(&format!("insert into t (id) values {many}($1)"), "");
}

#[test]
fn other_inserts_name_nothing() {
    for text in [
        "insert into t (id) select $1",
        "insert into t (id) (select $1)",
        "insert into t (id) (values ($1))",
        "insert into t (id) values ($1) union values ($2)",
        "insert into t (id) values ($1) limit 0",
        "insert into t (id) table u",
        "insert into t (id) values ((select 1))",
        "insert into t (id) overriding user value values ($1)",
        "insert into t (id) overriding system value values ($1)",
        "insert into t overriding user value values ($1)",
        "insert into t (id.a) values ($1)",
        "insert into t (id[1]) values ($1)",
        "with x as (select 1) insert into t (id) values ($1)",
        "insert into t (id) with x as (select 1) select 1 from x",
        "insert into t (id) values ($1) on conflict (id) do update set a = (select 1)",
        "insert into t (id) values ($1) returning (select max(id) from t)",
    ] {
        names_nothing(text);
    }
}

#[test]
fn a_conflict_is_known_by_its_column_and_by_what_it_assigns() {
    for (rest, target, assigned) in [
        ("(id) do update set a = 1", Some("id"), vec!["a"]),
        (
            "(\"Id\") do update set a = 1, (b, c) = (2, 3) where a = 1 returning d",
            Some("Id"),
            vec!["a", "b", "c"],
        ),
        ("(id) where a > 1 do update set id = 1", None, vec!["id"]),
        ("(id, a) do update set b = 1", None, vec!["b"]),
        ("(id collate \"C\") do update set b = 1", None, vec!["b"]),
        ("(id int4_ops) do update set b = 1", None, vec!["b"]),
        ("((id)) do update set b = 1", None, vec!["b"]),
        ("(lower(id)) do update set b = 1", None, vec!["b"]),
        (
            "on constraint t_pkey do update set b = excluded.b",
            None,
            vec!["b"],
        ),
    ] {
        let profile = classify(&format!(
            "insert into t (id) values ($1) on conflict {rest}"
        ));
        let candidates = profile.key_candidates.unwrap();
        let expected = Conflict::Update {
            target: target.map(Into::into),
            assigned: assigned.into_iter().map(Into::into).collect(),
        };
        assert_eq!(candidates.verb, Verb::Insert(expected), "{rest}");
    }
}

#[test]
fn a_row_of_a_result_comes_from_a_row_of_the_table() {
    let finds_rows = |text: &str| {
        let verb = classify(text).key_candidates.unwrap().verb;
        matches!(verb, Verb::Select { finds_rows: true })
    };
    for text in [
        "select * from t where id = $1",
        "select distinct a from t where id = $1 limit $2",
        "select lower(a), generate_series(1, 2) from t where id = $1 order by b offset 0",
    ] {
        assert!(finds_rows(text), "{text}");
    }
    for text in [
        "select count(*) from t where id = $1",
        "select max(a) + 1 from t where id = $1",
        "select t.count from t where id = $1",
        "select (t).count from t where id = $1",
        "select 1 from t where id = $1 having true",
        "select 1 from t where id = $1 having false",
        "select 1 from t where id = $1 group by ()",
        "select a from t where id = $1 group by rollup (a)",
        "select percentile_disc(0.5) within group (order by a) from t where id = $1",
    ] {
        assert!(!finds_rows(text), "{text}");
    }
}

#[test]
fn texts_of_one_fingerprint_may_name_other_rows() {
    let (one, other) = (
        classify("select 1 from t where id = $1 and a = $2"),
        classify("select 1 from t where id = $2 and a = $1"),
    );
    assert_eq!(one.fingerprint, other.fingerprint);
    assert_ne!(one.key_candidates, other.key_candidates);
    names_nothing("select 1 from t where id = 1 and a = 2");
}
