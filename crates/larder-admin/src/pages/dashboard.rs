//! The page for people, and its files. They are part of the program: nothing is read from disk,
//! and nothing from elsewhere.

use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;

use super::Problem;

const HTML: &str = "text/html; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";

macro_rules! files {
    ($($name:literal as $content_type:expr => $path:literal,)*) => {
        [$(($name, $content_type, include_str!(concat!("../../assets/", $path))),)*]
    };
}

/// Name, type and text of each file.
const FILES: [(&str, &str, &str); 15] = files! {
    "dashboard.css" as STYLE => "dashboard.css",
    "login.css" as STYLE => "login.css",
    "main.js" as SCRIPT => "main.js",
    "charts.js" as SCRIPT => "charts.js",
    "format.js" as SCRIPT => "format.js",
    "elements.js" as SCRIPT => "elements.js",
    "live.js" as SCRIPT => "live.js",
    "health.js" as SCRIPT => "health.js",
    "tables.js" as SCRIPT => "tables.js",
    "tiles.js" as SCRIPT => "tiles.js",
    "statements.js" as SCRIPT => "statements.js",
    "actions.js" as SCRIPT => "actions.js",
    "uplot.js" as SCRIPT => "vendor/uPlot.iife.min.js",
    "uplot.css" as STYLE => "vendor/uPlot.min.css",
    "icon.svg" as "image/svg+xml" => "icon.svg",
};

pub(super) async fn page() -> impl IntoResponse {
    let page = include_str!("../../assets/dashboard.html");
    ([(header::CONTENT_TYPE, HTML)], page)
}

pub(super) async fn file(Path(name): Path<String>) -> Result<impl IntoResponse, Problem> {
    let file = FILES.iter().find(|(known, _, _)| *known == name);
    let (_, content_type, text) =
        file.ok_or_else(|| Problem::new(StatusCode::NOT_FOUND, "there is no such file"))?;
    Ok(([(header::CONTENT_TYPE, *content_type)], *text))
}
