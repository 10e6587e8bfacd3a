//! Who an endpoint is, and the audiences that a PUSH producer declares.

use axum::{
    Json,
    extract::{Path, State},
    response::{IntoResponse, Response},
};
use http::StatusCode;
use hub::Hub;
use model::{
    contract::{EndpointRegistration, Page, Problem, RegisteredEndpoint, Segment, Webhook, WebhookAddress},
    error::HubError,
};

use super::{
    problem::{ApiError, ChangeProblems, Problems},
    request::{Asked, Body, Caller, LARGEST_PAGE, Paging},
};

/// Who the endpoint key belongs to.
#[utoipa::path(
    get,
    path = "/v1/endpoint",
    operation_id = "read_endpoint",
    tag = "Endpoint",
    security(("endpoint_key" = [])),
    responses((status = 200, body = RegisteredEndpoint), Problems),
)]
pub(crate) async fn read(Caller(caller): Caller, State(hub): State<Hub>) -> Result<Json<RegisteredEndpoint>, ApiError> {
    Ok(Json(hub.registered_endpoint(&caller).await?))
}

/// Says what the endpoint is: its sides, its fields, what it can do, and, when Usher calls it, where and with what key.
///
/// A repeat changes nothing. What the endpoint's application is not can't be said. A new address is tried as soon as this is answered; the
/// endpoint's page says how that went.
#[utoipa::path(
    put,
    path = "/v1/endpoint",
    operation_id = "describe_endpoint",
    tag = "Endpoint",
    security(("endpoint_key" = [])),
    request_body = EndpointRegistration,
    responses((status = 200, body = RegisteredEndpoint), Problems, ChangeProblems),
)]
pub(crate) async fn describe(
    Caller(caller): Caller,
    State(hub): State<Hub>,
    Body(registration): Body<EndpointRegistration>,
) -> Result<Json<RegisteredEndpoint>, ApiError> {
    Ok(Json(hub.register_endpoint(&caller, registration).await?))
}

/// Where the endpoint is told of its jobs, and whether it is.
#[utoipa::path(
    get,
    path = "/v1/endpoint/webhook",
    operation_id = "read_webhook",
    tag = "Endpoint",
    security(("endpoint_key" = [])),
    responses((status = 200, body = Webhook), Problems),
)]
pub(crate) async fn webhook(Caller(caller): Caller, State(hub): State<Hub>) -> Result<Json<Webhook>, ApiError> {
    Ok(Json(hub.webhook(&caller).await?))
}

/// Says where the endpoint wants to be told of its jobs, so that it need not poll.
///
/// Messages are those of Standard Webhooks: `webhook-id`, `webhook-timestamp`, `webhook-signature`, and a `WebhookEvent` as the body. An
/// admin makes the secret that they are signed with on the endpoint's page.
#[utoipa::path(
    put,
    path = "/v1/endpoint/webhook",
    operation_id = "set_webhook",
    tag = "Endpoint",
    security(("endpoint_key" = [])),
    request_body = WebhookAddress,
    responses((status = 200, body = Webhook), Problems, ChangeProblems),
)]
pub(crate) async fn set_webhook(
    Caller(caller): Caller,
    State(hub): State<Hub>,
    Body(address): Body<WebhookAddress>,
) -> Result<Json<Webhook>, ApiError> {
    Ok(Json(hub.set_webhook(&caller, &address).await?))
}

/// The endpoint is told nothing more.
#[utoipa::path(
    delete,
    path = "/v1/endpoint/webhook",
    operation_id = "remove_webhook",
    tag = "Endpoint",
    security(("endpoint_key" = [])),
    responses((status = 204, description = "It is told nothing more"), Problems, ChangeProblems),
)]
pub(crate) async fn remove_webhook(Caller(caller): Caller, State(hub): State<Hub>) -> Result<StatusCode, ApiError> {
    hub.remove_webhook(&caller).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The audiences that a PUSH producer has declared.
#[utoipa::path(
    get,
    path = "/v1/endpoint/{endpoint}/segments",
    operation_id = "list_segments",
    tag = "Segments",
    security(("endpoint_key" = [])),
    params(("endpoint" = String, Path, description = "Usher's id of the endpoint: the caller's own"), ("limit" = Option<u32>, Query, minimum = 1, maximum = 500, description = "Items of a page, 50 when absent, at most 500"), ("cursor" = Option<String>, Query, description = "The `next` of the page before")),
    responses((status = 200, body = Page<Segment>), (status = 422, description = "The page is none: `invalid`", body = Problem, content_type = "application/problem+json"), Problems),
)]
pub(crate) async fn segments(
    caller: Caller,
    State(hub): State<Hub>,
    Path(endpoint): Path<String>,
    Asked(paging): Asked<Paging>,
) -> Result<Json<Page<Segment>>, ApiError> {
    let caller = caller.is(&endpoint)?;
    let page = hub.declared_segments(caller, paging.cursor.as_deref(), paging.limit(LARGEST_PAGE)?).await?;
    Ok(Json(page))
}

/// Declares an audience, or changes one that is declared already.
#[utoipa::path(
    post,
    path = "/v1/endpoint/{endpoint}/segments",
    operation_id = "declare_segment",
    tag = "Segments",
    security(("endpoint_key" = [])),
    params(("endpoint" = String, Path, description = "Usher's id of the endpoint: the caller's own")),
    request_body = Segment,
    responses((status = 201, description = "It is new", body = Segment), (status = 200, description = "It was changed", body = Segment), Problems, ChangeProblems),
)]
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

/// One declared audience.
#[utoipa::path(
    get,
    path = "/v1/endpoint/{endpoint}/segments/{segment}",
    operation_id = "read_segment",
    tag = "Segments",
    security(("endpoint_key" = [])),
    params(("endpoint" = String, Path, description = "Usher's id of the endpoint: the caller's own"), ("segment" = String, Path, description = "The endpoint's own id of the segment")),
    responses((status = 200, body = Segment), Problems),
)]
pub(crate) async fn segment(
    caller: Caller,
    State(hub): State<Hub>,
    Path((endpoint, segment)): Path<(String, String)>,
) -> Result<Json<Segment>, ApiError> {
    Ok(Json(hub.declared_segment(caller.is(&endpoint)?, &segment).await?))
}

/// Declares an audience under its id, or changes it.
#[utoipa::path(
    put,
    path = "/v1/endpoint/{endpoint}/segments/{segment}",
    operation_id = "change_segment",
    tag = "Segments",
    security(("endpoint_key" = [])),
    params(("endpoint" = String, Path, description = "Usher's id of the endpoint: the caller's own"), ("segment" = String, Path, description = "The endpoint's own id of the segment")),
    request_body = Segment,
    responses((status = 201, description = "It is new", body = Segment), (status = 200, description = "It was changed", body = Segment), Problems, ChangeProblems),
)]
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

/// Withdraws an audience. Shares of it stay, and say so.
#[utoipa::path(
    delete,
    path = "/v1/endpoint/{endpoint}/segments/{segment}",
    operation_id = "withdraw_segment",
    tag = "Segments",
    security(("endpoint_key" = [])),
    params(("endpoint" = String, Path, description = "Usher's id of the endpoint: the caller's own"), ("segment" = String, Path, description = "The endpoint's own id of the segment")),
    responses((status = 204, description = "It is withdrawn"), Problems, ChangeProblems),
)]
pub(crate) async fn withdraw(
    caller: Caller,
    State(hub): State<Hub>,
    Path((endpoint, segment)): Path<(String, String)>,
) -> Result<StatusCode, ApiError> {
    hub.withdraw_segment(caller.is(&endpoint)?, &segment).await?;
    Ok(StatusCode::NO_CONTENT)
}
