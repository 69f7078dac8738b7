//! What the compiler says of types that a decorated function cannot have, and where.

#[path = "../decorators/stand_in.rs"]
mod stand_in;

use larder_macros::{cached, invalidates};
use stand_in::{Cache, CachedCalls};

struct NotCloned;

#[cached]
async fn not_hashed(cache: &Cache, price: f64) -> Result<u32, ()> {
    Ok(1)
}

#[cached(on = cache)]
async fn holder_besides_self_of_another(price: NotCloned, cache: &Cache) -> u32 {
    1
}

#[cached(key(place.1))]
async fn field_not_hashed(cache: &Cache, place: (f32, f32)) -> u32 {
    1
}

#[cached]
async fn no_holder(restaurant: u32) -> u32 {
    1
}

#[invalidates(everything)]
async fn no_holder_either(restaurant: u32) {}

#[cached]
async fn not_cloned(cache: &Cache) -> Result<NotCloned, ()> {
    Ok(NotCloned)
}

#[cached(condition = limit)]
async fn no_condition(cache: &Cache, limit: u32) -> u32 {
    1
}

#[cached(tags("{dish}"))]
async fn not_displayed(cache: &Cache, dish: Option<u32>) -> u32 {
    1
}

#[cached]
async fn another_type(cache: &Cache) -> Result<u32, ()> {
    Ok("one")
}

fn main() {}
