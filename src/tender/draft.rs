//! Drafting: what a buyer plans, and the units that custodians are asked for recipients for.

use crate::auth::table::{Act, Owner, allow};
use crate::auth::{self, Actor};
use crate::crypto::entropy;
use crate::crypto::hash::Hash;
use crate::crypto::labels;
use crate::db;
use crate::ids::{EnterpriseId, LotId, TenderId};

use super::rules::{DAY_MS, Expected, MAX_DRAFTS, Plan, check_drafts, check_plan};
use super::statements::{LotNotice, Notice, Unit};
use super::store::{self, State, TenderRow};
use super::{Error, Platform, Refused};

/// Makes a draft of one's own. Under a key of the buyer's it is the same draft however often and
/// however late it is asked for; `None` when that key made a draft of another plan.
///
/// # Errors
/// [`Refused::Plan`], [`Refused::ManyDrafts`], or why the actor may not.
pub async fn draft(
    p: &Platform,
    actor: &Actor,
    plan: Plan,
    key: Option<&str>,
) -> Result<Option<TenderId>, Error> {
    allow(actor, Act::DraftTender, &Owner::Actor)?;
    let buyer = actor.enterprise().ok_or(Refused::NoKey)?;
    check_plan(&plan)?;
    let entropy = p.db.entropy();
    let id = key.map_or_else(|| TenderId::random(entropy), |key| Ok(id_under(buyer, key)))?;
    let lots = plan.lots.iter().map(|_| LotId::random(entropy)).collect::<Result<Vec<_>, _>>()?;
    p.db.write(move |tx| {
        tx.unrecorded("a draft binds nobody");
        match store::find(tx.conn(), id) {
            Ok(row) => Ok((row.plan == plan).then_some(id)),
            Err(db::Error::NotFound) => {
                let since = tx.now().plus(-DAY_MS);
                check_drafts(store::drafted_since(tx.conn(), buyer, since, MAX_DRAFTS)?)?;
                store::insert(tx, id, buyer, &plan, &lots)?;
                Ok(Some(id))
            }
            Err(error) => Err(error.into()),
        }
    })
    .await
}

fn id_under(buyer: EnterpriseId, key: &str) -> TenderId {
    let buyer = buyer.to_string();
    let parts = [labels::TENDER, &buyer, "\n", key].map(str::as_bytes);
    TenderId::of(&Hash::of_parts(&parts))
}

/// A tender with everything that its statements must say.
#[derive(Clone, Debug)]
pub struct Drafted {
    /// The tender.
    pub row: TenderRow,
    /// Its lots in order.
    pub lots: Vec<LotId>,
    /// Its documents in order.
    pub documents: Vec<store::DocumentRow>,
}

impl Drafted {
    /// What each unit must say, lot by lot and stage by stage, with the place of its lot.
    pub(super) fn expected<'a>(&'a self, p: &'a Platform) -> Vec<(usize, Expected<'a>)> {
        let plans = self.row.plan.lots.iter().zip(&self.lots).enumerate();
        let stages = plans
            .flat_map(|(at, (plan, lot))| plan.stages.iter().map(move |stage| (at, *lot, stage)));
        stages
            .map(|(at, lot, stage)| {
                let expected = Expected {
                    tender: self.row.id,
                    lot,
                    procuring_entity: self.row.procuring_entity,
                    stage,
                    roster: p.roster(),
                    roster_sha256: p.rosters.newest().sha256(),
                };
                (at, expected)
            })
            .collect()
    }

    /// The notice that fits these units, given in the order of [`prepare`].
    ///
    /// # Errors
    /// [`Refused::Unit`] when their number is wrong.
    pub fn notice(&self, p: &Platform, units: &[Unit]) -> Result<Notice, Error> {
        let expected = self.expected(p);
        if expected.len() != units.len() {
            return Err(Refused::Unit("one unit per lot and stage").into());
        }
        let mut lots: Vec<LotNotice> = self
            .row
            .plan
            .lots
            .iter()
            .zip(&self.lots)
            .map(|(plan, lot)| LotNotice { lot: *lot, title: plan.title.clone(), units: vec![] })
            .collect();
        for ((at, _), unit) in expected.iter().zip(units) {
            if let Some(lot) = lots.get_mut(*at) {
                lot.units.push(unit.id()?);
            }
        }
        Ok(Notice {
            documents: self.documents.iter().map(|d| d.named.clone()).collect(),
            lots,
            procuring_entity: self.row.procuring_entity,
            rule_pack_sha256: p.law.sha256(),
            tender: self.row.id,
            title: self.row.title.clone(),
        })
    }
}

/// Lets an actor at a tender that is not published. Whoever may not is told what is told of an id that
/// names nothing, for whether there is such a tender is its buyer's business.
///
/// # Errors
/// [`Refused::NotFound`].
pub(super) fn let_in(actor: &Actor, act: Act, buyer: EnterpriseId) -> Result<(), Refused> {
    allow(actor, act, &Owner::Enterprise(buyer)).map_err(|_| Refused::NotFound)
}

/// Loads a draft for an act of its buyer.
///
/// # Errors
/// [`Refused::NotFound`], also for everybody but its buyer; that a login is needed.
pub async fn drafted(
    p: &Platform,
    actor: &Actor,
    act: Act,
    id: TenderId,
) -> Result<Drafted, Error> {
    // Before anything is looked up, so that it tells nothing of what there is.
    if *actor == Actor::Public {
        return Err(auth::Refused::NotLoggedIn.into());
    }
    let loaded =
        p.db.query(move |conn| {
            let row = store::find(conn, id)?;
            let lots = store::lots(conn, id)?.into_iter().map(|(lot, _)| lot).collect();
            let documents = store::documents(conn, id)?;
            Ok::<_, crate::db::Error>(Drafted { row, lots, documents })
        })
        .await?;
    let_in(actor, act, loaded.row.procuring_entity)?;
    Ok(loaded)
}

/// Drafts the units of a tender, lot by lot and stage by stage, each with a fresh nonce. Custodians
/// are asked for their recipients to these; nothing is stored, since the signed unit says it all.
///
/// # Errors
/// [`Refused::State`] unless the tender is a draft, or why the actor may not.
pub async fn prepare(p: &Platform, actor: &Actor, id: TenderId) -> Result<Vec<Unit>, Error> {
    let drafted = drafted(p, actor, Act::Publish, id).await?;
    if drafted.row.state != State::Draft {
        return Err(Refused::State.into());
    }
    let now = p.now();
    let mut units = Vec::new();
    for (_, expected) in drafted.expected(p) {
        let nonce = Hash::from_bytes(entropy::array(p.db.entropy())?);
        units.push(expected.draft(nonce, now));
    }
    Ok(units)
}
