//! The data folder: one process's at a time, and one database's for ever.
//!
//! The folder's id stands in the folder and in the database: an instance with another folder would not find what
//! bidders uploaded, and would say on the record that it was lost. Deliberately absent: what the folder
//! holds, and stores that several instances share.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use diesel::prelude::*;

use super::start_error::{StartError, internal, refused};
use crate::blob::lock;
use crate::crypto::entropy::{Entropy, array};
use crate::db::schema::folder;
use crate::db::{Conn, Db, Error, Tx};
use crate::error::Reason as _;
use crate::on_each;

/// The file with the folder's id.
pub const ID: &str = "id";

/// A data folder that is this process's until this is dropped.
#[derive(Debug)]
pub struct DataFolder {
    path: PathBuf,
    id: Option<String>,
    #[expect(dead_code, reason = "the lock is held as long as the file is open")]
    lock: File,
}

impl DataFolder {
    /// Takes the folder, which exists, for this process. Blocks.
    ///
    /// # Errors
    /// [`StartError::FolderInUse`], [`StartError::Folder`].
    pub(super) fn take(path: &Path) -> Result<Self, StartError> {
        let wrong = |error: &io::Error| wrong(path, error);
        let in_use = || StartError::FolderInUse { path: path.display().to_string() };
        let lock = lock::take(path).map_err(|e| wrong(&e))?.ok_or_else(in_use)?;
        let id = match fs::read_to_string(path.join(ID)) {
            Ok(text) => Some(text.trim().to_owned()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(wrong(&error)),
        };
        Ok(Self { path: path.to_owned(), id, lock })
    }

    /// Demands that it is the database's, if the database has one.
    ///
    /// # Errors
    /// [`StartError::OtherFolder`].
    pub(super) async fn check(&self, db: &Db) -> Result<(), StartError> {
        match db.query(find).await.map_err(refused)? {
            Some(id) if self.id.as_ref() != Some(&id) => {
                Err(StartError::OtherFolder { path: self.path.display().to_string(), id })
            }
            _ => Ok(()),
        }
    }

    /// Makes it the database's for ever, at the first start. The folder is named before the database
    /// says so: a start that is cut off between the two is ended by the next.
    ///
    /// # Errors
    /// [`StartError`].
    pub(super) async fn settle(&self, db: &Db, entropy: &dyn Entropy) -> Result<(), StartError> {
        if db.query(find).await.map_err(refused)?.is_some() {
            return Ok(());
        }
        let id = match &self.id {
            Some(id) => id.clone(),
            None => self.name(&hex::encode(array::<16>(entropy).map_err(internal)?))?,
        };
        db.write(move |tx| fix(tx, &id)).await.map_err(refused)
    }

    /// Writes an id into the folder, whole or not at all.
    fn name(&self, id: &str) -> Result<String, StartError> {
        let named = || {
            let mut file = tempfile::NamedTempFile::new_in(&self.path)?;
            writeln!(file, "{id}")?;
            file.as_file().sync_all()?;
            file.persist(self.path.join(ID)).map_err(|e| e.error)?;
            File::open(&self.path)?.sync_all()
        };
        named().map_err(|e| wrong(&self.path, &e))?;
        Ok(id.to_owned())
    }
}

fn wrong(path: &Path, error: &io::Error) -> StartError {
    StartError::Folder { path: path.display().to_string(), reason: error.arg() }
}

fn find(conn: &mut Conn) -> Result<Option<String>, Error> {
    let id = folder::table.select(folder::id);
    Ok(on_each!(conn, |c| id.first(c).optional())?)
}

fn fix(tx: &mut Tx<'_>, id: &str) -> Result<(), Error> {
    tx.unrecorded("which folder the uploads are in");
    let row = diesel::insert_into(folder::table).values((folder::one.eq(1), folder::id.eq(id)));
    on_each!(tx.conn(), |c| row.execute(c))?;
    Ok(())
}
