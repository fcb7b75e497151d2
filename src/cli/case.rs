//! Case files fetched from the platform, for whoever verifies them off-line.
//!
//! Invariant: a file appears under its name when all of it is there. Deliberately absent: any
//! judgement; that is `sealbid verify`'s, without a network.

use std::path::Path;

use crate::ids::TenderId;

use super::client::{Access, Client};
use super::failed::Failed;
use super::output::{Access as FileAccess, Progress, Report};
use super::{Context, args};

/// `sealbid record case`
#[derive(Debug, clap::Args)]
pub struct FetchCase {
    /// The tender
    tender: TenderId,
    /// The file to write; it must not exist
    #[arg(long, value_name = "FILE")]
    out: std::path::PathBuf,
    /// The regulator's file: the whole record, released identities and opened bids with it
    #[arg(long)]
    auditor: bool,
}

/// Which of a tender's case files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhichCase {
    /// Everybody's.
    Public,
    /// The regulator's and the auditors'.
    Auditor,
}

impl FetchCase {
    /// Fetches the file.
    ///
    /// # Errors
    /// [`Failed`].
    pub async fn run(&self, context: &Context) -> Result<Report, Failed> {
        let which = if self.auditor { WhichCase::Auditor } else { WhichCase::Public };
        let client = context.client()?;
        client.save_case(self.tender, which, &self.out, &*context.progress).await?;
        Ok(Report::said("cli-say-case", args([("path", self.out.display().to_string())])))
    }
}

impl Client {
    /// Saves a tender's case file; gives its length in bytes.
    ///
    /// # Errors
    /// [`Failed`].
    pub async fn save_case(
        &self,
        tender: TenderId,
        which: WhichCase,
        to: &Path,
        progress: &dyn Progress,
    ) -> Result<u64, Failed> {
        let (path, access, file_access) = match which {
            WhichCase::Public => ("case", Access::Public, FileAccess::Usual),
            // Released identities and plain offers are in it.
            WhichCase::Auditor => ("case/auditor", Access::Own, FileAccess::Private),
        };
        let path = format!("/api/v1/tenders/{tender}/{path}");
        self.save(&path, access, to, file_access, progress).await
    }
}
