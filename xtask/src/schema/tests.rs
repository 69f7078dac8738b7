//! Tests of the printed text.

use super::*;

fn column(name: &str, type_name: &str) -> Column {
    Column {
        name: name.to_owned(),
        type_name: type_name.to_owned(),
        type_schema: Some("pg_catalog".to_owned()),
        nullable: false,
        max_length: None,
    }
}

fn table(name: &str, columns: Vec<Column>) -> Table {
    Table {
        name: name.to_owned(),
        primary_key: vec!["id".to_owned()],
        columns,
    }
}

fn key(child: &str, column: &str, parent: &str) -> ForeignKey {
    ForeignKey {
        child: child.to_owned(),
        parent: parent.to_owned(),
        child_columns: vec![column.to_owned()],
        parent_columns: vec!["id".to_owned()],
    }
}

#[test]
fn tables_are_printed_in_order_with_their_types() {
    let name = Column {
        nullable: true,
        max_length: Some(40),
        ..column("name", "varchar")
    };
    let reviews = vec![
        column("id", "int8"),
        column("user_id", "int8"),
        column("words", "_text"),
    ];
    let catalog = Catalog {
        tables: vec![
            table("users", vec![column("id", "int8"), name]),
            table("reviews", reviews),
            table("__diesel_schema_migrations", vec![column("id", "int8")]),
        ],
        foreign_keys: vec![key("reviews", "user_id", "users")],
    };
    let expected = "\
// @generated automatically by Diesel CLI.

diesel::table! {
    reviews (id) {
        id -> Int8,
        user_id -> Int8,
        words -> Array<Nullable<Text>>,
    }
}

diesel::table! {
    users (id) {
        id -> Int8,
        #[max_length = 40]
        name -> Nullable<Varchar>,
    }
}

diesel::joinable!(reviews -> users (user_id));

diesel::allow_tables_to_appear_in_same_query!(reviews, users,);
";
    assert_eq!(print(catalog).unwrap(), expected);
}

#[test]
fn types_that_diesel_does_not_have_are_defined() {
    let mood = Column {
        type_schema: None,
        ..column("mood", "user_mood")
    };
    let columns = vec![column("id", "int4"), column("words", "tsvector"), mood];
    let catalog = Catalog {
        tables: vec![table("notes", columns)],
        ..Catalog::default()
    };
    let expected = "\
// @generated automatically by Diesel CLI.

pub mod sql_types {
    #[derive(diesel::sql_types::SqlType)]
    #[diesel(postgres_type(name = \"tsvector\", schema = \"pg_catalog\"))]
    pub struct Tsvector;

    #[derive(diesel::sql_types::SqlType)]
    #[diesel(postgres_type(name = \"user_mood\"))]
    pub struct UserMood;
}

diesel::table! {
    use diesel::sql_types::*;
    use super::sql_types::Tsvector;
    use super::sql_types::UserMood;

    notes (id) {
        id -> Int4,
        words -> Tsvector,
        mood -> UserMood,
    }
}
";
    assert_eq!(print(catalog).unwrap(), expected);
}

#[test]
fn hidden_columns_and_their_types_are_left_out() {
    let columns = vec![column("id", "int8"), column("search_document", "tsvector")];
    let catalog = Catalog {
        tables: vec![table("restaurants", columns)],
        ..Catalog::default()
    };
    let text = print(catalog).unwrap();
    assert!(
        !text.contains("search_document") && !text.contains("Tsvector"),
        "{text}"
    );
}

#[test]
fn doubtful_foreign_keys_are_not_joinable() {
    let tables = || {
        vec![
            table("a", vec![column("id", "int8")]),
            table("b", vec![column("id", "int8")]),
        ]
    };
    let two_columns = ForeignKey {
        child_columns: vec!["x".to_owned(), "y".to_owned()],
        parent_columns: vec!["p".to_owned(), "q".to_owned()],
        ..key("a", "", "b")
    };
    let not_the_primary_key = ForeignKey {
        parent_columns: vec!["code".to_owned()],
        ..key("a", "code", "b")
    };
    for foreign_keys in [
        vec![key("a", "parent", "a")],
        vec![key("a", "first", "b"), key("a", "second", "b")],
        vec![key("a", "b_id", "b"), key("b", "a_id", "a")],
        vec![two_columns],
        vec![not_the_primary_key],
        vec![key("a", "elsewhere", "unknown")],
    ] {
        let text = print(Catalog {
            tables: tables(),
            foreign_keys,
        })
        .unwrap();
        assert!(!text.contains("joinable"), "{text}");
    }
}

#[test]
fn a_table_without_primary_key_is_refused() {
    let mut bare = table("bare", vec![column("id", "int8")]);
    bare.primary_key.clear();
    let result = print(Catalog {
        tables: vec![bare],
        ..Catalog::default()
    });
    assert!(result.unwrap_err().message().contains("bare"));
}

#[test]
fn names_that_rust_cannot_have_are_changed() {
    assert_eq!(rust_name("type", None), "type_");
    assert_eq!(rust_name("two words", None), "two_words");
    assert_eq!(rust_name("2fa", None), "_2fa");
    assert_eq!(rust_name("__x", None), "__x_");
    assert_eq!(rust_name("users", Some("users")), "users_");
    assert_eq!(rust_name("name", Some("users")), "name");
}
