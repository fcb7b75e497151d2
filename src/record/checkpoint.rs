//! Checkpoints (c2sp.org/tlog-checkpoint) and cosignatures (c2sp.org/tlog-cosignature, type 0x04).
//!
//! Invariant: a [`Cosigned`] was signed by the log's key and holds only cosignatures that verify,
//! each witness once. Our checkpoints have no extension lines: nobody audits those, so they are
//! refused. Unknown signature lines are ignored from the network and refused in case files
//! (protocol §5.10): two constructors, so that no caller gets the other's behaviour by accident.

use crate::clock::Time;
use crate::crypto::hash::Hash;
use crate::crypto::key::{KeyError, KeyKind, SigningKey, VerifyingKey};
use crate::crypto::note::{Note, NoteError, NoteSignature};

use super::spelling;

/// A later cosignature time than this many seconds is no time of ours (2^53 milliseconds).
const LATEST_SECONDS: i64 = (1 << 53) / 1000;

/// The head of the record at one size.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Checkpoint {
    /// Which record: the name of its log key.
    pub origin: String,
    /// Number of leaves.
    pub size: u64,
    /// Root of the tree of that size.
    pub root: Hash,
}

/// Why bytes are not a checkpoint to build on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// Not origin, size and root in their one spelling.
    #[error("not a checkpoint's three lines")]
    Malformed,
    /// Its signatures.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// A checkpoint of another record.
    #[error("a checkpoint of the record {found}")]
    Origin {
        /// The origin it names.
        found: String,
    },
}

impl Checkpoint {
    /// The three lines that are signed.
    #[must_use]
    pub fn text(&self) -> String {
        let root = spelling::base64(self.root.as_bytes());
        format!("{}\n{}\n{root}\n", self.origin, self.size)
    }

    /// Parses the three lines.
    ///
    /// # Errors
    /// [`CheckpointError::Malformed`] for anything but their one spelling.
    pub fn parse(text: &str) -> Result<Self, CheckpointError> {
        let mut lines = text.split('\n');
        let (Some(origin), Some(size), Some(root), Some(""), None) =
            (lines.next(), lines.next(), lines.next(), lines.next(), lines.next())
        else {
            return Err(CheckpointError::Malformed);
        };
        let size = spelling::decimal(size).ok_or(CheckpointError::Malformed)?;
        let root = spelling::hash(root).ok_or(CheckpointError::Malformed)?;
        if origin.is_empty() || origin.chars().any(char::is_control) {
            return Err(CheckpointError::Malformed);
        }
        Ok(Self { origin: origin.to_owned(), size, root })
    }

    /// The signed checkpoint.
    ///
    /// # Errors
    /// [`CheckpointError::Origin`] when the key is not this record's log key.
    pub fn signed(&self, log_key: &SigningKey) -> Result<Note, CheckpointError> {
        self.check_key(log_key.verifying())?;
        let mut note = Note::new(self.text())?;
        note.sign(log_key);
        Ok(note)
    }

    /// The log key's name is the origin (tlog-policy), so one key cannot speak for two records.
    fn check_key(&self, log_key: &VerifyingKey) -> Result<(), CheckpointError> {
        if log_key.name() == self.origin && log_key.kind() == KeyKind::Statement {
            Ok(())
        } else {
            Err(CheckpointError::Origin { found: self.origin.clone() })
        }
    }
}

/// What a cosignature signs: the time and the checkpoint's text.
fn cosigned_message(text: &str, seconds: u64) -> Vec<u8> {
    format!("cosignature/v1\ntime {seconds}\n{text}").into_bytes()
}

/// A witness's cosignature line over a checkpoint's text at `now`, in whole seconds rounded down.
/// The caller has checked consistency, see [`witness`](super::witness).
///
/// # Errors
/// [`CheckpointError`] when the key is no cosigning key, the text no checkpoint, or the time none.
pub fn cosign(text: &str, key: &SigningKey, now: Time) -> Result<NoteSignature, CheckpointError> {
    Checkpoint::parse(text)?;
    if key.verifying().kind() != KeyKind::Cosignature {
        return Err(NoteError::from(KeyError::NotForCosigning).into());
    }
    let seconds = u64::try_from(now.seconds()).map_err(|_| CheckpointError::Malformed)?;
    let mut bytes = seconds.to_be_bytes().to_vec();
    bytes.extend_from_slice(&key.sign_raw(&cosigned_message(text, seconds)));
    let verifying = key.verifying();
    Ok(NoteSignature { name: verifying.name().to_owned(), key_id: verifying.id(), bytes })
}

/// The time of a cosignature line by `key`, once it verifies.
///
/// # Errors
/// [`NoteError::BadSignature`] when it does not, or its time is zero or beyond all reason.
pub fn cosignature_time(
    text: &str,
    line: &NoteSignature,
    key: &VerifyingKey,
) -> Result<Time, NoteError> {
    let (time, signature) = line.bytes.split_first_chunk::<8>().ok_or(NoteError::BadSignature)?;
    let seconds = u64::from_be_bytes(*time);
    let is_ours = line.claims(key) && key.kind() == KeyKind::Cosignature;
    if !is_ours || !key.verifies(&cosigned_message(text, seconds), signature) {
        return Err(NoteError::BadSignature);
    }
    match i64::try_from(seconds) {
        Ok(seconds @ 1..=LATEST_SECONDS) => Ok(Time::from_seconds(seconds)),
        _ => Err(NoteError::BadSignature),
    }
}

/// One witness's word that it saw the record grow up to a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cosignature {
    /// Whose.
    pub witness: VerifyingKey,
    /// When, in whole seconds.
    pub time: Time,
    line: NoteSignature,
}

/// A checkpoint with what trusted keys say of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cosigned {
    checkpoint: Checkpoint,
    note: Note,
    log_line: NoteSignature,
    cosignatures: Vec<Cosignature>,
}

impl Cosigned {
    /// A checkpoint from the network: lines by unknown keys are dropped; of several by one witness
    /// the latest is kept. The note that remains has the log's line first, then the witnesses' in
    /// the order of `witnesses`.
    ///
    /// # Errors
    /// [`CheckpointError`]; a line by a known key that does not verify condemns the whole note.
    pub fn from_network(
        note: &Note,
        log_key: &VerifyingKey,
        witnesses: &[VerifyingKey],
    ) -> Result<Self, CheckpointError> {
        let checkpoint = Checkpoint::parse(note.text())?;
        checkpoint.check_key(log_key)?;
        note.require(log_key)?;
        let log_line = note.signatures().iter().find(|line| line.claims(log_key)).cloned();
        let log_line = log_line.ok_or(NoteError::MissingSignature)?;
        let note_of_log = note.ordered(std::slice::from_ref(log_key));
        let mut cosigned =
            Self { checkpoint, note: note_of_log, log_line, cosignatures: Vec::new() };
        cosigned.add(note.signatures(), witnesses)?;
        Ok(cosigned)
    }

    /// A checkpoint in a case file: a line by an unknown key, or a second by the same, is refused.
    ///
    /// # Errors
    /// [`CheckpointError`] with the reason.
    pub fn from_case(
        note: &Note,
        log_key: &VerifyingKey,
        witnesses: &[VerifyingKey],
    ) -> Result<Self, CheckpointError> {
        let keys: Vec<VerifyingKey> = std::iter::once(log_key).chain(witnesses).cloned().collect();
        note.only_by(&keys)?;
        let cosigned = Self::from_network(note, log_key, witnesses)?;
        Ok(Self { note: note.clone(), ..cosigned })
    }

    /// Takes over cosignature lines of known witnesses, such as a witness's answer; those of unknown
    /// keys are ignored. Returns how many witnesses are new or later than before.
    ///
    /// # Errors
    /// [`NoteError::BadSignature`] when a known witness's line does not verify; nothing is taken.
    pub fn add(
        &mut self,
        lines: &[NoteSignature],
        witnesses: &[VerifyingKey],
    ) -> Result<usize, NoteError> {
        let mut next = self.cosignatures.clone();
        let mut count = 0;
        for witness in witnesses.iter().filter(|key| key.kind() == KeyKind::Cosignature) {
            let before = self.time_of(witness);
            let mut latest: Option<Cosignature> = None;
            for line in lines.iter().filter(|line| line.claims(witness)) {
                let time = cosignature_time(self.note.text(), line, witness)?;
                if Some(time) > before.max(latest.as_ref().map(|c| c.time)) {
                    let (witness, line) = (witness.clone(), line.clone());
                    latest = Some(Cosignature { witness, time, line });
                }
            }
            if let Some(latest) = latest {
                next.retain(|other| other.witness != latest.witness);
                next.push(latest);
                count += 1;
            }
        }
        let place = |key: &VerifyingKey| witnesses.iter().position(|witness| witness == key);
        // Witnesses known from before and not asked now stand last.
        next.sort_by_key(|c| place(&c.witness).unwrap_or(witnesses.len()));
        self.cosignatures = next;
        // Without keys `ordered` leaves the bare text.
        self.note = self.note.ordered(&[]);
        self.note.push(self.log_line.clone());
        self.cosignatures.iter().for_each(|c| self.note.push(c.line.clone()));
        Ok(count)
    }

    /// The checkpoint.
    #[must_use]
    pub const fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// The note that was verified: as it came in a case file, reduced to known lines otherwise.
    #[must_use]
    pub const fn note(&self) -> &Note {
        &self.note
    }

    /// The cosignatures, each witness once.
    #[must_use]
    pub fn cosignatures(&self) -> &[Cosignature] {
        &self.cosignatures
    }

    /// When a witness cosigned, if it did.
    #[must_use]
    pub fn time_of(&self, witness: &VerifyingKey) -> Option<Time> {
        self.cosignatures.iter().find(|c| c.witness == *witness).map(|c| c.time)
    }

    /// How many witnesses cosigned at `time` or later.
    #[must_use]
    pub fn count_at_or_after(&self, time: Time) -> usize {
        self.cosignatures.iter().filter(|cosignature| cosignature.time >= time).count()
    }

    /// Whether at least `k` witnesses cosigned, whenever.
    #[must_use]
    pub fn is_cosigned_by(&self, k: usize) -> bool {
        self.cosignatures.len() >= k
    }

    /// "Cosigned at or after": at least `k` cosignatures, each at `time` or later (protocol §5.6).
    #[must_use]
    pub fn is_cosigned_at_or_after(&self, k: usize, time: Time) -> bool {
        self.count_at_or_after(time) >= k
    }
}
