//! age's payload encryption (STREAM): 64 KiB chunks of ChaCha20-Poly1305 under a counter nonce.
//!
//! Source: <https://c2sp.org/age#payload>. The cipher is ring's, which is about twice as fast as
//! the one in the age crate; docs/decisions/stream-on-ring.md has the figures and the limits.
//!
//! Invariant: one key seals one payload, its counter only rises, and exactly the last chunk carries
//! the last mark, so neither reordering nor cutting goes unnoticed.

use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, Tag, UnboundKey};
use zeroize::Zeroizing;

/// Plain bytes of a chunk.
pub(super) const CHUNK: usize = 64 * 1024;
/// Bytes that authenticate a chunk.
pub(super) const TAG: usize = 16;
/// A full chunk as it stands in the file.
pub(super) const SEALED_CHUNK: usize = CHUNK + TAG;

/// Whether a chunk ends its payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// More chunks follow.
    Inner,
    /// Nothing follows.
    Last,
}

/// A chunk that does not authenticate at its place, or a payload over 2^64 chunks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BadChunk;

/// The key of one payload and the number of the next chunk.
pub(super) struct ChunkKey {
    key: LessSafeKey,
    counter: u64,
}

impl ChunkKey {
    /// The key for a payload, derived from its file key and nonce.
    #[expect(clippy::expect_used, reason = "32 bytes are what the cipher takes")]
    pub(super) fn new(key: &Zeroizing<[u8; 32]>) -> Self {
        let key = UnboundKey::new(&CHACHA20_POLY1305, &key[..]).expect("a key of 32 bytes");
        Self { key: LessSafeKey::new(key), counter: 0 }
    }

    /// The number of the chunk that comes next, from 0.
    pub(super) const fn counter(&self) -> u64 {
        self.counter
    }

    /// Encrypts a chunk in place and gives its tag.
    pub(super) fn seal(&mut self, chunk: &mut [u8], place: Place) -> Result<Tag, BadChunk> {
        let nonce = self.next_nonce(place)?;
        self.key.seal_in_place_separate_tag(nonce, Aad::empty(), chunk).map_err(|_| BadChunk)
    }

    /// Decrypts a chunk with its tag in place; the plain bytes are the first ones of `sealed`.
    pub(super) fn open(&mut self, sealed: &mut [u8], place: Place) -> Result<usize, BadChunk> {
        let nonce = self.next_nonce(place)?;
        let plain = self.key.open_in_place(nonce, Aad::empty(), sealed).map_err(|_| BadChunk)?;
        Ok(plain.len())
    }

    /// Eleven bytes of big-endian counter, one byte 0x01 for the last chunk.
    fn next_nonce(&mut self, place: Place) -> Result<Nonce, BadChunk> {
        let mut nonce = [0; 12];
        let (count, last) = nonce.split_at_mut(11);
        for (to, from) in count.iter_mut().skip(3).zip(self.counter.to_be_bytes()) {
            *to = from;
        }
        last.fill(u8::from(place == Place::Last));
        self.counter = self.counter.checked_add(1).ok_or(BadChunk)?;
        Ok(Nonce::assume_unique_for_key(nonce))
    }
}
