//! `sealbid record export`: the whole record, as far as its reader may see it, in a folder.
//!
//! Invariant: a folder is of one record, one reader and one checkpoint, which stand in it before
//! anything else; an export that stopped goes on behind the last leaf that holds, and is complete
//! only when all of it was read again and gives the signed root. One page is in memory at a time.

use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::crypto::hash::Hash;
use crate::crypto::statement::Statement;
use crate::error::Said;

use crate::cli::client::Client;
use crate::cli::failed::Failed;
use crate::cli::output::{Access as FileAccess, Report, write_new};
use crate::cli::read_file;
use crate::cli::trust::Pinned;
use crate::cli::{Context, args};

use super::check::{self, Head};
use super::folder::{
    self, ABOUT, About, CHECKPOINT, Entry, FORMAT, Level, PART, ROSTERS, Stop, Waiting, Walk, Why,
    Withheld,
};
use super::follow::BUNDLE;

/// Where a copy of the record can end.
#[derive(Debug, Deserialize)]
struct HeadView {
    checkpoint: String,
    waiting: Vec<Waiting>,
}

/// A piece of the record.
#[derive(Debug, Deserialize)]
struct Page {
    next: u64,
    entries: Vec<Entry>,
}

/// Exports into a folder that is not there yet, or goes on in one where an export stopped.
pub(super) async fn export(context: &Context, out: &Path) -> Result<Report, Failed> {
    let (client, pinned) = (context.client()?, context.pinned().await?);
    let pin = context.pin()?;
    let is_new = is_free(out)?;
    if is_new {
        begin(context, &client, out).await?;
    }
    let of_folder = Pinned::new(&read_file(&out.join(ROSTERS))?, &pin)?;
    let head = Head::of(&of_folder, &read_file(&out.join(CHECKPOINT))?)?;
    let about = folder::about(out)?;
    if about.reader != reader(&client) {
        let reader = vec![("reader", about.reader())];
        return Err(Failed::in_file(out, Said::new("cli-say-why-reader", reader)));
    }
    let now = Head::of(&pinned, &client.fetch("/record/checkpoint").await?)?.size();
    if now < head.size() {
        return Err(Failed::receipt(Said::bare("cli-say-why-shorter")));
    }
    if is_whole(out)? {
        let found = check::leaves(out, "", &head, &*context.progress)?;
        let report = check::told(Report::default(), out, &head, &found)?;
        if now == head.size() {
            return Ok(report);
        }
        return Ok(report.and("cli-say-export-grown", args([("size", now.to_string())])));
    }
    Source { client: &client, about: &about, size: head.size() }.fetch(context, out).await?;
    let found = check::leaves(out, PART, &head, &*context.progress)?;
    complete(out)?;
    check::told(Report::default(), out, &head, &found)
}

/// Whether all files have their names. Where the program was stopped while it gave them, the rest of
/// them get theirs: they were complete.
fn is_whole(out: &Path) -> Result<bool, Failed> {
    if folder::paths(out, "").iter().any(|path| path.exists()) {
        complete(out)?;
        return Ok(true);
    }
    Ok(false)
}

/// Whether nothing is there, or an empty folder. What is no export of ours is not touched.
fn is_free(out: &Path) -> Result<bool, Failed> {
    if out.join(ABOUT).exists() {
        return Ok(false);
    }
    match std::fs::read_dir(out).map(|mut inside| inside.next().is_none()) {
        Ok(true) => Ok(true),
        Ok(false) => Err(Failed::Exists(out.display().to_string())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(true),
        Err(error) => Err(Failed::file(out, &error)),
    }
}

fn reader(client: &Client) -> String {
    client
        .key()
        .map_or_else(|_| folder::EVERYBODY.to_owned(), |key| key.verifying().name().to_owned())
}

/// A regulator of any version of the roster: an old key no longer logs in.
fn level(client: &Client, pinned: &Pinned) -> Level {
    let Ok(key) = client.key() else { return Level::Public };
    let mut rosters = pinned.rosters().iter().map(Statement::body);
    if rosters.any(|roster| roster.regulator_key == *key.verifying()) {
        Level::Regulator
    } else {
        Level::Own
    }
}

/// Makes the folder, with what fixes the export in it: whole, or not at all.
async fn begin(context: &Context, client: &Client, out: &Path) -> Result<(), Failed> {
    let rosters = match &context.roster {
        Some(path) => read_file(path)?,
        None => client.fetch("/record/roster").await?,
    };
    let HeadView { checkpoint, waiting } = client.get("/record/head", client.access()).await?;
    let (reader, level) = (reader(client), level(client, &Pinned::believed(&rosters)?));
    let about = About { format: FORMAT.to_owned(), level, reader, waiting };
    let about = serde_json::to_vec_pretty(&about).map_err(|e| Failed::content(ABOUT, e))?;
    let parent = out.parent().filter(|parent| !parent.as_os_str().is_empty());
    let parent = parent.unwrap_or(Path::new("."));
    let made = tempfile::Builder::new().prefix(".sealbid-").tempdir_in(parent);
    let made = made.map_err(|e| Failed::file(out, &e))?;
    write_new(&made.path().join(ABOUT), &about, FileAccess::Private)?;
    write_new(&made.path().join(ROSTERS), &rosters, FileAccess::Usual)?;
    write_new(&made.path().join(CHECKPOINT), checkpoint.as_bytes(), FileAccess::Usual)?;
    for path in folder::paths(made.path(), PART) {
        write_new(&path, b"", FileAccess::Private)?;
    }
    std::fs::rename(made.path(), out).map_err(|e| Failed::file(out, &e))?;
    // It has another name now, and stays.
    drop(made.keep());
    Ok(())
}

/// Where an export comes from.
struct Source<'a> {
    client: &'a Client,
    about: &'a About,
    size: u64,
}

impl Source<'_> {
    /// Fetches what is not there yet.
    async fn fetch(&self, context: &Context, out: &Path) -> Result<(), Failed> {
        let (mut growing, mut next, last) = Growing::open(out)?;
        self.compare(next, last).await?;
        if next > 0 {
            let count = args([("count", next.to_string())]);
            context.progress.say(&Said::new("cli-say-export-resumed", count));
        }
        while next < self.size {
            next = self.page(next, &mut growing).await?;
            context.progress.at(next, self.size);
        }
        growing.sync()
    }

    /// Compares the last leaf that is there with the platform's: another record is named before
    /// anything of it is added.
    async fn compare(&self, next: u64, last: Option<Hash>) -> Result<(), Failed> {
        let (Some(at), Some(last)) = (next.checked_sub(1), last) else { return Ok(()) };
        let theirs = self.client.leaves(at, self.size).await?;
        if theirs.first() == Some(&last) {
            Ok(())
        } else {
            Err(Failed::receipt(Said::bare("cli-say-why-other-record")))
        }
    }

    /// One page: the leaves, and of each what opens it or why it is withheld. Gives the next index.
    async fn page(&self, from: u64, growing: &mut Growing) -> Result<u64, Failed> {
        let before = self.size.min((from / BUNDLE + 1).saturating_mul(BUNDLE));
        let leaves = self.client.leaves(from, self.size).await?;
        let path = format!("/record/entries?from={from}&before={before}");
        let page: Page = self.client.get(&path, self.client.access()).await?;
        if page.next <= from || page.next > before {
            let page = args([("from", from.to_string()), ("next", page.next.to_string())]);
            return Err(Failed::answer(Said::new("cli-say-why-page", page)));
        }
        let mut entries = page.entries.into_iter().peekable();
        for (index, leaf) in (from..page.next).zip(leaves) {
            match entries.next_if(|entry| entry.index == index) {
                Some(entry) if entry.leaf() == leaf => growing.opened(leaf, &entry)?,
                Some(_) => {
                    let index = args([("index", index.to_string())]);
                    return Err(Failed::receipt(Said::new("cli-say-why-unbound", index)));
                }
                None => growing.withheld(&self.withheld(index, leaf))?,
            }
        }
        match entries.next() {
            Some(entry) => {
                let index = args([("index", entry.index.to_string())]);
                Err(Failed::answer(Said::new("cli-say-why-place", index)))
            }
            None => growing.flush().map(|()| page.next),
        }
    }

    fn withheld(&self, index: u64, leaf: Hash) -> Withheld {
        let (until, why) = if self.about.level == Level::Regulator {
            (check::until(self.about, index), Why::Sealed)
        } else {
            (None, Why::Level)
        };
        Withheld { index, leaf, until, why }
    }
}

/// The three files that grow.
struct Growing {
    folder: PathBuf,
    files: [BufWriter<File>; 3],
}

impl Growing {
    /// Opens them behind the last leaf that holds, with its index and hash. What stands behind it,
    /// a line that was being written, is cut off.
    fn open(folder: &Path) -> Result<(Self, u64, Option<Hash>), Failed> {
        let (mut walk, mut next, mut last) = (Walk::open(folder, PART)?, 0, None);
        loop {
            match walk.next() {
                Ok((leaf, _)) => (next, last) = (next + 1, Some(leaf)),
                Err(Stop::End | Stop::Broken(..)) => break,
                Err(Stop::Io(error)) => return Err(Failed::file(folder, &error)),
            }
        }
        let open = |path: &Path, taken: u64| -> Result<BufWriter<File>, Failed> {
            let wrong = |e: std::io::Error| Failed::file(path, &e);
            let file = OpenOptions::new().append(true).open(path).map_err(wrong)?;
            file.set_len(taken).map_err(wrong)?;
            Ok(BufWriter::new(file))
        };
        let ([a, b, c], [x, y, z]) = (folder::paths(folder, PART), walk.taken());
        let files = [open(&a, x)?, open(&b, y)?, open(&c, z)?];
        Ok((Self { folder: folder.to_owned(), files }, next, last))
    }

    fn opened(&mut self, leaf: Hash, entry: &Entry) -> Result<(), Failed> {
        let [leaves, entries, _] = &mut self.files;
        let line = serde_json::to_string(entry).map_err(|e| Failed::content("json", e))?;
        writeln!(entries, "{line}")
            .and_then(|()| writeln!(leaves, "{leaf}"))
            .map_err(|e| Failed::file(&self.folder, &e))
    }

    fn withheld(&mut self, it: &Withheld) -> Result<(), Failed> {
        let [leaves, _, withheld] = &mut self.files;
        let line = serde_json::to_string(it).map_err(|e| Failed::content("json", e))?;
        writeln!(withheld, "{line}")
            .and_then(|()| writeln!(leaves, "{}", it.leaf))
            .map_err(|e| Failed::file(&self.folder, &e))
    }

    /// Leaves go last: a leaf on the disk has its line beside it, or is fetched again.
    fn flush(&mut self) -> Result<(), Failed> {
        self.files
            .iter_mut()
            .rev()
            .try_for_each(std::io::Write::flush)
            .map_err(|e| Failed::file(&self.folder, &e))
    }

    fn sync(mut self) -> Result<(), Failed> {
        self.flush()?;
        let synced = self.files.iter().try_for_each(|file| file.get_ref().sync_all());
        synced.map_err(|e| Failed::file(&self.folder, &e))
    }
}

/// Gives the files their names. The leaves come last: with them the export is complete.
fn complete(out: &Path) -> Result<(), Failed> {
    let names = folder::paths(out, PART).into_iter().zip(folder::paths(out, ""));
    for (from, to) in names.rev() {
        if from.exists() {
            std::fs::rename(&from, &to).map_err(|e| Failed::file(&to, &e))?;
        }
    }
    File::open(out).and_then(|folder| folder.sync_all()).map_err(|e| Failed::file(out, &e))
}
