//! Where people come back to from an application's authorisation server, whatever they consented for.

use app::flash::Flash;
use axum::{
    extract::{Query, State},
    response::{IntoResponse, Redirect, Response},
};
use http::StatusCode;
use hub::{
    Hub,
    registry::{ConsentFor, ConsentKept, Consented, NoConsent},
};
use model::error::HubError;
use serde::Deserialize;
use tower_sessions::Session;

use crate::signed_in::{Refusal, SignedIn};

/// What comes with the person (RFC 6749, 4.1.2).
#[derive(Deserialize)]
pub(crate) struct Came {
    #[serde(default)]
    state: String,
    code: Option<String>,
    error: Option<String>,
    error_description: Option<String>,
}

/// `GET /connect/consented`: does what was consented for, or says on the page where that was begun why not.
pub(crate) async fn consented(
    SignedIn(actor): SignedIn,
    State(hub): State<Hub>,
    session: Session,
    Query(came): Query<Came>,
) -> Result<Response, Refusal> {
    let answer = match (came.code, came.error) {
        (_, Some(code)) => Consented::Error { code, description: came.error_description },
        (Some(code), None) => Consented::Code(code),
        (None, None) => Consented::Error { code: "neither a code nor an error came".to_owned(), description: None },
    };
    let secret = match app::session::secret_of(&session).await {
        Ok(secret) => secret,
        Err(error) => {
            tracing::error!(%error, "a session could not be read");
            return Ok(StatusCode::INTERNAL_SERVER_ERROR.into_response());
        }
    };
    let (path, flash) = match hub.finish_consent(&actor, &secret, &came.state, answer).await {
        Ok(ConsentKept::Endpoint { id, name, is_again, report }) => {
            let report = serde_json::to_string(&report).map_err(|_| HubError::not_found("report"))?;
            let values = [(app::pages::connect_application::REPORT.to_owned(), report)].into();
            let notice =
                if is_again { format!("{name} lets Usher in again.") } else { format!("{name} is connected.") };
            (format!("/endpoints/{id}"), Flash { values, notice: Some(notice), error: None })
        }
        Ok(ConsentKept::TestDrive(id)) => (format!("/applications/{id}/test-drive"), Flash::default()),
        Err(NoConsent { error: error @ HubError::Forbidden { .. }, .. }) => return Err(error.into()),
        Err(failed) => {
            (way_back(failed.begun_for, &failed.error), Flash { error: Some(failed.error), ..Flash::default() })
        }
    };
    if let Err(error) = app::flash::leave_in(&session, &path, flash).await {
        tracing::error!(%error, "what became of a consent could not be told");
        return Ok(StatusCode::INTERNAL_SERVER_ERROR.into_response());
    }
    Ok(Redirect::to(&path).into_response())
}

/// The page on which a consent was begun.
fn way_back(begun_for: Option<ConsentFor>, error: &HubError) -> String {
    match begun_for {
        // What is not there any more has no page to say so on.
        Some(ConsentFor::Application { .. }) if matches!(error, HubError::NotFound { .. }) => "/connect".to_owned(),
        None => "/connect".to_owned(),
        Some(ConsentFor::Application { id }) => format!("/connect/{id}"),
        Some(ConsentFor::Endpoint { id, newer: false, .. }) => format!("/endpoints/{id}/credentials"),
        Some(ConsentFor::Endpoint { id, newer: true, .. }) => format!("/endpoints/{id}/version"),
        Some(ConsentFor::TestDrive { id }) => format!("/applications/{id}/test-drive"),
    }
}
