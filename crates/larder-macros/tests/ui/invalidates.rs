//! Every fault that the declaration of an invalidating function itself may have.

use larder_macros::invalidates;

struct Menus;

impl Menus {
    #[invalidates]
    async fn nothing(&self) {}

    #[invalidates(condition = true)]
    async fn nothing_but_a_condition(&self) {}

    #[invalidates(tags("{dsh}"), calls("menu"(dsh), "all"), service = those, ttl = "1m")]
    fn unknown(&self, dish: u32) -> u32 {
        dish
    }

    #[invalidates(tables("dishes", ""), everything(1))]
    async fn forms() {}
}

#[invalidates(everything)]
const NO_FUNCTION: u32 = 0;

fn main() {}
