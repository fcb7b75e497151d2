//! Are wrong usage and failure told in two lines, with the exit code that programs rely on?

use sealbid::crypto::hash::Hash;

use super::{done, program, refused, refused_with, text};
use crate::support::folder;

#[test]
fn errors_are_an_error_and_a_hint_in_the_language_asked_for() {
    let (error, hint) = refused_with(2, &["bid", "status", &Hash::of(b"unit").to_string()]);
    assert_eq!(error, "error: The option --server is missing.");
    assert!(hint.contains("--help"), "{hint}");
    let zh = program(&["--lang", "zh", "roster", "pin", "/nowhere/roster.note"]);
    let said = text(&zh.stderr);
    assert!(said.starts_with("错误: /nowhere/roster.note"), "{said}");
    assert_eq!((zh.status.code(), said.lines().count()), (Some(1), 2), "{said}");
    assert!(zh.stdout.is_empty());
}

#[test]
fn a_server_that_does_not_answer_is_worth_another_try() {
    let unused = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let server = format!("http://{unused}");
    let pin = Hash::of(b"pin").to_string();
    let unit = Hash::of(b"unit").to_string();
    let out = folder("cli_silent");
    let file = out.join("unit.json").display().to_string();
    let asked =
        program(&["bid", "unit", &unit, "--out", &file, "--server", &server, "--trust", &pin]);
    assert_eq!(asked.status.code(), Some(75), "{}", text(&asked.stderr));
    assert!(text(&asked.stderr).contains("does not answer"), "{}", text(&asked.stderr));
}

#[test]
fn no_two_arguments_of_any_command_collide() {
    use clap::CommandFactory as _;
    let command = sealbid::cli::Cli::command();
    command.clone().debug_assert();
    assert!(command.get_subcommands().count() >= 8);
}

#[test]
fn wrong_usage_ends_with_two() {
    assert_eq!(program(&["bid", "frobnicate"]).status.code(), Some(2));
    assert_eq!(program(&[]).status.code(), Some(2));
    assert_eq!(program(&["verify"]).status.code(), Some(2));
}

#[test]
fn an_agent_without_memory_refuses_to_start() {
    let folder = folder("cli_agent");
    let dir = folder.join("agent").display().to_string();
    done(&["custodian", "keygen", &dir]);
    refused(&["custodian", "serve", &dir]);
}
