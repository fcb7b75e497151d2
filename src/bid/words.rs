//! The reasons of this room in sentences of both languages: they stand within another sentence, and no
//! word of the program's own reaches people.

use super::envelope::EnvelopeError;
use super::offer::{BadOffer, Misfit};
use crate::error::{Reason, Said};

impl Reason for EnvelopeError {
    fn said(&self) -> Said {
        match self {
            Self::Tar(error) => error.said(),
            Self::Profile { member, cause } => Said::new(
                "bid-say-envelope-profile",
                vec![("member", member.as_str().into()), ("reason", cause.arg())],
            ),
            Self::Members(count) => {
                Said::new("bid-say-envelope-members", vec![("count", count.to_string().into())])
            }
        }
    }
}

impl Reason for BadOffer {
    fn said(&self) -> Said {
        match self {
            Self::Currency => Said::bare("bid-say-offer-currency"),
            Self::Price => Said::bare("bid-say-offer-price"),
        }
    }
}

impl Reason for Misfit {
    fn said(&self) -> Said {
        match self {
            Self::EarlyPrice => Said::bare("bid-say-offer-early-price"),
            Self::NoPrice => Said::bare("bid-say-offer-no-price"),
            Self::Nothing => Said::bare("bid-say-offer-nothing"),
        }
    }
}
