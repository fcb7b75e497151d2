//! Is every statement and event in docs/FORMATS.md what the code writes, and is none left out?

mod drawn;
mod signed;

use std::collections::BTreeSet;
use std::path::Path;

use sealbid::auth::login::Login;
use sealbid::bid::envelope;
use sealbid::bid::rules::line;
use sealbid::bid::statements::{BidEvent, BidJson, BlobRef, Fault, Manifest, Offer, Withdrawal};
use sealbid::clock::Time;
use sealbid::crypto::hash::Hash;
use sealbid::crypto::json;
use sealbid::crypto::key::{KeyKind, SigningKey};
use sealbid::crypto::seal::{Identity, unit_identity};
use sealbid::crypto::shares::{open_share, recover};
use sealbid::crypto::statement::{Body, Statement};
use sealbid::custodian::roster::{CustodianId, Member, Roster};
use sealbid::custodian::wire::Account;
use sealbid::enterprise::credentials::signer;
use sealbid::enterprise::statements::{
    Application, Declined, KeyRevocation, KeyRotation, Kind, Verified,
};
use sealbid::ids::{BidId, EnterpriseId, UnitId};
use sealbid::opening::statements::{
    Challenged, Close, LapseReason, LineStatus, Lodged, OpenedLine, Opening, OpeningEvent, Order,
    Query, QueryAbout, ReadOutLine, Release, ShareCode, ShareFault, SharesFound, Suspension,
    SuspensionState, Verdict, Void, VoidReason,
};
use sealbid::record::succession::{Held, Succession, SuccessionReason};
use sealbid::tender::statements::{
    Amendment, AmendmentReason, DocumentRef, LotNotice, Notice, Outage, ReleaseBy, SUITE, Stage,
    Unit, UnitRecipient,
};
use serde::Serialize;
use zeroize::Zeroizing;

use crate::formats_document::documented;

const ORIGIN: &str = "bids.example/record";
const BID: &[u8] = include_bytes!("../../golden/bid.age");
/// Sealed to the unit's custodians long ago: age draws a new key each time.
const SHARES: [&[u8]; 4] = [
    include_bytes!("../../golden/bid_file/share1.age"),
    include_bytes!("../../golden/bid_file/share2.age"),
    include_bytes!("../../golden/bid_file/share3.age"),
    include_bytes!("../../golden/bid_file/share4.age"),
];
const NINE: Time = Time::from_millis(1_800_000_000_000);

fn key(role: &str, seed: u8) -> SigningKey {
    SigningKey::from_seed(&format!("{ORIGIN}{role}"), KeyKind::Statement, &[seed; 32]).unwrap()
}

fn custodian(n: u8) -> CustodianId {
    format!("c{n}").parse().unwrap()
}

fn enterprise(n: u8) -> EnterpriseId {
    format!("ent_{n:032x}").parse().unwrap()
}

fn bidder(seed: u8) -> SigningKey {
    key(&format!("/enterprise/{}", enterprise(2)), seed)
}

fn offer() -> Offer {
    let price = Some("1234567.89".to_owned());
    let promises = vec!["两年质保".to_owned()];
    Offer { currency: "CNY".into(), duration_days: Some(90), price, promises }
}

fn roster() -> Statement<Roster> {
    let member = |n: u8| Member {
        address: format!("https://c{n}.example"),
        id: custodian(n),
        name: format!("Custodian {n}"),
        statement_key: key(&format!("/custodian/c{n}"), 10 + n).verifying().clone(),
        witness_key: SigningKey::from_seed(
            &format!("{ORIGIN}/witness/c{n}"),
            KeyKind::Cosignature,
            &[20 + n; 32],
        )
        .unwrap()
        .verifying()
        .clone(),
    };
    let body = Roster {
        custodians: (1..=4).map(member).collect(),
        issued_at: NINE,
        log_key: key("", 1).verifying().clone(),
        operator_keys: vec![key("/operator/o", 2).verifying().clone()],
        origin: ORIGIN.to_owned(),
        platform_key: key("/platform/p", 3).verifying().clone(),
        prev_sha256: None,
        regulator_key: key("/regulator/r", 4).verifying().clone(),
        sealer_sha256: None,
        t: 2,
        version: 1,
    };
    Statement::signed(body, &key("/regulator/r", 4)).unwrap()
}

fn unit() -> Unit {
    let mut unit = Unit {
        challenge_ms: 3_600_000,
        deadline: NINE.plus(86_400_000),
        issued_at: NINE,
        lot: format!("lot_{:032x}", 1).parse().unwrap(),
        min: 3,
        nonce: Hash::from_bytes([5; 32]),
        open_at: NINE.plus(86_400_000),
        procuring_entity: enterprise(1),
        recipients: Vec::new(),
        release: ReleaseBy::Time,
        roster_sha256: roster().sha256(),
        stage: Stage::Single,
        suite: SUITE.to_owned(),
        t: 2,
        tender: format!("tnd_{:032x}", 1).parse().unwrap(),
    };
    let id = unit.id().unwrap();
    let recipient = |n: u8| UnitRecipient {
        custodian: custodian(n),
        recipient: unit_identity(&[30 + n; 32], &id.0).recipient().to_string(),
    };
    unit.recipients = (1..=4).map(recipient).collect();
    unit
}

fn one() -> Identity {
    Identity::from_bytes(Zeroizing::new([0x42; 32]))
}

/// Everything that hangs together in the examples: one bid of one unit.
struct Story {
    unit_id: UnitId,
    bid_id: BidId,
    shares: Vec<Vec<u8>>,
    manifest: Statement<Manifest>,
    salt: Hash,
    close: Close,
}

impl Story {
    fn new() -> Self {
        let unit_id = unit().id().unwrap();
        let shares = SHARES.map(<[u8]>::to_vec).to_vec();
        let bid_id = format!("bid_{:032x}", 1).parse().unwrap();
        let body = Manifest {
            bid: BlobRef { sha256: Hash::of(BID), size: BID.len() as u64 },
            bid_id,
            prev_sha256: None,
            seal_recipient: one().recipient().to_string(),
            seq: 1,
            shares: shares.iter().map(|share| Hash::of(share)).collect(),
            unit_id,
        };
        let manifest = Statement::signed(body, &bidder(40)).unwrap();
        let salt = Hash::from_bytes([7; 32]);
        let lines = vec![line(salt.as_bytes(), &manifest.sha256())];
        let (deadline, open_at) = (NINE.plus(86_400_000), NINE.plus(86_400_000));
        let close = Close { deadline, lines, open_at, size: 4096, unit_id };
        Self { unit_id, bid_id, shares, manifest, salt, close }
    }

    fn close_sha256(&self) -> Hash {
        Statement::new(self.close.clone()).unwrap().sha256()
    }

    fn line(&self) -> Hash {
        self.close.lines[0]
    }

    fn events(&self) -> Vec<String> {
        let (unit_id, manifest_sha256) = (self.unit_id, self.manifest.sha256());
        let close_sha256 = self.close_sha256();
        let signed = |text: &str| format!("{text}\n— …\n");
        let read_out = ReadOutLine { bidder: enterprise(2), line: self.line(), offer: offer() };
        let unit_sha256 = Statement::new(unit()).unwrap().sha256();
        vec![
            event(&BidEvent::Accepted {
                arrived_at: NINE,
                lodged: None,
                manifest: signed("sealbid/manifest/v1\n{…}\n"),
                manifest_sha256,
                unit_id,
            }),
            event(&BidEvent::Withdrawn {
                arrived_at: NINE,
                manifest_sha256,
                unit_id,
                withdrawal: signed("sealbid/withdrawal/v1\n{…}\n"),
            }),
            event(&BidEvent::Refused {
                arrived_at: NINE,
                code: "late".into(),
                fault: Fault::Bidder,
                provisional: false,
                statement: signed("sealbid/manifest/v1\n{…}\n"),
                unit_id,
            }),
            event(&OpeningEvent::Proposed {
                statement: signed("sealbid/unit/v1\n{…}\n"),
                statement_sha256: unit_sha256,
                unit_id,
            }),
            event(&OpeningEvent::Lapsed {
                reason: LapseReason::Unlawful { rule: "issue_to_deadline".into() },
                statement_sha256: unit_sha256,
                unit_id,
            }),
            event(&OpeningEvent::Challenge {
                account: Account {
                    accepted: "c2sp.org/tlog-proof@v1\n…\n".into(),
                    credentials: Vec::new(),
                    later: None,
                }
                .into(),
                challenged_sha256: Hash::of(BID),
                unit_id,
            }),
            event(&OpeningEvent::Missing { line: self.line(), sha256: Hash::of(BID), unit_id }),
            event(&OpeningEvent::Resupplied { line: self.line(), sha256: Hash::of(BID), unit_id }),
            event(&OpeningEvent::Released { close_sha256, custodian: custodian(1), unit_id }),
            event(&OpeningEvent::Shares {
                custodian: custodian(1),
                found: SharesFound::Checked(vec![ShareFault {
                    code: ShareCode::BadShare,
                    line: self.line(),
                }]),
                unit_id,
            }),
            event(&OpeningEvent::Shares {
                custodian: custodian(2),
                found: SharesFound::Absent,
                unit_id,
            }),
            event(&OpeningEvent::FalseRelease {
                release: signed("sealbid/release/v1\n{…}\n"),
                unit_id,
            }),
            event(&OpeningEvent::ReadOut { lines: vec![read_out], unit_id }),
        ]
    }

    fn bid_json(&self) -> String {
        event(&BidJson {
            bid_id: self.bid_id,
            bidder: enterprise(2),
            offer: offer(),
            seq: 1,
            unit_id: self.unit_id,
        })
    }

    fn file(&self) -> Vec<u8> {
        let note = self.manifest.encode();
        let mut body = BID;
        envelope::write(Vec::new(), note.as_bytes(), BID.len() as u64, &mut body, &self.shares)
            .unwrap()
    }

    fn file_said(&self) -> String {
        let sizes = self.shares.iter().map(|share| share.len().to_string()).collect::<Vec<_>>();
        format!(
            "manifest.note {} bytes, bid.age {} bytes, shares of {} bytes\n{} bytes, SHA-256 {}\n",
            self.manifest.encode().len(),
            BID.len(),
            sizes.join(", "),
            self.file().len(),
            Hash::of(&self.file()),
        )
    }
}

/// What is signed: two lines.
fn text<B: Body>(body: B) -> String {
    Statement::new(body).unwrap().note().text().to_owned()
}

fn event<E: Serialize>(event: &E) -> String {
    json::to_string(event).unwrap() + "\n"
}

fn examples() -> Vec<(&'static str, String)> {
    let story = Story::new();
    let ids = format!(
        "unit id     {}\nmanifest    {}\nsalt        {}\nclose line  {}\n",
        story.unit_id,
        story.manifest.sha256(),
        story.salt,
        story.line(),
    );
    vec![
        ("note", story.manifest.encode()),
        ("ids", ids),
        ("statements-bodies", story.of_bodies().concat()),
        ("statements-tender", story.of_tender().concat()),
        ("statements-bid", story.of_bid().concat()),
        ("statements-opening", story.of_opening().concat()),
        ("statements-draw", story.of_draw().concat()),
        ("contribution", event(&story.contribution())),
        ("draw", story.draw_said()),
        ("statements-record", story.of_record().concat()),
        ("events", story.events().concat()),
        ("bid-json", story.bid_json()),
        ("bid-file", story.file_said()),
    ]
}

#[test]
fn every_statement_and_event_is_written_as_the_document_shows() {
    for (name, written) in examples() {
        assert_eq!(documented(name), Some(written.as_str()), "docs/FORMATS.md, example {name}");
    }
}

/// Every `"sealbid/…/v1"` in the sources is shown in an example, or is a label of the document.
#[test]
fn no_type_of_statement_or_event_is_missing_from_the_document() {
    fn types(folder: &Path, found: &mut BTreeSet<String>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                types(&path, found);
            } else if path.extension().is_some_and(|e| e == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                let literals = text.split("\"sealbid/").skip(1);
                let names =
                    literals.filter_map(|rest| rest.split_once("/v1").map(|(name, _)| name));
                found.extend(names.map(|name| format!("sealbid/{name}/v1")));
            }
        }
    }
    let mut found = BTreeSet::new();
    types(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut found);
    assert!(found.len() > 30, "{found:?}");
    let document = include_str!("../../../docs/FORMATS.md");
    let missing: Vec<&String> = found.iter().filter(|name| !document.contains(*name)).collect();
    assert_eq!(missing, Vec::<&String>::new());
}

#[test]
fn the_documents_bid_file_is_read_again_and_what_is_altered_is_refused() {
    let story = Story::new();
    let mut bid = Vec::new();
    let read = envelope::read(story.file().as_slice(), 1 << 20, &mut bid).unwrap();
    assert_eq!((bid.as_slice(), read.shares), (BID, story.shares.clone()));
    assert_eq!(read.manifest_note, story.manifest.encode().into_bytes());
    let opened = [1, 3].map(|place: usize| {
        let key = unit_identity(&[31 + u8::try_from(place).unwrap(); 32], &story.unit_id.0);
        let share = &story.shares[place];
        open_share(share, &Hash::of(share), &key).unwrap()
    });
    assert!(recover(&opened, &one().recipient()).is_ok(), "any two give the bid's key");
    // A header byte, and one of the zeros at the end: no spelling but this one.
    for at in [100, story.file().len() - 1] {
        let mut other = story.file();
        other[at] ^= 1;
        assert!(envelope::read(other.as_slice(), 1 << 20, &mut Vec::new()).is_err(), "{at}");
    }
}
