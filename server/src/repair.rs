//! Repaired rejects that a person uploads. They are sealed as they come: the file is never in memory whole.

use app::flash::Flash;
use axum::{
    extract::{Multipart, Path, State},
    response::{IntoResponse, Redirect, Response},
};
use futures::stream;
use http::StatusCode;
use hub::Hub;
use model::{error::HubError, id::RunId, view::Actor};
use tower_sessions::Session;

use crate::signed_in::{Refusal, SignedIn};

/// `POST /runs/{id}/repair`: a form with one `file`. Leads to the run that it starts, or back to the page, which says what is wrong.
pub(crate) async fn repair(
    SignedIn(actor): SignedIn,
    State(hub): State<Hub>,
    session: Session,
    Path(id): Path<String>,
    form: Multipart,
) -> Result<Response, Refusal> {
    let id: RunId = id.parse().map_err(|_| HubError::not_found("run"))?;
    match upload(&hub, &actor, &id, form).await {
        Ok(child) => Ok(Redirect::to(&format!("/runs/{child}")).into_response()),
        Err(error @ (HubError::Invalid { .. } | HubError::Conflict { .. } | HubError::Forbidden { .. })) => {
            let path = format!("/runs/{id}");
            let flash = Flash { error: Some(error), ..Flash::default() };
            if let Err(error) = app::flash::leave_in(&session, &path, flash).await {
                tracing::error!(%error, "what was wrong with an upload could not be told");
                return Ok(StatusCode::INTERNAL_SERVER_ERROR.into_response());
            }
            Ok(Redirect::to(&path).into_response())
        }
        Err(error) => Err(error.into()),
    }
}

async fn upload(hub: &Hub, actor: &Actor, id: &RunId, mut form: Multipart) -> Result<RunId, HubError> {
    let broken = |_| HubError::invalid("file", "The form did not come whole. Send it again.");
    while let Some(field) = form.next_field().await.map_err(broken)? {
        if field.name() == Some("file") {
            let chunks = stream::unfold(field, |mut field| async move {
                field.chunk().await.transpose().map(|chunk| (chunk, field))
            });
            return hub.repair_run(actor, id, chunks).await;
        }
    }
    Err(HubError::invalid("file", "Choose the CSV file with the repaired rows."))
}
