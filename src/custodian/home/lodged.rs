//! The files of lodged bids.
//!
//! Invariant: a file stands under its name whole and durably before the agent's memory knows of the
//! bid, and for as long as it is needed; what memory does not know is swept at the next start.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::{Home, HomeError};
use crate::crypto::hash::Hash;
use crate::custodian::agent::{Kept, KeptFile, State};
use crate::ids::UnitId;

impl Home {
    fn lodged_in(&self, unit: &UnitId) -> PathBuf {
        self.path("lodged").join(unit.to_string())
    }

    /// Where a lodged bid's file stands: it is named by the bid's
    /// [`lodged_line`](crate::opening::rules::lodged::lodged_line).
    #[must_use]
    pub fn lodged(&self, unit: &UnitId, line: &Hash) -> PathBuf {
        self.lodged_in(unit).join(format!("{line}.bid"))
    }

    /// A file for a bid on its way in, gone when it is dropped.
    ///
    /// # Errors
    /// [`HomeError::Io`].
    pub fn coming(&self, unit: &UnitId) -> Result<NamedTempFile, HomeError> {
        let folder = self.lodged_in(unit);
        let made = fs::create_dir_all(&folder).and_then(|()| NamedTempFile::new_in(&folder));
        made.map_err(|e| self.io("lodged", e))
    }

    /// Gives a whole file its name, durably. The caller has seen that memory knows no such bid: what
    /// stood there is left from a crash.
    ///
    /// # Errors
    /// [`HomeError::Io`]: then nothing may be signed.
    pub fn place(&self, file: NamedTempFile, unit: &UnitId, line: &Hash) -> Result<(), HomeError> {
        let path = self.lodged(unit, line);
        let done = || -> io::Result<()> {
            self.step("lodged");
            file.as_file().sync_all()?;
            self.step("lodged");
            file.persist(&path)?;
            self.step("lodged");
            for folder in [self.lodged_in(unit), self.path("lodged")] {
                File::open(folder)?.sync_all()?;
            }
            self.step("lodged");
            Ok(())
        };
        done().map_err(|e| self.io("lodged", e))
    }

    /// Removes a file that memory did not take up.
    pub fn displace(&self, unit: &UnitId, line: &Hash) {
        removed(&self.lodged(unit, line));
    }

    /// Removes the files that a signed close leaves out.
    pub(super) fn drop_needless(&self, unit: &UnitId, kept: &Kept) {
        for (line, bid) in &kept.lodged {
            let path = self.lodged_in(unit).join(format!("{line}.bid"));
            if bid.file == KeptFile::Needless && path.exists() {
                removed(&path);
            }
        }
    }

    /// Removes what a crash left: uploads under way, files that memory does not know or need.
    pub(super) fn sweep_lodged(&self, state: &State) -> Result<(), HomeError> {
        let entries = |path: &Path| -> io::Result<Vec<PathBuf>> {
            fs::read_dir(path)?.map(|entry| Ok(entry?.path())).collect()
        };
        for folder in entries(&self.path("lodged")).map_err(|e| self.io("lodged", e))? {
            let name =
                |path: &Path| path.file_name().and_then(|name| name.to_str()).map(str::to_owned);
            let unit = name(&folder).and_then(|name| name.parse::<UnitId>().ok());
            let Some(kept) = unit.and_then(|unit| state.units.get(&unit)) else {
                // Of a unit that a restored folder forgot: its bids may be all there is of them.
                continue;
            };
            for file in entries(&folder).map_err(|e| self.io("lodged", e))? {
                let known = name(&file).and_then(|name| {
                    kept.lodged.get(name.strip_suffix(".bid")?).map(|bid| bid.file)
                });
                if known != Some(KeptFile::Needed) {
                    removed(&file);
                }
            }
        }
        Ok(())
    }
}

/// Removes a file; one that stays is swept at the next start.
fn removed(path: &Path) {
    if let Err(error) = fs::remove_file(path) {
        tracing::warn!(path = %path.display(), %error, "a lodged bid's file stays for now");
    }
}
