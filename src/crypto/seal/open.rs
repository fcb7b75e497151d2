//! The opening reader: decrypts on the reader's thread; with hashing, a second thread reads ahead
//! and hashes the ciphertext.

use std::io::{self, BufRead, Read, Write};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread::{self, JoinHandle};

use super::profile::{HEADER_LIMIT, check_header};
use super::stream::{ChunkKey, Place, SEALED_CHUNK};
use super::{Identity, OpenError, Sealed, header};
use crate::crypto::hash::Hasher;

/// Chunks read ahead at a time.
const BATCH: usize = 4;
/// Batches under way between the threads.
const UNDER_WAY: usize = 6;

/// The plain bytes of a sealed file, as [`Read`]. Each chunk is authentic before a byte of it is
/// given out; the whole is proven only when reading has given 0. Failures are [`OpenError`]s
/// inside the [`io::Error`]: see [`OpenError::from_io`].
pub struct Opened<'a> {
    key: ChunkKey,
    source: Box<dyn Source + 'a>,
    batch: Batch,
    /// The sealed bytes of `batch` not yet decrypted begin here.
    next: usize,
    /// The plain bytes not yet given out: from..to in `batch`.
    plain: (usize, usize),
    ended: bool,
}

/// Opens a sealed file as far as it is read, on this thread and without hashing it.
///
/// # Errors
/// [`OpenError`] when the header does not fit the profile or the identity is another's.
pub fn open<'a, R: Read + Send + 'a>(
    reader: R,
    identity: &Identity,
) -> Result<Opened<'a>, OpenError> {
    let (feed, key) = Feed::start(reader, identity, None, SEALED_CHUNK)?;
    Ok(Opened::new(key, Box::new(feed), SEALED_CHUNK))
}

/// Opens a sealed file and takes the SHA-256 of its ciphertext on a second thread, for
/// [`Opened::finish`].
///
/// # Errors
/// [`OpenError`] as in [`open`], or when no thread starts.
pub fn open_hashed<R: Read + Send + 'static>(
    reader: R,
    identity: &Identity,
) -> Result<Opened<'static>, OpenError> {
    let size = BATCH * SEALED_CHUNK;
    let (feed, key) = Feed::start(reader, identity, Some(Hasher::new()), size)?;
    Ok(Opened::new(key, Box::new(Ahead::start(feed, size)?), size))
}

impl<'a> Opened<'a> {
    fn new(key: ChunkKey, source: Box<dyn Source + 'a>, batch_size: usize) -> Self {
        let batch = Batch::new(batch_size);
        Self { key, source, batch, next: 0, plain: (0, 0), ended: false }
    }

    /// Reads to the end, which proves the file whole, and gives the hash and size of the sealed
    /// file; `None` when it was opened without hashing.
    ///
    /// # Errors
    /// [`OpenError`] when the rest is not authentic or cannot be read.
    pub fn finish(mut self) -> Result<Option<Sealed>, OpenError> {
        while !self.ended {
            self.open_chunk()?;
        }
        Ok(self.source.sealed())
    }

    /// Writes everything that is left into `out` without a copy in between, and gives the number
    /// of bytes. The whole is proven when this returns.
    ///
    /// # Errors
    /// As reading; what was written must then not be used as a whole.
    pub fn copy_to(&mut self, out: &mut dyn Write) -> io::Result<u64> {
        let mut copied = 0;
        loop {
            let plain = self.fill_buf()?;
            let count = plain.len();
            if count == 0 {
                return Ok(copied);
            }
            out.write_all(plain)?;
            self.consume(count);
            copied += u64::try_from(count).map_err(io::Error::other)?;
        }
    }

    /// Decrypts the next chunk, or finds that there is none.
    fn open_chunk(&mut self) -> Result<(), OpenError> {
        if self.next >= self.batch.filled {
            if self.batch.last {
                self.ended = true;
                return Ok(());
            }
            let used = std::mem::take(&mut self.batch);
            self.batch = self.source.next(used).map_err(OpenError::Io)?;
            self.next = 0;
            if self.batch.filled == 0 {
                return Err(OpenError::Truncated);
            }
        }
        let end = self.batch.filled.min(self.next + SEALED_CHUNK);
        let last = self.batch.last && end == self.batch.filled;
        let number = self.key.counter();
        let sealed = self.batch.bytes.get_mut(self.next..end).unwrap_or_default();
        let place = if last { Place::Last } else { Place::Inner };
        let size = self.key.open(sealed, place).map_err(|_| OpenError::Chunk(number))?;
        // The format lets a payload be empty, but not a last chunk after others.
        if size == 0 && number > 0 {
            return Err(OpenError::Chunk(number));
        }
        self.plain = (self.next, self.next + size);
        self.next = end;
        Ok(())
    }
}

impl BufRead for Opened<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while self.plain.0 == self.plain.1 && !self.ended {
            self.open_chunk()?;
        }
        Ok(self.batch.bytes.get(self.plain.0..self.plain.1).unwrap_or_default())
    }

    fn consume(&mut self, count: usize) {
        self.plain.0 = self.plain.1.min(self.plain.0.saturating_add(count));
    }
}

impl Read for Opened<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let plain = self.fill_buf()?;
        let part = plain.get(..out.len()).unwrap_or(plain);
        let count = part.len();
        out.get_mut(..count).unwrap_or_default().copy_from_slice(part);
        self.consume(count);
        Ok(count)
    }
}

/// Sealed bytes on their way to be decrypted.
#[derive(Default)]
struct Batch {
    /// Always of its full size; only the first `filled` bytes count.
    bytes: Vec<u8>,
    filled: usize,
    /// The file ends with this batch.
    last: bool,
}

impl Batch {
    fn new(size: usize) -> Self {
        Self { bytes: vec![0; size], filled: 0, last: false }
    }
}

/// Where batches come from.
trait Source: Send {
    /// The next batch, in exchange for a used one.
    fn next(&mut self, used: Batch) -> io::Result<Batch>;
    /// What was learned of the file, once its last batch has been taken.
    fn sealed(&mut self) -> Option<Sealed>;
}

/// Reads batches, one ahead, so that the last is known as such.
struct Feed<R> {
    reader: io::Chain<io::Cursor<Vec<u8>>, R>,
    hasher: Option<Hasher>,
    size: u64,
    ahead: Batch,
}

impl<R: Read + Send> Feed<R> {
    /// Checks the header, unwraps its key and reads the first batch.
    fn start(
        mut reader: R,
        identity: &Identity,
        hasher: Option<Hasher>,
        batch_size: usize,
    ) -> Result<(Self, ChunkKey), OpenError> {
        let mut first = vec![0; HEADER_LIMIT];
        let got = fill(&mut reader, &mut first).map_err(OpenError::Io)?;
        first.truncate(got);
        let profile = check_header(&first)?;
        let start = profile.header_len + header::NONCE_LEN;
        let nonce = first.get(profile.header_len..start).ok_or(OpenError::Truncated)?;
        let key = header::open(&first, &profile, nonce, identity)?;
        let rest = first.split_off(start);
        let reader = io::Cursor::new(rest).chain(reader);
        let mut feed = Self { reader, hasher, size: 0, ahead: Batch::default() };
        feed.learn(&first).map_err(OpenError::Io)?;
        feed.next(Batch::new(batch_size)).map_err(OpenError::Io)?;
        Ok((feed, key))
    }

    fn learn(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.size += u64::try_from(bytes.len()).map_err(io::Error::other)?;
        if let Some(hasher) = &mut self.hasher {
            hasher.update(bytes);
        }
        Ok(())
    }
}

impl<R: Read + Send> Source for Feed<R> {
    fn next(&mut self, mut used: Batch) -> io::Result<Batch> {
        used.filled = fill(&mut self.reader, &mut used.bytes)?;
        self.learn(used.bytes.get(..used.filled).unwrap_or_default())?;
        used.last = used.filled < used.bytes.len();
        if used.filled == 0 {
            self.ahead.last = true;
        }
        Ok(std::mem::replace(&mut self.ahead, used))
    }

    fn sealed(&mut self) -> Option<Sealed> {
        let sha256 = self.hasher.take()?.finish();
        Some(Sealed { sha256, size: self.size })
    }
}

/// A [`Feed`] running on its own thread.
struct Ahead {
    full: Receiver<io::Result<Batch>>,
    back: Sender<Batch>,
    feed: Option<JoinHandle<Option<Sealed>>>,
}

impl Ahead {
    fn start<R: Read + Send + 'static>(
        mut feed: Feed<R>,
        batch_size: usize,
    ) -> Result<Self, OpenError> {
        let (to, full) = sync_channel(UNDER_WAY);
        let (back, used) = channel();
        let thread = thread::Builder::new()
            .name("seal-ahead".to_owned())
            .spawn(move || feed.run(&to, &used, batch_size))
            .map_err(OpenError::Io)?;
        Ok(Self { full, back, feed: Some(thread) })
    }
}

impl<R: Read + Send> Feed<R> {
    /// Reads until the file ends, reading fails, or nobody wants more.
    fn run(
        &mut self,
        to: &SyncSender<io::Result<Batch>>,
        used: &Receiver<Batch>,
        batch_size: usize,
    ) -> Option<Sealed> {
        loop {
            let buffer = used.try_recv().unwrap_or_else(|_| Batch::new(batch_size));
            let next = self.next(buffer);
            let over = next.as_ref().map_or(true, |batch| batch.last);
            to.send(next).ok()?;
            if over {
                return self.sealed();
            }
        }
    }
}

impl Source for Ahead {
    fn next(&mut self, used: Batch) -> io::Result<Batch> {
        if !used.bytes.is_empty() {
            #[expect(clippy::let_underscore_must_use, reason = "gone after the last batch")]
            let _ = self.back.send(used);
        }
        self.full.recv().map_err(|_| io::Error::other("the reading thread stopped"))?
    }

    fn sealed(&mut self) -> Option<Sealed> {
        self.feed.take()?.join().ok()?
    }
}

/// Reads until `out` is full or the source ends; gives the number of bytes.
fn fill(reader: &mut impl Read, out: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    loop {
        match reader.read(out.get_mut(filled..).unwrap_or_default()) {
            Ok(0) => return Ok(filled),
            Ok(got) => filled += got,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
}
