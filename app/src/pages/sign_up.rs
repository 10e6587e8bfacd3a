//! Signing up: an account and its first admin.

use leptos::prelude::*;
use leptos_meta::Title;

use crate::{
    actions::{ActionForm, ServerAction},
    components::{
        button::{ButtonKind, SubmitButton},
        field::{ErrorSummary, TextField},
        icon::Mark,
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
    view! {
        <Title text="Sign up" />
        <main id="main" class="door">
            <Mark />
            <h1>"Sign up for Usher"</h1>
            <p class="lead">"This makes an account for your organisation, with you as its admin."</p>
            <Suspense>
                {move || Suspend::new(async move {
                    let state = form.state().await;
                    view! {
                        <ActionForm action=action attr:class="form" attr:novalidate=true>
                            <ErrorSummary form=state.clone() fields=FIELDS />
                            <TextField form=state.clone() name="account_name" label="Organisation" autocomplete="organization" autofocus=true />
                            <TextField form=state.clone() name="user_name" label="Your name" autocomplete="name" />
                            <TextField form=state.clone() name="email" label="E-mail address" kind="email" autocomplete="username" />
                            <TextField
                                form=state
                                name="password"
                                label="Password"
                                kind="password"
                                autocomplete="new-password"
                                help="At least 12 characters. A few words are easy to remember and hard to guess."
                            />
                            <SubmitButton kind=ButtonKind::Primary pending=action.pending()>"Sign up"</SubmitButton>
                        </ActionForm>
                    }
                })}
            </Suspense>
            <p class="aside">"Have an account? " <a href="/sign-in">"Sign in"</a></p>
        </main>
    }
}
