//! Statements: signed notes whose text is two lines, a type and one line of canonical JSON
//! (protocol §1). Every binding act is one.
//!
//! Invariant: a [`Statement`] keeps the bytes it came as; its body is what those bytes say and is
//! never written back. Consent of several parties is several signatures on one text.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::hash::Hash;
use super::json::{self, JsonError, Texts};
use super::key::{SigningKey, VerifyingKey};
use super::note::{BadNote, Note, NoteError};

/// The JSON of one type of statement.
pub trait Body: Serialize + DeserializeOwned {
    /// The first line of the text, such as `sealbid/manifest/v1`.
    const TYPE: &'static str;
    /// Which texts its body may hold.
    const TEXTS: Texts = Texts::Plain;
}

/// Why bytes are not the statement expected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StatementError {
    /// Not a signed note, or a signature is wrong or missing.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// Its JSON is wrong.
    #[error(transparent)]
    Json(#[from] JsonError),
    /// A statement of another type.
    #[error("a statement of type {expected} was expected")]
    Type {
        /// The type that was expected.
        expected: &'static str,
    },
    /// Its text is not exactly two lines.
    #[error("a statement's text is a type and one line of JSON")]
    Lines,
}

/// A statement with its typed body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement<B> {
    note: Note,
    body: B,
}

impl<B: Body> Statement<B> {
    /// An unsigned statement.
    ///
    /// # Errors
    /// [`StatementError::Json`] when the body holds what statements must not hold.
    pub fn new(body: B) -> Result<Self, StatementError> {
        let text = format!("{}\n{}\n", B::TYPE, json::write(&body, B::TEXTS)?);
        Ok(Self { note: Note::new(text)?, body })
    }

    /// An unsigned statement, signed by one key.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn signed(body: B, key: &SigningKey) -> Result<Self, StatementError> {
        let mut statement = Self::new(body)?;
        statement.sign(key);
        Ok(statement)
    }

    /// Parses a signed note of this type. Signatures are not checked here.
    ///
    /// # Errors
    /// [`StatementError`] with the reason.
    pub fn parse(bytes: &[u8]) -> Result<Self, StatementError> {
        Self::from_note(Note::parse(bytes)?)
    }

    /// Reads the typed body of a note.
    ///
    /// # Errors
    /// [`StatementError`] with the reason.
    pub fn from_note(note: Note) -> Result<Self, StatementError> {
        let body = parse_text(note.text())?;
        Ok(Self { note, body })
    }

    /// The body.
    pub const fn body(&self) -> &B {
        &self.body
    }

    /// The note with its signatures.
    pub const fn note(&self) -> &Note {
        &self.note
    }

    /// SHA-256 of the text, never of the signatures.
    pub fn sha256(&self) -> Hash {
        self.note.sha256()
    }

    /// The bytes as accepted and recorded.
    pub fn encode(&self) -> String {
        self.note.encode()
    }

    /// Adds this key's signature, once.
    pub fn sign(&mut self, key: &SigningKey) {
        self.note.sign(key);
    }

    /// Takes over another copy's signature by `key` after checking it.
    ///
    /// # Errors
    /// [`NoteError`] when the copy's text differs or the signature is missing or wrong.
    pub fn adopt(&mut self, copy: &Note, key: &VerifyingKey) -> Result<(), NoteError> {
        if copy.text() != self.note.text() {
            return Err(NoteError::Malformed(BadNote::Differs));
        }
        copy.require(key)?;
        if self.note.signed_by(key)? {
            return Ok(());
        }
        let line = copy.signatures().iter().find(|line| line.claims(key)).cloned();
        self.note.push(line.ok_or(NoteError::MissingSignature)?);
        Ok(())
    }

    /// The same statement with the signatures of `keys` only, in their order.
    #[must_use]
    pub fn ordered(self, keys: &[VerifyingKey]) -> Self {
        Self { note: self.note.ordered(keys), body: self.body }
    }
}

/// The type line of a statement's text or of a whole note, if it has one of ours.
#[must_use]
pub fn type_of(text: &str) -> Option<&str> {
    text.split_once('\n').map(|(first, _)| first).filter(|first| first.starts_with("sealbid/"))
}

fn parse_text<B: Body>(text: &str) -> Result<B, StatementError> {
    let mut lines = text.split('\n');
    let (Some(kind), Some(line), Some(""), None) =
        (lines.next(), lines.next(), lines.next(), lines.next())
    else {
        return Err(StatementError::Lines);
    };
    if kind != B::TYPE {
        return Err(StatementError::Type { expected: B::TYPE });
    }
    Ok(json::read(line.as_bytes(), B::TEXTS)?)
}
