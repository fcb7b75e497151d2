//! The demo's folder: `--dir`, which must be new or empty, or one that is thrown away.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::trouble::{Trouble, at};

/// What the demo fills at most: documents, envelopes, the platform's copies, two case files.
const NEEDED_MIB: u64 = 900;

/// Where everything of one run is kept.
pub struct Place {
    /// The folder.
    pub dir: PathBuf,
    throw_away: Option<TempDir>,
}

impl Place {
    /// Takes the folder that was asked for, or a new one.
    ///
    /// # Errors
    /// [`Trouble::NotEmpty`], [`Trouble::NotWritable`], [`Trouble::NoSpace`].
    pub fn take(wanted: Option<&Path>) -> Result<Self, Trouble> {
        let place = match wanted {
            Some(dir) => {
                must_be_empty(dir)?;
                // Children have the same working folder today; an absolute path needs no such luck.
                let dir = dir.canonicalize().map_err(refused(dir))?;
                Self { dir, throw_away: None }
            }
            None => {
                let base = std::env::temp_dir();
                let made = tempfile::Builder::new().prefix("sealbid-demo-").tempdir_in(&base);
                let made = made.map_err(refused(&base))?;
                Self { dir: made.path().to_owned(), throw_away: Some(made) }
            }
        };
        must_have_space(&place.dir)?;
        for name in ["keys", "logs", "custodians", "data", "bids"] {
            let folder = place.dir.join(name);
            std::fs::create_dir(&folder).map_err(refused(&folder))?;
        }
        Ok(place)
    }

    /// Whether it stays when the demo is done.
    #[must_use]
    pub const fn is_kept(&self) -> bool {
        self.throw_away.is_none()
    }

    /// Keeps it after all, and says where it is.
    #[must_use]
    pub fn keep(self) -> PathBuf {
        match self.throw_away {
            Some(throw_away) => throw_away.keep(),
            None => self.dir,
        }
    }

    /// Removes it, if it was to be thrown away.
    ///
    /// # Errors
    /// What the system says.
    pub fn leave(self) -> Result<(), Trouble> {
        let Some(throw_away) = self.throw_away else { return Ok(()) };
        let path = throw_away.path().to_owned();
        throw_away.close().map_err(at(&path))
    }
}

fn refused(path: &Path) -> impl Fn(std::io::Error) -> Trouble {
    move |error| Trouble::NotWritable {
        path: path.display().to_string(),
        reason: error.to_string(),
    }
}

fn must_be_empty(dir: &Path) -> Result<(), Trouble> {
    std::fs::create_dir_all(dir).map_err(refused(dir))?;
    match std::fs::read_dir(dir).map_err(refused(dir))?.next() {
        Some(_) => Err(Trouble::NotEmpty(dir.display().to_string())),
        None => Ok(()),
    }
}

/// Asked before anything begins: a disk that fills half-way through tells nobody which party lacks
/// it.
#[cfg(unix)]
fn must_have_space(dir: &Path) -> Result<(), Trouble> {
    let found = rustix::fs::statvfs(dir).map_err(|e| refused(dir)(e.into()))?;
    let free = found.f_bavail.saturating_mul(found.f_frsize) >> 20;
    if free >= NEEDED_MIB {
        return Ok(());
    }
    Err(Trouble::NoSpace { path: dir.display().to_string(), free, needed: NEEDED_MIB })
}

#[cfg(not(unix))]
const fn must_have_space(_: &Path) -> Result<(), Trouble> {
    Ok(())
}
