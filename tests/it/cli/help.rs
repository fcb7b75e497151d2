//! Does `--help` speak Chinese too: every command, every argument, and the library's own words?

use std::collections::{BTreeMap, BTreeSet};

use clap::builder::StyledStr;
use clap::{Arg, Command, CommandFactory as _};
use sealbid::cli::{Cli, help};
use sealbid::web::i18n::{HELP, Lang};

use super::{program, text};
use crate::reasons::is_chinese;

/// Every key that the tree of commands asks for, with the English that stands for it.
fn needed() -> BTreeMap<String, String> {
    let mut command = Cli::command();
    command.build();
    let mut found = BTreeMap::new();
    of_command(&command, "help", &mut found);
    found
}

fn of_command(command: &Command, key: &str, found: &mut BTreeMap<String, String>) {
    let about = plain(command.get_about());
    found.insert(key.to_owned(), about.clone());
    if let Some(long) = command.get_long_about() {
        found.insert(format!("{key}.long"), rest(long, &about));
    }
    if let Some(after) = command.get_after_help() {
        found.insert(format!("{key}.after"), after.to_string());
    }
    for arg in command.get_arguments() {
        of_argument(arg, &help::key_of(key, arg), found);
    }
    for inner in command.get_subcommands() {
        if inner.get_name() == "help" {
            found.insert("help-help".to_owned(), plain(inner.get_about()));
        } else {
            of_command(inner, &format!("{key}-{}", inner.get_name()), found);
        }
    }
}

fn of_argument(arg: &Arg, key: &str, found: &mut BTreeMap<String, String>) {
    let about = plain(arg.get_help());
    if let Some(long) = arg.get_long_help().filter(|_| arg.get_id() != "help") {
        found.insert(format!("{key}.long"), rest(long, &about));
    }
    if arg.get_action().takes_values() {
        for value in arg.get_possible_values() {
            if let Some(meaning) = value.get_help() {
                found.insert(format!("{key}.{}", value.get_name()), meaning.to_string());
            }
        }
    }
    found.entry(key.to_owned()).or_insert(about);
}

fn plain(text: Option<&StyledStr>) -> String {
    text.map(ToString::to_string).unwrap_or_default()
}

/// What a long text says beyond the short one.
fn rest(long: &StyledStr, about: &str) -> String {
    let long = long.to_string();
    long.strip_prefix(about).unwrap_or(&long).trim().to_owned()
}

/// Every key of the Chinese file with its text.
fn written() -> BTreeMap<String, String> {
    let (mut found, mut message, mut current) = (BTreeMap::new(), String::new(), String::new());
    for line in HELP.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty()) {
        let is_message = !line.starts_with(' ');
        let start = if is_message { Some(line) } else { line.strip_prefix("    .") };
        if let Some((name, value)) = start.and_then(|start| start.split_once(" =")) {
            if is_message {
                name.clone_into(&mut message);
                name.clone_into(&mut current);
            } else {
                current = format!("{message}.{name}");
            }
            let before = found.insert(current.clone(), value.trim().to_owned());
            assert_eq!(before, None, "{current} stands twice");
        } else {
            let text: &mut String = found.get_mut(&current).unwrap();
            text.push('\n');
            text.push_str(line.trim());
        }
    }
    found
}

#[test]
fn every_command_and_argument_has_its_chinese_text_and_no_text_is_left_over() {
    let (needed, mut written) = (needed(), written());
    written.retain(|key, _| !key.starts_with("help-word-"));
    let keys = |map: &BTreeMap<String, String>| map.keys().cloned().collect::<BTreeSet<_>>();
    let (needed_keys, written_keys) = (keys(&needed), keys(&written));
    let missing: Vec<_> = needed_keys.difference(&written_keys).collect();
    let stale: Vec<_> = written_keys.difference(&needed_keys).collect();
    assert_eq!((missing, stale), (Vec::new(), Vec::new()));
    assert!(needed.len() > 200, "{}", needed.len());
    for (key, en) in &needed {
        assert!(is_chinese(&written[key]), "{key}");
        let lost: Vec<_> = named(en).filter(|name| !written[key].contains(name)).collect();
        assert_eq!(lost, Vec::<&str>::new(), "{key} fell behind: {en}");
    }
    assert_eq!(
        named("Give --key's bid.toml, `bid lodge` it, or SEALBID_LANG.").collect::<Vec<_>>(),
        ["--key", "bid.toml", "SEALBID_LANG", "bid lodge"]
    );
}

/// What a text names that is the same in every language: options, files, variables, command lines.
fn named(en: &str) -> impl Iterator<Item = &str> {
    let edges = |c: char| !c.is_ascii_alphanumeric() && !"-_/[]".contains(c);
    let words = en.split_whitespace().map(move |word| {
        let word = word.strip_suffix("'s").unwrap_or(word);
        let word = word.trim_matches(edges);
        word.strip_suffix("'s").unwrap_or(word)
    });
    let ours = |word: &&str| {
        let inner = word.contains("://") || word.contains('_') || word.contains(".");
        word.starts_with("--") || inner
    };
    words.filter(ours).chain(en.split('`').skip(1).step_by(2))
}

fn leaves(command: &Command, found: &mut Vec<Command>) {
    for inner in command.get_subcommands().filter(|inner| inner.get_name() != "help") {
        leaves(inner, found);
    }
    found.push(command.clone());
}

#[test]
fn chinese_help_has_no_english_word_of_its_own_and_no_line_too_long() {
    let command = help::command(Lang::Zh);
    command.clone().debug_assert();
    let mut all = Vec::new();
    leaves(&command, &mut all);
    assert!(all.len() > 50, "{}", all.len());
    for mut command in all {
        for shown in [command.render_help(), command.render_long_help()] {
            let shown = shown.to_string();
            for word in [
                "Usage",
                "OPTIONS",
                "COMMAND",
                "Options",
                "Commands",
                "Arguments",
                "Print",
                "default",
                "ossible",
                "env:",
                "help-",
            ] {
                assert!(!shown.contains(word), "{word}: {shown}");
            }
            let is_wide = |c: char| u32::from(c) >= 0x1100;
            let wide = |line: &&str| {
                line.chars().map(|c| 1 + usize::from(is_wide(c))).sum::<usize>() > 100
            };
            let long: Vec<_> =
                shown.lines().filter(wide).filter(|line| !line.starts_with("用法")).collect();
            assert_eq!(long, Vec::<&str>::new(), "{shown}");
        }
    }
    let english = help::command(Lang::En).render_help().to_string();
    assert_eq!(english, Cli::command().render_help().to_string());
}

#[test]
fn the_language_of_help_is_the_one_asked_for_wherever_it_stands() {
    for arguments in [
        &["--lang", "zh", "bid", "--help"][..],
        &["--lang=zh", "bid", "--help"],
        &["bid", "--help", "--lang", "zh"],
        &["bid", "--lang=zh", "-h"],
        &["help", "bid", "--lang", "zh"],
        &["help", "--lang=zh", "bid"],
        &["--lang", "en", "bid", "--lang", "zh", "--help"],
    ] {
        let said = program(arguments);
        let told = text(&said.stdout);
        assert_eq!(said.status.code(), Some(0), "{arguments:?}: {}", text(&said.stderr));
        assert!(told.starts_with("投标人：") && told.contains("\n用法："), "{told}");
    }
    let zh = program(&["--lang", "zh", "help", "bid", "seal"]);
    assert!(text(&zh.stdout).contains("用法：sealbid bid seal [选项] <FOLDER>"), "{zh:?}");
    assert!(text(&program(&["bid", "--help"]).stdout).contains("Usage: sealbid bid"));
    assert!(text(&program(&["bid", "--help", "--lang", "fr"]).stdout).contains("Usage:"));
    // Behind -- nothing is an option.
    assert!(text(&program(&["bid", "check", "--", "--lang", "zh"]).stderr).starts_with("error:"));
}

#[test]
fn a_command_alone_is_explained_and_ends_with_two() {
    for (lang, usage) in [
        ("en", "Usage: sealbid bid [OPTIONS] <COMMAND>"),
        ("zh", "用法：sealbid bid [选项] <命令>"),
    ] {
        let said = program(&["--lang", lang, "bid"]);
        assert_eq!(said.status.code(), Some(2));
        assert!(said.stdout.is_empty() && text(&said.stderr).contains(usage), "{said:?}");
    }
}

#[test]
fn chinese_lines_are_broken_between_characters_and_not_before_marks() {
    let text =
        "密封投标：开标时间之前任何人都无法读取投标内容，任何人都可以核验 --trust 给出的名册。";
    let bare = |text: &str| text.replace(['\n', ' '], "");
    for columns in 8..60 {
        let lines = help::folded(text, columns);
        assert_eq!(bare(&lines), bare(text));
        assert!(lines.contains("--trust"), "{lines}");
        for line in lines.lines() {
            assert!(line.chars().count() <= columns / 2 + 8, "{columns}: {line}");
            assert!(!line.starts_with(['，', '。', '：', ' ']), "{columns}: {line}");
        }
    }
    assert_eq!(help::folded("a b\n\nc", 10), "a b\n\nc");
}
