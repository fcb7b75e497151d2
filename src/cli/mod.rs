//! The command line: one file per audience, one struct per command.
//!
//! Invariant: commands take what they need from a [`Context`] and return a [`Report`]; nothing here
//! prints, prompts (but for passphrases) or exits, so tests and `demo` call the same functions. An
//! error is two lines, `error:` and `hint:`, and an exit code: 1 refused, 2 usage, 70 our failure,
//! 75 try again later.

pub mod bid;
pub mod case;
pub mod client;
pub mod custodian;
mod custodians;
pub mod download;
pub mod enterprise;
pub mod failed;
pub mod help;
mod hints;
pub mod intended;
pub mod keys;
mod log;
mod notice;
pub mod opening;
pub mod operator;
pub mod outage;
pub mod output;
pub mod record;
mod recorded;
mod registration;
pub mod roster;
mod stated;
pub mod succession;
pub mod tender;
mod told;
pub mod trust;
pub mod upload;
pub mod usage;
pub mod verify;
pub mod vouching;
mod words;

use std::ffi::OsString;
use std::future::Future;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::{Parser, Subcommand};

use crate::clock::{Clock, SystemClock};
use crate::crypto::entropy::{Entropy, SystemEntropy};
use crate::crypto::key::SigningKey;
use crate::error::{Args, Error, Refusal, Said};
use crate::verify::{EXIT_UNREADABLE, Trust as Pin};
use crate::web::i18n::Lang;

use self::client::Client;
use self::failed::Failed;
use self::output::{Progress, Report};
use self::trust::Pinned;
use self::usage::BadValue;

/// Sealed public bidding: nobody can read a bid before its hour, and everybody can check
#[derive(Debug, Parser)]
#[command(name = "sealbid", version, max_term_width = 100)]
#[command(
    after_help = "Exit codes: 0 done, 1 refused, 2 wrong usage, 70 our failure, 75 try again."
)]
pub struct Cli {
    #[command(flatten)]
    options: Options,
    #[command(subcommand)]
    command: Command,
}

/// Options of every command.
#[derive(Debug, clap::Args)]
struct Options {
    // Read before parsing, by `spoken`: here it is explained, and what names no language is refused.
    /// Language of messages: zh or en (else SEALBID_LANG, then LANG)
    #[arg(long, global = true, value_name = "LANG", value_parser = language)]
    lang: Option<Lang>,
    /// The platform's address, such as https://bids.example
    #[arg(long, global = true, value_name = "URL")]
    server: Option<String>,
    /// Your key file
    #[arg(long, global = true, value_name = "FILE")]
    key: Option<PathBuf>,
    /// What you trust from elsewhere: a roster's SHA-256, the regulator's key, or a file with one
    #[arg(long, global = true, value_name = "PIN")]
    trust: Option<String>,
    /// The roster's file; fetched from the platform if absent
    #[arg(long, global = true, value_name = "FILE")]
    roster: Option<PathBuf>,
}

/// What can be done. Each command stands beside its audience's other ones.
#[derive(Debug, Subcommand)]
enum Command {
    /// Make and show signing keys
    #[command(subcommand)]
    Key(keys::KeyCommand),
    /// The regulator: draft, sign and pin the roster of custodians
    #[command(subcommand)]
    Roster(roster::RosterCommand),
    /// Operator and regulator: the record goes on under another origin and key
    #[command(subcommand)]
    Succession(succession::SuccessionCommand),
    /// Enterprises and operators: register, verify, change keys
    #[command(subcommand)]
    Enterprise(enterprise::EnterpriseCommand),
    /// Buyers: draft, publish, amend and void tenders
    #[command(subcommand)]
    Tender(tender::TenderCommand),
    /// Bidders: seal, check, submit and follow bids
    #[command(subcommand)]
    Bid(bid::BidCommand),
    /// Everybody: follow openings; buyer, regulator and operator: give your word in them
    #[command(subcommand)]
    Opening(opening::OpeningCommand),
    /// Custodians: run the agent that guards the opening
    #[command(subcommand)]
    Custodian(custodian::CustodianCommand),
    /// Everybody: read, export and watch the record
    #[command(subcommand)]
    Record(record::RecordCommand),
    /// Everybody: watch a whole tender, from registration to an off-line verification
    Demo(crate::demo::DemoArgs),
    /// The operator: make the tables of a new platform
    Init(operator::ConfigFile),
    /// The operator: bring an older database up to this program
    Migrate(operator::ConfigFile),
    /// The operator: run the platform
    Serve(operator::ConfigFile),
    /// Auditors and everybody: check a case file without a network
    Verify(verify::VerifyArgs),
}

fn language(text: &str) -> Result<Lang, BadValue> {
    Lang::from_accept(text).ok_or(BadValue("cli-say-why-no-language"))
}

/// The language to speak: `--lang`, else what the variables name. Asked before the line is parsed, for
/// what is wrong with it is said in that language too.
pub fn spoken(words: &[OsString], variable: impl Fn(&str) -> Option<String>) -> Lang {
    let named = |name| variable(name).and_then(|value| Lang::from_accept(&value));
    let (asked, _) = help::asked(words);
    asked.or_else(|| named("SEALBID_LANG")).or_else(|| named("LANG")).unwrap_or_default()
}

/// What commands work with.
pub struct Context {
    /// Language of messages and of the platform's answers.
    pub lang: Lang,
    /// `--server`.
    pub server: Option<String>,
    /// `--key`.
    pub key: Option<PathBuf>,
    /// `--trust`.
    pub trust: Option<String>,
    /// `--roster`.
    pub roster: Option<PathBuf>,
    /// The machine's clock.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// Told of what goes on.
    pub progress: Arc<dyn Progress>,
    /// So long an act's receipt is waited for before it is called provisional.
    pub patience: Duration,
}

impl Context {
    /// The key of `--key`.
    ///
    /// # Errors
    /// [`Failed::Missing`], or as [`keys::load`].
    pub fn key(&self) -> Result<Arc<SigningKey>, Failed> {
        keys::load(self.key.as_deref().ok_or(Failed::Missing("--key"))?)
    }

    /// A client of `--server`, with `--key` if it was given.
    ///
    /// # Errors
    /// [`Failed::Missing`], or as [`keys::load`].
    pub fn client(&self) -> Result<Client, Failed> {
        let server = self.server.as_deref().ok_or(Failed::Missing("--server"))?;
        let (clock, entropy) = (Arc::clone(&self.clock), Arc::clone(&self.entropy));
        let client = Client::new(server, self.lang, clock, entropy)?;
        Ok(match &self.key {
            Some(path) => client.with_key(keys::load(path)?),
            None => client,
        })
    }

    /// The roster of `--roster`, or the platform's, if `--trust` pins it.
    ///
    /// # Errors
    /// [`Failed::Missing`], [`Failed::NotPinned`].
    pub async fn pinned(&self) -> Result<Pinned, Failed> {
        let pin = self.pin()?;
        let note = match &self.roster {
            Some(path) => read_file(path)?,
            None if self.server.is_none() => return Err(Failed::Missing("--roster")),
            None => self.client()?.fetch("/record/roster").await?,
        };
        Pinned::new(&note, &pin)
    }

    /// `--trust`: a pin, or a file whose first word is one.
    fn pin(&self) -> Result<Pin, Failed> {
        let text = self.trust.as_deref().ok_or(Failed::Missing("--trust"))?;
        if let Ok(pin) = text.parse() {
            return Ok(pin);
        }
        let none = || Failed::Pin(text.to_owned());
        // A file that is no pin may be of any size.
        let mut bytes = Vec::new();
        let file = std::fs::File::open(text).map_err(|_| none())?;
        file.take(MAX_PIN).read_to_end(&mut bytes).map_err(|_| none())?;
        let file = String::from_utf8_lossy(&bytes);
        let word = file.split_whitespace().next().unwrap_or_default();
        word.parse().map_err(|_| none())
    }

    /// Waits for work that talks to others.
    ///
    /// # Errors
    /// [`Failed::Machine`] when no threads can be had, or the work's own.
    pub fn wait<T>(&self, work: impl Future<Output = Result<T, Failed>>) -> Result<T, Failed> {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
        runtime.map_err(|e| Failed::Machine(e.to_string()))?.block_on(work)
    }
}

impl Cli {
    /// Does what was asked.
    ///
    /// # Errors
    /// The refusal, for [`terminal`](crate::web::problem::terminal) and its exit code.
    pub fn run(self, lang: Lang, progress: Arc<dyn Progress>) -> Result<Report, Error> {
        let Options { server, key, trust, roster, .. } = self.options;
        let context = Context {
            lang,
            server,
            key,
            trust,
            roster,
            clock: Arc::new(SystemClock),
            entropy: Arc::new(SystemEntropy::new()),
            progress,
            patience: PATIENCE,
        };
        let report = match self.command {
            Command::Key(command) => command.run(&context)?,
            Command::Roster(command) => command.run(&context)?,
            Command::Succession(command) => command.run(&context)?,
            Command::Enterprise(command) => command.run(&context)?,
            Command::Tender(command) => command.run(&context)?,
            Command::Bid(command) => command.run(&context)?,
            Command::Opening(command) => command.run(&context)?,
            Command::Custodian(command) => command.run(&context)?,
            Command::Record(command) => command.run(&context)?,
            Command::Demo(args) => args.run(&context)?,
            Command::Init(file) => operator::init(&file, &context)?,
            Command::Migrate(file) => operator::migrate(&file)?,
            Command::Serve(file) => operator::serve(&file, &context)?,
            Command::Verify(args) => judge(args, &context)?,
        };
        Ok(report)
    }
}

/// Custodians that are awake cosign within a second or two.
const PATIENCE: Duration = Duration::from_secs(5);

/// Of a file that should begin with a pin, so much is looked at.
const MAX_PIN: u64 = 4096;

/// `sealbid verify` has exit codes of its own, also for what cannot be read: a mistyped pin must not
/// look like a claim that failed.
fn judge(mut args: verify::VerifyArgs, context: &Context) -> Result<Report, Error> {
    let unjudged = |failed: Failed| Error::from(failed).ending_with(EXIT_UNREADABLE);
    args.pin = context.trust.as_ref().map(|_| context.pin()).transpose().map_err(unjudged)?;
    let json = args.json;
    let report = verify::run(&args)
        .map_err(|error| unjudged(Failed::file(Path::new(&error.path), &error.cause)))?;
    let text = if json {
        verify::json(&report, context.lang)
    } else {
        verify::text(&report, context.lang)
    };
    Ok(Report::plain(text).ending_with(report.exit()))
}

/// The largest file that is read whole: notes, receipts, plans. What may be larger is streamed.
const MAX_READ: u64 = 64 << 20;

/// A file's content.
fn read_file(path: &Path) -> Result<Vec<u8>, Failed> {
    let wrong = |e: std::io::Error| Failed::file(path, &e);
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(wrong)?;
    file.take(MAX_READ + 1).read_to_end(&mut bytes).map_err(wrong)?;
    let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    if size > MAX_READ {
        return Err(Failed::in_file(path, Said::bare("cli-say-why-large")));
    }
    Ok(bytes)
}

/// A file's text.
fn read_text(path: &Path) -> Result<String, Failed> {
    String::from_utf8(read_file(path)?).map_err(|e| Failed::in_file(path, e))
}

/// The values of a sentence.
fn args<const N: usize>(pairs: [(&'static str, String); N]) -> Args {
    pairs.into_iter().map(|(name, value)| (name, value.into())).collect()
}

/// The code of an error: what tests and programs compare.
#[must_use]
pub fn code(failed: &Failed) -> String {
    failed.told().map_or_else(|| failed.code().to_owned(), |told| told.code.clone())
}
