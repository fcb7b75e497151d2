//! Is who is drawn decided by nobody, and recomputed by anybody?

mod again;
mod by_hand;
mod committees;
mod drums;
mod results;
mod seeds;
mod selection;
mod statement;
mod strata;
mod words;

use sealbid::clock::Time;
use sealbid::crypto::entropy::SeededEntropy;
use sealbid::crypto::hash::Hash;
use sealbid::draw::rules::pool::{Blind, Candidate, Drum, PoolKey};
use sealbid::draw::rules::statement::{contributors, drums_of};
use sealbid::draw::statements::{
    Code, Contributor, Criterion, Draw, Exclusions, Filter, Label, Register, Source, Stratum,
    Subject, ValueList,
};
use sealbid::enterprise::uscc::Uscc;
use sealbid::ids::{DrawId, ExpertId, UnitId};
use sealbid::tender::statements::{ReleaseBy, SUITE, Stage, Unit};

use crate::opening_world::{roster, who};
use crate::support::START;

pub fn label(text: &str) -> Label {
    text.parse().unwrap()
}

pub fn code(text: &str) -> Code {
    text.parse().unwrap()
}

pub fn stratum(name: &str, k: u32, reserves: u32) -> Stratum {
    Stratum { k, label: label(name), reserves }
}

/// A seed as good as any: tests say which, so that they never differ.
pub fn seed_of(number: u64) -> Hash {
    Hash::of_parts(&[b"a test's seed", &number.to_be_bytes()])
}

pub fn draw_id(number: u8) -> DrawId {
    format!("drw_{number:032x}").parse().unwrap()
}

pub fn expert_id(number: u32) -> ExpertId {
    format!("exp_{number:032x}").parse().unwrap()
}

/// A body that is no real one.
pub fn body(number: u64) -> Uscc {
    Uscc::unassigned(&SeededEntropy::new(number)).unwrap()
}

pub fn blind() -> Blind {
    Blind::keyed(&PoolKey::from_bytes([7; 32]), draw_id(1))
}

/// The drum of experts with these numbers, each with the employer that `employer` says.
pub fn drum(
    name: &str,
    experts: impl IntoIterator<Item = u32>,
    employer: impl Fn(u32) -> Option<Uscc>,
) -> Drum {
    let experts: Vec<(String, Option<Uscc>)> =
        experts.into_iter().map(|it| (expert_id(it).to_string(), employer(it))).collect();
    let candidates = experts.iter().map(|(name, employer)| Candidate { name, employer: *employer });
    Drum::fill(label(name), candidates, &blind()).unwrap()
}

pub const fn nobodys(_: u32) -> Option<Uscc> {
    None
}

pub fn list(name: &str, values: &[&str]) -> ValueList {
    ValueList { label: label(name), values: values.iter().map(|&it| it.to_owned()).collect() }
}

/// The unit that a draw's contributions are sealed for; `number` makes it another one.
pub fn unit(number: u8) -> Unit {
    Unit {
        challenge_ms: 10_000,
        deadline: START.plus(60_000),
        issued_at: START,
        lot: format!("lot_{:032x}", 1).parse().unwrap(),
        min: 3,
        nonce: Hash::from_bytes([number; 32]),
        open_at: START.plus(60_000),
        procuring_entity: who(0).0,
        recipients: Vec::new(),
        release: ReleaseBy::Time,
        roster_sha256: roster().sha256(),
        stage: Stage::Single,
        suite: SUITE.to_owned(),
        t: 3,
        tender: format!("tnd_{:032x}", 1).parse().unwrap(),
    }
}

pub fn unit_id(number: u8) -> UnitId {
    unit(number).id().unwrap()
}

pub fn everybody() -> Vec<Contributor> {
    contributors(roster().body(), who(0).0)
}

pub fn committee() -> Subject {
    let Unit { lot, tender, .. } = unit(1);
    Subject::Committee { lot, members: 7, representatives: 2, tender }
}

/// A draw from drums of experts.
pub fn expert_draw(strata: Vec<Stratum>, drums: &[Drum], per_employer: Option<u32>) -> Draw {
    let criterion = |stratum: &Stratum| Criterion {
        label: stratum.label.clone(),
        regions: Vec::new(),
        specialties: vec![code("A01")],
    };
    let filter = Filter {
        criteria: strata.iter().map(criterion).collect(),
        drawn_most: 3,
        drawn_since: Time::from_millis(0),
        from: START.plus(90_000_000),
        look_back: Time::from_millis(1),
        per_employer,
        until: START.plus(100_000_000),
    };
    let register = Register {
        as_of: 4096,
        exclusions: Exclusions {
            counts: Vec::new(),
            root: sealbid::draw::rules::pool::exclusions_root(Vec::new()),
        },
        filter,
        libraries: vec![format!("lib_{:032x}", 1).parse().unwrap()],
        register_size: 10_000,
    };
    Draw {
        beacon: None,
        contributors: everybody(),
        draw: draw_id(1),
        no: 1,
        pools: drums.iter().map(Drum::committed).collect(),
        previous: None,
        rule_pack_sha256: Hash::of(b"pack"),
        source: Source::Register(Box::new(register)),
        strata,
        subject: committee(),
        unit_id: unit_id(1),
    }
}

/// A draw from lists that everybody reads.
pub fn value_draw(strata: Vec<Stratum>, lists: Vec<ValueList>) -> Draw {
    let drums = drums_of(&lists).unwrap();
    let Unit { lot, tender, .. } = unit(1);
    Draw {
        source: Source::Values { lists },
        subject: Subject::Coefficient { lot, name: "K".to_owned(), tender },
        ..expert_draw(strata, &drums, None)
    }
}
