//! `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header): a write that comes twice under one key is carried out once, and its first
//! answer is given again. Here is how a request is told from another, and which answers are kept; keeping them is the hub's matter.

use axum::{
    body::{Body, to_bytes},
    extract::{FromRequestParts, Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, StatusCode,
    header::{CONTENT_TYPE, RETRY_AFTER},
    request::Parts,
};
use hub::{
    Hub,
    registry::{Answer, Attempt, IdempotencyKey, Repeat, UnfitKey},
};
use sha2::{Digest, Sha256};
use tracing::Instrument;

use super::{
    problem::ApiError,
    request::{Caller, LARGEST_REPORT, json_bytes},
};

const HEADER: &str = "idempotency-key";
/// Says that an answer is the first one again.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
/// Bytes of an answer at most; the answers of writes are JSON of bounded messages.
const LARGEST_ANSWER: usize = 8 * 1024 * 1024;

/// Carries a write with a key out once. Without a key, and for reads, it does nothing.
pub(crate) async fn once(State(hub): State<Hub>, request: Request, next: Next) -> Result<Response, ApiError> {
    if !matches!(*request.method(), Method::POST | Method::PUT | Method::DELETE) {
        return Ok(next.run(request).await);
    }
    let Some(key) = key(request.headers())? else { return Ok(next.run(request).await) };
    let (mut parts, body) = request.into_parts();
    let Caller(caller) = Caller::from_request_parts(&mut parts, &hub).await?;
    let body = json_bytes(body, LARGEST_REPORT).await?;
    match hub.begin_write(&caller, &key, &fingerprint(&parts, &body)).await? {
        Repeat::First(attempt) => {
            let request = Request::from_parts(parts, Body::from(body));
            // On its own: a caller that hangs up, and comes again, finds the answer.
            let carried_out = tokio::spawn(carry_out(hub, attempt, request, next).in_current_span());
            carried_out.await.map_err(|error| ApiError::internal(&error))?
        }
        Repeat::Answered(answer) => Ok(again(answer)),
        Repeat::UnderWay => {
            let detail =
                "The first request with this Idempotency-Key is still under way. Send this one again in a moment.";
            let error = ApiError::new(StatusCode::CONFLICT, "request_under_way", detail);
            Ok(([(RETRY_AFTER, HeaderValue::from(1_u64))], error).into_response())
        }
        Repeat::Differs => {
            let detail = "Another request was sent with this Idempotency-Key. Choose a new key for each request, and keep it for its repeats.";
            Err(ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "idempotency_key_reused", detail))
        }
    }
}

/// The key of a request; none when it carries none.
fn key(headers: &HeaderMap) -> Result<Option<IdempotencyKey>, ApiError> {
    let mut values = headers.get_all(HEADER).iter();
    let Some(value) = values.next() else { return Ok(None) };
    let key = value.to_str().map_err(|_| UnfitKey).and_then(IdempotencyKey::parse);
    match (key, values.next()) {
        (Ok(key), None) => Ok(Some(key)),
        _ => {
            let most = IdempotencyKey::LONGEST;
            let detail =
                format!("Send one Idempotency-Key of 1 to {most} printable ASCII characters, for instance a UUID.");
            Err(ApiError::new(StatusCode::BAD_REQUEST, "idempotency_key_unreadable", detail))
        }
    }
}

/// Tells one request from another: what is asked for, where, and with what.
fn fingerprint(parts: &Parts, body: &[u8]) -> String {
    let target = parts.uri.path_and_query().map_or(parts.uri.path(), |target| target.as_str());
    let media_type = parts.headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    let mut hasher = Sha256::new();
    for piece in [parts.method.as_str().as_bytes(), target.as_bytes(), media_type, body] {
        hasher.update(piece.len().to_be_bytes());
        hasher.update(piece);
    }
    hex::encode(hasher.finalize())
}

async fn carry_out(hub: Hub, attempt: Attempt, request: Request, next: Next) -> Result<Response, ApiError> {
    let (parts, body) = hub.carry_out_write(&attempt, next.run(request)).await.into_parts();
    if !is_kept(parts.status) {
        hub.give_up_write(&attempt).await?;
        return Ok(Response::from_parts(parts, body));
    }
    let body = to_bytes(body, LARGEST_ANSWER).await.map_err(|error| ApiError::internal(&error))?;
    let media_type = parts.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let answer = Answer { status: parts.status.as_u16(), media_type, body: body.to_vec() };
    hub.keep_answer(&attempt, &answer).await?;
    Ok(Response::from_parts(parts, Body::from(body)))
}

/// What says "come again" would be wrong when somebody does; everything else, good or bad, was decided.
fn is_kept(status: StatusCode) -> bool {
    !status.is_server_error()
        && !matches!(
            status,
            StatusCode::UNAUTHORIZED
                | StatusCode::REQUEST_TIMEOUT
                | StatusCode::TOO_EARLY
                | StatusCode::TOO_MANY_REQUESTS
        )
}

fn again(answer: Answer) -> Response {
    let mut response = Response::new(Body::from(answer.body));
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::OK);
    let headers = response.headers_mut();
    headers.insert(REPLAYED, HeaderValue::from_static("true"));
    if let Some(media_type) = answer.media_type.and_then(|text| HeaderValue::from_str(&text).ok()) {
        headers.insert(CONTENT_TYPE, media_type);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(method: Method, target: &str) -> Parts {
        Request::builder().method(method).uri(target).body(()).expect("a request").into_parts().0
    }

    #[test]
    fn requests_differ_in_method_target_type_and_body() {
        let first = fingerprint(&parts(Method::PUT, "/v1/endpoint"), b"{}");
        assert_eq!(first, fingerprint(&parts(Method::PUT, "/v1/endpoint"), b"{}"));
        let mut typed = parts(Method::PUT, "/v1/endpoint");
        typed.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        for other in [
            fingerprint(&parts(Method::POST, "/v1/endpoint"), b"{}"),
            fingerprint(&parts(Method::PUT, "/v1/endpoint?x"), b"{}"),
            fingerprint(&parts(Method::PUT, "/v1/endpoint"), b"{ }"),
            fingerprint(&parts(Method::PUT, "/v1/endpoin"), b"t{}"),
            fingerprint(&typed, b"{}"),
        ] {
            assert_ne!(first, other);
        }
    }

    #[test]
    fn an_answer_that_says_come_again_is_not_kept() {
        for status in [200, 201, 204, 404, 409, 413, 415, 422] {
            assert!(is_kept(StatusCode::from_u16(status).expect("a status")), "{status}");
        }
        for status in [401, 408, 425, 429, 500, 503] {
            assert!(!is_kept(StatusCode::from_u16(status).expect("a status")), "{status}");
        }
    }
}
