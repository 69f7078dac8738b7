//! What functions do.

use super::*;

#[test]
fn functions_of_the_system_by_what_they_depend_on() {
    let tables = database().tables(&["orders"]);
    tables
        .reads(
            "select lower(a), to_char(b, 'x'), jsonb_agg(c) from orders",
            &["orders"],
        )
        .reads(
            "select current_user, user, extract(epoch from a) from orders",
            &["orders"],
        )
        .volatile(
            "select now(), random(), current_date, age(a) from orders",
            &["age", "current_date", "now", "random"],
        )
        .volatile("select * from orders where a > 'yesterday'", &["\"'now'\""])
        .volatile("select * from orders tablesample system (1)", &["system"])
        .uncacheable(
            "select current_setting('a')",
            &Uncacheable::ServerState(named("current_setting")),
        )
        .uncacheable(
            "select nextval('s')",
            &Uncacheable::SideEffect(named("nextval")),
        )
        .uncacheable(
            "select query_to_xml('select 1', true, true, '')",
            &Uncacheable::FunctionWrites(named("query_to_xml")),
        );
}

#[test]
fn harmless_volatile_functions_write_nothing() {
    let tables = database().tables(&["orders"]);
    for call in [
        "random()",
        "clock_timestamp()",
        "now()",
        "nextval('s')",
        "pg_notify('a', 'b')",
        "pg_sleep(1)",
        "pg_advisory_lock(1)",
        "set_config('a', 'b', true)",
        "current_setting('a')",
        "pg_get_viewdef(1)",
        "pg_catalog.lower('a')",
        "extract(year from a)",
    ] {
        tables.writes(&format!("select {call} from orders"), &[]);
        tables.writes(&format!("insert into orders values ({call})"), &["orders"]);
    }
}

#[test]
fn harmful_functions_of_the_system_write_everything() {
    let tables = database().tables(&["orders"]);
    for name in [
        "query_to_xml",
        "table_to_xml",
        "ts_stat",
        "lo_create",
        "pg_read_file",
        "pg_catalog.ts_stat",
    ] {
        let reason = EverythingReason::Function(named(name));
        tables
            .everything(&format!("select {name}('a')"), &reason)
            .everything(&format!("insert into orders select {name}('a')"), &reason);
    }
}

#[test]
fn functions_of_the_user_by_their_volatility() {
    let functions = database()
        .tables(&["orders"])
        .function("pure", 'i')
        .function("total", 's')
        .function("archive", 'v');
    functions
        .reads("select pure(id) from orders", &["orders"])
        .uncacheable(
            "select total(1)",
            &Uncacheable::FunctionReads(named("total")),
        )
        .uncacheable(
            "select archive(1)",
            &Uncacheable::FunctionWrites(named("archive")),
        )
        .writes("select pure(1), total(1)", &[])
        .everything(
            "select archive(1)",
            &EverythingReason::Function(named("archive")),
        )
        .everything(
            "insert into orders values (archive(1))",
            &EverythingReason::Function(named("archive")),
        )
        .everything(
            "explain select archive(1)",
            &EverythingReason::Function(named("archive")),
        );
}

#[test]
fn a_function_that_is_not_known_may_do_anything() {
    let tables = database()
        .tables(&["orders"])
        .function("hidden.secret", 'i');
    for name in ["nothing", "public.nothing", "pg_catalog.nothing", "secret"] {
        tables
            .uncacheable(
                &format!("select {name}(1)"),
                &Uncacheable::UnknownFunction(named(name)),
            )
            .everything(
                &format!("select {name}(1)"),
                &EverythingReason::UnknownFunction(named(name)),
            );
    }
    tables.reads("select hidden.secret(1)", &[]);
}

#[test]
fn of_several_functions_the_worst_counts() {
    let functions = database()
        .function("a.total", 'i')
        .function("b.total", 'v')
        .function("public.lower", 's')
        .path(&["a", "pg_catalog", "public"]);
    functions
        .reads("select total(1)", &[])
        .uncacheable(
            "select b.total(1)",
            &Uncacheable::FunctionWrites(named("b.total")),
        )
        .uncacheable(
            "select lower('a')",
            &Uncacheable::FunctionReads(named("lower")),
        )
        .reads("select pg_catalog.lower('a')", &[]);
    let both = functions.path(&["a", "b", "pg_catalog"]);
    both.uncacheable(
        "select total(1)",
        &Uncacheable::FunctionWrites(named("total")),
    );
}

#[test]
fn functions_of_known_extensions() {
    let functions = database()
        .function_of(Some("unaccent"), "unaccent", 's')
        .function_of(Some("pgcrypto"), "gen_salt", 'v')
        .function_of(Some("tablefunc"), "crosstab", 's')
        .function_of(Some("tablefunc"), "normal_rand", 'v')
        .function_of(Some("postgis"), "st_asgeojson", 'i')
        .function_of(Some("postgis"), "find_srid", 's')
        .function_of(Some("postgis"), "addgeometrycolumn", 'v')
        .function_of(Some("dblink"), "dblink", 'v')
        .function_of(Some("pg_trgm"), "set_limit", 'v')
        .function_of(Some("mine"), "unaccent_not", 's');
    functions
        .reads("select unaccent('a'), st_asgeojson(b)", &[])
        .volatile(
            "select gen_salt('a'), normal_rand(1, 2, 3)",
            &["gen_salt", "normal_rand"],
        )
        .writes(
            "select gen_salt('a'), set_limit(1), normal_rand(1, 2, 3)",
            &[],
        )
        .uncacheable(
            "select crosstab('a')",
            &Uncacheable::FunctionReads(named("crosstab")),
        )
        .uncacheable(
            "select find_srid('a')",
            &Uncacheable::FunctionReads(named("find_srid")),
        )
        .uncacheable(
            "select unaccent_not(1)",
            &Uncacheable::FunctionReads(named("unaccent_not")),
        )
        .uncacheable(
            "select set_limit(1)",
            &Uncacheable::SideEffect(named("set_limit")),
        )
        .everything(
            "select dblink('a')",
            &EverythingReason::Function(named("dblink")),
        )
        .everything(
            "select addgeometrycolumn('a')",
            &EverythingReason::Function(named("addgeometrycolumn")),
        );
}

#[test]
fn declared_functions_do_what_is_declared() {
    let functions = database()
        .tables(&["orders", "archive", "users"])
        .function("total", 's')
        .function("move_orders", 'v')
        .function("move_both", 'v')
        .declare(|declarations| {
            declarations
                .function_reads("total", ["orders"])
                .function_writes("move_orders", ["orders", "public.archive"])
                .function_reads("move_both", ["users"])
                .function_writes("move_both", ["archive"])
        });
    functions
        .reads("select total(id) from users", &["users", "orders"])
        .writes("select total(1)", &[])
        .writes("select move_orders(1) from users", &["orders", "archive"])
        .writes("update users set id = move_both(1)", &["users", "archive"])
        .uncacheable(
            "select move_both(1)",
            &Uncacheable::FunctionWrites(named("move_both")),
        );
}

#[test]
fn a_function_behind_an_operator_is_called_where_the_operator_stands() {
    let operators = database()
        .tables(&["orders"])
        .function("pure", 'i')
        .function("compare", 'v')
        .function("look", 's')
        .operator("===", "compare", false)
        .operator("<->", "look", false)
        .operator("@@@", "pure", false);
    let compare = named("public.compare");
    operators
        .uncacheable(
            "select a===b from orders",
            &Uncacheable::Unseen(compare.clone()),
        )
        .everything(
            "select a === b from orders",
            &EverythingReason::Unseen(compare),
        )
        .uncacheable(
            "select a operator(public.<->) b from orders",
            &Uncacheable::Unseen(named("public.look")),
        )
        .writes("select a <-> b from orders", &[])
        .reads("select a @@@ b from orders", &["orders"])
        .reads("select a = b from orders", &["orders"]);
}

#[test]
fn a_function_that_no_text_shows_is_called_by_every_statement() {
    for base in [
        database().operator("=", "compare", false),
        database().operator("<<<", "compare", true),
        database().cast("compare"),
    ] {
        let unseen = base.tables(&["orders"]).function("compare", 'v');
        let compare = named("public.compare");
        unseen
            .uncacheable(
                "select 1 from orders",
                &Uncacheable::Unseen(compare.clone()),
            )
            .everything(
                "select 1 from orders",
                &EverythingReason::Unseen(compare.clone()),
            )
            .everything("delete from orders", &EverythingReason::Unseen(compare))
            .writes("show all", &[]);
        let declared = unseen
            .declare(|declarations| declarations.function_reads("compare", Vec::<String>::new()));
        declared
            .reads("select 1 from orders", &["orders"])
            .writes("delete from orders", &["orders"]);
    }
}

#[test]
fn a_name_may_call_a_function_wherever_it_stands() {
    let mentions = database()
        .tables(&["orders"])
        .function("total", 'v')
        .function("check_email", 's')
        .mention("total", "total", false)
        .mention("Email", "check_email", true);
    let total = named("public.total");
    mentions
        .uncacheable(
            "select o.total from orders o",
            &Uncacheable::Unseen(total.clone()),
        )
        .everything(
            "select (o).TOTAL from orders o",
            &EverythingReason::Unseen(total),
        )
        .uncacheable(
            "select a::\"Email\" from orders",
            &Uncacheable::Unseen(named("public.check_email")),
        )
        .reads(
            "select a::email, total_2, \"Email\" from orders",
            &["orders"],
        );
}

#[test]
fn what_moves_needs_leave() {
    let catalog = database().tables(&["orders"]).build();
    let found = catalog
        .reads(&classify("select now(), * from orders"))
        .unwrap();
    let refused = found.without_volatile().unwrap_err();
    assert_eq!(refused, Uncacheable::Volatile([named("now")].into()));
    assert_eq!(
        refused.to_string(),
        "now may give something else each time: bind a value instead, or allow it with \
         allow_volatile()"
    );
    let found = catalog.reads(&classify("select * from orders")).unwrap();
    assert_eq!(found.clone().without_volatile(), Ok(found));
}

#[test]
fn defaults_of_arguments_are_evaluated_by_the_call() {
    let functions = database()
        .function("archive", 'v')
        .function("total", 's')
        // It comes before the function whose defaults make it worse.
        .function("later", 'i')
        .defaults("later", "pure(), 1")
        .function("pure", 'i')
        .defaults("pure", "archive()")
        .function("moving", 'i')
        .defaults("moving", "now()")
        .function("odd", 'i')
        .defaults("odd", "]")
        .function("reading", 'i')
        .defaults("reading", "total(1)")
        .function("plain", 'i')
        .defaults("plain", "lower('a'::text)");
    for name in ["pure", "later", "odd"] {
        functions
            .everything(
                &format!("select {name}()"),
                &EverythingReason::Function(named(name)),
            )
            .uncacheable(
                &format!("select {name}()"),
                &Uncacheable::FunctionWrites(named(name)),
            );
    }
    functions
        .volatile("select moving()", &["moving"])
        .uncacheable(
            "select reading()",
            &Uncacheable::FunctionReads(named("reading")),
        )
        .reads("select plain()", &[]);
}
