//! Which rows a statement is about.

use super::*;

const INT4: u32 = 23;

impl Builder {
    /// What is said of the rows that `text` reads or writes, in short.
    fn rows(&self, text: &str) -> String {
        let (catalog, profile) = (self.build(), classify(text));
        let parameters = |access: &RowAccess| {
            let numbers = access.parameters.iter().map(|index| index + 1);
            let numbers: Vec<String> = numbers.map(|number| format!(" ${number}")).collect();
            numbers.concat()
        };
        let name = |id| catalog.table(id).unwrap().name().to_owned();
        match (catalog.row_read(&profile), catalog.row_write(&profile)) {
            (None, None) => "any".to_owned(),
            (Some(read), None) => {
                let proof = if read.non_empty_proves_row {
                    ""
                } else {
                    " or nothing"
                };
                format!("reads {}{}{proof}", name(read.table), parameters(&read))
            }
            (None, Some(RowWrite::Rows(write))) => {
                format!("writes {}{}", name(write.table), parameters(&write))
            }
            (None, Some(RowWrite::NewRows(table))) => format!("adds to {}", name(table)),
            both => panic!("{both:?}"),
        }
    }

    #[track_caller]
    fn says(&self, text: &str, expected: &str) -> &Self {
        assert_eq!(self.rows(text), expected, "{text}");
        self
    }

    /// Nothing is said of the rows of any statement about `orders`.
    #[track_caller]
    fn says_nothing_of_orders(&self) {
        for text in STATEMENTS {
            self.says(text, "any");
        }
    }
}

const STATEMENTS: [&str; 6] = [
    "select * from orders where id = $1",
    "update orders set a = 1 where id = $1",
    "delete from orders where id = $1",
    "insert into orders (id) values ($1)",
    "insert into orders (a) values ($1)",
    "insert into orders (id) values ($1) on conflict (id) do update set a = 1",
];

fn orders() -> Builder {
    database().keyed("orders", INT4)
}

#[test]
fn a_row_is_known_by_the_primary_key() {
    orders()
        .says(
            "select * from orders where a = $1 and id = $2",
            "reads orders $2",
        )
        .says(
            "select a from public.orders o where o.id = $1 limit $2",
            "reads orders $1",
        )
        .says(
            "select jsonb_agg(a) from orders where id = $1",
            "reads orders $1 or nothing",
        )
        .says("select * from orders where a = $1", "any")
        .says(
            "update orders set a = $1 where id = $2 returning *",
            "writes orders $2",
        )
        .says("update orders set id = $1 where id = $2", "any")
        .says("update orders set a = $1 where b = $2", "any")
        .says("delete from orders where id = $1", "writes orders $1")
        .says("delete from orders", "any")
        .says("truncate orders", "any")
        .says("copy orders from stdin", "any")
        .says("select * from orders where id = $1 for update", "any");
}

#[test]
fn an_insert_is_of_the_rows_that_it_names_or_of_new_ones() {
    orders()
        .says(
            "insert into orders (a, id) values ($1, $2), ($3, $4)",
            "writes orders $2 $4",
        )
        .says("insert into orders (a) values ($1)", "adds to orders")
        .says("insert into orders default values", "adds to orders")
        .says("insert into orders values ($1)", "adds to orders")
        .says(
            "insert into orders (id) values ($1), (default)",
            "adds to orders",
        )
        .says(
            "insert into orders (id) values (lower($1))",
            "adds to orders",
        )
        .says(
            "insert into orders (id) values ($1) on conflict (a) do nothing",
            "writes orders $1",
        )
        .says(
            "insert into orders (a) values ($1) on conflict do nothing",
            "adds to orders",
        )
        .says("insert into orders (id) select $1", "any");
}

#[test]
fn an_insert_that_updates_names_the_row_if_the_conflict_is_of_the_key() {
    let orders = orders();
    for (conflict, expected) in [
        ("(id) do update set a = 1", "writes orders $1"),
        (
            "(id) do update set a = 1 where orders.b > excluded.b",
            "writes orders $1",
        ),
        ("(a) do update set b = 1", "any"),
        ("(id, a) do update set b = 1", "any"),
        ("(id) where a > 0 do update set b = 1", "any"),
        ("on constraint orders_pkey do update set b = 1", "any"),
        ("(id) do update set id = 1", "any"),
        ("(id) do update set (a, id) = (1, 2)", "any"),
    ] {
        let text = format!("insert into orders (id, a) values ($1, $2) on conflict {conflict}");
        orders.says(&text, expected);
    }
    orders
        .says(
            "insert into orders (a) values ($1) on conflict (id) do update set a = 1",
            "any",
        )
        .says(
            "insert into orders (id) values ($1), (default) on conflict (id) do update set a = 1",
            "any",
        );
    // Another index of the column may take two of its values for one.
    let two = database()
        .tables(&["orders"])
        .key("orders", INT4, |key| key.sole = false);
    two.says(
        "insert into orders (id) values ($1) on conflict (id) do update set a = 1",
        "any",
    )
    .says("insert into orders (id) values ($1)", "writes orders $1");
}

#[test]
fn only_certain_keys_tell_rows_apart() {
    for type_oid in [17, 20, 21, 23, 25, 1043, 2950] {
        database()
            .keyed("orders", type_oid)
            .says("select * from orders where id = $1", "reads orders $1");
    }
    // numeric, char(n), name, date, a domain.
    for type_oid in [1700, 1042, 19, 1082, 50_000] {
        database()
            .keyed("orders", type_oid)
            .says_nothing_of_orders();
    }
    database().tables(&["orders"]).says_nothing_of_orders();
    database()
        .tables(&["orders"])
        .key("orders", 25, |key| key.deterministic = false)
        .says_nothing_of_orders();
    let quoted = database().tables(&["orders"]);
    let quoted = quoted.key("orders", INT4, |key| key.column = "Id".into());
    quoted
        .says("select * from orders where id = $1", "any")
        .says("delete from orders where \"Id\" = $1", "writes orders $1")
        .says("insert into orders (id) values ($1)", "adds to orders");
}

#[test]
fn only_plain_tables_have_rows_of_their_own() {
    for kind in ['p', 'f', 'm', 'S'] {
        let other = database().kind("orders", kind);
        other.key("orders", INT4, |_| {}).says_nothing_of_orders();
    }
    let change: [fn(&mut Relation); 3] = [
        |relation| relation.temporary = true,
        |relation| relation.row_security = true,
        |relation| relation.row_security_active = true,
    ];
    for change in change {
        database()
            .relation("orders", change)
            .key("orders", INT4, |_| {})
            .says_nothing_of_orders();
    }
    database()
        .keyed("pg_catalog.orders", INT4)
        .says_nothing_of_orders();
    database()
        .keyed("larder.orders", INT4)
        .path(&["pg_catalog", "larder"])
        .says_nothing_of_orders();
    let view = database()
        .keyed("base", INT4)
        .view("orders", "SELECT * FROM base", &["base"])
        .key("orders", INT4, |_| {});
    view.says_nothing_of_orders();
}

#[test]
fn what_shares_rows_or_acts_on_writes_says_nothing() {
    orders()
        .tables(&["old"])
        .child("old", "orders")
        .says_nothing_of_orders();
    orders()
        .tables(&["all"])
        .child("orders", "all")
        .says_nothing_of_orders();
    orders().rule("orders", '3').says_nothing_of_orders();
    orders()
        .function("f", 'v')
        .trigger("orders", "f", 1 << 2)
        .declare(|declarations| declarations.function_writes::<&str>("f", []))
        .says_nothing_of_orders();
}

#[test]
fn the_comparison_must_be_postgresqls_own() {
    orders()
        .path(&["pg_temp_3", "pg_catalog", "public"])
        .says("select * from orders where id = $1", "reads orders $1");
    orders()
        .path(&["public", "pg_catalog"])
        .says_nothing_of_orders();
    let mut own = orders();
    own.snapshot.own_equality = true;
    own.says_nothing_of_orders();
}

#[test]
fn foreign_keys_that_come_back_reach_any_row() {
    let itself = |actions| orders().foreign_key("orders", "orders", actions);
    itself(['a', 'r'])
        .says("delete from orders where id = $1", "writes orders $1")
        .says("update orders set a = 1 where id = $1", "writes orders $1");
    for action in ['c', 'n', 'd'] {
        itself(['a', action])
            .says("delete from orders where id = $1", "any")
            .says("update orders set a = 1 where id = $1", "writes orders $1")
            .says("insert into orders (id) values ($1)", "writes orders $1")
            .says("select * from orders where id = $1", "reads orders $1");
        itself([action, 'a'])
            .says("delete from orders where id = $1", "writes orders $1")
            .says("update orders set a = 1 where id = $1", "any")
            .says(
                "insert into orders (id) values ($1) on conflict (id) do update set a = 1",
                "any",
            );
    }
    let circle = orders()
        .tables(&["lines", "parts"])
        .foreign_key("lines", "orders", ['a', 'c'])
        .foreign_key("parts", "lines", ['a', 'n']);
    circle.says("delete from orders where id = $1", "writes orders $1");
    let circle = circle.foreign_key("orders", "parts", ['c', 'a']);
    circle.says("delete from orders where id = $1", "any");
}

#[test]
fn functions_may_reach_any_row() {
    let declared = |what: fn(Declarations) -> Declarations| {
        orders()
            .tables(&["others"])
            .function("f", 'v')
            .function("pure", 'i')
            .declare(what)
    };
    let read = "select f() from orders where id = $1";
    let write = "update orders set a = f() where id = $1";
    declared(|d| d.function_reads("f", ["orders"])).says(read, "any");
    declared(|d| d.function_reads("f", ["others"])).says(read, "any");
    declared(|d| d.function_writes("f", ["orders"])).says(write, "any");
    declared(|d| d.function_writes("f", ["others"])).says(write, "writes orders $1");
    declared(|d| d)
        .says(write, "any")
        .says("select pure() from orders where id = $1", "reads orders $1")
        .says("update orders set a = unknown() where id = $1", "any");
    // By a default.
    declared(|d| d.function_writes("f", ["orders"]))
        .expression("orders", "f", false)
        .says("insert into orders (id) values ($1)", "any")
        .says("delete from orders where id = $1", "writes orders $1");
    declared(|d| d.function_writes("f", ["others"]))
        .expression("orders", "f", false)
        .says("insert into orders (id) values ($1)", "writes orders $1");
}

#[test]
fn a_users_aggregate_gives_a_row_for_nothing() {
    let mut orders = orders().function("product", 'i');
    let text = "select product(a) from orders where id = $1";
    orders.says(text, "reads orders $1");
    orders.snapshot.aggregates.push("product".into());
    orders
        .says(text, "reads orders $1 or nothing")
        .says(
            "select o.product from orders o where id = $1",
            "reads orders $1 or nothing",
        )
        .says("select a from orders where id = $1", "reads orders $1");
}

#[test]
fn values_that_are_one_for_the_server_have_the_same_bytes() {
    let seven = 7_i64.to_be_bytes().to_vec();
    for (type_oid, value) in [
        (21, 7_i16.to_be_bytes().to_vec()),
        (23, 7_i32.to_be_bytes().to_vec()),
        (20, seven.clone()),
    ] {
        assert_eq!(
            KeyKind::Integer.normalise(type_oid, &value),
            Some(seven.clone())
        );
    }
    let minus = KeyKind::Integer.normalise(21, &(-1_i16).to_be_bytes());
    assert_eq!(minus, Some((-1_i64).to_be_bytes().to_vec()));
    for (type_oid, value, expected) in [
        (25, "a b", "a b"),
        (1043, "a b  ", "a b"),
        (25, "  ", ""),
        (25, "", ""),
        (25, "a\t", "a\t"),
    ] {
        let found = KeyKind::Text.normalise(type_oid, value.as_bytes());
        assert_eq!(found.as_deref(), Some(expected.as_bytes()));
    }
    assert_eq!(KeyKind::Bytes.normalise(17, b"a "), Some(b"a ".to_vec()));
    assert_eq!(KeyKind::Uuid.normalise(2950, &[7; 16]), Some(vec![7; 16]));
}

#[test]
fn what_is_compared_otherwise_has_no_bytes() {
    for (kind, type_oid, length) in [
        (KeyKind::Integer, 1700, 8),
        (KeyKind::Integer, 701, 8),
        (KeyKind::Integer, 26, 4),
        (KeyKind::Integer, 25, 8),
        (KeyKind::Integer, 23, 8),
        (KeyKind::Integer, 20, 4),
        (KeyKind::Integer, 21, 0),
        (KeyKind::Uuid, 2950, 15),
        (KeyKind::Uuid, 25, 16),
        (KeyKind::Bytes, 25, 3),
        (KeyKind::Text, 1042, 3),
        (KeyKind::Text, 19, 3),
        (KeyKind::Text, 705, 3),
        (KeyKind::Text, 17, 3),
        (KeyKind::Text, 0, 3),
    ] {
        assert_eq!(
            kind.normalise(type_oid, &vec![b'1'; length]),
            None,
            "{kind:?} {type_oid}"
        );
    }
}
