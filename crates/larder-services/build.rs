//! Has the crate compiled again when a migration comes or goes: the macro that embeds them only
//! notices changes inside the files that it already knows.

fn main() {
    println!("cargo:rerun-if-changed=../../migrations");
}
