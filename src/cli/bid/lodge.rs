//! `sealbid bid lodge`: a `.bid` file handed to a custodian when the portal does not answer.
//!
//! Invariant: only the custodian is asked, for the portal may be gone: what shows the bidder's key was
//! kept while it answered.

use std::path::{Path, PathBuf};

use reqwest::Method;
use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE};

use super::check::read;
use super::folder::CREDENTIALS;
use crate::cli::client::{Access, Client};
use crate::cli::failed::Failed;
use crate::cli::output::{Report, replace};
use crate::cli::trust::Pinned;
use crate::cli::upload::{Slice, body};
use crate::cli::{Context, read_file};
use crate::crypto::statement::Statement;
use crate::custodian::roster::{CustodianId, Member};
use crate::custodian::wire::AskLodge;
use crate::enterprise::credentials::signer;
use crate::error::{Arg, Said};
use crate::opening::statements::Lodged;

/// `sealbid bid lodge`
#[derive(Debug, clap::Args)]
pub struct Lodge {
    /// The .bid file
    pub file: PathBuf,
    /// The custodian's short name in the roster
    #[arg(long)]
    pub custodian: CustodianId,
    /// What shows your key: credentials.json beside the .bid file if absent
    #[arg(long, value_name = "FILE")]
    pub credentials: Option<PathBuf>,
    /// The receipt of your version or withdrawal before this one, or of your key's rotation; repeat
    /// it for several
    #[arg(long = "receipt", value_name = "FILE")]
    pub receipts: Vec<PathBuf>,
}

/// What a custodian needs to be shown beside the bid.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shown {
    /// The statements that show the bidder's key, in record order.
    pub credentials: Vec<String>,
    /// Receipts of the statement before this one and of rotations of the key.
    pub receipts: Vec<String>,
}

impl Client {
    /// Lodges a `.bid` file with a custodian: its signed word, with a receipt's force. Which roster the
    /// bid's unit stands on is for its agents to say: the newest is asked first.
    ///
    /// # Errors
    /// [`Failed::Refused`] with the agent's code, [`Failed::Receipt`] when its word does not hold.
    pub async fn lodge(
        &self,
        pinned: &Pinned,
        custodian: &CustodianId,
        bid: &Path,
        shown: Shown,
    ) -> Result<Statement<Lodged>, Failed> {
        let rosters = pinned.rosters().iter().rev().map(Statement::body);
        let mut last = Failed::content("--custodian", Said::bare("cli-say-why-no-member"));
        for member in rosters.filter_map(|roster| roster.member(custodian)) {
            match self.lodge_with(member, bid, shown.clone()).await {
                Err(failed) if failed.told().is_some_and(|told| told.status == 404) => {
                    last = failed;
                }
                done => return done,
            }
        }
        Err(last)
    }

    async fn lodge_with(
        &self,
        member: &Member,
        bid: &Path,
        shown: Shown,
    ) -> Result<Statement<Lodged>, Failed> {
        let manifest = read(bid)?.manifest;
        let Shown { credentials, receipts } = shown;
        let ask = AskLodge { credentials, manifest: manifest.encode(), receipts };
        let mut line = serde_json::to_vec(&ask).map_err(Failed::answer)?;
        line.push(b'\n');
        let wrong = |e: std::io::Error| Failed::file(bid, &e);
        let size = tokio::fs::metadata(bid).await.map_err(wrong)?.len();
        let length = u64::try_from(line.len()).unwrap_or(u64::MAX).saturating_add(size);
        let slice = Slice { path: bid.to_owned(), start: 0, size };
        let body = body(line, &slice).await?;
        let url = format!("{}/lodge", member.address.trim_end_matches('/'));
        let request = self.request(Method::POST, &url, Access::Public).await?;
        let request = request
            .header(CONTENT_TYPE, "application/octet-stream")
            .header(CONTENT_LENGTH, length)
            .body(body);
        let lodged: Statement<Lodged> = self.word_of(member, request).await?;
        let body = lodged.body();
        let same = body.custodian == member.id
            && body.manifest_sha256 == manifest.sha256()
            && signer(manifest.note()) == Some(body.bidder)
            && body.unit_id == manifest.body().unit_id;
        if same { Ok(lodged) } else { Err(Failed::receipt(Said::bare("cli-say-why-else"))) }
    }
}

impl Lodge {
    pub(super) async fn run(&self, context: &Context) -> Result<Report, Failed> {
        let pinned = context.pinned().await?;
        let (clock, entropy) = (context.clock.clone(), context.entropy.clone());
        let client = Client::new("http://localhost", context.lang, clock, entropy)?;
        let text = |path: &PathBuf| {
            String::from_utf8(read_file(path)?).map_err(|e| Failed::in_file(path, e))
        };
        let mut receipts = self.receipts.clone();
        receipts.extend(self.before()?);
        let receipts = receipts.iter().map(text).collect::<Result<_, _>>()?;
        let shown = Shown { credentials: self.credentials(context).await?, receipts };
        let lodged = client.lodge(&pinned, &self.custodian, &self.file, shown).await?;
        let path = self.file.with_extension(format!("lodged-{}.note", self.custodian));
        replace(&path, lodged.encode().as_bytes())?;
        let arrived_at = Arg::Time(lodged.body().arrived_at);
        let values = vec![("at", arrived_at), ("path", path.display().to_string().into())];
        Ok(Report::said("cli-say-lodged", values))
    }

    /// The receipt of the version or withdrawal before this one, where it stands beside the file and
    /// nothing else was named: at the last minute nobody should have to know that it is needed.
    fn before(&self) -> Result<Option<PathBuf>, Failed> {
        let seq = read(&self.file)?.manifest.body().seq.saturating_sub(1);
        let folder = self.file.parent().unwrap_or(Path::new("."));
        let mut names =
            ["bid", "withdrawal"].map(|it| format!("{it}-{seq}.tlog-proof")).into_iter();
        let found = names.find_map(|name| Some(folder.join(name)).filter(|path| path.exists()));
        Ok(found.filter(|path| !self.receipts.iter().any(|given| given == path)))
    }

    /// What was kept at sealing, or what a platform tells that still answers.
    async fn credentials(&self, context: &Context) -> Result<Vec<String>, Failed> {
        let beside = self.file.parent().unwrap_or(Path::new(".")).join(CREDENTIALS);
        let path = self.credentials.clone().unwrap_or(beside);
        let missing = || Failed::NoCredentials(path.display().to_string());
        if path.exists() {
            let text = read_file(&path)?;
            return serde_json::from_slice(&text).map_err(|e| Failed::in_file(&path, e));
        }
        if context.server.is_none() {
            return Err(missing());
        }
        let manifest = read(&self.file)?.manifest;
        let signer = signer(manifest.note());
        let signer = signer.ok_or_else(|| {
            Failed::content(Arg::Word("cli-say-what-bid"), Said::bare("cli-say-why-nobody"))
        })?;
        match context.client()?.registered(signer).await {
            Ok(registered) => Ok(registered.credentials),
            Err(Failed::Unreachable { .. }) => Err(missing()),
            Err(failed) => Err(failed),
        }
    }
}
