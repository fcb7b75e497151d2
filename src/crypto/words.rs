//! The reasons of this room in sentences of both languages: they stand within another sentence, and no
//! word of the program's own reaches people.

use super::entropy::NoEntropy;
use super::hash::NotAHash;
use super::json::JsonError;
use super::key::KeyError;
use super::note::{BadNote, NoteError};
use super::seal::kept::KeptError;
use super::seal::payload::{PayloadError, SealPayloadError, TooMuch};
use super::seal::{NotAKey, OpenError, ProfileError, SealError};
use super::shares::ShareError;
use super::statement::StatementError;
use super::tar::{BadName, TarError};
use crate::error::{Arg, Reason, Said};
use crate::ids::NotAnId;

fn number(value: u64) -> Arg {
    value.to_string().into()
}

impl Reason for BadNote {
    fn said(&self) -> Said {
        match self {
            Self::Dash => Said::bare("crypto-say-note-dash"),
            Self::NoKeyName => Said::bare("crypto-say-note-no-key"),
            Self::KeyName => Said::bare("crypto-say-note-key-name"),
            Self::Base64 => Said::bare("crypto-say-note-base64"),
            Self::Short => Said::bare("crypto-say-note-short"),
            Self::NoNewline => Said::bare("crypto-say-note-newline"),
            Self::Control => Said::bare("crypto-say-note-control"),
            Self::NotUtf8 => Said::bare("crypto-say-note-utf8"),
            Self::NoEmptyLine => Said::bare("crypto-say-note-empty-line"),
            Self::LastLine => Said::bare("crypto-say-note-last-line"),
            Self::TooMany => Said::bare("crypto-say-note-too-many"),
            Self::Differs => Said::bare("crypto-say-note-differs"),
            Self::NotSignatures => Said::bare("crypto-say-note-no-signatures"),
        }
    }
}

impl Reason for KeyError {
    fn said(&self) -> Said {
        match self {
            Self::Name => Said::bare("crypto-say-key-name"),
            Self::Parts => Said::bare("crypto-say-key-parts"),
            Self::Base64 => Said::bare("crypto-say-key-base64"),
            Self::Kind => Said::bare("crypto-say-key-kind"),
            Self::Length => Said::bare("crypto-say-key-length"),
            Self::Id => Said::bare("crypto-say-key-id"),
            Self::Private => Said::bare("crypto-say-key-private"),
            Self::NotForStatements => Said::bare("crypto-say-key-no-statements"),
            Self::NotForCosigning => Said::bare("crypto-say-key-no-cosigning"),
        }
    }
}

impl Reason for NoteError {
    fn said(&self) -> Said {
        match self {
            Self::Malformed(why) => Said::new("crypto-say-note", vec![("reason", why.arg())]),
            Self::Key(error) => error.said(),
            Self::BadSignature => Said::bare("crypto-say-note-bad"),
            Self::MissingSignature => Said::bare("crypto-say-note-missing"),
            Self::UnknownSignature => Said::bare("crypto-say-note-unknown"),
            Self::DuplicateSignature => Said::bare("crypto-say-note-twice"),
        }
    }
}

impl Reason for JsonError {
    fn said(&self) -> Said {
        match self {
            Self::Shape(library) => {
                Said::new("crypto-say-json-shape", vec![("reason", library.as_str().into())])
            }
            Self::NotCanonical => Said::bare("crypto-say-json-canonical"),
            Self::Number => Said::bare("crypto-say-json-number"),
            Self::Text => Said::bare("crypto-say-json-text"),
        }
    }
}

impl Reason for StatementError {
    fn said(&self) -> Said {
        match self {
            Self::Note(error) => error.said(),
            Self::Json(error) => error.said(),
            Self::Type { expected } => {
                Said::new("crypto-say-statement-type", vec![("expected", (*expected).into())])
            }
            Self::Lines => Said::bare("crypto-say-statement-lines"),
        }
    }
}

impl Reason for BadName {
    fn said(&self) -> Said {
        match self {
            Self::Empty => Said::bare("crypto-say-name-empty"),
            Self::Long => Said::bare("crypto-say-name-long"),
            Self::NotUtf8 => Said::bare("crypto-say-name-utf8"),
            Self::Path => Said::bare("crypto-say-name-path"),
            Self::Hidden => Said::bare("crypto-say-name-hidden"),
            Self::NotNfc => Said::bare("crypto-say-name-nfc"),
        }
    }
}

impl Reason for TarError {
    fn said(&self) -> Said {
        match self {
            Self::Io(error) => {
                Said::new("crypto-say-io", vec![("reason", error.to_string().into())])
            }
            Self::Truncated => Said::bare("crypto-say-tar-truncated"),
            Self::Name { name, why } => Said::new(
                "crypto-say-tar-name",
                vec![("name", name.as_str().into()), ("reason", why.arg())],
            ),
            Self::Link => Said::bare("crypto-say-tar-link"),
            Self::Folder => Said::bare("crypto-say-tar-folder"),
            Self::Kind(kind) => {
                Said::new("crypto-say-tar-kind", vec![("kind", i64::from(*kind).into())])
            }
            Self::First(name) => {
                Said::new("crypto-say-tar-first", vec![("name", name.as_str().into())])
            }
            Self::Order(name) => {
                Said::new("crypto-say-tar-order", vec![("name", name.as_str().into())])
            }
            Self::TooMany(most) => {
                Said::new("crypto-say-tar-too-many", vec![("most", i64::from(*most).into())])
            }
            Self::TooLarge { declared, limit } => Said::new(
                "crypto-say-tar-too-large",
                vec![("size", number(*declared)), ("most", number(*limit))],
            ),
            Self::Header => Said::bare("crypto-say-tar-header"),
            Self::Padding => Said::bare("crypto-say-tar-padding"),
            Self::Length => Said::bare("crypto-say-tar-length"),
            Self::SizeChanged(name) => {
                Said::new("crypto-say-tar-changed", vec![("name", name.as_str().into())])
            }
        }
    }
}

impl Reason for ProfileError {
    fn said(&self) -> Said {
        match self {
            Self::Version => Said::bare("crypto-say-profile-version"),
            Self::TooLong => Said::bare("crypto-say-profile-long"),
            Self::FirstStanza => Said::bare("crypto-say-profile-first"),
            Self::Body => Said::bare("crypto-say-profile-body"),
            Self::Foreign => Said::bare("crypto-say-profile-foreign"),
            Self::Grease => Said::bare("crypto-say-profile-grease"),
            Self::Mac => Said::bare("crypto-say-profile-mac"),
            Self::Length => Said::bare("crypto-say-profile-length"),
        }
    }
}

impl Reason for NoEntropy {
    fn said(&self) -> Said {
        Said::bare("crypto-say-no-entropy")
    }
}

impl Reason for NotAHash {
    fn said(&self) -> Said {
        Said::bare("crypto-say-no-hash")
    }
}

impl Reason for NotAnId {
    fn said(&self) -> Said {
        let Self { prefix } = self;
        Said::new("crypto-say-no-id", vec![("prefix", (*prefix).into())])
    }
}

impl Reason for NotAKey {
    fn said(&self) -> Said {
        match self {
            Self::Recipient => Said::bare("crypto-say-no-recipient"),
            Self::WeakPoint => Said::bare("crypto-say-weak-recipient"),
            Self::Identity => Said::bare("crypto-say-no-identity"),
        }
    }
}

impl Reason for KeptError {
    fn said(&self) -> Said {
        match self {
            Self::File => Said::bare("crypto-say-kept-file"),
            Self::Passphrase => Said::bare("crypto-say-kept-passphrase"),
            Self::Key(error) => error.said(),
        }
    }
}

impl Reason for SealError {
    fn said(&self) -> Said {
        match self {
            Self::Io(error) => {
                Said::new("crypto-say-io", vec![("reason", error.to_string().into())])
            }
            Self::Entropy(error) => error.said(),
            Self::Recipient => Said::bare("crypto-say-seal-recipient"),
            Self::Stopped => Said::bare("crypto-say-seal-stopped"),
        }
    }
}

impl Reason for OpenError {
    fn said(&self) -> Said {
        match self {
            Self::Io(error) => {
                Said::new("crypto-say-io", vec![("reason", error.to_string().into())])
            }
            Self::Profile(error) => error.said(),
            Self::WrongKey => Said::bare("crypto-say-open-key"),
            Self::Header => Said::bare("crypto-say-open-header"),
            Self::Chunk(number_) => {
                Said::new("crypto-say-open-chunk", vec![("number", number(*number_))])
            }
            Self::Truncated => Said::bare("crypto-say-open-truncated"),
        }
    }
}

impl Reason for SealPayloadError {
    fn said(&self) -> Said {
        match self {
            Self::Seal(error) => error.said(),
            Self::Tar(error) => error.said(),
        }
    }
}

impl Reason for PayloadError {
    fn said(&self) -> Said {
        match self {
            Self::Open(error) => error.said(),
            Self::Tar(error) => error.said(),
        }
    }
}

impl Reason for TooMuch {
    fn said(&self) -> Said {
        match self {
            Self::Files { found, most } => Said::new(
                "crypto-say-much-files",
                vec![("found", found.to_string().into()), ("most", i64::from(*most).into())],
            ),
            Self::Bytes { found, most } => Said::new(
                "crypto-say-much-bytes",
                vec![("found", number(*found)), ("most", number(*most))],
            ),
            Self::Offer { found, most } => Said::new(
                "crypto-say-much-offer",
                vec![("found", number(*found)), ("most", number(*most))],
            ),
        }
    }
}

impl Reason for ShareError {
    fn said(&self) -> Said {
        match self {
            Self::Threshold { t, n } => Said::new(
                "crypto-say-share-threshold",
                vec![("t", i64::from(*t).into()), ("n", i64::from(*n).into())],
            ),
            Self::Length => Said::bare("crypto-say-share-length"),
            Self::X => Said::bare("crypto-say-share-x"),
            Self::TooFew => Said::bare("crypto-say-share-few"),
            Self::WrongSecret => Said::bare("crypto-say-share-secret"),
            Self::Entropy(error) => error.said(),
            Self::Seal(error) => error.said(),
            Self::Open(error) => error.said(),
            Self::NotTheShare => Said::bare("crypto-say-share-other"),
        }
    }
}
