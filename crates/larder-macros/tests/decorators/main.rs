//! What the decorators tell of a call, and that the function stays what it is. What they tell it
//! is a stand-in, so these are tests of the macros, not of the cache.

mod cached;
mod invalidates;
mod stand_in;
