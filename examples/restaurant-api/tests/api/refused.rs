//! Requests that are wrong: each gets its 4xx, and none reaches the database.

use larder::prelude::LarderBuilder;

use crate::support::{APPLICATION, Answer, Api};

/// A request, and the error that it has to get.
struct Refused {
    method: &'static str,
    target: String,
    body: String,
    status: u16,
    kind: &'static str,
    field: Option<&'static str>,
    /// What the message has to say.
    says: &'static str,
}

fn get(target: &str, field: &'static str, says: &'static str) -> Refused {
    Refused {
        method: "GET",
        target: target.to_owned(),
        body: String::new(),
        status: 400,
        kind: "invalid_input",
        field: Some(field),
        says,
    }
}

fn post(target: &str, body: &str, field: &'static str, says: &'static str) -> Refused {
    Refused {
        method: "POST",
        body: body.to_owned(),
        ..get(target, field, says)
    }
}

impl Refused {
    fn nameless(self) -> Self {
        Self {
            field: None,
            ..self
        }
    }

    fn kind(self, status: u16, kind: &'static str) -> Self {
        Self {
            status,
            kind,
            field: None,
            ..self
        }
    }

    /// A name that is too long to be repeated whole.
    fn shortened_name(self) -> Self {
        const SHORTENED: &str = "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…";
        Self {
            field: Some(SHORTENED),
            ..self
        }
    }

    async fn send(&self, api: &Api) -> Answer {
        match self.method {
            "POST" => api.post(&self.target, &self.body).await,
            method => api.request(method, &self.target, "", b"").await,
        }
    }

    async fn check(&self, api: &Api) {
        let shown: String = self.target.chars().take(120).collect();
        let body: String = self.body.chars().take(120).collect();
        let context = format!("{} {shown} {body}", self.method);
        let answer = self.send(api).await;
        assert_eq!(answer.status, self.status, "{context}: {answer:?}");
        let (kind, field) = answer.error();
        assert_eq!(
            (kind.as_str(), field.as_deref()),
            (self.kind, self.field),
            "{context}: {answer:?}"
        );
        let message = answer.message();
        assert!(message.contains(self.says), "{context}: {message}");
    }
}

fn nearby() -> Vec<Refused> {
    let near = |rest: &str| format!("/restaurants/nearby?latitude=1&longitude=2{rest}");
    vec![
        get("/restaurants/nearby", "latitude", "latitude is missing"),
        get("/restaurants/nearby?latitude=1", "longitude", "is missing"),
        get(
            "/restaurants/nearby?latitude=&longitude=2",
            "latitude",
            "must be a number",
        ),
        get(
            "/restaurants/nearby?latitude=north&longitude=2",
            "latitude",
            "\"north\"",
        ),
        get(
            "/restaurants/nearby?latitude=91&longitude=2",
            "latitude",
            "from -90 to 90",
        ),
        get(
            "/restaurants/nearby?latitude=NaN&longitude=2",
            "latitude",
            "from -90 to 90",
        ),
        get(
            "/restaurants/nearby?latitude=1&longitude=inf",
            "longitude",
            "from -180 to 180",
        ),
        get(
            "/restaurants/nearby?latitude=1&longitude=-180.1",
            "longitude",
            "from -180",
        ),
        get(
            "/restaurants/nearby?latitude=1&latitude=2&longitude=2",
            "latitude",
            "twice",
        ),
        get(
            &near("&radius_km=-1"),
            "radius_km",
            "radius_km must be above 0",
        ),
        get(&near("&radius_km=0"), "radius_km", "above 0"),
        get(&near("&radius_km=NaN"), "radius_km", "above 0"),
        get(&near("&radius_km=inf"), "radius_km", "at most 20015"),
        get(&near("&radius_km=1e400"), "radius_km", "at most 20015"),
        get(&near("&radius_km=ten"), "radius_km", "must be a number"),
        get(
            &near(
                "&radius_km=5;DROP TABLE restaurants"
                    .replace(' ', "%20")
                    .as_str(),
            ),
            "radius_km",
            "number",
        ),
        get(&near("&limit=0"), "limit", "from 1 to 1000"),
        get(&near("&limit=-1"), "limit", "from 1 to 1000"),
        get(
            &near("&limit=1000000"),
            "limit",
            "from 1 to 1000; it was \"1000000\"",
        ),
        get(
            &near("&limit=99999999999999999999"),
            "limit",
            "at most 18 digits",
        ),
        get(&near("&limit=2.5"), "limit", "whole number"),
        get(&near("&limit=%31%00"), "limit", "whole number"),
        get(&near("&limit=%ff"), "limit", "UTF-8"),
        get(&near("&limit=5&limit=6"), "limit", "twice"),
        get(
            &near("&radius=5"),
            "radius",
            "latitude, longitude, radius_km, limit",
        ),
        get(&near("&%ff=5"), "", "UTF-8").nameless(),
        get(&near(&format!("&{}=5", "x".repeat(9_000))), "", "not known").shortened_name(),
    ]
}

fn search() -> Vec<Refused> {
    let long =
        |letter: &str, count: usize| format!("/restaurants/search?q={}", letter.repeat(count));
    vec![
        get("/restaurants/search", "q", "q is missing"),
        get("/restaurants/search?q=", "q", "must not be empty"),
        get("/restaurants/search?q", "q", "must not be empty"),
        get("/restaurants/search?q=%20+%09", "q", "must not be empty"),
        get("/restaurants/search?q=a%00b", "q", "NUL"),
        get("/restaurants/search?q=%ff", "q", "q is no UTF-8"),
        // A surrogate, an overlong slash, and a sequence that breaks off.
        get("/restaurants/search?q=%ed%a0%80", "q", "UTF-8"),
        get("/restaurants/search?q=%c0%af", "q", "UTF-8"),
        get("/restaurants/search?q=%f0%9f%8d", "q", "UTF-8"),
        get(&long("x", 201), "q", "at most 200 characters, has 201"),
        get(&long("x", 10_000), "q", "has 10000"),
        get(&long("%F0%9F%8D%9C", 2_500), "q", "has 2500"),
        get("/restaurants/search?q=a&limit=0", "limit", "from 1 to 1000"),
        get(
            "/restaurants/search?q=a&limit=1000000",
            "limit",
            "from 1 to 1000",
        ),
        get("/restaurants/search?q=a&offset=-1", "offset", "from 0"),
        get(
            "/restaurants/search?q=a&offset=100001",
            "offset",
            "from 0 to 100000",
        ),
        get(
            "/restaurants/search?q=a&offset=9223372036854775807",
            "offset",
            "from 0",
        ),
        get(
            "/restaurants/search?q=a&offset=9223372036854775808",
            "offset",
            "18 digits",
        ),
        get("/restaurants/search?q=a&q=b", "q", "twice"),
        get("/restaurants/search?q=a&page=2", "page", "q, limit, offset"),
        get(&long("x", 41_000), "", "at most 40960 bytes").kind(414, "url_too_long"),
    ]
}

fn ids() -> Vec<Refused> {
    vec![
        get("/restaurants/abc", "id", "whole number; it was \"abc\""),
        get("/restaurants/1.5", "id", "whole number"),
        get("/restaurants/0x10", "id", "whole number"),
        get("/restaurants/0", "id", "at least 1"),
        get("/restaurants/-7", "id", "at least 1"),
        get(
            "/restaurants/9223372036854775808",
            "id",
            "at most 18 digits",
        ),
        get(
            &format!("/restaurants/{}", "9".repeat(5_000)),
            "id",
            "18 digits",
        ),
        get("/restaurants/%00", "id", "whole number"),
        get("/restaurants/%ff", "id", "whole number"),
        get("/restaurants/7%27%20OR%201=1", "id", "whole number"),
        get("/restaurants/1?x=1", "x", "leave it out"),
        get("/restaurants/abc/reviews", "id", "whole number"),
        get("/restaurants/1/reviews?limit=0", "limit", "from 1 to 1000"),
        get(
            "/restaurants/1/reviews?offset=100001",
            "offset",
            "from 0 to 100000",
        ),
        get("/restaurants/1/reviews?sort=new", "sort", "limit, offset"),
        post("/restaurants/abc/reviews", "{}", "id", "whole number"),
        post("/restaurants?x=1", "{\"name\": \"a\"}", "x", "leave it out"),
        post("/restaurants/1/reviews?x=1", "{}", "x", "leave it out"),
    ]
}

fn bodies() -> Vec<Refused> {
    let restaurant = |body: &str, field, says| post("/restaurants", body, field, says);
    let review = |body: &str, field, says| post("/restaurants/1/reviews", body, field, says);
    let large = format!(r#"{{"name": "{}"}}"#, "x".repeat(70_000));
    let long_name = format!(r#"{{"name": "{}"}}"#, "x".repeat(301));
    vec![
        restaurant("", "", "no JSON").kind(400, "malformed_json"),
        restaurant("{\"name\": ", "", "no JSON").kind(400, "malformed_json"),
        restaurant("{\"name\": \"a\"} and more", "", "no JSON").kind(400, "malformed_json"),
        restaurant("{\"name\": \"\\ud800\"}", "", "no JSON").kind(400, "malformed_json"),
        restaurant(&"[".repeat(60_000), "", "").nameless(),
        restaurant("[1, 2]", "", "must be an object").nameless(),
        restaurant("null", "", "must be an object").nameless(),
        restaurant(&large, "", "at most 65536 bytes").kind(413, "body_too_large"),
        restaurant("{}", "name", "name is missing"),
        restaurant(r#"{"name": null}"#, "name", "cannot be read"),
        restaurant(r#"{"name": 7}"#, "name", "cannot be read"),
        restaurant(r#"{"name": " "}"#, "name", "must not be empty"),
        restaurant(r#"{"name": "a\u0000b"}"#, "name", "NUL"),
        restaurant(&long_name, "name", "at most 300 characters"),
        restaurant(r#"{"name": "a", "name": "b"}"#, "name", "twice"),
        restaurant(
            r#"{"name": "a", "id": 7}"#,
            "id",
            "there are name, source_id",
        ),
        restaurant(
            r#"{"name": "a", "status": "closed"}"#,
            "status",
            "not known",
        ),
        restaurant(
            r#"{"name": "a", "latitude": 1}"#,
            "longitude",
            "must be there",
        ),
        restaurant(
            r#"{"name": "a", "latitude": 91, "longitude": 0}"#,
            "latitude",
            "-90",
        ),
        restaurant(
            r#"{"name": "a", "latitude": "1", "longitude": 0}"#,
            "latitude",
            "cannot be read",
        ),
        restaurant(
            r#"{"name": "a", "kosher_category": "tofu"}"#,
            "kosher_category",
            "`meat`",
        ),
        restaurant(
            r#"{"name": "a", "source_id": ""}"#,
            "source_id",
            "must not be empty",
        ),
        review("{}", "user_id", "user_id is missing"),
        review(r#"{"user_id": 1}"#, "rating", "rating is missing"),
        review(r#"{"user_id": 1, "rating": 0}"#, "rating", "from 1 to 5"),
        review(r#"{"user_id": 1, "rating": 6}"#, "rating", "from 1 to 5"),
        review(
            r#"{"user_id": 1, "rating": 4.5}"#,
            "rating",
            "cannot be read",
        ),
        review(
            r#"{"user_id": 1, "rating": 99999}"#,
            "rating",
            "cannot be read",
        ),
        review(
            r#"{"user_id": 1e30, "rating": 4}"#,
            "user_id",
            "cannot be read",
        ),
        review(r#"{"user_id": 0, "rating": 4}"#, "user_id", "at least 1"),
        review(
            r#"{"user_id": 1, "rating": 4, "comment": "\u0000"}"#,
            "comment",
            "NUL",
        ),
        review(
            r#"{"user_id": 1, "rating": 4, "status": "approved"}"#,
            "status",
            "not known",
        ),
    ]
}

fn all() -> Vec<Refused> {
    [nearby(), search(), ids(), bodies()]
        .into_iter()
        .flatten()
        .collect()
}

/// What the connections of the API have done so far: which there are, and when each began its
/// last statement.
async fn activity(api: &Api) -> String {
    api.test
        .database()
        .sql(
            "SELECT coalesce(string_agg(concat_ws(' ', pid, query_start, state_change), '; ' ORDER BY pid), '')
             FROM pg_stat_activity
             WHERE datname = current_database() AND application_name = :application",
        )
        .bind("application", APPLICATION)
        .fetch_scalar()
        .await
        .unwrap()
}

#[tokio::test]
async fn each_gets_its_error_and_the_database_hears_of_none() {
    // One connection and no lanes, so that none is opened in the background.
    let one = |builder: LarderBuilder| {
        let builder = builder.set("pool.size", 1).set("pool.overflow", 0);
        builder.set("pool.lanes", 0)
    };
    let api = Api::start_with(one).await;
    assert_eq!(api.get("/restaurants/1").await.status, 404);
    let before = activity(&api).await;
    assert!(!before.is_empty());

    for refused in all() {
        refused.check(&api).await;
    }
    assert_eq!(activity(&api).await, before);

    // What is right does change what is compared. (That there is no restaurant 1 is known by now.)
    assert_eq!(api.get("/restaurants/2").await.status, 404);
    assert_ne!(activity(&api).await, before);
}

#[tokio::test]
async fn each_gets_the_same_error_without_a_database() {
    let api = Api::start().await;
    api.larder.shutdown().await.unwrap();
    assert_eq!(api.get("/restaurants/1").await.status, 503);
    for refused in all() {
        refused.check(&api).await;
    }
}
