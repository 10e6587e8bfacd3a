//! What a person changes of themselves: name, e-mail address, password; and the accounts that they are in.
//!
//! The forms are posted by the browser itself, with the program and without: the name stands on every page.

use leptos::{prelude::*, server_fn::ServerFn};
use model::people::{AccountChoice, Presence};

use crate::{
    components::{
        button::{ButtonKind, SubmitButton},
        field::{ErrorSummary, TextField},
        notice::{Done, Trouble},
        page::PageHead,
        skeleton::Skeleton,
    },
    error::AppError,
    flash::{Form, FormState},
    session::{SwitchAccount, who_is_here},
};

/// The page's path.
pub(crate) const PATH: &str = "/profile";

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

/// Sets a new password; the person's other sessions end.
#[server(endpoint = "change_password", protocol = crate::Called)]
pub async fn change_password(current_password: String, new_password: String) -> Result<String, AppError> {
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
    view! {
        <PageHead title="Your profile" lead="The same in every account that you are in." />
        <Suspense fallback=|| view! { <Skeleton /> }>
            {move || Suspend::new(async move {
                let form = form.state().await;
                match here.await {
                    Ok(here) => view! { <Content here form /> }.into_any(),
                    Err(error) => view! { <Trouble error /> }.into_any(),
                }
            })}
        </Suspense>
    }
}

#[component]
fn Content(here: Presence, form: FormState) -> impl IntoView {
    let Presence { actor, accounts } = here;
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
                <TextField form=form.clone() name="email" label="E-mail address" kind="email" initial=actor.email autocomplete="username" help="You sign in with it." />
                <TextField
                    form=form.clone()
                    name="email_password"
                    label="Present password, to change the address"
                    kind="password"
                    autocomplete="current-password"
                />
                <SubmitButton kind=ButtonKind::Primary>"Save"</SubmitButton>
            </form>
        </section>
        <section aria-labelledby="password">
            <h2 id="password">"Password"</h2>
            <form class="form" method="post" action=ChangePassword::PATH novalidate>
                <TextField form=form.clone() name="current_password" label="Present password" kind="password" autocomplete="current-password" />
                <TextField
                    form
                    name="new_password"
                    label="New password"
                    kind="password"
                    autocomplete="new-password"
                    help="At least 12 characters. Wherever else you are signed in, you are signed out."
                />
                <SubmitButton>"Change the password"</SubmitButton>
            </form>
        </section>
        <section aria-labelledby="accounts">
            <h2 id="accounts">"Your accounts"</h2>
            <ul class="plain-list accounts">{accounts}</ul>
        </section>
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
