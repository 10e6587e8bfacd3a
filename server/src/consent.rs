//! Where people come back to from an application's authorisation server.

use app::flash::Flash;
use axum::{
    extract::{Query, State},
    response::{IntoResponse, Redirect, Response},
};
use http::StatusCode;
use hub::{
    Hub,
    registry::{Consented, NoConsent},
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

/// `GET /connect/consented`: connects the application that was consented to, or says on its page why not.
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
        Ok((id, name, report)) => {
            let report = serde_json::to_string(&report).map_err(|_| HubError::not_found("report"))?;
            let values = [(app::pages::connect_application::REPORT.to_owned(), report)].into();
            (format!("/endpoints/{id}"), Flash { values, notice: Some(format!("{name} is connected.")), error: None })
        }
        Err(NoConsent { error: error @ HubError::Forbidden { .. }, .. }) => return Err(error.into()),
        Err(failed) => {
            let path = failed.application.map_or_else(|| "/connect".to_owned(), |id| format!("/connect/{id}"));
            (path, Flash { error: Some(failed.error), ..Flash::default() })
        }
    };
    if let Err(error) = app::flash::leave_in(&session, &path, flash).await {
        tracing::error!(%error, "what became of a consent could not be told");
        return Ok(StatusCode::INTERNAL_SERVER_ERROR.into_response());
    }
    Ok(Redirect::to(&path).into_response())
}
