//! Last step: all of it on one page, and the submission.

use std::sync::Arc;

use leptos::{prelude::*, server_fn::ServerFn};
use model::application::{ApplicationDraft, ApplicationPage, VersionState};

use super::{
    application::page_of_application,
    lines::Lines,
    steps::{Step, step_page},
};
use crate::{
    components::{
        button::{ButtonKind, SubmitButton},
        field::TextArea,
        icon::{Icon, IconName},
        notice::Trouble,
        skeleton::Skeleton,
    },
    error::AppError,
    flash::FormState,
};

/// Submits the draft for review.
#[server(endpoint = "submit_application", protocol = crate::Called)]
pub async fn submit_application(id: String, #[server(default)] note: String) -> Result<(), AppError> {
    let (hub, actor) = (crate::session::hub()?, crate::session::actor().await?);
    let submitted = async {
        let id = crate::pages::parse_id(&id, "application")?;
        hub.submit_application(&actor, &id, &note).await
    };
    match submitted.await {
        Ok(()) => {
            let path = format!("/applications/{id}");
            let notice =
                Some("It is in review. An operator of this Usher decides; you see here what they say.".to_owned());
            crate::flash::leave(&path, crate::flash::Flash { notice, ..crate::flash::Flash::default() }).await?;
            leptos_axum::redirect(&path);
            Ok(())
        }
        Err(error) => Err(crate::flash::fail(&Step::Submit.path(&id), &[("note", &note)], error).await),
    }
}

/// The page.
#[component]
pub fn SubmitPage() -> impl IntoView {
    let lead = "All that it says, as the operator will see it.";
    step_page(Step::Submit, lead, &[("note", "Note to the operator")], Arc::new(body))
}

fn body(draft: ApplicationDraft, form: FormState) -> AnyView {
    let id = draft.id.to_string();
    let page = crate::answers::ask(move || id.clone(), page_of_application);
    view! {
        <Missing draft=draft.clone() />
        <SubmitForm draft form />
        <Suspense fallback=|| view! { <Skeleton /> }>
            {move || Suspend::new(async move {
                match page.await {
                    Ok(ApplicationPage { lines, entry, .. }) => {
                        let approved_version = entry.approved_version.filter(|approved| *approved != entry.version);
                        view! {
                            <section aria-labelledby="says">
                                <h2 id="says">"What it says"</h2>
                                <Lines lines approved_version />
                            </section>
                        }
                            .into_any()
                    }
                    Err(error) => view! { <Trouble error /> }.into_any(),
                }
            })}
        </Suspense>
    }
    .into_any()
}

#[component]
fn Missing(draft: ApplicationDraft) -> impl IntoView {
    let id = draft.id.to_string();
    let items: Vec<_> = draft
        .missing
        .into_iter()
        .map(|missing| {
            let step = Step::of_word(&missing.step).unwrap_or(Step::About);
            view! { <li>{missing.message}" "<a href=step.path(&id)>{format!("To the step {}", step.label())}</a></li> }
        })
        .collect();
    (!items.is_empty()).then(|| {
        view! {
            <div class="notice warn">
                <Icon name=IconName::Warning />
                <div>
                    <p><strong>"It can’t be submitted yet."</strong></p>
                    <ul>{items}</ul>
                </div>
            </div>
        }
    })
}

#[component]
fn SubmitForm(draft: ApplicationDraft, form: FormState) -> impl IntoView {
    let can = draft.missing.is_empty()
        && matches!(draft.state, VersionState::Draft | VersionState::Rejected)
        && crate::pages::may_connect();
    can.then(|| {
        view! {
            <form class="form" method="post" action=SubmitApplication::url()>
                <input type="hidden" name="id" value=draft.id.to_string() />
                <TextArea form name="note" label="Note to the operator" rows=3 help="What they should know, if anything. It stays in the history." />
                <SubmitButton kind=ButtonKind::Primary>"Submit for review"</SubmitButton>
            </form>
        }
    })
}
