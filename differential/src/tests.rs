//! The short version: some thousand steps.

use crate::mode::Mode;
use crate::run::Run;

fn no_answer_differs(mode: Mode, steps: u64, seed: u64) {
    let run = Run {
        mode,
        relaxation: None,
        steps,
        seed,
    };
    let findings = run.go().unwrap();
    let told = findings.difference.as_ref().map(ToString::to_string);
    assert!(told.is_none(), "seed {seed}: {}", told.unwrap_or_default());
    // Without hits nothing would be shown.
    assert!(findings.hits * 4 > findings.reads, "{findings:?}");
}

#[test]
fn one_process_answers_as_the_database_does() {
    no_answer_differs(Mode::Local, 4_000, 1);
    no_answer_differs(Mode::Local, 4_000, fastrand::u64(..1 << 32));
}

#[test]
fn another_process_answers_so_once_it_has_heard() {
    no_answer_differs(Mode::Shared, 3_000, 2);
}
