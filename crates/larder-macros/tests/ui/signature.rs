//! Every fault of an operation's declaration.

use larder_macros::operation;

struct Menus;

impl Menus {
    #[operation("price")]
    fn not_async(&self) -> Result<(), ()> {
        Ok(())
    }

    #[operation("price")]
    async fn without_result(&self) {}

    #[operation("price")]
    async fn without_receiver() -> Result<(), ()> {
        Ok(())
    }

    #[operation("")]
    async fn empty_name(&self) -> Result<(), ()> {
        Ok(())
    }

    #[operation("the price")]
    async fn not_a_word(&self) -> Result<(), ()> {
        Ok(())
    }

    #[operation]
    async fn without_name(&self) -> Result<(), ()> {
        Ok(())
    }

    #[operation(price)]
    fn everything() {}
}

#[operation("price")]
struct NoFunction;

fn main() {}
