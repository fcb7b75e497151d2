//! Where the database is: `sqlite:PATH` or `postgres://…`, and nothing else.

use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use tokio_postgres::config::{Host, SslMode};

use crate::error::{Args, Refusal};

/// A database's address. Its `Debug` and `Display` never show a password.
#[derive(Clone, PartialEq, Eq)]
pub enum DatabaseUrl {
    /// A file on this machine.
    Sqlite(PathBuf),
    /// A PostgreSQL server and database.
    Postgres(Box<tokio_postgres::Config>),
}

/// An address that is refused before anything is touched.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadUrl {
    /// Neither of the two schemes.
    #[error("unknown database scheme in {0:?}: use sqlite:PATH or postgres://user@host/name")]
    Scheme(String),
    /// `sqlite:` without a plain path.
    #[error("sqlite: needs the path of a file, as in sqlite:/var/lib/sealbid/sealbid.db")]
    Path,
    /// The PostgreSQL part does not parse.
    #[error("the PostgreSQL address is wrong: {0}")]
    Postgres(String),
}

impl Refusal for BadUrl {
    fn code(&self) -> &'static str {
        match self {
            Self::Scheme(_) => "db-url-scheme",
            Self::Path => "db-url-path",
            Self::Postgres(_) => "db-url-postgres",
        }
    }

    fn status(&self) -> u16 {
        422
    }

    fn args(&self) -> Args {
        match self {
            Self::Scheme(found) => vec![("found", found.as_str().into())],
            Self::Path => Args::new(),
            Self::Postgres(reason) => vec![("reason", reason.as_str().into())],
        }
    }
}

impl DatabaseUrl {
    /// The SQLite file at `path`.
    #[must_use]
    pub fn sqlite(path: &Path) -> Self {
        Self::Sqlite(path.to_owned())
    }
}

impl FromStr for DatabaseUrl {
    type Err = BadUrl;

    fn from_str(text: &str) -> Result<Self, BadUrl> {
        if let Some(path) = text.strip_prefix("sqlite:") {
            // `sqlite://x` could be read as a host, `:memory:` and `file:…?…` as switches.
            if path.is_empty() || path.starts_with("//") || path.contains([':', '?']) {
                return Err(BadUrl::Path);
            }
            return Ok(Self::Sqlite(PathBuf::from(path)));
        }
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            let mut config: tokio_postgres::Config =
                text.parse().map_err(|e: tokio_postgres::Error| BadUrl::Postgres(reason(&e)))?;
            settle_tls(&mut config);
            return Ok(Self::Postgres(Box::new(config)));
        }
        // Only the scheme is shown: what follows may hold a password.
        Err(BadUrl::Scheme(text.split(':').next().unwrap_or_default().chars().take(20).collect()))
    }
}

/// The default `prefer` lets whoever sits in between switch TLS off: it becomes `require` off this
/// machine, and `disable` on it, where Debian's server offers a certificate that nobody signed.
fn settle_tls(config: &mut tokio_postgres::Config) {
    let names = config.get_hosts().iter().all(|host| match host {
        Host::Tcp(name) => {
            name == "localhost" || name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
        }
        Host::Unix(_) => true,
    });
    // Where there is a `hostaddr`, the connection goes there, whatever the host is called.
    let addresses = config.get_hostaddrs().iter().all(IpAddr::is_loopback);
    if config.get_ssl_mode() == SslMode::Prefer {
        let stays_here = names && addresses;
        config.ssl_mode(if stays_here { SslMode::Disable } else { SslMode::Require });
    }
}

/// The whole chain: tokio-postgres hides the cause behind a general first line.
pub(super) fn reason(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        text = format!("{text}: {inner}");
        source = inner.source();
    }
    text
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            Self::Postgres(config) => {
                let host = match config.get_hosts().first() {
                    Some(Host::Tcp(name)) => name.clone(),
                    Some(Host::Unix(path)) => path.display().to_string(),
                    None => String::from("localhost"),
                };
                write!(f, "postgres://{host}/{}", config.get_dbname().unwrap_or_default())
            }
        }
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
