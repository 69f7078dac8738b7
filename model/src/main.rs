//! A model of the protocol that keeps caches of several processes coherent.

fn main() {}
