//! Third step: where the application answers.
#![expect(clippy::too_many_arguments, reason = "a server function has one for each input of its form")]

use std::sync::Arc;

use leptos::{prelude::*, server_fn::ServerFn};
use model::application::ApplicationDraft;

use super::steps::{Step, StepInputs, step_page};
use crate::{
    components::{
        button::{ButtonKind, SubmitButton},
        field::TextField,
        stale::Seen,
    },
    error::AppError,
    flash::FormState,
};

const FIELDS: &[(&str, &str)] = &[
    ("base", "Address"),
    ("contact", "Contact address"),
    ("endpoint", "Address of v1/endpoint"),
    ("segments", "Address of v1/segments"),
    ("jobs", "Address of v1/jobs"),
    ("health", "Address of v1/health"),
];

/// Saves the step.
#[server(endpoint = "save_application_addresses", protocol = crate::Called)]
pub async fn save_application_addresses(
    id: String,
    #[server(default)] base: String,
    #[server(default)] contact: String,
    #[server(default)] endpoint: String,
    #[server(default)] segments: String,
    #[server(default)] jobs: String,
    #[server(default)] health: String,
    #[server(default)] seen: Seen,
) -> Result<(), AppError> {
    use model::application::form::{Change, UrlsForm};
    let form = UrlsForm { base, contact, endpoint, segments, jobs, health };
    let typed = vec![
        ("base", form.base.as_str()),
        ("contact", form.contact.as_str()),
        ("endpoint", form.endpoint.as_str()),
        ("segments", form.segments.as_str()),
        ("jobs", form.jobs.as_str()),
        ("health", form.health.as_str()),
    ];
    super::steps::save(&id, Step::Urls, Change::Urls(form.clone()), Some(&seen), typed, None).await
}

/// The page.
#[component]
pub fn UrlsPage() -> impl IntoView {
    let lead =
        "Where Usher reaches it. Leave out what differs from account to account: admins enter it when they connect.";
    step_page(Step::Urls, lead, FIELDS, Arc::new(body))
}

fn body(draft: ApplicationDraft, form: FormState) -> AnyView {
    let urls = draft.definition.urls.clone();
    let (is_called, calls_usher) = (draft.definition.is_called(), draft.definition.calls_usher());
    let called = is_called.then(|| {
        let own = [
            ("endpoint", "Address of v1/endpoint", urls.endpoint.clone()),
            ("segments", "Address of v1/segments", urls.segments.clone()),
            ("jobs", "Address of v1/jobs", urls.jobs.clone()),
            ("health", "Address of v1/health", urls.health.clone()),
        ];
        let is_open = own.iter().any(|(.., url)| url.is_some()) || form.is_typed();
        let inputs: Vec<_> = own
            .into_iter()
            .map(|(name, label, url)| {
                view! { <TextField form=form.clone() name label kind="url" initial=url.unwrap_or_default() /> }
            })
            .collect();
        view! {
            <TextField
                form=form.clone()
                name="base"
                label="Address"
                kind="url"
                initial=urls.base.clone().unwrap_or_default()
                help="Usher calls v1/… below it. “{name}” stands for what each account enters at the step Credentials: https://{shop}.example.org/usher/."
            />
            <details open=is_open>
                <summary>"Addresses of single calls, where they are not below it"</summary>
                <div class="inner-form">{inputs}</div>
            </details>
        }
    });
    let calling = calls_usher.then(|| {
        view! {
            <TextField
                form=form.clone()
                name="contact"
                label="Contact address"
                kind="url"
                initial=urls.contact.clone().unwrap_or_default()
                help="Where it can be told of new jobs by a webhook, if it wants to be. Each endpoint may name one of its own."
            />
        }
    });
    let nothing = (!is_called && !calls_usher).then(|| {
        view! { <p class="soft">"Say at the step Types what it does; then it is clear which addresses it has."</p> }
    });
    view! {
        <form class="form" method="post" action=SaveApplicationAddresses::url() novalidate>
            <StepInputs draft form=form.clone() step=Step::Urls />
            {called}
            {calling}
            {nothing}
            <SubmitButton kind=ButtonKind::Primary>"Save and continue"</SubmitButton>
        </form>
    }
    .into_any()
}
