//! What was found, for people: a table that fits, and below it each finding with its evidence and
//! its cure, whole, so that it can be copied.

use comfy_table::{Cell, Color};
use larder_analysis::{Analysis, AnalysisFinding, Severity};

use crate::output::plain_table;

pub(super) fn page(analysis: &Analysis, colours: bool) -> String {
    let mut page = String::new();
    if !analysis.is_clean() {
        page += &table(analysis, colours);
        for (index, finding) in analysis.findings.iter().enumerate() {
            page += &format!("\n\n{}", details(index + 1, finding));
        }
        page += "\n\n";
    }
    page += &summary(analysis);
    for refused in &analysis.not_checked {
        page += &format!(
            "\nnot checked: {}\n  {}; cure: {}",
            refused.codes.join(", "),
            refused.why,
            refused.cure
        );
    }
    page
}

fn table(analysis: &Analysis, colours: bool) -> String {
    let titles = ["CODE", "#", "SEVERITY", "WHAT", "SURE"];
    let mut table = plain_table(&titles, colours);
    for (index, finding) in analysis.findings.iter().enumerate() {
        let severity = Cell::new(finding.severity);
        let severity = match colours {
            true => severity.fg(colour(finding.severity)),
            false => severity,
        };
        table.add_row([
            Cell::new(finding.code),
            Cell::new(index + 1),
            severity,
            Cell::new(&finding.title),
            Cell::new(finding.confidence),
        ]);
    }
    table.trim_fmt()
}

fn colour(severity: Severity) -> Color {
    match severity {
        Severity::Notice => Color::Cyan,
        Severity::Warning => Color::Yellow,
        Severity::Critical => Color::Red,
    }
}

fn details(number: usize, finding: &AnalysisFinding) -> String {
    let mut text = format!("{number}. {}", finding.title);
    for (name, value) in &finding.evidence {
        text += &format!("\n   {name}: {value}");
    }
    text += &format!("\n   do: {}", finding.advice);
    if let Some(sql) = &finding.cure_sql {
        text += &format!("\n   cure: {}", sql.replace('\n', "\n         "));
    }
    text += &format!("\n   cost: {}", finding.cost);
    text
}

fn summary(analysis: &Analysis) -> String {
    let count = |severity: Severity| {
        let findings = analysis.findings.iter();
        findings
            .filter(|finding| finding.severity == severity)
            .count()
    };
    format!(
        "{}, PostgreSQL {}: {} critical, {} warnings, {} notices; {} statements explained",
        analysis.database,
        analysis.server_version,
        count(Severity::Critical),
        count(Severity::Warning),
        count(Severity::Notice),
        analysis.statements_explained,
    )
}
