//! Tells the reader what happens, as it happens, in plain words of one language.

use std::sync::{Mutex, PoisonError};

use crate::cli::output::Progress;
use crate::error::{Args, Said};
use crate::web::i18n::{self, Lang};

/// Speaks to the terminal, and remembers what is being done in case it fails.
pub struct Narrator<'a> {
    /// Bars, and where lines go.
    pub progress: &'a dyn Progress,
    /// The reader's language.
    pub lang: Lang,
    step: Mutex<&'static str>,
}

impl<'a> Narrator<'a> {
    /// One that has not said anything.
    #[must_use]
    pub const fn new(progress: &'a dyn Progress, lang: Lang) -> Self {
        Self { progress, lang, step: Mutex::new("demo-say-step-stage") }
    }

    /// Begins the next step, under its heading.
    pub fn begin(&self, step: &'static str) {
        *self.step.lock().unwrap_or_else(PoisonError::into_inner) = step;
        self.progress.tell(&format!("\n== {}", self.words(step, Args::new())));
    }

    /// The key of the present step.
    #[must_use]
    pub fn step(&self) -> &'static str {
        *self.step.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says a sentence.
    pub fn say(&self, key: &'static str, args: Args) {
        self.progress.tell(&format!("   {}", self.words(key, args)));
    }

    /// Says what somebody else put together.
    pub fn say_it(&self, said: &Said) {
        self.progress.tell(&format!("   {}", i18n::say(self.lang, said)));
    }

    /// Shows a line that is the same in every language.
    pub fn show(&self, line: &str) {
        self.progress.tell(&format!("   {line}"));
    }

    /// A sentence, to be part of something else.
    #[must_use]
    pub fn words(&self, key: &'static str, args: Args) -> String {
        i18n::say(self.lang, &Said::new(key, args))
    }
}
