//! What the dashboard is made of: nothing inline, nothing from elsewhere.

use crate::support::{Pages, send};

#[tokio::test(flavor = "multi_thread")]
async fn the_page_has_nothing_inline_and_all_it_names_is_there() {
    let pages = Pages::serve(&[("admin.token", crate::support::TOKEN)]).await;
    for path in ["/dashboard", "/login"] {
        let request = pages.get(path).bearer_auth(crate::support::TOKEN);
        let page = send(request).await.text().await.unwrap();
        for inline in [" style=", "<style", " onclick=", "javascript:", "<script>"] {
            assert!(!page.contains(inline), "{inline} in {path}");
        }
        let mut named = 0;
        for mark in ["href=\"dashboard/", "src=\"dashboard/"] {
            for rest in page.split(mark).skip(1) {
                let file = rest.split('"').next().unwrap();
                let status = pages.status(&format!("/dashboard/{file}")).await;
                assert_eq!(status, 200, "{file}");
                named += 1;
            }
        }
        assert!(named >= 2, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn scripts_import_only_what_is_there_and_styles_load_nothing() {
    let pages = Pages::serve(&[]).await;
    let mut waiting = vec!["main.js".to_owned()];
    let mut seen = Vec::new();
    while let Some(file) = waiting.pop() {
        let answer = send(pages.get(&format!("/dashboard/{file}"))).await;
        assert_eq!(answer.status(), 200, "{file}");
        let script = answer.text().await.unwrap();
        for word in [
            "innerHTML",
            "insertAdjacentHTML",
            "eval(",
            "document.write",
            "https://",
        ] {
            assert!(!script.contains(word), "{word} in {file}");
        }
        for rest in script.split("from \"./").skip(1) {
            let name = rest.split('"').next().unwrap().to_owned();
            if !seen.contains(&name) {
                seen.push(name.clone());
                waiting.push(name);
            }
        }
    }
    assert!(seen.len() >= 8, "{seen:?}");
    for style in ["dashboard.css", "login.css", "uplot.css"] {
        let text = send(pages.get(&format!("/dashboard/{style}")))
            .await
            .text()
            .await
            .unwrap();
        assert!(
            !text.contains("url(") && !text.contains("@import"),
            "{style}"
        );
    }
}
