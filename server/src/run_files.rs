//! What can be downloaded of a run: its rejects and its receipt.

use axum::{
    body::Body,
    extract::{Path, Query, State},
    response::{IntoResponse, Response},
};
use http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE};
use hub::{Hub, exchange::RejectFilter};
use model::{error::HubError, id::RunId};
use serde::Deserialize;

use crate::signed_in::{Refusal, SignedIn};

/// Which of the rejects are wanted.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Wanted {
    code: Option<String>,
    field: Option<String>,
}

/// `GET /runs/{id}/rejects.csv`: the rows that were left out, with what is wrong with each; streamed. `code` and `field` narrow it.
pub(crate) async fn rejects(
    SignedIn(actor): SignedIn,
    State(hub): State<Hub>,
    Path(id): Path<String>,
    Query(wanted): Query<Wanted>,
) -> Result<Response, Refusal> {
    let id: RunId = id.parse().map_err(|_| HubError::not_found("run"))?;
    let filter = RejectFilter { code: wanted.code, field: wanted.field };
    let rows = hub.rejects(&actor, &id, filter).await?;
    let headers = [
        (CONTENT_TYPE, "text/csv; charset=utf-8".to_owned()),
        (CONTENT_DISPOSITION, format!("attachment; filename=\"rejects-{id}.csv\"")),
        (CACHE_CONTROL, "no-store".to_owned()),
    ];
    Ok((headers, Body::from_stream(rows)).into_response())
}

/// `GET /runs/{id}/receipt.json`: the final account.
pub(crate) async fn receipt(
    SignedIn(actor): SignedIn,
    State(hub): State<Hub>,
    Path(id): Path<String>,
) -> Result<Response, Refusal> {
    let id: RunId = id.parse().map_err(|_| HubError::not_found("run"))?;
    let receipt = hub.receipt_text(&actor, &id).await?;
    let headers = [
        (CONTENT_TYPE, "application/json".to_owned()),
        (CONTENT_DISPOSITION, format!("attachment; filename=\"receipt-{id}.json\"")),
        (CACHE_CONTROL, "no-store".to_owned()),
    ];
    Ok((headers, receipt).into_response())
}

/// `GET /receipt-key`: the key with which anybody can verify this installation's receipts.
pub(crate) async fn receipt_key(State(hub): State<Hub>) -> String {
    format!("{}\n", hub.receipt_key())
}
