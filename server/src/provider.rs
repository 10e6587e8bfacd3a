//! The way to the OpenID provider, and where people come back to from it. A link leads there: a form that leads to another site would be refused by the
//! page's policy. So nothing is decided here that somebody else's page could ask for: who is new is asked on a page of our own.

use app::{address::PublicUrl, door, flash::Flash};
use axum::{
    extract::{Path, Query, State},
    response::{IntoResponse, Redirect, Response},
};
use http::{HeaderMap, StatusCode};
use hub::{
    Hub,
    registry::{Arrival, Consented, Errand, NoArrival},
};
use model::{error::HubError, people::InvitationToken};
use serde::Deserialize;
use tower_sessions::{Session, session::Error};
use url::Url;

use crate::signed_in::{Refusal, SignedIn};

/// Where people come back to; the provider has to know this address.
pub(crate) const RETURN: &str = "/sign-in/provider/return";

/// What somebody is about.
#[derive(Deserialize)]
pub(crate) struct Wanted {
    #[serde(default)]
    next: String,
    connect: Option<String>,
}

/// What comes with the person (RFC 6749, 4.1.2; RFC 9207).
#[derive(Deserialize)]
pub(crate) struct Came {
    #[serde(default)]
    state: String,
    iss: Option<String>,
    code: Option<String>,
    error: Option<String>,
    error_description: Option<String>,
}

/// `GET /sign-in/provider`: leads to the provider, or says on the page that one comes from why not.
pub(crate) async fn leave(
    State(hub): State<Hub>,
    State(public_url): State<PublicUrl>,
    session: Session,
    headers: HeaderMap,
    Query(wanted): Query<Wanted>,
) -> Result<Response, Refusal> {
    let errand = Errand { next: wanted.next, invitation: None, connects: wanted.connect.is_some() };
    lead_there(&hub, &public_url, &session, &headers, errand).await
}

/// `GET /invitation/{token}/provider`: the same for somebody who takes an invitation.
pub(crate) async fn leave_invited(
    State(hub): State<Hub>,
    State(public_url): State<PublicUrl>,
    session: Session,
    headers: HeaderMap,
    Path(token): Path<String>,
) -> Result<Response, Refusal> {
    let errand = Errand { invitation: Some(InvitationToken(token)), ..Errand::default() };
    lead_there(&hub, &public_url, &session, &headers, errand).await
}

async fn lead_there(
    hub: &Hub,
    public_url: &PublicUrl,
    session: &Session,
    headers: &HeaderMap,
    errand: Errand,
) -> Result<Response, Refusal> {
    let unknown = || HubError::invalid("form", "Usher does not know its own address. Set USHER_PUBLIC_URL.");
    let redirect = Url::parse(&public_url.of(headers)).and_then(|url| url.join(RETURN)).map_err(|_| unknown())?;
    let secret = match app::session::secret_of(session).await {
        Ok(secret) => secret,
        Err(error) => return Ok(broken(&error)),
    };
    match hub.visit_provider(&secret, &redirect, errand.clone()).await {
        Ok(url) => Ok(Redirect::to(url.as_str()).into_response()),
        Err(error @ HubError::NotFound { .. }) => Err(error.into()),
        Err(error) => Ok(say_why_not(session, &errand, error).await),
    }
}

/// `GET /sign-in/provider/return`: signs in who is known, and asks who is not.
pub(crate) async fn come_back(
    who: Result<SignedIn, Refusal>,
    State(hub): State<Hub>,
    session: Session,
    Query(came): Query<Came>,
) -> Response {
    let answer = match (came.code, came.error) {
        (_, Some(code)) => Consented::Error { code, description: came.error_description },
        (Some(code), None) => Consented::Code(code),
        (None, None) => Consented::Error { code: "neither a code nor an error came".to_owned(), description: None },
    };
    let who = who.ok().map(|SignedIn(actor)| actor);
    let secret = match app::session::secret_of(&session).await {
        Ok(secret) => secret,
        Err(error) => return broken(&error),
    };
    let arrived = hub.arrive(who.as_ref(), &secret, &came.state, came.iss.as_deref(), answer).await;
    let led = async {
        match arrived {
            Ok(Arrival::Known { actor, errand }) => {
                let epoch = match hub.epoch_of(&actor.user_id).await {
                    Ok(epoch) => epoch,
                    Err(error) => return Ok(Refusal::from(error).into_response()),
                };
                app::session::sign_in_to(&session, &actor, epoch).await?;
                if errand.connects {
                    let notice = Some("It is connected already.".to_owned());
                    let path = app::pages::profile::PATH;
                    app::flash::leave_in(&session, path, Flash { notice, ..Flash::default() }).await?;
                    return Ok(Redirect::to(path).into_response());
                }
                Ok(Redirect::to(door::local_path(&errand.next).unwrap_or("/")).into_response())
            }
            Ok(Arrival::New(newcomer)) => {
                session.insert(app::session::NEWCOMER, newcomer).await?;
                Ok(Redirect::to(app::pages::identity::PATH).into_response())
            }
            Err(NoArrival { errand, error }) => Ok(say_why_not(&session, &errand, error).await),
        }
    };
    led.await.unwrap_or_else(|error: Error| broken(&error))
}

/// Leads back to where somebody came from, which says why nothing became of it.
async fn say_why_not(session: &Session, errand: &Errand, error: HubError) -> Response {
    let mut flash = Flash { error: Some(error), ..Flash::default() };
    let (page, path) = match &errand.invitation {
        Some(InvitationToken(token)) => (app::pages::invitation::FLASH, format!("/invitation/{token}")),
        None if errand.connects => (app::pages::profile::PATH, app::pages::profile::PATH.to_owned()),
        None => {
            flash.values.insert(door::NEXT.to_owned(), errand.next.clone());
            ("/sign-in", door::sign_in_path(&errand.next, false))
        }
    };
    match app::flash::leave_in(session, page, flash).await {
        Ok(()) => Redirect::to(&path).into_response(),
        Err(error) => broken(&error),
    }
}

fn broken(error: &Error) -> Response {
    tracing::error!(%error, "a session could not be read or written");
    StatusCode::INTERNAL_SERVER_ERROR.into_response()
}
