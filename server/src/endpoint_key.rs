//! The key of an endpoint that calls Usher, as a file: made when it is asked for, shown this once, and kept only as a hash.

use axum::{
    extract::{Path, State},
    response::{IntoResponse, Response},
};
use http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE};
use hub::Hub;
use model::{error::HubError, id::EndpointId};

use crate::signed_in::{Refusal, SignedIn};

/// `POST /endpoints/{id}/key`: makes a key, and ends the one before.
pub(crate) async fn make(
    SignedIn(actor): SignedIn,
    State(hub): State<Hub>,
    Path(id): Path<String>,
) -> Result<Response, Refusal> {
    let id: EndpointId = id.parse().map_err(|_| HubError::not_found("endpoint"))?;
    let key = hub.renew_endpoint_key(&actor, &id).await?;
    let headers = [
        (CONTENT_TYPE, "text/plain; charset=utf-8"),
        (CONTENT_DISPOSITION, "attachment; filename=\"usher-endpoint.key\""),
        (CACHE_CONTROL, "no-store"),
    ];
    Ok((headers, format!("{}\n", key.0)).into_response())
}
