//! Every fault of a test's declaration.

use larder_macros::test;

#[test(migrations = "no/such/directory")]
async fn where_are_they(_: Larder) {}

#[test(migrations = 7)]
async fn no_directory(_: Larder) {}

#[test(flavor = "vanilla")]
async fn no_flavor(_: Larder) {}

#[test(worker_threads = 2)]
async fn one_thread(_: Larder) {}

#[test(flavor = "multi_thread", worker_threads = 0)]
async fn no_thread(_: Larder) {}

#[test(migration = "migrations")]
async fn misspelt(_: Larder) {}

#[test(settings("pool.size"))]
async fn no_value(_: Larder) {}

#[test]
async fn takes_nothing() {}

#[test]
fn not_async<T>(_: Larder) {}

#[test]
struct NoFunction;

struct Larder;

fn main() {}
