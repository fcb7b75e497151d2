//! The one binary of Sealbid: reads the command line, runs the command, prints what it reports.

use std::ffi::OsString;
use std::io::{self, Write as _};
use std::path::Path;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use sealbid::auth::provider::install_providers;
use sealbid::cli::failed::Failed;
use sealbid::cli::output::Progress;
use sealbid::cli::usage::Unread;
use sealbid::cli::{self, Cli};
use sealbid::error::{Error, Said};
use sealbid::web::i18n::{self, Lang};
use sealbid::web::problem::terminal;

/// The exit code of a command whose answer could not be written: a failure of the machine.
const UNWRITTEN: u8 = 70;

fn main() -> ExitCode {
    let words: Vec<OsString> = std::env::args_os().collect();
    let lang = cli::spoken(&words, |name| std::env::var(name).ok());
    let cli = match Cli::read(&words, lang) {
        Ok(cli) => cli,
        Err(Unread::Shown(help)) => {
            let exit = u8::try_from(help.exit_code()).unwrap_or(2);
            return ended(help.print().err(), exit, lang);
        }
        Err(Unread::Misused(error)) => return refused(&error, lang),
    };
    install_providers();
    let shown = Arc::new(Terminal::new(lang));
    match cli.run(lang, shown.clone()) {
        Ok(report) => {
            shown.print(&report.text(lang));
            ended(shown.take_failure(), report.exit_code(), lang)
        }
        Err(error) => refused(&error, lang),
    }
}

/// What a command ends with: its own code, unless what it said could not be written. A script must
/// not take an empty report for a good one.
fn ended(failure: Option<io::Error>, exit: u8, lang: Lang) -> ExitCode {
    // A reader that went away is no failure of the command.
    match failure.filter(|error| error.kind() != io::ErrorKind::BrokenPipe) {
        None => ExitCode::from(exit),
        Some(error) => {
            let failed = Failed::file(Path::new("stdout"), &error);
            refused(&Error::from(failed).ending_with(UNWRITTEN), lang)
        }
    }
}

fn refused(error: &Error, lang: Lang) -> ExitCode {
    drop(io::stderr().write_all(terminal(error, lang).as_bytes()));
    ExitCode::from(error.exit_code())
}

/// Progress on stderr; the bars hide themselves when that is no terminal.
struct Terminal {
    bars: MultiProgress,
    bar: ProgressBar,
    lang: Lang,
    /// The first thing that could not be written to stdout.
    failure: Mutex<Option<io::Error>>,
}

impl Terminal {
    fn new(lang: Lang) -> Self {
        Self::with(MultiProgress::new(), lang, "{bar:40} {bytes}/{total_bytes} {eta}")
    }

    fn with(bars: MultiProgress, lang: Lang, template: &str) -> Self {
        let bar = bars.add(ProgressBar::no_length());
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        Self { bars, bar, lang, failure: Mutex::new(None) }
    }

    fn print(&self, text: &str) {
        let mut out = io::stdout().lock();
        if let Err(error) = out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
            let mut failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
            failure.get_or_insert(error);
        }
    }

    fn take_failure(&self) -> Option<io::Error> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Progress for Terminal {
    fn at(&self, done: u64, total: u64) {
        if self.bar.is_finished() {
            self.bar.reset();
        }
        self.bar.set_length(total);
        self.bar.set_position(done);
        if done >= total {
            self.bar.finish_and_clear();
        }
    }

    fn say(&self, said: &Said) {
        let line = format!("{}\n", i18n::say(self.lang, said));
        self.bars.suspend(|| drop(io::stderr().write_all(line.as_bytes())));
    }

    fn tell(&self, line: &str) {
        let line = format!("{line}\n");
        self.bars.suspend(|| self.print(&line));
    }

    fn beside(&self, name: &str) -> Box<dyn Progress> {
        let template = "  {msg:40!} {bar:30} {bytes:>10}/{total_bytes}";
        let beside = Self::with(self.bars.clone(), self.lang, template);
        beside.bar.set_message(name.to_owned());
        Box::new(beside)
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.bars.remove(&self.bar);
    }
}
