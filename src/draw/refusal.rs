//! Why a draw is not made, and what is wrong with a result.

use crate::clock::Time;
use crate::draw::rules::strata::Shortage;
use crate::draw::statements::{Contributor, Label, NotACode, NotALabel};
use crate::error::{Arg, Args, Reason, Refusal, Said};

/// What is wrong with a draw, before there is a seed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Labels are not distinct, or pools, criteria or lists are not labelled as the strata.
    #[error("labels are not distinct, or pools are not labelled as the strata in their order")]
    Labels,
    /// A stratum without a seat, or longer than the counter.
    #[error("the stratum {label} has no seat, or more than a walk is long")]
    Seats {
        /// Which.
        label: Label,
    },
    /// A candidate stands in a pool twice.
    #[error("a candidate stands in the pool {label} twice")]
    Twice {
        /// Which pool.
        label: Label,
    },
    /// A pool of 2^32 leaves or more.
    #[error("the pool {label} is larger than pools are")]
    Large {
        /// Which pool.
        label: Label,
    },
    /// A pool that may not fill its stratum. Nothing is padded.
    #[error("the pool {} gives {} for certain, and {} are needed", .0.label, .0.there, .0.needed)]
    Short(Shortage),
    /// A pool of values is not that of the list.
    #[error("the pool {label} is not made of the values listed")]
    Values {
        /// Which pool.
        label: Label,
    },
    /// What is drawn from does not fit what is drawn for.
    #[error("experts are drawn for committees, values for everything else")]
    Source,
    /// Exclusions out of order, empty, or more than the register holds.
    #[error("the exclusions are out of order, or more than the register holds")]
    Exclusions,
    /// A filter that says nothing.
    #[error("the filter's times or numbers contradict each other")]
    Filter,
    /// Numbers or dates that are not the rule pack's.
    #[error("the filter's numbers and dates are not those of the rule pack")]
    Law,
    /// Drawn before the committee may be known.
    #[error("no draw before {earliest}")]
    Early {
        /// From then on.
        earliest: Time,
    },
    /// Not the roster's custodians, the procuring entity and the platform, in that order.
    #[error("the contributors are not custodians, procuring entity and platform in their order")]
    Contributors,
    /// Too few custodians contribute for any of them to be needed.
    #[error("fewer than {t} of the contributors are custodians")]
    FewCustodians {
        /// The threshold.
        t: usize,
    },
    /// The unit is another's, or not one for a draw.
    #[error("the unit is not this draw's, or not one that opens by itself with t contributions")]
    Unit,
    /// The first draw is not number 1, or a later one does not follow the one before.
    #[error("its number or its link to the draw before is wrong")]
    Chain,
    /// The draw before has not ended: nobody draws twice at once.
    #[error("the draw before is still under way")]
    UnderWay,
    /// The draw before came to a result that stands.
    #[error("the draw before stands: there is no reason for another")]
    NoReason,
    /// It is for something else, or draws something else than what is missing.
    #[error("it does not draw what the draw before left open")]
    Otherwise,
    /// A contributor whose contribution did not open before.
    #[error("{contributor} is barred from contributing")]
    Barred {
        /// Who.
        contributor: Contributor,
    },
}

impl Refusal for Refused {
    fn code(&self) -> &'static str {
        match self {
            Self::Labels => "draw-labels",
            Self::Seats { .. } => "draw-seats",
            Self::Twice { .. } => "draw-twice",
            Self::Large { .. } => "draw-large",
            Self::Short(_) => "draw-short",
            Self::Values { .. } => "draw-values",
            Self::Source => "draw-source",
            Self::Exclusions => "draw-exclusions",
            Self::Filter => "draw-filter",
            Self::Law => "draw-law",
            Self::Early { .. } => "draw-early",
            Self::Contributors => "draw-contributors",
            Self::FewCustodians { .. } => "draw-few-custodians",
            Self::Unit => "draw-unit",
            Self::Chain => "draw-chain",
            Self::UnderWay => "draw-under-way",
            Self::NoReason => "draw-no-reason",
            Self::Otherwise => "draw-otherwise",
            Self::Barred { .. } => "draw-barred",
        }
    }

    fn status(&self) -> u16 {
        match self {
            Self::Short(_) | Self::Early { .. } | Self::Chain | Self::UnderWay | Self::NoReason => {
                409
            }
            _ => 422,
        }
    }

    fn args(&self) -> Args {
        let label = |label: &Label| vec![("label", label.as_str().into())];
        match self {
            Self::Seats { label: it }
            | Self::Twice { label: it }
            | Self::Large { label: it }
            | Self::Values { label: it } => label(it),
            Self::Short(short) => {
                let (there, needed) = (i64::from(short.there), i64::from(short.needed));
                [label(&short.label), vec![("there", there.into()), ("needed", needed.into())]]
                    .concat()
            }
            Self::Early { earliest } => vec![("earliest", Arg::Time(*earliest))],
            Self::FewCustodians { t } => {
                vec![("t", i64::try_from(*t).unwrap_or(i64::MAX).into())]
            }
            Self::Barred { contributor } => {
                vec![("contributor", contributor.to_string().into())]
            }
            _ => Args::new(),
        }
    }
}

/// What is wrong with the result of a draw, for whoever recomputes it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ResultFault {
    /// It is about another draw, unit or close.
    #[error("it is about another draw, unit or close")]
    Other,
    /// Contributions are not the close's lines, each once.
    #[error("its contributions are not the lines of the close")]
    Lines,
    /// Contributors out of order, twice, or not the draw's.
    #[error("its contributors are not the draw's in their order")]
    Contributors,
    /// A manifest that its contributor did not sign, or not alone.
    #[error("{contributor} did not sign its manifest")]
    Signature {
        /// Whose contribution.
        contributor: Contributor,
    },
    /// The identity shown does not open what the manifest describes.
    #[error("the identity shown for {contributor} is not that of its manifest")]
    Identity {
        /// Whose contribution.
        contributor: Contributor,
    },
    /// Fewer than t contributions are custodians'.
    #[error("fewer than t of its contributions are custodians'")]
    FewCustodians,
    /// A beacon's value without a beacon, or none with one.
    #[error("it has a beacon's value and the draw no beacon, or the other way round")]
    Beacon,
    /// The seed does not follow.
    #[error("its seed does not follow from draw, close and contributions")]
    Seed,
    /// Its strata are not the draw's.
    #[error("its strata are not the draw's")]
    Strata,
    /// What stands at a position does not follow from the seed and the pool.
    #[error("position {position} of {label} does not follow from seed and pool")]
    Pick {
        /// In which stratum.
        label: Label,
        /// Where in the walk, from 0.
        position: usize,
    },
    /// The walk ended too early or went on too long.
    #[error("the walk of {label} ends at the wrong position")]
    End {
        /// In which stratum.
        label: Label,
    },
}

impl Reason for ResultFault {
    fn said(&self) -> Said {
        let text = |label: &Label| ("label", Arg::from(label.as_str()));
        let who = |contributor: &Contributor| ("contributor", contributor.to_string().into());
        match self {
            Self::Other => Said::bare("draw-say-other"),
            Self::Lines => Said::bare("draw-say-lines"),
            Self::Contributors => Said::bare("draw-say-contributors"),
            Self::Signature { contributor } => {
                Said::new("draw-say-signature", vec![who(contributor)])
            }
            Self::Identity { contributor } => {
                Said::new("draw-say-identity", vec![who(contributor)])
            }
            Self::FewCustodians => Said::bare("draw-say-few-custodians"),
            Self::Beacon => Said::bare("draw-say-beacon"),
            Self::Seed => Said::bare("draw-say-seed"),
            Self::Strata => Said::bare("draw-say-strata"),
            Self::Pick { label, position } => {
                let position = position.to_string().into();
                Said::new("draw-say-pick", vec![text(label), ("position", position)])
            }
            Self::End { label } => Said::new("draw-say-end", vec![text(label)]),
        }
    }
}

impl Reason for NotALabel {
    fn said(&self) -> Said {
        Said::bare("draw-say-label")
    }
}

impl Reason for NotACode {
    fn said(&self) -> Said {
        Said::bare("draw-say-code")
    }
}
