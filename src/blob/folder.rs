//! [`Blobs`] in a folder of this machine.
//!
//! `uploads/<id>` holds the bytes, `uploads/<id>.at` how many of them count, and `blobs/<id>` a
//! complete file. Bytes beyond the stated offset were never acknowledged and are cut off before the
//! next append: after a power cut they may be anything.

use std::collections::HashSet;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::{Append, Blob, Blobs, Error, Progress, Stored};
use crate::clock::Time;
use crate::crypto::hash::{Hash, Hasher};
use crate::ids::UploadId;

/// How much is read at once.
const BUFFER: usize = 1 << 20;

/// So many bytes are waited for by the disk and then count: all that a crash makes a sender repeat.
const ACKNOWLEDGED: u64 = 8 << 20;

/// Called with the name of each step that leaves something durable, before and after it; a test's
/// may end the process.
type Steps = Arc<dyn Fn(&str) + Send + Sync>;

/// A folder of uploads and blobs. One process at a time: whoever opens it sees to that.
#[derive(Clone)]
pub struct Folder {
    uploads: PathBuf,
    blobs: PathBuf,
    in_use: Arc<Mutex<HashSet<UploadId>>>,
    steps: Option<Steps>,
}

impl Folder {
    /// Opens `path`, which exists, and makes the two folders in it where they are missing.
    ///
    /// # Errors
    /// `NotFound`, `Io`.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let (uploads, blobs) = (path.join("uploads"), path.join("blobs"));
        for folder in [&uploads, &blobs] {
            match DirBuilder::new().mode(0o700).create(folder) {
                Err(e) if e.kind() != io::ErrorKind::AlreadyExists => return Err(e.into()),
                _ => {}
            }
        }
        sync_folder(path)?;
        Ok(Self { uploads, blobs, in_use: Arc::default(), steps: None })
    }

    /// The same folder, with `steps` told of every durable step.
    #[must_use]
    pub fn with_steps(self, steps: Steps) -> Self {
        Self { steps: Some(steps), ..self }
    }

    fn step(&self, name: &str) {
        if let Some(steps) = &self.steps {
            steps(name);
        }
    }

    fn bytes_of(&self, upload: UploadId) -> PathBuf {
        self.uploads.join(upload.to_string())
    }

    fn note_of(&self, upload: UploadId) -> PathBuf {
        self.uploads.join(format!("{upload}.at"))
    }

    fn blob_of(&self, upload: UploadId) -> PathBuf {
        self.blobs.join(upload.to_string())
    }

    /// Takes an upload for oneself.
    fn take(&self, upload: UploadId) -> Result<InUse, Error> {
        let mut in_use = self.in_use.lock().unwrap_or_else(PoisonError::into_inner);
        if !in_use.insert(upload) {
            return Err(Error::Busy);
        }
        Ok(InUse { all: Arc::clone(&self.in_use), upload })
    }

    fn note(&self, upload: UploadId) -> Result<Note, Error> {
        Note::parse(&fs::read_to_string(self.note_of(upload))?)
    }
}

/// Released when dropped.
struct InUse {
    all: Arc<Mutex<HashSet<UploadId>>>,
    upload: UploadId,
}

impl Drop for InUse {
    fn drop(&mut self) {
        self.all.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.upload);
    }
}

/// What stands in `<id>.at`: one line of fixed length, so that it is replaced within one sector.
#[derive(Clone, Copy)]
struct Note {
    offset: u64,
    length: u64,
    created: i64,
}

impl Note {
    fn parse(text: &str) -> Result<Self, Error> {
        let damaged = || Error::Corrupt("what says how far it is".to_owned());
        let mut words = text.split_ascii_whitespace();
        let mut number = || words.next()?.parse::<u64>().ok();
        let (offset, length, created) = (number(), number(), number());
        let (Some(offset), Some(length), Some(created)) = (offset, length, created) else {
            return Err(damaged());
        };
        let created = i64::try_from(created).map_err(|_| damaged())?;
        Ok(Self { offset, length, created })
    }

    fn line(&self) -> String {
        format!("{:020} {:020} {:020}\n", self.offset, self.length, self.created.max(0))
    }

    /// Replaces the line in place and waits for the disk.
    fn save(&self, file: &mut File) -> io::Result<()> {
        file.seek(SeekFrom::Start(0))?;
        file.write_all(self.line().as_bytes())?;
        file.sync_data()
    }
}

/// Only the owner reads sealed files.
fn create_new(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

/// Makes names in a folder durable.
fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

impl Blobs for Folder {
    fn create(&self, upload: UploadId, length: u64, now: Time) -> Result<(), Error> {
        let _in_use = self.take(upload)?;
        if self.blob_of(upload).exists() {
            return Err(Error::Exists);
        }
        let mut note = create_new(&self.note_of(upload))?;
        let made = Note { offset: 0, length, created: now.millis() }.save(&mut note);
        let made = made.and_then(|()| create_new(&self.bytes_of(upload))).map(drop);
        if let Err(error) = made.and_then(|()| sync_folder(&self.uploads)) {
            drop(fs::remove_file(self.note_of(upload)));
            return Err(error.into());
        }
        Ok(())
    }

    fn progress(&self, upload: UploadId) -> Result<Progress, Error> {
        match self.note(upload) {
            Ok(Note { offset, length, created }) => {
                Ok(Progress { offset, length, created: Some(Time::from_millis(created)) })
            }
            Err(Error::NotFound) => {
                let size = self.size(upload)?;
                Ok(Progress { offset: size, length: size, created: None })
            }
            Err(other) => Err(other),
        }
    }

    fn append(
        &self,
        upload: UploadId,
        offset: u64,
        checksum: Option<Hash>,
    ) -> Result<Box<dyn Append>, Error> {
        let in_use = self.take(upload)?;
        let note = self.note(upload)?;
        if note.offset != offset {
            return Err(Error::Offset { actual: note.offset });
        }
        let mut bytes = OpenOptions::new().write(true).open(self.bytes_of(upload))?;
        if bytes.metadata()?.len() < offset {
            return Err(Error::Corrupt("acknowledged bytes are gone".to_owned()));
        }
        bytes.set_len(offset)?;
        bytes.seek(SeekFrom::Start(offset))?;
        let note_file = OpenOptions::new().write(true).open(self.note_of(upload))?;
        let check = checksum.map(|expected| (expected, Hasher::new()));
        let folder = self.clone();
        let (end, failed) = (offset, false);
        let _in_use = in_use;
        let append = FolderAppend { folder, bytes, note_file, note, end, check, failed, _in_use };
        Ok(Box::new(append))
    }

    fn complete(&self, upload: UploadId) -> Result<Stored, Error> {
        let _in_use = self.take(upload)?;
        let Note { offset, length, .. } = match self.note(upload) {
            Ok(note) => note,
            // Completed before.
            Err(Error::NotFound) => return hash_file(&self.blob_of(upload)),
            Err(other) => return Err(other),
        };
        if self.bytes_of(upload).exists() {
            if offset != length {
                return Err(Error::Incomplete { offset, length });
            }
            let file = File::options().write(true).open(self.bytes_of(upload))?;
            file.set_len(length)?;
            file.sync_all()?;
            self.step("before naming a blob");
            fs::rename(self.bytes_of(upload), self.blob_of(upload))?;
            sync_folder(&self.blobs)?;
            self.step("after naming a blob");
        }
        let stored = hash_file(&self.blob_of(upload))?;
        if stored.size != length {
            return Err(Error::Corrupt(format!("{} bytes instead of {length}", stored.size)));
        }
        fs::remove_file(self.note_of(upload))?;
        sync_folder(&self.uploads)?;
        self.step("after forgetting an upload");
        Ok(stored)
    }

    fn size(&self, blob: UploadId) -> Result<u64, Error> {
        Ok(fs::metadata(self.blob_of(blob))?.len())
    }

    fn open(&self, blob: UploadId) -> Result<Box<dyn Blob>, Error> {
        let file = File::open(self.blob_of(blob))?;
        let size = file.metadata()?.len();
        Ok(Box::new(FolderBlob { file, size }))
    }

    fn rehash(&self, blob: UploadId) -> Result<Stored, Error> {
        hash_file(&self.blob_of(blob))
    }

    fn delete(&self, blob: UploadId) -> Result<(), Error> {
        let _in_use = self.take(blob)?;
        self.step("before deleting");
        // The bytes first: a crash in between leaves a note without bytes, which deletes again.
        for path in [self.blob_of(blob), self.bytes_of(blob), self.note_of(blob)] {
            match fs::remove_file(path) {
                Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e.into()),
                _ => {}
            }
        }
        sync_folder(&self.blobs)?;
        sync_folder(&self.uploads)?;
        self.step("after deleting");
        Ok(())
    }

    fn abandoned(&self, before: Time) -> Result<Vec<UploadId>, Error> {
        let mut found = Vec::new();
        for file in fs::read_dir(&self.uploads)? {
            let name = file?.file_name();
            let upload = name.to_str().and_then(|n| n.strip_suffix(".at")).map(str::parse);
            let Some(Ok(upload)) = upload else { continue };
            match self.note(upload) {
                Ok(note) if note.created < before.millis() => found.push(upload),
                // Completed meanwhile.
                Ok(_) | Err(Error::NotFound) => {}
                Err(other) => return Err(other),
            }
        }
        found.sort_unstable();
        Ok(found)
    }
}

fn hash_file(path: &Path) -> Result<Stored, Error> {
    let mut file = File::open(path)?;
    let mut buffer = vec![0; BUFFER];
    let mut hasher = Hasher::new();
    let mut size = 0_u64;
    loop {
        let read = match file.read(&mut buffer) {
            Ok(0) => return Ok(Stored { sha256: hasher.finish(), size }),
            Ok(read) => read,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            Err(e) => return Err(e.into()),
        };
        hasher.update(buffer.get(..read).unwrap_or_default());
        size = size.saturating_add(u64::try_from(read).unwrap_or(u64::MAX));
    }
}

struct FolderAppend {
    folder: Folder,
    bytes: File,
    note_file: File,
    note: Note,
    end: u64,
    check: Option<(Hash, Hasher)>,
    failed: bool,
    _in_use: InUse,
}

impl FolderAppend {
    /// Bytes after a failed write would stand in the wrong place.
    fn go_on(&self) -> Result<(), Error> {
        if self.failed { Err(io::Error::other("the append failed before").into()) } else { Ok(()) }
    }

    /// Makes the bytes so far count.
    fn acknowledge(&mut self) -> Result<(), Error> {
        if let Err(error) = self.bytes.sync_data() {
            return self.undo(error.into());
        }
        self.folder.step("before acknowledging bytes");
        let note = Note { offset: self.end, ..self.note };
        if let Err(error) = note.save(&mut self.note_file) {
            // The old or the new offset may stand on the disk: the bytes stay for both.
            self.failed = true;
            return Err(error.into());
        }
        self.note = note;
        self.folder.step("after acknowledging bytes");
        Ok(())
    }

    /// Gives the space of unacknowledged bytes back at once. Should even that fail, they do not
    /// count and are cut off before the next append.
    fn undo<T>(&mut self, error: Error) -> Result<T, Error> {
        drop(self.bytes.set_len(self.note.offset));
        self.failed = true;
        Err(error)
    }
}

impl Append for FolderAppend {
    fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.go_on()?;
        let length = self.note.length;
        let end = u64::try_from(bytes.len()).ok().and_then(|n| self.end.checked_add(n));
        let Some(end) = end.filter(|end| *end <= length) else {
            return self.undo(Error::TooLong { length });
        };
        if let Err(error) = self.bytes.write_all(bytes) {
            return self.undo(error.into());
        }
        if let Some((_, hasher)) = &mut self.check {
            hasher.update(bytes);
        }
        self.end = end;
        // What a checksum covers counts only when it is known to be right.
        if self.check.is_none() && self.end.saturating_sub(self.note.offset) >= ACKNOWLEDGED {
            self.acknowledge()?;
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<u64, Error> {
        self.go_on()?;
        if let Some((expected, hasher)) = self.check.take()
            && hasher.finish() != expected
        {
            return self.undo(Error::Checksum);
        }
        self.acknowledge()?;
        Ok(self.end)
    }
}

struct FolderBlob {
    file: File,
    size: u64,
}

impl Read for FolderBlob {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.file.read(buffer)
    }
}

impl Seek for FolderBlob {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.file.seek(to)
    }
}

impl Blob for FolderBlob {
    fn size(&self) -> u64 {
        self.size
    }
}
