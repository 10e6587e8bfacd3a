//! The parts of a job: sent by PUSH producers, fetched by PULL consumers.

use std::time::Duration;

use axum::{
    Json,
    body::{Body, Bytes},
    extract::{Path, State},
    response::{IntoResponse, Response},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use http::{
    HeaderMap, HeaderName, HeaderValue, StatusCode,
    header::{
        ACCEPT_RANGES, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_RANGE, CONTENT_TYPE, ETAG, IF_NONE_MATCH, IF_RANGE,
        RANGE,
    },
};
use hub::{
    Hub,
    exchange::hosted::{Coding, PartData, RefusalCode},
};
use model::{
    contract::{CSV_MEDIA_TYPE, JobPart, Page, Problem},
    error::HubError,
};

use super::{
    problem::{ApiError, ChangeProblems, Problems},
    request::{Asked, Caller, Paging, discard, gather},
};

/// Parts in a page at most (contract, "Usher's limits").
const LARGEST_PAGE: u32 = 64;
/// How long a part waits for its turn before its sender is asked to come again.
const TURN: Duration = Duration::from_secs(20);

/// The parts of a job: those of an export that have arrived, or those of an import that can be fetched.
#[utoipa::path(
    get,
    path = "/v1/jobs/{job}/data",
    operation_id = "list_parts",
    tag = "Data",
    security(("endpoint_key" = [])),
    params(("job" = String, Path, description = "Usher's id of the job"), ("limit" = Option<u32>, Query, minimum = 1, maximum = 64, description = "Items of a page, 50 when absent, at most 64"), ("cursor" = Option<String>, Query, description = "The `next` of the page before")),
    responses((status = 200, body = Page<JobPart>), (status = 422, description = "The page is none: `invalid`", body = Problem, content_type = "application/problem+json"), Problems),
)]
pub(crate) async fn list(
    Caller(caller): Caller,
    State(hub): State<Hub>,
    Path(job): Path<String>,
    Asked(paging): Asked<Paging>,
) -> Result<Json<Page<JobPart>>, ApiError> {
    let after = match paging.cursor.as_deref().map(str::parse) {
        None => 0,
        Some(Ok(after)) => after,
        Some(Err(_)) => return Err(HubError::invalid("cursor", "Use the `next` of the page before.").into()),
    };
    Ok(Json(hub.hosted_parts(&caller, &job, after, paging.limit(LARGEST_PAGE)?).await?))
}

/// Sends a part of an export, in any order, several at once.
///
/// CSV with a header (RFC 4180), plain or as gzip or zstd. A repeat of the same bytes is answered as the first; other bytes under the same
/// number are refused.
#[utoipa::path(
    put,
    path = "/v1/jobs/{job}/data/{part}",
    operation_id = "send_part",
    tag = "Data",
    security(("endpoint_key" = [])),
    params(("job" = String, Path, description = "Usher's id of the job"), ("part" = u32, Path, minimum = 1, description = "The part, from 1"), ("Content-Encoding" = Option<String>, Header, description = "`gzip`, `zstd` or `identity`"), ("Content-Digest" = Option<String>, Header, description = "RFC 9530, `sha-256`, of the body as it travels; checked when present")),
    request_body(content = String, content_type = "text/csv"),
    responses((status = 200, body = JobPart), (status = 503, description = "Many parts are being sent: `later`; `Retry-After` says when to come again", body = Problem, content_type = "application/problem+json"), Problems, ChangeProblems),
)]
pub(crate) async fn send(
    Caller(caller): Caller,
    State(hub): State<Hub>,
    Path((job, part)): Path<(String, String)>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<JobPart>, ApiError> {
    let mut body = body.into_data_stream();
    let announced = announced(&part, &headers);
    let (part, coding) = match announced {
        Ok(announced) => announced,
        Err(error) => {
            discard(&mut body).await;
            return Err(error);
        }
    };
    // Until it is this body's turn, it stays where it is: with its sender.
    let turn = tokio::time::timeout(TURN, hub.upload_turn()).await;
    let _turn = turn.map_err(|_| ApiError::later("Many parts are being sent. Send this one again.", 5))?;
    let most = hub.largest_upload();
    let Some(bytes) = gather(&mut body, most).await? else {
        return Err(ApiError::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            RefusalCode::PartTooLarge.as_str(),
            format!("The body of a part has at most {most} bytes."),
        ));
    };
    Ok(Json(hub.receive_part(&caller, &job, part, coding, bytes).await?))
}

/// What the address and the headers say of a part.
fn announced(part: &str, headers: &HeaderMap) -> Result<(u32, Coding), ApiError> {
    let part = number(part)?;
    let essence = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("text/csv");
    let essence = essence.split(';').next().unwrap_or_default().trim();
    if !essence.eq_ignore_ascii_case("text/csv") {
        let detail = "Send audience data as text/csv; charset=utf-8; header=present.";
        return Err(ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "not_csv", detail));
    }
    let encoding = headers.get(CONTENT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or_default();
    Ok((part, Coding { encoding: encoding.trim().to_ascii_lowercase(), sha256: content_digest(headers)? }))
}

/// A part of an import: the whole, or one range of it.
#[utoipa::path(
    get,
    path = "/v1/jobs/{job}/data/{part}",
    operation_id = "fetch_part",
    tag = "Data",
    security(("endpoint_key" = [])),
    params(("job" = String, Path, description = "Usher's id of the job"), ("part" = u32, Path, minimum = 1, description = "The part, from 1"), ("Range" = Option<String>, Header, description = "One range of bytes"), ("If-Range" = Option<String>, Header, description = "The `ETag` that the range is of"), ("If-None-Match" = Option<String>, Header, description = "`ETag`s of what is there already")),
    responses((status = 304, description = "It is there already, as `If-None-Match` says"), (status = 200, description = "With `ETag`, `Content-Digest` and `Repr-Digest` (RFC 9530)", body = String, content_type = "text/csv"), (status = 206, description = "The range", body = String, content_type = "text/csv"), (status = 409, description = "The job is none to fetch from: `wrong_category`, `job_ended`", body = Problem, content_type = "application/problem+json"), (status = 416, description = "The part has no such bytes: `range_not_satisfiable`; `Content-Range` says how many it has", body = Problem, content_type = "application/problem+json"), Problems),
)]
pub(crate) async fn fetch(
    Caller(caller): Caller,
    State(hub): State<Hub>,
    Path((job, part)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let PartData { csv, sha256, .. } = hub.part_data(&caller, &job, number(&part)?).await?;
    let digest = STANDARD.encode(hex::decode(&sha256).unwrap_or_default());
    let digest = header_value(&format!("sha-256=:{digest}:"))?;
    let etag = format!("\"{sha256}\"");
    if is_had_already(&headers, &etag) {
        return Ok((StatusCode::NOT_MODIFIED, [(ETAG, header_value(&etag)?)]).into_response());
    }
    let common = [
        (CONTENT_TYPE, HeaderValue::from_static(CSV_MEDIA_TYPE)),
        (ACCEPT_RANGES, HeaderValue::from_static("bytes")),
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (ETAG, header_value(&etag)?),
        // RFC 9530: of the whole, whatever part of it travels.
        (HeaderName::from_static("repr-digest"), digest.clone()),
    ];
    match range(&headers, &etag, csv.len()) {
        None => {
            let whole = [(HeaderName::from_static("content-digest"), digest)];
            Ok((common, whole, csv).into_response())
        }
        Some(Ok((first, last))) => {
            let of = [(CONTENT_RANGE, header_value(&format!("bytes {first}-{last}/{}", csv.len()))?)];
            let slice: Bytes = csv.slice(first..=last);
            Ok((StatusCode::PARTIAL_CONTENT, common, of, slice).into_response())
        }
        Some(Err(())) => {
            let detail = format!("The part has {} bytes.", csv.len());
            let error = ApiError::new(StatusCode::RANGE_NOT_SATISFIABLE, "range_not_satisfiable", detail);
            let of = [(CONTENT_RANGE, header_value(&format!("bytes */{}", csv.len()))?)];
            Ok((of, error).into_response())
        }
    }
}

/// The number of a part in the path: what the document calls an `int32`.
fn number(text: &str) -> Result<u32, ApiError> {
    let number: Option<i32> = text.parse().ok();
    number.and_then(|number| u32::try_from(number).ok()).ok_or_else(|| HubError::not_found("part").into())
}

fn header_value(text: &str) -> Result<HeaderValue, ApiError> {
    HeaderValue::from_str(text)
        .map_err(|_| ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "A header could not be made."))
}

/// The SHA-256 of `Content-Digest` (RFC 9530); none when there is none, or only of other algorithms.
fn content_digest(headers: &HeaderMap) -> Result<Option<Vec<u8>>, ApiError> {
    let Some(value) = headers.get("content-digest") else { return Ok(None) };
    let wrong = || {
        let detail = "Content-Digest is not understood. Send sha-256=:BASE64:, over the bytes as they travel.";
        ApiError::new(StatusCode::BAD_REQUEST, "digest_unreadable", detail)
    };
    let text = value.to_str().map_err(|_| wrong())?;
    let Some(value) = text.split(',').map(str::trim).find_map(|item| item.strip_prefix("sha-256=")) else {
        return Ok(None);
    };
    let value = value.strip_prefix(':').and_then(|value| value.strip_suffix(':')).ok_or_else(wrong)?;
    let digest = STANDARD.decode(value).map_err(|_| wrong())?;
    if digest.len() == 32 { Ok(Some(digest)) } else { Err(wrong()) }
}

/// Whether the caller has this content, by what it says in `If-None-Match` (RFC 9110, 13.1.2).
fn is_had_already(headers: &HeaderMap, etag: &str) -> bool {
    let tags = headers.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    tags.flat_map(|tags| tags.split(',')).map(str::trim).any(|tag| tag == "*" || tag.trim_start_matches("W/") == etag)
}

/// The one range that is asked for (RFC 9110, 14.2): first and last byte. None for the whole: no range, several (which may be answered so),
/// one that is not understood, or one for another content.
fn range(headers: &HeaderMap, etag: &str, length: usize) -> Option<Result<(usize, usize), ()>> {
    let text = headers.get(RANGE)?.to_str().ok()?;
    if headers.get(IF_RANGE).is_some_and(|value| value.as_bytes() != etag.as_bytes()) {
        return None;
    }
    let parsed = http_range_header::parse_range_header(text).ok()?;
    match parsed.validate(u64::try_from(length).ok()?) {
        Err(_) => Some(Err(())),
        Ok(ranges) => {
            let [only] = ranges.as_slice() else { return None };
            Some(Ok((usize::try_from(*only.start()).ok()?, usize::try_from(*only.end()).ok()?)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_had_already_is_known_by_its_tag() {
        let of = |text: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(IF_NONE_MATCH, HeaderValue::from_static(text));
            is_had_already(&headers, "\"a\"")
        };
        assert!(of("\"a\"") && of("\"b\", \"a\"") && of("W/\"a\"") && of("*"));
        assert!(!of("\"b\"") && !of("a") && !is_had_already(&HeaderMap::new(), "\"a\""));
    }

    #[test]
    fn a_range_is_of_the_same_content_or_none() {
        let of = |range_text: &'static str, if_range: Option<&'static str>| {
            let mut headers = HeaderMap::new();
            headers.insert(RANGE, HeaderValue::from_static(range_text));
            if let Some(tag) = if_range {
                headers.insert(IF_RANGE, HeaderValue::from_static(tag));
            }
            range(&headers, "\"a\"", 10)
        };
        assert_eq!(of("bytes=4-", None), Some(Ok((4, 9))));
        assert_eq!(of("bytes=2-3", Some("\"a\"")), Some(Ok((2, 3))));
        assert_eq!(of("bytes=-4", None), Some(Ok((6, 9))));
        assert_eq!(of("bytes=4-", Some("\"b\"")), None, "another content is sent whole");
        assert_eq!(of("bytes=10-", None), Some(Err(())));
        assert_eq!(of("bytes=0-1,4-5", None), None);
        assert_eq!(of("lines=1-", None), None);
        assert_eq!(range(&HeaderMap::new(), "\"a\"", 10), None);
    }
}
