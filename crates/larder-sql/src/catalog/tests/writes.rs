//! Which tables a write changes: families, views, foreign keys.

use super::*;

#[test]
fn a_write_to_a_partition_is_one_to_those_above_and_below() {
    let tables = database()
        .kind("events", 'p')
        .kind("year", 'p')
        .tables(&["january", "february", "other"])
        .child("year", "events")
        .child("january", "year")
        .child("february", "year");
    let all = ["events", "year", "january", "february"];
    tables
        .writes("insert into events values (1)", &all)
        .writes("update year set a = 1", &all)
        .writes("delete from january", &["events", "year", "january"])
        .writes("truncate february", &["events", "year", "february"])
        .writes("delete from other", &["other"]);
}

#[test]
fn a_child_of_two_parents_is_a_row_of_both() {
    let tables = database()
        .tables(&["a", "b", "child", "below"])
        .child("child", "a")
        .child("child", "b")
        .child("below", "child");
    tables.writes("delete from a", &["a", "b", "child", "below"]);
}

#[test]
fn updatable_views_write_their_base() {
    let views = database()
        .tables(&["orders"])
        .view("open", "SELECT * FROM orders WHERE a", &["orders"])
        .view("mine", "SELECT * FROM open WHERE b", &["open"])
        .view("total", "SELECT count(*) FROM orders", &["orders"]);
    views
        .writes("update mine set a = 1", &["orders"])
        .writes("insert into open values (1)", &["orders"]);
    let mut not_updatable = views;
    for relation in &mut not_updatable.snapshot.relations {
        relation.updatable = if &*relation.name == "mine" { 1 << 2 } else { 0 };
    }
    not_updatable
        .everything(
            "delete from total",
            &EverythingReason::View(named("public.total")),
        )
        .everything(
            "delete from mine",
            &EverythingReason::View(named("public.mine")),
        );
}

#[test]
fn functions_of_views_are_called_by_reading_and_by_writing() {
    let views = database()
        .tables(&["orders"])
        .function("archive", 'v')
        .view("v", "SELECT archive(id) FROM orders", &["orders"])
        .view_calls("v", "archive")
        .view("over_it", "SELECT * FROM v", &["v"])
        .view(
            "xml",
            "SELECT query_to_xml('a'::text, true, true, '') ] FROM orders",
            &["orders"],
        )
        .view("odd", "SELECT lower(a) ] FROM orders", &["orders"])
        .materialized_view("m", "SELECT archive(id) FROM orders", &["orders"])
        .view_calls("m", "archive")
        .materialized_view("n", "SELECT * FROM v", &["v"]);
    let archive = EverythingReason::Function(named("public.archive"));
    views
        .everything("select * from v", &archive)
        .everything("select * from over_it", &archive)
        .everything("update over_it set a = 1", &archive)
        .everything("insert into orders select * from v", &archive)
        .everything("refresh materialized view m", &archive)
        .everything("refresh materialized view n", &archive)
        .writes("select * from m", &[])
        // Not understood, but it names a function that runs queries.
        .everything(
            "select * from xml",
            &EverythingReason::Function(named("pg_catalog.query_to_xml")),
        )
        .writes("select * from odd", &[]);
}

#[test]
fn what_is_not_known_writes_everything() {
    let tables = database().tables(&["orders", "pg_catalog.pg_class"]);
    let catalog = tables.build();
    for text in [
        "do $$ $$",
        "call p()",
        "select ] from",
        "create table a (b int)",
    ] {
        let profile = classify(text);
        assert!(
            matches!(catalog.writes(&profile), WriteSet::Everything(_)),
            "{text}"
        );
        assert!(catalog.may_change_schema(&profile), "{text}");
    }
    tables
        .everything(
            "select * from a",
            &EverythingReason::UnknownTable(named("a")),
        )
        .everything("delete from a", &EverythingReason::UnknownTable(named("a")))
        .everything("drop table orders", &EverythingReason::SchemaChange)
        .everything(
            "update pg_class set relname = 'a'",
            &EverythingReason::SystemTable(named("pg_catalog.pg_class")),
        );
    assert!(catalog.may_change_schema(&classify("delete from pg_class")));
    for text in [
        "delete from orders",
        "select 1",
        "vacuum",
        "select * from pg_class",
    ] {
        assert!(!catalog.may_change_schema(&classify(text)), "{text}");
    }
}

#[test]
fn reads_and_settings_write_nothing() {
    let tables = database().tables(&["orders"]).kind("remote", 'f');
    for text in [
        "",
        "select * from orders, remote for update",
        "copy orders to stdout",
        "explain delete from orders",
        "set a.b = 'c'",
        "vacuum orders",
        "begin",
    ] {
        tables.writes(text, &[]);
    }
    tables.writes("copy orders from stdin", &["orders"]);
}

#[test]
fn a_foreign_table_may_be_anything() {
    let tables = database()
        .kind("events", 'p')
        .kind("remote", 'f')
        .child("remote", "events");
    let reason = EverythingReason::ForeignTable(named("public.remote"));
    tables
        .everything("delete from remote", &reason)
        .everything("delete from events", &reason);
    let declared = tables.declare(|declarations| declarations.cacheable_table("remote"));
    declared.writes("delete from remote", &["remote", "events"]);
}

/// `orders` refers to `users` by `key`, `items` to `orders` with CASCADE, and `notes` to `items`
/// with SET NULL on DELETE.
fn shop(actions: [char; 2]) -> Builder {
    database()
        .tables(&["users", "orders", "items", "notes"])
        .foreign_key("orders", "users", actions)
        .foreign_key("items", "orders", ['c', 'c'])
        .foreign_key("notes", "items", ['a', 'n'])
}

#[test]
fn a_cascading_delete_goes_on_as_delete() {
    let all = ["users", "orders", "items", "notes"];
    shop(['a', 'c'])
        .writes("delete from users", &all)
        .writes("update users set id = 1", &["users"])
        .writes("insert into users values (1)", &["users"])
        .writes("delete from orders", &["orders", "items", "notes"])
        .writes("delete from notes", &["notes"]);
}

#[test]
fn a_delete_that_sets_goes_on_as_update() {
    for letter in ['n', 'd'] {
        // `items` refers to `orders` with ON UPDATE CASCADE; nothing refers to an update of `items`.
        shop(['r', letter]).writes("delete from users", &["users", "orders", "items"]);
    }
}

#[test]
fn an_update_fires_only_what_is_on_update() {
    shop(['c', 'a'])
        .writes("update users set id = 1", &["users", "orders", "items"])
        .writes("delete from users", &["users"])
        .writes(
            "insert into users values (1) on conflict do nothing",
            &["users"],
        )
        .writes(
            "insert into users values (1) on conflict (id) do update set id = 2",
            &["users", "orders", "items"],
        );
}

#[test]
fn merge_and_ctes_are_all_they_may_be() {
    let both = shop(['c', 'c']);
    let all = ["users", "orders", "items", "notes"];
    both.writes(
        "merge into users using (select 1 as id) s on users.id = s.id \
         when matched then delete when not matched then insert values (1)",
        &all,
    );
    both.writes(
        "with gone as (delete from users returning id) select * from gone",
        &all,
    );
}

#[test]
fn no_action_and_restrict_write_nothing() {
    shop(['a', 'r']).writes("delete from users", &["users"]);
    shop(['r', 'a']).writes("update users set id = 1", &["users"]);
}

#[test]
fn a_truncate_cascades_to_all_that_refer() {
    shop(['a', 'a'])
        .writes("truncate users", &["users"])
        .writes(
            "truncate users cascade",
            &["users", "orders", "items", "notes"],
        );
}

#[test]
fn foreign_keys_in_a_circle_end() {
    database()
        .tables(&["a", "b"])
        .foreign_key("a", "b", ['c', 'c'])
        .foreign_key("b", "a", ['c', 'c'])
        .foreign_key("a", "a", ['c', 'c'])
        .writes("delete from a", &["a", "b"]);
}

#[test]
fn foreign_keys_reach_the_family_of_the_child() {
    database()
        .tables(&["users", "january"])
        .kind("events", 'p')
        .child("january", "events")
        .foreign_key("events", "users", ['a', 'c'])
        .writes("delete from users", &["users", "events", "january"]);
}

#[test]
fn an_update_of_a_partitioned_table_may_delete() {
    database()
        .kind("events", 'p')
        .tables(&["january", "notes"])
        .child("january", "events")
        .foreign_key("notes", "events", ['a', 'c'])
        .writes("update events set a = 1", &["events", "january", "notes"])
        .writes("insert into events values (1)", &["events", "january"]);
}
