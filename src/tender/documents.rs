//! Tender documents: added by the buyer, readable by anybody, nobody counted and nothing logged.

use crate::auth::Actor;
use crate::auth::table::Act;
use crate::bid::upload::{self, Stored};
use crate::blob::Blob;
use crate::crypto::json::is_plain_text;
use crate::ids::{DocumentId, TenderId, UploadId};

use super::draft::{drafted, let_in};
use super::rules::check_documents;
use super::statements::DocumentRef;
use super::store::{self, DocumentRow, State};
use super::{Error, Platform, Refused};

/// A file name's length in bytes at most.
const MAX_NAME: usize = 255;

/// Judges a document's name, before anybody sends the file.
///
/// # Errors
/// [`Refused::Notice`].
pub fn check_name(name: &str) -> Result<(), Refused> {
    let is_name =
        (1..=MAX_NAME).contains(&name.len()) && is_plain_text(name) && !name.contains(['/', '\\']);
    if is_name { Ok(()) } else { Err(Refused::Notice("a document's name")) }
}

/// Adds a complete upload of the buyer to a draft; one that is in it already is not added twice.
///
/// # Errors
/// [`Refused::State`], [`Refused::Upload`], [`Refused::ManyDocuments`], or why the actor may not.
pub async fn add(
    p: &Platform,
    actor: &Actor,
    tender: TenderId,
    name: String,
    blob: UploadId,
) -> Result<DocumentRef, Error> {
    let drafted = drafted(p, actor, Act::DraftTender, tender).await?;
    check_name(&name)?;
    let document = DocumentId::random(p.db.entropy())?;
    let owner = drafted.row.procuring_entity;
    p.db.write(move |tx| {
        tx.unrecorded("a draft binds nobody");
        if store::find(tx.conn(), tender)?.state != State::Draft {
            return Err(Refused::State.into());
        }
        let Stored { sha256, size } =
            upload::document(tx.conn(), blob, owner)?.ok_or(Refused::Upload)?;
        // Sent again after its answer was lost: it is there.
        let there = store::documents(tx.conn(), tender)?;
        let count = there.len();
        let mut there = there.into_iter().map(|row| row.named);
        let is_this = |it: &DocumentRef| (&it.name, it.sha256, it.size) == (&name, sha256, size);
        if let Some(named) = there.find(is_this) {
            upload::end(tx, blob)?;
            return Ok(named);
        }
        check_documents(count)?;
        upload::claim(tx, blob)?;
        let named = DocumentRef { document, name, sha256, size };
        store::insert_document(tx, &DocumentRow { named: named.clone(), tender, blob })?;
        Ok(named)
    })
    .await
}

/// Opens a document for reading. Before the publication only its buyer and the regulator may.
///
/// # Errors
/// [`Refused::NotFound`], also for whoever may not; why the file cannot be read.
pub async fn open(
    p: &Platform,
    actor: &Actor,
    id: DocumentId,
) -> Result<(DocumentRef, Box<dyn Blob>), Error> {
    let (document, tender) =
        p.db.query(move |conn| {
            let document = store::document(conn, id)?;
            let tender = store::find(conn, document.tender)?;
            Ok::<_, crate::db::Error>((document, tender))
        })
        .await?;
    if tender.state != State::Published {
        let_in(actor, Act::ReadDraft, tender.procuring_entity)?;
    }
    let (blobs, blob) = (p.blobs.clone(), document.blob);
    let opened = tokio::task::spawn_blocking(move || blobs.open(blob)).await;
    let opened = opened.map_err(|e| crate::db::Error::Backend(e.to_string()))??;
    Ok((document.named, opened))
}
