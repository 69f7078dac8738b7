use super::*;

#[test]
fn every_form_is_recognized() {
    use TransactionControl as Control;
    for (text, expected) in [
        ("begin", Control::Begin),
        ("Begin Isolation Level Serializable", Control::Begin),
        ("start transaction read only", Control::StartTransaction),
        ("commit", Control::Commit),
        ("COMMIT WORK", Control::Commit),
        ("commit transaction and no chain", Control::Commit),
        ("commit and chain", Control::CommitAndChain),
        ("commit/**/work--\nand chain", Control::CommitAndChain),
        ("end", Control::End),
        ("end transaction and chain", Control::EndAndChain),
        ("rollback", Control::Rollback),
        ("rollback work", Control::Rollback),
        ("rollback and chain", Control::RollbackAndChain),
        ("rollback to a", Control::RollbackToSavepoint),
        (
            "rollback transaction to savepoint a",
            Control::RollbackToSavepoint,
        ),
        ("abort", Control::Abort),
        ("abort work and chain", Control::AbortAndChain),
        ("prepare transaction 'a'", Control::PrepareTransaction),
        ("prepare transaction $$a$$", Control::PrepareTransaction),
        ("commit prepared 'a'", Control::CommitPrepared),
        ("rollback prepared 'a'", Control::RollbackPrepared),
        ("savepoint a", Control::Savepoint),
        ("release a", Control::ReleaseSavepoint),
        ("release savepoint a", Control::ReleaseSavepoint),
    ] {
        for prefix in [
            "",
            " ;; -- x\n/* y */",
            "select 1;",
            "select ';', case when a then b end;",
        ] {
            for suffix in ["", ";", "; select 1", " ; 'unterminated"] {
                let text = format!("{prefix}{text}{suffix}");
                assert_eq!(transaction_control(&text), Some(expected), "{text}");
            }
        }
    }
}

#[test]
fn other_statements_are_none() {
    for text in [
        "",
        ";",
        "select 1",
        "set transaction isolation level serializable",
        "set session characteristics as transaction read only",
        "set local transaction_read_only = on",
        "prepare commit as select 1",
        "prepare transaction as select 1",
        "prepare transaction (int) as select $1",
        "start",
        "start_transaction",
        "start working",
        "commits",
        "\"commit\"",
        "'commit'; $$; commit; $$",
        "-- commit",
        "/* ; commit */ select 1",
        "select case when a then b\n end",
        "do $$ begin commit; end $$",
        "do 'begin null; commit; end'",
        "create temporary table t (a int) on commit drop",
        "create function f() returns int begin atomic select 1; end",
        "create rule r as on insert to t do (select 1; commit)",
        "select 1; select 'unterminated; commit",
        "select a /* ; commit */; select 2 -- ; commit",
    ] {
        assert_eq!(transaction_control(text), None, "{text}");
    }
}

#[test]
fn the_first_one_counts() {
    assert_eq!(
        transaction_control(
            "create function f() returns int begin atomic select 1; end; abort; commit"
        ),
        Some(TransactionControl::Abort)
    );
}

#[test]
fn the_words_are_those_of_the_statement() {
    use TransactionControl as Control;
    for control in [
        Control::Begin,
        Control::StartTransaction,
        Control::Commit,
        Control::CommitAndChain,
        Control::End,
        Control::EndAndChain,
        Control::Rollback,
        Control::RollbackAndChain,
        Control::Abort,
        Control::AbortAndChain,
        Control::Savepoint,
        Control::ReleaseSavepoint,
        Control::RollbackToSavepoint,
        Control::PrepareTransaction,
        Control::CommitPrepared,
        Control::RollbackPrepared,
    ] {
        assert_eq!(
            transaction_control(&format!("{control} 'x'")),
            Some(control)
        );
        assert_eq!(
            control.is_savepoint(),
            control.to_string().contains("SAVEPOINT")
        );
    }
}
