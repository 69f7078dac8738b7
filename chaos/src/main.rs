//! Processes that read and write while their database and their Redis fail.

fn main() {}
