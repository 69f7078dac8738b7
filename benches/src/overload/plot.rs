//! The plot: how long served requests took, second by second, as SVG.

use std::fmt::Write;
use std::time::Duration;

use super::contenders::Contender;
use super::load::Requests;
use super::outcome::{at, sorted};

const WIDTH: f64 = 900.0;
const HEIGHT: f64 = 460.0;
/// Where the axes cross.
const LEFT: f64 = 80.0;
const BOTTOM: f64 = 400.0;
const RIGHT: f64 = 880.0;
const TOP: f64 = 50.0;

/// Milliseconds at the ends of the axis of time taken, which is logarithmic.
const LEAST: f64 = 1.0;
const MOST: f64 = 100_000.0;

const COLOURS: [&str; 2] = ["#1668b8", "#c2571a"];

/// Draws the medians and the 99th percentiles of all contenders.
pub(super) fn draw(runs: &[(&Contender, Requests)], length: Duration, goal: Duration) -> String {
    let mut svg = String::new();
    // Writing to a string does not fail.
    let _ = frame(&mut svg, length, goal);
    for (number, (contender, requests)) in runs.iter().enumerate() {
        let colour = COLOURS[number % COLOURS.len()];
        for (share, dashes) in [(0.99, ""), (0.5, " stroke-dasharray=\"5 4\"")] {
            let points = line(requests, length, share);
            let _ = writeln!(
                svg,
                "<polyline fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"{dashes} points=\"{points}\"/>"
            );
        }
        let y = 20.0 + 16.0 * number as f64;
        let _ = writeln!(
            svg,
            "<text x=\"{LEFT}\" y=\"{y}\" fill=\"{colour}\">{}: p99 (solid), p50 (dashed)</text>",
            contender.label()
        );
    }
    svg.push_str("</svg>\n");
    svg
}

/// The axes, their labels, and the goal.
fn frame(svg: &mut String, length: Duration, goal: Duration) -> std::fmt::Result {
    writeln!(
        svg,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" \
         font-family=\"sans-serif\" font-size=\"12\">\n\
         <title>Served requests under twice the load that the database carries</title>\n\
         <rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"white\"/>"
    )?;
    let mut milliseconds = LEAST;
    while milliseconds <= MOST {
        let (y, label) = (height(milliseconds), milliseconds);
        writeln!(
            svg,
            "<line x1=\"{LEFT}\" x2=\"{RIGHT}\" y1=\"{y:.1}\" y2=\"{y:.1}\" stroke=\"#ddd\"/>\
             <text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{label}</text>",
            LEFT - 8.0,
            y + 4.0
        )?;
        milliseconds *= 10.0;
    }
    let seconds = length.as_secs_f64();
    for tenth in 0..=10 {
        let second = seconds * f64::from(tenth) / 10.0;
        let x = place(second, seconds);
        writeln!(
            svg,
            "<line x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{BOTTOM}\" y2=\"{}\" stroke=\"#888\"/>\
             <text x=\"{x:.1}\" y=\"{}\" text-anchor=\"middle\">{second:.0}</text>",
            BOTTOM + 5.0,
            BOTTOM + 20.0
        )?;
    }
    let y = height(goal.as_secs_f64() * 1e3);
    writeln!(
        svg,
        "<line x1=\"{LEFT}\" x2=\"{RIGHT}\" y1=\"{y:.1}\" y2=\"{y:.1}\" stroke=\"#3a8f3a\" \
         stroke-dasharray=\"2 3\"/>\
         <text x=\"{RIGHT}\" y=\"{:.1}\" text-anchor=\"end\" fill=\"#3a8f3a\">goal for p99: {} ms</text>",
        y - 4.0,
        goal.as_millis()
    )?;
    writeln!(
        svg,
        "<line x1=\"{LEFT}\" x2=\"{RIGHT}\" y1=\"{BOTTOM}\" y2=\"{BOTTOM}\" stroke=\"#444\"/>\
         <line x1=\"{LEFT}\" x2=\"{LEFT}\" y1=\"{TOP}\" y2=\"{BOTTOM}\" stroke=\"#444\"/>\
         <text x=\"{:.1}\" y=\"{}\" text-anchor=\"middle\">seconds since the overload began, by when the request was answered</text>\
         <text transform=\"translate(18 {:.1}) rotate(-90)\" text-anchor=\"middle\">milliseconds a served request took</text>",
        f64::midpoint(LEFT, RIGHT),
        BOTTOM + 42.0,
        f64::midpoint(TOP, BOTTOM)
    )
}

/// The points of a share of the requests that were answered in each second.
fn line(requests: &Requests, length: Duration, share: f64) -> String {
    let seconds = length.as_secs_f64();
    let mut points = String::new();
    for second in 0..length.as_secs() {
        let answered = requests.over.iter().filter(|request| {
            request.was_served && (request.came + request.took).as_secs() == second
        });
        let times = sorted(answered);
        if times.is_empty() {
            continue;
        }
        let x = place(second as f64 + 0.5, seconds);
        let _ = write!(points, "{x:.1},{:.1} ", height(at(&times, share)));
    }
    points.trim_end().to_owned()
}

fn place(second: f64, seconds: f64) -> f64 {
    LEFT + (RIGHT - LEFT) * second / seconds.max(1.0)
}

fn height(milliseconds: f64) -> f64 {
    let share = (milliseconds.clamp(LEAST, MOST) / LEAST).log10() / (MOST / LEAST).log10();
    BOTTOM - (BOTTOM - TOP) * share
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_axes_span_what_is_drawn() {
        assert_eq!((height(LEAST), height(MOST)), (BOTTOM, TOP));
        assert_eq!((place(0.0, 60.0), place(60.0, 60.0)), (LEFT, RIGHT));
        assert_eq!(height(0.0), BOTTOM, "nothing lies below the axis");
    }

    #[test]
    fn an_empty_plot_has_axes_and_a_goal() {
        let svg = draw(&[], Duration::from_secs(10), Duration::from_millis(150));
        assert!(
            svg.starts_with("<svg ") && svg.ends_with("</svg>\n"),
            "{svg}"
        );
        assert!(svg.contains("goal for p99: 150 ms"));
        assert!(svg.contains("milliseconds a served request took"));
    }
}
