//! `--help` in the reader's language.
//!
//! The English stands with the commands themselves: their doc comments. The Chinese stands in
//! `zh-CN.ftl`, by the command's words and the argument's name (`help-bid-seal`, `help-bid-seal--name`),
//! and is laid over the tree of commands before anything is parsed. A test holds the two together: no
//! command and no argument without its Chinese text, no text without its command, and none that fell
//! behind in what it names.
//!
//! Deliberately absent: words of the command line itself. Commands, options and value names are the same
//! in every language, so that a line can be handed on.

mod fold;

use std::ffi::OsString;

use clap::builder::PossibleValue;
use clap::{Arg, Command, CommandFactory as _};

use crate::error::Arg as Value;
use crate::web::i18n::{self, Lang};

pub use self::fold::folded;
use super::Cli;

/// So wide is a text beside its option or command, in columns.
const BESIDE: usize = 56;
/// So wide is a text of its own.
const WHOLE: usize = 96;

/// The tree of all commands, explained in the reader's language.
#[must_use]
pub fn command(lang: Lang) -> Command {
    let mut command = Cli::command();
    if lang == Lang::Zh {
        command.build();
        command = translated(command, "help");
    }
    command
}

/// The language that a command line asks for, before it is parsed: the last `--lang` that names one; and
/// the line without it, for `sealbid help bid` takes no options.
pub(super) fn asked(words: &[OsString]) -> (Option<Lang>, Vec<OsString>) {
    let (mut found, mut rest) = (None, Vec::new());
    let mut left = words.iter();
    while let Some(word) = left.next() {
        let mut behind = left.clone();
        let named = match word.to_str().and_then(|word| word.strip_prefix("--lang")) {
            Some("") => behind.next().and_then(|tag| Lang::from_accept(tag.to_str()?)),
            Some(value) => value.strip_prefix('=').and_then(Lang::from_accept),
            None => None,
        };
        match named {
            Some(lang) => (found, left) = (Some(lang), behind),
            None => rest.push(word.clone()),
        }
        if word == "--" {
            break;
        }
    }
    rest.extend(left.cloned());
    (found, rest)
}

/// The key of an argument's text. What many commands take alike has one text for all of them.
#[must_use]
pub fn key_of(command: &str, arg: &Arg) -> String {
    let id = arg.get_id().as_str();
    let common = arg.is_global_set() || matches!(id, "help" | "version");
    let before = if common { "help" } else { command };
    format!("{before}--{}", id.replace('_', "-"))
}

fn text(key: &str) -> String {
    i18n::sentence(Lang::Zh, key, &[]).unwrap_or_default()
}

fn word(key: &str, values: &str) -> String {
    i18n::sentence(Lang::Zh, key, &[("values", Value::from(values))]).unwrap_or_default()
}

fn translated(mut command: Command, key: &str) -> Command {
    let usage = usage(&command.render_usage().to_string());
    let about = text(key);
    let long = i18n::attribute(Lang::Zh, key, "long");
    // Where it is listed, a text has less room than at the head of its own page.
    let head = match &long {
        Some(_) => "{about-with-newline}".to_owned(),
        None => folded(&about, WHOLE) + "\n",
    };
    let template = head + &template(&command);
    command = command.override_usage(usage).help_template(template).term_width(0);
    if let Some(long) = long {
        command = command.long_about(folded(&format!("{about}\n\n{long}"), WHOLE));
    }
    if let Some(after) = i18n::attribute(Lang::Zh, key, "after") {
        command = command.after_help(after);
    }
    let inner = |it: Command| {
        let below = format!("{key}-{}", it.get_name());
        // Its own tree is for completion, and never shown.
        if it.get_name() == "help" { it.about(text("help-help")) } else { translated(it, &below) }
    };
    let explained = |arg: Arg| explained(&key_of(key, &arg), arg);
    command.about(folded(&about, BESIDE)).mut_args(explained).mut_subcommands(inner)
}

/// The library's words in a usage line.
fn usage(line: &str) -> String {
    let line = line.trim().trim_start_matches("Usage: ");
    let line = line.replace("[OPTIONS]", &text("help-word-some-options"));
    line.replace("<COMMAND>", &text("help-word-some-command"))
}

/// The parts of a command's help under Chinese headings.
fn template(command: &Command) -> String {
    let styles = command.get_styles();
    let (usage, header) = (styles.get_usage(), styles.get_header());
    let heading = |key| format!("\n\n{header}{}{header:#}\n", text(key));
    let mut parts = format!("\n{usage}{}{usage:#}{{usage}}", text("help-word-usage"));
    if command.has_subcommands() {
        parts.push_str(&heading("help-word-commands"));
        parts.push_str("{subcommands}");
    }
    if command.get_positionals().next().is_some() {
        parts.push_str(&heading("help-word-arguments"));
        parts.push_str("{positionals}");
    }
    parts.push_str(&heading("help-word-options"));
    parts.push_str("{options}{after-help}");
    parts
}

fn explained(key: &str, arg: Arg) -> Arg {
    if arg.get_id() == "help" && arg.get_long_help().is_some() {
        return arg.help(text("help-word-help-more")).long_help(text("help-word-help-less"));
    }
    let (short, long) = (text(key), i18n::attribute(Lang::Zh, key, "long"));
    let (line, list) = choices(key, &arg);
    let given = given(&arg);
    let is_long = long.is_some() || list.is_some();
    let brief = joined(" ", [Some(short.clone()), line, given.clone(), None]);
    let whole = joined("\n", [Some(short), long, list, given]);
    let arg = arg.hide_default_value(true).hide_possible_values(true).hide_env(true);
    let arg = if is_long { arg.long_help(folded(&whole, WHOLE)) } else { arg };
    arg.help(folded(&brief, BESIDE))
}

fn joined(between: &str, parts: [Option<String>; 4]) -> String {
    parts.into_iter().flatten().collect::<Vec<_>>().join(between)
}

/// What stands for an option that is left out.
fn given(arg: &Arg) -> Option<String> {
    let env = arg.get_env().map(|name| word("help-word-env", &name.to_string_lossy()));
    let values: Vec<_> =
        arg.get_default_values().iter().map(|value| value.to_string_lossy()).collect();
    let is_told = arg.get_action().takes_values() && !values.is_empty();
    let default = is_told.then(|| word("help-word-default", &values.join(" ")));
    let all: Vec<String> = env.into_iter().chain(default).collect();
    (!all.is_empty()).then(|| all.join(" "))
}

/// The values to choose from: in one line, and where each is explained, in a list.
fn choices(key: &str, arg: &Arg) -> (Option<String>, Option<String>) {
    let values = arg.get_possible_values();
    if values.is_empty() || !arg.get_action().takes_values() {
        return (None, None);
    }
    let names: Vec<&str> = values.iter().map(PossibleValue::get_name).collect();
    let line = word("help-word-values", &names.join(", "));
    let told = values.iter().filter(|value| value.get_help().is_some());
    let told = told.map(|value| {
        let name = value.get_name();
        let meaning = i18n::attribute(Lang::Zh, key, name).unwrap_or_default();
        format!("\n- {name}: {meaning}")
    });
    let told: String = told.collect();
    (Some(line), (!told.is_empty()).then(|| word("help-word-list", &told)))
}
