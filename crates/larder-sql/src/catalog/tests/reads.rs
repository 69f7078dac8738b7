//! What a query reads.

use super::*;

#[test]
fn views_read_their_base_tables_transitively() {
    let views = database()
        .tables(&["orders", "users", "items"])
        .view(
            "by_user",
            "SELECT * FROM orders JOIN users USING (id)",
            &["orders", "users"],
        )
        .view(
            "all_of_it",
            "SELECT * FROM by_user, items",
            &["by_user", "items"],
        );
    views
        .reads("select * from by_user", &["orders", "users"])
        .reads("select * from all_of_it", &["orders", "users", "items"])
        .reads(
            "select * from all_of_it, by_user, users",
            &["orders", "users", "items"],
        );
}

#[test]
fn what_the_server_says_of_a_view_is_added_to_its_text() {
    let views = database().tables(&["orders", "users"]).view(
        "v",
        "SELECT * FROM orders",
        &["orders", "users"],
    );
    views.reads("select * from v", &["orders", "users"]);
}

#[test]
fn views_that_read_each_other_end() {
    let views = database()
        .tables(&["orders"])
        .view("a", "SELECT * FROM b, orders", &["b", "orders"])
        .view("b", "SELECT * FROM a", &["a"]);
    views.reads("select * from a", &["orders"]);
}

#[test]
fn materialized_views_are_read_themselves() {
    let views = database()
        .tables(&["orders"])
        .materialized_view("totals", "SELECT random() FROM orders", &["orders"])
        .view("v", "SELECT * FROM totals", &["totals"]);
    views
        .reads("select * from totals", &["totals"])
        .reads("select * from v", &["totals"])
        .writes("refresh materialized view totals", &["totals"]);
}

#[test]
fn functions_and_times_of_views_count() {
    let views = database()
        .tables(&["orders"])
        .function("app_total", 's')
        .view(
            "moving",
            "SELECT now(), 'today'::text::date FROM orders",
            &["orders"],
        )
        .view("over_it", "SELECT * FROM moving", &["moving"])
        .view(
            "state",
            "SELECT current_setting('a'::text) FROM orders",
            &["orders"],
        )
        .view("total", "SELECT app_total(id) FROM orders", &["orders"])
        .view_calls("total", "app_total")
        // An operator calls it, so the text does not show it.
        .view(
            "total_by_operator",
            "SELECT id + id FROM orders",
            &["orders"],
        )
        .view_calls("total_by_operator", "app_total");
    views
        .volatile("select * from over_it", &["\"'now'\"", "now"][..])
        .uncacheable(
            "select * from state",
            &Uncacheable::ServerState(named("current_setting")),
        )
        .uncacheable(
            "select * from total",
            &Uncacheable::FunctionReads(named("app_total")),
        )
        .uncacheable(
            "select * from total_by_operator",
            &Uncacheable::FunctionReads(named("public.app_total")),
        );
}

#[test]
fn a_view_that_is_not_understood_is_not_cached() {
    let views = database()
        .tables(&["orders"])
        .view("v", "SELECT ] FROM orders", &["orders"])
        .relation("w", |relation| relation.kind = 'v');
    for (text, view) in [
        ("select * from v", "public.v"),
        ("select * from w", "public.w"),
    ] {
        let found = views.build().reads(&classify(text)).unwrap_err();
        assert!(
            matches!(&found, Uncacheable::View { view: found, .. } if *found == named(view)),
            "{found}"
        );
    }
}

#[test]
fn a_view_of_the_system_below_a_view_is_found_in_its_text() {
    let views = database().tables(&["orders", "pg_catalog.pg_class"]).view(
        "v",
        "SELECT * FROM orders, pg_class",
        &["orders"],
    );
    views.uncacheable(
        "select * from v",
        &Uncacheable::SystemTable(named("pg_catalog.pg_class")),
    );
}

#[test]
fn what_changes_unseen_is_cached_only_by_declaration() {
    let tables = database()
        .tables(&["information_schema.tables", "orders"])
        .kind("remote", 'f')
        .kind("numbers", 'S')
        .kind("strange", 'x');
    tables
        .uncacheable(
            "select * from information_schema.tables",
            &Uncacheable::SystemTable(named("information_schema.tables")),
        )
        .uncacheable(
            "select * from remote",
            &Uncacheable::ForeignTable(named("public.remote")),
        )
        .uncacheable(
            "select last_value from numbers",
            &Uncacheable::Sequence(named("public.numbers")),
        )
        .uncacheable(
            "select * from strange",
            &Uncacheable::SystemTable(named("public.strange")),
        );
    let declared = tables.declare(|declarations| {
        declarations
            .cacheable_table("information_schema.tables")
            .cacheable_table("remote")
            .cacheable_table("public.numbers")
    });
    declared.reads(
        "select * from information_schema.tables, remote, numbers, orders",
        &["information_schema.tables", "remote", "numbers", "orders"],
    );
}

#[test]
fn a_foreign_partition_makes_its_table_foreign() {
    let tables = database()
        .kind("events", 'p')
        .kind("local", 'r')
        .kind("remote", 'f')
        .child("local", "events")
        .child("remote", "events");
    tables
        .uncacheable(
            "select * from events",
            &Uncacheable::ForeignTable(named("public.remote")),
        )
        .reads("select * from local", &["local"]);
    let declared = tables.declare(|declarations| declarations.cacheable_table("remote"));
    declared.reads("select * from events", &["events"]);
}

#[test]
fn a_temporary_child_makes_its_table_the_sessions_own() {
    let tables = database()
        .tables(&["events"])
        .relation("pg_temp_1.mine", |relation| relation.temporary = true)
        .child("pg_temp_1.mine", "events");
    tables.uncacheable(
        "select * from events",
        &Uncacheable::TemporaryTable(named("pg_temp_1.mine")),
    );
}

#[test]
fn a_parent_is_read_alone() {
    let tables = database()
        .kind("events", 'p')
        .tables(&["january"])
        .child("january", "events");
    tables.reads("select * from events", &["events"]);
}

#[test]
fn row_security_that_is_active_is_not_cached() {
    let tables = database()
        .relation("active", |relation| {
            relation.row_security = true;
            relation.row_security_active = true;
        })
        .relation("owned", |relation| relation.row_security = true)
        .view("v", "SELECT * FROM owned", &["owned"])
        .materialized_view("m", "SELECT * FROM active", &["active"]);
    tables
        .uncacheable(
            "select * from active",
            &Uncacheable::RowSecurity(named("public.active")),
        )
        .reads("select * from owned", &["owned"])
        // It is not known whether it holds for the owner of the view.
        .uncacheable(
            "select * from v",
            &Uncacheable::RowSecurity(named("public.owned")),
        )
        .reads("select * from m", &["m"]);
}

#[test]
fn only_plain_queries_are_cached() {
    let tables = database().tables(&["orders"]);
    tables
        .uncacheable("select * from orders for update", &Uncacheable::LocksRows)
        .uncacheable(
            "with gone as (delete from orders returning *) select * from gone",
            &Uncacheable::Writes,
        )
        .uncacheable("select * into copy from orders", &Uncacheable::Writes)
        .uncacheable(
            "update orders set id = 1",
            &Uncacheable::NotAQuery(StatementKind::Update),
        )
        .uncacheable("show all", &Uncacheable::NotAQuery(StatementKind::Show))
        .uncacheable(
            "explain select * from orders",
            &Uncacheable::NotAQuery(StatementKind::Explain),
        )
        .uncacheable(
            "select 1; select 2",
            &Uncacheable::NotAQuery(StatementKind::Batch),
        );
    let unknown = tables.build().reads(&classify("select ] from"));
    assert!(matches!(unknown, Err(Uncacheable::Unknown(_))));
    tables
        .reads("values (1), (2)", &[])
        .reads("table orders", &["orders"]);
}

#[test]
fn the_sources_of_a_result_are_all_whose_rows_it_may_show() {
    let mut database = database()
        .tables(&["patients", "patients_old", "patients_new", "cities"])
        .child("patients_old", "patients")
        .child("patients_new", "patients")
        .view("shown", "SELECT * FROM patients_old", &["patients_old"])
        .view("shown_again", "SELECT * FROM shown", &["shown"])
        .materialized_view("kept", "SELECT * FROM shown", &["shown"]);
    let expected = [
        (
            "patients",
            &["patients", "patients_old", "patients_new"][..],
        ),
        ("patients_new", &["patients_new", "patients"]),
        ("cities", &["cities"]),
        (
            "shown_again",
            &["shown_again", "shown", "patients_old", "patients"],
        ),
        ("kept", &["kept", "shown", "patients_old", "patients"]),
    ];
    let expected = expected.map(|(name, sources)| {
        let ids = sources.iter().map(|source| TableId(database.id(source)));
        (name, ids.collect::<std::collections::BTreeSet<_>>())
    });
    let catalog = Catalog::new(database.snapshot, &database.declarations);
    for (name, sources) in expected {
        let reads = catalog.reads(&classify(&format!("select * from {name}")));
        let reads = reads.unwrap();
        let found = catalog.sources(reads.tables.iter().chain(&reads.views).copied());
        assert_eq!(found, sources, "{name}");
    }
}
