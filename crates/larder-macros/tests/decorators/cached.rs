//! `#[cached]` and `#[cache_put]`.

use std::num::ParseIntError;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::stand_in::{Cache, CachedCalls, HasCache, run};
use larder_macros::{cache_put, cached, operation};

#[derive(Default)]
struct Menus {
    cache: Cache,
    region: String,
    /// How often a body ran.
    runs: AtomicU32,
}

impl HasCache for Menus {
    fn cache(&self) -> &Cache {
        &self.cache
    }
}

#[derive(Debug, Clone, PartialEq)]
struct NotHashed(f64);

const KIND: &str = "dish";

impl Menus {
    fn ran(&self) -> u32 {
        self.runs.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// All that can be said.
    #[cached(
        ttl = "10m",
        stale_for = "1m 30s",
        stale_if_error = "500ms",
        tags(
            "menu:{restaurant:04}",
            "all-menus",
            "{{{KIND}}}:{self.region}:{limit:?}"
        ),
        skip(token),
        condition = "limit <= 100",
        name = "the_menu",
        allow_volatile,
        local
    )]
    async fn menu(
        &self,
        restaurant: u32,
        limit: u64,
        token: NotHashed,
    ) -> Result<String, ParseIntError> {
        let _moved = token;
        Ok(format!("{restaurant} {limit} {}", self.ran()))
    }

    /// References, an option of one, a pattern that is not told, `_`, a changed argument, an
    /// argument that is moved, an early return and a `?` whose error is converted.
    #[cached(tags("{dish}", "{more:?}"), skip(left, right))]
    pub(crate) async fn price<'d>(
        &self,
        dish: &'d str,
        note: Option<&str>,
        (left, right): (u32, f64),
        mut extra: u32,
        more: Vec<String>,
        _: f64,
    ) -> Result<u32, Box<dyn std::error::Error>> {
        if dish.is_empty() {
            return Ok(0);
        }
        extra += dish.parse::<u32>()?;
        for text in more {
            extra += text.parse::<u32>()?;
        }
        Ok(extra
            + left
            + right as u32
            + note.map_or(0, |note| note.len() as u32)
            + self.ran() * 1000)
    }

    #[cached(key(self.region, dish))]
    async fn by_key(&self, dish: u32, call: f64) -> Result<u32, String> {
        let never = dish;
        (call >= 0.0)
            .then(|| never + self.ran())
            .ok_or("negative".to_owned())
    }

    #[cached]
    async fn generic<T, const N: usize>(
        self: &Arc<Self>,
        value: T,
        other: impl std::hash::Hash + ToString,
    ) -> String
    where
        T: ToString + std::hash::Hash,
    {
        format!(
            "{} {N} {} {}",
            value.to_string(),
            other.to_string(),
            self.ran()
        )
    }

    #[cached(shared)]
    async fn maybe(&self, dish: u32) -> Option<u32> {
        (dish > 0).then(|| self.ran())
    }

    #[cached(shared, name = "list")]
    async fn list(&self) -> Vec<u32> {
        vec![self.ran()]
    }

    #[cached(skip_none)]
    async fn found(&self, dish: u32) -> Result<Option<u32>, String> {
        let runs = self.ran();
        Ok((dish < runs).then_some(runs))
    }

    #[cached(skip_none)]
    async fn seen(&self, dish: u32) -> Option<u32> {
        let runs = self.ran();
        (dish < runs).then_some(runs)
    }

    #[cache_put(name = "by_key", key(self.region, dish), tags("price:{price}"))]
    async fn set_price(&mut self, dish: u32, price: u32) -> Result<u32, ()> {
        self.region.push_str("");
        Ok(dish + price)
    }

    #[cache_put(name = "maybe", shared)]
    async fn refresh(&self, dish: u32) -> Option<u32> {
        Some(dish)
    }

    #[cache_put(name = "list", shared)]
    async fn refresh_list(&self) -> Vec<u32> {
        vec![7]
    }

    #[cached(shared)]
    async fn shared(&self) -> Result<u32, String> {
        Ok(self.ran())
    }

    #[cache_put(name = "shared", shared)]
    async fn put_shared(&self) -> Result<u32, String> {
        Ok(50)
    }

    #[cached]
    async fn option(&self) -> Option<f64> {
        Some(self.ran().into())
    }

    #[cache_put(name = "option")]
    async fn put_option(&self) -> Option<f64> {
        Some(0.5)
    }

    /// What is returned becomes what the signature says.
    #[cached]
    async fn unsized_value(&self) -> Result<Arc<dyn ToString + Send + Sync>, String> {
        if self.region.is_empty() {
            return Ok(Arc::new("nowhere"));
        }
        Ok(Arc::new(self.ran()))
    }

    #[cache_put(name = "generic")]
    async fn put_plain(&self) -> String {
        "put".to_owned()
    }

    /// Calls are counted, also those that find it kept.
    #[cached]
    #[operation("counted")]
    #[tracing::instrument(skip(self))]
    async fn counted(&self, dish: u32) -> Result<u32, ParseIntError> {
        dish.to_string().parse::<u32>()?;
        Ok(self.ran())
    }

    /// Loads are counted.
    #[tracing::instrument(skip(self))]
    #[operation("loads")]
    #[cached]
    async fn loads(&self, dish: u32) -> Result<u32, ParseIntError> {
        dish.to_string().parse::<u32>()?;
        Ok(self.ran())
    }

    #[cached(on = self.cache)]
    async fn into_region(self) -> String {
        self.region
    }
}

impl Menus {
    fn service(&self) -> &Cache {
        &self.cache
    }
}

/// Names that the expansion uses itself.
#[cached(skip(call))]
async fn same_names(cache: &Cache, call: f64, never: u32, r#type: u32) -> u32 {
    let _ = cache;
    call as u32 + never + r#type
}

/// A holder that is not the first argument, and a pattern that takes it out.
struct State<T>(T);

#[cached(on = cache, tags("{type}"))]
async fn handler(r#type: u32, State(cache): State<&Cache>) -> Result<u32, ()> {
    cache.tell(["body".to_owned()]);
    Ok(r#type)
}

trait Prices: HasCache {
    #[cached(ttl = "1h")]
    async fn half(&self, price: u32) -> own::Result<u32> {
        Ok(price / 2)
    }
}

impl Prices for Menus {}

/// A `Result` of one's own.
mod own {
    pub(crate) type Result<T> = std::result::Result<T, String>;
}

fn menus() -> Menus {
    Menus {
        region: "north".to_owned(),
        ..Menus::default()
    }
}

/// A server's task may move to another thread.
fn is_send<T: Send>(future: T) -> T {
    future
}

#[test]
fn a_call_is_told_of_with_all_its_options() {
    let menus = menus();
    let menu =
        |restaurant, limit, token| run(is_send(menus.menu(restaurant, limit, NotHashed(token))));
    assert_eq!(menu(7, 10, 1.0), Ok("7 10 1".to_owned()));
    assert_eq!(
        menus.cache.told(),
        [
            // It was given a name, so it is told by that and by its type alone.
            " decorators::cached::Menus",
            "tag menu:0007",
            "tag all-menus",
            "tag {dish}:north:10",
            "ttl 600000000000",
            "stale_for 90000000000",
            "stale_if_error 500000000",
            "allow_volatile",
            "local",
            "run the_menu",
        ]
    );
    // The token is skipped, the limit is not, and the condition holds up to 100.
    assert_eq!(menu(7, 10, 2.0), Ok("7 10 1".to_owned()));
    assert_eq!(menu(7, 11, 1.0), Ok("7 11 2".to_owned()));
    assert_eq!(menu(7, 101, 1.0), Ok("7 101 3".to_owned()));
    assert_eq!(menu(7, 101, 1.0), Ok("7 101 4".to_owned()));
}

#[test]
fn the_key_is_taken_before_the_body_takes_the_arguments() {
    let menus = menus();
    let price = |dish, note, left, extra| {
        let more = vec!["5".to_owned()];
        run(menus.price(dish, note, (left, 0.0), extra, more, 0.5)).ok()
    };
    assert_eq!(price("2", None, 1, 3), Some(1011));
    let told = menus.cache.told();
    assert_eq!(told[1..], ["tag 2", "tag [\"5\"]", "run price"]);
    // Kept, whatever the pattern takes; another with a note, or with more.
    assert_eq!(price("2", None, 2, 3), Some(1011));
    assert_eq!(price("2", Some("no"), 1, 3), Some(2013));
    assert_eq!(price("2", None, 1, 4), Some(3012));
    assert_eq!(price("", None, 1, 4), Some(0));
    assert_eq!(price("soup", None, 1, 4), None);
}

#[test]
fn a_chosen_key_may_be_a_field_and_errors_are_not_kept() {
    let mut menus = menus();
    assert_eq!(run(menus.by_key(1, -1.0)), Err("negative".to_owned()));
    assert_eq!(run(menus.by_key(1, 1.0)), Ok(2));
    assert_eq!(run(menus.by_key(1, 2.0)), Ok(2));
    menus.region = "south".to_owned();
    assert_eq!(run(menus.by_key(1, 2.0)), Ok(3));
}

#[test]
fn types_are_part_of_the_key() {
    let menus = Arc::new(menus());
    assert_eq!(run(menus.generic::<u32, 1>(1, "x")), "1 1 x 1");
    assert_eq!(run(menus.generic::<u32, 1>(1, "x")), "1 1 x 1");
    assert_eq!(run(menus.generic::<i32, 1>(1, "x")), "1 1 x 2");
    assert_eq!(run(is_send(menus.generic::<u32, 2>(1, "x"))), "1 2 x 3");
    assert_eq!(run(menus.generic::<u32, 1>(1, "x".to_owned())), "1 1 x 4");
    let told = menus.cache.told();
    assert!(
        told[0].starts_with("decorators::cached::Menus>::generic")
            || told[0].starts_with("decorators::cached::Menus::generic"),
        "{}",
        told[0]
    );
    assert!(
        told[0].ends_with("::larder_here decorators::cached::Menus"),
        "{}",
        told[0]
    );
    assert_eq!(told[1], "run_plain generic");
}

#[test]
fn what_is_returned_chooses_the_method() {
    let menus = menus();
    assert_eq!(run(menus.maybe(0)), None);
    assert_eq!(run(menus.maybe(1)), Some(1));
    assert_eq!(run(menus.list()), [2]);
    assert_eq!(run(menus.half(8)), Ok(4));
    let value = run(menus.unsized_value()).map(|value| value.to_string());
    assert_eq!(value, Ok("3".to_owned()));
    let told = menus.cache.told();
    let ran: Vec<_> = told.iter().filter(|told| told.starts_with("run")).collect();
    let expected = [
        "run_option_shared maybe",
        "run_option_shared maybe",
        "run_plain_shared list",
        "run half",
        "run unsized_value",
    ];
    assert_eq!(ran, expected);
}

#[test]
fn nothing_found_is_not_kept_where_that_is_said() {
    let menus = menus();
    assert_eq!(run(menus.found(1)), Ok(None));
    assert_eq!(run(menus.found(1)), Ok(Some(2)));
    assert_eq!(run(menus.found(1)), Ok(Some(2)));
    assert_eq!(run(menus.seen(3)), None);
    assert_eq!(run(menus.seen(3)), Some(4));
    assert_eq!(run(menus.seen(3)), Some(4));
}

#[test]
fn what_is_put_is_what_a_call_with_the_same_key_gets() {
    let mut menus = menus();
    assert_eq!(run(menus.set_price(1, 40)), Ok(41));
    assert_eq!(menus.cache.told()[1..], ["tag price:40", "put by_key"]);
    let refreshed = (run(menus.refresh(7)), run(menus.refresh_list()));
    assert_eq!(refreshed, (Some(7), vec![7]));
    assert_eq!((run(menus.maybe(7)), run(menus.list())), (Some(7), vec![7]));
    assert_eq!(
        (run(menus.shared()), run(menus.put_shared())),
        (Ok(1), Ok(50))
    );
    assert_eq!(run(menus.shared()), Ok(50));
    assert_eq!(
        (run(menus.option()), run(menus.put_option())),
        (Some(2.0), Some(0.5))
    );
    assert_eq!(run(menus.option()), Some(0.5));
    assert_eq!(run(menus.put_plain()), "put");
}

#[test]
fn names_of_the_expansion_and_holders_elsewhere_are_the_users() {
    let cache = Cache::default();
    assert_eq!(run(same_names(&cache, 1.0, 2, 3)), 6);
    assert_eq!(run(same_names(&cache, 9.0, 2, 3)), 6);
    cache.told();
    assert_eq!(run(handler(5, State(&cache))), Ok(5));
    assert_eq!(cache.told()[1..], ["tag 5", "run handler", "body"]);
    let menus = menus();
    assert_eq!(run(menus.into_region()), "north");
}

#[test]
fn the_upper_of_two_decorators_is_the_outer_one_at_last() {
    let menus = menus();
    assert_eq!(run(menus.counted(1)), Ok(1));
    assert_eq!(run(menus.counted(1)), Ok(1));
    let told = menus.cache.told();
    let told: Vec<_> = told.iter().filter(|told| !told.contains("::")).collect();
    assert_eq!(
        told,
        [
            "operation",
            "run counted",
            "operation",
            "run counted",
            "hit"
        ]
    );
    assert_eq!(run(menus.loads(1)), Ok(2));
    assert_eq!(run(menus.loads(1)), Ok(2));
    let told = menus.cache.told();
    let told: Vec<_> = told.iter().filter(|told| !told.contains("::")).collect();
    assert_eq!(told, ["run loads", "operation", "run loads", "hit"]);
}
