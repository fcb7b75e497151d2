//! Writes canonical tar as a stream: no body is ever in memory as a whole.

use std::io::{self, Read, Write};

use super::{BLOCK, MAX_SIZE, TarError, check_order, checked_name, fill_of, header};
use crate::crypto::seal::padme::padme;

/// How much of a body is in memory at a time.
const COPY: usize = 128 * 1024;
const ZEROS: [u8; header::BLOCK_BYTES] = [0; header::BLOCK_BYTES];

/// A canonical tar file being written. Dropping it without [`finish`](Self::finish) leaves a file
/// that every reader refuses.
pub struct Writer<W> {
    out: W,
    first: String,
    before: Option<String>,
    length: u64,
    buffer: Vec<u8>,
}

impl<W: Write> Writer<W> {
    /// A writer onto `out` whose first member will be `first`.
    pub fn new(out: W, first: &str) -> Self {
        Self { out, first: first.to_owned(), before: None, length: 0, buffer: Vec::new() }
    }

    /// Adds a member of exactly `size` bytes, read from `body` to its end.
    ///
    /// # Errors
    /// [`TarError`] when the name is not allowed or not in order, when the body has another size,
    /// or when reading or writing fails. The file is then useless.
    pub fn member(&mut self, name: &str, size: u64, body: &mut dyn Read) -> Result<(), TarError> {
        checked_name(name)?;
        check_order(&self.first, self.before.as_deref(), name)?;
        self.put(&header::encode(name, size)?)?;
        if self.copy(size, body)? {
            self.zeros(fill_of(size))?;
            self.before = Some(name.to_owned());
            Ok(())
        } else {
            Err(TarError::SizeChanged(name.to_owned()))
        }
    }

    /// Ends the file: two zero blocks, then zeros to the PADMÉ size. Gives back the target and the
    /// whole length in bytes.
    ///
    /// # Errors
    /// [`TarError`] when the first member was never written or the target fails.
    pub fn finish(mut self) -> Result<(W, u64), TarError> {
        if self.before.is_none() {
            return Err(TarError::First(self.first));
        }
        self.zeros(2 * BLOCK)?;
        let whole = padme(self.length).ok_or(TarError::Length)?;
        self.zeros(whole - self.length)?;
        Ok((self.out, whole))
    }

    /// Copies the body; false when it is shorter or longer than `size`.
    fn copy(&mut self, size: u64, body: &mut dyn Read) -> Result<bool, TarError> {
        self.buffer.resize(COPY, 0);
        let mut left = size;
        loop {
            let want = usize::try_from(left).unwrap_or(COPY).clamp(1, COPY);
            let room = self.buffer.get_mut(..want).unwrap_or_default();
            let got = match body.read(room) {
                Ok(got) => got,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                Err(e) => return Err(TarError::Io(e)),
            };
            if got == 0 || left == 0 {
                return Ok(got == 0 && left == 0);
            }
            self.out.write_all(room.get(..got).unwrap_or_default()).map_err(TarError::Io)?;
            let got = u64::try_from(got).unwrap_or(left);
            self.length += got;
            left -= got;
        }
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), TarError> {
        self.out.write_all(bytes).map_err(TarError::Io)?;
        self.length += u64::try_from(bytes.len()).map_err(|_| TarError::Length)?;
        Ok(())
    }

    fn zeros(&mut self, mut count: u64) -> Result<(), TarError> {
        while count > 0 {
            let part = usize::try_from(count).unwrap_or(ZEROS.len()).min(ZEROS.len());
            self.put(ZEROS.get(..part).unwrap_or_default())?;
            count -= u64::try_from(part).map_err(|_| TarError::Length)?;
        }
        Ok(())
    }
}

/// The length of the finished file for members of these names' byte lengths and sizes.
///
/// # Errors
/// [`TarError::TooLarge`] when a member, [`TarError::Length`] when the whole is too large.
pub fn length(members: impl IntoIterator<Item = (usize, u64)>) -> Result<u64, TarError> {
    let mut sum = 2 * BLOCK;
    for (name_len, size) in members {
        if size > MAX_SIZE {
            return Err(TarError::TooLarge { declared: size, limit: MAX_SIZE });
        }
        sum = sum
            .checked_add(header::encoded_len(name_len) + size + fill_of(size))
            .ok_or(TarError::Length)?;
    }
    padme(sum).ok_or(TarError::Length)
}
