//! Prints the reference page of all metrics; `cargo xtask codegen` keeps it in `docs/metrics.md`.

fn main() {
    print!("{}", larder_metrics::names::reference_page());
}
