//! How `#[operation]` counts, with a base that does nothing else.

use std::cell::Cell;
use std::rc::Rc;

use larder_macros::operation;

/// A base that notes which operations ended, and how.
#[derive(Clone, Default)]
struct Service(Rc<Cell<Option<(&'static str, bool)>>>);

impl Service {
    async fn operation<T, E>(
        &self,
        name: &'static str,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        let outcome = work.await;
        self.0.set(Some((name, outcome.is_ok())));
        outcome
    }
}

#[derive(Default)]
struct Menus {
    service: Service,
    dishes: Vec<String>,
}

impl Menus {
    fn service(&self) -> &Service {
        &self.service
    }

    /// An early return, a `?` whose error is converted, an argument that is changed, and a borrow.
    #[operation("price")]
    async fn price<'d>(
        &self,
        dish: &'d str,
        mut extra: u32,
    ) -> Result<(&'d str, u32), Box<dyn std::error::Error>> {
        if dish.is_empty() {
            return Ok((dish, 0));
        }
        extra += dish.parse::<u32>()?;
        Ok((dish, extra))
    }

    /// What is returned becomes what the signature says.
    #[operation("sorted")]
    async fn sorted(&self) -> Result<Box<dyn Iterator<Item = &str> + '_>, ()> {
        let mut dishes: Vec<&str> = self.dishes.iter().map(String::as_str).collect();
        dishes.sort_unstable();
        Ok(Box::new(dishes.into_iter()))
    }

    /// Takes what the service lies in.
    #[operation("into_dishes")]
    async fn into_dishes(self) -> Result<impl Iterator<Item = String>, ()> {
        Ok::<_, ()>(self.dishes.into_iter())
    }
}

trait Count {
    async fn count(&mut self) -> Result<usize, ()>;
}

impl Count for Menus {
    #[operation("count")]
    async fn count(&mut self) -> Result<usize, ()> {
        self.dishes.push("soup".to_owned());
        Ok(self.dishes.len())
    }
}

#[operation("fail")]
async fn fail(base: &Menus, service: usize) -> Result<(), usize> {
    Err(base.dishes.len() + service)
}

/// Runs what never waits.
fn run<T>(future: impl Future<Output = T>) -> T {
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match std::pin::pin!(future).poll(&mut context) {
        std::task::Poll::Ready(value) => value,
        std::task::Poll::Pending => unreachable!("nothing waits here"),
    }
}

#[test]
fn the_body_runs_inside_the_operation_of_that_name() {
    let mut menus = Menus::default();
    let last = menus.service.0.clone();
    assert_eq!(run(menus.price("2", 3)).ok(), Some(("2", 5)));
    assert_eq!(last.take(), Some(("price", true)));
    assert_eq!(run(menus.price("", 3)).ok(), Some(("", 0)));
    assert!(run(menus.price("soup", 3)).is_err());
    assert_eq!(last.take(), Some(("price", false)));
    assert_eq!(run(menus.count()), Ok(1));
    assert_eq!(last.take(), Some(("count", true)));
    assert_eq!(run(menus.sorted()).ok().map(Iterator::count), Some(1));
    assert_eq!(last.take(), Some(("sorted", true)));
    assert_eq!(run(fail(&menus, 7)), Err(8));
    assert_eq!(last.take(), Some(("fail", false)));
    assert_eq!(run(menus.into_dishes()).map(Iterator::count), Ok(1));
    assert_eq!(last.take(), Some(("into_dishes", true)));
}
