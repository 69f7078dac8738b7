//! Histories written by hand: each verdict is seen to fire, and not to fire right beside.

use super::*;
use crate::history::{Value, parse};
use crate::register::{Register, Token};

const MS: u64 = 1_000_000;
const BOUND: u64 = 1_000 * MS;

/// Times of a history are in milliseconds here.
fn history(text: &str) -> Incarnation {
    let lines = text.lines().map(|line| {
        let words: Vec<&str> = line.split(' ').collect();
        let timed = if words[0] == "p" { 3 } else { 2 };
        let words = words.iter().enumerate().map(|(index, word)| {
            let is_time = index == timed || (index == 3 && words[0] == "s");
            if is_time {
                format!("{word}000000")
            } else {
                (*word).to_owned()
            }
        });
        words.collect::<Vec<_>>().join(" ") + "\n"
    });
    parse(&lines.collect::<String>()).unwrap()
}

/// Token, register, version and the time of the commit in milliseconds.
fn truth(ledger: &[(i64, u32, i64, u64)]) -> Truth {
    let ledger: Vec<Committed> = ledger
        .iter()
        .map(|(token, register, version, at)| Committed {
            token: Token(*token),
            register: Register(*register),
            version: *version,
            at: at * MS,
        })
        .collect();
    let registers = (0..3).map(|register| {
        let newest = ledger
            .iter()
            .filter(|line| line.register.0 == register)
            .max_by_key(|line| line.version);
        Value {
            register: Register(register),
            version: newest.map_or(0, |line| line.version),
            token: newest.map_or(Token::INITIAL, |line| line.token),
        }
    });
    Truth {
        registers: registers.collect(),
        ledger,
    }
}

fn counts(histories: &[Incarnation], truth: &Truth) -> Vec<(Verdict, u64)> {
    let verdicts = check(histories, truth, BOUND);
    [
        Verdict::Lost,
        Verdict::Doubled,
        Verdict::OwnWriteMissed,
        Verdict::StaleBeyondBound,
        Verdict::Dirty,
        Verdict::Contradicted,
    ]
    .into_iter()
    .map(|verdict| (verdict, verdicts.count(verdict)))
    .filter(|(_, count)| *count > 0)
    .collect()
}

#[test]
fn nothing_is_wrong_with_a_history_in_order() {
    let one = history(
        "p 0 0 0\nr 0 1 0 point\ns 0 2 1 1:0:0\nw 1 10 100 transaction 7\nc 1 11\nk 1 13 1:1\n\
         r 2 14 0 point\ns 2 16 15 1:1:7\nw 3 20 100 rolled_back 8\nb 3 21",
    );
    let other =
        history("p 1 0 0\nr 0 900 0 point\ns 0 901 5 1:0:0\nr 1 2000 0 point\ns 1 2001 1500 1:1:7");
    assert_eq!(counts(&[one, other], &truth(&[(7, 1, 1, 12)])), []);
}

#[test]
fn an_acknowledged_write_that_is_not_there_is_lost() {
    let one = history("p 0 0 0\nw 0 10 100 transaction 7\nc 0 11\nk 0 12 1:1");
    assert_eq!(counts(&[one], &truth(&[])), [(Verdict::Lost, 1)]);
    // Of a write to two registers both halves are asked for.
    let pair = history("p 0 0 0\nw 0 10 100 pair 7\nc 0 11\nk 0 12 1:1 2:1");
    assert_eq!(
        counts(&[pair], &truth(&[(7, 1, 1, 12)])),
        [(Verdict::Lost, 1)]
    );
    // Unfinished, failed or unknown ones may be missing.
    let others = history(
        "p 0 0 0\nw 0 10 100 transaction 7\nc 0 11\nw 1 10 101 statement 8\nu 1 12 lost\n\
         w 2 10 102 statement 9\nf 2 12 refused",
    );
    assert_eq!(counts(&[others], &truth(&[])), []);
}

#[test]
fn a_write_that_took_effect_twice_is_doubled() {
    let twice = truth(&[(7, 1, 1, 12), (7, 1, 2, 20)]);
    assert_eq!(counts(&[], &twice), [(Verdict::Doubled, 1)]);
    // Counted up once more than the ledger says.
    let mut more = truth(&[(7, 1, 1, 12)]);
    more.registers[1].version = 2;
    assert_eq!(counts(&[], &more), [(Verdict::Doubled, 1)]);
    // Or once less.
    more.registers[1].version = 0;
    assert_eq!(counts(&[], &more), [(Verdict::Doubled, 1)]);
}

#[test]
fn a_failed_write_that_took_effect_is_contradicted() {
    for end in ["f 0 12 commit: refused", "b 0 12"] {
        let one = history(&format!("p 0 0 0\nw 0 10 100 transaction 7\nc 0 11\n{end}"));
        assert_eq!(
            counts(&[one], &truth(&[(7, 1, 1, 12)])),
            [(Verdict::Contradicted, 1)]
        );
    }
    let unknown = history("p 0 0 0\nw 0 10 100 transaction 7\nc 0 11\nu 0 12 lost");
    assert_eq!(counts(&[unknown], &truth(&[(7, 1, 1, 12)])), []);
}

#[test]
fn a_process_sees_its_own_write_at_once() {
    let truth = truth(&[(7, 1, 1, 11)]);
    let write = "w 0 10 100 transaction 7\nc 0 10\nk 0 12 1:1";
    let after = history(&format!("p 0 0 0\n{write}\nr 1 13 0 point\ns 1 14 5 1:0:0"));
    assert_eq!(counts(&[after], &truth), [(Verdict::OwnWriteMissed, 1)]);
    // A read that began before the acknowledgement may return either.
    let before = history(&format!("p 0 0 0\nr 1 11 0 point\n{write}\ns 1 14 5 1:0:0"));
    assert_eq!(counts(&[before], &truth), []);
    // So may one of another process, or of the next incarnation, within the bound.
    let writer = history(&format!("p 0 0 0\n{write}"));
    let next = history("p 0 1 12\nr 1 13 0 point\ns 1 14 5 1:0:0");
    assert_eq!(counts(&[writer, next], &truth), []);
}

#[test]
fn a_result_may_be_outdated_for_as_long_as_the_bound() {
    let writer = history("p 0 0 0\nw 0 10 100 transaction 7\nc 0 11\nk 0 12 1:1");
    let truth = truth(&[(7, 1, 1, 11)]);
    let reader = |at: u64| {
        history(&format!(
            "p 1 0 0\nr 0 {at} 0 point\ns 0 {} 5 1:0:0",
            at + 3_000
        ))
    };
    // Measured from the acknowledgement to the beginning of the read.
    assert_eq!(counts(&[writer.clone(), reader(1_012)], &truth), []);
    let late = [writer, reader(1_013)];
    assert_eq!(counts(&late, &truth), [(Verdict::StaleBeyondBound, 1)]);
    assert_eq!(check(&late, &truth, BOUND).max_staleness, 1_001 * MS);
}

#[test]
fn a_commit_that_nobody_acknowledged_counts_from_when_the_server_stamped_it() {
    let truth = truth(&[(7, 1, 1, 3_000), (8, 1, 2, 9_000)]);
    let reader = |at: u64| history(&format!("p 1 0 0\nr 0 {at} 0 point\ns 0 {at} 5 1:0:0"));
    // With a tenth of a second until it is visible.
    assert_eq!(counts(&[reader(4_100)], &truth), []);
    assert_eq!(
        counts(&[reader(4_101)], &truth),
        [(Verdict::StaleBeyondBound, 1)]
    );
    // Less where somebody has seen it before.
    let witness = history("p 2 0 0\nr 0 3000 0 point\ns 0 3010 3005 1:1:7");
    assert_eq!(counts(&[witness.clone(), reader(4_010)], &truth), []);
    assert_eq!(
        counts(&[witness, reader(4_011)], &truth),
        [(Verdict::StaleBeyondBound, 1)]
    );
}

#[test]
fn what_was_not_committed_is_dirty() {
    let truth = truth(&[(7, 1, 1, 100), (9, 1, 2, 200)]);
    let reader = |value: &str| history(&format!("p 1 0 0\nr 0 150 0 point\ns 0 151 150 {value}"));
    assert_eq!(counts(&[reader("1:1:7")], &truth), []);
    // A version of a transaction that was rolled back: the number is right, the token is not.
    assert_eq!(counts(&[reader("1:1:8")], &truth), [(Verdict::Dirty, 1)]);
    assert_eq!(counts(&[reader("1:3:8")], &truth), [(Verdict::Dirty, 1)]);
    // One that was committed later.
    assert_eq!(counts(&[reader("1:2:9")], &truth), [(Verdict::Dirty, 1)]);
}

#[test]
fn writes_that_a_kill_left_open_are_counted() {
    let killed = history(
        "p 0 0 0\nw 0 10 100 transaction 7\nc 0 11\nw 1 10 101 transaction 8\nw 2 10 102 pair 9\nc 2 12\nk 2 13 1:1",
    );
    let open = history("p 1 0 0\nw 0 10 100 transaction 17\nc 0 11\ne 20");
    let truth = truth(&[(7, 1, 1, 12)]);
    assert_eq!(killed_around_commit(&[killed, open], &truth), (1, 1));
}

#[test]
fn hits_are_told_from_loads() {
    let one = history(
        "p 0 0 0\nr 0 10 0 point\nr 1 12 1 point\ns 0 14 11 1:0:0\ns 1 14 11 1:0:0\n\
         r 2 15 0 point\ns 2 16 11 1:0:0\nr 3 500 0 point\ns 3 501 11 1:0:0",
    );
    // Another process has it from Redis, then from its own cache.
    let other =
        history("p 1 0 0\nr 0 20 0 point\ns 0 21 11 1:0:0\nr 1 22 0 point\ns 1 23 11 1:0:0");
    let counted = hits(&[one, other], &[(400 * MS, 450 * MS), (440 * MS, 600 * MS)]);
    assert_eq!(
        counted,
        Hits {
            reads: 6,
            l1: 3,
            l2: 1,
            calm_reads: 5,
            calm_hits: 3,
            per_shape: [("point".to_owned(), 4)].into(),
        }
    );
}

#[test]
fn a_process_that_has_not_read_everything_in_the_end_is_noticed() {
    let all = |registers: std::ops::Range<u32>, end: &str| {
        let mut text = "p 0 0 0\n".to_owned();
        for register in registers {
            text += &format!("r {register} 10 999 point\ns {register} 11 10 {register}:0:0\n");
        }
        history(&(text + end))
    };
    assert_eq!(read_everything(&[all(0..50, "e 20")], 1), 1);
    assert_eq!(read_everything(&[all(0..49, "e 20")], 1), 0);
    assert_eq!(read_everything(&[all(0..50, "")], 1), 0);
    assert_eq!(read_everything(&[all(0..50, "e 20")], 2), 0);
}
