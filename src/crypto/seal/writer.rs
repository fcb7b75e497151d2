//! The sealing writer: this thread encrypts, a second one hashes and writes.

use std::io::{self, Write};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::thread;

use super::stream::{CHUNK, ChunkKey, Place, SEALED_CHUNK};
use super::{Recipient, SealError, Sealed, header};
use crate::crypto::entropy::Entropy;
use crate::crypto::hash::Hasher;

/// Chunks handed over at a time.
const BATCH: usize = 4;
/// Batches under way between the threads: with [`BATCH`] this bounds the memory at 2 MiB.
const UNDER_WAY: usize = 6;

/// Seals to `recipient` whatever `fill` writes, into `out`, in one pass and constant memory. Gives
/// the sealed file's hash and size with what `fill` returned.
///
/// `out` is written on a second thread and flushed there. Nothing may be done with it on an error:
/// it then holds a file that does not open.
///
/// # Errors
/// Those of `fill`, else [`SealError`].
pub fn seal<W, F, T, E>(
    mut out: W,
    recipient: &Recipient,
    entropy: &dyn Entropy,
    fill: F,
) -> Result<(Sealed, T), E>
where
    W: Write + Send,
    F: FnOnce(&mut SealWriter) -> Result<T, E>,
    E: From<SealError>,
{
    let (header, key) = header::write(recipient, entropy)?;
    let (to, full) = sync_channel::<Vec<u8>>(UNDER_WAY);
    let (back, empty) = sync_channel::<Vec<u8>>(UNDER_WAY + 2);
    thread::scope(|scope| {
        let sink = scope.spawn(move || write_out(&mut out, &full, &back));
        let mut writer = SealWriter { key, batch: header, chunk: 0, to, empty };
        writer.chunk = writer.batch.len();
        let filled = fill(&mut writer);
        let ended = if filled.is_ok() { writer.finish() } else { Ok(()) };
        drop(writer);
        // The sink's own failure is the cause of any "stopped" on this side.
        let sealed = sink.join().map_err(|_| SealError::Stopped)?;
        match (sealed, filled) {
            (Err(e), _) => Err(SealError::Io(e).into()),
            (Ok(_), Err(e)) => Err(e),
            (Ok(sealed), Ok(value)) => ended.map(|()| (sealed, value)).map_err(E::from),
        }
    })
}

/// Hashes and writes batches until the other side is done.
fn write_out(
    out: &mut dyn Write,
    full: &Receiver<Vec<u8>>,
    back: &SyncSender<Vec<u8>>,
) -> io::Result<Sealed> {
    let mut hasher = Hasher::new();
    let mut size = 0;
    for mut batch in full {
        hasher.update(&batch);
        out.write_all(&batch)?;
        size += u64::try_from(batch.len()).map_err(io::Error::other)?;
        batch.clear();
        #[expect(clippy::let_underscore_must_use, reason = "an ended writer needs no buffer again")]
        let _ = back.try_send(batch);
    }
    out.flush()?;
    Ok(Sealed { sha256: hasher.finish(), size })
}

/// What [`seal`] encrypts: everything written here.
pub struct SealWriter {
    key: ChunkKey,
    /// Finished ciphertext, then from `chunk` on the plain bytes of the chunk being filled.
    batch: Vec<u8>,
    chunk: usize,
    to: SyncSender<Vec<u8>>,
    empty: Receiver<Vec<u8>>,
}

impl SealWriter {
    /// Encrypts the chunk in place and lets the next one begin behind its tag.
    fn close_chunk(&mut self, place: Place) -> Result<(), SealError> {
        let chunk = self.batch.get_mut(self.chunk..).unwrap_or_default();
        let tag = self.key.seal(chunk, place).map_err(|_| SealError::Stopped)?;
        self.batch.extend_from_slice(tag.as_ref());
        self.chunk = self.batch.len();
        if self.chunk > BATCH * SEALED_CHUNK - CHUNK || place == Place::Last {
            self.hand_over()?;
        }
        Ok(())
    }

    fn hand_over(&mut self) -> Result<(), SealError> {
        let next = match self.empty.try_recv() {
            Ok(buffer) => buffer,
            Err(TryRecvError::Empty | TryRecvError::Disconnected) => {
                Vec::with_capacity(BATCH * SEALED_CHUNK)
            }
        };
        let full = std::mem::replace(&mut self.batch, next);
        self.chunk = 0;
        self.to.send(full).map_err(|_| SealError::Stopped)
    }

    fn finish(&mut self) -> Result<(), SealError> {
        self.close_chunk(Place::Last)
    }
}

impl Write for SealWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.is_empty() {
            return Ok(0);
        }
        // A full chunk is closed only when more follows, for the last one is marked as such.
        if self.batch.len() - self.chunk == CHUNK {
            self.close_chunk(Place::Inner).map_err(io::Error::other)?;
        }
        let room = CHUNK - (self.batch.len() - self.chunk);
        let part = bytes.get(..room).unwrap_or(bytes);
        self.batch.extend_from_slice(part);
        Ok(part.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
