//! Signed notes (c2sp.org/signed-note) with Ed25519 keys.
//!
//! Invariant: a [`Note`] re-encodes to exactly the bytes it was parsed from. Parsing proves
//! nothing: signatures are checked against keys that the caller already trusts.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::hash::Hash;
use super::key::{KeyError, is_key_name};
pub use super::key::{KeyKind, SigningKey, VerifyingKey};

/// Between text and signatures there is one empty line; each signature starts so.
const SIGNATURE_START: &str = "\u{2014} ";
/// A note with more signatures is refused before any is decoded.
const MAX_SIGNATURES: usize = 64;

/// Why bytes are not a note in its one spelling.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadNote {
    /// A line behind the text that is no signature.
    #[error("a signature line does not start with a dash")]
    Dash,
    /// A signature of nobody.
    #[error("a signature line has no key name")]
    NoKeyName,
    /// A name that no key can have.
    #[error("a key name is not printable ASCII without plus")]
    KeyName,
    /// A signature in another spelling.
    #[error("not strict base64")]
    Base64,
    /// No room for a key's id and a signature.
    #[error("a signature is too short")]
    Short,
    /// A text without its last newline.
    #[error("its text does not end in a newline")]
    NoNewline,
    /// A text that shows something else than it is.
    #[error("its text holds control characters")]
    Control,
    /// Bytes that are no text.
    #[error("not UTF-8")]
    NotUtf8,
    /// Text and signatures run into each other.
    #[error("no empty line before the signatures")]
    NoEmptyLine,
    /// Cut off.
    #[error("its last line does not end in a newline")]
    LastLine,
    /// More than anybody needs.
    #[error("too many signatures")]
    TooMany,
    /// A copy of something else.
    #[error("the signed copy's text differs")]
    Differs,
    /// Cosignatures that are none.
    #[error("not a sequence of signature lines")]
    NotSignatures,
}

/// Why bytes are not a note, or not one that the reader asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// Not a signed note.
    #[error("not a signed note: {0}")]
    Malformed(BadNote),
    /// Not a key, or not one that signs this.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// A line by a known key that does not verify: the note is forged or damaged.
    #[error("a signature by a known key does not verify")]
    BadSignature,
    /// No signature by the key that must have signed.
    #[error("a required signature is missing")]
    MissingSignature,
    /// A signature line of a key that has no place here.
    #[error("a signature line by an unknown key")]
    UnknownSignature,
    /// Two signature lines by one key.
    #[error("two signature lines by one key")]
    DuplicateSignature,
}

/// One signature line of a note.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoteSignature {
    /// The key's name.
    pub name: String,
    /// The key's short id.
    pub key_id: [u8; 4],
    /// What follows the id: 64 bytes for a statement, 8 + 64 for a cosignature.
    pub bytes: Vec<u8>,
}

impl NoteSignature {
    /// Whether the line claims to be by `key`; says nothing about its truth.
    #[must_use]
    pub fn claims(&self, key: &VerifyingKey) -> bool {
        self.name == key.name() && self.key_id == key.id()
    }

    /// The line with its newline.
    #[must_use]
    pub fn line(&self) -> String {
        let mut material = self.key_id.to_vec();
        material.extend_from_slice(&self.bytes);
        format!("{SIGNATURE_START}{} {}\n", self.name, BASE64.encode(material))
    }

    /// Parses one line without its newline.
    ///
    /// # Errors
    /// [`NoteError::Malformed`] when it is not a signature line in its one spelling.
    pub fn parse(line: &str) -> Result<Self, NoteError> {
        let rest = line.strip_prefix(SIGNATURE_START).ok_or(NoteError::Malformed(BadNote::Dash))?;
        let (name, encoded) =
            rest.split_once(' ').ok_or(NoteError::Malformed(BadNote::NoKeyName))?;
        if !is_key_name(name) {
            return Err(NoteError::Malformed(BadNote::KeyName));
        }
        let material = BASE64.decode(encoded).map_err(|_| NoteError::Malformed(BadNote::Base64))?;
        match material.split_first_chunk::<4>() {
            Some((id, bytes)) if !bytes.is_empty() => {
                Ok(Self { name: name.to_owned(), key_id: *id, bytes: bytes.to_vec() })
            }
            _ => Err(NoteError::Malformed(BadNote::Short)),
        }
    }
}

/// A text and its signatures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    text: String,
    signatures: Vec<NoteSignature>,
}

impl Note {
    /// An unsigned note; `text` ends in a newline.
    ///
    /// # Errors
    /// [`NoteError::Malformed`] when the text cannot stand in a note.
    pub fn new(text: String) -> Result<Self, NoteError> {
        if !text.ends_with('\n') {
            return Err(NoteError::Malformed(BadNote::NoNewline));
        }
        if text.chars().any(|c| c.is_ascii_control() && c != '\n') {
            return Err(NoteError::Malformed(BadNote::Control));
        }
        Ok(Self { text, signatures: Vec::new() })
    }

    /// Parses a note with at least one signature line.
    ///
    /// # Errors
    /// [`NoteError::Malformed`] with the reason.
    pub fn parse(bytes: &[u8]) -> Result<Self, NoteError> {
        let whole =
            std::str::from_utf8(bytes).map_err(|_| NoteError::Malformed(BadNote::NotUtf8))?;
        let split = whole.rfind("\n\n").ok_or(NoteError::Malformed(BadNote::NoEmptyLine))?;
        let (text, rest) = whole.split_at(split + 1);
        let lines = rest
            .strip_prefix('\n')
            .and_then(|lines| lines.strip_suffix('\n'))
            .ok_or(NoteError::Malformed(BadNote::LastLine))?;
        let mut note = Self::new(text.to_owned())?;
        for line in lines.split('\n') {
            if note.signatures.len() == MAX_SIGNATURES {
                return Err(NoteError::Malformed(BadNote::TooMany));
            }
            note.signatures.push(NoteSignature::parse(line)?);
        }
        Ok(note)
    }

    /// The note's bytes as text.
    #[must_use]
    pub fn encode(&self) -> String {
        let mut out = format!("{}\n", self.text);
        self.signatures.iter().for_each(|s| out.push_str(&s.line()));
        out
    }

    /// What was signed.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The signature lines.
    #[must_use]
    pub fn signatures(&self) -> &[NoteSignature] {
        &self.signatures
    }

    /// SHA-256 of the text, never of the signatures: what every `…_sha256` field holds.
    #[must_use]
    pub fn sha256(&self) -> Hash {
        Hash::of(self.text.as_bytes())
    }

    /// Adds this key's signature, once.
    pub fn sign(&mut self, key: &SigningKey) {
        if self.signatures.iter().any(|s| s.claims(key.verifying())) {
            return;
        }
        let bytes = key.sign_raw(self.text.as_bytes()).to_vec();
        let name = key.verifying().name().to_owned();
        self.signatures.push(NoteSignature { name, key_id: key.verifying().id(), bytes });
    }

    /// Adds a line made elsewhere.
    pub fn push(&mut self, signature: NoteSignature) {
        self.signatures.push(signature);
    }

    /// Whether a statement key signed. A line that claims the key and does not verify is an error,
    /// not an absence.
    ///
    /// # Errors
    /// [`NoteError::BadSignature`].
    pub fn signed_by(&self, key: &VerifyingKey) -> Result<bool, NoteError> {
        if key.kind() != KeyKind::Statement {
            return Err(KeyError::NotForStatements.into());
        }
        let mut found = false;
        for line in self.signatures.iter().filter(|s| s.claims(key)) {
            if !key.verifies(self.text.as_bytes(), &line.bytes) {
                return Err(NoteError::BadSignature);
            }
            found = true;
        }
        Ok(found)
    }

    /// Demands a key's signature.
    ///
    /// # Errors
    /// [`NoteError::MissingSignature`], [`NoteError::BadSignature`].
    pub fn require(&self, key: &VerifyingKey) -> Result<(), NoteError> {
        if self.signed_by(key)? { Ok(()) } else { Err(NoteError::MissingSignature) }
    }

    /// How many of `keys` signed; each key counts once.
    ///
    /// # Errors
    /// [`NoteError::BadSignature`].
    pub fn count(&self, keys: &[VerifyingKey]) -> Result<usize, NoteError> {
        let mut signed = 0;
        for key in keys {
            signed += usize::from(self.signed_by(key)?);
        }
        Ok(signed)
    }

    /// Refuses lines by keys outside `keys` and two lines by one key, so that nobody can hang
    /// foreign bytes onto a stored statement.
    ///
    /// # Errors
    /// [`NoteError::UnknownSignature`], [`NoteError::DuplicateSignature`].
    pub fn only_by(&self, keys: &[VerifyingKey]) -> Result<(), NoteError> {
        for (position, line) in self.signatures.iter().enumerate() {
            if !keys.iter().any(|key| line.claims(key)) {
                return Err(NoteError::UnknownSignature);
            }
            let same = |s: &NoteSignature| s.name == line.name && s.key_id == line.key_id;
            if self.signatures.iter().take(position).any(same) {
                return Err(NoteError::DuplicateSignature);
            }
        }
        Ok(())
    }

    /// The same note with the signatures of `keys` only, in their order, each once.
    #[must_use]
    pub fn ordered(&self, keys: &[VerifyingKey]) -> Self {
        let signatures = keys
            .iter()
            .filter_map(|key| self.signatures.iter().find(|line| line.claims(key)).cloned())
            .collect();
        Self { text: self.text.clone(), signatures }
    }
}
