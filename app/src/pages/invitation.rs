//! Where the link of an invitation leads: whoever has it joins the account, by signing up, by signing in, or as the person who is signed in.
//!
//! The link is a secret: it is kept nowhere on the way, neither in the session nor in another page's address.

use leptos::{prelude::*, server_fn::ServerFn};
use leptos_meta::Title;
use leptos_router::hooks::use_query_map;
use model::people::{Invited, WaysIn};
use serde::{Deserialize, Serialize};

use super::identity::{Or, ProviderLink};
use crate::{
    components::{
        button::{ButtonKind, SubmitButton},
        field::{ErrorSummary, TextField},
        icon::Mark,
        notice::Trouble,
        skeleton::Skeleton,
        time::Time,
    },
    error::AppError,
    flash::{Form, FormState},
};

/// What this page is told of its forms, whichever the link.
pub const FLASH: &str = "/invitation";
/// In the address: one has signed up before.
const KNOWN: &str = "signed_up";

/// An invitation, and who is looking at it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shown {
    invited: Invited,
    ways: WaysIn,
    /// Name and address of the person who is signed in.
    signed_in: Option<(String, String)>,
}

/// What the link is for.
#[server(endpoint = "invitation", protocol = crate::Called)]
pub async fn invitation(token: String) -> Result<Shown, AppError> {
    let token = model::people::InvitationToken(token);
    let invited = crate::session::answer(crate::session::hub()?.invited(&token).await).await?;
    let ways = super::identity::ways_at_the_door().await?;
    let signed_in = crate::session::whoever().await?.map(|actor| (actor.user_name, actor.email));
    Ok(Shown { invited, ways, signed_in })
}

/// The person who is signed in joins.
#[server(endpoint = "join", protocol = crate::Called)]
pub async fn join(token: String) -> Result<(), AppError> {
    let secret = model::people::InvitationToken(token.clone());
    let joined = match crate::session::whoever().await? {
        Some(actor) => crate::session::hub()?.join(&actor, &secret).await,
        None => Err(model::error::HubError::SignedOut),
    };
    match joined {
        Ok(actor) => {
            crate::session::go_on_as(&actor).await?;
            leptos_axum::redirect("/");
            Ok(())
        }
        Err(error) => server::go_on(&token, &[], false, Err(error)).await,
    }
}

/// Somebody signs in and joins.
#[server(endpoint = "join_signing_in", protocol = crate::Called)]
pub async fn join_signing_in(token: String, email: String, password: String) -> Result<(), AppError> {
    let secret = model::people::InvitationToken(token.clone());
    let form = model::view::SignIn { email: email.clone(), password };
    let client = crate::pages::sign_in::server::client_address().await;
    let joined = crate::session::hub()?.join_signing_in(form, client, &secret).await;
    server::go_on(&token, &[("email", &email)], true, joined).await
}

/// Somebody signs up and joins.
#[server(endpoint = "join_signing_up", protocol = crate::Called)]
pub async fn join_signing_up(
    token: String,
    user_name: String,
    email: String,
    password: String,
) -> Result<(), AppError> {
    let secret = model::people::InvitationToken(token.clone());
    let form = model::people::JoinSignUp { user_name: user_name.clone(), email: email.clone(), password };
    let joined = crate::session::hub()?.join_signing_up(form, &secret).await;
    server::go_on(&token, &[("user_name", &user_name), ("email", &email)], false, joined).await
}

#[cfg(feature = "ssr")]
mod server {
    use model::{error::HubError, view::Actor};

    use crate::{
        error::AppError,
        flash::{Flash, is_plain_form_post, leave},
    };

    /// Signs in who has joined. Otherwise the page says why not; the link is not kept with that.
    pub(super) async fn go_on(
        token: &str,
        typed: &[(&str, &str)],
        was_known: bool,
        joined: Result<Actor, HubError>,
    ) -> Result<(), AppError> {
        match joined {
            Ok(actor) => {
                crate::session::sign_in_as(&actor).await?;
                leptos_axum::redirect("/");
                Ok(())
            }
            Err(error) if is_plain_form_post().await => {
                let values = typed.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
                leave(super::FLASH, Flash { values, error: Some(error.clone()), notice: None }).await?;
                let is_token = token.bytes().all(|byte| byte.is_ascii_hexdigit());
                let known = if was_known { format!("?{}=yes", super::KNOWN) } else { String::new() };
                let back = if is_token { format!("/invitation/{token}{known}") } else { "/sign-in".to_owned() };
                leptos_axum::redirect(&back);
                Err(error.into())
            }
            Err(error) => crate::session::answer(Err(error)).await,
        }
    }
}

const FIELDS: &[(&str, &str)] = &[("user_name", "Your name"), ("email", "E-mail address"), ("password", "Password")];

/// The page.
#[component]
pub fn InvitationPage() -> impl IntoView {
    let token = super::address_part("token");
    let form = Form::new(|| FLASH.to_owned(), Signal::stored(None));
    let found = crate::answers::ask(move || token.get(), invitation);
    let query = use_query_map();
    view! {
        <Title text="Invitation" />
        <main id="main" class="door">
            <Mark />
            <Suspense fallback=|| view! { <Skeleton /> }>
                {move || {
                    let (token, was_known) = (token.get(), query.with(|query| query.get(KNOWN).is_some()));
                    Suspend::new(async move {
                        let form = form.state().await;
                        match found.await {
                            Ok(shown) => view! { <Content shown token was_known form /> }.into_any(),
                            Err(error) => view! {
                                <h1>"Invitation"</h1>
                                <Trouble error />
                                <p class="aside"><a href="/sign-in">"Sign in"</a></p>
                            }
                            .into_any(),
                        }
                    })
                }}
            </Suspense>
        </main>
    }
}

#[component]
fn Content(shown: Shown, token: String, was_known: bool, form: FormState) -> impl IntoView {
    let Shown { invited, ways: WaysIn { provider, passwords, .. }, signed_in } = shown;
    let heading = format!("Join {}", invited.account_name);
    let lead = format!("{} has invited {} as {}.", invited.invited_by, invited.email, invited.role.with_article());
    let words = heading.clone();
    let kind = if provider.is_some() { ButtonKind::Secondary } else { ButtonKind::Primary };
    let link = provider.filter(|_| signed_in.is_none()).map(|provider| {
        view! { <ProviderLink words="Join with" provider href=format!("/invitation/{token}/provider") /> }
    });
    let or = (link.is_some() && passwords).then(|| view! { <Or /> });
    let body = match signed_in {
        Some((name, email)) => view! {
            <p>"You are signed in as "<strong>{name}</strong>" ("{email}")."</p>
            <form class="form" method="post" action=Join::PATH>
                <input type="hidden" name="token" value=token />
                <SubmitButton kind=ButtonKind::Primary>{words}</SubmitButton>
            </form>
            <form method="post" action="/sign-out">
                <button type="submit" class="button">"Sign out, to join as somebody else"</button>
            </form>
            <p class="aside">"After signing out, open the link again."</p>
        }
        .into_any(),
        None if !passwords => ().into_any(),
        None if was_known => view! {
            <form class="form" method="post" action=JoinSigningIn::PATH novalidate>
                <input type="hidden" name="token" value=token.clone() />
                <TextField form=form.clone() name="email" label="E-mail address" kind="email" initial=invited.email autocomplete="username" />
                <TextField form=form.clone() name="password" label="Password" kind="password" autocomplete="current-password" />
                <SubmitButton kind>"Sign in and join"</SubmitButton>
            </form>
            <p class="aside">"Not signed up yet? " <a href=format!("/invitation/{token}")>"Sign up"</a></p>
        }
        .into_any(),
        None => view! {
            <form class="form" method="post" action=JoinSigningUp::PATH novalidate>
                <input type="hidden" name="token" value=token.clone() />
                <TextField form=form.clone() name="user_name" label="Your name" autocomplete="name" />
                <TextField form=form.clone() name="email" label="E-mail address" kind="email" initial=invited.email autocomplete="username" />
                <TextField
                    form=form.clone()
                    name="password"
                    label="Password"
                    kind="password"
                    autocomplete="new-password"
                    help="At least 12 characters. A few words are easy to remember and hard to guess."
                />
                <SubmitButton kind>"Sign up and join"</SubmitButton>
            </form>
            <p class="aside">"Have you signed up before? " <a href=format!("/invitation/{token}?{KNOWN}=yes")>"Sign in instead"</a></p>
        }
        .into_any(),
    };
    view! {
        <h1>{heading}</h1>
        <p class="lead">{lead}</p>
        <ErrorSummary form fields=FIELDS />
        {link}
        {or}
        {body}
        <p class="aside">"The invitation can be taken once. It ends "<Time at=invited.expires_at />"."</p>
    }
}
