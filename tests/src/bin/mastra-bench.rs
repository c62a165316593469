//! Measures a backend beside hand-written code; `cargo xtask bench` runs it.

#[path = "../bench/mod.rs"]
mod bench;

fn main() -> std::process::ExitCode {
    bench::main()
}
