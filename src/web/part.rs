//! Files that a reader may go on with from where it broke off: one range of bytes (RFC 9110, section 14).
//!
//! Invariant: a part is of the very file that its tag names, the SHA-256 of all its bytes. Deliberately
//! absent: several ranges at once, other units and dates; who asks for those gets the whole file, as the
//! RFC has it.

use std::io::{Read as _, SeekFrom};

use actix_web::http::header::{
    ACCEPT_RANGES, ContentRange, ContentRangeSpec, ETag, EntityTag, Header as _, IF_RANGE, IfRange,
    Range,
};
use actix_web::http::{Method, StatusCode};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, web};

use super::answer::{Answer, Failure};
use super::stream;
use crate::blob::{self, Blob};
use crate::crypto::hash::Hash;
use crate::error::Error;

/// A file that never changes.
pub struct Whole {
    /// Its bytes.
    pub blob: Box<dyn Blob>,
    /// Their SHA-256.
    pub sha256: Hash,
    /// Their number.
    pub size: u64,
}

/// Answers with a file, or with the part of it that is asked for; `head` adds what else is said of it.
///
/// # Errors
/// `web-range` for a part that lies outside it, or why it cannot be read.
pub async fn send(
    request: &HttpRequest,
    file: Whole,
    head: impl FnOnce(&mut HttpResponseBuilder),
) -> Answer {
    let Whole { mut blob, sha256, size } = file;
    let tag = EntityTag::new_strong(sha256.to_string());
    let part = part(request, size, &tag)?;
    let (status, first, length) = match part {
        Some((first, last)) => {
            let length = last.saturating_sub(first).saturating_add(1);
            (StatusCode::PARTIAL_CONTENT, first, length)
        }
        None => (StatusCode::OK, 0, size),
    };
    let sought = web::block(move || blob.seek(SeekFrom::Start(first)).map(|_| blob)).await;
    let blob = sought.map_err(Error::internal)?;
    let blob = blob.map_err(|error| crate::bid::Error::from(blob::Error::from(error)))?;
    let mut answer = HttpResponse::build(status);
    answer.insert_header((ACCEPT_RANGES, "bytes")).insert_header(ETag(tag));
    if part.is_some() {
        answer.insert_header(content_range(part, size));
    }
    head(&mut answer);
    Ok(answer.no_chunking(length).streaming(stream::send(blob.take(length))))
}

/// The first and the last byte asked for; `None` for the whole file.
fn part(request: &HttpRequest, size: u64, tag: &EntityTag) -> Result<Option<(u64, u64)>, Failure> {
    let is_same = || match IfRange::parse(request) {
        Ok(IfRange::EntityTag(known)) => known.strong_eq(tag),
        Ok(IfRange::Date(_)) | Err(_) => false,
    };
    let asks =
        request.method() == Method::GET && (!request.headers().contains_key(IF_RANGE) || is_same());
    let Some(Range::Bytes(ranges)) = asks.then(|| Range::parse(request).ok()).flatten() else {
        return Ok(None);
    };
    let [range] = ranges.as_slice() else { return Ok(None) };
    let found = range.to_satisfiable_range(size);
    found.map(Some).ok_or_else(|| Failure::range(size))
}

/// What part of a file of this size an answer holds; of none, when none can be had.
pub(super) const fn content_range(range: Option<(u64, u64)>, size: u64) -> ContentRange {
    ContentRange(ContentRangeSpec::Bytes { range, instance_length: Some(size) })
}
