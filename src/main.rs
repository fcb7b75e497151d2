//! The one binary of Sealbid: reads the command line, runs the command, prints what it reports.

use std::ffi::OsString;
use std::io::Write as _;
use std::process::ExitCode;
use std::sync::Arc;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use sealbid::auth::provider::install_providers;
use sealbid::cli::output::Progress;
use sealbid::cli::usage::Unread;
use sealbid::cli::{self, Cli};
use sealbid::error::{Error, Said};
use sealbid::web::i18n::{self, Lang};
use sealbid::web::problem::terminal;

fn main() -> ExitCode {
    let words: Vec<OsString> = std::env::args_os().collect();
    let lang = cli::spoken(&words, |name| std::env::var(name).ok());
    let cli = match Cli::read(&words, lang) {
        Ok(cli) => cli,
        Err(Unread::Shown(help)) => {
            drop(help.print());
            return ExitCode::from(u8::try_from(help.exit_code()).unwrap_or(2));
        }
        Err(Unread::Misused(error)) => return refused(&error, lang),
    };
    install_providers();
    match cli.run(lang, Arc::new(Terminal::new(lang))) {
        Ok(report) => {
            // A reader that went away (a closed pipe) is no failure of the command.
            drop(std::io::stdout().write_all(report.text(lang).as_bytes()));
            ExitCode::from(report.exit_code())
        }
        Err(error) => refused(&error, lang),
    }
}

fn refused(error: &Error, lang: Lang) -> ExitCode {
    drop(std::io::stderr().write_all(terminal(error, lang).as_bytes()));
    ExitCode::from(error.exit_code())
}

/// Progress on stderr; the bars hide themselves when that is no terminal.
struct Terminal {
    bars: MultiProgress,
    bar: ProgressBar,
    lang: Lang,
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
        Self { bars, bar, lang }
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
        self.bars.suspend(|| drop(std::io::stderr().write_all(line.as_bytes())));
    }

    fn tell(&self, line: &str) {
        let line = format!("{line}\n");
        self.bars.suspend(|| {
            let mut out = std::io::stdout().lock();
            drop(out.write_all(line.as_bytes()).and_then(|()| out.flush()));
        });
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
