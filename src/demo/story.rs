//! The story, from an empty folder to the opening: what happens in which order, and what is waited
//! for. Who errs how is the [`cast`]'s, how a bid goes wrong [`spoil`](super::spoil)'s.

use std::path::PathBuf;
use std::time::Duration;

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use serde::Deserialize;
use tokio::time::Instant;

use super::bids::{Desk, documents};
use super::cast::{Bidder, Part, cast, victim};
use super::narrator::Narrator;
use super::parties::{Parties, Party, register};
use super::stage::{CUSTODIANS, RULES, Stage, THRESHOLD};
use super::table;
use super::trouble::{Trouble, other};
use crate::cli::bid::CheckedUnit;
use crate::cli::client::{Access, Client};
use crate::cli::intended::Intended;
use crate::cli::tender::draft_key;
use crate::clock::{Clock as _, SystemClock, Time};
use crate::crypto::hash::Hash;
use crate::crypto::statement::Statement;
use crate::error::Said;
use crate::ids::{TenderId, UnitId};
use crate::opening::statements::{Opening, Void, VoidReason};
use crate::tender::rules::{LotPlan, Plan, StagePlan};
use crate::tender::statements::Stage as Envelope;

/// From publication to the deadline at least, and at most, in milliseconds. Between the two it is
/// as long as this machine needs.
const RUNNING_MS: (u128, u128) = (16_000, 40_000);
/// Sealing and sending take this many times as long as making the documents.
const EFFORT: u128 = 7;
/// The challenge window.
const WINDOW_MS: i64 = 5_000;
/// Fewer bids than this, and a lot is void.
const MINIMUM: u32 = 3;
/// How large a document in the second lot is, in bytes.
const SECOND_LOT: u64 = 1 << 20;
/// Bidders that seal and send at the same time.
const AT_ONCE: usize = 3;
/// Which custodian is missing at the close, and which at the release.
const AWAY: (usize, usize) = (1, 4);
/// So long before the deadline the first one goes, in milliseconds.
const LEAVES_MS: i64 = 1_000;
/// So long after the deadline the late bid is handed in, in milliseconds.
const LATE_MS: i64 = 20;
/// How often the platform is asked how things stand, and the time between.
const TRIES: u32 = 600;
const PAUSE: Duration = Duration::from_millis(100);

/// What the story leaves for the verification and for `--keep`.
pub struct Told {
    /// Everybody who took part.
    pub parties: Parties,
    /// The tender.
    pub tender: TenderId,
    /// The receipt of the late bid's refusal.
    pub refusal: PathBuf,
}

/// A unit of the tender as the platform tells of it.
#[derive(Deserialize)]
struct Unit {
    unit_id: UnitId,
    state: String,
}

/// Tells the story on a stage that is set.
///
/// # Errors
/// [`Trouble`]; the narrator knows at which step.
pub async fn tell(stage: &mut Stage, told: &Narrator<'_>) -> Result<Told, Trouble> {
    told.begin("demo-say-step-stage");
    stage.init().await?;
    stage.raise().await?;
    told.say("demo-say-stage", vec![("url", stage.url().into()), ("n", count(CUSTODIANS.len()))]);
    let cast = cast()?;
    told.begin("demo-say-step-registration");
    let parties = register(stage, &cast).await?;
    told.say("demo-say-registered", vec![("count", count(cast.len()))]);
    let effort = make_documents(stage, told, &cast).await?;
    let (tender, units) = publish(stage, told, &parties, effort).await?;
    let [first, second] = units.as_slice() else { return Err(Trouble::Stuck) };
    bid(stage, told, (&cast, &parties), (first, second)).await?;
    let refusal = close(stage, told, (&cast, &parties), (tender, first)).await?;
    open(stage, told, &parties.buyer.client, tender).await?;
    outcome(told, (&cast, &parties), (first, second)).await?;
    Ok(Told { parties, tender, refusal })
}

fn count(number: usize) -> crate::error::Arg {
    number.to_string().into()
}

/// Makes everybody's documents; gives the time that took, a gauge of this machine.
async fn make_documents(
    stage: &Stage,
    told: &Narrator<'_>,
    cast: &[Bidder],
) -> Result<Duration, Trouble> {
    told.begin("demo-say-step-documents");
    let (dir, cast) = (stage.dir.clone(), cast.to_vec());
    let began = Instant::now();
    let made = tokio::task::spawn_blocking(move || {
        for bidder in cast.iter().filter(|bidder| bidder.part != Part::Copies) {
            documents(&dir, 1, bidder, bidder.bytes)?;
            if bidder.bids_twice {
                documents(&dir, 2, bidder, SECOND_LOT)?;
            }
        }
        Ok::<_, Trouble>(())
    });
    made.await.map_err(other)??;
    told.say("demo-say-documents", Vec::new());
    Ok(began.elapsed())
}

async fn publish(
    stage: &Stage,
    told: &Narrator<'_>,
    parties: &Parties,
    effort: Duration,
) -> Result<(TenderId, Vec<UnitId>), Trouble> {
    told.begin("demo-say-step-publication");
    let buyer = &parties.buyer.client;
    let (least, most) = RUNNING_MS;
    let running = (effort.as_millis() * EFFORT).clamp(least, most);
    let deadline = SystemClock.now().plus(i64::try_from(running).map_err(other)?);
    let rule_pack_sha256 = Hash::of(RULES);
    let meant = Intended { plan: plan(deadline), documents: Vec::new(), rule_pack_sha256 };
    let tender = buyer.draft_tender(&meant.plan, &draft_key(&meant.plan)?).await?;
    buyer.publish(&stage.pinned, tender, &meant).await?;
    let units = until(buyer, tender, |unit| unit.state == "open").await?;
    let signed = vec![("tender", tender.to_string().into()), ("n", count(CUSTODIANS.len()))];
    told.say("demo-say-published", signed);
    told.say("demo-say-deadline", vec![("deadline", deadline.into())]);
    Ok((tender, units.into_iter().map(|unit| unit.unit_id).collect()))
}

fn plan(deadline: Time) -> Plan {
    let stage = StagePlan {
        stage: Envelope::Single,
        deadline,
        open_at: deadline,
        challenge_ms: WINDOW_MS,
        min: MINIMUM,
    };
    let lot = |title: &str| LotPlan { title: title.to_owned(), stages: vec![stage.clone()] };
    Plan {
        title: "演示小学教学楼 Demo Primary School".to_owned(),
        documents_until: deadline,
        lots: vec![lot("土建 Civil works"), lot("家具 Furniture")],
    }
}

/// Waits until every unit of the tender is as wanted.
async fn until(
    client: &Client,
    tender: TenderId,
    wanted: impl Fn(&Unit) -> bool,
) -> Result<Vec<Unit>, Trouble> {
    #[derive(Deserialize)]
    struct View {
        units: Vec<Unit>,
    }
    for _ in 0..TRIES {
        let view: View = client.get(&format!("/tenders/{tender}"), Access::Own).await?;
        if view.units.len() == 2 && view.units.iter().all(&wanted) {
            return Ok(view.units);
        }
        tokio::time::sleep(PAUSE).await;
    }
    Err(Trouble::Stuck)
}

async fn desk<'a>(
    stage: &'a Stage,
    told: &'a Narrator<'_>,
    lot: u32,
    unit: &UnitId,
) -> Result<Desk<'a>, Trouble> {
    let view = stage.client()?.unit(unit).await?;
    Ok(Desk { stage, told, unit: CheckedUnit::on_line(&view, &stage.pinned)?, lot })
}

/// Everybody seals and sends; the copier last, for it needs somebody's envelope.
async fn bid(
    stage: &Stage,
    told: &Narrator<'_>,
    (cast, parties): (&[Bidder], &Parties),
    (first, second): (&UnitId, &UnitId),
) -> Result<(), Trouble> {
    told.begin("demo-say-step-sealing");
    let first = desk(stage, told, 1, first).await?;
    let pairs = || cast.iter().zip(&parties.bidders);
    let rival = victim(cast).ok_or(Trouble::Stuck)?;
    for copies in [false, true] {
        let turn = pairs().filter(|(bidder, _)| (bidder.part == Part::Copies) == copies);
        let acts = turn.map(|(bidder, party)| play(&first, bidder, party, rival));
        // Several at once, told in the order of the cast: the same on every run.
        let mut done = stream::iter(acts).buffered(AT_ONCE);
        while let Some(line) = done.try_next().await? {
            told.say_it(&line);
        }
    }
    told.say("demo-say-second-lot", Vec::new());
    let second = desk(stage, told, 2, second).await?;
    for (bidder, party) in pairs().filter(|(bidder, _)| bidder.bids_twice) {
        told.say_it(&second.bid(bidder, party).await?);
    }
    Ok(())
}

/// Plays one part of the first lot; gives what is told of it.
async fn play(
    desk: &Desk<'_>,
    bidder: &Bidder,
    party: &Party,
    rival: &Bidder,
) -> Result<Said, Trouble> {
    match bidder.part {
        Part::Bids => desk.bid(bidder, party).await,
        Part::Replaces => desk.bid_and_replace(bidder, party).await,
        Part::Withdraws => desk.bid_and_withdraw(bidder, party).await,
        Part::SpoilsAShare => desk.bid_with_spoilt_shares(bidder, party).await,
        Part::Late => desk.dawdle(bidder, party).await,
        Part::Copies => desk.copy(bidder, party, rival).await,
    }
}

/// The deadline: one custodian is gone, one bid is late, the others sign the close.
async fn close(
    stage: &mut Stage,
    told: &Narrator<'_>,
    (cast, parties): (&[Bidder], &Parties),
    (tender, first): (TenderId, &UnitId),
) -> Result<PathBuf, Trouble> {
    told.begin("demo-say-step-close");
    let deadline = desk(stage, told, 1, first).await?.unit.body().deadline;
    sleep_until(deadline.plus(-LEAVES_MS)).await;
    let (away, _) = AWAY;
    leave(stage, told, away).await?;
    let desk = desk(stage, told, 1, first).await?;
    sleep_until(deadline.plus(LATE_MS)).await;
    let mut late = cast.iter().zip(&parties.bidders).filter(|(b, _)| b.part == Part::Late);
    let (bidder, party) = late.next().ok_or(Trouble::Stuck)?;
    let refusal = desk.come_late(bidder, party).await?;
    let closed = |unit: &Unit| !matches!(unit.state.as_str(), "open" | "closing");
    until(&parties.buyer.client, tender, closed).await?;
    let n = CUSTODIANS.len() - 1;
    told.say("demo-say-closed", vec![("n", count(n))]);
    come_back(stage, told, away).await?;
    Ok(refusal)
}

/// The challenge window, the release without another custodian, the opening.
async fn open(
    stage: &mut Stage,
    told: &Narrator<'_>,
    client: &Client,
    tender: TenderId,
) -> Result<(), Trouble> {
    told.begin("demo-say-step-release");
    let (_, away) = AWAY;
    leave(stage, told, away).await?;
    told.say("demo-say-window", vec![("seconds", (WINDOW_MS / 1000).into())]);
    let ended = |unit: &Unit| matches!(unit.state.as_str(), "opened" | "void");
    until(client, tender, ended).await?;
    told.say("demo-say-released", vec![("t", i64::from(THRESHOLD).into())]);
    come_back(stage, told, away).await
}

async fn leave(stage: &mut Stage, told: &Narrator<'_>, place: usize) -> Result<(), Trouble> {
    let custodian = stage.custodians.get_mut(place).ok_or(Trouble::Stuck)?;
    custodian.stop().await?;
    told.say("demo-say-leaves", vec![("custodian", custodian.name.as_str().into())]);
    Ok(())
}

async fn come_back(stage: &mut Stage, told: &Narrator<'_>, place: usize) -> Result<(), Trouble> {
    let custodian = stage.custodians.get_mut(place).ok_or(Trouble::Stuck)?;
    custodian.start().await?;
    told.say("demo-say-comes-back", vec![("custodian", custodian.name.as_str().into())]);
    Ok(())
}

async fn sleep_until(instant: Time) {
    let left = instant.since(SystemClock.now());
    if let Ok(left) = u64::try_from(left) {
        tokio::time::sleep(Duration::from_millis(left)).await;
    }
}

/// Reads how both lots ended, holds it against the cast, and shows the opening record.
async fn outcome(
    told: &Narrator<'_>,
    (cast, parties): (&[Bidder], &Parties),
    (first, second): (&UnitId, &UnitId),
) -> Result<(), Trouble> {
    #[derive(Deserialize)]
    struct End {
        opening: Option<String>,
        void: Option<String>,
    }
    told.begin("demo-say-step-outcome");
    let client = &parties.buyer.client;
    let End { opening, .. } =
        client.get(&format!("/units/{first}/opening"), Access::Public).await?;
    let opening = opening.ok_or_else(|| unexpected("1", "void"))?;
    let opening = Statement::<Opening>::parse(opening.as_bytes()).map_err(other)?;
    let End { void, .. } = client.get(&format!("/units/{second}/opening"), Access::Public).await?;
    let void = void.ok_or_else(|| unexpected("2", "opened"))?;
    let void = Statement::<Void>::parse(void.as_bytes()).map_err(other)?;
    if void.body().reason != VoidReason::TooFew {
        return Err(unexpected("2", &format!("{:?}", void.body().reason)));
    }
    table::show(told, opening.body(), cast, parties)?;
    told.say("demo-say-void", vec![("min", i64::from(MINIMUM).into())]);
    Ok(())
}

fn unexpected(lot: &str, found: &str) -> Trouble {
    Trouble::Unexpected { who: format!("lot {lot}"), found: found.to_owned() }
}
