//! Tenders and units as the API shows them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::rules::Plan;
use super::store::TenderRow;
use super::units::UnitRow;
use crate::clock::Time;
use crate::ids::UnitId;

/// What a buyer signed to publish.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PublicationBody {
    /// The signed notice.
    pub notice: String,
    /// The signed units, in the order of the preparation.
    pub units: Vec<String>,
}

/// A new draft.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct DraftedView {
    /// Its id.
    pub tender: String,
}

/// What is proposed for the buyer's signature: bare texts.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Preparation {
    /// The notice's text.
    pub notice: String,
    /// The units' texts, with their recipients.
    pub units: Vec<String>,
}

/// A unit that stands on the record and is asked of the custodians.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ProposedUnit {
    /// Its id.
    pub unit: String,
    /// `proposed`.
    pub state: &'static str,
    /// The entry that proposed it.
    pub index: u64,
}

/// What a publication is answered with.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ProposedView {
    /// The units, in the order of the publication.
    pub units: Vec<ProposedUnit>,
}

/// A page of tenders.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct TendersView {
    /// By id.
    pub tenders: Vec<TenderView>,
    /// For the next page, if there may be one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// A tender.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct TenderView {
    /// Its id.
    pub tender: String,
    /// For people.
    pub title: String,
    /// draft, proposed or published.
    pub state: &'static str,
    /// Who buys.
    pub procuring_entity: String,
    /// The signed notice, once proposed: it names lots, units and documents.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notice: Option<String>,
    /// What was drafted; while it is not published.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan: Option<Plan>,
    /// Its units, in the order of the notice's lots and their stages; not in lists.
    pub units: Vec<UnitSummary>,
    /// Of a draft whose last publication came to nothing: the event `lapsed` that says why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lapsed: Option<String>,
}

/// A unit in a list.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct UnitSummary {
    /// Its id.
    pub unit_id: String,
    /// Its lot.
    pub lot: String,
    /// single, technical or commercial.
    pub stage: &'static str,
    /// proposed, lapsed, open, closing, closed, opened or void.
    pub state: &'static str,
    /// The deadline in force, in Unix milliseconds.
    #[schema(value_type = i64)]
    pub deadline: Time,
    /// The hour of opening in force, in Unix milliseconds.
    #[schema(value_type = i64)]
    pub open_at: Time,
}

/// What a custodian last answered about a proposed unit.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct AnswerView {
    /// Who, by its name in the roster.
    pub custodian: String,
    /// `signed`, the code of its refusal (`custodian-…`), `silent`, `malformed`, or `unasked`.
    pub answer: String,
}

/// A unit with all that stands on the record about it and binds anybody.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct UnitView {
    /// In short.
    #[serde(flatten)]
    pub summary: UnitSummary,
    /// The note with the signatures so far.
    pub unit: String,
    /// Of an open unit whose deadline has passed: what it waits for, `close`, `amendment`, `outage` (a
    /// decision about the platform's own downtime) or `cancellation` (it cannot be closed any more).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waits_for: Option<&'static str>,
    /// Effective amendments, in order.
    pub amendments: Vec<String>,
    /// The amendment that is asked of the custodians now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pending: Option<String>,
    /// Statements that show the procuring entity's key.
    pub credentials: Vec<String>,
    /// Receipt of the event by which it took effect.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub receipt: Option<String>,
    /// The effective close: is your line in it?
    #[serde(skip_serializing_if = "Option::is_none")]
    pub close: Option<String>,
    /// What custodians found of challenges, in order.
    pub challenges: Vec<String>,
    /// The order, for second envelopes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order: Option<String>,
    /// The regulator's suspensions, in order; the last one holds.
    pub suspensions: Vec<String>,
    /// Of a proposed unit: what each custodian last answered.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub answers: Vec<AnswerView>,
}

impl TenderView {
    pub(super) fn new(row: TenderRow, mut units: Vec<UnitRow>) -> Self {
        let lots = row.notice.as_ref().map(|notice| notice.body().lots.as_slice());
        let named: Vec<UnitId> =
            lots.into_iter().flatten().flat_map(|lot| &lot.units).copied().collect();
        let place = |unit: &UnitRow| named.iter().position(|id| *id == unit.id);
        units.sort_by_key(|unit| place(unit).unwrap_or(named.len()));
        let plan = (row.state != super::store::State::Published).then_some(row.plan);
        Self {
            tender: row.id.to_string(),
            title: row.title,
            state: row.state.code(),
            procuring_entity: row.procuring_entity.to_string(),
            notice: row.notice.map(|notice| notice.encode()),
            plan,
            units: units.iter().map(UnitSummary::new).collect(),
            lapsed: None,
        }
    }
}

impl UnitSummary {
    pub(super) fn new(row: &UnitRow) -> Self {
        Self {
            unit_id: row.id.to_string(),
            lot: row.unit.body().lot.to_string(),
            stage: row.unit.body().stage.code(),
            state: row.state.code(),
            deadline: row.terms.deadline,
            open_at: row.terms.open_at,
        }
    }
}
