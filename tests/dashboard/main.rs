//! The dashboard in a real browser.
mod shop;
