//! Are wrong usage and failure told in two lines, with the exit code that programs rely on?

use std::process::{Command, Stdio};

use sealbid::cli::Cli;
use sealbid::cli::usage::Unread;
use sealbid::crypto::hash::Hash;
use sealbid::verify::casefile::CaseKind;
use sealbid::web::i18n::Lang;
use sealbid::web::problem::terminal;

use super::{done, program, refused, refused_with, text};
use crate::case_maker::{Twist, make};
use crate::reasons::is_chinese;
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
#[cfg(target_os = "linux")]
fn an_answer_that_cannot_be_written_is_a_failure() {
    let said_to = |out: Stdio, arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sealbid"));
        command.env_remove("SEALBID_LANG").env("LANG", "en_GB.UTF-8").args(arguments);
        command.stdout(out).stderr(Stdio::piped()).spawn().unwrap().wait_with_output().unwrap()
    };
    let home = folder("cli_full");
    let case = home.join("case.sealbid");
    std::fs::write(&case, make(Twist::None).case(CaseKind::Public)).unwrap();
    let verify = ["verify", case.to_str().unwrap(), "--json"];
    for arguments in [&verify[..], &["--version"], &["bid", "--help"]] {
        let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
        let failed = said_to(full.into(), arguments);
        let said = text(&failed.stderr);
        assert_eq!(failed.status.code(), Some(70), "{arguments:?}: {said}");
        assert!(said.starts_with("error: stdout: ") && said.contains("\nhint: "), "{said}");
    }
    // Whoever stops reading has what it wanted.
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let left = said_to(writer.into(), &verify);
    assert_eq!(left.status.code(), Some(3), "{}", text(&left.stderr));
    assert!(left.stderr.is_empty());
}

#[test]
fn no_two_arguments_of_any_command_collide() {
    use clap::CommandFactory as _;
    let command = sealbid::cli::Cli::command();
    command.clone().debug_assert();
    assert!(command.get_subcommands().count() >= 8);
}

/// Each kind of wrong usage, by what its first line says in both languages.
const WRONG: [(&[&str], &str, &str); 18] = [
    (
        &["--key", "x", "bid", "--server", "y"],
        "lacks a command, one of: new, ",
        "缺少命令，可选：new, ",
    ),
    (&["bid", "frobnicate"], "no command “frobnicate”", "没有命令“frobnicate”"),
    (&["help", "bid", "open"], "no command “open”", "没有命令“open”"),
    (&["bid", "list", "--out", "x"], "“--out” is not taken here", "不接受“--out”"),
    (&["bid", "list", "x"], "“x” is not taken here", "不接受“x”"),
    (&["verify"], "Missing: <CASE>", "缺少：<CASE>"),
    (
        &["tender", "publish", "x"],
        "“x” is no value of <TENDER>: ",
        "不是 <TENDER> 的取值：不是 tnd_",
    ),
    (&["roster", "sign", "x"], "Missing: --out <FILE>", "缺少：--out <FILE>"),
    (&["verify", "x", "--later", "y"], "Missing: --receipt <FILE>", "缺少：--receipt <FILE>"),
    (
        &["verify", "x", "--receipt"],
        "--receipt <FILE> lacks its value",
        "--receipt <FILE> 缺少取值",
    ),
    (&["key", "new", "--role", "king"], "but one of: enterprise, ", "可选：enterprise, "),
    (&["bid", "status", "unit"], "“unit” is no value of <UNIT>: ", "不是 <UNIT> 的取值："),
    (
        &["bid", "check", "x", "--signer", "k"],
        "no value of --signer <SIGNER>: ",
        "--signer <SIGNER> 的取值：",
    ),
    (&["bid", "lodge", "x", "--custodian", "C 1"], "1 to 32 characters", "保管人简称由 1 至 32"),
    (&["record", "entry", "one"], "“one” is no value of <INDEX>: ", "不是 <INDEX> 的取值："),
    (&["bid", "list", "--json=x"], "takes no value, and “x” was given", "不带取值"),
    (&["bid", "list", "--json", "--json"], "--json cannot be given again", "--json 不能重复给出"),
    (&["bid", "list", "--lang", "fr"], "it is neither zh nor en", "只能是 zh 或 en"),
];

#[test]
fn wrong_usage_is_told_in_two_lines_of_the_readers_language_and_ends_with_two() {
    for (arguments, en, zh) in WRONG {
        let (error, hint) = refused_with(2, arguments);
        assert!(error.contains(en), "{arguments:?}: {error}");
        assert!(hint.contains("Usage: sealbid ") || hint.contains("--help"), "{hint}");
        if arguments.contains(&"--lang") {
            continue;
        }
        let said = program(&[&["--lang", "zh"], arguments].concat());
        let told = text(&said.stderr);
        assert_eq!((said.status.code(), told.lines().count()), (Some(2), 2), "{told}");
        assert!(said.stdout.is_empty() && told.contains(zh), "{arguments:?}: {told}");
        let (error, hint) = told.split_once('\n').unwrap();
        assert!(error.starts_with("错误: ") && hint.starts_with("提示: "), "{told}");
        assert!(is_chinese(hint) && !hint.contains("OPTIONS"), "{told}");
    }
    let (_, hint) = refused_with(2, &["bid", "list", "--jsn"]);
    assert!(hint.contains("Did you mean “--json”? Usage: sealbid bid list"), "{hint}");
}

/// Whatever the form of an argument's value, what is wrong with it is said by a sentence of ours.
#[test]
fn a_value_that_is_not_of_its_form_is_told_in_chinese() {
    fn walk(command: &clap::Command, words: &[String], found: &mut Vec<Vec<String>>) {
        for inner in command.get_subcommands().filter(|it| it.get_name() != "help") {
            walk(inner, &[words, &[inner.get_name().to_owned()]].concat(), found);
        }
        for arg in command.get_arguments().filter(|it| it.get_action().takes_values()) {
            let value = match arg.get_long() {
                Some(long) => vec![format!("--{long}=\u{b7}")],
                None => vec!["\u{b7}".to_owned(); arg.get_index().unwrap()],
            };
            found.push([words, &value].concat());
        }
    }
    let mut command = sealbid::cli::help::command(Lang::Zh);
    command.build();
    let mut lines = Vec::new();
    walk(&command, &["sealbid".to_owned()], &mut lines);
    let mut count = 0;
    for line in lines {
        let words: Vec<_> = line.iter().map(Into::into).collect();
        let Err(Unread::Misused(error)) = Cli::read(&words, Lang::Zh) else { continue };
        let said = terminal(&error, Lang::Zh);
        count += usize::from(error.code() == "cli-usage-value");
        assert!(is_chinese(&said) && !said.contains("格式不符"), "{line:?}: {said}");
        assert_eq!(error.exit_code(), 2);
    }
    assert!(count > 30, "{count}");
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
