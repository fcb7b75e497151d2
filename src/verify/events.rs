//! The disclosed events of a case, read into their types.
//!
//! Invariant: reading proves nothing but form. What is not canonical is kept as such, to be named
//! by the claim `statements`, and counts for no other claim.

use serde::Deserialize;
use serde_json::Value;

use crate::bid::statements::BidEvent;
use crate::crypto::json::{self, JsonError};
use crate::crypto::note::Note;
use crate::crypto::statement::{Body, Statement, StatementError, type_of};
use crate::custodian::roster::Roster;
use crate::enterprise::statements::{Application, Declined, KeyRevocation, KeyRotation, Verified};
use crate::error::{Reason as _, Said};
use crate::ids::UnitId;
use crate::opening::statements::{
    Challenged, Close, Lodged, Opening, OpeningEvent, Order, Release, Suspension, Void,
};
use crate::record::leaf::Salt;
use crate::record::succession::Succession;
use crate::tender::statements::{Amendment, Notice, Outage, Unit};

use super::casefile::OpenedLeaf;

/// An event at its place in the record.
pub(super) struct Event {
    pub index: u64,
    pub salt: Salt,
    pub what: What,
}

/// What an event is.
pub(super) enum What {
    Unit(Statement<Unit>),
    Amendment(Statement<Amendment>),
    Outage(Statement<Outage>),
    Close(Statement<Close>),
    Order(Statement<Order>),
    Suspension(Statement<Suspension>),
    Release(Statement<Release>),
    Challenged(Statement<Challenged>),
    Lodged(Statement<Lodged>),
    Void(Statement<Void>),
    Opening(Statement<Opening>),
    Verified(Statement<Verified>),
    Rotation(Statement<KeyRotation>),
    Revocation(Statement<KeyRevocation>),
    Application(Statement<Application>),
    Declined(Statement<Declined>),
    Notice(Statement<Notice>),
    Roster(Statement<Roster>),
    Succession(Statement<Succession>),
    /// A statement of a type this verifier does not judge.
    OtherNote(Note),
    Bid(BidEvent),
    Step(OpeningEvent),
    /// A line of JSON of a type this verifier does not judge.
    OtherLine,
    /// Not canonical, with the reason.
    Bad(Said),
}

/// Reads one event.
pub(super) fn read(leaf: &OpenedLeaf) -> Event {
    let is_line = leaf.event.first() == Some(&b'{');
    let what = if is_line { read_line(&leaf.event) } else { read_note(&leaf.event) };
    let what = what.unwrap_or_else(What::Bad);
    Event { index: leaf.index, salt: leaf.salt, what }
}

fn read_line(bytes: &[u8]) -> Result<What, Said> {
    #[derive(Deserialize)]
    struct Typed {
        #[serde(rename = "type")]
        kind: String,
    }
    let wrong = |error: JsonError| error.said();
    let value: Value = json::parse(bytes).map_err(wrong)?;
    let Typed { kind } =
        Typed::deserialize(value).map_err(|error| wrong(JsonError::Shape(error.to_string())))?;
    match kind.as_str() {
        "sealbid/accepted/v1" | "sealbid/withdrawn/v1" | "sealbid/refused/v1" => {
            json::parse(bytes).map(What::Bid).map_err(wrong)
        }
        "sealbid/proposed/v1"
        | "sealbid/lapsed/v1"
        | "sealbid/released/v1"
        | "sealbid/missing/v1"
        | "sealbid/resupplied/v1"
        | "sealbid/challenge/v1"
        | "sealbid/false-release/v1"
        | "sealbid/shares/v1"
        | "sealbid/read-out/v1" => json::parse(bytes).map(What::Step).map_err(wrong),
        kind if kind.starts_with("sealbid/") => Ok(What::OtherLine),
        _ => Err(Said::bare("verify-why-say-foreign-type")),
    }
}

fn read_note(bytes: &[u8]) -> Result<What, Said> {
    let note = Note::parse(bytes).map_err(|error| error.said())?;
    let kind = type_of(note.text()).unwrap_or_default().to_owned();
    match kind.as_str() {
        Unit::TYPE => typed(note, What::Unit),
        Amendment::TYPE => typed(note, What::Amendment),
        Outage::TYPE => typed(note, What::Outage),
        Close::TYPE => typed(note, What::Close),
        Order::TYPE => typed(note, What::Order),
        Suspension::TYPE => typed(note, What::Suspension),
        Release::TYPE => typed(note, What::Release),
        Challenged::TYPE => typed(note, What::Challenged),
        Lodged::TYPE => typed(note, What::Lodged),
        Void::TYPE => typed(note, What::Void),
        Opening::TYPE => typed(note, What::Opening),
        Verified::TYPE => typed(note, What::Verified),
        KeyRotation::TYPE => typed(note, What::Rotation),
        KeyRevocation::TYPE => typed(note, What::Revocation),
        Application::TYPE => typed(note, What::Application),
        Declined::TYPE => typed(note, What::Declined),
        Notice::TYPE => typed(note, What::Notice),
        Roster::TYPE => typed(note, What::Roster),
        Succession::TYPE => typed(note, What::Succession),
        _ => other_note(note),
    }
}

fn typed<B: Body>(note: Note, make: fn(Statement<B>) -> What) -> Result<What, Said> {
    Statement::from_note(note).map(make).map_err(|error| error.said())
}

fn other_note(note: Note) -> Result<What, Said> {
    let mut lines = note.text().split('\n');
    let (Some(kind), Some(line), Some(""), None) =
        (lines.next(), lines.next(), lines.next(), lines.next())
    else {
        return Err(StatementError::Lines.said());
    };
    if !kind.starts_with("sealbid/") {
        return Err(Said::bare("verify-why-say-foreign-type"));
    }
    json::parse::<Value>(line.as_bytes()).map_err(|error| error.said())?;
    Ok(What::OtherNote(note))
}

impl What {
    /// Which unit an event is about, if it is about one.
    pub(super) fn unit(&self) -> Option<UnitId> {
        Some(match self {
            Self::Unit(s) => return s.body().id().ok(),
            Self::Amendment(s) => s.body().unit_id,
            Self::Outage(s) => s.body().unit_id,
            Self::Close(s) => s.body().unit_id,
            Self::Order(s) => s.body().unit_id,
            Self::Suspension(s) => s.body().unit_id,
            Self::Release(s) => s.body().unit_id,
            Self::Challenged(s) => s.body().unit_id,
            Self::Void(s) => s.body().unit_id,
            Self::Opening(s) => s.body().unit_id,
            Self::Bid(
                BidEvent::Accepted { unit_id, .. }
                | BidEvent::Withdrawn { unit_id, .. }
                | BidEvent::Refused { unit_id, .. },
            )
            | Self::Step(
                OpeningEvent::Proposed { unit_id, .. }
                | OpeningEvent::Lapsed { unit_id, .. }
                | OpeningEvent::Released { unit_id, .. }
                | OpeningEvent::FalseRelease { unit_id, .. }
                | OpeningEvent::Missing { unit_id, .. }
                | OpeningEvent::Resupplied { unit_id, .. }
                | OpeningEvent::Challenge { unit_id, .. }
                | OpeningEvent::Shares { unit_id, .. }
                | OpeningEvent::ReadOut { unit_id, .. },
            ) => *unit_id,
            _ => return None,
        })
    }

    /// The note of an event that is one.
    pub(super) const fn note(&self) -> Option<&Note> {
        Some(match self {
            Self::Unit(s) => s.note(),
            Self::Amendment(s) => s.note(),
            Self::Outage(s) => s.note(),
            Self::Close(s) => s.note(),
            Self::Order(s) => s.note(),
            Self::Suspension(s) => s.note(),
            Self::Release(s) => s.note(),
            Self::Challenged(s) => s.note(),
            Self::Lodged(s) => s.note(),
            Self::Void(s) => s.note(),
            Self::Opening(s) => s.note(),
            Self::Verified(s) => s.note(),
            Self::Rotation(s) => s.note(),
            Self::Revocation(s) => s.note(),
            Self::Application(s) => s.note(),
            Self::Declined(s) => s.note(),
            Self::Notice(s) => s.note(),
            Self::Roster(s) => s.note(),
            Self::Succession(s) => s.note(),
            Self::OtherNote(note) => note,
            Self::Bid(_) | Self::Step(_) | Self::OtherLine | Self::Bad(_) => return None,
        })
    }
}
