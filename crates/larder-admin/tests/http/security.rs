//! Who is let in, and what browsers are told.

use std::net::SocketAddr;

use futures::future::{join, join_all};
use larder_admin::axum::extract::ConnectInfo;
use larder_admin::axum::{self, Extension, Router};
use larder_health::Finding;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::time::timeout;

use crate::support::{PATIENCE, Pages, TOKEN, header, send, status};

const ON: (&str, &str) = ("admin.actions", "true");

const GUARDED: [&str; 8] = [
    "/healthz",
    "/metrics",
    "/dashboard",
    "/api/context",
    "/api/overview",
    "/api/history",
    "/api/statements",
    "/api/live",
];

#[tokio::test(flavor = "multi_thread")]
async fn without_a_token_only_names_of_this_machine_are_answered() {
    let pages = Pages::serve(&[]).await;
    for path in GUARDED {
        let rebound = pages.get(path).header("Host", "evil.example:7432");
        assert_eq!(status(rebound).await, 421, "{path}");
    }
    let named = pages.get("/api/overview").header("Host", "localhost:7432");
    assert_eq!(status(named).await, 200);
    // Probes come by any name, and learn a word.
    for path in ["/livez", "/readyz"] {
        let request = pages.get(path).header("Host", "10.1.2.3:7432");
        assert_ne!(status(request).await, 421, "{path}");
    }
}

/// A router of somebody else's, served as he likes.
async fn mounted(router: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    base
}

async fn status_of(base: &str, path: &str) -> u16 {
    let answer = reqwest::get(format!("{base}{path}")).await.unwrap();
    answer.status().as_u16()
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_token_only_programs_of_this_machine_are_answered() {
    let pages = Pages::serve(&[ON]).await;
    pages.find(Finding::healthy()).await;
    let unknown = mounted(pages.admin.router()).await;
    let from = |address: [u8; 4]| {
        let peer = ConnectInfo(SocketAddr::from((address, 50_000)));
        pages.admin.router().layer(Extension(peer))
    };
    let elsewhere = mounted(from([10, 1, 2, 3])).await;
    let here = mounted(from([127, 0, 0, 1])).await;
    for base in [&unknown, &elsewhere] {
        for path in GUARDED {
            assert_eq!(status_of(base, path).await, 403, "{path}");
        }
        for path in ["/api/actions/invalidate", "/api/actions/cancel"] {
            let ask = reqwest::Client::new().post(format!("{base}{path}"));
            assert_eq!(status(ask).await, 403, "{path}");
        }
        // Probes come from anywhere.
        for path in ["/livez", "/readyz"] {
            assert_eq!(status_of(base, path).await, 200, "{path}");
        }
    }
    assert_eq!(status_of(&here, "/api/overview").await, 200);
    let told = reqwest::get(format!("{unknown}/api/overview")).await;
    let told = told.unwrap().text().await.unwrap();
    for cure in ["admin.token", "into_make_service_with_connect_info"] {
        assert!(told.contains(cure), "{told}");
    }
    for proxy in ["Forwarded", "X-Forwarded-For", "X-Real-IP"] {
        let request = pages.get("/api/overview").header(proxy, "10.1.2.3");
        assert_eq!(status(request).await, 403, "{proxy}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_the_token_may_come_from_anywhere() {
    let pages = Pages::serve(&[("admin.token", TOKEN)]).await;
    let base = mounted(pages.admin.router()).await;
    let request = reqwest::Client::new().get(format!("{base}/api/overview"));
    let request = request.header("X-Forwarded-For", "10.1.2.3");
    assert_eq!(status(request.bearer_auth(TOKEN)).await, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_asked_for_everywhere_but_by_probes() {
    let pages = Pages::serve(&[("admin.token", TOKEN)]).await;
    pages.find(Finding::healthy()).await;
    for path in GUARDED {
        let missing = if path == "/dashboard" { 303 } else { 401 };
        assert_eq!(pages.status(path).await, missing, "{path}");
        let wrong = pages.get(path).bearer_auth("a-token-that-nobody-guessed");
        assert_eq!(status(wrong).await, missing, "{path}");
        let right = pages.get(path).bearer_auth(TOKEN);
        let answered = status(right).await;
        assert!(answered == 200 || path == "/metrics", "{path}: {answered}");
    }
    for path in ["/api/actions/invalidate", "/api/actions/cancel"] {
        assert_eq!(status(pages.post(path)).await, 401, "{path}");
    }
    let refused = send(pages.get("/api/overview")).await;
    assert!(header(&refused, "www-authenticate").starts_with("Bearer"));
    assert_eq!(pages.status("/livez").await, 200);
    assert_eq!(pages.status("/readyz").await, 200);
    // The name does not matter to who has the token.
    let request = pages.get("/api/overview").header("Host", "db.internal");
    assert_eq!(status(request.bearer_auth(TOKEN)).await, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_form_lets_in_until_the_visitor_leaves() {
    let pages = Pages::serve(&[("admin.token", TOKEN)]).await;
    let refused = send(pages.get("/dashboard")).await;
    assert_eq!(header(&refused, "location"), "login");

    let wrong = send(pages.post("/login").form(&[("token", "wrong")])).await;
    assert_eq!(wrong.status(), 401);
    assert_eq!(header(&wrong, "set-cookie"), "");
    assert!(wrong.text().await.unwrap().contains("not the right one"));

    for origin in ["http://evil.example", "null"] {
        let foreign = pages.post("/login").form(&[("token", TOKEN)]);
        let foreign = send(foreign.header("Origin", origin)).await;
        assert_eq!(foreign.status(), 403);
        assert_eq!(header(&foreign, "set-cookie"), "");
        let told = foreign.text().await.unwrap();
        assert!(told.contains("proxy_set_header Host"), "{told}");
        assert!(!told.contains("not the right one"), "{told}");
    }

    // As a browser sends it.
    let right = pages.post("/login").form(&[("token", TOKEN)]);
    let right = right.header("Origin", format!("http://{}", pages.address));
    let right = send(right.header("Sec-Fetch-Site", "same-origin")).await;
    assert_eq!(right.status(), 303);
    assert_eq!(header(&right, "location"), "dashboard");
    let cookie = header(&right, "set-cookie");
    for part in ["HttpOnly", "SameSite=Strict", "Path=/"] {
        assert!(cookie.contains(part), "{part} in {cookie}");
    }
    assert!(!cookie.contains(TOKEN));
    let cookie = cookie.split(';').next().unwrap();
    let inside = |path: &str| pages.get(path).header("Cookie", cookie);
    assert_eq!(status(inside("/dashboard")).await, 200);
    assert_eq!(status(inside("/api/overview")).await, 200);

    let leave = pages.post("/logout").header("Cookie", cookie);
    assert_eq!(status(leave).await, 303);
    assert_eq!(status(inside("/api/overview")).await, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_a_proxy_with_a_name_of_its_own_the_names_of_the_settings_are_ours() {
    let hosts = ("admin.hosts", "admin.internal");
    let pages = Pages::serve(&[ON, hosts, ("admin.token", TOKEN)]).await;
    let log_in = async |origin: &str| {
        let form = pages.post("/login").form(&[("token", TOKEN)]);
        let form = form.header("Host", "upstream").header("Origin", origin);
        send(form.header("Sec-Fetch-Site", "same-origin")).await
    };
    assert_eq!(log_in("https://other.internal").await.status(), 403);
    let inside = log_in("https://admin.internal").await;
    assert_eq!(inside.status(), 303);
    let cookie = header(&inside, "set-cookie");
    assert!(cookie.contains("Secure"), "{cookie}");
    let cookie = cookie.split(';').next().unwrap().to_owned();
    let context = pages.get("/api/context").header("Host", "upstream");
    let context = send(context.header("Cookie", &cookie)).await;
    let context: Value = context.json().await.unwrap();
    let act = async |origin: &str| {
        let action = pages.post("/api/actions/cancel").header("Host", "upstream");
        let action = action.header("Origin", origin).header("Cookie", &cookie);
        let action = action.header("X-Larder-Csrf", context["csrf"].as_str().unwrap());
        send(action.json(&serde_json::json!({ "session": u32::MAX }))).await
    };
    assert_eq!(act("https://admin.internal").await.status(), 404);
    let refused = act("https://other.internal").await;
    assert_eq!(refused.status(), 403);
    let told = refused.text().await.unwrap();
    assert!(told.contains("proxy_set_header Host"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn many_wrong_tokens_are_not_waited_for_and_the_right_one_lets_in() {
    let pages = Pages::serve(&[("admin.token", TOKEN)]).await;
    let log_in = |token: &str| status(pages.post("/login").form(&[("token", token)]));
    let turned_away = async {
        loop {
            let answers = join_all((0..40).map(|_| log_in("wrong"))).await;
            assert!(answers.iter().all(|status| matches!(status, 401 | 429)));
            if answers.contains(&429) {
                return;
            }
        }
    };
    timeout(PATIENCE, turned_away).await.unwrap();
    let wrong = join_all((0..40).map(|_| log_in("wrong")));
    let (_, right) = join(wrong, log_in(TOKEN)).await;
    assert_eq!(right, 303);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_forbids_what_browsers_could_do_with_it() {
    let pages = Pages::serve(&[]).await;
    let others = [
        "/livez",
        "/login",
        "/dashboard/main.js",
        "/dashboard/nothing",
        "/nowhere",
    ];
    for path in GUARDED.into_iter().chain(others) {
        let answer = send(pages.get(path)).await;
        let policy = header(&answer, "content-security-policy");
        assert!(policy.contains("default-src 'none'"), "{path}: {policy}");
        assert!(policy.contains("script-src 'self'"), "{path}: {policy}");
        assert!(
            policy.contains("frame-ancestors 'none'"),
            "{path}: {policy}"
        );
        assert!(!policy.contains("unsafe"), "{path}: {policy}");
        assert_eq!(header(&answer, "x-frame-options"), "DENY", "{path}");
        assert_eq!(header(&answer, "cache-control"), "no-store", "{path}");
        // Nothing for other sites, and the origin for the form of this one.
        assert_eq!(header(&answer, "referrer-policy"), "same-origin", "{path}");
        assert_eq!(
            header(&answer, "x-content-type-options"),
            "nosniff",
            "{path}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_page_shows_a_secret() {
    let pages = Pages::serve(&[("admin.token", TOKEN)]).await;
    let url = std::env::var("LARDER_TEST_DATABASE_URL").unwrap_or_default();
    let password = url
        .split_once("://")
        .and_then(|(_, rest)| rest.split_once('@'));
    let password = password.and_then(|(user, _)| user.split_once(':'));
    let password = password.map_or("a password that is not there", |(_, password)| password);
    for path in GUARDED.into_iter().filter(|path| *path != "/api/live") {
        let text = send(pages.get(path).bearer_auth(TOKEN))
            .await
            .text()
            .await
            .unwrap();
        assert!(!text.contains(TOKEN), "{path}");
        assert!(!text.contains(password), "{path}");
    }
    assert!(!format!("{:?}", pages.admin).contains(TOKEN));
}

#[tokio::test(flavor = "multi_thread")]
async fn mounted_beneath_a_path_the_links_hold() {
    let pages = Pages::serve(&[("admin.token", TOKEN)]).await;
    let router = Router::new().nest("/internal", pages.admin.router());
    let base = format!("{}/internal", mounted(router).await);
    // Follows where it is sent, as a browser does: to the form beside the dashboard.
    let form = reqwest::get(format!("{base}/dashboard")).await.unwrap();
    assert_eq!(form.status(), 200);
    assert_eq!(form.url().as_str(), format!("{base}/login"));
    let script = reqwest::get(format!("{base}/dashboard/main.js"))
        .await
        .unwrap();
    assert_eq!(script.status(), 200);
    let client = reqwest::Client::new();
    let overview = client
        .get(format!("{base}/api/overview"))
        .bearer_auth(TOKEN);
    let overview: Value = overview.send().await.unwrap().json().await.unwrap();
    assert!(overview["health"]["status"].is_string(), "{overview}");
}
