//! The story so far: registration, a tender with two lots, sealed bids of real sizes, the deadline,
//! the opening of one lot and the failure of the other, and the case files verified off-line.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use zeroize::Zeroizing;

use super::files;
use super::stage::{Failed, ORIGIN, Stage, new_key};
use crate::bid::statements::Offer;
use crate::cli::bid::{CheckedUnit, Draft, Place, Sealer, Sending, seal};
use crate::cli::client::{Access, Client};
use crate::cli::output::Progress;
use crate::cli::trust::Pinned;
use crate::clock::{Clock as _, SystemClock};
use crate::crypto::entropy::SystemEntropy;
use crate::crypto::key::SigningKey;
use crate::crypto::seal::kept::WorkFactor;
use crate::crypto::seal::payload::Attachment;
use crate::crypto::statement::Statement;
use crate::enterprise::credentials::key_name;
use crate::enterprise::statements::Kind;
use crate::enterprise::uscc::Uscc;
use crate::ids::{BidId, EnterpriseId, TenderId, UnitId};
use crate::opening::statements::{LineStatus, Opening};
use crate::tender::rules::{LotPlan, Plan, StagePlan};
use crate::tender::statements::Stage as Envelope;
use crate::verify::{Trust, verify_bytes};
use crate::web::i18n::Lang;

/// From publication to the deadline.
const RUNNING_MS: i64 = 25_000;
/// The challenge window.
const WINDOW_MS: i64 = 5_000;
/// Sizes of the bids for the first lot, in bytes.
const SIZES: [u64; 10] = [
    300 << 10,
    700 << 10,
    1 << 20,
    2 << 20,
    3 << 20,
    5 << 20,
    8 << 20,
    12 << 20,
    24 << 20,
    64 << 20,
];
/// Bidders of the second lot: fewer than three.
const FEW: usize = 2;
const TRIES: u32 = 240;
const PAUSE: Duration = Duration::from_millis(500);

/// A party with its key and its client.
struct Party {
    client: Client,
    key: Arc<SigningKey>,
}

/// What the story left behind.
pub struct Told {
    /// Lines for the reader.
    pub lines: Vec<String>,
}

/// Tells the story on a stage.
///
/// # Errors
/// With what was being done.
pub async fn tell(stage: &Stage, progress: &dyn Progress, lang: Lang) -> Result<Told, Failed> {
    let server = format!("http://{}", stage.server.address);
    let pin = Trust::Roster(stage.roster.sha256());
    let pinned = Pinned::new(stage.roster.encode().as_bytes(), &pin)?;
    let operator = client(&server)?.with_key(load(&stage.dir, "operator", "operator/1")?);
    let mut lines = Vec::new();
    let buyer = register(stage, &server, &pinned, &operator, Kind::Organisation, 0).await?;
    let mut bidders = Vec::new();
    for index in 1..=12 {
        bidders.push(register(stage, &server, &pinned, &operator, Kind::Enterprise, index).await?);
    }
    lines.push("registered: 1 procuring entity, 12 enterprises".to_owned());
    let tender = buyer.client.draft_tender(&plan()).await?;
    buyer.client.publish(&pinned, tender).await?;
    let units = effective(&buyer.client, tender).await?;
    lines.push(format!("published: {tender}, {} lots", units.len()));
    let [first, second] = units.as_slice() else { anyhow::bail!("two units were expected") };
    for (index, (bidder, size)) in bidders.iter().zip(SIZES).enumerate() {
        submit(stage, &pinned, bidder, first, (index, size), progress).await?;
    }
    for (index, bidder) in bidders.iter().rev().take(FEW).enumerate() {
        submit(stage, &pinned, bidder, second, (100 + index, 1 << 20), progress).await?;
    }
    lines.push(format!("sealed and submitted: {} bids", SIZES.len() + FEW));
    lines.extend(outcome(stage, &server, &pin, (first, lang)).await?);
    lines.extend(outcome(stage, &server, &pin, (second, lang)).await?);
    Ok(Told { lines })
}

fn client(server: &str) -> Result<Client, Failed> {
    Ok(Client::new(server, Lang::En, Arc::new(SystemClock), Arc::new(SystemEntropy::new()))?)
}

fn load(dir: &Path, file: &str, name: &str) -> Result<Arc<SigningKey>, Failed> {
    let seed = crate::config::read_seed(&dir.join("keys").join(file))?;
    let name = format!("{ORIGIN}/{name}");
    let kind = crate::crypto::key::KeyKind::Statement;
    Ok(Arc::new(SigningKey::from_seed(&name, kind, &seed)?))
}

async fn register(
    stage: &Stage,
    server: &str,
    pinned: &Pinned,
    operator: &Client,
    kind: Kind,
    index: u32,
) -> Result<Party, Failed> {
    let entropy = SystemEntropy::new();
    let id = EnterpriseId::random(&entropy)?;
    let name = key_name(ORIGIN, kind, id);
    let key = Arc::new(new_key(&stage.dir, &format!("party-{index}"), &name, &entropy)?);
    let client = client(server)?.with_key(Arc::clone(&key));
    let uscc = Uscc::unassigned(&entropy)?;
    let title = format!("演示企业{index}号 Demo Works No. {index}");
    client.apply(pinned, &title, uscc, "demo@example.invalid").await?;
    operator.vouch(pinned, id).await?;
    Ok(Party { client, key })
}

fn plan() -> Plan {
    let deadline = SystemClock.now().plus(RUNNING_MS);
    let stage = StagePlan {
        stage: Envelope::Single,
        deadline,
        open_at: deadline,
        challenge_ms: WINDOW_MS,
        min: 3,
    };
    let lot = |title: &str| LotPlan { title: title.to_owned(), stages: vec![stage.clone()] };
    Plan {
        title: "演示小学教学楼 Demo Primary School".to_owned(),
        documents_until: deadline,
        lots: vec![lot("土建 Civil works"), lot("家具 Furniture")],
    }
}

/// Waits until every unit of the tender has all signatures.
async fn effective(client: &Client, tender: TenderId) -> Result<Vec<UnitId>, Failed> {
    #[derive(Deserialize)]
    struct View {
        units: Vec<Summary>,
    }
    #[derive(Deserialize)]
    struct Summary {
        unit_id: UnitId,
        state: String,
    }
    for _ in 0..TRIES {
        let view: View = client.get(&format!("/tenders/{tender}"), Access::Own).await?;
        if view.units.len() == 2 && view.units.iter().all(|unit| unit.state == "open") {
            return Ok(view.units.into_iter().map(|unit| unit.unit_id).collect());
        }
        tokio::time::sleep(PAUSE).await;
    }
    anyhow::bail!("the units did not take effect")
}

async fn submit(
    stage: &Stage,
    pinned: &Pinned,
    bidder: &Party,
    unit: &UnitId,
    (index, size): (usize, u64),
    progress: &dyn Progress,
) -> Result<(), Failed> {
    let view = bidder.client.unit(unit).await?;
    let checked = CheckedUnit::new(&view, pinned)?;
    let base = stage.dir.join("bids").join(format!("{index}"));
    std::fs::create_dir_all(&base)?;
    let seed = u64::try_from(index)?;
    let document = base.join("technical.pdf");
    files::pdf(&document, &format!("Bid {index}"), "demo-marker", size, seed)?;
    let prices = base.join("prices.xml");
    files::spreadsheet(&prices, "Prices", "demo-marker", 200, seed)?;
    let passphrase = Zeroizing::new("demo passphrase".to_owned());
    let entropy = SystemEntropy::new();
    let sealer = Sealer {
        key: &bidder.key,
        passphrase: &passphrase,
        work: WorkFactor::TEST,
        entropy: &entropy,
        progress,
    };
    let offer = Offer {
        currency: "CNY".to_owned(),
        duration_days: Some(180),
        price: Some(format!("{}.00", 1_000_000 + index * 1_357)),
        promises: Vec::new(),
    };
    let place = Place { bid_id: BidId::random(&entropy)?, seq: 1, prev_sha256: None };
    let attach = |name: &str, path: &Path| Attachment::file(name, path);
    let attached = vec![attach("prices.xml", &prices)?, attach("technical.pdf", &document)?];
    let draft = Draft { unit: &checked, place, offer, files: attached };
    let made = seal(draft, &sealer, &base.join("envelope"))?;
    bidder.client.submit(pinned, &made.bid, Sending { kept: None, progress }).await?;
    Ok(())
}

/// Waits for a unit's end, then saves and verifies its case file.
async fn outcome(
    stage: &Stage,
    server: &str,
    pin: &Trust,
    (unit, lang): (&UnitId, Lang),
) -> Result<Vec<String>, Failed> {
    let mut lines = Vec::new();
    let ended = end_of(server, unit).await?;
    match ended.opening {
        Some(note) => {
            let opening = Statement::<Opening>::parse(note.as_bytes())?;
            for line in &opening.body().lines {
                let told = match &line.outcome {
                    LineStatus::Opened { offer, .. } => offer.price.clone().unwrap_or_default(),
                    other => format!("{other:?}"),
                };
                lines.push(format!("opened: {} {told}", line.bidder));
            }
        }
        None => lines.push("void: fewer bids than the minimum, never unsealed".to_owned()),
    }
    let path: PathBuf = stage.dir.join(format!("case-{unit}.sealbid"));
    let bytes = case_of(server, unit).await?;
    std::fs::write(&path, &bytes)?;
    let report = verify_bytes(&bytes, Some(pin), None);
    lines.push(format!("verified off-line: exit code {} for {}", report.exit(), path.display()));
    lines.push(crate::cli::verify::text(&report, lang));
    Ok(lines)
}

#[derive(Deserialize)]
struct End {
    opening: Option<String>,
}

async fn end_of(server: &str, unit: &UnitId) -> Result<End, Failed> {
    let client = client(server)?;
    for _ in 0..TRIES {
        if let Ok(end) = client.get(&format!("/units/{unit}/opening"), Access::Public).await {
            return Ok(end);
        }
        tokio::time::sleep(PAUSE).await;
    }
    anyhow::bail!("the unit did not end")
}

async fn case_of(server: &str, unit: &UnitId) -> Result<Vec<u8>, Failed> {
    let client = client(server)?;
    for _ in 0..TRIES {
        if let Ok(bytes) = client.fetch(&format!("/api/v1/units/{unit}/case")).await {
            return Ok(bytes);
        }
        tokio::time::sleep(PAUSE).await;
    }
    anyhow::bail!("the case file could not be had")
}
