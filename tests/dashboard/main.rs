//! The dashboard in a real browser: under load, while servers stop and come back.
//!
//! It needs Chromium and ChromeDriver, which `cargo xtask test` installs, and keeps pictures of
//! what it saw in `target/dashboard`.

#![expect(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

mod browser;
mod line;
mod shop;

use std::time::Duration;

use larder_testing::servers::StopMode;
use serde_json::json;
use tokio::time::timeout;

use crate::browser::{Driver, PATIENCE, Page, Viewport};
use crate::line::Line;
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

    // A backend is gone in the midst of a statement: one at first, and then one after the other.
    let admin = shop.admin().await;
    shop.run_reports(true);
    let mut thrown_away = Vec::new();
    for page in &pages {
        thrown_away.push(page.ask(THROWN_AWAY).await);
    }
    shop.kill_backend(&admin).await;
    for (page, before) in pages.iter().zip(&thrown_away) {
        page.until("the lost backend", &format!("{THROWN_AWAY} > {before}"))
            .await;
    }
    let are_seen = async {
        for page in &pages {
            page.until("that statements fail", &fails_by_backends())
                .await;
            page.picture("without-backends").await;
        }
    };
    tokio::select! {
        () = are_seen => {}
        () = async { loop { shop.kill_backend(&admin).await } } => {}
    }
    shop.run_reports(false);
    for page in &pages {
        page.until("that backends stay", IS_HEALTHY).await;
    }
    drop(admin);

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
    shop.run_reports(true);
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

#[tokio::test(flavor = "multi_thread")]
async fn only_who_has_the_token_sees_anything_until_he_leaves() {
    const TOKEN: &str = "a-token-that-nobody-guesses";
    let shop = Shop::open_with(Some(TOKEN)).await;
    let driver = Driver::start().await;
    let page = Page::open(&driver, VIEWPORTS[1], &shop.dashboard()).await;
    let form = "location.pathname === '/login' && document.querySelector('#token') !== null";
    page.until("the form", form).await;
    page.picture("form").await;
    page.submit("#token", "a-token-that-somebody-guessed").await;
    let refused =
        "document.querySelector('.problem')?.textContent.includes('not the right one') === true";
    page.until("that the token is wrong", refused).await;
    page.picture("refused").await;
    page.submit("#token", TOKEN).await;
    page.until("the dashboard", "location.pathname === '/dashboard'")
        .await;
    sees_numbers_change(&page).await;
    page.until(
        "how to leave",
        "document.querySelector('#logout').hidden === false",
    )
    .await;
    page.click("#logout button").await;
    page.until("the form again", form).await;
    page.go_to(&shop.dashboard()).await;
    page.until("that nothing is shown any more", form).await;

    // Who leaves in another window leaves in this one: it is told nothing more.
    page.submit("#token", TOKEN).await;
    let live = "document.querySelector('#link')?.dataset.state === 'live'";
    page.until("the line", live).await;
    page.ask_promise("fetch('logout', { method: 'POST', redirect: 'manual' }).then(() => null)")
        .await;
    page.until("that the visit is over", form).await;

    let console = page.console().await;
    let unexpected = console.iter().filter(|entry| {
        let is_refusal = entry["message"].as_str().unwrap().contains("status of 401");
        entry["level"] == "SEVERE" && !is_refusal
    });
    assert_eq!(unexpected.count(), 0, "{console:?}");
    page.close().await;
    shop.larder.shutdown().await.ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_silence_there_is_one_line_and_no_other() {
    // Told apart from those that the page has closed.
    const COUNTING: &str = "
        window.lines = [];
        window.pictures = 0;
        window.EventSource = class extends EventSource {
          constructor(...given) {
            super(...given);
            window.lines.push(this);
            this.addEventListener('picture', () => { window.pictures += 1; });
          }
        };";
    const OPEN: &str =
        "window.lines.filter((line) => line.readyState !== EventSource.CLOSED).length";
    let shop = Shop::open().await;
    let line = Line::to(shop.larder.admin_address().unwrap()).await;
    let url = format!("http://{}/dashboard", line.address);
    let driver = Driver::start().await;
    let page = Page::open(&driver, VIEWPORTS[0], &url).await;
    page.open_with(&url, COUNTING).await;
    page.until("pictures", "window.pictures > 2").await;
    line.silence(true);
    let lost = "document.querySelector('#link').dataset.state === 'lost'";
    page.until("that the line is lost", lost).await;
    let before = line.opened();
    let tries = async {
        while line.opened() < before + 3 {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    timeout(PATIENCE, tries).await.unwrap();
    line.silence(false);
    let live = "document.querySelector('#link').dataset.state === 'live'";
    page.until("the line", live).await;
    let seen = page.ask("window.pictures").await;
    page.until("more pictures", &format!("window.pictures > {seen} + 5"))
        .await;
    assert_eq!(page.ask(OPEN).await, 1);
    page.close().await;
    shop.larder.shutdown().await.ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_says_what_is_there_beside_what_it_shows() {
    let shop = Shop::open().await;
    let driver = Driver::start().await;
    let page = Page::open(&driver, VIEWPORTS[0], &shop.dashboard()).await;
    page.until("health", IS_HEALTHY).await;
    let note = "document.querySelector('#replica-note').textContent";
    let none = format!("{note} === 'None is connected to the primary.'");
    page.until("that there are no replicas", &none).await;

    // Pictures that no shop of this size gives, each shown and read in one go.
    let replicas = |check: &str| {
        format!(
            "import('/dashboard/tables.js').then(({{ replicas }}) => {{
               replicas({{ health: {{ last_check: 1, probes: [{check}] }} }});
               const facts = document.querySelector('#replica-facts').textContent;
               return `${{facts}}|${{{note}}}`;
             }})"
        )
    };
    for (check, said) in [
        (
            "{ name: 'replicas', status: 'degraded', reason: 'the slowest is far behind', \
               observed: { value: 12, unit: 's' } }",
            "Lag of the slowest12 s|The slowest is far behind.",
        ),
        (
            "{ name: 'replicas', status: 'healthy', observed: { value: 2, unit: '' } }",
            "Replicas2Lagnot told to this role|",
        ),
        ("{ name: 'disk' }", "|Not known: nothing here checks them."),
    ] {
        let shown = page.ask_promise(&replicas(check)).await;
        assert_eq!(shown, said, "{check}");
    }

    let share = "import('/dashboard/statements.js').then(({ statements }) => {
        const fill = statements();
        const statement = { fingerprint: 'x', text: 'x', total_ms: 5, calls: 1, slow: 0, errors: 0 };
        fill({ statements: [statement], statements_total_ms: 100 });
        const tables = document.querySelectorAll('#statement-table table');
        return tables[tables.length - 1].querySelector('td.share').textContent;
    })";
    assert_eq!(page.ask_promise(share).await, "5.0 %");

    let sessions = "import('/dashboard/tables.js').then(({ sessions }) => {
        const held = Array.from({ length: 50 }, (_, id) => (
          { id, name: 'batch', location: 'batch.rs:7', held_ms: 60_000, is_busy: true }));
        sessions(null)({ sessions: held, held: { brief_ms: 50, steady: 70, brief: 3 }, pool: { used: 73 } });
        const tables = document.querySelectorAll('#session-table table');
        const rows = tables[tables.length - 1].querySelectorAll('tbody tr').length;
        return `${rows} ${document.querySelector('#sessions-note').textContent}`;
    })";
    let said = "50 and 20 more that are not shown, 3 held for less than 50 ms";
    assert_eq!(page.ask_promise(sessions).await, said);
    page.close().await;
    shop.larder.shutdown().await.ok();
}

/// How many connections the pool has thrown away.
const THROWN_AWAY: &str = "Number([...document.querySelectorAll('#pool-facts div')] \
    .find((fact) => fact.firstElementChild.textContent === 'Thrown away').lastElementChild.textContent)";

/// Whether statements that fail are named as the cause, with how many.
fn fails_by_backends() -> String {
    format!(
        "{} && /^[0-9]+ of [0-9]+ statements failed/ \
         .test(document.querySelector('.cause .reason').textContent)",
        shows("degraded", "Statements")
    )
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
