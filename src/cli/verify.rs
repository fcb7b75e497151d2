//! `sealbid verify`: judges a case file without a network and says so, one line a claim.
//!
//! Exit codes: 0 pinned and nothing failed; 1 a claim failed; 2 unreadable or damaged; 3 nothing
//! failed, but not pinned; 4 the pin does not match.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::PathBuf;

use crate::error::{Arg, Said};
use crate::verify::{Claim, Pin, Report, Trust, Verdict, verify};
use crate::web::i18n::{self, Lang};

/// What `sealbid verify` takes.
#[derive(Clone, Debug, clap::Args)]
#[command(
    after_help = "Exit codes: 0 pinned by --trust and nothing failed, 1 a claim failed, 2 unreadable or damaged,\n\
                  3 nothing failed but not pinned, 4 the file stands on another roster than --trust."
)]
pub struct VerifyArgs {
    /// The case file
    pub case: PathBuf,
    /// What the reader trusts from elsewhere
    #[arg(skip)]
    pub pin: Option<Trust>,
    /// Your receipt: is your line in?
    #[arg(long, value_name = "FILE.tlog-proof")]
    pub receipt: Option<PathBuf>,
    /// Print JSON for programs
    #[arg(long)]
    pub json: bool,
}

/// Why nothing could be judged.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {cause}")]
pub struct NotReadable {
    /// Which file.
    pub path: String,
    /// Why.
    pub cause: io::Error,
}

/// Verifies the case file that the arguments name. A damaged case is a report; only files that
/// cannot be opened are an error (exit code 2 as well).
///
/// # Errors
/// [`NotReadable`].
pub fn run(args: &VerifyArgs) -> Result<Report, NotReadable> {
    let at = |path: &PathBuf| {
        let path = path.display().to_string();
        move |cause| NotReadable { path, cause }
    };
    let receipt = args.receipt.as_ref().map(|path| std::fs::read(path).map_err(at(path)));
    let receipt = receipt.transpose()?;
    File::open(&args.case).map_err(at(&args.case))?;
    let mut source = || -> io::Result<Box<dyn Read + Send>> {
        Ok(Box::new(BufReader::with_capacity(1 << 18, File::open(&args.case)?)))
    };
    Ok(verify(&mut source, args.pin.as_ref(), receipt.as_deref()))
}

/// The report as text for people: the pin first, then one line a claim.
#[must_use]
pub fn text(report: &Report, lang: Lang) -> String {
    let mut out = say(lang, pin_key(report.pin), &[]);
    out.push('\n');
    let mut unit = None;
    for claim in &report.claims {
        if claim.unit != unit {
            unit = claim.unit;
            if let Some(id) = unit {
                out.push_str(&format!("\n{id}\n"));
            }
        }
        out.push_str(&line(claim, lang));
    }
    out
}

fn line(claim: &Claim, lang: Lang) -> String {
    let verdict = say(lang, verdict_key(claim.verdict), &[]);
    format!("{:<16} {verdict}: {}\n", claim.id, i18n::say(lang, &claim.detail))
}

/// The report as JSON, with a newline.
#[must_use]
pub fn json(report: &Report, lang: Lang) -> String {
    let shown = report.json(&|said: &Said| i18n::say(lang, said));
    serde_json::to_string_pretty(&shown).map_or_else(|_| String::new(), |text| text + "\n")
}

fn say(lang: Lang, key: &'static str, args: &[(&'static str, Arg)]) -> String {
    i18n::sentence(lang, key, args).unwrap_or_else(|| key.to_owned())
}

const fn pin_key(pin: Pin) -> &'static str {
    match pin {
        Pin::Pinned => "verify-say-pinned",
        Pin::NotPinned => "verify-say-not-pinned",
        Pin::NotCompared => "verify-say-not-compared",
        Pin::Mismatch => "verify-say-mismatch",
    }
}

const fn verdict_key(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Ok => "verify-say-ok",
        Verdict::Failed => "verify-say-failed",
        Verdict::NotDecidable => "verify-say-not-decidable",
    }
}
