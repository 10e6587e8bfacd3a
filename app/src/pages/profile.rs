//! What a person changes of themselves: name, e-mail address, how they sign in; and the accounts that they are in.
//!
//! The forms are posted by the browser itself, with the program and without: the name stands on every page.

use leptos::{prelude::*, server_fn::ServerFn};
use model::people::{AccountChoice, IdentityView, Presence, SignInWays};

use crate::{
    components::{
        button::{ButtonKind, SubmitButton},
        field::{ErrorSummary, TextField},
        notice::{Done, Trouble},
        page::PageHead,
        skeleton::Skeleton,
        time::Time,
    },
    error::AppError,
    flash::{Form, FormState},
    session::{SwitchAccount, who_is_here},
};

/// The page's path.
pub const PATH: &str = "/profile";

/// Changes name and address.
#[server(endpoint = "change_profile", protocol = crate::Called)]
pub async fn change_profile(
    user_name: String,
    email: String,
    #[server(default)] email_password: String,
) -> Result<String, AppError> {
    let (hub, actor) = (crate::session::hub()?, crate::session::actor().await?);
    let typed = [("user_name", user_name.clone()), ("email", email.clone())];
    let form = model::people::ChangeProfile { user_name, email, email_password };
    match hub.change_profile(&actor, form).await {
        Ok(()) => crate::flash::done(PATH, "Saved.".to_owned()).await,
        Err(error) => {
            let typed = typed.each_ref().map(|(name, value)| (*name, value.as_str()));
            Err(crate::flash::fail(PATH, &typed, error).await)
        }
    }
}

/// Sets a new password, or the first one, which wants no present one; the person's other sessions end.
#[server(endpoint = "change_password", protocol = crate::Called)]
pub async fn change_password(
    #[server(default)] current_password: String,
    new_password: String,
) -> Result<String, AppError> {
    let (hub, actor) = (crate::session::hub()?, crate::session::actor().await?);
    let kept = crate::session::session().await?.id().map(|id| id.to_string());
    let form = model::people::ChangePassword { current_password, new_password };
    match hub.change_password(&actor, form, kept.as_deref()).await {
        Ok(()) => {
            // A stolen id of this very session is of no use either.
            crate::session::sign_in_as(&actor).await?;
            let done = "The password is changed. Wherever else you were signed in, you are no more.";
            crate::flash::done(PATH, done.to_owned()).await
        }
        Err(error) => Err(crate::flash::fail(PATH, &[], error).await),
    }
}

/// How the person signs in.
#[server(endpoint = "own_sign_in_ways", protocol = crate::Called)]
pub async fn own_sign_in_ways() -> Result<SignInWays, AppError> {
    let actor = crate::session::actor().await?;
    crate::session::answer(crate::session::hub()?.sign_in_ways(&actor).await).await
}

/// Takes a way to sign in away, unless it is the last one; the person's other sessions end.
#[server(endpoint = "disconnect_identity", protocol = crate::Called)]
pub async fn disconnect_identity(identity_id: String) -> Result<String, AppError> {
    let (hub, actor) = (crate::session::hub()?, crate::session::actor().await?);
    let kept = crate::session::session().await?.id().map(|id| id.to_string());
    let disconnected = async {
        let id = super::parse_id(&identity_id, "sign-in of yours")?;
        hub.disconnect_identity(&actor, &id, kept.as_deref()).await
    };
    match disconnected.await {
        Ok(()) => {
            crate::session::sign_in_as(&actor).await?;
            let done = "Disconnected. Wherever else you were signed in, you are no more.".to_owned();
            crate::flash::done(PATH, done).await
        }
        Err(error) => Err(crate::flash::fail(PATH, &[], error).await),
    }
}

const FIELDS: &[(&str, &str)] = &[
    ("user_name", "Your name"),
    ("email", "E-mail address"),
    ("email_password", "Present password"),
    ("current_password", "Present password"),
    ("new_password", "New password"),
];

/// The page.
#[component]
pub fn ProfilePage() -> impl IntoView {
    let form = Form::new(|| PATH.to_owned(), Signal::stored(None));
    let here = crate::answers::ask(|| (), |()| who_is_here());
    let ways = crate::answers::ask(|| (), |()| own_sign_in_ways());
    view! {
        <PageHead title="Your profile" lead="The same in every account that you are in." />
        <Suspense fallback=|| view! { <Skeleton /> }>
            {move || Suspend::new(async move {
                let form = form.state().await;
                match (here.await, ways.await) {
                    (Ok(here), Ok(ways)) => view! { <Content here ways form /> }.into_any(),
                    (Err(error), _) | (_, Err(error)) => view! { <Trouble error /> }.into_any(),
                }
            })}
        </Suspense>
    }
}

#[component]
fn Content(here: Presence, ways: SignInWays, form: FormState) -> impl IntoView {
    let Presence { actor, accounts } = here;
    let has_password = ways.has_password;
    let email_help =
        if has_password && ways.here.passwords { "You sign in with it." } else { "Alerts are mailed to it." };
    let email_password = has_password.then(|| {
        view! {
            <TextField
                form=form.clone()
                name="email_password"
                label="Present password, to change the address"
                kind="password"
                autocomplete="current-password"
            />
        }
    });
    let password = ways.here.passwords.then(|| view! { <PasswordForm has_password form=form.clone() /> });
    let provider = (ways.here.provider.is_some() || !ways.identities.is_empty()).then(|| view! { <Identities ways /> });
    let notice = form.notice().map(|text| view! { <Done text /> });
    let current = actor.account_id.to_string();
    let accounts: Vec<_> = accounts.into_iter().map(|account| account_row(account, &current)).collect();
    view! {
        {notice}
        <ErrorSummary form=form.clone() fields=FIELDS />
        <section aria-labelledby="you">
            <h2 id="you">"Name and address"</h2>
            <form class="form" method="post" action=ChangeProfile::PATH novalidate>
                <TextField form=form.clone() name="user_name" label="Your name" initial=actor.user_name autocomplete="name" />
                <TextField form=form.clone() name="email" label="E-mail address" kind="email" initial=actor.email autocomplete="username" help=email_help />
                {email_password}
                <SubmitButton kind=ButtonKind::Primary>"Save"</SubmitButton>
            </form>
        </section>
        {provider}
        {password}
        <section aria-labelledby="accounts">
            <h2 id="accounts">"Your accounts"</h2>
            <ul class="plain-list accounts">{accounts}</ul>
        </section>
    }
}

/// Changes the password, or sets the first one.
#[component]
fn PasswordForm(has_password: bool, form: FormState) -> impl IntoView {
    let present = has_password.then(|| {
        view! {
            <TextField form=form.clone() name="current_password" label="Present password" kind="password" autocomplete="current-password" />
        }
    });
    let none = (!has_password).then(|| {
        view! { <p class="soft">"You have none. With one you can sign in by your e-mail address, too."</p> }
    });
    let words = if has_password { "Change the password" } else { "Set a password" };
    view! {
        <section aria-labelledby="password">
            <h2 id="password">"Password"</h2>
            {none}
            <form class="form" method="post" action=ChangePassword::PATH novalidate>
                {present}
                <TextField
                    form
                    name="new_password"
                    label="New password"
                    kind="password"
                    autocomplete="new-password"
                    help="At least 12 characters. Wherever else you are signed in, you are signed out."
                />
                <SubmitButton>{words}</SubmitButton>
            </form>
        </section>
    }
}

/// Who the person is elsewhere, and the way to connect it.
#[component]
fn Identities(ways: SignInWays) -> impl IntoView {
    let SignInWays { here, identities, .. } = ways;
    let passwords = here.passwords;
    let is_connected = identities.iter().any(|identity| !identity.is_former);
    let connect = here.provider.filter(|_| !is_connected).map(|provider| {
        view! {
            <p class="soft">{format!("Connect {provider}, and you can sign in there instead of with a password.")}</p>
            <p><a class="button" href="/sign-in/provider?connect=yes" rel="external nofollow">{format!("Connect {provider}")}</a></p>
        }
    });
    let rows: Vec<_> = identities.into_iter().map(|identity| identity_row(identity, passwords)).collect();
    let list = (!rows.is_empty()).then(|| view! { <ul class="plain-list identities">{rows}</ul> });
    view! {
        <section aria-labelledby="sign-in">
            <h2 id="sign-in">"Signing in elsewhere"</h2>
            {list}
            {connect}
        </section>
    }
}

fn identity_row(identity: IdentityView, passwords: bool) -> impl IntoView + use<> {
    let IdentityView { id, provider, email, since, last_used_at, is_former, is_last_way } = identity;
    let way = if is_last_way {
        let why = if passwords {
            "Your only way to sign in. Set a password, and you can disconnect it."
        } else {
            "Your only way to sign in."
        };
        view! { <p class="soft">{why}</p> }.into_any()
    } else {
        view! {
            <form method="post" action=DisconnectIdentity::PATH>
                <input type="hidden" name="identity_id" value=id.to_string() />
                <button type="submit" class="button" aria-label=format!("Disconnect {provider}")>"Disconnect"</button>
            </form>
        }
        .into_any()
    };
    let email = email.map(|email| view! { <span class="breakable">{email}</span> });
    let used = if is_former {
        view! { <span class="soft">"nobody signs in there any more"</span> }.into_any()
    } else {
        let last = last_used_at.map(|at| view! { ", last used "<Time at /> });
        view! { <span class="soft">"connected "<Time at=since />{last}</span> }.into_any()
    };
    view! {
        <li>
            <strong>{provider}</strong>
            {email}
            {used}
            {way}
        </li>
    }
}

fn account_row(account: AccountChoice, current: &str) -> impl IntoView + use<> {
    let is_current = account.id.as_str() == current;
    let name = account.name.clone();
    let way = if is_current {
        view! { <span class="soft">"you are here"</span> }.into_any()
    } else {
        view! {
            <form method="post" action=SwitchAccount::PATH>
                <input type="hidden" name="account_id" value=account.id.to_string() />
                <button type="submit" class="button quiet" aria-label=format!("Go on in {name}")>"Go on there"</button>
            </form>
        }
        .into_any()
    };
    view! {
        <li>
            <strong>{account.name}</strong>
            <span class="soft">{account.role.as_str()}</span>
            {way}
        </li>
    }
}
