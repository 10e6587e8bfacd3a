//! Signing up: an account and its first admin.

use leptos::prelude::*;
use leptos_meta::Title;

use model::people::WaysIn;

use super::identity::{Or, ProviderLink, provider_path, ways_at_the_door};
use crate::{
    actions::{ActionForm, ServerAction},
    components::{
        button::{ButtonKind, SubmitButton},
        field::{ErrorSummary, TextField},
        icon::Mark,
        notice::Trouble,
    },
    error::AppError,
    flash::Form,
};

/// Makes the account, signs in and leads to the start page.
#[server(endpoint = "sign_up", protocol = crate::Called)]
pub async fn sign_up(account_name: String, user_name: String, email: String, password: String) -> Result<(), AppError> {
    use crate::session::{hub, sign_in_as};
    let form = model::view::SignUp {
        account_name: account_name.clone(),
        user_name: user_name.clone(),
        email: email.clone(),
        password,
    };
    match hub()?.sign_up(form).await {
        Ok(actor) => {
            sign_in_as(&actor).await?;
            leptos_axum::redirect("/");
            Ok(())
        }
        Err(error) => {
            let typed = [("account_name", account_name.as_str()), ("user_name", &user_name), ("email", &email)];
            Err(crate::flash::fail("/sign-up", &typed, error).await)
        }
    }
}

const FIELDS: &[(&str, &str)] = &[
    ("account_name", "Organisation"),
    ("user_name", "Your name"),
    ("email", "E-mail address"),
    ("password", "Password"),
];

/// The page.
#[component]
pub fn SignUpPage() -> impl IntoView {
    let action = ServerAction::<SignUp>::new();
    let live = action.problem();
    let form = Form::new(|| "/sign-up".to_owned(), live);
    let ways = crate::answers::ask(|| (), |()| ways_at_the_door());
    view! {
            <Title text="Sign up" />
            <main id="main" class="door">
                <Mark />
                <h1>"Sign up for Usher"</h1>
                <Suspense>
                    {move || Suspend::new(async move {
                        let state = form.state().await;
                        let WaysIn { provider, passwords, sign_up } = match ways.await {
                            Ok(ways) => ways,
                            Err(error) => return view! { <Trouble error /> }.into_any(),
                        };
                        if !sign_up {
                            return view! {
                                <p class="notice warn">
                                    <span>
                                        "Here only people with an invitation come in. Ask an admin of your organisation's account for one, and open its link."
                                    </span>
                                </p>
                            }
                            .into_any();
                        }
                        let kind = if provider.is_some() { ButtonKind::Secondary } else { ButtonKind::Primary };
                        let link = provider.map(|provider| {
                            view! { <ProviderLink words="Sign up with" provider href=provider_path("") /> }
                        });
                        let summary = state.clone();
    let or = (link.is_some() && passwords).then(|| view! { <Or /> });
                        let by_password = passwords.then(|| view! {
                            <ActionForm action=action attr:class="form" attr:novalidate=true>
                                <TextField form=state.clone() name="account_name" label="Organisation" autocomplete="organization" autofocus=true />
                                <TextField form=state.clone() name="user_name" label="Your name" autocomplete="name" />
                                <TextField form=state.clone() name="email" label="E-mail address" kind="email" autocomplete="username" />
                                <TextField
                                    form=state.clone()
                                    name="password"
                                    label="Password"
                                    kind="password"
                                    autocomplete="new-password"
                                    help="At least 12 characters. A few words are easy to remember and hard to guess."
                                />
                                <SubmitButton kind pending=action.pending()>"Sign up"</SubmitButton>
                            </ActionForm>
                        });
                        view! {
                            <p class="lead">"This makes an account for your organisation, with you as its admin."</p>
                            <ErrorSummary form=summary fields=FIELDS />
                            {link}
                            {or}
                            {by_password}
                        }
                        .into_any()
                    })}
                </Suspense>
                <p class="aside">"Have an account? " <a href="/sign-in">"Sign in"</a></p>
            </main>
        }
}
