//! The claim that what was refused had to be: each refusal is decided again by the platform's own
//! rules, as far as the file shows what they depend on.
//!
//! Without it a platform could turn a bid away in time, write "late" beside an hour before the
//! deadline, and no other claim would notice.

use crate::bid::rules::{self, Intake, UnitTerms};
use crate::bid::statements::{Fault, Manifest, Withdrawal};
use crate::clock::{Time, is_closed};
use crate::crypto::key::VerifyingKey;
use crate::crypto::note::Note;
use crate::crypto::statement::{Body as _, Statement, type_of};
use crate::custodian::roster::Roster;
use crate::enterprise::credentials::enterprise_of;
use crate::enterprise::statements::Kind;
use crate::error::{Arg, Reason as _, Said};
use crate::ids::{EnterpriseId, UnitId};
use crate::record::checkpoint::Cosigned;
use crate::verify::facts::Facts;
use crate::verify::report::{Finding, Stop, failed, said, text, undecided, why};
use crate::verify::unit::{At, Refused, UnitFacts};

use super::chains::{Act, Chains, acts};
use super::units::terms_of;

/// Entries that a sentence names at most.
const NAMED: usize = 10;

/// Refusals for what was sent, or not sent, beside the signed statement.
const UNSHOWN: [rules::Refused; 3] =
    [rules::Refused::Shares, rules::Refused::ShareProfile, rules::Refused::Envelope];

/// What the platform says of its own loss: no file could show it to be false.
const LOST: &str = rules::Refused::EnvelopeLost.code();

/// That the platform did not decide in time: only an entry of before the deadline shows it to be false.
const UNDECIDED: &str = rules::Refused::Undecided.code();

/// What a refusal comes to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Judged {
    /// The rules demand it.
    Holds,
    /// The platform did not decide in time, or lost what was uploaded, and says so.
    PlatformFault,
    /// The file does not show what decides it.
    Unjudged,
}

/// Every refusal is what the rules demand.
pub(super) fn refusals(facts: &Facts<'_>, unit: &UnitFacts<'_>) -> Finding {
    let (_, roster) = terms_of(facts, unit)?;
    let mut replay = Replay::new(facts, unit, roster);
    let (mut own, mut unjudged) = (Vec::new(), 0_usize);
    for at in &unit.refused {
        match replay.judge(at)? {
            Judged::Holds => {}
            Judged::PlatformFault => own.push(at.index.to_string()),
            Judged::Unjudged => unjudged = unjudged.saturating_add(1),
        }
    }
    let count = ("count", text(unit.refused.len()));
    if !facts.shows(unit) || unjudged > 0 {
        return Err(undecided("verify-say-refusals-here", [count]));
    }
    if own.is_empty() {
        return Ok(said("verify-say-refusals-hold", [count]));
    }
    let (number, entries) = (text(own.len()), text(own.get(..NAMED).unwrap_or(&own).join(", ")));
    Ok(said("verify-say-refusals-own", [count, ("own", number), ("entries", entries)]))
}

/// A unit's record, replayed up to each refusal in turn.
pub(super) struct Replay<'a, 'b> {
    facts: &'a Facts<'b>,
    unit: &'a UnitFacts<'a>,
    n: usize,
    t: usize,
    /// Sizes and times of the checkpoints that the unit's custodians cosigned.
    cosigned: Vec<(u64, Vec<Time>)>,
    shown_until: u64,
    acts: std::iter::Peekable<std::vec::IntoIter<(u64, Act<'a, 'a>)>>,
    /// `None` once an act did not follow: the claim `manifests` names it, and what came after
    /// cannot be replayed.
    chains: Option<Chains>,
}

impl<'a, 'b> Replay<'a, 'b> {
    /// Before the first act.
    pub(super) fn new(facts: &'a Facts<'b>, unit: &'a UnitFacts<'a>, roster: &Roster) -> Self {
        let (n, t, cosigned) = (roster.n(), usize::from(roster.t), facts.cosigned(roster));
        let shown_until = facts.shown_until(unit.start());
        let acts = acts(unit).into_iter().peekable();
        let chains = Some(Chains::new(shown_until));
        Self { facts, unit, n, t, cosigned, shown_until, acts, chains }
    }

    /// Knows one more checkpoint.
    pub(super) fn see(&mut self, head: &Cosigned, witnesses: &[VerifyingKey]) {
        let times = witnesses.iter().filter_map(|key| head.time_of(key)).collect();
        self.cosigned.push((head.checkpoint().size, times));
    }

    /// Judges a refusal that comes after all judged before.
    ///
    /// # Errors
    /// When it is not what the rules demand.
    pub(super) fn judge(&mut self, at: &At<Refused<'_>>) -> Result<Judged, Stop> {
        self.go_to(at.index);
        let bad = |reason| bad(at, why(reason));
        let stated = Stated::parse(at.it.statement).ok_or(bad("verify-say-why-no-statement"))?;
        if stated.unit_id() != self.unit.id {
            return Err(bad("verify-say-why-refused-elsewhere"));
        }
        if at.it.code == rules::Refused::Signature.code() {
            return self.unsigned(at, &stated);
        }
        let signer = stated.signer().ok_or(bad("verify-say-why-unsigned"))?;
        let standing = self.facts.bodies.at(signer, at.index);
        let line = standing.and_then(|standing| standing.line);
        if let Some(key) = line.and_then(<[_]>::last) {
            stated.check_signature(key).map_err(|_| bad("verify-say-why-unsigned"))?;
        } else if self.facts.is_shown(0, at.index) {
            return Err(bad("verify-say-why-no-key"));
        }
        match (line, self.chains.as_ref().filter(|_| at.index <= self.shown_until)) {
            (Some(line), Some(chains)) => self.decide(at, &stated, line, chains.head(signer)),
            _ => self.by_itself(at, &stated),
        }
    }

    /// A bid that came through a custodian and that no bidder's key in force signed: revoked or
    /// handed over meanwhile, or never anybody's.
    fn unsigned(&self, at: &At<Refused<'_>>, stated: &Stated) -> Result<Judged, Stop> {
        let standing = stated.signer().and_then(|signer| self.facts.bodies.at(signer, at.index));
        let bidder = standing.filter(|standing| standing.kind == Kind::Enterprise);
        let key = bidder.and_then(|standing| standing.line).and_then(<[_]>::last);
        if key.is_some_and(|key| stated.check_signature(key).is_ok()) {
            return Err(bad(at, why("verify-say-why-acceptable")));
        }
        if standing.is_none() && !self.facts.is_shown(0, at.index) {
            return Ok(Judged::Unjudged);
        }
        check_fault(at, Fault::Bidder)
    }

    /// Replays the acts before an index.
    fn go_to(&mut self, index: u64) {
        // The deadline is another claim's.
        let terms = self.terms(Time::from_millis(i64::MAX), Intake::Open);
        while let Some((_, act)) = self.acts.next_if(|(at, _)| *at < index) {
            let taken = self.chains.as_mut().map(|chains| chains.take(self.facts, &terms, &act));
            if taken.is_some_and(|taken| taken.is_err()) {
                self.chains = None;
            }
        }
    }

    const fn terms(&self, deadline: Time, intake: Intake) -> UnitTerms {
        UnitTerms { unit_id: self.unit.id, deadline, n: self.n, intake }
    }

    fn is_shut(&self, index: u64) -> bool {
        index < self.unit.start() || self.unit.voids.first().is_some_and(|void| void.index < index)
    }

    /// Decides again with all that the platform knew.
    fn decide(
        &self,
        at: &At<Refused<'_>>,
        stated: &Stated,
        line: &[VerifyingKey],
        head: Option<&rules::ChainHead>,
    ) -> Result<Judged, Stop> {
        let Some(terms) = self.unit.terms_at(at.index) else { return Ok(Judged::Unjudged) };
        let intake = if self.is_shut(at.index) { Intake::Shut } else { Intake::Open };
        let terms = self.terms(terms.deadline, intake);
        let arrived_at = at.it.arrived_at;
        let decided = match stated {
            Stated::Manifest(s) => rules::decide(&terms, head, s, line, arrived_at),
            Stated::Withdrawal(s) => rules::decide_withdrawal(&terms, head, s, line, arrived_at),
        };
        let expected = match decided {
            Err(refused) => Some(refused),
            Ok(()) if self.unit.is_closing_at(at.index) => Some(rules::Refused::Undecided),
            Ok(()) => None,
        };
        let Some(expected) = expected else {
            let is_own = match at.it.code {
                LOST => true,
                UNDECIDED => !self.is_before(at.index, terms.deadline),
                _ => false,
            };
            if is_own {
                return check_fault(at, Fault::Platform);
            }
            // What was sent beside the statement is not on the record.
            let is_unshown = UNSHOWN.iter().any(|refused| refused.code() == at.it.code);
            return match check_fault(at, Fault::Bidder) {
                Ok(_) if is_unshown => Ok(Judged::Unjudged),
                _ => Err(bad(at, why("verify-say-why-acceptable"))),
            };
        };
        if expected.code() != at.it.code {
            return Err(bad(at, text(expected)));
        }
        check_fault(at, expected.fault())
    }

    /// Whether t custodians saw an entry before an hour: one of them at least does not lie.
    fn is_before(&self, index: u64, hour: Time) -> bool {
        self.cosigned.iter().filter(|(size, _)| *size > index).any(|(_, times)| {
            times.iter().filter(|time| !is_closed(**time, hour)).count() >= self.t
        })
    }

    /// Judges by what the refusal itself and the public acts tell.
    fn by_itself(&self, at: &At<Refused<'_>>, stated: &Stated) -> Result<Judged, Stop> {
        let Some(terms) = self.unit.terms_at(at.index) else { return Ok(Judged::Unjudged) };
        let (code, is_late) = (at.it.code, is_closed(at.it.arrived_at, terms.deadline));
        let is_shown = self.facts.is_shown(self.unit.start(), at.index);
        // An amendment that the file leaves out can only have moved the deadline later.
        let fits = match code {
            "late" if !is_late => return Err(bad(at, why("verify-say-why-not-late"))),
            "late" => is_shown.then_some(true),
            "not-open" => Some(self.is_shut(at.index)).filter(|shut| *shut || is_shown),
            "share-count" => Some(stated.shares().is_some_and(|shares| shares != self.n)),
            UNDECIDED if self.is_before(at.index, terms.deadline) => Some(false),
            UNDECIDED | LOST => (!is_late || is_shown).then_some(!is_late),
            _ => None,
        };
        match fits {
            Some(true) if [UNDECIDED, LOST].contains(&code) => check_fault(at, Fault::Platform),
            Some(true) => check_fault(at, Fault::Bidder),
            Some(false) => Err(bad(at, why("verify-say-why-acceptable"))),
            None => Ok(Judged::Unjudged),
        }
    }
}

fn check_fault(at: &At<Refused<'_>>, fault: Fault) -> Result<Judged, Stop> {
    match fault {
        fault if fault != at.it.fault => Err(bad(at, why("verify-say-why-fault"))),
        Fault::Platform => Ok(Judged::PlatformFault),
        Fault::Bidder => Ok(Judged::Holds),
    }
}

fn bad(at: &At<Refused<'_>>, reason: Arg) -> Stop {
    let args = [("index", text(at.index)), ("code", text(at.it.code)), ("reason", reason)];
    failed("verify-say-refusal-bad", args)
}

/// What a refusal's code says; one that this program does not know stands for itself.
pub(super) fn meaning(code: &str) -> Arg {
    let known = rules::Refused::of_code(code);
    known.map_or_else(|| text(code), |refused| Said::of(&refused).arg())
}

/// What was refused.
enum Stated {
    Manifest(Statement<Manifest>),
    Withdrawal(Statement<Withdrawal>),
}

impl Stated {
    fn parse(statement: &str) -> Option<Self> {
        let note = Note::parse(statement.as_bytes()).ok()?;
        match type_of(note.text())? {
            Manifest::TYPE => Statement::from_note(note).ok().map(Self::Manifest),
            Withdrawal::TYPE => Statement::from_note(note).ok().map(Self::Withdrawal),
            _ => None,
        }
    }

    const fn unit_id(&self) -> UnitId {
        match self {
            Self::Manifest(s) => s.body().unit_id,
            Self::Withdrawal(s) => s.body().unit_id,
        }
    }

    fn signer(&self) -> Option<EnterpriseId> {
        let note = match self {
            Self::Manifest(s) => s.note(),
            Self::Withdrawal(s) => s.note(),
        };
        note.signatures().first().and_then(|line| enterprise_of(&line.name))
    }

    fn check_signature(&self, key: &VerifyingKey) -> Result<(), rules::Refused> {
        match self {
            Self::Manifest(s) => rules::check_signature(s, key),
            Self::Withdrawal(s) => rules::check_signature(s, key),
        }
    }

    fn shares(&self) -> Option<usize> {
        match self {
            Self::Manifest(s) => Some(s.body().shares.len()),
            Self::Withdrawal(_) => None,
        }
    }
}
