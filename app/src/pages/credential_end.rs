//! What Usher calls an endpoint with: when it ends, as its authorisation server says or as an admin noted, so that people are told in time; and the way to
//! other credentials.

use leptos::prelude::*;
use model::view::CredentialEndView;

use crate::{
    actions::{ActionForm, ServerAction},
    components::{
        button::{ButtonLink, SubmitButton},
        notice::{Done, Trouble},
        time::Time,
    },
    error::AppError,
};

/// When the credential of an endpoint ends, where that is known.
#[server(endpoint = "credential_end", protocol = crate::Called)]
pub async fn credential_end(id: String) -> Result<CredentialEndView, AppError> {
    let actor = crate::session::actor().await?;
    let found = async { crate::session::hub()?.credential_end(&actor, &super::parse_id(&id, "endpoint")?).await };
    crate::session::answer(found.await).await
}

/// Notes that day; nothing when it is not known.
#[server(endpoint = "note_credential_end", protocol = crate::Called)]
pub async fn note_credential_end(id: String, #[server(default)] credential_end: String) -> Result<String, AppError> {
    let actor = crate::session::actor().await?;
    let path = format!("/endpoints/{id}");
    let noted = async {
        let hub = crate::session::hub()?;
        hub.note_credential_end(&actor, &super::parse_id(&id, "endpoint")?, &credential_end).await
    };
    match noted.await {
        Ok(()) if credential_end.trim().is_empty() => {
            crate::flash::done(&path, "No end is noted any more.".to_owned()).await
        }
        Ok(()) => crate::flash::done(&path, "Noted. People are told before that day.".to_owned()).await,
        Err(error) => Err(crate::flash::fail(&path, &[("credential_end", &credential_end)], error).await),
    }
}

/// The day, and for admins the form to note another.
#[component]
pub fn CredentialEnd(
    /// The endpoint.
    id: String,
    /// What is known.
    ends: CredentialEndView,
    /// Posts the form.
    action: ServerAction<NoteCredentialEnd>,
    /// It is given by a person, who can give another: by consenting, or by entering it.
    change: Option<bool>,
) -> impl IntoView {
    let outcome = move || {
        action.value().with(|value| match value {
            Some(Ok(notice)) => Some(view! { <Done text=notice.clone() /> }.into_any()),
            Some(Err(error)) => Some(view! { <Trouble error=error.clone() /> }.into_any()),
            None => None,
        })
    };
    let CredentialEndView { noted, told, has_ended, is_renewed } = ends;
    let said = match (&noted, told.is_some()) {
        (None, false) => Some("No end is known. If the key or token that Usher calls it with ends, note the day, and people are told before.".to_owned()),
        (None, true) => None,
        (Some(day), _) => Some(format!("What Usher calls it with ends on {day} (UTC), as was noted. People are told before.")),
    };
    let told = told.map(|at| {
        let (before, after) = if has_ended {
            ("Its authorisation server has given nothing more for it since ", ".")
        } else if is_renewed {
            ("Usher renews it by itself. Without that its authorisation server would give nothing more for it after ", ".")
        } else {
            ("Its authorisation server says that it gives nothing more for it after ", ". People are told before.")
        };
        view! { <p>{before}<Time at />{after}</p> }
    });
    let href = format!("/endpoints/{id}/credentials");
    let change = change.filter(|_| super::may_connect()).map(|by_consent| {
        let words = if by_consent { "Consent again" } else { "Change credentials" };
        view! { <p class="change-credentials"><ButtonLink href>{words}</ButtonLink></p> }
    });
    view! {
        <section aria-labelledby="credential-end">
            <h2 id="credential-end">"Credentials"</h2>
            {told}
            {said.map(|said| view! { <p>{said}</p> })}
            {super::may_connect()
                .then(|| {
                    view! {
                        <ActionForm action=action attr:class="credential-end" attr:novalidate=true>
                            <input type="hidden" name="id" value=id />
                            <label for="credential_end">"Day"</label>
                            <input id="credential_end" name="credential_end" type="date" value=noted.unwrap_or_default() />
                            <SubmitButton pending=action.pending()>"Note it"</SubmitButton>
                        </ActionForm>
                    }
                })}
            <div>{outcome}</div>
            {change}
        </section>
    }
}
