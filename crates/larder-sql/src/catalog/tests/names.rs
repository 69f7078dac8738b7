//! Which table a name means.

use super::*;

#[test]
fn the_first_schema_of_the_search_path_counts() {
    let base = database().tables(&["a.orders", "b.orders", "b.users", "c.hidden"]);
    let first = base.path(&["pg_catalog", "a", "b"]);
    first
        .reads("select * from orders, users", &["a.orders", "b.users"])
        .reads("select * from b.orders", &["b.orders"])
        .reads("select * from c.hidden", &["c.hidden"])
        .uncacheable(
            "select * from hidden",
            &Uncacheable::UnknownTable(named("hidden")),
        );
    let second = first.path(&["pg_catalog", "b", "a"]);
    second.reads("select * from orders, users", &["b.orders", "b.users"]);
}

#[test]
fn the_system_comes_before_the_user() {
    let shadowed = database().tables(&["pg_catalog.pg_class", "pg_class"]);
    shadowed
        .uncacheable(
            "select * from pg_class",
            &Uncacheable::SystemTable(named("pg_catalog.pg_class")),
        )
        .reads("select * from public.pg_class", &["pg_class"]);
    let explicit = shadowed.path(&["public", "pg_catalog"]);
    explicit.reads("select * from pg_class", &["pg_class"]);
}

#[test]
fn temporary_tables_hide_others() {
    let hidden = database()
        .tables(&["orders"])
        .relation("pg_temp_3.orders", |relation| relation.temporary = true)
        .path(&["pg_temp_3", "pg_catalog", "public"]);
    let temporary = Uncacheable::TemporaryTable(named("pg_temp_3.orders"));
    hidden
        .uncacheable("select * from orders", &temporary)
        .uncacheable("select * from pg_temp.orders", &temporary)
        .reads("select * from public.orders", &["orders"])
        .writes("delete from orders", &["pg_temp_3.orders"]);
}

#[test]
fn temporary_views_and_functions_are_the_sessions_own() {
    let hidden = database()
        .tables(&["orders"])
        .relation("pg_temp_3.v", |relation| {
            relation.temporary = true;
            relation.kind = 'v';
            relation.definition = Some("SELECT * FROM orders".into());
        })
        .view_reads("pg_temp_3.v", &["orders"])
        .function("pg_temp_3.f", 'i')
        .path(&["pg_temp_3", "pg_catalog", "public"]);
    hidden
        .uncacheable(
            "select * from v",
            &Uncacheable::TemporaryTable(named("pg_temp_3.v")),
        )
        // PostgreSQL does not search the temporary schema for functions.
        .uncacheable("select f()", &Uncacheable::UnknownFunction(named("f")));
}

#[test]
fn quoted_names_keep_their_case() {
    let quoted = database().tables(&["Orders"]);
    quoted
        .reads("select * from \"Orders\"", &["Orders"])
        .uncacheable(
            "select * from Orders",
            &Uncacheable::UnknownTable(named("orders")),
        );
}

#[test]
fn tables_are_found_by_name_and_by_id() {
    let catalog = database().tables(&["orders", "a.orders"]).build();
    let id = catalog.find(&named("orders")).unwrap();
    assert_eq!(catalog.table(id), Some(&named("public.orders")));
    assert_eq!(catalog.find(&named("a.orders")), Some(TableId(20_001)));
    assert_eq!(catalog.find(&named("users")), None);
    assert_eq!(catalog.table(TableId(1)), None);
}

#[test]
fn declarations_of_what_is_not_there_are_listed() {
    let declared = database().tables(&["orders"]).declare(|declarations| {
        declarations
            .function_reads("no_function", ["orders"])
            .function_reads("f", ["no_table"])
            .triggers_write("no_triggers", ["orders"])
            .cacheable_table("not a name")
            .cacheable_table("orders")
    });
    assert_eq!(
        declared.build().ineffective_declarations(),
        ["no_function", "no_table", "no_triggers", "not a name"]
    );
}
