//! The data itself: an export's file out, an import's parts in.

use std::io::Read;

use axum::Json;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use model::contract::{CSV_MEDIA_TYPE, PartResult};
use sha2::{Digest, Sha256};
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use tokio_util::io::ReaderStream;

use super::{Endpoint, read_body};
use crate::fault::{Code, Fault};
use crate::producer::exports::no_such_job;

/// Bytes of a part as it comes, at most.
const PART_LIMIT: usize = 32 * 1024 * 1024;
/// Bytes of a part's CSV, at most: what a small compressed body may grow to.
const CSV_LIMIT: usize = 64 * 1024 * 1024;
/// The largest window that a zstd body may ask for is 8 MiB (RFC 9659): so much memory it costs before a byte of it is there.
const ZSTD_WINDOW_LOG: u32 = 23;

pub async fn download(
    State(endpoint): State<Endpoint>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Fault> {
    send_file(&endpoint, &id, &headers).await
}

pub async fn download_part(
    State(endpoint): State<Endpoint>,
    Path((id, part)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, Fault> {
    if part != "1" {
        return Err(Fault::new(Code::NO_SUCH_PART, "An export of this endpoint has one part, number 1."));
    }
    send_file(&endpoint, &id, &headers).await
}

async fn send_file(endpoint: &Endpoint, id: &str, headers: &HeaderMap) -> Result<Response, Fault> {
    let exports = endpoint.exports().ok_or_else(|| no_such_job(id))?;
    let (exported, path) = exports.file(id).await?;
    let etag = format!("\"{}\"", exported.sha256);
    if header_text(headers, header::IF_NONE_MATCH).is_some_and(|tags| tags.split(',').any(|tag| tag.trim() == etag)) {
        return Ok((StatusCode::NOT_MODIFIED, [(header::ETAG, etag)]).into_response());
    }
    let is_same = header_text(headers, header::IF_RANGE).is_none_or(|tag| tag == etag);
    let range =
        header_text(headers, header::RANGE).filter(|_| is_same).and_then(|text| Range::parse(text, exported.bytes));
    let mut file = tokio::fs::File::open(path).await?;
    let digest = format!(
        "sha-256=:{}:",
        STANDARD.encode(hex::decode(&exported.sha256).map_err(|e| Fault::internal("Reading a digest", e))?)
    );
    let head = [
        (header::CONTENT_TYPE, CSV_MEDIA_TYPE.to_owned()),
        (header::ACCEPT_RANGES, "bytes".to_owned()),
        (header::ETAG, etag),
        (header::HeaderName::from_static("repr-digest"), digest.clone()),
    ];
    match range {
        None => {
            let body = Body::from_stream(ReaderStream::with_capacity(file, 128 * 1024));
            let whole = [
                (header::CONTENT_LENGTH, exported.bytes.to_string()),
                (header::HeaderName::from_static("content-digest"), digest),
            ];
            Ok((StatusCode::OK, head, whole, body).into_response())
        }
        Some(Range::Outside) => {
            let fault = Fault::new(Code::RANGE_NOT_SATISFIABLE, format!("The data has {} bytes.", exported.bytes));
            Ok(([(header::CONTENT_RANGE, format!("bytes */{}", exported.bytes))], fault).into_response())
        }
        Some(Range::Bytes { first, last }) => {
            file.seek(std::io::SeekFrom::Start(first)).await?;
            let length = last - first + 1;
            let body = Body::from_stream(ReaderStream::with_capacity(file.take(length), 128 * 1024));
            let slice = [
                (header::CONTENT_LENGTH, length.to_string()),
                (header::CONTENT_RANGE, format!("bytes {first}-{last}/{}", exported.bytes)),
            ];
            Ok((StatusCode::PARTIAL_CONTENT, head, slice, body).into_response())
        }
    }
}

/// One range of bytes (RFC 9110).
#[derive(Debug, PartialEq, Eq)]
enum Range {
    /// From `first` to `last`, both included.
    Bytes { first: u64, last: u64 },
    /// None of it is there.
    Outside,
}

impl Range {
    /// `None` for what is no single range of bytes: such a header is to be ignored.
    fn parse(text: &str, length: u64) -> Option<Self> {
        let (first, last) = text.trim().strip_prefix("bytes=")?.split_once('-')?;
        let (first, last) = match (first.trim(), last.trim()) {
            ("", suffix) => match suffix.parse::<u64>().ok()? {
                0 => return Some(Self::Outside),
                count => (length.saturating_sub(count), length.checked_sub(1)?),
            },
            (first, "") => (first.parse().ok()?, length.checked_sub(1)?),
            (first, last) => {
                let (first, last): (u64, u64) = (first.parse().ok()?, last.parse().ok()?);
                if last < first {
                    return None;
                }
                (first, last.min(length.checked_sub(1)?))
            }
        };
        Some(if first > last { Self::Outside } else { Self::Bytes { first, last } })
    }
}

pub async fn upload_part(
    State(endpoint): State<Endpoint>,
    Path((id, part)): Path<(String, String)>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<PartResult>, Fault> {
    let consumer = endpoint.inner.consumer.clone().ok_or_else(|| no_such_job(&id))?;
    let number = part.parse::<u32>().ok().filter(|number| (1..=i32::MAX as u32).contains(number));
    let number = number.ok_or_else(|| Fault::new(Code::NO_SUCH_PART, "Parts are numbered from 1."))?;
    check_media_type(&headers)?;
    let encoding = Encoding::of(&headers)?;
    let announced = announced_digest(&headers)?;
    let _permit =
        endpoint.inner.parts_at_once.acquire().await.map_err(|error| Fault::internal("Waiting for a turn", error))?;
    let bytes = read_body(&headers, body, PART_LIMIT).await?;
    let started = std::time::Instant::now();
    let result = endpoint
        .blocking(move |_| {
            let digest: [u8; 32] = Sha256::digest(&bytes).into();
            if announced.is_some_and(|announced| announced != digest) {
                return Err(Fault::new(
                    Code::DIGEST_MISMATCH,
                    "The SHA-256 of the body as it came (before decoding) is not that of Content-Digest. Send the part again.",
                ));
            }
            match encoding.decode(&bytes)? {
                None => consumer.take_part(&id, number, &bytes, &hex::encode(digest)),
                // A repeat may be packed in another way: what counts is the CSV.
                Some(csv) => consumer.take_part(&id, number, &csv, &hex::encode(Sha256::digest(&csv))),
            }
        })
        .await?;
    let refused = result.refusals.len();
    tracing::info!(
        part = number,
        received = result.received,
        refused,
        duration_ms = started.elapsed().as_millis(),
        "a part was taken"
    );
    Ok(Json(result))
}

fn header_text(headers: &HeaderMap, name: header::HeaderName) -> Option<&str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

fn check_media_type(headers: &HeaderMap) -> Result<(), Fault> {
    let essence = header_text(headers, header::CONTENT_TYPE)
        .map(|text| text.split(';').next().unwrap_or("").trim().to_ascii_lowercase());
    match essence.as_deref() {
        None | Some("text/csv" | "application/octet-stream") => Ok(()),
        Some(_) => Err(Fault::new(Code::UNSUPPORTED, format!("A part is {CSV_MEDIA_TYPE}."))),
    }
}

/// The SHA-256 that `Content-Digest` (RFC 9530) announces; other algorithms are not looked at.
fn announced_digest(headers: &HeaderMap) -> Result<Option<[u8; 32]>, Fault> {
    let malformed =
        || Fault::new(Code::INVALID_REQUEST, "`Content-Digest` is not of the form sha-256=:BASE64: (RFC 9530).");
    let Some(value) = headers.get("content-digest") else { return Ok(None) };
    let value = value.to_str().map_err(|_| malformed())?;
    let Some(text) = value.split(',').find_map(|member| member.trim().strip_prefix("sha-256=")) else {
        return Ok(None);
    };
    let encoded = text.trim().strip_prefix(':').and_then(|text| text.strip_suffix(':')).ok_or_else(malformed)?;
    STANDARD.decode(encoded).ok().and_then(|bytes| bytes.try_into().ok()).map(Some).ok_or_else(malformed)
}

/// How a body is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encoding {
    Identity,
    Gzip,
    Zstd,
}

impl Encoding {
    fn of(headers: &HeaderMap) -> Result<Self, Fault> {
        match header_text(headers, header::CONTENT_ENCODING).map(str::trim) {
            None | Some("" | "identity") => Ok(Self::Identity),
            Some("gzip") => Ok(Self::Gzip),
            Some("zstd") => Ok(Self::Zstd),
            Some(_) => Err(Fault::new(Code::UNSUPPORTED, "Content-Encoding is gzip, zstd or identity.")),
        }
    }

    /// The bytes unpacked, `None` when they are not packed.
    fn decode(self, bytes: &[u8]) -> Result<Option<Vec<u8>>, Fault> {
        let broken = |_| {
            Fault::new(Code::INVALID_DATA, "The body cannot be unpacked: it is broken or not of its Content-Encoding.")
        };
        let mut reader: Box<dyn Read + '_> = match self {
            Self::Identity if bytes.len() > CSV_LIMIT => return Err(too_large()),
            Self::Identity => return Ok(None),
            Self::Gzip => Box::new(flate2::read::MultiGzDecoder::new(bytes)),
            Self::Zstd => {
                let mut decoder = zstd::stream::read::Decoder::with_buffer(bytes).map_err(broken)?;
                decoder.window_log_max(ZSTD_WINDOW_LOG).map_err(broken)?;
                Box::new(decoder)
            }
        };
        let mut unpacked = Vec::new();
        // One byte more than is taken tells whether there is too much.
        reader.by_ref().take(CSV_LIMIT as u64 + 1).read_to_end(&mut unpacked).map_err(broken)?;
        if unpacked.len() > CSV_LIMIT { Err(too_large()) } else { Ok(Some(unpacked)) }
    }
}

fn too_large() -> Fault {
    Fault::new(Code::TOO_LARGE, format!("The part has more than {CSV_LIMIT} bytes of CSV. Send smaller parts."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_as_the_rfc_says() {
        let bytes = |first, last| Some(Range::Bytes { first, last });
        assert_eq!(Range::parse("bytes=0-9", 100), bytes(0, 9));
        assert_eq!(Range::parse("bytes=90-", 100), bytes(90, 99));
        assert_eq!(Range::parse("bytes=90-1000", 100), bytes(90, 99));
        assert_eq!(Range::parse("bytes=-10", 100), bytes(90, 99));
        assert_eq!(Range::parse("bytes=-1000", 100), bytes(0, 99));
        assert_eq!(Range::parse("bytes=100-", 100), Some(Range::Outside));
        assert_eq!(Range::parse("bytes=-0", 100), Some(Range::Outside));
        for ignored in ["bytes=9-0", "bytes=0-1,5-6", "rows=0-1", "bytes=", "bytes=a-b"] {
            assert_eq!(Range::parse(ignored, 100), None, "{ignored}");
        }
    }
}
