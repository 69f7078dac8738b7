//! Cures, carried out one by one: after a question each, or without where that was said.

use std::io::{BufRead, IsTerminal, Write};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use larder_analysis::{Analysis, AnalysisFinding, Confidence, cure};
use larder_database::Database;
use serde::Serialize;

/// What became of a finding that has a cure.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Cured {
    pub(super) code: &'static str,
    pub(super) object: String,
    pub(super) cure_sql: String,
    #[serde(flatten)]
    pub(super) outcome: Outcome,
}

#[derive(Debug, Clone, Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub(super) enum Outcome {
    Done {
        seconds: f64,
    },
    Failed {
        error: String,
    },
    /// The user did not want it.
    Declined,
    /// It is not sure enough to be changed by a program.
    NotSure,
    /// It changes more than this database, or ends somebody's work.
    ReachesOthers,
    /// The user stopped it while it ran.
    Interrupted,
}

/// What the user says to one cure.
#[derive(Debug, PartialEq, Eq)]
enum Answer {
    Yes,
    No,
    /// Neither this one nor any other.
    Quit,
}

/// Carries out the cures of what was found for sure, within this database. Without `asks` none is asked for. Dropped, the
/// statement that runs is cancelled on the server.
pub(super) async fn apply(database: &Database, analysis: &Analysis, asks: bool) -> Vec<Cured> {
    let with_cure = |finding: &&AnalysisFinding| finding.cure_sql.is_some();
    let findings: Vec<_> = analysis.findings.iter().filter(with_cure).collect();
    let mut all = Vec::with_capacity(findings.len());
    let mut has_quit = false;
    for (index, finding) in findings.iter().enumerate() {
        let unfit = unfit(finding);
        let answer = match (unfit.is_none() && !has_quit, asks) {
            (false, _) => Answer::No,
            (true, false) => Answer::Yes,
            (true, true) => {
                let place = format!("{} of {}", index + 1, findings.len());
                ask_user(question(&place, finding)).await
            }
        };
        let outcome = match answer {
            Answer::Yes => run(database, finding).await,
            _ => unfit.unwrap_or(Outcome::Declined),
        };
        has_quit |= answer == Answer::Quit || matches!(outcome, Outcome::Interrupted);
        all.push(Cured {
            code: finding.code,
            object: finding.object.clone(),
            cure_sql: finding.cure_sql.clone().unwrap_or_default(),
            outcome,
        });
    }
    all
}

/// Why a program should not carry out this cure.
fn unfit(finding: &AnalysisFinding) -> Option<Outcome> {
    match (finding.confidence, finding.cure_reaches_others) {
        (_, true) => Some(Outcome::ReachesOthers),
        (Confidence::High, false) => None,
        _ => Some(Outcome::NotSure),
    }
}

async fn run(database: &Database, finding: &AnalysisFinding) -> Outcome {
    let spinner = spinner(finding);
    let ended = tokio::select! {
        ended = cure(database, finding) => Some(ended),
        // Dropped, it is cancelled on the server, which would otherwise go on alone.
        _ = tokio::signal::ctrl_c() => None,
    };
    spinner.finish_and_clear();
    match ended {
        Some(Ok(took)) => Outcome::Done {
            seconds: took.as_secs_f64(),
        },
        Some(Err(error)) => Outcome::Failed {
            error: format!("failed to {error}"),
        },
        None => Outcome::Interrupted,
    }
}

/// Nobody knows how far the server has come, but for how long it has been at work.
fn spinner(finding: &AnalysisFinding) -> ProgressBar {
    let target = match std::io::stderr().is_terminal() {
        true => ProgressDrawTarget::stderr(),
        false => ProgressDrawTarget::hidden(),
    };
    let spinner = ProgressBar::with_draw_target(None, target);
    let style = ProgressStyle::with_template("{spinner} {elapsed} {msg}");
    let spinner = match style {
        Ok(style) => spinner.with_style(style),
        Err(_) => spinner,
    };
    spinner.set_message(on_one_line(finding.cure_sql.as_deref().unwrap_or_default()));
    spinner.enable_steady_tick(Duration::from_millis(200));
    spinner
}

/// Asks the one at the terminal. Who presses Ctrl-C wants nothing any more.
async fn ask_user(question: String) -> Answer {
    let asking = tokio::task::spawn_blocking(move || {
        ask(&question, std::io::stdin().lock(), std::io::stderr())
    });
    tokio::select! {
        answer = asking => answer.unwrap_or(Answer::Quit),
        _ = tokio::signal::ctrl_c() => Answer::Quit,
    }
}

fn question(place: &str, finding: &AnalysisFinding) -> String {
    let sql = finding.cure_sql.as_deref().unwrap_or_default();
    let sql = sql.replace('\n', "\n  ");
    let (title, cost) = (&finding.title, &finding.cost);
    format!("\n{place}: {title}\n  {sql}\n  cost: {cost}\n")
}

/// Asks until there is an answer. Who cannot be asked, or says no more, has not said yes.
fn ask(question: &str, mut input: impl BufRead, mut output: impl Write) -> Answer {
    if output.write_all(question.as_bytes()).is_err() {
        return Answer::Quit;
    }
    loop {
        let mut line = String::new();
        let asked = output.write_all(b"run it? [y]es, [n]o, [q]uit: ");
        let asked = asked.and_then(|()| output.flush());
        if asked.is_err() || input.read_line(&mut line).unwrap_or(0) == 0 {
            return Answer::Quit;
        }
        match line.trim().to_ascii_lowercase().as_str() {
            "y" | "yes" => return Answer::Yes,
            "n" | "no" => return Answer::No,
            "q" | "quit" => return Answer::Quit,
            _ => {}
        }
    }
}

/// What was done, a line for each cure.
pub(super) fn page(all: &[Cured]) -> String {
    let mut page = String::new();
    for cured in all {
        let sql = on_one_line(&cured.cure_sql);
        page += &match &cured.outcome {
            Outcome::Done { seconds } => format!("done after {seconds:.1} s: {sql}\n"),
            Outcome::Failed { error } => format!("{error}\n"),
            Outcome::Declined => format!("left: {sql}\n"),
            Outcome::NotSure => format!("left, as it is not sure: {sql}\n"),
            Outcome::ReachesOthers => {
                format!("left, as it reaches beyond this database: {sql}\n")
            }
            Outcome::Interrupted => format!("interrupted, and the server asked to end it: {sql}\n"),
        };
    }
    let done = all.iter().filter(|cured| cured.is_done()).count();
    page += &format!("{done} of {} cures done", all.len());
    page
}

fn on_one_line(sql: &str) -> String {
    sql.replace('\n', " ")
}

impl Cured {
    pub(super) fn is_done(&self) -> bool {
        matches!(self.outcome, Outcome::Done { .. })
    }

    pub(super) fn was_interrupted(&self) -> bool {
        matches!(self.outcome, Outcome::Interrupted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_asks_until_it_is_told_and_takes_silence_for_no() {
        for (input, answer, asked) in [
            ("y\n", Answer::Yes, 1),
            (" YES \n", Answer::Yes, 1),
            ("perhaps\n\nn\n", Answer::No, 3),
            ("q\n", Answer::Quit, 1),
            ("", Answer::Quit, 1),
            ("maybe\n", Answer::Quit, 2),
        ] {
            let mut output = Vec::new();
            assert_eq!(ask("drop it\n", input.as_bytes(), &mut output), answer);
            let output = String::from_utf8_lossy(&output);
            assert!(output.starts_with("drop it\n"), "{output}");
            assert_eq!(output.matches("run it?").count(), asked, "{input:?}");
        }
    }
}
