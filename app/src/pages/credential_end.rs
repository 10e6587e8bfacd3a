//! When the credential ends with which Usher calls an endpoint: as its authorisation server says, or noted by an admin, so that people are told in time.

use leptos::prelude::*;
use model::view::CredentialEndView;

use crate::{
    actions::{ActionForm, ServerAction},
    components::{
        button::SubmitButton,
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
) -> impl IntoView {
    let outcome = move || {
        action.value().with(|value| match value {
            Some(Ok(notice)) => Some(view! { <Done text=notice.clone() /> }.into_any()),
            Some(Err(error)) => Some(view! { <Trouble error=error.clone() /> }.into_any()),
            None => None,
        })
    };
    let CredentialEndView { noted, told, has_ended } = ends;
    let said = match (&noted, told.is_some()) {
        (None, false) => Some("No end is known. If the key or token that Usher calls it with ends, note the day, and people are told before.".to_owned()),
        (None, true) => None,
        (Some(day), _) => Some(format!("What Usher calls it with ends on {day} (UTC), as was noted. People are told before.")),
    };
    let told = told.map(|at| {
        let (before, after) = if has_ended {
            ("Its authorisation server has given nothing more for it since ", ". Connect it anew.")
        } else {
            ("Its authorisation server says that it gives nothing more for it after ", ". People are told before.")
        };
        view! { <p>{before}<Time at />{after}</p> }
    });
    view! {
        <section aria-labelledby="credential-end">
            <h2 id="credential-end">"When its credential ends"</h2>
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
        </section>
    }
}
