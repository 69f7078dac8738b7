//! Reads under row-level security, in a scope.

use super::*;

/// `documents` is under row-level security with this policy; `members` is not.
fn documents(condition: &str, relations: &[&str]) -> Builder {
    secured(database().tables(&["members"]), "documents").policy("documents", condition, relations)
}

fn secured(builder: Builder, name: &str) -> Builder {
    builder.relation(name, |relation| {
        relation.row_security = true;
        relation.row_security_active = true;
    })
}

const TENANT: &str = "(tenant = current_setting('app.tenant'::text, true))";

/// What a read of `text` in a scope that sets `app.tenant` depends on.
#[track_caller]
fn reads(builder: &Builder, text: &str) -> Result<ReadSet, Uncacheable> {
    let scope = ReadScope::new(["app.tenant"]);
    builder.build().reads_in(&classify(text), Some(&scope))
}

#[track_caller]
fn depends_on(builder: &Builder, text: &str, tables: &[&str]) {
    let found = reads(builder, text).unwrap();
    assert_eq!(found.tables, builder.sorted(tables), "{text}");
    assert!(found.volatile.is_empty());
}

#[track_caller]
fn setting_in(condition: &str) -> Result<(), String> {
    match reads(&documents(condition, &[]), "select * from documents") {
        Ok(_) => Ok(()),
        Err(Uncacheable::PolicySetting { setting, .. }) => Err(setting.into()),
        Err(Uncacheable::Policy { reason, .. }) => Err(reason.into()),
        Err(other) => panic!("{other}"),
    }
}

#[test]
fn what_the_scope_sets_may_be_read() {
    let documents = documents(TENANT, &[]);
    depends_on(&documents, "select * from documents", &["documents"]);
    // Without a scope it is not cached, whatever its policies read.
    let name = QualifiedName::new(Some("public"), "documents");
    documents.uncacheable(
        "select * from documents",
        &Uncacheable::RowSecurity(name.clone()),
    );
    let nothing = ReadScope::default();
    let refused = documents
        .build()
        .reads_in(&classify("select * from documents"), Some(&nothing));
    let expected = Uncacheable::PolicySetting {
        table: name,
        policy: "documents_policy".into(),
        setting: "app.tenant".into(),
    };
    assert_eq!(refused, Err(expected));
}

#[test]
fn names_of_settings_are_found_however_they_are_written() {
    for condition in [
        "current_setting('app.tenant') = tenant",
        "current_setting('App.Tenant'::text) = tenant",
        "pg_catalog.current_setting ( 'app.tenant' :: text , true ) = tenant",
        "CURRENT_SETTING('TimeZone') = tenant",
        "tenant = 'current_setting(''app.other'')'",
        "((current_setting('app.tenant'))::uuid = id) AND (current_setting('app.tenant') <> '')",
    ] {
        assert_eq!(setting_in(condition), Ok(()), "{condition}");
    }
    for (condition, setting) in [
        ("current_setting('app.other') = tenant", "app.other"),
        (
            "current_setting('app.tenant') = current_setting('app.two'::text, true)",
            "app.two",
        ),
        (
            "exists (select from members where current_setting('app.x') = '')",
            "app.x",
        ),
        ("current_setting('work_mem') = tenant", "work_mem"),
    ] {
        assert_eq!(
            setting_in(condition),
            Err(setting.to_owned()),
            "{condition}"
        );
    }
}

#[test]
fn a_name_that_is_not_plain_is_not_guessed() {
    for condition in [
        "current_setting(tenant) = ''",
        "current_setting('app.' || tenant) = ''",
        "current_setting('app.tenant' || tenant) = ''",
        "current_setting('app.tenant'::name) = ''",
        "current_setting(('app.'::text || tenant)) = ''",
        "current_setting(E'app.\\x74enant') = ''",
        "current_setting('app.o''neil') = ''",
        "current_setting($$app.tenant$$) = ''",
        "current_setting(U&'app.tenant') = ''",
        "\"current_setting\"(tenant) = ''",
        "current_setting = ''",
        "current_setting(setting_name => 'app.tenant') = ''",
    ] {
        let reason = setting_in(condition).unwrap_err();
        assert!(reason.contains("as a plain text"), "{condition}: {reason}");
    }
}

#[test]
fn tables_of_policies_are_read_with_their_own_policies() {
    let condition = "(EXISTS ( SELECT 1 FROM members m WHERE (m.document = documents.id)))";
    let shared = documents(condition, &["members"]);
    depends_on(
        &shared,
        "select * from documents",
        &["documents", "members"],
    );
    let inner = "(EXISTS ( SELECT 1 FROM groups WHERE (groups.id = members.id)))";
    let nested = secured(database().tables(&["groups"]), "members");
    let nested = secured(nested, "documents")
        .policy("documents", condition, &["members"])
        .policy("members", inner, &["groups"]);
    let all = ["documents", "groups", "members"];
    depends_on(&nested, "select * from documents", &all);
    // Policies that read each other's tables fail on the server. They end here.
    let circle = secured(secured(database(), "documents"), "members")
        .policy("documents", condition, &["members"])
        .policy(
            "members",
            "EXISTS ( SELECT 1 FROM documents)",
            &["documents"],
        );
    depends_on(&circle, "select * from members", &["documents", "members"]);
}

#[test]
fn what_the_server_says_of_a_policy_is_added_to_its_text() {
    let said = documents("true", &["members"]);
    depends_on(&said, "select * from documents", &["documents", "members"]);
    let mut calling = documents("true", &[]).function("mine", 's');
    calling.snapshot.policies[0].functions = vec![calling.ids["mine"]];
    let mine = QualifiedName::new(Some("public"), "mine");
    assert_eq!(
        reads(&calling, "select * from documents"),
        Err(Uncacheable::FunctionReads(mine))
    );
}

#[test]
fn all_policies_count_whoever_they_are_for() {
    let two = documents(TENANT, &[]).policy("documents", "current_setting('app.admin') = ''", &[]);
    assert!(matches!(
        reads(&two, "select * from documents"),
        Err(Uncacheable::PolicySetting { setting, .. }) if &*setting == "app.admin"
    ));
    // No policy shows no rows; a table that is not under row-level security asks none.
    let none = secured(database(), "documents");
    depends_on(&none, "select * from documents", &["documents"]);
    let off = database()
        .tables(&["documents"])
        .policy("documents", "random() > 0", &[]);
    depends_on(&off, "select * from documents", &["documents"]);
}

#[test]
fn times_and_chance_in_policies_count() {
    for (condition, function) in [
        ("(since < now())", "now"),
        ("(random() < 0.5)", "random"),
        ("(since < 'now'::timestamptz)", "\"'now'\""),
    ] {
        let documents = documents(condition, &[]);
        let found = reads(&documents, "select * from documents").unwrap();
        let shown: Vec<String> = found.volatile.iter().map(ToString::to_string).collect();
        assert_eq!(shown, [function], "{condition}");
    }
}

#[test]
fn what_is_not_understood_is_not_cached() {
    for condition in ["tenant = ", "tenant = 'x", "true; delete from members", ")"] {
        let reason = setting_in(condition).unwrap_err();
        assert!(!reason.is_empty(), "{condition}");
    }
    assert!(matches!(
        reads(
            &documents("pg_get_viewdef(id) = ''", &[]),
            "select * from documents"
        ),
        Err(Uncacheable::ServerState(_))
    ));
    // A setting that a query reads is another matter: its name is not in the key's text.
    assert!(matches!(
        reads(
            &documents("true", &[]),
            "select current_setting('app.tenant') from documents"
        ),
        Err(Uncacheable::ServerState(_))
    ));
}

#[test]
fn views_and_partitions_of_secured_tables_ask_their_policies() {
    let view = documents(TENANT, &[]).view("v", "SELECT * FROM documents", &["documents"]);
    depends_on(&view, "select * from v", &["documents"]);
    let other = documents("current_setting('app.x') = ''", &[]);
    let other = other.view("v", "SELECT * FROM documents", &["documents"]);
    assert!(matches!(
        reads(&other, "select * from v"),
        Err(Uncacheable::PolicySetting { .. })
    ));
}
