//! Who is asking: the session behind a server function, and the hub that it calls. Everything here but the names runs on the server only.

use leptos::prelude::*;
use model::people::Presence;

use crate::error::AppError;

/// The session key of the person's id.
pub const USER_ID: &str = "user_id";
/// The session key of the account in which they act.
pub const ACCOUNT_ID: &str = "account_id";

/// The session key of the person's epoch when they signed in: it is another once they have ended their sessions.
pub const EPOCH: &str = "epoch";

/// The session key of what proves that somebody was sent elsewhere from this session: to consent, or to sign in.
pub const SECRET: &str = "secret";

/// The session key of who has signed in at the provider and is nobody here yet.
pub const NEWCOMER: &str = "newcomer";

/// Who is signed in, and where else they could act; leads to the sign-in page when nobody is.
#[server(endpoint = "who_is_here", protocol = crate::Called)]
pub async fn who_is_here() -> Result<Presence, AppError> {
    let actor = actor().await?;
    let accounts = answer(hub()?.accounts_of(&actor).await).await?;
    Ok(Presence { actor, accounts })
}

/// Goes on in another account of the person's.
#[server(endpoint = "switch_account", protocol = crate::Called)]
pub async fn switch_account(account_id: String) -> Result<(), AppError> {
    let (hub, actor) = (hub()?, actor().await?);
    let switched = async {
        let id = crate::pages::parse_id(&account_id, "account")?;
        hub.switch_account(&actor, &id).await
    };
    match switched.await {
        Ok(actor) => {
            go_on_as(&actor).await?;
            leptos_axum::redirect("/");
            Ok(())
        }
        Err(error) => Err(crate::flash::fail(crate::pages::profile::PATH, &[], error).await),
    }
}

#[cfg(feature = "ssr")]
pub use server::{
    actor, answer, consent_address, go_on_as, hub, secret, secret_of, session, sign_in_as, sign_in_to, sign_out,
    signed_in, whoever,
};

#[cfg(feature = "ssr")]
mod server {
    use http::{
        Method, StatusCode, Uri,
        header::{ACCEPT, REFERER},
        request::Parts,
        uri::PathAndQuery,
    };
    use hub::Hub;
    use leptos::prelude::*;
    use leptos_axum::ResponseOptions;
    use model::{
        error::HubError,
        id::{AccountId, UserId},
        view::Actor,
    };
    use tower_sessions::Session;

    use super::{ACCOUNT_ID, EPOCH, SECRET, USER_ID};
    use crate::error::AppError;

    /// The hub's handle, as the server put it into the context. Once the browser has left, while the page was still being made, the context is gone: what
    /// is still asked for then ends with an error that nobody reads.
    pub fn hub() -> Result<Hub, HubError> {
        use_context::<Hub>().ok_or_else(|| HubError::Internal { request_id: "left".to_owned() })
    }

    /// The session of the request.
    pub async fn session() -> Result<Session, AppError> {
        leptos_axum::extract::<Session>().await.map_err(|error| AppError::Transport(error.to_string()))
    }

    /// Who is signed in, on pages that are there for others too. A session that can't be read is nobody's.
    pub async fn whoever() -> Result<Option<Actor>, AppError> {
        match signed_in(&session().await?).await {
            Ok(Some((user_id, account_id, epoch))) => Ok(hub()?.signed_in(&user_id, &account_id, epoch).await?),
            Ok(None) | Err(_) => Ok(None),
        }
    }

    /// What a session says of who is signed in, for [`Hub::signed_in`]: the person, the account, and the person's epoch.
    pub async fn signed_in(
        session: &Session,
    ) -> Result<Option<(UserId, AccountId, i64)>, tower_sessions::session::Error> {
        let (user_id, account_id) = (session.get(USER_ID).await?, session.get(ACCOUNT_ID).await?);
        let epoch = session.get(EPOCH).await?.unwrap_or_default();
        Ok(user_id.zip(account_id).map(|(user_id, account_id)| (user_id, account_id, epoch)))
    }

    /// Who is signed in; leads to the sign-in page when nobody is (any more), also from a page that has long been open.
    pub async fn actor() -> Result<Actor, AppError> {
        whoever().await?.ok_or_else(|| {
            to_the_door();
            HubError::SignedOut.into()
        })
    }

    /// Leads a browser that asks for a page, or posts a form by itself, to the sign-in page. Our program is told by the status, and knows best what to
    /// do: a page is left, a form with something typed into it is not.
    fn to_the_door() {
        let Some(request) = use_context::<Parts>() else { return };
        let text = |name| request.headers.get(name).and_then(|value| value.to_str().ok());
        if !text(ACCEPT).is_some_and(|accept| accept.contains("text/html")) {
            if let Some(response) = use_context::<ResponseOptions>() {
                response.set_status(StatusCode::UNAUTHORIZED);
            }
            return;
        }
        let page = if request.method == Method::GET {
            Some(request.uri.clone())
        } else {
            text(REFERER).and_then(|page| page.parse::<Uri>().ok())
        };
        let next = page.as_ref().and_then(Uri::path_and_query).map_or("/", PathAndQuery::as_str);
        leptos_axum::redirect(&crate::door::sign_in_path(next, false));
    }

    /// Signs the person in, under a new session id (a stolen old one is of no use).
    pub async fn sign_in_as(actor: &Actor) -> Result<(), AppError> {
        let epoch = hub()?.epoch_of(&actor.user_id).await?;
        written(sign_in_to(&session().await?, actor, epoch).await)
    }

    /// The same, from a route that is no page's own.
    pub async fn sign_in_to(
        session: &Session,
        actor: &Actor,
        epoch: i64,
    ) -> Result<(), tower_sessions::session::Error> {
        session.insert(EPOCH, epoch).await?;
        put(session, actor).await
    }

    /// Lets the same person go on in another account. That is no proof of who they are: a session that was ended meanwhile stays ended.
    pub async fn go_on_as(actor: &Actor) -> Result<(), AppError> {
        written(put(&session().await?, actor).await)
    }

    async fn put(session: &Session, actor: &Actor) -> Result<(), tower_sessions::session::Error> {
        session.cycle_id().await?;
        session.insert(USER_ID, &actor.user_id).await?;
        session.insert(ACCOUNT_ID, &actor.account_id).await
    }

    fn written(done: Result<(), tower_sessions::session::Error>) -> Result<(), AppError> {
        done.map_err(|error| {
            tracing::error!(%error, "a session could not be written");
            AppError::Hub(HubError::Internal { request_id: "session".to_owned() })
        })
    }

    /// What only this session knows, for people who are sent elsewhere from it and come back.
    pub async fn secret() -> Result<String, AppError> {
        secret_of(&session().await?).await.map_err(|error| AppError::Transport(error.to_string()))
    }

    /// The same, from a route that is no page's own.
    pub async fn secret_of(session: &Session) -> Result<String, tower_sessions::session::Error> {
        if let Some(secret) = session.get::<String>(SECRET).await? {
            return Ok(secret);
        }
        let secret = Hub::fresh_secret();
        session.insert(SECRET, &secret).await?;
        Ok(secret)
    }

    /// Where people come back to after a consent.
    pub fn consent_address() -> Result<url::Url, AppError> {
        let url =
            url::Url::parse(&crate::address::of_request()).ok().and_then(|url| url.join("/connect/consented").ok());
        url.ok_or_else(|| {
            HubError::invalid("form", "Usher does not know its own address. Set USHER_PUBLIC_URL.").into()
        })
    }

    /// Forgets the session, here and in the browser.
    pub async fn sign_out() -> Result<(), AppError> {
        session().await?.flush().await.map_err(|error| AppError::Transport(error.to_string()))
    }

    /// Maps the hub's answer. The HTTP status follows the error, but not for plain form posts: those are redirected, and stay so.
    pub async fn answer<T>(result: Result<T, HubError>) -> Result<T, AppError> {
        let error = match result {
            Ok(value) => return Ok(value),
            Err(error) => error,
        };
        if !crate::flash::is_plain_form_post().await
            && let (Some(response), Ok(status)) =
                (use_context::<ResponseOptions>(), StatusCode::from_u16(error.status()))
        {
            response.set_status(status);
        }
        Err(error.into())
    }
}
