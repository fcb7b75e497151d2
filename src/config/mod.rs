//! The configuration: one TOML file, then `SEALBID_…` variables over it.
//!
//! Start-up is suspicious (house.md §14): unknown fields and unknown `SEALBID_` variables are
//! refused, so is every unknown URL scheme and a key file that others can read. Secrets never stand
//! in the file or the environment, only the names of files that hold them. Nothing is created here:
//! what is missing is probably mistyped. Deliberately absent: the custodians' addresses
//! and the operators' keys, which the signed roster gives.

mod error;

use std::ffi::OsString;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use zeroize::Zeroizing;

pub use error::ConfigError;

use crate::db::DatabaseUrl;
use crate::error::{Arg, Reason as _, Said, TomlFault};

/// Variables of ours that are not fields of the file.
const OTHER_VARIABLES: [&str; 3] = ["SEALBID_CONFIG", "SEALBID_LANG", "SEALBID_LOG"];
const PREFIX: &str = "SEALBID_";
/// The largest bid that an opening reads, and so the largest upload worth taking.
const LARGEST_UPLOAD: i64 = 2 << 30;

/// What the server is told before it starts.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The folder with the sealed files and, on SQLite, the database.
    pub data_dir: PathBuf,
    /// `sqlite:PATH` or `postgres://user@host:port/name`; a relative path starts at `data_dir`.
    pub database: DatabaseField,
    /// The file with the database's password, if it needs one.
    #[serde(default)]
    pub database_password_file: Option<PathBuf>,
    /// Where to listen.
    #[serde(default = "default_listen")]
    pub listen: SocketAddr,
    /// Reverse proxies on other machines, whose `X-Forwarded-For` is believed; one on this machine
    /// is believed without being named.
    #[serde(default)]
    pub proxies: Vec<IpAddr>,
    /// The record's origin, fixed at `init`: a name without scheme, never derived from a host.
    pub origin: Origin,
    /// Milliseconds between two integrations of acts into the record, 50 to 5,000.
    #[serde(default = "default_cadence")]
    pub cadence_ms: u32,
    /// The largest upload in bytes; 2 GiB unless told otherwise.
    #[serde(default = "default_max_upload")]
    pub max_upload_bytes: u64,
    /// Uploads that one enterprise may have on the way at once; 200 unless told otherwise.
    #[serde(default = "default_max_uploads")]
    pub max_uploads: u32,
    /// Their bytes together; 100 GiB unless told otherwise.
    #[serde(default = "default_max_uploads_bytes")]
    pub max_uploads_bytes: u64,
    /// Milliseconds for which the sender of a file may be silent within it before the upload is let go,
    /// 1,000 to 600,000; 20 seconds unless told otherwise.
    #[serde(default = "default_upload_silence")]
    pub upload_silence_ms: u32,
    /// The rule pack's TOML file.
    pub rule_pack: PathBuf,
    /// The rosters' notes one after another, version 1 first: what the next holds beyond those of the
    /// record comes into force with the next start.
    pub roster_file: PathBuf,
    /// The file with the key that pad salts derive from.
    pub pad_key_file: PathBuf,
    /// The file with the seed of the key that signs checkpoints and nothing else.
    pub log_key_file: PathBuf,
    /// The file with the seed of the key that signs the platform's statements.
    pub platform_key_file: PathBuf,
    /// The file with the seed of the key that signs session tokens.
    pub token_key_file: PathBuf,
}

fn default_listen() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 8080))
}

const fn default_cadence() -> u32 {
    400
}

const fn default_max_upload() -> u64 {
    2 << 30
}

const fn default_upload_silence() -> u32 {
    20_000
}

const fn default_max_uploads() -> u32 {
    200
}

const fn default_max_uploads_bytes() -> u64 {
    100 << 30
}

/// The database's address as it was read; [`Config::database`] completes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatabaseField(DatabaseUrl);

impl<'de> Deserialize<'de> for DatabaseField {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map(Self).map_err(serde::de::Error::custom)
    }
}

/// The record's name, in every key name and checkpoint: lower-case letters, digits, `.`, `-`, `/`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Origin(String);

impl Origin {
    /// Checks a name: 1 to 100 characters, no scheme, no slash at either end.
    ///
    /// # Errors
    /// [`ConfigError::Origin`].
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        let allowed =
            |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'-' | b'/');
        let parts = text.split('/').all(|part| !part.is_empty());
        if parts && text.len() <= 100 && text.bytes().all(allowed) {
            Ok(Self(text.to_owned()))
        } else {
            Err(ConfigError::Origin { found: text.to_owned() })
        }
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for Origin {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

impl Config {
    /// Reads the file and lays the process's variables over it.
    ///
    /// # Errors
    /// [`ConfigError`] with the first reason not to start.
    pub fn load(
        path: &Path,
        variables: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|e| unreadable(path, &e))?;
        Self::read(&path.display().to_string().into(), &text, variables)
    }

    /// The same from a text. A variable `SEALBID_CADENCE_MS` overrides `cadence_ms`, and so on.
    ///
    /// # Errors
    /// [`ConfigError`] with the first reason not to start.
    pub fn parse(
        text: &str,
        variables: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        Self::read(&Arg::Word("web-say-configuration"), text, variables)
    }

    fn read(
        place: &Arg,
        text: &str,
        variables: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        let shape = |e: &toml::de::Error| {
            // A table knows no lines: what is wrong in the text itself is found there again.
            let in_text = toml::from_str::<Self>(text).err();
            let again = in_text.filter(|again| again.message() == e.message());
            let reason = TomlFault::new(text, again.as_ref().unwrap_or(e)).arg();
            ConfigError::Shape { place: place.clone(), reason }
        };
        let mut table: toml::Table = toml::from_str(text).map_err(|e| shape(&e))?;
        for (name, value) in variables {
            override_field(&mut table, &name, value)?;
        }
        // Ours to judge, in words of ours: the library would only pass them on.
        if let Some(toml::Value::String(origin)) = table.get("origin") {
            Origin::parse(origin)?;
        }
        if let Some(toml::Value::String(database)) = table.get("database") {
            database.parse::<DatabaseUrl>()?;
        }
        let config: Self = table.try_into().map_err(|e| shape(&e))?;
        config.check()?;
        Ok(config)
    }

    fn check(&self) -> Result<(), ConfigError> {
        let range = |field, value: i64, least, most| {
            if (least..=most).contains(&value) {
                Ok(())
            } else {
                Err(ConfigError::Range { field, least, most })
            }
        };
        range("cadence_ms", i64::from(self.cadence_ms), 50, 5_000)?;
        range("upload_silence_ms", i64::from(self.upload_silence_ms), 1_000, 600_000)?;
        let bytes = i64::try_from(self.max_upload_bytes).unwrap_or(i64::MAX);
        range("max_upload_bytes", bytes, 1 << 20, LARGEST_UPLOAD)?;
        range("max_uploads", i64::from(self.max_uploads), 1, 1 << 20)?;
        // At least one of the largest.
        let together = i64::try_from(self.max_uploads_bytes).unwrap_or(i64::MAX);
        range("max_uploads_bytes", together, bytes, 1 << 50)?;
        match &self.database.0 {
            DatabaseUrl::Postgres(server) if server.get_password().is_some() => {
                Err(ConfigError::Password)
            }
            DatabaseUrl::Postgres(_) | DatabaseUrl::Sqlite(_) => Ok(()),
        }
    }

    /// The database: a SQLite file below the data folder, or a server with its password from the
    /// file.
    ///
    /// # Errors
    /// As [`read_secret`].
    pub fn database(&self) -> Result<DatabaseUrl, ConfigError> {
        match &self.database.0 {
            DatabaseUrl::Sqlite(path) => Ok(DatabaseUrl::Sqlite(self.data_dir.join(path))),
            DatabaseUrl::Postgres(server) => {
                let mut server = server.clone();
                if let Some(file) = &self.database_password_file {
                    server.password(read_secret(file)?.trim_end());
                }
                Ok(DatabaseUrl::Postgres(server))
            }
        }
    }
}

/// Those of a process's variables that are ours to judge. Others' may be in any encoding.
///
/// # Errors
/// [`ConfigError::Shape`] for one of ours that is no text.
pub fn variables(
    all: impl IntoIterator<Item = (OsString, OsString)>,
) -> Result<Vec<(String, String)>, ConfigError> {
    let mut ours = Vec::new();
    for (name, value) in all {
        let Some(name) = name.to_str().filter(|name| name.starts_with(PREFIX)) else { continue };
        let reason = || Said::bare("web-say-utf8").into();
        let wrong = |_| ConfigError::Shape { place: name.into(), reason: reason() };
        ours.push((name.to_owned(), value.into_string().map_err(wrong)?));
    }
    Ok(ours)
}

fn override_field(table: &mut toml::Table, name: &str, value: String) -> Result<(), ConfigError> {
    let Some(field) = name.strip_prefix(PREFIX) else { return Ok(()) };
    if OTHER_VARIABLES.contains(&name) || field.starts_with("TEST_") {
        return Ok(());
    }
    let value = match field {
        "CADENCE_MS" | "MAX_UPLOAD_BYTES" | "MAX_UPLOADS" | "MAX_UPLOADS_BYTES"
        | "UPLOAD_SILENCE_MS" => {
            value.parse().map(toml::Value::Integer).map_err(|_| ConfigError::Shape {
                place: name.into(),
                reason: Said::bare("web-say-no-number").into(),
            })?
        }
        "PROXIES" => {
            let all = value.split(',').map(str::trim).filter(|address| !address.is_empty());
            toml::Value::Array(all.map(|it| toml::Value::String(it.to_owned())).collect())
        }
        "DATA_DIR"
        | "DATABASE"
        | "DATABASE_PASSWORD_FILE"
        | "LISTEN"
        | "ORIGIN"
        | "RULE_PACK"
        | "ROSTER_FILE"
        | "PAD_KEY_FILE"
        | "LOG_KEY_FILE"
        | "PLATFORM_KEY_FILE"
        | "TOKEN_KEY_FILE" => toml::Value::String(value),
        _ => return Err(ConfigError::Variable { name: name.to_owned() }),
    };
    table.insert(field.to_ascii_lowercase(), value);
    Ok(())
}

fn unreadable(path: &Path, error: &std::io::Error) -> ConfigError {
    ConfigError::Unreadable { path: path.display().to_string(), reason: error.arg() }
}

/// A secret file's content, refused when anybody but its owner may read or change it.
///
/// # Errors
/// [`ConfigError::Unreadable`], [`ConfigError::Exposed`].
pub fn read_secret(path: &Path) -> Result<Zeroizing<String>, ConfigError> {
    let meta = std::fs::metadata(path).map_err(|e| unreadable(path, &e))?;
    if meta.is_dir() {
        return Err(unreadable(path, &std::io::ErrorKind::IsADirectory.into()));
    }
    if is_exposed(&meta) {
        return Err(ConfigError::Exposed { path: path.display().to_string() });
    }
    let text = std::fs::read_to_string(path).map_err(|e| unreadable(path, &e))?;
    Ok(Zeroizing::new(text))
}

#[cfg(unix)]
fn is_exposed(meta: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    meta.permissions().mode() & 0o077 != 0
}

/// Elsewhere the file system's access lists decide, which we cannot read portably.
#[cfg(not(unix))]
const fn is_exposed(_: &std::fs::Metadata) -> bool {
    false
}

/// The 32-byte seed in a key file: 64 hexadecimal digits; lines that start with `#` are comments.
///
/// # Errors
/// As [`read_secret`], and [`ConfigError::NotAKey`].
pub fn read_seed(path: &Path) -> Result<Zeroizing<[u8; 32]>, ConfigError> {
    let text = read_secret(path)?;
    let mut lines = text.lines().map(str::trim).filter(|l| !l.is_empty() && !l.starts_with('#'));
    let mut seed = Zeroizing::new([0; 32]);
    let decoded = match (lines.next(), lines.next()) {
        (Some(line), None) => hex::decode_to_slice(line, seed.as_mut()).is_ok(),
        _ => false,
    };
    if decoded { Ok(seed) } else { Err(ConfigError::NotAKey { path: path.display().to_string() }) }
}
