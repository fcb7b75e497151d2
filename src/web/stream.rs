//! Files through the edge: in to the store, out of it, a piece at a time and never whole in memory.

use std::io::Read;
use std::time::Duration;

use actix_web::error::PayloadError;
use actix_web::web;
use bytes::Bytes;
use futures_util::{Stream, StreamExt as _};

use super::answer::Failure;
use crate::blob::{self, Append};

/// Files leave in pieces of this many bytes.
const PIECE: usize = 128 << 10;

/// Why a body was not stored whole.
#[derive(Debug)]
pub enum Broken {
    /// The connection broke, or nothing came on it for too long: what came is kept, and the client goes
    /// on from there.
    Connection,
    /// The store.
    Store(blob::Error),
}

/// Writes a request's body to the store. Gives the offset reached; what arrived before a broken
/// connection stays, so that an upload goes on instead of starting anew. A connection that is silent
/// for so long is broken too: its other end may be gone without a word, and until it is let go nobody
/// can go on.
///
/// # Errors
/// [`Broken`].
pub async fn receive(
    mut append: Box<dyn Append>,
    mut body: web::Payload,
    silence: Duration,
) -> Result<u64, Broken> {
    let mut broken = false;
    loop {
        let next = tokio::time::timeout(silence, body.next()).await;
        let Some(piece) = next.unwrap_or(Some(Err(PayloadError::Incomplete(None)))) else { break };
        let Ok(piece) = piece else {
            broken = true;
            break;
        };
        append = on_a_thread(move || append.write(&piece).map(|()| append)).await?;
    }
    let offset = on_a_thread(move || append.finish()).await?;
    if broken { Err(Broken::Connection) } else { Ok(offset) }
}

async fn on_a_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, blob::Error> + Send + 'static,
) -> Result<T, Broken> {
    let done = web::block(work).await;
    done.map_err(|_| Broken::Connection)?.map_err(Broken::Store)
}

/// A reader as a body, read on threads that may block.
pub fn send<R: Read + Send + 'static>(
    reader: R,
) -> impl Stream<Item = Result<Bytes, std::io::Error>> + 'static {
    futures_util::stream::try_unfold(reader, |mut reader| async move {
        let read = web::block(move || {
            let mut piece = vec![0; PIECE];
            let count = reader.read(&mut piece)?;
            piece.truncate(count);
            Ok::<_, std::io::Error>((piece, reader))
        });
        let (piece, reader) = read.await.map_err(std::io::Error::other)??;
        Ok((!piece.is_empty()).then(|| (Bytes::from(piece), reader)))
    })
}

impl From<Broken> for Failure {
    fn from(broken: Broken) -> Self {
        match broken {
            Broken::Connection => super::edge::Edge::BROKEN_OFF.into(),
            Broken::Store(error) => crate::bid::Error::from(error).into(),
        }
    }
}
