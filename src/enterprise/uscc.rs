//! The Unified Social Credit Code 统一社会信用代码 (GB 32100-2015), with the organisation code
//! (GB 11714-1997) inside it.
//!
//! Invariant: an [`Uscc`] has 18 characters and both of its checksums are right, so any single wrong
//! character and any swap that changes the weights was refused. It proves nothing about the
//! existence of the organisation: that is the operator's verification.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::crypto::entropy::{self, Entropy, NoEntropy};
use crate::error::{Arg, Args, Refusal};

/// The 31 characters of GB 32100; a character's place is its value. No I, O, S, V, Z.
const ALPHABET: &[u8; 31] = b"0123456789ABCDEFGHJKLMNPQRTUWXY";
/// GB 32100: weight of position i is 3^i mod 31.
const OUTER_WEIGHTS: [usize; 17] = [1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28];
/// GB 11714: weights of the eight characters of the body.
const BODY_WEIGHTS: [usize; 8] = [3, 7, 9, 10, 5, 8, 4, 2];
/// Characters that people and scanners take for one another; the first of each is in the alphabet.
const LOOK_ALIKES: [(u8, u8); 12] = [
    (b'0', b'O'),
    (b'1', b'I'),
    (b'1', b'L'),
    (b'2', b'Z'),
    (b'5', b'S'),
    (b'U', b'V'),
    (b'8', b'B'),
    (b'0', b'D'),
    (b'0', b'Q'),
    (b'6', b'G'),
    (b'U', b'W'),
    (b'M', b'N'),
];

/// A code whose shape and checksums are right.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Uscc([u8; 18]);

/// Why a text is not a code. Positions count from 1, as people do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UsccError {
    /// Not 18 characters after spaces were dropped.
    #[error("{found} characters instead of 18")]
    Length {
        /// How many there are.
        found: usize,
    },
    /// A character that no code contains.
    #[error("character {position}, {found:?}, is not used in these codes")]
    Character {
        /// Where, from 1.
        position: usize,
        /// What stands there.
        found: char,
        /// What was probably meant.
        meant: Option<char>,
    },
    /// A letter in the region (characters 3 to 8).
    #[error("character {position}, {found:?}, belongs to the region and must be a digit")]
    Region {
        /// Where, from 1.
        position: usize,
        /// What stands there.
        found: char,
    },
    /// A checksum is wrong, so at least one character is.
    #[error("the checksum at character {position} should be {expected:?} and is {found:?}")]
    Checksum {
        /// 17 for the organisation code's, 18 for the whole code's.
        position: usize,
        /// What stands there.
        found: char,
        /// What would stand there if all others were right.
        expected: char,
        /// The one code that a usual slip (a look-alike or two neighbours swapped) turns into this.
        meant: Option<Uscc>,
    },
}

impl Uscc {
    /// Reads a code as people type it: full-width characters, lower case and spaces are normalised.
    ///
    /// # Errors
    /// [`UsccError`] naming the character.
    pub fn parse(text: &str) -> Result<Self, UsccError> {
        let characters: Vec<char> = normalise(text).collect();
        let mut code = [0; 18];
        if characters.len() != code.len() {
            return Err(UsccError::Length { found: characters.len() });
        }
        for (at, (slot, found)) in code.iter_mut().zip(&characters).enumerate() {
            *slot = character(at, *found)?;
        }
        check(&code)?;
        Ok(Self(code))
    }

    /// A code for tests and demonstrations: valid checksums, the unassigned region 000000, so that
    /// it can never be a real organisation's.
    ///
    /// # Errors
    /// [`NoEntropy`] when the source fails.
    pub fn unassigned(entropy: &dyn Entropy) -> Result<Self, NoEntropy> {
        let random: [u8; 8] = entropy::array(entropy)?;
        let mut code = *b"910000000000000000";
        for (slot, byte) in code.iter_mut().skip(8).zip(random) {
            *slot = b'0' + byte % 10;
        }
        let body = body_check(&code);
        set(&mut code, 16, body);
        let outer = outer_check(&code);
        set(&mut code, 17, outer);
        Ok(Self(code))
    }

    /// The code in its one spelling.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // Every byte is from the alphabet, which is ASCII.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

/// Full-width forms become ASCII, letters upper case, spaces of all kinds vanish.
fn normalise(text: &str) -> impl Iterator<Item = char> {
    let narrow = |c: char| match u32::from(c) {
        code @ 0xFF01..=0xFF5E => char::from_u32(code - 0xFEE0).unwrap_or(c),
        _ => c,
    };
    let invisible = |c: &char| c.is_whitespace() || matches!(c, '\u{200B}' | '\u{FEFF}');
    text.chars().filter(move |c| !invisible(c)).map(move |c| narrow(c).to_ascii_uppercase())
}

fn character(at: usize, found: char) -> Result<u8, UsccError> {
    let position = at + 1;
    let byte = u8::try_from(found).unwrap_or_default();
    let is_region = (2..8).contains(&at);
    if is_region && byte.is_ascii_alphabetic() {
        return Err(UsccError::Region { position, found });
    }
    if value(byte).is_none() {
        let meant = LOOK_ALIKES.iter().find(|(_, wrong)| *wrong == byte);
        let meant = meant.map(|(right, _)| char::from(*right));
        return Err(UsccError::Character { position, found, meant });
    }
    Ok(byte)
}

/// A character's value by its place in the alphabet of GB 32100.
fn value(byte: u8) -> Option<usize> {
    ALPHABET.iter().position(|c| *c == byte)
}

/// A character's value in GB 11714: digits, then A = 10 to Z = 35.
fn body_value(byte: u8) -> usize {
    char::from(byte).to_digit(36).and_then(|d| usize::try_from(d).ok()).unwrap_or_default()
}

fn body_check(code: &[u8; 18]) -> u8 {
    let body = code.iter().skip(8);
    let sum: usize = body.zip(BODY_WEIGHTS).map(|(c, w)| body_value(*c) * w).sum();
    // 10 is written X, and 11 is written 0.
    *b"0123456789X0".get(11 - sum % 11).unwrap_or(&b'0')
}

fn outer_check(code: &[u8; 18]) -> u8 {
    let sum: usize =
        code.iter().zip(OUTER_WEIGHTS).map(|(c, w)| value(*c).unwrap_or_default() * w).sum();
    *ALPHABET.get((31 - sum % 31) % 31).unwrap_or(&b'0')
}

fn get(code: &[u8; 18], at: usize) -> u8 {
    code.get(at).copied().unwrap_or_default()
}

fn set(code: &mut [u8; 18], at: usize, byte: u8) {
    code.iter_mut().skip(at).take(1).for_each(|slot| *slot = byte);
}

fn is_sound(code: &[u8; 18]) -> bool {
    body_check(code) == get(code, 16) && outer_check(code) == get(code, 17)
}

fn check(code: &[u8; 18]) -> Result<(), UsccError> {
    for (at, expected) in [(16, body_check(code)), (17, outer_check(code))] {
        let found = get(code, at);
        if found != expected {
            return Err(UsccError::Checksum {
                position: at + 1,
                found: char::from(found),
                expected: char::from(expected),
                meant: meant(code),
            });
        }
    }
    Ok(())
}

/// The one sound code that is a usual slip away; nothing when there are several.
fn meant(code: &[u8; 18]) -> Option<Uscc> {
    let mut found: Vec<[u8; 18]> = Vec::new();
    let mut consider = |at: usize, first: u8, second: Option<u8>| {
        let mut other = *code;
        set(&mut other, at, first);
        second.into_iter().for_each(|byte| set(&mut other, at + 1, byte));
        let shaped = other.iter().enumerate().all(|(i, c)| character(i, char::from(*c)).is_ok());
        if shaped && is_sound(&other) && !found.contains(&other) {
            found.push(other);
        }
    };
    for at in 0..18 {
        let byte = get(code, at);
        for (one, other) in LOOK_ALIKES {
            if byte == one {
                consider(at, other, None);
            } else if byte == other {
                consider(at, one, None);
            }
        }
        if at < 17 {
            consider(at, get(code, at + 1), Some(byte));
        }
    }
    match found.as_slice() {
        [one] => Some(Uscc(*one)),
        _ => None,
    }
}

impl fmt::Display for Uscc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Uscc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Uscc {
    type Err = UsccError;

    fn from_str(text: &str) -> Result<Self, UsccError> {
        Self::parse(text)
    }
}

impl Serialize for Uscc {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// Statements hold the one spelling only: what people type is normalised before it is signed.
impl<'de> Deserialize<'de> for Uscc {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let code = Self::parse(&text).map_err(serde::de::Error::custom)?;
        if code.as_str() == text {
            Ok(code)
        } else {
            Err(serde::de::Error::custom("not in capitals without spaces"))
        }
    }
}

impl Refusal for UsccError {
    fn code(&self) -> &'static str {
        match self {
            Self::Length { .. } => "enterprise-code-length",
            Self::Character { meant: None, .. } => "enterprise-code-character",
            Self::Character { meant: Some(_), .. } => "enterprise-code-lookalike",
            Self::Region { .. } => "enterprise-code-region",
            Self::Checksum { meant: None, .. } => "enterprise-code-checksum",
            Self::Checksum { meant: Some(_), .. } => "enterprise-code-slip",
        }
    }

    fn status(&self) -> u16 {
        422
    }

    fn args(&self) -> Args {
        let number = |n: usize| Arg::Number(i64::try_from(n).unwrap_or(i64::MAX));
        match self {
            Self::Length { found } => vec![("found", number(*found))],
            Self::Character { position, found, meant } => {
                let meant = meant.map(|c| ("meant", c.to_string().into()));
                let said = [("position", number(*position)), ("found", found.to_string().into())];
                said.into_iter().chain(meant).collect()
            }
            Self::Region { position, found } => {
                vec![("position", number(*position)), ("found", found.to_string().into())]
            }
            Self::Checksum { position, found, expected, meant } => {
                let meant = meant.map(|code| ("meant", code.to_string().into()));
                let said = [
                    ("position", number(*position)),
                    ("found", found.to_string().into()),
                    ("expected", expected.to_string().into()),
                ];
                said.into_iter().chain(meant).collect()
            }
        }
    }
}
