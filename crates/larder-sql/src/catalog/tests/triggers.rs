//! Triggers, rules, defaults, constraints and policies.

use super::*;

const INSERT: u32 = 1 << 2;
const DELETE: u32 = 1 << 3;
const UPDATE: u32 = 1 << 4;
const TRUNCATE: u32 = 1 << 5;
const INSTEAD: u32 = 1 << 6;

fn trigger_of(table: &str, function: &str) -> EverythingReason {
    EverythingReason::Trigger {
        table: named(&format!("public.{table}")),
        trigger: format!("{table}_{function}").into(),
    }
}

#[test]
fn a_trigger_fires_on_its_events() {
    let reason = trigger_of("orders", "audit");
    for (event, fires, quiet) in [
        (
            INSERT,
            "insert into orders values (1)",
            "delete from orders",
        ),
        (INSERT, "copy orders from stdin", "truncate orders"),
        (
            UPDATE,
            "update orders set id = 1",
            "insert into orders values (1)",
        ),
        (
            UPDATE,
            "insert into orders values (1) on conflict (id) do update set a = 2",
            "insert into orders values (1) on conflict do nothing",
        ),
        (DELETE, "delete from orders", "update orders set id = 1"),
        (TRUNCATE, "truncate orders", "delete from orders"),
    ] {
        let tables = database()
            .tables(&["orders"])
            .function("audit", 'v')
            .trigger("orders", "audit", event);
        tables.everything(fires, &reason).writes(quiet, &["orders"]);
    }
}

#[test]
fn triggers_fire_on_partitions_and_by_foreign_keys() {
    let tables = database()
        .kind("events", 'p')
        .tables(&["january", "february", "users"])
        .child("january", "events")
        .child("february", "events")
        .foreign_key("events", "users", ['a', 'c'])
        .function("audit", 'v')
        .trigger("january", "audit", DELETE);
    let reason = trigger_of("january", "audit");
    tables
        .everything("delete from events", &reason)
        .everything("delete from users", &reason)
        .writes("delete from february", &["events", "february"])
        .writes(
            "insert into events values (1)",
            &["events", "january", "february"],
        );
}

#[test]
fn declared_triggers_write_what_is_declared() {
    let tables = database()
        .tables(&["orders", "audit_log", "january", "users"])
        .child("january", "orders")
        .foreign_key("users", "audit_log", ['a', 'c'])
        .function("audit", 'v')
        .trigger("orders", "audit", DELETE)
        .trigger("january", "audit", DELETE);
    let by_table =
        |declarations: Declarations| declarations.triggers_write("orders", ["audit_log"]);
    let by_function =
        |declarations: Declarations| declarations.function_writes("audit", ["audit_log"]);
    let tables = tables.declare(by_table);
    let all = ["orders", "january", "audit_log", "users"];
    tables
        .writes("delete from orders", &all)
        .writes("delete from january", &all)
        .writes("insert into orders values (1)", &["orders", "january"]);
    let mut tables = tables;
    tables.declarations = by_function(Declarations::new());
    tables.writes("delete from orders", &all);
    tables.declarations = Declarations::new().function_writes("audit", Vec::<String>::new());
    tables.writes("delete from orders", &["orders", "january"]);
    tables.declarations = Declarations::new().triggers_write("orders", ["no_table"]);
    tables.everything("delete from orders", &trigger_of("orders", "audit"));
}

#[test]
fn triggers_of_declared_tables_fire() {
    let tables = database()
        .tables(&["orders", "audit_log"])
        .function("audit", 'v')
        .function("other", 'v')
        .trigger("orders", "audit", DELETE)
        .trigger("audit_log", "other", INSERT)
        .declare(|declarations| declarations.function_writes("audit", ["audit_log"]));
    tables.everything("delete from orders", &trigger_of("audit_log", "other"));
}

#[test]
fn triggers_of_known_extensions_change_only_the_row() {
    let tables = database()
        .tables(&["orders"])
        .function_of(Some("moddatetime"), "moddatetime", 'v')
        .trigger("orders", "moddatetime", UPDATE);
    tables.writes("update orders set a = 1", &["orders"]);
}

#[test]
fn a_trigger_in_place_of_a_view_may_write_anything() {
    let views = database()
        .tables(&["orders"])
        .function("instead", 'v')
        .view("v", "SELECT * FROM orders", &["orders"])
        .trigger("v", "instead", INSTEAD | INSERT);
    views
        .everything("insert into v values (1)", &trigger_of("v", "instead"))
        .writes("delete from v", &["orders"]);
    let mut declared = views.declare(|declarations| declarations.triggers_write("v", ["orders"]));
    for relation in &mut declared.snapshot.relations {
        relation.updatable = 0;
    }
    declared.writes("insert into v values (1)", &["orders"]);
}

#[test]
fn rules_act_on_their_event() {
    let tables = database().tables(&["orders"]).rule("orders", '3');
    tables
        .everything(
            "insert into orders values (1)",
            &EverythingReason::Rule {
                table: named("public.orders"),
                rule: "a_rule".into(),
            },
        )
        .writes("delete from orders", &["orders"]);
    let declared =
        tables.declare(|declarations| declarations.triggers_write("orders", Vec::<String>::new()));
    declared.writes("insert into orders values (1)", &["orders"]);
}

#[test]
fn functions_of_defaults_and_constraints_are_called_by_writing() {
    let tables = database()
        .tables(&["orders", "archive"])
        .function("make_id", 'v')
        .expression("orders", "make_id", false);
    let reason = EverythingReason::Expression {
        table: named("public.orders"),
        function: named("public.make_id"),
    };
    tables
        .everything("insert into orders values (1)", &reason)
        .everything("update orders set a = 1", &reason)
        .writes("delete from orders", &["orders"])
        .writes("select * from orders", &[]);
    let declared =
        tables.declare(|declarations| declarations.function_writes("make_id", ["archive"]));
    declared.writes("insert into orders values (1)", &["orders", "archive"]);
    let stable = database()
        .tables(&["orders"])
        .function("make_id", 's')
        .expression("orders", "make_id", false);
    stable.writes("insert into orders values (1)", &["orders"]);
}

#[test]
fn a_view_may_have_defaults_of_its_own() {
    let views = database()
        .tables(&["orders"])
        .view("v", "SELECT * FROM orders", &["orders"])
        .function("make_id", 'v')
        .expression("v", "make_id", false);
    views
        .everything(
            "insert into v values (default)",
            &EverythingReason::Expression {
                table: named("public.v"),
                function: named("public.make_id"),
            },
        )
        .writes("insert into orders values (default)", &["orders"]);
}

#[test]
fn functions_of_policies_are_called_by_reading() {
    let table = |row_security: bool| {
        database()
            .relation("orders", |relation| relation.row_security = row_security)
            .function("allowed", 'v')
            .expression("orders", "allowed", true)
    };
    let reason = EverythingReason::Expression {
        table: named("public.orders"),
        function: named("public.allowed"),
    };
    table(true)
        .everything("select * from orders", &reason)
        .everything("delete from orders", &reason);
    table(false)
        .writes("select * from orders", &[])
        .writes("delete from orders", &["orders"]);
}

#[test]
fn a_refresh_sets_off_event_triggers() {
    let views = database()
        .tables(&["orders", "audit_log"])
        .materialized_view("m", "SELECT * FROM orders", &["orders"])
        .function("on_ddl", 'v')
        .event_trigger("watch", "on_ddl");
    views
        .everything(
            "refresh materialized view m",
            &EverythingReason::EventTrigger("watch".into()),
        )
        .writes("delete from orders", &["orders"]);
    let declared =
        views.declare(|declarations| declarations.function_writes("on_ddl", ["audit_log"]));
    declared.writes("refresh materialized view m", &["m", "audit_log"]);
}

#[test]
fn a_table_that_is_tracked_is_written_alone() {
    let tables = database()
        .kind("events", 'p')
        .tables(&["january", "orders"])
        .child("january", "events")
        .function("larder.track", 'v')
        .function("track", 'v')
        .function("audit", 'v')
        .trigger(
            "events",
            "larder.track",
            INSERT | UPDATE | DELETE | TRUNCATE,
        )
        .trigger(
            "january",
            "larder.track",
            INSERT | UPDATE | DELETE | TRUNCATE,
        )
        .trigger("orders", "larder.track", INSERT);
    tables
        .writes("insert into events values (1)", &["events", "january"])
        .writes("truncate january", &["events", "january"])
        .writes("insert into orders values (1)", &["orders"]);
    // Another trigger beside it, or another function of that name, may do anything.
    let beside = tables.trigger("orders", "audit", INSERT);
    beside.everything(
        "insert into orders values (1)",
        &trigger_of("orders", "audit"),
    );
    let other = database()
        .tables(&["orders"])
        .function("track", 'v')
        .trigger("orders", "track", INSERT);
    other.everything(
        "insert into orders values (1)",
        &trigger_of("orders", "track"),
    );
}

#[test]
fn nothing_depends_on_the_log() {
    let tables = database()
        .kind("larder.invalidation", 'p')
        .tables(&["larder.invalidation_0", "larder.epoch", "orders"])
        .child("larder.invalidation_0", "larder.invalidation")
        .function("larder.prune", 'v')
        .function("larder.renew_epoch", 'v')
        .function("larder.of_the_user", 'v');
    let log = |name| Uncacheable::SystemTable(named(name));
    tables
        .uncacheable(
            "select * from larder.invalidation",
            &log("larder.invalidation"),
        )
        .uncacheable("select * from orders, larder.epoch", &log("larder.epoch"))
        .uncacheable(
            "select larder.prune()",
            &Uncacheable::SideEffect(named("larder.prune")),
        )
        .writes("insert into larder.invalidation values (1)", &[])
        .writes("truncate larder.invalidation_0", &[])
        .writes("select larder.prune()", &[])
        .writes("select larder.renew_epoch()", &[])
        .everything(
            "select larder.of_the_user()",
            &EverythingReason::Function(named("larder.of_the_user")),
        );
    let catalog = tables.build();
    assert!(!catalog.may_change_schema(&classify("insert into larder.invalidation values (1)")));
}
