//! Starting the platform, suspiciously: everything is checked before the first write, and nothing
//! is created that might merely be mistyped.

use std::future::Future;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use zeroize::Zeroizing;

use crate::auth::token::TokenKey;
use crate::bid::arrivals::Arrivals;
use crate::bid::upload::Quota;
use crate::blob::{self, Blobs, Folder};
use crate::config::{Config, read_seed};
use crate::crypto::key::{KeyKind, SigningKey};
use crate::custodian::chain::{Chain, Rosters};
use crate::custodian::client::{AskError, Custodians, Http, Limits};
use crate::custodian::roster::Roster;
use crate::db::{self, Db, FaultPoints, Options, Point};
use crate::error::{Arg, Reason as _, Said};
use crate::opening::intake::ByPlatform;
use crate::opening::{Opener, Parts};
use crate::record::feed::Feed;
use crate::record::leaf::PadKey;
use crate::record::sequencer::{Keys, Pace, Sequencer};
use crate::record::standing;
use crate::rulepack::{Pack, PackError};
use crate::tender::Platform;
use crate::timer;

use super::app::App;
use super::folder::DataFolder;
use super::idempotency::{self, Running};
use super::init::check_origin;
use super::limit::Limiter;
use super::rosters;
use super::socket;
use super::start_error::internal;

pub use super::start_error::StartError;
pub(super) use super::start_error::{corrupt, refused};

/// The name of the platform's statement key under an origin.
#[must_use]
pub fn platform_key_name(origin: &str) -> String {
    format!("{origin}/platform/1")
}

/// What the configuration names, read and checked against each other.
struct Papers {
    pack: Pack,
    rosters: Chain,
    log: Zeroizing<[u8; 32]>,
    platform: SigningKey,
    pads: PadKey,
    tokens: TokenKey,
}

impl Papers {
    fn read(config: &Config) -> Result<Self, StartError> {
        let origin = config.origin.as_str();
        let log = read_seed(&config.log_key_file)?;
        let platform = read_seed(&config.platform_key_file)?;
        let platform = statement_key(&platform_key_name(origin), &platform)?;
        let pads = PadKey::from_bytes(*read_seed(&config.pad_key_file)?);
        let tokens =
            TokenKey::new(&*read_seed(&config.token_key_file)?, origin).map_err(internal)?;
        let rosters = rosters::read(&config.roster_file)?;
        Ok(Self { pack: read_pack(&config.rule_pack)?, rosters, log, platform, pads, tokens })
    }
}

fn statement_key(name: &str, seed: &[u8; 32]) -> Result<SigningKey, StartError> {
    SigningKey::from_seed(name, KeyKind::Statement, seed).map_err(internal)
}

fn read_pack(path: &Path) -> Result<Pack, StartError> {
    let wrong = |reason: Arg| StartError::RulePack { path: path.display().to_string(), reason };
    let text = std::fs::read_to_string(path).map_err(|e| wrong(e.arg()))?;
    Pack::parse(&text).map_err(|e| match e {
        PackError::Shape(reason) => wrong(reason),
        other => wrong(Said::of(&other).into()),
    })
}

/// A platform ready to serve, and the work that goes on beside its answers.
pub struct Started {
    /// For the handlers.
    pub app: Arc<App>,
    /// Have the custodians witness the record: those of the newest roster, of the last that the record
    /// held when this was started, and of every earlier one with a unit that was not over.
    pub feeds: Vec<Feed>,
    /// Nobody else works on its files meanwhile.
    #[expect(dead_code, reason = "the folder is this process's as long as this is there")]
    folder: DataFolder,
}

impl Started {
    /// Extends the record, feeds its witnesses and does what is due, for as long as it is polled: once
    /// enough of them confirm it, and until the door is shut.
    pub async fn work(&self) {
        let (db, sequencer) = (self.app.db(), &self.app.platform.sequencer);
        standing::until_confirmed(db, &self.feeds).await;
        let mut shut = db.shut_for();
        tokio::select! {
            // Only reads go on.
            _ = shut.wait_for(Option::is_some) => std::future::pending().await,
            _ = async {
                tokio::join!(
                    sequencer.run(),
                    join_all(self.feeds.iter().map(|feed| feed.run(sequencer.follow()))),
                    timer::run(&self.app.opener, &self.app.platform),
                    idempotency::sweep(db),
                )
            } => {}
        }
    }
}

/// Opens everything and compares the record's head with its witnesses. The server's clock and
/// randomness are those of `options`.
///
/// # Errors
/// [`StartError`] with the first reason not to start.
#[expect(clippy::too_many_lines, reason = "what start-up suspects, in its order")]
pub async fn open(config: &Config, options: Options) -> Result<Started, StartError> {
    let papers = Papers::read(config)?;
    let entropy = Arc::clone(&options.entropy);
    let faults = options.hooks.faults.clone();
    let db = open_database(config, options).await?;
    check_origin(&db, config).await?;
    let folder = DataFolder::take(&config.data_dir)?;
    folder.check(&db).await?;
    let path = &config.roster_file;
    let settled = rosters::settle(&db, papers.rosters, path).await?;
    // The log's key is named as the record's origin, which a succession changes.
    let log = statement_key(settled.chain.log_key().name(), &papers.log)?;
    rosters::check_keys(&settled, path, log.verifying(), papers.platform.verifying())?;
    let pace =
        Pace { cadence: Duration::from_millis(u64::from(config.cadence_ms)), ..Pace::default() };
    let keys = Keys { log, pads: papers.pads };
    let former = settled.chain.log_keys().nth(1).cloned();
    let sequencer = Sequencer::open_after(db.clone(), keys, former, pace).await.map_err(refused)?;
    // The shares and the manifest come on top of the envelope, and are small.
    let limits =
        Limits { max_file: config.max_upload_bytes.saturating_mul(2), ..Limits::default() };
    let wire = |roster: &Roster| {
        let http: Arc<dyn Custodians> = Arc::new(Http::new(roster, limits)?);
        Ok::<_, AskError>(http)
    };
    let rosters = Arc::new(Rosters::new(settled.chain.clone(), wire).map_err(internal)?);
    let hours = Arc::default();
    let feeds = rosters::feeds(&db, &rosters, &settled, &hours)?;
    let head = &sequencer.published().checkpoint;
    // A succession explains what witnesses saw beyond it; they are shown nothing under the old key.
    if head.note.require(settled.chain.log_key()).is_ok() {
        standing::wait_for_witnesses(&db, head);
        standing::confirm(&db, &feeds, head).await.map_err(|(witness, error)| {
            StartError::Behind { witness, reason: error.to_string() }
        })?;
    }
    rosters::record(&db, &settled).await?;
    folder.settle(&db, &*entropy).await?;
    let sequencer = Arc::new(sequencer);
    let pack = Arc::new(papers.pack);
    let platform_key = Arc::new(papers.platform);
    let blobs: Arc<dyn Blobs> = Arc::new(open_folder(config, faults)?);
    let platform = Platform {
        db: db.clone(),
        sequencer: Arc::clone(&sequencer),
        blobs: Arc::clone(&blobs),
        key: Arc::clone(&platform_key),
        rosters: Arc::clone(&rosters),
        law: Arc::<Pack>::clone(&pack),
        max_upload: config.max_upload_bytes,
        quota: Quota { uploads: config.max_uploads, bytes: config.max_uploads_bytes },
        credentials: Arc::default(),
        hours: Arc::clone(&hours),
        answers: Arc::default(),
    };
    let arrivals = Arrivals::new(hours);
    let opener = Opener::new(Parts {
        db,
        blobs,
        sequencer,
        rosters,
        key: platform_key,
        decided: Arc::new(arrivals.clone()),
        intake: Arc::new(ByPlatform(platform.clone())),
        spool: spool(config)?,
        patience: Limits::default().patience,
    });
    let app = App {
        tokens: papers.tokens,
        sessions: Arc::default(),
        limiter: Limiter::new(config.proxies.clone()),
        pack,
        entropy,
        platform,
        pads: PadKey::from_bytes(*read_seed(&config.pad_key_file)?),
        arrivals,
        running: Running::default(),
        silence: Duration::from_millis(u64::from(config.upload_silence_ms)),
        opener: Arc::new(opener),
    };
    Ok(Started { app: Arc::new(app), feeds, folder })
}

async fn open_database(config: &Config, options: Options) -> Result<Db, StartError> {
    let url = config.database()?;
    let opened = tokio::task::spawn_blocking(move || Db::open(&url, options));
    Ok(opened.await.map_err(internal)??)
}

fn open_folder(
    config: &Config,
    faults: Option<Arc<dyn FaultPoints>>,
) -> Result<Folder, StartError> {
    let folder = Folder::open(&config.data_dir).map_err(|e| StartError::Folder {
        path: config.data_dir.display().to_string(),
        reason: match e {
            blob::Error::Io(error) => error.arg(),
            other => other.to_string().into(),
        },
    })?;
    Ok(match faults {
        Some(faults) => folder.with_steps(Arc::new(move |step| faults.at(Point::Step(step)))),
        None => folder,
    })
}

/// Where lodged files stand while they are taken in.
fn spool(config: &Config) -> Result<PathBuf, StartError> {
    let spool = config.data_dir.join("spool");
    std::fs::create_dir_all(&spool)
        .map_err(|e| StartError::Folder { path: spool.display().to_string(), reason: e.arg() })?;
    Ok(spool)
}

/// Serves until `stop` is done. Then nothing new is taken in, what was taken in is answered, for
/// which the work beside goes on, and the record is extended a last time.
///
/// # Errors
/// [`StartError::Listen`], or what the server says at its end.
pub async fn serve(
    started: Started,
    listener: TcpListener,
    stop: impl Future<Output = ()>,
) -> Result<(), StartError> {
    let app = actix_web::web::Data::from(Arc::clone(&started.app));
    let server = super::serve(app, listener).map_err(internal)?;
    let handle = server.handle();
    let served = async {
        tokio::pin!(server);
        tokio::select! {
            ended = &mut server => return ended,
            () = stop => {}
        }
        let ((), ended) = tokio::join!(handle.stop(true), &mut server);
        ended
    };
    tokio::select! {
        ended = served => ended.map_err(internal)?,
        () = started.work() => return Err(internal("the work beside the server ended")),
    }
    match started.app.platform.sequencer.tick().await {
        // Where the door is shut nothing was taken in, and nothing is to be extended.
        Ok(_) | Err(db::Error::Shut(_)) => Ok(()),
        Err(error) => Err(refused(error)),
    }
}

/// Binds the configured address.
///
/// # Errors
/// [`StartError::Listen`].
pub fn listen(config: &Config) -> Result<TcpListener, StartError> {
    socket::listen(config.listen)
        .map_err(|e| StartError::Listen { address: config.listen.to_string(), reason: e.arg() })
}
