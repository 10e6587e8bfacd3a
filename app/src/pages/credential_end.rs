//! When the credential ends with which Usher calls an endpoint: noted by an admin, so that people are told in time.

use leptos::{form::ActionForm, prelude::*};

use crate::{
    components::{button::SubmitButton, notice::Trouble},
    error::AppError,
};

/// The day on which the credential of an endpoint ends, where somebody said so.
#[server(endpoint = "credential_end")]
pub async fn credential_end(id: String) -> Result<Option<String>, AppError> {
    let actor = crate::session::actor().await?;
    let found = async { crate::session::hub().credential_end(&actor, &super::parse_id(&id, "endpoint")?).await };
    crate::session::answer(found.await).await
}

/// Notes that day; nothing when it is not known.
#[server(endpoint = "note_credential_end")]
pub async fn note_credential_end(id: String, #[server(default)] credential_end: String) -> Result<String, AppError> {
    let actor = crate::session::actor().await?;
    let path = format!("/endpoints/{id}");
    let noted = async {
        let hub = crate::session::hub();
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
) -> impl IntoView {
    let action = ServerAction::<NoteCredentialEnd>::new();
    let endpoint = id.clone();
    let found =
        Resource::new_blocking(move || (endpoint.clone(), action.version().get()), |(id, _)| credential_end(id));
    let outcome = move || {
        action.value().with(|value| match value {
            Some(Ok(notice)) => Some(view! { <span role="status">{notice.clone()}</span> }.into_any()),
            Some(Err(error)) => Some(view! { <Trouble error=error.clone() /> }.into_any()),
            None => None,
        })
    };
    let may_change = super::may_connect();
    view! {
        <section aria-labelledby="credential-end">
            <h2 id="credential-end">"When its credential ends"</h2>
            <Transition>
                {
                    let id = id.clone();
                    move || {
                        let id = id.clone();
                        Suspend::new(async move {
                            let day = match found.await {
                                Ok(day) => day.unwrap_or_default(),
                                Err(error) => return view! { <Trouble error /> }.into_any(),
                            };
                            let said = if day.is_empty() {
                                "No end is known. If the key or token that Usher calls it with ends, note the day, and people are told before.".to_owned()
                            } else {
                                format!("What Usher calls it with ends on {day} (UTC). People are told before.")
                            };
                            view! {
                                <p>{said}</p>
                                {may_change
                                    .then(|| {
                                        view! {
                                            <ActionForm action=action attr:class="credential-end" attr:novalidate=true>
                                                <input type="hidden" name="id" value=id />
                                                <label for="credential_end">"Day"</label>
                                                <input id="credential_end" name="credential_end" type="date" value=day />
                                                <SubmitButton pending=action.pending()>"Note it"</SubmitButton>
                                            </ActionForm>
                                        }
                                    })}
                            }
                                .into_any()
                        })
                    }
                }
            </Transition>
            <div>{outcome}</div>
        </section>
    }
}
