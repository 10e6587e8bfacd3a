//! What requests of endpoints have in common: the key, the body, how long an answer may be waited for, pages of a list.

use std::time::Duration;

use axum::{
    Json,
    body::{BodyDataStream, Bytes},
    extract::{FromRef, FromRequest, FromRequestParts, Query, Request, rejection::JsonRejection},
};
use bytes::BytesMut;
use futures::StreamExt;
use http::{HeaderMap, StatusCode, header::AUTHORIZATION, request::Parts};
use hub::{Hub, exchange::hosted::LONGEST_WAIT, registry::EndpointActor};
use model::error::HubError;
use serde::{Deserialize, de::DeserializeOwned};

use super::{log::KnownCaller, problem::ApiError};

/// Items of a page when nothing is said, and at most (contract, "Conventions").
const PAGE: u32 = 50;
pub(crate) const LARGEST_PAGE: u32 = 500;
/// Bytes of a JSON body at most: an endpoint with many fields.
const LARGEST_JSON: usize = 4 * 1024 * 1024;
/// Bytes of a report on a job at most: each row of a part may be refused, with a reason each.
pub(crate) const LARGEST_REPORT: usize = 16 * 1024 * 1024;
/// How long a body may take to come.
const PATIENCE: Duration = Duration::from_secs(120);
/// How much of a refused body is still taken off the wire, and for how long.
const MOST_DISCARDED: usize = 64 * 1024 * 1024;
const DISCARD_PATIENCE: Duration = Duration::from_secs(10);

/// The endpoint whose key came with the request.
#[derive(Debug)]
pub(crate) struct Caller(pub(crate) EndpointActor);

impl Caller {
    /// Lets pass when the path names the caller's own endpoint; every other is not there.
    pub(crate) fn is(&self, endpoint_id: &str) -> Result<&EndpointActor, ApiError> {
        if self.0.endpoint_id.as_str() == endpoint_id {
            return Ok(&self.0);
        }
        Err(HubError::not_found("endpoint").into())
    }
}

impl<S> FromRequestParts<S> for Caller
where
    Hub: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let key = bearer(&parts.headers).ok_or_else(ApiError::unauthorized)?;
        let endpoint = Hub::from_ref(state).endpoint_of_key(key).await?;
        if let (Some(known), Some(endpoint)) = (parts.extensions.get::<KnownCaller>(), &endpoint) {
            known.tell(endpoint);
        }
        endpoint.map(Self).ok_or_else(ApiError::unauthorized)
    }
}

/// The endpoint key that a request is made with, as it is: neither the scheme's case nor spaces make another one of it (RFC 9110, 11.1).
pub(super) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, key) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(key.trim())
}

/// A JSON body of the contract's shape, of so many bytes at most.
pub(crate) struct Body<T, const MOST: usize = LARGEST_JSON>(pub(crate) T);

impl<S, T, const MOST: usize> FromRequest<S> for Body<T, MOST>
where
    T: DeserializeOwned,
    S: Send + Sync,
{
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let (parts, body) = request.into_parts();
        let body = json_bytes(body, MOST).await?;
        match Json::<T>::from_request(Request::from_parts(parts, body.into()), state).await {
            Ok(Json(value)) => Ok(Self(value)),
            Err(rejection) => {
                let code = match &rejection {
                    JsonRejection::MissingJsonContentType(_) => "not_json",
                    JsonRejection::BytesRejection(_) => "body_unreadable",
                    _ => "invalid",
                };
                Err(ApiError::new(rejection.status(), code, rejection.body_text()))
            }
        }
    }
}

/// The whole of a JSON body, when it has no more bytes than that.
pub(crate) async fn json_bytes(body: axum::body::Body, most: usize) -> Result<Bytes, ApiError> {
    let read = gather(&mut body.into_data_stream(), most).await?;
    read.ok_or_else(|| {
        let detail = format!("The body of a message has at most {most} bytes.");
        ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", detail)
    })
}

/// The whole body; none when it is larger than that.
pub(crate) async fn gather(body: &mut BodyDataStream, most: usize) -> Result<Option<Bytes>, ApiError> {
    let gathering = async {
        let mut gathered = BytesMut::new();
        while let Some(chunk) = body.next().await {
            let chunk = chunk?;
            if gathered.len() + chunk.len() > most {
                return Ok(None);
            }
            gathered.extend_from_slice(&chunk);
        }
        Ok::<_, axum::Error>(Some(gathered.freeze()))
    };
    match tokio::time::timeout(PATIENCE, gathering).await {
        Ok(Ok(Some(bytes))) => Ok(Some(bytes)),
        Ok(Ok(None)) => {
            discard(body).await;
            Ok(None)
        }
        Ok(Err(_)) => {
            let detail = "The body broke off. Send the request again.";
            Err(ApiError::new(StatusCode::BAD_REQUEST, "body_unreadable", detail))
        }
        Err(_) => {
            let detail = "The body took too long to come. Send less at once.";
            Err(ApiError::new(StatusCode::REQUEST_TIMEOUT, "too_slow", detail))
        }
    }
}

/// Lets the rest of a body that is refused come, as far as is reasonable: to a sender that is still sending, an answer would be a broken
/// connection.
pub(crate) async fn discard(body: &mut BodyDataStream) {
    let discarding = async {
        let mut left = MOST_DISCARDED;
        while let Some(Ok(chunk)) = body.next().await {
            let Some(rest) = left.checked_sub(chunk.len()) else { return };
            left = rest;
        }
    };
    let _ended_or_not = tokio::time::timeout(DISCARD_PATIENCE, discarding).await;
}

/// The page of a list that is asked for.
#[derive(Debug, Deserialize)]
pub(crate) struct Paging {
    limit: Option<u32>,
    pub(crate) cursor: Option<String>,
}

impl Paging {
    /// How many items are asked for.
    pub(crate) fn limit(&self, largest: u32) -> Result<u32, HubError> {
        page_of(self.limit, largest)
    }
}

/// How many items of a page are asked for: 50 when nothing is said, else from 1 to `largest`.
pub(crate) fn page_of(limit: Option<u32>, largest: u32) -> Result<u32, HubError> {
    let asked = limit.unwrap_or(PAGE);
    if (1..=largest).contains(&asked) {
        return Ok(asked);
    }
    Err(HubError::invalid("limit", format!("A page has 1 to {largest} items.")))
}

/// A query string of the contract's shape.
pub(crate) struct Asked<T>(pub(crate) T);

impl<S, T> FromRequestParts<S> for Asked<T>
where
    T: DeserializeOwned,
    S: Send + Sync,
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        match Query::<T>::from_request_parts(parts, state).await {
            Ok(Query(value)) => Ok(Self(value)),
            Err(rejection) => Err(ApiError::new(StatusCode::BAD_REQUEST, "invalid", rejection.body_text())),
        }
    }
}

/// `Prefer: wait=SECONDS` (RFC 7240, 4.3), at most 30; nothing when it is not there.
pub(crate) fn wait(headers: &HeaderMap) -> Duration {
    let preferences = headers.get_all("prefer").iter().filter_map(|value| value.to_str().ok());
    let seconds = preferences
        .flat_map(|value| value.split([',', ';']))
        .filter_map(|preference| preference.trim().split_once('='))
        .find(|(name, _)| name.trim().eq_ignore_ascii_case("wait"))
        .and_then(|(_, seconds)| seconds.trim().trim_matches('"').parse().ok());
    Duration::from_secs(seconds.unwrap_or(0)).min(LONGEST_WAIT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_is_read_among_other_preferences_and_is_bounded() {
        let of = |text: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert("prefer", http::HeaderValue::from_static(text));
            wait(&headers).as_secs()
        };
        assert_eq!(of("respond-async, wait=10"), 10);
        assert_eq!(of("Wait = \"7\""), 7);
        assert_eq!(of("wait=4000"), 30);
        assert_eq!(of("wait=soon"), 0);
        assert_eq!(wait(&HeaderMap::new()), Duration::ZERO);
    }
}
