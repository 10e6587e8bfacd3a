//! Signing in.

use leptos::prelude::*;
use leptos_meta::Title;

use crate::{
    components::{
        button::{ButtonKind, SubmitButton},
        field::{ErrorSummary, TextField},
        icon::Mark,
    },
    error::AppError,
    flash::Form,
};

/// Signs in and leads to the start page.
#[server(endpoint = "sign_in")]
pub async fn sign_in(email: String, password: String) -> Result<(), AppError> {
    use crate::session::{hub, sign_in_as};
    let form = model::view::SignIn { email: email.clone(), password };
    match hub().sign_in(form, server::client_address().await).await {
        Ok(actor) => {
            sign_in_as(&actor).await?;
            leptos_axum::redirect("/");
            Ok(())
        }
        Err(error) => Err(crate::flash::fail("/sign-in", &[("email", &email)], error).await),
    }
}

#[cfg(feature = "ssr")]
pub(super) mod server {
    use std::net::{IpAddr, SocketAddr};

    use axum::extract::ConnectInfo;

    /// Where the request comes from. Behind a proxy it is the proxy's, which then should limit attempts itself.
    pub(crate) async fn client_address() -> Option<IpAddr> {
        leptos_axum::extract::<ConnectInfo<SocketAddr>>().await.ok().map(|info| info.0.ip())
    }
}

/// The page.
#[component]
pub fn SignInPage() -> impl IntoView {
    let action = ServerAction::<SignIn>::new();
    let live = Signal::derive(move || action.value().with(|value| value.as_ref()?.as_ref().err()?.hub().cloned()));
    let form = Form::new(|| "/sign-in".to_owned(), live);
    view! {
        <Title text="Sign in" />
        <main id="main" class="door">
            <Mark />
            <h1>"Sign in to Usher"</h1>
            <Suspense>
                {move || Suspend::new(async move {
                    let state = form.state().await;
                    view! {
                        <ActionForm action=action attr:class="form" attr:novalidate=true>
                            <ErrorSummary form=state.clone() fields=&[("email", "E-mail address"), ("password", "Password")] />
                            <TextField form=state.clone() name="email" label="E-mail address" kind="email" autocomplete="username" autofocus=true />
                            <TextField form=state name="password" label="Password" kind="password" autocomplete="current-password" />
                            <SubmitButton kind=ButtonKind::Primary pending=action.pending()>"Sign in"</SubmitButton>
                        </ActionForm>
                    }
                })}
            </Suspense>
            <p class="aside">"No account yet? " <a href="/sign-up">"Sign up"</a></p>
        </main>
    }
}
