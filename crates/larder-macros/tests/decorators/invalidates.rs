//! `#[invalidates]`.

use larder_macros::invalidates;

use crate::stand_in::{Cache, CachedCalls, HasCache, hash, run};

struct Menus {
    cache: Cache,
    region: String,
}

impl HasCache for Menus {
    fn cache(&self) -> &Cache {
        &self.cache
    }
}

impl Menus {
    /// All that can be said.
    #[invalidates(
        tags("menu:{restaurant}", "{self.region}"),
        tables("dishes", "public.orders"),
        service = this_service,
        calls("menu"(restaurant, self.region), "all"()),
        everything,
        condition = restaurant > 0,
        before = true
    )]
    async fn rename(&mut self, restaurant: u32, name: String) -> Result<(), String> {
        if name.is_empty() {
            return Err(name);
        }
        self.region = name;
        Ok(())
    }

    #[invalidates(service = "menus", before = false)]
    #[invalidates(tags("menu"), before)]
    async fn close(&self) {
        self.cache.tell(["body".to_owned()]);
    }
}

#[invalidates(tables("dishes"))]
async fn remove<'c>(cache: &'c Cache, (dish, _): (Option<u32>, f64)) -> Option<&'c Cache> {
    dish.map(|_| cache)
}

#[test]
fn a_call_is_told_of_with_all_its_options() {
    let mut menus = Menus {
        cache: Cache::default(),
        region: "north".to_owned(),
    };
    assert_eq!(run(menus.rename(7, "south".to_owned())), Ok(()));
    let expected = [
        "invalidating rename".to_owned(),
        "tag menu:7".to_owned(),
        "tag north".to_owned(),
        "table dishes".to_owned(),
        "table public.orders".to_owned(),
        "this service".to_owned(),
        "call menu".to_owned(),
        format!("argument {}", hash(&7_u32)),
        format!("argument {}", hash("north")),
        "call all".to_owned(),
        "everything".to_owned(),
        "condition true".to_owned(),
        "before".to_owned(),
    ];
    assert_eq!(menus.cache.told(), expected);
}

#[test]
fn what_is_returned_tells_whether_it_succeeded() {
    let mut menus = Menus {
        cache: Cache::default(),
        region: String::new(),
    };
    assert_eq!(run(menus.rename(7, String::new())), Err(String::new()));
    assert!(menus.cache.told().is_empty());
    run(menus.close());
    let expected = [
        "body",
        "invalidating close",
        "service menus",
        "invalidating close",
        "tag menu",
        "before",
    ];
    assert_eq!(menus.cache.told(), expected);
    assert!(run(remove(&menus.cache, (None, 0.0))).is_none());
    assert!(menus.cache.told().is_empty());
    assert!(run(remove(&menus.cache, (Some(1), 0.0))).is_some());
    assert_eq!(menus.cache.told(), ["invalidating remove", "table dishes"]);
}
