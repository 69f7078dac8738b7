//! The dashboard in a real browser: under load, while servers stop and come back.
//!
//! It needs Chromium and ChromeDriver, which `cargo xtask test` installs, and keeps pictures of
//! what it saw in `target/dashboard`.

#![expect(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

mod browser;
mod shop;

use larder_testing::servers::StopMode;
use serde_json::json;

use crate::browser::{Driver, Page, Viewport};
use crate::shop::Shop;

const VIEWPORTS: [Viewport; 2] = [
    Viewport {
        name: "desktop",
        width: 1440,
        height: 900,
        is_dark: false,
        is_phone: false,
    },
    Viewport {
        name: "phone",
        width: 375,
        height: 812,
        is_dark: true,
        is_phone: true,
    },
];

/// A status with the check that is named as its first cause.
fn shows(status: &str, cause: &str) -> String {
    format!(
        "document.querySelector('#health').dataset.status === '{status}' && \
         document.querySelector('.cause h3 span:nth-child(2)')?.textContent === '{cause}'"
    )
}

const IS_HEALTHY: &str = "document.querySelector('#health').dataset.status === 'healthy'";

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_sees_what_is_wrong_and_that_it_is_over() {
    let mut shop = Shop::open().await;
    let driver = Driver::start().await;
    let mut pages = Vec::new();
    for viewport in VIEWPORTS {
        pages.push(Page::open(&driver, viewport, &shop.dashboard()).await);
    }
    for page in &pages {
        sees_numbers_change(page).await;
        fits_and_is_accessible(page).await;
        page.until("health", IS_HEALTHY).await;
        page.picture("healthy").await;
    }

    shop.redis.stop().await.unwrap();
    for page in &pages {
        page.until("the loss of Redis", &degraded_by_redis()).await;
        page.picture("without-redis").await;
    }
    shop.redis.start_again().await.unwrap();
    for page in &pages {
        page.until("that Redis is back", IS_HEALTHY).await;
    }

    // All backends are gone at once, and nobody can connect.
    shop.postgres.stop(StopMode::Immediate).await.unwrap();
    for page in &pages {
        let (unhealthy, critical) = (
            shows("unhealthy", "Database"),
            shows("critical", "Database"),
        );
        let down = format!("({unhealthy}) || ({critical})");
        page.until("the loss of the database", &down).await;
        page.picture("without-database").await;
    }
    shop.postgres.start_again().await.unwrap();
    for page in &pages {
        page.until("that the database is back", IS_HEALTHY).await;
        sees_numbers_change(page).await;
        page.picture("recovered").await;
    }

    for page in pages {
        let console = page.console().await;
        let errors = console.iter().filter(|entry| entry["level"] == "SEVERE");
        let errors: Vec<_> = errors.collect();
        assert!(errors.is_empty(), "{}: {errors:?}", page.viewport.name);
        page.close().await;
    }
    shop.larder.shutdown().await.ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_cancelled_after_a_question() {
    let shop = Shop::open().await;
    shop.run_reports();
    let driver = Driver::start().await;
    let page = Page::open(&driver, VIEWPORTS[0], &shop.dashboard()).await;
    let button = "#session-table tr:first-child .action:not(:disabled)";
    let is_there = format!(
        "document.querySelector('#session-table td.main')?.textContent.includes('nightly report') \
         && document.querySelector({}) !== null",
        json!(button)
    );
    page.until("the session of the report", &is_there).await;
    page.click(button).await;
    page.until(
        "the question",
        "document.querySelector('#cancel-dialog').open",
    )
    .await;
    assert!(page.text("#cancel-who").await.contains("nightly report"));
    page.picture("question").await;
    page.click("#cancel-dialog .danger").await;
    let told = "document.querySelector('#toast').textContent.includes('was cancelled')";
    page.until("that it was cancelled", told).await;
    let event = "document.querySelector('#event-list').textContent.includes('was cancelled')";
    page.until("the event", event).await;
    let errors = page.console().await;
    assert!(
        errors.iter().all(|entry| entry["level"] != "SEVERE"),
        "{errors:?}"
    );
    page.close().await;
    shop.larder.shutdown().await.ok();
}

/// Whether Redis is named as the cause of being degraded.
fn degraded_by_redis() -> String {
    shows("degraded", "Redis")
}

/// The line is live, and the numbers are those of people who read.
async fn sees_numbers_change(page: &Page) {
    let live = "document.querySelector('#link').dataset.state === 'live'";
    page.until("the line", live).await;
    let number = "[data-tile=\"statements\"] strong";
    let busy = format!(
        "parseFloat(document.querySelector({})?.textContent) > 0",
        json!(number)
    );
    page.until("throughput", &busy).await;
    let calls = "document.querySelector('#service-table tbody')?.textContent";
    let before = page.ask(calls).await;
    page.until("that numbers change", &format!("{calls} !== {before}"))
        .await;
    let charts = "document.querySelectorAll('#charts canvas').length === 6";
    page.until("the charts", charts).await;
}

/// Nothing is cut off at the side, and what is there has a name.
async fn fits_and_is_accessible(page: &Page) {
    let width = page
        .ask("document.documentElement.scrollWidth <= innerWidth")
        .await;
    assert_eq!(width, true, "{}", page.viewport.name);
    let scheme = page
        .ask("matchMedia('(prefers-color-scheme: dark)').matches")
        .await;
    assert_eq!(scheme, page.viewport.is_dark);
    let nameless = page
        .ask(
            "[...document.querySelectorAll('button, a, input, [role=img]')]
                .filter((element) => !(element.textContent.trim() || element.getAttribute('aria-label')
                    || element.labels?.length)).map((element) => element.outerHTML)",
        )
        .await;
    assert_eq!(nameless, json!([]), "{}", page.viewport.name);
}
