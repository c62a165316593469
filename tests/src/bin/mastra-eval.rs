//! Measures what knowledge bases find; `cargo xtask eval` runs it.

#[path = "../eval/mod.rs"]
mod eval;

fn main() -> std::process::ExitCode {
    eval::main()
}
