//! Signing in at the OpenID provider, as pages see it: the way there, which is a link, and who somebody is here whom the provider has sent for the first
//! time. The forms are posted by the browser itself.

use leptos::{prelude::*, server_fn::ServerFn};
use leptos_meta::Title;
use model::people::{NextStep, Unconnected, WaysIn};

use crate::{
    components::{
        button::{ButtonKind, SubmitButton},
        field::{ErrorSummary, TextField},
        icon::Mark,
        notice::Trouble,
        search_box::escaped,
        skeleton::Skeleton,
    },
    door,
    error::AppError,
    flash::{Form, FormState},
};

/// The page's path.
pub const PATH: &str = "/sign-in/identity";

/// The way to the provider, for somebody who goes on to `next`.
pub fn provider_path(next: &str) -> String {
    match door::local_path(next).filter(|next| *next != "/") {
        Some(next) => format!("/sign-in/provider?{}={}", door::NEXT, escaped(next)),
        None => "/sign-in/provider".to_owned(),
    }
}

/// How people can come in here.
#[server(endpoint = "ways_at_the_door", protocol = crate::Called)]
pub async fn ways_at_the_door() -> Result<WaysIn, AppError> {
    crate::session::answer(crate::session::hub()?.ways_in().await).await
}

/// Who has signed in at the provider, when nobody here is that yet.
#[server(endpoint = "unconnected_identity", protocol = crate::Called)]
pub async fn unconnected_identity() -> Result<Option<Unconnected>, AppError> {
    let Some(newcomer) = server::newcomer().await? else { return Ok(None) };
    let (who, secret) = (crate::session::whoever().await?, crate::session::secret().await?);
    crate::session::answer(crate::session::hub()?.unconnected(who.as_ref(), &secret, &newcomer).await).await
}

/// From now on the person who is signed in can sign in at the provider.
#[server(endpoint = "connect_identity", protocol = crate::Called)]
pub async fn connect_identity() -> Result<String, AppError> {
    let (hub, actor) = (crate::session::hub()?, crate::session::actor().await?);
    let (newcomer, secret) = server::under_way().await?;
    match hub.connect_identity(&actor, &secret, &newcomer).await {
        Ok(_) => {
            server::forget().await?;
            let done = "Connected. From now on you can sign in so, too.".to_owned();
            crate::flash::done(super::profile::PATH, done).await
        }
        Err(error) => Err(crate::flash::fail(PATH, &[], error).await),
    }
}

/// Somebody knows the password of who here has their address: both are the same person.
#[server(endpoint = "prove_identity", protocol = crate::Called)]
pub async fn prove_identity(password: String) -> Result<(), AppError> {
    let (newcomer, secret) = server::under_way().await?;
    let client = super::sign_in::server::client_address().await;
    let proven = crate::session::hub()?.prove_identity(&secret, &newcomer, password, client).await;
    server::go_on(proven, &[]).await
}

/// Makes an account for somebody who signs in at the provider.
#[server(endpoint = "sign_up_with_identity", protocol = crate::Called)]
pub async fn sign_up_with_identity(account_name: String, user_name: String) -> Result<(), AppError> {
    let (newcomer, secret) = server::under_way().await?;
    let signed_up = crate::session::hub()?.sign_up_at_provider(&secret, &newcomer, &account_name, &user_name).await;
    server::go_on(signed_up, &[("account_name", &account_name), ("user_name", &user_name)]).await
}

#[cfg(feature = "ssr")]
mod server {
    use hub::registry::{Errand, Newcomer};
    use model::{error::HubError, view::Actor};

    use crate::{
        door,
        error::AppError,
        session::{NEWCOMER, secret, session, sign_in_as},
    };

    fn unread(error: tower_sessions::session::Error) -> AppError {
        AppError::Transport(error.to_string())
    }

    pub(super) async fn newcomer() -> Result<Option<Newcomer>, AppError> {
        session().await?.get(NEWCOMER).await.map_err(unread)
    }

    /// Who came, and the session's secret with which it is opened.
    pub(super) async fn under_way() -> Result<(Newcomer, String), AppError> {
        match newcomer().await? {
            Some(newcomer) => Ok((newcomer, secret().await?)),
            None => {
                let message = "Nothing is under way any more. Sign in again.".to_owned();
                Err(crate::flash::fail("/sign-in", &[], HubError::Conflict { message }).await)
            }
        }
    }

    pub(super) async fn forget() -> Result<(), AppError> {
        session().await?.remove_value(NEWCOMER).await.map_err(unread)?;
        Ok(())
    }

    /// Signs in who is known by now, and leads to where they wanted to go.
    pub(super) async fn go_on(
        known: Result<(Actor, Errand), HubError>,
        typed: &[(&str, &str)],
    ) -> Result<(), AppError> {
        match known {
            Ok((actor, errand)) => {
                forget().await?;
                sign_in_as(&actor).await?;
                leptos_axum::redirect(door::local_path(&errand.next).unwrap_or("/"));
                Ok(())
            }
            Err(error) => Err(crate::flash::fail(super::PATH, typed, error).await),
        }
    }
}

/// The way to the provider, on the pages before the door. A link, because the browser would refuse a form that leads to another site.
#[component]
pub fn ProviderLink(
    /// What it is for: `Sign in with`.
    words: &'static str,
    /// What the provider is called.
    provider: String,
    /// Where it leads.
    href: String,
) -> impl IntoView {
    view! { <a class="button primary provider" href=href rel="external nofollow">{format!("{words} {provider}")}</a> }
}

/// Between two ways.
#[component]
pub fn Or() -> impl IntoView {
    view! { <p class="or">"or"</p> }
}

const FIELDS: &[(&str, &str)] =
    &[("account_name", "Organisation"), ("user_name", "Your name"), ("password", "Password")];

/// The page.
#[component]
pub fn IdentityPage() -> impl IntoView {
    let form = Form::new(|| PATH.to_owned(), Signal::stored(None));
    let found = crate::answers::ask(|| (), |()| unconnected_identity());
    view! {
        <Title text="Sign in" />
        <main id="main" class="door">
            <Mark />
            <Suspense fallback=|| view! { <Skeleton /> }>
                {move || Suspend::new(async move {
                    let form = form.state().await;
                    match found.await {
                        Ok(Some(found)) => view! { <Content found form /> }.into_any(),
                        Ok(None) => view! {
                            <h1>"Nothing is under way"</h1>
                            <p class="lead">"You took longer than ten minutes, or are done already."</p>
                            <p class="aside"><a href="/sign-in">"Sign in"</a></p>
                        }
                        .into_any(),
                        Err(error) => view! {
                            <h1>"Sign in"</h1>
                            <Trouble error />
                            <p class="aside"><a href="/sign-in">"Sign in"</a></p>
                        }
                        .into_any(),
                    }
                })}
            </Suspense>
        </main>
    }
}

#[component]
fn Content(found: Unconnected, form: FormState) -> impl IntoView {
    let Unconnected { provider, name, email, step } = found;
    let back = view! { <p class="aside"><a href="/sign-in">"Back to signing in"</a></p> };
    let (heading, body) = match step {
        NextStep::Connect { user_name, user_email } => {
            let there = if email.is_empty() { name } else { format!("{name} ({email})") };
            let body = view! {
                <p class="lead">
                    "You are signed in as "<strong>{user_name}</strong>" ("{user_email}"). At "{provider.clone()}" you are "
                    <strong>{there}</strong>"."
                </p>
                <p>"Connect the two, if both are you: then you can sign in with either."</p>
                <form class="form" method="post" action=ConnectIdentity::PATH>
                    <SubmitButton kind=ButtonKind::Primary>"Connect"</SubmitButton>
                </form>
                <p class="aside"><a href=super::profile::PATH>"Not now"</a></p>
            };
            (format!("Connect {provider}"), body.into_any())
        }
        NextStep::Prove => {
            let body = view! {
                <p class="lead">
                    "Somebody has signed up here as "<strong class="breakable">{email}</strong>
                    ". If that is you, enter your password for Usher, this once. After that, signing in with "{provider}" is enough."
                </p>
                <form class="form" method="post" action=ProveIdentity::PATH novalidate>
                    <TextField form=form.clone() name="password" label="Password" kind="password" autocomplete="current-password" autofocus=true />
                    <SubmitButton kind=ButtonKind::Primary>"Sign in and connect"</SubmitButton>
                </form>
                {back}
            };
            ("Is this you?".to_owned(), body.into_any())
        }
        NextStep::SignUp => {
            let body = view! {
                <p class="lead">
                    {provider}" knows you as "<strong class="breakable">{email}</strong>
                    "; here you are new. This makes an account for your organisation, with you as its admin."
                </p>
                <form class="form" method="post" action=SignUpWithIdentity::PATH novalidate>
                    <TextField form=form.clone() name="account_name" label="Organisation" autocomplete="organization" autofocus=true />
                    <TextField form=form.clone() name="user_name" label="Your name" initial=name autocomplete="name" />
                    <SubmitButton kind=ButtonKind::Primary>"Sign up"</SubmitButton>
                </form>
                <p class="aside">
                    "Has your organisation an account already? Ask one of its admins for an invitation, and open its link instead."
                </p>
            };
            ("Sign up for Usher".to_owned(), body.into_any())
        }
        NextStep::OtherWay => {
            let body = view! {
                <p class="notice warn">
                    <span>
                        "Somebody here has the address "<strong class="breakable">{email}</strong>
                        ", and signs in another way. If that is you, sign in as you did before, and connect "{provider}" on your profile."
                    </span>
                </p>
                {back}
            };
            ("You are known by another sign-in".to_owned(), body.into_any())
        }
        NextStep::Uninvited => {
            let body = view! {
                <p class="notice warn">
                    <span>
                        "Nobody here has the address "<strong class="breakable">{email}</strong>
                        ", and only people with an invitation come in. Ask an admin of your organisation's account for one, and open its link."
                    </span>
                </p>
                {back}
            };
            ("You are not invited yet".to_owned(), body.into_any())
        }
        NextStep::Unverified => {
            let told = model::people::unverified(&provider, Some(&email));
            let body = view! {
                <p class="notice warn"><span class="breakable">{told}</span></p>
                <p class="soft">"If you are known here already, sign in as you did before, and connect "{provider}" on your profile."</p>
                {back}
            };
            ("Your address is not confirmed".to_owned(), body.into_any())
        }
    };
    view! {
        <h1>{heading}</h1>
        <ErrorSummary form fields=FIELDS />
        {body}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_to_the_provider_takes_only_our_own_pages_along() {
        assert_eq!(provider_path(""), "/sign-in/provider");
        assert_eq!(provider_path("/runs?q=a%20b"), "/sign-in/provider?next=%2Fruns%3Fq%3Da%2520b");
        assert_eq!(provider_path("//evil.example"), "/sign-in/provider");
    }
}
