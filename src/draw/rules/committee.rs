//! How many experts a committee needs (rules.md: odd, at least so many, outside experts for two thirds).

use crate::clock::Time;
use crate::draw::refusal::Refused;
use crate::draw::statements::{Draw, Filter, Stratum, Subject};
use crate::error::{Args, Refusal};
use crate::rulepack::committee::{Committee as Law, Recusal};

/// What the law wants of a committee; its numbers come from the rule pack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CommitteeRule {
    /// At least so many members.
    pub least: u32,
    /// Outside experts are at least `outside.0 / outside.1` of the members.
    pub outside: (u32, u32),
}

impl From<&Law> for CommitteeRule {
    fn from(law: &Law) -> Self {
        Self { least: law.least.value, outside: (law.outside.share, law.outside.whole) }
    }
}

/// A committee as its buyer plans it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Committee {
    /// All members.
    pub members: u32,
    /// Those whom the buyer names itself. They are never drawn.
    pub representatives: u32,
}

/// Why a committee is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoCommittee {
    /// An even number may not decide.
    #[error("{members} is an even number of members")]
    Even {
        /// How many.
        members: u32,
    },
    /// Too small.
    #[error("{members} members are fewer than {least}")]
    Small {
        /// How many.
        members: u32,
        /// How many it takes.
        least: u32,
    },
    /// Too many of the buyer's own.
    #[error("{experts} outside experts of {members} members are fewer than {needed}")]
    FewExperts {
        /// How many would be drawn.
        experts: u32,
        /// Of how many members.
        members: u32,
        /// How many it takes.
        needed: u32,
    },
    /// The strata draw another number than the committee has seats for.
    #[error("the strata have {drawn} seats and the committee {experts}")]
    Strata {
        /// How many they draw.
        drawn: u32,
        /// How many outside experts the committee has.
        experts: u32,
    },
}

impl Refusal for NoCommittee {
    fn code(&self) -> &'static str {
        match self {
            Self::Even { .. } => "draw-even",
            Self::Small { .. } => "draw-small",
            Self::FewExperts { .. } => "draw-few-experts",
            Self::Strata { .. } => "draw-strata",
        }
    }

    fn status(&self) -> u16 {
        422
    }

    fn args(&self) -> Args {
        let number = |name, value: u32| (name, i64::from(value).into());
        match *self {
            Self::Even { members } => vec![number("members", members)],
            Self::Small { members, least } => {
                vec![number("members", members), number("least", least)]
            }
            Self::FewExperts { experts, members, needed } => vec![
                number("experts", experts),
                number("members", members),
                number("needed", needed),
            ],
            Self::Strata { drawn, experts } => {
                vec![number("drawn", drawn), number("experts", experts)]
            }
        }
    }
}

/// How many outside experts the committee draws.
///
/// # Errors
/// [`NoCommittee`] when the rule does not allow it.
pub fn need(rule: &CommitteeRule, committee: &Committee) -> Result<u32, NoCommittee> {
    let Committee { members, representatives } = *committee;
    if members < rule.least {
        return Err(NoCommittee::Small { members, least: rule.least });
    }
    if members.is_multiple_of(2) {
        return Err(NoCommittee::Even { members });
    }
    let experts = members.saturating_sub(representatives);
    let (share, whole) = (u64::from(rule.outside.0), u64::from(rule.outside.1.max(1)));
    let needed = (u64::from(members) * share).div_ceil(whole);
    if u64::from(experts) < needed || representatives > members {
        let needed = u32::try_from(needed).unwrap_or(u32::MAX);
        return Err(NoCommittee::FewExperts { experts, members, needed });
    }
    Ok(experts)
}

/// Checks that the strata draw exactly the experts that the committee needs.
///
/// # Errors
/// [`NoCommittee::Strata`].
pub fn check_strata(experts: u32, strata: &[Stratum]) -> Result<(), NoCommittee> {
    let drawn = strata.iter().fold(0_u32, |sum, stratum| sum.saturating_add(stratum.k));
    if drawn == experts { Ok(()) } else { Err(NoCommittee::Strata { drawn, experts }) }
}

/// Checks that a committee is lawful, and that its first draw has a seat for each of its outside experts.
/// A further draw has those that are empty, which [`follows`](super::statement::follows) sees to. What is
/// drawn for anything else needs no committee.
///
/// # Errors
/// [`NoCommittee`].
pub fn check_seats(draw: &Draw, rule: &CommitteeRule) -> Result<(), NoCommittee> {
    let Subject::Committee { members, representatives, .. } = draw.subject else { return Ok(()) };
    let experts = need(rule, &Committee { members, representatives })?;
    if draw.no == 1 { check_strata(experts, &draw.strata) } else { Ok(()) }
}

/// Checks that a filter keeps out whom the rule pack keeps out, by the dates that follow from the hour at
/// which the committee meets, and nobody else.
///
/// # Errors
/// [`Refused::Law`].
pub fn check_filter(filter: &Filter, law: &Recusal) -> Result<(), Refused> {
    let stated = Recusal {
        look_back: filter.look_back,
        drawn_most: filter.drawn_most,
        drawn_since: filter.drawn_since,
        per_employer: filter.per_employer,
    };
    if stated == *law { Ok(()) } else { Err(Refused::Law) }
}

/// Checks that a draw is made no earlier than the rule pack allows: the longer members are known before
/// they meet, the more there are who could ask them for something.
///
/// # Errors
/// [`Refused::Early`].
pub fn check_hour(now: Time, earliest: Time) -> Result<(), Refused> {
    if now >= earliest { Ok(()) } else { Err(Refused::Early { earliest }) }
}
