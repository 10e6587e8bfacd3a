//! Signing in.

use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::{use_location, use_query_map};

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
    door,
    error::AppError,
    flash::Form,
};

/// Signs in and leads to the page at `next`, or to the start page.
#[server(endpoint = "sign_in", protocol = crate::Called)]
pub async fn sign_in(email: String, password: String, #[server(default)] next: String) -> Result<(), AppError> {
    use crate::session::{hub, sign_in_as};
    let form = model::view::SignIn { email: email.clone(), password };
    match hub()?.sign_in(form, server::client_address().await).await {
        Ok(actor) => {
            sign_in_as(&actor).await?;
            leptos_axum::redirect(door::local_path(&next).unwrap_or("/"));
            Ok(())
        }
        Err(error) => Err(crate::flash::fail("/sign-in", &[("email", &email), (door::NEXT, &next)], error).await),
    }
}

#[cfg(feature = "ssr")]
pub(in crate::pages) mod server {
    use std::net::IpAddr;

    use crate::address::ClientAddress;

    /// Where the request comes from, when that is known.
    pub(crate) async fn client_address() -> Option<IpAddr> {
        leptos_axum::extract::<axum::Extension<ClientAddress>>().await.ok().and_then(|address| address.0.0)
    }
}

/// The page.
#[component]
pub fn SignInPage() -> impl IntoView {
    let action = ServerAction::<SignIn>::new();
    let live = action.problem();
    let form = Form::new(|| "/sign-in".to_owned(), live);
    let asked_for = use_location().search.with_untracked(|query| door::next_of(query)).unwrap_or_default();
    let was_signed_in = use_query_map().with_untracked(|query| query.get(door::SIGNED_OUT).is_some());
    let lead = match (was_signed_in, asked_for.is_empty()) {
        (true, true) => Some("You were signed out, because your session had ended. Sign in again."),
        (true, false) => {
            Some("You were signed out, because your session had ended. Sign in again, and you are back where you were.")
        }
        (false, false) => Some("Sign in to see the page that you asked for."),
        (false, true) => None,
    };
    let ways = crate::answers::ask(|| (), |()| ways_at_the_door());
    view! {
            <Title text="Sign in" />
            <main id="main" class="door">
                <Mark />
                <h1>"Sign in to Usher"</h1>
                {lead.map(|lead| view! { <p class="lead" role="status">{lead}</p> })}
                <Suspense>
                    {move || {
                        let asked_for = asked_for.clone();
                        Suspend::new(async move {
                            let state = form.state().await;
                            // A form that could not be taken has it too; by then it is gone from the address.
                            let next = Some(state.value(door::NEXT)).filter(|next| !next.is_empty()).unwrap_or(asked_for);
                            let WaysIn { provider, passwords, sign_up } = match ways.await {
                                Ok(ways) => ways,
                                Err(error) => return view! { <Trouble error /> }.into_any(),
                            };
                            let kind = if provider.is_some() { ButtonKind::Secondary } else { ButtonKind::Primary };
                            let link = provider.map(|provider| {
                                view! { <ProviderLink words="Sign in with" provider href=provider_path(&next) /> }
                            });
                            let summary = state.clone();
    let or = (link.is_some() && passwords).then(|| view! { <Or /> });
                            let fields: &[_] = &[("email", "E-mail address"), ("password", "Password")];
                            let form = passwords.then(|| {
                                view! {
                                    <ActionForm action=action attr:class="form" attr:novalidate=true>
                                        <input type="hidden" name=door::NEXT value=next />
                                        <TextField form=state.clone() name="email" label="E-mail address" kind="email" autocomplete="username" autofocus=true />
                                        <TextField form=state.clone() name="password" label="Password" kind="password" autocomplete="current-password" />
                                        <SubmitButton kind pending=action.pending()>"Sign in"</SubmitButton>
                                    </ActionForm>
                                }
                            });
                            let aside = (sign_up && passwords)
                                .then(|| view! { <p class="aside">"No account yet? " <a href="/sign-up">"Sign up"</a></p> });
                            view! {
                                <ErrorSummary form=summary fields />
                                {link}
                                {or}
                                {form}
                                {aside}
                            }
                            .into_any()
                        })
                    }}
                </Suspense>
            </main>
        }
}
