//! `sealbid bid challenge`: a receipt shown to every custodian, against a close that denies it.
//!
//! Invariant: custodians judge, each by itself, and one that finds the close wrong never releases the
//! unit. The platform is only told of it, so its silence changes nothing.

use std::path::PathBuf;

use reqwest::Method;
use reqwest::header::CONTENT_TYPE;

use crate::bid::rules::line;
use crate::bid::statements::BidEvent;
use crate::cli::client::{Access, Acted, Client, innermost};
use crate::cli::failed::Failed;
use crate::cli::output::Report;
use crate::cli::trust::Pinned;
use crate::cli::{Context, args, read_file};
use crate::crypto::hash::Hash;
use crate::crypto::json;
use crate::crypto::statement::Statement;
use crate::custodian::roster::Member;
use crate::custodian::wire::{Account, AskChallenge, NoteReply};
use crate::enterprise::credentials::enterprise_of;
use crate::error::Arg;
use crate::ids::UnitId;
use crate::opening::http::ChallengeBody;
use crate::opening::statements::{Challenged, Verdict};

/// `sealbid bid challenge`
#[derive(Debug, clap::Args)]
pub struct Challenge {
    /// The receipt of your accepted bid
    receipt: PathBuf,
    /// The receipt of your next statement: the withdrawal or the replacement that the close ignores
    #[arg(long, value_name = "FILE")]
    later: Option<PathBuf>,
}

/// What one custodian found.
pub struct Found {
    /// Who.
    pub custodian: String,
    /// What, or why it did not judge.
    pub verdict: Result<Verdict, Failed>,
}

/// What a receipt says of its bid.
struct Shown {
    unit: UnitId,
    line: Hash,
}

fn shown(receipt: &crate::record::proof::Receipt) -> Result<Shown, Failed> {
    match json::parse(&receipt.event) {
        Ok(BidEvent::Accepted { manifest_sha256, unit_id, .. }) => {
            let line = line(receipt.salt.as_bytes(), &manifest_sha256);
            Ok(Shown { unit: unit_id, line })
        }
        _ => Err(Failed::content("the receipt", "it is not of an accepted bid")),
    }
}

fn brought(account: &Account, found: &Statement<Challenged>) -> ChallengeBody {
    let Account { accepted, credentials, later } = account.clone();
    ChallengeBody { accepted, credentials, later, statement: found.encode() }
}

impl Client {
    /// Shows a bid's receipt to every custodian, and the platform what they found.
    ///
    /// # Errors
    /// [`Failed::Receipt`] when the receipts do not hold, [`Failed::Content`] before the close.
    pub async fn challenge(
        &self,
        pinned: &Pinned,
        accepted: &str,
        later: Option<String>,
    ) -> Result<Vec<Found>, Failed> {
        let shown = shown(&pinned.receipt(accepted.as_bytes())?.receipt)?;
        let seen = self.seen(&shown.unit).await?;
        let close =
            seen.close.ok_or_else(|| Failed::content("the unit", "it is not closed yet"))?;
        let (checked, roster) = pinned.close(&close, &shown.unit)?;
        let own = enterprise_of(self.key()?.verifying().name());
        let credentials = match (&later, own) {
            (Some(_), Some(own)) => self.registered(own).await?.credentials,
            _ => Vec::new(),
        };
        let account = Account { accepted: accepted.to_owned(), credentials, later };
        let ask = AskChallenge { account, close, unit: seen.unit };
        let mut found = Vec::new();
        for member in &roster.custodians {
            let verdict = self.judged_by(member, &ask, &shown, &checked.sha256()).await;
            if let Ok(statement) = &verdict {
                let path = format!("/units/{}/challenges", shown.unit);
                let body = brought(&ask.account, statement);
                // The custodian holds it: whether the platform records it too decides nothing.
                let told: Result<Acted, Failed> = self.act(&path, &body, Access::Own).await;
                drop(told);
            }
            let verdict = verdict.map(|statement| statement.body().verdict);
            found.push(Found { custodian: member.id.to_string(), verdict });
        }
        Ok(found)
    }

    async fn judged_by(
        &self,
        member: &Member,
        ask: &AskChallenge,
        shown: &Shown,
        close_sha256: &Hash,
    ) -> Result<Statement<Challenged>, Failed> {
        let url = format!("{}/challenge", member.address.trim_end_matches('/'));
        let body = serde_json::to_vec(ask).map_err(|e| Failed::Answer(e.to_string()))?;
        let request = self.request(Method::POST, &url, Access::Public).await?;
        let request = request.header(CONTENT_TYPE, "application/json").body(body);
        let response = request.send().await.map_err(|e| Failed::Unreachable {
            server: member.address.clone(),
            reason: innermost(&e),
        })?;
        let reply = self.body(self.refusal_of(response).await?).await?;
        let reply: NoteReply =
            serde_json::from_slice(&reply).map_err(|e| Failed::Answer(e.to_string()))?;
        let wrong = |e: &dyn std::fmt::Display| Failed::Answer(e.to_string());
        let found = Statement::<Challenged>::parse(reply.note.as_bytes()).map_err(|e| wrong(&e))?;
        found.note().require(&member.statement_key).map_err(|e| wrong(&e))?;
        let body = found.body();
        let fits = body.custodian == member.id
            && body.line == shown.line
            && body.close_sha256 == *close_sha256;
        if fits { Ok(found) } else { Err(wrong(&"it is about something else")) }
    }
}

impl Challenge {
    pub(super) async fn run(&self, context: &Context) -> Result<Report, Failed> {
        let (client, pinned) = (context.client()?, context.pinned().await?);
        let text = |path: &PathBuf| {
            String::from_utf8(read_file(path)?).map_err(|e| Failed::content(path.display(), e))
        };
        let later = self.later.as_ref().map(text).transpose()?;
        let found = client.challenge(&pinned, &text(&self.receipt)?, later).await?;
        Ok(found.iter().fold(Report::default(), |report, found| {
            let custodian = ("custodian", found.custodian.clone().into());
            match &found.verdict {
                Ok(verdict) => {
                    let verdict = ("verdict", Arg::Word(word(*verdict)));
                    report.and("cli-say-challenge", vec![custodian, verdict])
                }
                Err(failed) => {
                    let mut values = args([("reason", failed.to_string())]);
                    values.push(custodian);
                    report.and("cli-say-challenge-silent", values)
                }
            }
        }))
    }
}

const fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Answered => "cli-say-verdict-answered",
        Verdict::Open => "cli-say-verdict-open",
        Verdict::Finding => "cli-say-verdict-finding",
    }
}
