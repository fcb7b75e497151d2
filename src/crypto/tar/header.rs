//! The header of a member: 512 bytes of ustar, preceded for long names by a pax header.
//!
//! Source: POSIX.1-2024, pax, "ustar Interchange Format". GNU tar writes the same bytes with
//! `--format=ustar --owner=:0 --group=:0 --mode=0644 --mtime=@0`.

use super::{BLOCK, BadName, MAX_NAME, MAX_SIZE, TarError};

/// The name field of ustar. Names are flat, so its `prefix` field can never be used.
const NAME_FIELD: usize = 100;
/// The name that every pax header bears, as Python's tarfile writes it.
const PAX_NAME: &str = "././@PaxHeader";
/// The size of a block in memory.
pub(super) const BLOCK_BYTES: usize = 512;

/// One block as it stands in the file.
pub(super) type Block = [u8; BLOCK_BYTES];

/// All header bytes of a member: one block, or three for a name over 100 bytes.
pub(super) fn encode(name: &str, size: u64) -> Result<Vec<u8>, TarError> {
    if size > MAX_SIZE {
        return Err(TarError::TooLarge { declared: size, limit: MAX_SIZE });
    }
    if name.len() <= NAME_FIELD {
        return Ok(block(name, size, b'0'));
    }
    let record = pax_record(name);
    let length = u64::try_from(record.len()).unwrap_or(BLOCK);
    let mut out = block(PAX_NAME, length, b'x');
    out.extend_from_slice(record.as_bytes());
    out.resize(2 * BLOCK_BYTES, 0);
    out.extend_from_slice(&block(shortened(name), size, b'0'));
    Ok(out)
}

/// The bytes that [`encode`] gives for a name of this many bytes.
pub(super) const fn encoded_len(name_len: usize) -> u64 {
    if name_len <= NAME_FIELD { BLOCK } else { 3 * BLOCK }
}

/// `"<length> path=<name>\n"`, the length counting its own digits.
fn pax_record(name: &str) -> String {
    let rest = " path=\n".len() + name.len();
    let mut length = rest + 1;
    while rest + length.to_string().len() != length {
        length = rest + length.to_string().len();
    }
    format!("{length} path={name}\n")
}

/// As much of a long name as the name field holds, cut between characters.
fn shortened(name: &str) -> &str {
    let mut end = NAME_FIELD;
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    name.get(..end).unwrap_or(name)
}

fn block(name: &str, size: u64, kind: u8) -> Vec<u8> {
    let mut out = Vec::with_capacity(BLOCK_BYTES);
    out.extend_from_slice(name.as_bytes());
    out.resize(NAME_FIELD, 0);
    out.extend_from_slice(b"0000644\x000000000\x000000000\0");
    out.extend_from_slice(format!("{size:011o}\0").as_bytes());
    out.extend_from_slice(b"00000000000\0");
    let checksum_at = out.len();
    out.extend_from_slice(b"        ");
    out.push(kind);
    out.resize(257, 0);
    out.extend_from_slice(b"ustar\x0000");
    out.resize(329, 0);
    out.extend_from_slice(b"0000000\x000000000\0");
    out.resize(BLOCK_BYTES, 0);
    let sum: u32 = out.iter().copied().map(u32::from).sum();
    out.splice(checksum_at..checksum_at + 8, format!("{sum:06o}\0 ").into_bytes());
    out
}

/// What a header block claims, before anybody believes it.
pub(super) struct Claim {
    pub(super) name: Vec<u8>,
    pub(super) size: u64,
    pub(super) kind: u8,
}

/// Reads the three fields that matter. Everything else is judged by encoding them again and
/// comparing bytes.
pub(super) fn claim(block: &Block) -> Result<Claim, TarError> {
    let field = |from: usize, to: usize| block.get(from..to).unwrap_or_default();
    let name = field(0, NAME_FIELD).split(|b| *b == 0).next().unwrap_or_default().to_vec();
    let size = std::str::from_utf8(field(124, 135))
        .ok()
        .filter(|digits| digits.bytes().all(|b| b.is_ascii_digit()))
        .and_then(|digits| u64::from_str_radix(digits, 8).ok())
        .ok_or(TarError::Header)?;
    let kind = block.get(156).copied().unwrap_or_default();
    Ok(Claim { name, size, kind })
}

/// The name in a pax record that fills `size` bytes of `block`; nothing but a path is allowed.
pub(super) fn pax_name(block: &Block, size: u64) -> Result<String, TarError> {
    let length = usize::try_from(size).map_err(|_| TarError::Header)?;
    let record = block.get(..length).ok_or(TarError::Header)?;
    let start = record.iter().position(|b| *b == b'=').ok_or(TarError::Header)? + 1;
    let name = record.get(start..length.saturating_sub(1)).ok_or(TarError::Header)?;
    if name.len() > MAX_NAME {
        return Err(bad(name, BadName::Long));
    }
    utf8(name)
}

/// A name's bytes as text.
pub(super) fn utf8(name: &[u8]) -> Result<String, TarError> {
    String::from_utf8(name.to_vec()).map_err(|_| bad(name, BadName::NotUtf8))
}

fn bad(name: &[u8], why: BadName) -> TarError {
    TarError::Name { name: name.escape_ascii().to_string(), why }
}
