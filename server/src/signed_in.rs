//! Who is asking, for the routes that are not pages; and how such a route refuses.

use axum::{
    extract::{FromRef, FromRequestParts},
    response::{IntoResponse, Redirect, Response},
};
use http::{HeaderMap, StatusCode, header, request::Parts};
use hub::Hub;
use model::{error::HubError, view::Actor};
use tower_sessions::Session;

/// The person who is signed in.
#[derive(Debug)]
pub(crate) struct SignedIn(pub(crate) Actor);

/// The same, for answers that go on for long: whether they still are can be asked again.
#[derive(Debug)]
pub(crate) struct Staying {
    pub(crate) actor: Actor,
    epoch: i64,
}

impl Staying {
    /// They are in the account, and have not ended their sessions.
    pub(crate) async fn is_signed_in(&self, hub: &Hub) -> bool {
        hub.signed_in(&self.actor.user_id, &self.actor.account_id, self.epoch).await.is_ok_and(|actor| actor.is_some())
    }
}

/// Why a route gives nothing.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// A person's browser is led to the sign-in page.
    SignIn,
    /// Everybody else gets the error's status and sentence.
    Error(HubError),
}

impl From<HubError> for Refusal {
    fn from(error: HubError) -> Self {
        Self::Error(error)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        match self {
            Self::SignIn => Redirect::to("/sign-in").into_response(),
            Self::Error(error) => {
                let status = StatusCode::from_u16(error.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
                (status, error.to_string()).into_response()
            }
        }
    }
}

impl<S> FromRequestParts<S> for SignedIn
where
    Hub: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        Ok(Self(Staying::from_request_parts(parts, state).await?.actor))
    }
}

impl<S> FromRequestParts<S> for Staying
where
    Hub: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        let nobody = || if wants_page(&parts.headers) { Refusal::SignIn } else { HubError::SignedOut.into() };
        let Some(session) = parts.extensions.get::<Session>() else { return Err(nobody()) };
        let read = app::session::signed_in(session).await.map_err(|error| {
            let request_id = request_id(&parts.headers);
            tracing::error!(request.id = request_id, %error, "a session could not be read");
            HubError::Internal { request_id }
        })?;
        let Some((user_id, account_id, epoch)) = read else { return Err(nobody()) };
        match Hub::from_ref(state).signed_in(&user_id, &account_id, epoch).await? {
            Some(actor) => Ok(Self { actor, epoch }),
            None => Err(nobody()),
        }
    }
}

fn wants_page(headers: &HeaderMap) -> bool {
    headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).is_some_and(|accept| accept.contains("text/html"))
}

fn request_id(headers: &HeaderMap) -> String {
    headers.get("x-request-id").and_then(|value| value.to_str().ok()).unwrap_or("unknown").to_owned()
}
