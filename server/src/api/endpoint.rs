//! Who an endpoint is, and the audiences that a PUSH producer declares.

use axum::{
    Json,
    extract::{Path, State},
    response::{IntoResponse, Response},
};
use http::StatusCode;
use hub::Hub;
use model::{
    contract::{EndpointDescription, Page, RegisteredEndpoint, Segment},
    error::HubError,
};

use super::{
    problem::ApiError,
    request::{Asked, Body, Caller, Paging},
};

/// `GET /v1/endpoint`.
pub(crate) async fn read(Caller(caller): Caller, State(hub): State<Hub>) -> Result<Json<RegisteredEndpoint>, ApiError> {
    Ok(Json(hub.registered_endpoint(&caller).await?))
}

/// `PUT /v1/endpoint`.
pub(crate) async fn describe(
    Caller(caller): Caller,
    State(hub): State<Hub>,
    Body(description): Body<EndpointDescription>,
) -> Result<Json<RegisteredEndpoint>, ApiError> {
    Ok(Json(hub.describe_endpoint(&caller, description).await?))
}

/// `GET /v1/endpoint/{endpointId}/segments`.
pub(crate) async fn segments(
    caller: Caller,
    State(hub): State<Hub>,
    Path(endpoint): Path<String>,
    Asked(paging): Asked<Paging>,
) -> Result<Json<Page<Segment>>, ApiError> {
    let caller = caller.is(&endpoint)?;
    let page = hub.declared_segments(caller, paging.cursor.as_deref(), paging.limit(u32::MAX)).await?;
    Ok(Json(page))
}

/// `POST /v1/endpoint/{endpointId}/segments`: one more, or one that is there already changed.
pub(crate) async fn declare(
    caller: Caller,
    State(hub): State<Hub>,
    Path(endpoint): Path<String>,
    Body(segment): Body<Segment>,
) -> Result<Response, ApiError> {
    let caller = caller.is(&endpoint)?;
    let is_new = hub.declare_segment(caller, &segment).await?;
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(hub.declared_segment(caller, &segment.id).await?)).into_response())
}

/// `GET /v1/endpoint/{endpointId}/segments/{segmentId}`.
pub(crate) async fn segment(
    caller: Caller,
    State(hub): State<Hub>,
    Path((endpoint, segment)): Path<(String, String)>,
) -> Result<Json<Segment>, ApiError> {
    Ok(Json(hub.declared_segment(caller.is(&endpoint)?, &segment).await?))
}

/// `PUT /v1/endpoint/{endpointId}/segments/{segmentId}`.
pub(crate) async fn change(
    caller: Caller,
    State(hub): State<Hub>,
    Path((endpoint, id)): Path<(String, String)>,
    Body(segment): Body<Segment>,
) -> Result<Response, ApiError> {
    let caller = caller.is(&endpoint)?;
    if segment.id != id {
        let message = "The id in the body is not the one in the path. A segment keeps its id.";
        return Err(HubError::invalid("id", message).into());
    }
    let is_new = hub.declare_segment(caller, &segment).await?;
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(hub.declared_segment(caller, &id).await?)).into_response())
}

/// `DELETE /v1/endpoint/{endpointId}/segments/{segmentId}`.
pub(crate) async fn withdraw(
    caller: Caller,
    State(hub): State<Hub>,
    Path((endpoint, segment)): Path<(String, String)>,
) -> Result<StatusCode, ApiError> {
    hub.withdraw_segment(caller.is(&endpoint)?, &segment).await?;
    Ok(StatusCode::NO_CONTENT)
}
