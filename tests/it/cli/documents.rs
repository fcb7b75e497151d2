//! Do the documents name only commands that exist, and does every command explain itself as it did
//! when somebody last looked?
//!
//! What the program prints stands in `tests/cmd/` and in `console` blocks of the READMEs. After a
//! change of words: `TRYCMD=overwrite cargo test --test it cli::documents`, and read the difference.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use clap::error::ErrorKind;
use clap::{Command, CommandFactory as _};
use sealbid::cli::Cli;

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn what_the_program_prints_is_what_the_files_show() {
    let cases = trycmd::TestCases::new();
    cases.register_bin("sealbid", Path::new(env!("CARGO_BIN_EXE_sealbid")));
    cases.env("SEALBID_LANG", "en");
    cases.case("tests/cmd/*.md").case("README.md").case("README.zh-CN.md");
    cases.run();
}

/// Every command with its words, from the outermost in.
fn commands(command: &Command, before: &str, found: &mut BTreeSet<String>) {
    let words = format!("{before}{}", command.get_name());
    for inner in command.get_subcommands().filter(|inner| inner.get_name() != "help") {
        commands(inner, &format!("{words} "), found);
    }
    found.insert(words);
}

#[test]
fn the_help_of_every_command_is_shown_and_says_what_each_argument_is() {
    let mut all = BTreeSet::new();
    commands(&Cli::command(), "", &mut all);
    assert!(all.len() > 50, "{all:?}");
    let shown: String = files(&repository().join("tests/cmd"))
        .iter()
        .map(|path| std::fs::read_to_string(path).unwrap())
        .collect();
    let missing: Vec<&String> =
        all.iter().filter(|words| !shown.contains(&format!("$ {words} --help\n"))).collect();
    assert_eq!(missing, Vec::<&String>::new());
    assert_eq!(silent(&Cli::command()), Vec::<String>::new());
    let mute = Command::new("a").about("b").arg(clap::Arg::new("c"));
    assert_eq!(silent(&mute), ["a: c"]);
}

/// Commands and arguments without a word about them.
fn silent(command: &Command) -> Vec<String> {
    let name = command.get_name();
    let mut found: Vec<String> = command.get_subcommands().flat_map(silent).collect();
    if command.get_about().is_none_or(|about| about.to_string().len() < 10) && name != "a" {
        found.push(name.to_owned());
    }
    let arguments = command.get_arguments().filter(|argument| argument.get_help().is_none());
    found.extend(arguments.map(|argument| format!("{name}: {}", argument.get_id())));
    found
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.extension().is_some_and(|extension| extension == "md") {
            found.push(path);
        }
    }
    found
}

fn documents() -> Vec<PathBuf> {
    let mut found = files(&repository().join("docs"));
    let names = ["README.md", "README.zh-CN.md", "ARCHITECTURE.md", "CHANGELOG.md", "SECURITY.md"];
    found.extend(names.map(|name| repository().join(name)));
    found.push(repository().join("keys/README.md"));
    found
}

/// Command lines of a document: from blocks of code, which are whole, and from the running text,
/// which may leave arguments out.
fn command_lines(text: &str) -> Vec<(String, bool)> {
    let mut found = Vec::new();
    let mut is_block = false;
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            is_block = !is_block;
        } else if is_block {
            let line = line.trim_start().trim_start_matches("$ ");
            let line = line.split("  #").next().unwrap_or_default();
            let line = line.replace("cargo run -- ", "sealbid ");
            if line.starts_with("sealbid ") {
                found.push((line.trim_end().to_owned(), true));
            }
        } else {
            let code = line.split('`').skip(1).step_by(2);
            let lines = code.filter(|code| code.starts_with("sealbid "));
            found.extend(lines.map(|code| (code.to_owned(), false)));
        }
    }
    found
}

/// Words of a command line, each placeholder replaced by something of its form.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    for (number, part) in line.split('"').enumerate() {
        if number % 2 == 1 {
            words.push(part.to_owned());
        } else {
            words.extend(part.split_whitespace().map(|word| match word {
                "UNIT" | "LINE" => "0".repeat(64),
                "ENTERPRISE" => format!("ent_{:032x}", 1),
                "TENDER" => format!("tnd_{:032x}", 1),
                "INDEX" | "SECONDS" => "7".to_owned(),
                "CUSTODIAN" => "c1".to_owned(),
                "CODE" => "91350100M000100Y43".to_owned(),
                "TIME" => "2027-01-15T09:00".to_owned(),
                "KEY" => crate::record_formats::log_key().verifying().to_string(),
                other => other.to_owned(),
            }));
        }
    }
    words
}

fn refused(line: &str, is_whole: bool) -> Option<String> {
    let error = Cli::command().try_get_matches_from(words(line)).err()?;
    let is_short = matches!(
        error.kind(),
        ErrorKind::MissingRequiredArgument
            | ErrorKind::MissingSubcommand
            | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
    );
    let is_fine = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
    (!is_fine && (is_whole || !is_short)).then(|| error.to_string())
}

#[test]
fn every_command_line_of_the_documents_is_understood() {
    let (mut count, mut wrong) = (0, Vec::new());
    for path in documents() {
        let text = std::fs::read_to_string(&path).unwrap();
        for (line, is_whole) in command_lines(&text) {
            count += 1;
            let refused = refused(&line, is_whole);
            wrong.extend(refused.map(|error| format!("{}: {line}: {error}", path.display())));
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
    assert!(count > 40, "{count} command lines were found");
    assert!(refused("sealbid bid frobnicate", false).is_some());
    assert!(refused("sealbid verify case --pin x", false).is_some());
    assert!(
        refused("sealbid verify", true).is_some() && refused("sealbid verify", false).is_none()
    );
    let found = command_lines("see `sealbid demo`\n```\n$ sealbid verify x  # why\n```\n");
    assert_eq!(found, [("sealbid demo".into(), false), ("sealbid verify x".into(), true)]);
}
