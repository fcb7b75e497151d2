//! `sealbid verify`: judges a case file without a network and says so, one line a claim.
//!
//! The exit codes stand in the command's help, in docs/FORMATS.md and at [`Report::exit`].

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::PathBuf;

use crate::error::{Arg, Said};
use crate::verify::{Claim, Counts, Pin, Receipts, Report, Trust, Verdict, verify};
use crate::web::i18n::{self, Lang};

/// What the help says of exit codes and of `--json`.
const AFTER_HELP: &str = "\
Exit codes:
  0  pinned, and no claim failed
  1  a claim failed
  2  nothing could be judged: the file is damaged or no case file, or the command is wrong
  3  no claim failed, but nothing was pinned: an invented case would look the same
  4  the case does not stand on what --trust names
  5  pinned and no claim failed, but this file does not decide what --receipt asks

0 does not say that every claim is decided: the last line counts those that are not.

JSON (--json):
  {\"pinned\": \"pinned|not-pinned|not-compared|mismatch\",
   \"claims\": [{\"id\", \"unit\"?, \"verdict\": \"ok|failed|not-decidable\", \"code\", \"detail\"}…],
   \"counts\": {\"ok\", \"failed\", \"not-decidable\"}, \"exit\"}";

/// A receipt holds one bidder's statement: a few KiB.
const MAX_RECEIPT: u64 = 4 << 20;

/// What `sealbid verify` takes.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct VerifyArgs {
    /// The case file
    pub case: PathBuf,
    /// What the reader trusts from elsewhere
    #[arg(skip)]
    pub pin: Option<Trust>,
    /// Your receipt, or a custodian's note that you lodged a bid with it: is your line in?
    #[arg(long, value_name = "FILE")]
    pub receipt: Option<PathBuf>,
    /// The receipt of what you sent after it: a replacement or a withdrawal
    #[arg(long, value_name = "FILE", requires = "receipt")]
    pub later: Option<PathBuf>,
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
    let read = |path: &PathBuf| receipt_in(path).map_err(at(path));
    let receipt = args.receipt.as_ref().map(read).transpose()?;
    let later = args.later.as_ref().map(read).transpose()?;
    let meta = File::open(&args.case).and_then(|file| file.metadata()).map_err(at(&args.case))?;
    if meta.is_dir() {
        return Err(at(&args.case)(io::ErrorKind::IsADirectory.into()));
    }
    let mut source = || -> io::Result<Box<dyn Read + Send>> {
        Ok(Box::new(BufReader::with_capacity(1 << 18, File::open(&args.case)?)))
    };
    let receipts = receipt.as_deref().map(|receipt| Receipts { receipt, later: later.as_deref() });
    Ok(verify(&mut source, args.pin.as_ref(), receipts))
}

/// A receipt's bytes. A file that is no receipt may be of any size.
fn receipt_in(path: &PathBuf) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = File::open(path)?.take(MAX_RECEIPT + 1).read_to_end(&mut bytes)?;
    if u64::try_from(read).is_ok_and(|read| read <= MAX_RECEIPT) {
        Ok(bytes)
    } else {
        Err(io::ErrorKind::FileTooLarge.into())
    }
}

/// The report as text for people: the pin first, then one line a claim, then how many came to what.
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
    out.push('\n');
    out.push_str(&summary(report.counts(), lang));
    out
}

/// The last line: a file that decides little must not look as if it decided all.
fn summary(counts: Counts, lang: Lang) -> String {
    let text = |count: usize| Arg::Text(count.to_string());
    let args = [
        ("ok", text(counts.ok)),
        ("failed", text(counts.failed)),
        ("open", text(counts.not_decidable)),
    ];
    say(lang, "verify-say-summary", &args) + "\n"
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
