//! Every fault that the declaration of a cached function itself may have.

use larder_macros::{cache_put, cached};

struct Menus;

impl Menus {
    #[cached(ttl = "10 parsecs", stale_for = 5, stale_if_error = "900y", tll = "1m", local, local)]
    async fn durations_and_names(&self) -> Result<(), ()> {
        Ok(())
    }

    #[cached(key(dsh), skip(limt), tags("{nme}", "{}", "{0}", "{dish"), ttl = "0s")]
    async fn unknown(&self, dish: u32, limit: u32) -> Result<u32, ()> {
        Ok(dish + limit)
    }

    #[cached(key(dish.trim()), skip(dish), condition = "dish <", on)]
    async fn not_an_argument(&self, dish: String) -> Result<String, ()> {
        Ok(dish)
    }

    #[cached(key(dish), skip(dish), shared, local, name = "a b", skip_none)]
    async fn contradictions(&self, dish: u32) -> u32 {
        dish
    }

    #[cached(skip(token), tags("user:{token}"))]
    async fn tag_of_what_is_skipped(&self, token: u32) -> u32 {
        token
    }

    #[cached]
    async fn pattern(&self, (dish, limit): (u32, u32)) -> u32 {
        dish + limit
    }

    #[cached(tags(), key, allow_volatile = 1)]
    fn neither_async_nor_a_result(&self) {}

    #[cache_put]
    async fn without_holder() {}

    #[cached]
    async fn holder_in_a_pattern((_, dish): (&Menus, u32)) -> u32 {
        dish
    }
}

#[cached]
struct NoFunction;

fn main() {}
