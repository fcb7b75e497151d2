//! Signed notes (c2sp.org/signed-note) with Ed25519 keys.
//!
//! Invariant: a [`Note`] re-encodes to exactly the bytes it was parsed from. Parsing proves
//! nothing: signatures are checked against keys that the caller already trusts.

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::hash::Hash;

/// Between text and signatures there is one empty line; each signature starts so.
const SIGNATURE_START: &str = "\u{2014} ";
/// A note with more signatures is refused before any is decoded.
const MAX_SIGNATURES: usize = 64;

/// Why bytes are not a note, or a text is not a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// Not a signed note.
    #[error("not a signed note: {0}")]
    Malformed(&'static str),
    /// Not a key of the form name+id+base64.
    #[error("not a verifier key: {0}")]
    Key(&'static str),
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

/// What a key signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum KeyKind {
    /// 0x01: plain Ed25519 over the note's text.
    Statement,
    /// 0x04: a timestamped cosignature over a checkpoint (c2sp.org/tlog-cosignature).
    Cosignature,
}

impl KeyKind {
    const fn byte(self) -> u8 {
        match self {
            Self::Statement => 0x01,
            Self::Cosignature => 0x04,
        }
    }
}

/// A public key with its name; in text `name+id+base64`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct VerifyingKey {
    name: String,
    kind: KeyKind,
    public: [u8; 32],
}

impl VerifyingKey {
    /// A key from its parts.
    ///
    /// # Errors
    /// [`NoteError::Key`] when the name is not one a note may carry.
    pub fn new(name: &str, kind: KeyKind, public: [u8; 32]) -> Result<Self, NoteError> {
        if !is_key_name(name) {
            return Err(NoteError::Key("its name is empty, not printable ASCII, or holds a plus"));
        }
        Ok(Self { name: name.to_owned(), kind, public })
    }

    /// The key's name: `<origin>/<role>/<id>`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What the key signs.
    #[must_use]
    pub const fn kind(&self) -> KeyKind {
        self.kind
    }

    /// The raw 32-byte public key.
    #[must_use]
    pub const fn public(&self) -> &[u8; 32] {
        &self.public
    }

    /// The short id that signature lines carry; an index, not a proof.
    #[must_use]
    pub fn id(&self) -> [u8; 4] {
        let hash =
            Hash::of_parts(&[self.name.as_bytes(), b"\n", &[self.kind.byte()], &self.public]);
        let [a, b, c, d, ..] = *hash.as_bytes();
        [a, b, c, d]
    }

    /// Whether `signature` is this key's raw Ed25519 signature over `message`.
    #[must_use]
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, &self.public).verify(message, signature).is_ok()
    }
}

/// Names are ASCII without space or plus (protocol §5.5).
fn is_key_name(name: &str) -> bool {
    !name.is_empty() && name.len() <= 255 && name.bytes().all(|b| b.is_ascii_graphic() && b != b'+')
}

impl fmt::Display for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut material = vec![self.kind.byte()];
        material.extend_from_slice(&self.public);
        write!(f, "{}+{}+{}", self.name, hex::encode(self.id()), BASE64.encode(material))
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for VerifyingKey {
    type Err = NoteError;

    fn from_str(text: &str) -> Result<Self, NoteError> {
        let mut parts = text.splitn(3, '+');
        let (Some(name), Some(id), Some(material)) = (parts.next(), parts.next(), parts.next())
        else {
            return Err(NoteError::Key("it has not three parts"));
        };
        let material = BASE64.decode(material).map_err(|_| NoteError::Key("not base64"))?;
        let (kind, public) = match material.split_first() {
            Some((1, rest)) => (KeyKind::Statement, rest),
            Some((4, rest)) => (KeyKind::Cosignature, rest),
            _ => return Err(NoteError::Key("of an unknown type")),
        };
        let public = public.try_into().map_err(|_| NoteError::Key("not 32 bytes"))?;
        let key = Self::new(name, kind, public)?;
        if hex::encode(key.id()) == id { Ok(key) } else { Err(NoteError::Key("its id differs")) }
    }
}

impl Serialize for VerifyingKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for VerifyingKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// A private Ed25519 key with its name. Not printable, not copyable.
pub struct SigningKey {
    pair: Ed25519KeyPair,
    verifying: VerifyingKey,
}

impl SigningKey {
    /// The key of a 32-byte seed (RFC 8032 private key).
    ///
    /// # Errors
    /// [`NoteError::Key`] when the name is not one a note may carry.
    pub fn from_seed(name: &str, kind: KeyKind, seed: &[u8; 32]) -> Result<Self, NoteError> {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed)
            .map_err(|_| NoteError::Key("not a private key"))?;
        let public = pair.public_key().as_ref().try_into().map_err(|_| NoteError::Key("size"))?;
        Ok(Self { pair, verifying: VerifyingKey::new(name, kind, public)? })
    }

    /// The public half.
    #[must_use]
    pub const fn verifying(&self) -> &VerifyingKey {
        &self.verifying
    }

    /// The raw signature over `message`.
    #[must_use]
    pub fn sign_raw(&self, message: &[u8]) -> [u8; 64] {
        let mut out = [0; 64];
        let signature = self.pair.sign(message);
        out.iter_mut().zip(signature.as_ref()).for_each(|(o, s)| *o = *s);
        out
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({}, redacted)", self.verifying.name)
    }
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
        self.name == key.name && self.key_id == key.id()
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
        let rest = line
            .strip_prefix(SIGNATURE_START)
            .ok_or(NoteError::Malformed("a signature line does not start with a dash"))?;
        let (name, encoded) =
            rest.split_once(' ').ok_or(NoteError::Malformed("a signature line has no key name"))?;
        if !is_key_name(name) {
            return Err(NoteError::Malformed("a key name is not printable ASCII without plus"));
        }
        let material =
            BASE64.decode(encoded).map_err(|_| NoteError::Malformed("not strict base64"))?;
        match material.split_first_chunk::<4>() {
            Some((id, bytes)) if !bytes.is_empty() => {
                Ok(Self { name: name.to_owned(), key_id: *id, bytes: bytes.to_vec() })
            }
            _ => Err(NoteError::Malformed("a signature is too short")),
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
            return Err(NoteError::Malformed("its text does not end in a newline"));
        }
        if text.chars().any(|c| c.is_ascii_control() && c != '\n') {
            return Err(NoteError::Malformed("its text holds control characters"));
        }
        Ok(Self { text, signatures: Vec::new() })
    }

    /// Parses a note with at least one signature line.
    ///
    /// # Errors
    /// [`NoteError::Malformed`] with the reason.
    pub fn parse(bytes: &[u8]) -> Result<Self, NoteError> {
        let whole = std::str::from_utf8(bytes).map_err(|_| NoteError::Malformed("not UTF-8"))?;
        let split = whole
            .rfind("\n\n")
            .ok_or(NoteError::Malformed("no empty line before the signatures"))?;
        let (text, rest) = whole.split_at(split + 1);
        let lines = rest
            .strip_prefix('\n')
            .and_then(|lines| lines.strip_suffix('\n'))
            .ok_or(NoteError::Malformed("its last line does not end in a newline"))?;
        let mut note = Self::new(text.to_owned())?;
        for line in lines.split('\n') {
            if note.signatures.len() == MAX_SIGNATURES {
                return Err(NoteError::Malformed("too many signatures"));
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
        if self.signatures.iter().any(|s| s.claims(&key.verifying)) {
            return;
        }
        let bytes = key.sign_raw(self.text.as_bytes()).to_vec();
        let name = key.verifying.name.clone();
        self.signatures.push(NoteSignature { name, key_id: key.verifying.id(), bytes });
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
        if key.kind != KeyKind::Statement {
            return Err(NoteError::Key("a cosigning key does not sign statements"));
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
