//! RFC 3797, section 4: an order of a pool's members that follows from a key and nothing else.
//!
//! Invariant: which member stands at a position depends on hash, key and the pool's size alone, so a
//! longer walk begins as a shorter one does, and nobody's place in the pool makes it likelier. The hash
//! is the caller's, so that the RFC's own example (MD5) walks this very code; draws use SHA-256.
//! Deliberately absent: any shuffle or generator of a library, whose next version may differ.

use crate::crypto::hash::Hash;
use crate::draw::statements::Label;

/// The counter has two bytes, so a walk is never longer (protocol §5.11).
pub const POSITIONS: u32 = 1 << 16;

/// A member of the pool at its position of the walk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Selected {
    /// From 0, the RFC's counter.
    pub position: u16,
    /// The member's place in the pool as it was committed, from 0.
    pub index: u64,
}

/// The walk: every member once, until the pool is empty or the counter is at its end.
pub struct Selection<H> {
    hash: H,
    key: Vec<u8>,
    size: u32,
    /// Indices selected so far, ascending.
    selected: Vec<u64>,
}

/// Walks a pool of `size` members by the digests `hash(counter ‖ key ‖ counter)`, the counter in two
/// bytes, big-endian, from 0.
pub fn select<H, D>(hash: H, key: &[u8], size: u32) -> Selection<H>
where
    H: Fn(&[&[u8]]) -> D,
    D: AsRef<[u8]>,
{
    Selection { hash, key: key.to_vec(), size, selected: Vec::new() }
}

/// The walk over one stratum of a draw: SHA-256, and the key `hex(seed)"/"label"/"`.
pub fn select_stratum(
    seed: &Hash,
    label: &Label,
    size: u32,
) -> Selection<impl Fn(&[&[u8]]) -> Hash + use<>> {
    select(Hash::of_parts, format!("{seed}/{label}/").as_bytes(), size)
}

impl<H> Selection<H> {
    /// Takes out the member that stands at `rank` among those left, which keep their order.
    fn take(&mut self, rank: u64) -> u64 {
        let (mut low, mut high) = (0, self.selected.len());
        while low < high {
            let middle = low.midpoint(high);
            // So many that are left stand before the one selected there.
            let left_before = |index: &u64| index.saturating_sub(wide(middle));
            if self.selected.get(middle).map(left_before).is_some_and(|left| left <= rank) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        let index = rank + wide(low);
        self.selected.insert(low, index);
        index
    }
}

fn wide(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

impl<H, D> Iterator for Selection<H>
where
    H: Fn(&[&[u8]]) -> D,
    D: AsRef<[u8]>,
{
    type Item = Selected;

    fn next(&mut self) -> Option<Selected> {
        let position = u16::try_from(self.selected.len()).ok()?;
        let left = self.size.checked_sub(u32::from(position)).filter(|left| *left > 0)?;
        let counter = position.to_be_bytes();
        let digest = (self.hash)(&[&counter, &self.key, &counter]);
        let index = self.take(remainder(digest.as_ref(), left));
        Some(Selected { position, index })
    }
}

/// The digest as one big-endian integer, modulo a divisor that is not 0: exact, a byte at a time.
fn remainder(digest: &[u8], divisor: u32) -> u64 {
    let divisor = u64::from(divisor);
    digest.iter().fold(0, |rest, byte| ((rest << 8) | u64::from(*byte)) % divisor)
}
