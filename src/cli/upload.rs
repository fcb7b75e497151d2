//! Sending a large file in one piece or many: tus 1.0, from the byte that the server has.
//!
//! Invariant: the server alone says how much it has; after any break it is asked again. The
//! upload's address is kept in a file, so that another run of the program goes on as well.

use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{Stream, StreamExt as _, iter, try_unfold};
use reqwest::Method;
use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE, LOCATION};
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _};

use crate::error::Said;
use crate::ids::TenderId;

use super::client::{Access, Client};
use super::failed::Failed;
use super::output::{Progress, replace};

/// The file is read in pieces of this many bytes.
const PIECE: usize = 256 << 10;
/// Breaks in a row, without a byte gained, before giving up.
const BREAKS: u32 = 8;
/// The first pause after a break; each next one is twice as long.
const PAUSE: Duration = Duration::from_millis(250);

/// A run of bytes in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slice {
    /// The file.
    pub path: PathBuf,
    /// Where it begins.
    pub start: u64,
    /// How many bytes.
    pub size: u64,
}

/// An upload between two breaks.
struct UnderWay {
    /// Where it stands on the server; none before it has begun.
    address: Option<String>,
    /// The furthest byte that the server has ever had.
    reached: Option<u64>,
}

impl Client {
    /// Uploads a slice and gives the upload's id, the last part of its address. `kept` is a file
    /// that remembers the address between runs.
    ///
    /// # Errors
    /// [`Failed`]; what has arrived stays, and a further call goes on from there.
    pub async fn upload(
        &self,
        slice: &Slice,
        kept: Option<&Path>,
        progress: &dyn Progress,
    ) -> Result<String, Failed> {
        let address = kept.and_then(|kept| std::fs::read_to_string(kept).ok());
        let mut under_way = UnderWay { address, reached: None };
        let (mut breaks, mut is_anew) = (0, false);
        loop {
            let before = under_way.reached;
            let outcome = self.go_on(&mut under_way, slice, kept, progress).await;
            // Only progress earns further patience.
            breaks = if under_way.reached > before { 0 } else { breaks + 1 };
            match outcome {
                Ok(Some(id)) => return Ok(id),
                Ok(None) if breaks > BREAKS => {
                    return Err(Failed::answer(Said::bare("cli-say-why-upload-stuck")));
                }
                Ok(None) => {}
                // Somebody holds it who does not let go: it is left behind, once, and not ended, for it may be
                // this bidder's own other window. The server drops what comes of none in a day.
                Err(failed) if is_busy(&failed) && breaks > BREAKS && !is_anew => {
                    (breaks, is_anew) = (0, true);
                    under_way = UnderWay { address: None, reached: None };
                }
                Err(failed) if !is_passing(&failed) || breaks > BREAKS => return Err(failed),
                Err(failed) => {
                    let pause = PAUSE.saturating_mul(1 << breaks.min(5));
                    tokio::time::sleep(pause.max(failed.asked_pause())).await;
                }
            }
        }
    }

    /// One round: asks how far the upload is, begins it if need be, and sends the rest. Gives its id
    /// when there is nothing left to send.
    async fn go_on(
        &self,
        under_way: &mut UnderWay,
        slice: &Slice,
        kept: Option<&Path>,
        progress: &dyn Progress,
    ) -> Result<Option<String>, Failed> {
        let known = match &under_way.address {
            Some(address) => match self.offset(address).await {
                Err(failed) if is_gone(&failed) && under_way.reached.is_none() => None,
                other => Some((address.clone(), other?)),
            },
            None => None,
        };
        let (address, offset) = match known {
            Some(known) => known,
            None => (self.begin(slice, kept).await?, 0),
        };
        under_way.address = Some(address.clone());
        if offset > slice.size {
            return Err(Failed::answer(Said::bare("cli-say-why-upload-long")));
        }
        under_way.reached = under_way.reached.max(Some(offset));
        progress.at(offset, slice.size);
        if offset == slice.size {
            return id_of(&address).map(Some);
        }
        self.append(&address, slice, offset, progress).await.map(|()| None)
    }

    /// Sends a tender's document as the body of one request.
    pub(super) async fn put_document(
        &self,
        tender: TenderId,
        name: &str,
        slice: &Slice,
    ) -> Result<serde_json::Value, Failed> {
        // Only its query's encoding is used.
        let mut encoded =
            reqwest::Url::parse("http://localhost/").map_err(|e| Failed::Machine(e.to_string()))?;
        encoded.query_pairs_mut().append_pair("name", name);
        let query = encoded.query().unwrap_or_default();
        let path = format!("/api/v1/tenders/{tender}/documents?{query}");
        let request = self.request(Method::POST, &path, Access::Own).await?;
        let request = request
            .header(CONTENT_TYPE, "application/octet-stream")
            .header(CONTENT_LENGTH, slice.size)
            .body(body(Vec::new(), slice).await?);
        let response = request.send().await.map_err(|e| self.unreachable(&e))?;
        let answer = self.body(self.refusal_of(response).await?).await?;
        serde_json::from_slice(&answer).map_err(Failed::answer)
    }

    async fn begin(&self, slice: &Slice, kept: Option<&Path>) -> Result<String, Failed> {
        let request = self.request(Method::POST, "/api/v1/uploads", Access::Own).await?;
        let request = request
            .header("tus-resumable", "1.0.0")
            .header("upload-length", slice.size)
            .header(CONTENT_LENGTH, 0);
        let response = request.send().await.map_err(|e| self.unreachable(&e))?;
        let response = self.refusal_of(response).await?;
        let address = response.headers().get(LOCATION).and_then(|value| value.to_str().ok());
        let address = address
            .ok_or_else(|| Failed::answer(Said::bare("cli-say-why-no-location")))?
            .to_owned();
        if let Some(kept) = kept {
            replace(kept, address.as_bytes())?;
        }
        Ok(address)
    }

    async fn offset(&self, address: &str) -> Result<u64, Failed> {
        let request = self.request(Method::HEAD, address, Access::Own).await?;
        let request = request.header("tus-resumable", "1.0.0");
        let response = request.send().await.map_err(|e| self.unreachable(&e))?;
        let response = self.refusal_of(response).await?;
        let offset = response.headers().get("upload-offset").and_then(|v| v.to_str().ok());
        let offset = offset.and_then(|text| text.parse().ok());
        offset.ok_or_else(|| Failed::answer(Said::bare("cli-say-why-no-offset")))
    }

    async fn append(
        &self,
        address: &str,
        slice: &Slice,
        offset: u64,
        progress: &dyn Progress,
    ) -> Result<(), Failed> {
        let (body, sent) = pieces(slice, offset).await?;
        let request = self.request(Method::PATCH, address, Access::Own).await?;
        let request = request
            .header("tus-resumable", "1.0.0")
            .header("upload-offset", offset)
            .header(CONTENT_TYPE, "application/offset+octet-stream")
            .header(CONTENT_LENGTH, slice.size - offset)
            .body(reqwest::Body::wrap_stream(body));
        let mut answer = std::pin::pin!(request.send());
        let mut tick = tokio::time::interval(Duration::from_millis(100));
        let response = loop {
            tokio::select! {
                response = &mut answer => break response,
                _ = tick.tick() => progress.at(*sent.borrow(), slice.size),
            }
        };
        self.refusal_of(response.map_err(|e| self.unreachable(&e))?).await.map(|_| ())
    }
}

/// A body that begins with these bytes; then comes the slice.
pub(super) async fn body(head: Vec<u8>, slice: &Slice) -> Result<reqwest::Body, Failed> {
    let head = iter([Ok(Bytes::from(head))]);
    Ok(reqwest::Body::wrap_stream(head.chain(pieces(slice, 0).await?.0)))
}

/// The rest of a slice as a body, and how far it was read.
async fn pieces(
    slice: &Slice,
    offset: u64,
) -> Result<
    (impl Stream<Item = std::io::Result<Bytes>> + use<>, tokio::sync::watch::Receiver<u64>),
    Failed,
> {
    let wrong = |e: std::io::Error| Failed::file(&slice.path, &e);
    let mut file = tokio::fs::File::open(&slice.path).await.map_err(wrong)?;
    let start = slice.start.saturating_add(offset);
    file.seek(std::io::SeekFrom::Start(start)).await.map_err(wrong)?;
    let (tell, sent) = tokio::sync::watch::channel(offset);
    let rest = file.take(slice.size - offset);
    let body = try_unfold((rest, tell), |(mut rest, tell)| async move {
        let mut piece = bytes::BytesMut::with_capacity(PIECE);
        if rest.read_buf(&mut piece).await? == 0 {
            return Ok(None);
        }
        let read = u64::try_from(piece.len()).map_err(std::io::Error::other)?;
        tell.send_modify(|sent| *sent = sent.saturating_add(read));
        Ok(Some((piece.freeze(), (rest, tell))))
    });
    Ok((body, sent))
}

/// The upload is finished with or forgotten: a new one begins.
fn is_gone(failed: &Failed) -> bool {
    failed.told().is_some_and(|told| matches!(told.status, 403 | 404 | 410))
}

/// Another connection is still sending it, as far as the server knows.
fn is_busy(failed: &Failed) -> bool {
    failed.told().is_some_and(|told| told.code == "bid-upload-busy")
}

/// A break that may be over a moment later. A conflict means that the server has another offset
/// than we thought: it is asked again.
fn is_passing(failed: &Failed) -> bool {
    match failed {
        Failed::Unreachable { .. } => true,
        _ => failed.told().is_some_and(|told| matches!(told.status, 409 | 423 | 429 | 502..=504)),
    }
}

fn id_of(address: &str) -> Result<String, Failed> {
    let id = address.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    if id.is_empty() {
        Err(Failed::answer(Said::bare("cli-say-why-no-upload")))
    } else {
        Ok(id.to_owned())
    }
}
