//! `sealbid bid challenge`: a receipt, or a custodian's word about a lodged bid, shown to every
//! custodian, against a close that denies it.
//!
//! Invariant: custodians judge, each by itself, and one that finds the close wrong never releases the
//! unit. The platform is only told of it, so its silence changes nothing.

use std::path::{Path, PathBuf};

use reqwest::Method;
use reqwest::header::CONTENT_TYPE;

use super::check::read;
use super::folder::CREDENTIALS;
use crate::bid::rules::line;
use crate::bid::statements::BidEvent;
use crate::cli::client::{Access, Acted, Client};
use crate::cli::failed::Failed;
use crate::cli::output::Report;
use crate::cli::trust::Pinned;
use crate::cli::{Context, read_file};
use crate::crypto::hash::Hash;
use crate::crypto::json;
use crate::crypto::statement::{Body as _, Statement, type_of};
use crate::custodian::roster::Member;
use crate::custodian::wire::{Account, AskChallenge, LodgedBid, Shown, ShownWord};
use crate::enterprise::credentials::enterprise_of;
use crate::error::{Arg, Refusal as _, Said};
use crate::ids::UnitId;
use crate::opening::http::ChallengeBody;
use crate::opening::rules::lodged::lodged_line;
use crate::opening::statements::{Challenged, Lodged, Verdict};
use crate::record::proof::Receipt;

/// `sealbid bid challenge`
#[derive(Debug, clap::Args)]
pub struct Challenge {
    /// The receipt of your accepted bid; or a custodian's note about a bid that you lodged, beside its
    /// .bid file as `bid lodge` put it there
    receipt: PathBuf,
    /// The receipt of your next statement: the withdrawal or the replacement that the close ignores
    #[arg(long, value_name = "FILE")]
    later: Option<PathBuf>,
    /// For a lodged bid, the custodian's note about your version before it, if that was lodged too;
    /// repeat it for several
    #[arg(long, value_name = "NOTE")]
    before: Vec<PathBuf>,
    /// For a lodged bid, the receipt of your version or withdrawal before it, or of your key's rotation;
    /// repeat it for several
    #[arg(long = "receipt", value_name = "FILE")]
    receipts: Vec<PathBuf>,
    /// For a lodged bid, what showed your key then: credentials.json beside it if absent
    #[arg(long, value_name = "FILE")]
    credentials: Option<PathBuf>,
}

/// What one custodian found.
pub struct Found {
    /// Who.
    pub custodian: String,
    /// What, or why it did not judge.
    pub verdict: Result<Verdict, Failed>,
}

/// What is shown is about.
struct About {
    unit: UnitId,
    line: Hash,
}

impl About {
    fn receipt(receipt: &crate::record::proof::Receipt) -> Result<Self, Failed> {
        match json::parse(&receipt.event) {
            Ok(BidEvent::Accepted { manifest_sha256, unit_id, .. }) => {
                let line = line(receipt.salt.as_bytes(), &manifest_sha256);
                Ok(Self { unit: unit_id, line })
            }
            _ => Err(Failed::content(
                Arg::Word("cli-say-what-receipt"),
                Said::bare("cli-say-why-not-accepted"),
            )),
        }
    }

    fn word(word: &ShownWord) -> Result<Self, Failed> {
        let lodged = Statement::<Lodged>::parse(word.word.lodged.as_bytes());
        let lodged = lodged.map_err(|e| Failed::content(Arg::Word("cli-say-what-receipt"), e))?;
        let Lodged { bidder, manifest_sha256, unit_id, .. } = lodged.body();
        Ok(Self { unit: *unit_id, line: lodged_line(*bidder, manifest_sha256) })
    }
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
        let about = About::receipt(&pinned.receipt(accepted.as_bytes())?.receipt)?;
        let own = enterprise_of(self.key()?.verifying().name());
        let credentials = match (&later, own) {
            (Some(_), Some(own)) => self.registered(own).await?.credentials,
            _ => Vec::new(),
        };
        let account = Account { accepted: accepted.to_owned(), credentials, later };
        self.show(pinned, &about, account.into()).await
    }

    /// Shows a custodian's word about a lodged bid to every custodian, and the platform what they found.
    ///
    /// # Errors
    /// [`Failed::Content`] when it is no such word, or before the close.
    pub async fn challenge_by_word(
        &self,
        pinned: &Pinned,
        word: ShownWord,
    ) -> Result<Vec<Found>, Failed> {
        let about = About::word(&word)?;
        self.show(pinned, &about, Shown::Word(Box::new(word))).await
    }

    async fn show(
        &self,
        pinned: &Pinned,
        about: &About,
        account: Shown,
    ) -> Result<Vec<Found>, Failed> {
        let seen = self.seen(&about.unit).await?;
        let close = seen.close.ok_or_else(|| {
            Failed::content(Arg::Word("cli-say-what-unit"), Said::bare("cli-say-why-not-closed"))
        })?;
        let (checked, roster) = pinned.close(&close, &about.unit)?;
        let ask = AskChallenge { account, close, unit: seen.unit };
        let mut found = Vec::new();
        for member in &roster.custodians {
            let verdict = self.judged_by(member, &ask, about, &checked.sha256()).await;
            if let Ok(statement) = &verdict {
                let path = format!("/units/{}/challenges", about.unit);
                let (account, statement) = (ask.account.clone(), statement.encode());
                let body = ChallengeBody { account, statement };
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
        about: &About,
        close_sha256: &Hash,
    ) -> Result<Statement<Challenged>, Failed> {
        let url = format!("{}/challenge", member.address.trim_end_matches('/'));
        let body = serde_json::to_vec(ask).map_err(Failed::answer)?;
        let request = self.request(Method::POST, &url, Access::Public).await?;
        let request = request.header(CONTENT_TYPE, "application/json").body(body);
        let found: Statement<Challenged> = self.word_of(member, request).await?;
        let body = found.body();
        let fits = body.custodian == member.id
            && body.line == about.line
            && body.close_sha256 == *close_sha256;
        if fits { Ok(found) } else { Err(Failed::answer(Said::bare("cli-say-why-else"))) }
    }
}

impl Challenge {
    pub(super) async fn run(&self, context: &Context) -> Result<Report, Failed> {
        let (client, pinned) = (context.client()?, context.pinned().await?);
        let receipt = text(&self.receipt)?;
        let later = self.later.as_deref().map(receipt_text).transpose()?;
        let found = if type_of(&receipt) == Some(Lodged::TYPE) {
            let credentials = self.credentials.as_deref();
            let word = shown_word(&self.receipt, &self.before, &self.receipts, credentials)?;
            client.challenge_by_word(&pinned, word).await?
        } else {
            client.challenge(&pinned, &receipt_text(&self.receipt)?, later).await?
        };
        Ok(found.iter().fold(Report::default(), |report, found| {
            let custodian = ("custodian", found.custodian.clone().into());
            match &found.verdict {
                Ok(verdict) => {
                    let verdict = ("verdict", Arg::Word(word(*verdict)));
                    report.and("cli-say-challenge", vec![custodian, verdict])
                }
                Err(failed) => {
                    let reason = Said::new(failed.code(), failed.args());
                    let reason = ("reason", Arg::Said(Box::new(reason)));
                    report.and("cli-say-challenge-silent", vec![custodian, reason])
                }
            }
        }))
    }
}

/// What is shown of a lodged bid, from the files that lodging it left: the custodian's note, those about
/// the versions before it, receipts, and what showed the bidder's key, beside the note if not named.
///
/// # Errors
/// [`Failed::Content`] for a note without its `.bid` file, or a file that cannot be read.
pub fn shown_word(
    note: &Path,
    before: &[PathBuf],
    receipts: &[PathBuf],
    credentials: Option<&Path>,
) -> Result<ShownWord, Failed> {
    let beside = note.parent().unwrap_or(Path::new(".")).join(CREDENTIALS);
    let path = credentials.unwrap_or(&beside);
    let credentials = serde_json::from_slice(&read_file(path)?);
    Ok(ShownWord {
        before: before.iter().map(|note| lodged(note)).collect::<Result<_, _>>()?,
        credentials: credentials.map_err(|e| Failed::in_file(path, e))?,
        receipts: receipts.iter().map(|path| text(path)).collect::<Result<_, _>>()?,
        word: lodged(note)?,
    })
}

fn text(path: &Path) -> Result<String, Failed> {
    String::from_utf8(read_file(path)?).map_err(|e| Failed::in_file(path, e))
}

/// A file that holds a receipt; another file is a slip, and shows nothing against anybody.
fn receipt_text(path: &Path) -> Result<String, Failed> {
    let text = text(path)?;
    Receipt::parse(text.as_bytes()).map_err(|e| Failed::in_file(path, e))?;
    Ok(text)
}

/// A custodian's note, with the manifest of the `.bid` file that it is named after.
fn lodged(note: &Path) -> Result<LodgedBid, Failed> {
    let name = note.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let bid =
        name.rsplit_once(".lodged-").map(|(bid, _)| note.with_file_name(format!("{bid}.bid")));
    let bid = bid.ok_or_else(|| Failed::in_file(note, Said::bare("cli-say-why-lodge-name")))?;
    Ok(LodgedBid { lodged: text(note)?, manifest: read(&bid)?.manifest.encode() })
}

const fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Answered => "cli-say-verdict-answered",
        Verdict::Open => "cli-say-verdict-open",
        Verdict::Finding => "cli-say-verdict-finding",
    }
}
