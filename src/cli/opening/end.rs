//! How a unit ended, by what the platform signed of it.
//!
//! Invariant: the end is this unit's, and of the close that q custodians signed.

use serde::Deserialize;

use crate::crypto::hash::Hash;
use crate::crypto::statement::Statement;
use crate::error::Said;
use crate::ids::UnitId;
use crate::opening::statements::{Opening, Void};

use super::wrong;
use crate::cli::client::{Access, Client};
use crate::cli::failed::Failed;
use crate::cli::trust::Pinned;

/// What ended a unit.
pub(in crate::cli) enum End {
    /// Its opening record.
    Opened(Opening),
    /// It was never opened.
    Void(Void),
}

impl End {
    /// Asks how a unit ended; nothing before it did.
    ///
    /// # Errors
    /// [`Failed::Answer`] for an end that is another unit's or that the platform did not sign, [`Failed`].
    pub(in crate::cli) async fn of(
        client: &Client,
        pinned: &Pinned,
        unit: &UnitId,
    ) -> Result<Option<Self>, Failed> {
        #[derive(Deserialize)]
        struct View {
            opening: Option<String>,
            void: Option<String>,
        }
        match client.get(&format!("/units/{unit}/opening"), Access::Public).await {
            Ok(View { opening: Some(note), .. }) => {
                let opening = Statement::<Opening>::parse(note.as_bytes()).map_err(wrong)?;
                pinned.require_platform(opening.note()).map_err(wrong)?;
                let body = opening.body();
                require_this(client, pinned, unit, (body.unit_id, Some(body.close_sha256))).await?;
                Ok(Some(Self::Opened(body.clone())))
            }
            Ok(View { void: Some(note), .. }) => {
                let void = Statement::<Void>::parse(note.as_bytes()).map_err(wrong)?;
                pinned.require_platform(void.note()).map_err(wrong)?;
                let body = void.body();
                require_this(client, pinned, unit, (body.unit_id, body.close_sha256)).await?;
                Ok(Some(Self::Void(body.clone())))
            }
            Ok(View { .. }) => Err(wrong(Said::bare("cli-say-why-no-end"))),
            Err(failed) if failed.told().is_some_and(|told| told.status == 404) => Ok(None),
            Err(failed) => Err(failed),
        }
    }
}

/// The end that the platform tells must be this unit's, and of the close that q custodians signed.
async fn require_this(
    client: &Client,
    pinned: &Pinned,
    unit: &UnitId,
    (told, close_sha256): (UnitId, Option<Hash>),
) -> Result<(), Failed> {
    if told != *unit {
        return Err(wrong(Said::bare("cli-say-why-other-unit")));
    }
    let Some(close_sha256) = close_sha256 else { return Ok(()) };
    let close = client.seen(unit).await?.close;
    let close = close.ok_or_else(|| wrong(Said::bare("cli-say-why-not-closed")))?;
    let (close, _) = pinned.close(&close, unit)?;
    if close.sha256() == close_sha256 {
        Ok(())
    } else {
        Err(wrong(Said::bare("cli-say-why-end-of-other")))
    }
}
