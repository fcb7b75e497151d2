//! Reads canonical tar as a stream and refuses everything that the writer would not have written.

use std::io::{self, Read};

use super::header::{self, BLOCK_BYTES, Block};
use super::{BLOCK, Limits, TarError, check_order, checked_name, fill_of};
use crate::crypto::seal::padme::padme;

/// A canonical tar file being read. It is proven whole only when
/// [`next_member`](Self::next_member) has given `None`.
pub struct Reader<R> {
    source: R,
    first: String,
    limits: Limits,
    before: Option<String>,
    members: u32,
    total: u64,
    /// Bytes consumed so far.
    position: u64,
    /// Bytes of the current body not yet read, and the zeros after it.
    body: u64,
    fill: u64,
    ended: bool,
}

/// A member: its name and size, and its body as [`Read`]. What is left unread is skipped.
pub struct Member<'a, R> {
    reader: &'a mut Reader<R>,
    name: String,
    size: u64,
}

impl<R: Read> Reader<R> {
    /// A reader of `source`, whose first member must be `first`.
    pub fn new(source: R, first: &str, limits: Limits) -> Self {
        Self {
            source,
            first: first.to_owned(),
            limits,
            before: None,
            members: 0,
            total: 0,
            position: 0,
            body: 0,
            fill: 0,
            ended: false,
        }
    }

    /// The next member, or `None` once the end, its padding and the whole length are proven right.
    ///
    /// # Errors
    /// [`TarError`] for the first thing that is wrong; the reader is of no use afterwards.
    pub fn next_member(&mut self) -> Result<Option<Member<'_, R>>, TarError> {
        if self.ended {
            return Ok(None);
        }
        self.leave_body()?;
        let block = self.block()?;
        if is_zero(&block) {
            self.end()?;
            return Ok(None);
        }
        let (name, size) = self.header(block)?;
        checked_name(&name)?;
        check_order(&self.first, self.before.as_deref(), &name)?;
        self.admit(size)?;
        self.body = size;
        self.fill = fill_of(size);
        self.before = Some(name.clone());
        Ok(Some(Member { reader: self, name, size }))
    }

    /// The member called `name`, skipping those before it; `None` when the proven whole has none.
    ///
    /// # Errors
    /// [`TarError`] as in [`next_member`](Self::next_member).
    pub fn find(mut self, name: &str) -> Result<Option<FoundMember<R>>, TarError> {
        while let Some(member) = self.next_member()? {
            if member.name == name {
                let size = member.size;
                return Ok(Some(FoundMember { reader: self, size }));
            }
        }
        Ok(None)
    }

    /// The source, to ask it for what it learned while being read.
    pub fn into_source(self) -> R {
        self.source
    }

    /// Reads on to the next header, checking the zeros after the body.
    fn leave_body(&mut self) -> Result<(), TarError> {
        let mut scratch = [0; 8 * 1024];
        while self.body > 0 {
            self.read_body(&mut scratch)?;
        }
        let fill = usize::try_from(self.fill).unwrap_or(BLOCK_BYTES);
        self.fill = 0;
        let rest = scratch.get_mut(..fill).unwrap_or_default();
        self.source.read_exact(rest)?;
        self.position += u64::try_from(fill).unwrap_or(BLOCK);
        if is_zero(rest) { Ok(()) } else { Err(TarError::Padding) }
    }

    /// A member's name and size from its first header block, which must be canonical bytes.
    fn header(&mut self, block: Block) -> Result<(String, u64), TarError> {
        let mut seen = block.to_vec();
        let mut claim = header::claim(&block)?;
        let mut long_name = None;
        if claim.kind == b'x' {
            let pax = self.block()?;
            let inner = self.block()?;
            long_name = Some(header::pax_name(&pax, claim.size)?);
            seen.extend_from_slice(&pax);
            seen.extend_from_slice(&inner);
            claim = header::claim(&inner)?;
        }
        match claim.kind {
            b'0' => {}
            b'1' | b'2' => return Err(TarError::Link),
            b'5' => return Err(TarError::Folder),
            kind => return Err(TarError::Kind(kind)),
        }
        let name = match long_name {
            Some(name) => name,
            None => header::utf8(&claim.name)?,
        };
        if header::encode(&name, claim.size)? == seen {
            Ok((name, claim.size))
        } else {
            Err(TarError::Header)
        }
    }

    /// Counts a member against the limits, before its body is touched.
    fn admit(&mut self, size: u64) -> Result<(), TarError> {
        self.members += 1;
        self.total = self.total.saturating_add(size);
        if self.members > self.limits.members {
            return Err(TarError::TooMany(self.limits.members));
        }
        for (declared, limit) in [(size, self.limits.member_size), (self.total, self.limits.total)]
        {
            if declared > limit {
                return Err(TarError::TooLarge { declared, limit });
            }
        }
        Ok(())
    }

    /// After the first zero block: a second one, zeros to the PADMÉ size, and nothing more.
    fn end(&mut self) -> Result<(), TarError> {
        if self.before.is_none() {
            return Err(TarError::First(self.first.clone()));
        }
        if !is_zero(&self.block()?) {
            return Err(TarError::Padding);
        }
        let whole = padme(self.position).ok_or(TarError::Length)?;
        let mut scratch = [0; 8 * 1024];
        loop {
            let got = match self.source.read(&mut scratch) {
                Ok(0) if self.position == whole => break,
                Ok(0) => return Err(TarError::Length),
                Ok(got) => got,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                Err(e) => return Err(e.into()),
            };
            if !is_zero(scratch.get(..got).unwrap_or_default()) {
                return Err(TarError::Padding);
            }
            self.position += u64::try_from(got).map_err(|_| TarError::Length)?;
            if self.position > whole {
                return Err(TarError::Length);
            }
        }
        self.ended = true;
        Ok(())
    }

    fn block(&mut self) -> Result<Block, TarError> {
        let mut block = [0; BLOCK_BYTES];
        self.source.read_exact(&mut block)?;
        self.position += BLOCK;
        Ok(block)
    }

    /// Some bytes of the current body; 0 at its end.
    fn read_body(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let room = usize::try_from(self.body).unwrap_or(out.len()).min(out.len());
        if room == 0 {
            return Ok(0);
        }
        let got = self.source.read(out.get_mut(..room).unwrap_or_default())?;
        if got == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let count = u64::try_from(got).unwrap_or(self.body);
        self.body -= count;
        self.position += count;
        Ok(got)
    }
}

impl<R> Member<'_, R> {
    /// The name, already checked.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The body's size in bytes.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }
}

impl<R: Read> Member<'_, R> {
    /// The whole body, which must not exceed `limit` bytes: for small members only.
    ///
    /// # Errors
    /// [`TarError`] when it is larger or cannot be read.
    pub fn read_all(mut self, limit: u64) -> Result<Vec<u8>, TarError> {
        if self.size > limit {
            return Err(TarError::TooLarge { declared: self.size, limit });
        }
        let mut out = Vec::with_capacity(usize::try_from(self.size).unwrap_or(0));
        self.read_to_end(&mut out)?;
        Ok(out)
    }
}

impl<R: Read> Read for Member<'_, R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.reader.read_body(out)
    }
}

/// A member that owns its reader, so that its body can be streamed away from the whole.
pub struct FoundMember<R> {
    reader: Reader<R>,
    size: u64,
}

impl<R: Read> FoundMember<R> {
    /// The body's size in bytes.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Reads on to the end and proves the rest of the file.
    ///
    /// # Errors
    /// [`TarError`] as in [`Reader::next_member`].
    pub fn prove_rest(mut self) -> Result<R, TarError> {
        while self.reader.next_member()?.is_some() {}
        Ok(self.reader.source)
    }
}

impl<R: Read> Read for FoundMember<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.reader.read_body(out)
    }
}

fn is_zero(bytes: &[u8]) -> bool {
    bytes.iter().all(|b| *b == 0)
}
