//! The reasons of this room in sentences of both languages: they stand within another sentence, and no
//! word of the program's own reaches people.

use super::checkpoint::CheckpointError;
use super::proof::ReceiptError;
use super::succession::SuccessionError;
use super::tree::ProofError;
use crate::error::{Reason, Said};

impl Reason for CheckpointError {
    fn said(&self) -> Said {
        match self {
            Self::Malformed => Said::bare("record-say-checkpoint-malformed"),
            Self::Note(error) => error.said(),
            Self::Origin { found } => {
                Said::new("record-say-checkpoint-origin", vec![("found", found.as_str().into())])
            }
        }
    }
}

impl Reason for ProofError {
    fn said(&self) -> Said {
        match self {
            Self::Index => Said::bare("record-say-proof-index"),
            Self::Order => Said::bare("record-say-proof-order"),
            Self::Length => Said::bare("record-say-proof-length"),
            Self::Root => Said::bare("record-say-proof-root"),
        }
    }
}

impl Reason for ReceiptError {
    fn said(&self) -> Said {
        match self {
            Self::Malformed => Said::bare("record-say-receipt-malformed"),
            Self::NoEvent => Said::bare("record-say-receipt-empty"),
            Self::Checkpoint(error) => {
                Said::new("record-say-receipt-checkpoint", vec![("reason", error.arg())])
            }
            Self::Proof(error) => {
                Said::new("record-say-receipt-proof", vec![("reason", error.arg())])
            }
        }
    }
}

impl Reason for SuccessionError {
    fn said(&self) -> Said {
        match self {
            Self::OldOrigin => Said::bare("record-say-succession-old"),
            Self::NewOrigin => Said::bare("record-say-succession-new"),
            Self::Signatures(error) => {
                Said::new("record-say-signatures", vec![("reason", error.arg())])
            }
            Self::Quorum => Said::bare("record-say-succession-quorum"),
        }
    }
}
