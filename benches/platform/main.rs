//! The platform as it runs, measured from outside:
//! `cargo bench --bench platform -- [sqlite|postgres] door|opening|submissions|upload [NUMBER…]`.
//!
//! SQLite stands in the target folder with `synchronous=FULL`. PostgreSQL is the server that
//! `SEALBID_TEST_POSTGRES` names, which must have `fsync` on for the figures to mean anything; without
//! it, or when the other is named, it is left out. One program, because each would be linked anew.

#![allow(
    missing_docs,
    dead_code,
    unused_imports,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::as_conversions,
    clippy::float_arithmetic,
    clippy::disallowed_methods,
    clippy::string_slice,
    clippy::unreachable,
    clippy::too_many_lines,
    clippy::type_complexity,
    clippy::panic,
    reason = "figures that are printed for people; what is unexpected must stop loudly"
)]

use std::process::ExitCode;

mod door;
#[path = "../../tests/it/in_process.rs"]
mod in_process;
mod live;
mod opening;
#[path = "../../tests/it/opening_world/mod.rs"]
mod opening_world;
mod seeds;
mod submissions;
#[path = "../../tests/it/support.rs"]
mod support;
mod upload;

/// Statements are timed here; tests explain them.
mod plans {
    pub fn watch() {}
}

use support::TestBase;

type MakeBase = fn() -> Option<TestBase>;

/// The databases that were asked for, each made when its turn comes.
fn bases() -> Vec<(&'static str, MakeBase)> {
    let all: [(&str, MakeBase); 2] =
        [("sqlite", || Some(TestBase::sqlite())), ("postgres", TestBase::postgres)];
    let named: Vec<String> = std::env::args().collect();
    let is_named = |name: &str| named.iter().any(|arg| arg == name);
    let none = !all.iter().any(|(name, _)| is_named(name));
    all.into_iter().filter(|(name, _)| none || is_named(name)).collect()
}

fn main() -> ExitCode {
    if let Some(code) = live::program() {
        return code;
    }
    let args: Vec<String> = std::env::args().skip(1).collect();
    let numbers: Vec<usize> = args.iter().filter_map(|text| text.parse().ok()).collect();
    let words = ["door", "opening", "submissions", "upload"];
    match words.iter().find(|word| args.iter().any(|arg| arg == *word)) {
        Some(&"door") => door::run(&numbers),
        Some(&"opening") => opening::run(&numbers),
        Some(&"submissions") => submissions::run(&numbers),
        Some(&"upload") => upload::run(&numbers),
        _ => {
            eprintln!("one of {}", words.join(", "));
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}
