//! Canonical JSON, notes, and every type of statement and event.

use sealbid::auth::login::Login;
use sealbid::bid::statements::{BidEvent, BidJson, Manifest, Withdrawal};
use sealbid::crypto::json;
use sealbid::crypto::note::Note;
use sealbid::crypto::statement::{Body, Statement, type_of};
use sealbid::custodian::roster::Roster;
use sealbid::draw::rules::statement::check;
use sealbid::draw::statements::{Contribution, Draw, DrawResult, DrawVoid};
use sealbid::enterprise::statements::{
    Application, Declined, KeyRevocation, KeyRotation, Verified,
};
use sealbid::opening::statements::{
    Challenged, Close, Lodged, Opening, OpeningEvent, Order, Query, Release, Suspension, Void,
};
use sealbid::record::succession::Succession;
use sealbid::tender::statements::{Amendment, Notice, Outage, Unit};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{same, text};

/// Canonical JSON has one spelling, and holds nothing that another reader reads otherwise.
pub fn json(bytes: &[u8]) -> bool {
    let Ok(value) = json::parse::<Value>(bytes) else { return false };
    same(json::to_string(&value).expect("it was read"), bytes)
}

/// A signed note has one spelling, and its text is not that of another note.
pub fn note(bytes: &[u8]) -> bool {
    let Ok(note) = Note::parse(bytes) else { return false };
    assert!(Note::new(note.text().to_owned()).is_ok());
    same(note.encode(), bytes)
}

fn typed<T: DeserializeOwned + Serialize>(bytes: &[u8]) -> bool {
    json::parse::<T>(bytes)
        .is_ok_and(|value| same(json::to_string(&value).expect("it was read"), bytes))
}

fn body<B: Body>(text: &str) -> Option<bool> {
    (type_of(text) == Some(B::TYPE)).then(|| {
        let note = Note::new(text.to_owned());
        let Some(Ok(statement)) = note.map(Statement::<B>::from_note).ok() else { return false };
        let line = json::to_string(statement.body()).expect("it was read");
        same(format!("{}\n{line}\n", B::TYPE), text.as_bytes())
    })
}

/// A statement's text says what its typed body says, in the one spelling: no key is dropped and no
/// default is filled in.
pub fn statement(bytes: &[u8]) -> bool {
    let Some(text) = text(bytes) else { return false };
    let known: [fn(&str) -> Option<bool>; 26] = [
        body::<Application>,
        body::<Verified>,
        body::<Declined>,
        body::<KeyRotation>,
        body::<KeyRevocation>,
        body::<Login>,
        body::<Roster>,
        body::<Notice>,
        body::<Unit>,
        body::<Amendment>,
        body::<Outage>,
        body::<Manifest>,
        body::<Withdrawal>,
        body::<Lodged>,
        body::<Query>,
        body::<Close>,
        body::<Challenged>,
        body::<Order>,
        body::<Suspension>,
        body::<Release>,
        body::<Opening>,
        body::<Void>,
        body::<Draw>,
        body::<DrawResult>,
        body::<DrawVoid>,
        body::<Succession>,
    ];
    if let Ok(Ok(draw)) = Note::new(text.to_owned()).map(Statement::<Draw>::from_note) {
        // Whatever it says, it is judged; and what is taken asks no stratum for more than its pool holds.
        let mut pools = draw.body().strata.iter().zip(&draw.body().pools);
        assert!(check(draw.body()).is_err() || pools.all(|(it, pool)| it.k <= pool.count));
    }
    known.iter().find_map(|read| read(text)).unwrap_or(false)
}

/// The same for events, and for what is read first in a sealed bid or contribution: neither of these is
/// ever read as the other.
pub fn event(bytes: &[u8]) -> bool {
    let of_record = typed::<BidEvent>(bytes) || typed::<OpeningEvent>(bytes);
    let sealed = [typed::<BidJson>(bytes), typed::<Contribution>(bytes)];
    assert!(sealed != [true, true]);
    of_record || sealed.contains(&true)
}
