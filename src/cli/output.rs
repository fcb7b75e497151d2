//! What commands leave behind: files that are whole or not there, a report, and progress.
//!
//! Invariant: nothing is ever overwritten. A file appears under its name when all of it is on the
//! disk; a command that dies leaves at most a nameless remainder. Nothing is printed here: `main`
//! alone has a terminal.

use std::fs::{File, Metadata, Permissions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::error::{Args, Said};
use crate::web::i18n::{self, Lang};

use super::failed::Failed;

/// Who may read a new file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Its owner alone: keys, identities.
    Private,
    /// Whoever the system usually lets.
    Usual,
}

/// A file in the making.
pub struct NewFile {
    inner: tempfile::NamedTempFile,
    path: PathBuf,
}

/// What files in the making are called until they stand under their names.
const PREFIX: &str = ".sealbid-";
/// One that nobody wrote to for so long is what a program left that was killed.
const LEFT: Duration = Duration::from_secs(3_600);

impl NewFile {
    /// Removes what programs that were killed left in the folder of this file: a sealed bid in the making
    /// is as large as the bid. What cannot be removed takes room, and is no reason to seal nothing.
    pub fn sweep(beside: &Path) {
        let Ok(entries) = std::fs::read_dir(folder(beside)) else { return };
        for entry in entries.flatten() {
            let is_ours = entry.file_name().to_string_lossy().starts_with(PREFIX);
            let written = entry.metadata().ok().filter(Metadata::is_file).map(|it| it.modified());
            let age = written.and_then(Result::ok).and_then(|at| at.elapsed().ok());
            if is_ours && age.is_some_and(|age| age > LEFT) {
                drop(std::fs::remove_file(entry.path()));
            }
        }
    }

    /// Begins a file that will stand at `path`, where nothing may stand now.
    ///
    /// # Errors
    /// [`Failed::Exists`], [`Failed::File`].
    pub fn create(path: &Path, access: Access) -> Result<Self, Failed> {
        if path.symlink_metadata().is_ok() {
            return Err(Failed::Exists(path.display().to_string()));
        }
        let mut builder = tempfile::Builder::new();
        builder.prefix(PREFIX);
        if let Some(permissions) = permissions(access) {
            builder.permissions(permissions);
        }
        let inner = builder.tempfile_in(folder(path)).map_err(|e| Failed::file(path, &e))?;
        Ok(Self { inner, path: path.to_owned() })
    }

    /// To be written to.
    pub fn writer(&mut self) -> &mut File {
        self.inner.as_file_mut()
    }

    /// Puts the file under its name, durably.
    ///
    /// # Errors
    /// [`Failed::Exists`] when something came to stand there meanwhile, [`Failed::File`].
    pub fn keep(self) -> Result<(), Failed> {
        let path = self.path;
        self.inner.as_file().sync_all().map_err(|e| Failed::file(&path, &e))?;
        self.inner.persist_noclobber(&path).map_err(|e| match e.error.kind() {
            io::ErrorKind::AlreadyExists => Failed::Exists(path.display().to_string()),
            _ => Failed::file(&path, &e.error),
        })?;
        sync_folder(&path)
    }
}

/// Writes a small file that was not there before.
///
/// # Errors
/// As [`NewFile`].
pub fn write_new(path: &Path, bytes: &[u8], access: Access) -> Result<(), Failed> {
    let mut file = NewFile::create(path, access)?;
    file.writer().write_all(bytes).map_err(|e| Failed::file(path, &e))?;
    file.keep()
}

/// Replaces a small file of our own whole: a later receipt, the state of a chain.
///
/// # Errors
/// [`Failed::File`].
pub fn replace(path: &Path, bytes: &[u8]) -> Result<(), Failed> {
    let wrong = |e: io::Error| Failed::file(path, &e);
    let mut file = tempfile::NamedTempFile::new_in(folder(path)).map_err(wrong)?;
    file.write_all(bytes).map_err(wrong)?;
    file.as_file().sync_all().map_err(wrong)?;
    file.persist(path).map_err(|e| Failed::file(path, &e.error))?;
    sync_folder(path)
}

fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// A rename is durable only with its folder.
fn sync_folder(path: &Path) -> Result<(), Failed> {
    let synced = File::open(folder(path)).and_then(|folder| folder.sync_all());
    synced.map_err(|e| Failed::file(path, &e))
}

#[cfg(unix)]
fn permissions(access: Access) -> Option<Permissions> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = match access {
        Access::Private => 0o600,
        Access::Usual => 0o644,
    };
    Some(Permissions::from_mode(mode))
}

#[cfg(not(unix))]
const fn permissions(_: Access) -> Option<Permissions> {
    None
}

/// What a command has to say when it is done.
#[derive(Debug, Default)]
pub struct Report {
    lines: Vec<Line>,
    exit: u8,
}

#[derive(Debug)]
enum Line {
    Said(Said),
    Plain(String),
}

impl Report {
    /// A report with one sentence.
    #[must_use]
    pub fn said(key: &'static str, args: Args) -> Self {
        Self::default().and(key, args)
    }

    /// A report with one line for programs and pipes.
    #[must_use]
    pub fn plain(text: impl Into<String>) -> Self {
        Self::default().and_plain(text)
    }

    /// What a server answered, laid out as JSON for programs.
    ///
    /// # Errors
    /// [`Failed::Answer`].
    pub fn json(answer: &serde_json::Value) -> Result<Self, Failed> {
        serde_json::to_string_pretty(answer).map(Self::plain).map_err(Failed::answer)
    }

    /// One sentence more.
    #[must_use]
    pub fn and(mut self, key: &'static str, args: Args) -> Self {
        self.lines.push(Line::Said(Said::new(key, args)));
        self
    }

    /// One line more, the same in every language.
    #[must_use]
    pub fn and_plain(mut self, text: impl Into<String>) -> Self {
        self.lines.push(Line::Plain(text.into()));
        self
    }

    /// What another one says, behind this.
    #[must_use]
    pub fn with(mut self, other: Self) -> Self {
        self.lines.extend(other.lines);
        self
    }

    /// The same with an exit code of its own.
    #[must_use]
    pub const fn ending_with(mut self, exit: u8) -> Self {
        self.exit = exit;
        self
    }

    /// What the process ends with.
    #[must_use]
    pub const fn exit_code(&self) -> u8 {
        self.exit
    }

    /// The report as text, each line with its newline.
    #[must_use]
    pub fn text(&self, lang: Lang) -> String {
        let mut out = String::new();
        for line in &self.lines {
            match line {
                Line::Said(said) => out.push_str(&i18n::say(lang, said)),
                Line::Plain(text) => out.push_str(text),
            }
            if !out.ends_with('\n') {
                out.push('\n');
            }
        }
        out
    }
}

/// What happens while a command runs.
///
/// The contract: calls come from any thread, at most a few hundred a second, and never fail.
pub trait Progress: Send + Sync {
    /// So many bytes of so many are done.
    fn at(&self, done: u64, total: u64);
    /// Something worth saying before the end.
    fn say(&self, said: &Said);
    /// A line of the command's own answer, in words already, shown as soon as it is known.
    fn tell(&self, line: &str);
    /// A measure of its own beside the others, under a name; it goes away when dropped.
    fn beside(&self, name: &str) -> Box<dyn Progress>;
}

/// For callers that do not watch.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Progress for Silent {
    fn at(&self, _: u64, _: u64) {}
    fn say(&self, _: &Said) {}
    fn tell(&self, _: &str) {}
    fn beside(&self, _: &str) -> Box<dyn Progress> {
        Box::new(Self)
    }
}
