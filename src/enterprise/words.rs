//! The reasons of this room in sentences of both languages: they stand within another sentence, and no
//! word of the program's own reaches people.

use super::credentials::CredentialError;
use crate::error::{Reason, Said};

impl Reason for CredentialError {
    fn said(&self) -> Said {
        match self {
            Self::Statement(error) => error.said(),
            Self::Signature(error) => error.said(),
            Self::NotVouched => Said::bare("enterprise-say-credential-vouched"),
            Self::Roster(error) => {
                Said::new("enterprise-say-credential-roster", vec![("reason", error.arg())])
            }
            Self::OutOfPlace => Said::bare("enterprise-say-credential-place"),
            Self::NoVerification => Said::bare("enterprise-say-credential-first"),
            Self::KeyName => Said::bare("enterprise-say-credential-name"),
        }
    }
}
