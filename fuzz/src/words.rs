//! What people and their programs write: identifiers, codes, tokens, headers, configuration, law.

use std::sync::LazyLock;

use sealbid::auth::Actor;
use sealbid::auth::provider::install_providers;
use sealbid::auth::token::TokenKey;
use sealbid::bid::tus;
use sealbid::clock::Time;
use sealbid::config::{Config, Origin};
use sealbid::crypto::hash::Hash;
use sealbid::custodian::roster::CustodianId;
use sealbid::draw::statements::{Code, Label};
use sealbid::enterprise::uscc::Uscc;
use sealbid::ids::{
    BidId, DocumentId, DrawId, EnterpriseId, ExpertId, LibraryId, LotId, SessionId, TenderId,
    UnitId, UploadId,
};
use sealbid::rulepack::Pack;
use sealbid::rulepack::timeline::{Measure, Timeline, check_amendment, check_timeline};
use sealbid::verify::casefile::MemberName;

use super::{same, text};

/// Identifiers have one spelling.
pub fn names(bytes: &[u8]) -> bool {
    fn one<T: std::str::FromStr + ToString>(text: &str) -> bool {
        text.parse::<T>().is_ok_and(|id| same(id.to_string(), text.as_bytes()))
    }
    let Some(text) = text(bytes) else { return false };
    one::<BidId>(text)
        || one::<DocumentId>(text)
        || one::<DrawId>(text)
        || one::<EnterpriseId>(text)
        || one::<ExpertId>(text)
        || one::<LibraryId>(text)
        || one::<LotId>(text)
        || one::<SessionId>(text)
        || one::<TenderId>(text)
        || one::<UploadId>(text)
        || one::<UnitId>(text)
        || one::<CustodianId>(text)
        || one::<Label>(text)
        || one::<Code>(text)
        || one::<Hash>(text)
        || one::<Actor>(text)
        || one::<MemberName>(text)
        || Origin::parse(text).is_ok_and(|origin| same(origin.as_str(), bytes))
}

/// However a code was typed, its one spelling is accepted as it is and is the same code; statements
/// take no other.
pub fn uscc(bytes: &[u8]) -> bool {
    let Some(text) = text(bytes) else { return false };
    if let Ok(strict) = serde_json::from_value::<Uscc>(text.into()) {
        same(strict.to_string(), bytes);
    }
    let Ok(code) = Uscc::parse(text) else { return false };
    assert_eq!(code.as_str().parse().as_ref(), Ok(&code));
    true
}

static TOKENS: LazyLock<(TokenKey, String)> = LazyLock::new(|| {
    install_providers();
    let key = TokenKey::new(&[1; 32], "bids.example/record").expect("a key");
    let session = format!("ses_{:032x}", 1).parse().expect("an id");
    let enterprise = format!("ent_{:032x}", 1).parse().expect("an id");
    let token = key.issue(&Actor::Bidder(enterprise), session, Time::from_seconds(0));
    (key, token.expect("a token"))
});

/// The one token that was issued.
#[must_use]
pub fn issued() -> &'static str {
    &TOKENS.1
}

/// No text but the one that was issued is a token.
pub fn token(bytes: &[u8]) -> bool {
    let Some(text) = text(bytes) else { return false };
    let good = TOKENS.0.check(text, Time::from_seconds(1)).is_ok();
    assert_eq!(good, text == issued());
    good
}

/// Values of tus headers have one spelling.
pub fn tus(bytes: &[u8]) -> bool {
    let Some(text) = text(bytes) else { return false };
    if let Some(number) = tus::bytes(text) {
        return same(number.to_string(), bytes);
    }
    tus::checksum(text).is_some_and(|part| same(tus::checksum_value(&part), bytes))
}

/// A configuration that is accepted is within its ranges, and reads the same again.
pub fn config(bytes: &[u8]) -> bool {
    let Some(text) = text(bytes) else { return false };
    let Ok(config) = Config::parse(text, None) else { return false };
    assert!((50..=5_000).contains(&config.cadence_ms));
    assert!(config.max_upload_bytes >= 1 << 20);
    assert_eq!(Origin::parse(config.origin.as_str()).as_ref(), Ok(&config.origin));
    let cadence = config.cadence_ms.to_string();
    let variable = ("SEALBID_CADENCE_MS".to_owned(), cadence);
    assert_eq!(Config::parse(text, [variable]).as_ref(), Ok(&config));
    true
}

/// By any rule pack, the deadline that it demands after a change is one that it finds lawful, and no
/// dates, however far off, stop it.
pub fn rule_pack(bytes: &[u8]) -> bool {
    let Some(Ok(pack)) = text(bytes).map(Pack::parse) else { return false };
    assert_eq!(pack.sha256, Hash::of(bytes));
    for at in [i64::MIN, 0, 1_800_000_000_000, i64::MAX].map(Time::from_millis) {
        let dates = Timeline {
            published_at: at,
            documents_until: at,
            deadline: at,
            open_at: at,
            challenge_ms: at.millis(),
            min_bidders: 3,
        };
        if let Ok(findings) = check_timeline(&pack, &dates) {
            assert_eq!(findings.len(), 6);
        }
        let Ok(finding) = check_amendment(&pack, at, at) else { continue };
        let Measure::At(earliest) = finding.required else { panic!("no instant") };
        assert!(earliest >= at);
        assert!(check_amendment(&pack, at, earliest).is_ok_and(|finding| finding.ok));
    }
    true
}
