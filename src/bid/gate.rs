//! What stands before an envelope's first bytes: a file that does not begin as it must is refused
//! there, and not after two gigabytes.
//!
//! Deliberately absent: uploads that go on from within their first 4 KiB. Their beginning is on the
//! disk already; they are judged when complete, as every upload is.

use crate::blob::{Append, Error};
use crate::crypto::seal::profile::HEADER_LIMIT;
use crate::crypto::seal::{PayloadKind, check_header, check_length};

/// An append from byte 0, until its header has passed.
pub(super) struct Gate {
    inner: Box<dyn Append>,
    length: u64,
    /// What came so far; gone once the header has passed.
    head: Option<Vec<u8>>,
}

impl Gate {
    /// Guards an append to an envelope of `length` bytes.
    pub(super) const fn new(inner: Box<dyn Append>, length: u64) -> Self {
        Self { inner, length, head: Some(Vec::new()) }
    }

    /// Takes the head's bytes; judges it once it is whole.
    fn see(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let Some(head) = &mut self.head else { return Ok(()) };
        let missing = HEADER_LIMIT.saturating_sub(head.len());
        head.extend_from_slice(bytes.get(..missing).unwrap_or(bytes));
        if head.len() < HEADER_LIMIT {
            return Ok(());
        }
        let profile = check_header(head)?;
        check_length(profile.header_len, self.length, PayloadKind::Bid)?;
        self.head = None;
        Ok(())
    }
}

impl Append for Gate {
    fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.see(bytes)?;
        self.inner.write(bytes)
    }

    fn finish(self: Box<Self>) -> Result<u64, Error> {
        self.inner.finish()
    }
}
