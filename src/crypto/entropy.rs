//! Randomness as a parameter: rules take bytes, the edge fills them here.

use ring::rand::{SecureRandom, SystemRandom};
use std::sync::Mutex;

use super::hash::Hash;

/// A source of unpredictable bytes.
pub trait Entropy: Send + Sync {
    /// Fills `out` or fails; it never returns fewer bytes.
    ///
    /// # Errors
    /// [`NoEntropy`] when the system gives none.
    fn fill(&self, out: &mut [u8]) -> Result<(), NoEntropy>;
}

/// The system's generator gave no bytes; nothing may go on without them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the system's random generator failed")]
pub struct NoEntropy;

/// An array of random bytes.
///
/// # Errors
/// [`NoEntropy`] when the source fails.
pub fn array<const N: usize>(entropy: &dyn Entropy) -> Result<[u8; N], NoEntropy> {
    let mut out = [0; N];
    entropy.fill(&mut out)?;
    Ok(out)
}

/// ring's generator over the operating system's.
pub struct SystemEntropy(SystemRandom);

impl SystemEntropy {
    /// The system's generator.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "the one place that takes system randomness")]
    pub fn new() -> Self {
        Self(SystemRandom::new())
    }
}

impl Default for SystemEntropy {
    fn default() -> Self {
        Self::new()
    }
}

impl Entropy for SystemEntropy {
    fn fill(&self, out: &mut [u8]) -> Result<(), NoEntropy> {
        self.0.fill(out).map_err(|_| NoEntropy)
    }
}

/// A repeatable stream for tests and simulations: SHA-256 in counter mode over a seed.
pub struct SeededEntropy(Mutex<(u64, u64)>);

impl SeededEntropy {
    /// The stream of `seed`.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(Mutex::new((seed, 0)))
    }
}

impl Entropy for SeededEntropy {
    fn fill(&self, out: &mut [u8]) -> Result<(), NoEntropy> {
        let mut state = self.0.lock().map_err(|_| NoEntropy)?;
        for chunk in out.chunks_mut(32) {
            let block = Hash::of_parts(&[&state.0.to_be_bytes(), &state.1.to_be_bytes()]);
            state.1 = state.1.wrapping_add(1);
            chunk.iter_mut().zip(block.as_bytes()).for_each(|(o, b)| *o = *b);
        }
        Ok(())
    }
}
