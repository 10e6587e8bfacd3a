//! Seventh step: the Test Drive, followed as it goes.
#![expect(clippy::too_many_arguments, reason = "one for each input that a way of giving credentials may ask for")]

use std::sync::Arc;

use leptos::{prelude::*, server_fn::ServerFn};
use model::application::{
    ApplicationDraft, Credentials, Definition, DriveState, DriveStep, DriveView, Verdict, VersionState,
};

use super::steps::{Step, step_page};
use crate::{
    components::{
        badge::{Badge, Tone},
        button::{ButtonKind, ButtonLink, SubmitButton},
        field::TextField,
        time::Time,
    },
    error::AppError,
    flash::FormState,
    pages::connect_application::{CONSENT, consent_link},
};

const FIELDS: &[(&str, &str)] = &[
    ("base_url", "Address"),
    ("key", "Authentication key"),
    ("user_name", "User name"),
    ("password", "Password"),
    ("client_id", "Client ID"),
    ("client_secret", "Client secret"),
];

/// How far the Test Drive is.
#[server(endpoint = "test_drive", protocol = crate::Called)]
pub async fn test_drive(id: String) -> Result<Option<DriveView>, AppError> {
    let actor = crate::session::actor().await?;
    let found = async { crate::session::hub()?.test_drive(&actor, &crate::pages::parse_id(&id, "application")?).await };
    crate::session::answer(found.await).await
}

/// Starts it; or says where the person consents first, when that is how it is called.
#[server(endpoint = "start_test_drive", protocol = crate::Called)]
pub async fn start_test_drive(
    id: String,
    #[server(default)] base_url: String,
    #[server(default)] key: String,
    #[server(default)] user_name: String,
    #[server(default)] password: String,
    #[server(default)] client_id: String,
    #[server(default)] client_secret: String,
    #[server(default)] fields: Vec<String>,
) -> Result<(), AppError> {
    let (hub, actor) = (crate::session::hub()?, crate::session::actor().await?);
    let (session, redirect) = (crate::session::secret().await?, crate::session::consent_address()?);
    let form =
        model::application::form::DriveForm { base_url, key, user_name, password, client_id, client_secret, fields };
    let started = async {
        let id = crate::pages::parse_id(&id, "application")?;
        let draft = hub.application_draft(&actor, &id).await?.definition;
        if draft.is_called() && matches!(draft.credentials, Credentials::AuthorizationCode { .. }) {
            return hub.begin_drive_consent(&actor, &id, &form, &session, &redirect).await.map(Some);
        }
        hub.start_test_drive(&actor, &id, &form).await.map(|()| None)
    };
    let path = Step::TestDrive.path(&id);
    // Keys, secrets and passwords are not given back: they would lie in the session.
    let typed = [
        ("base_url", form.base_url.as_str()),
        ("user_name", form.user_name.as_str()),
        ("client_id", form.client_id.as_str()),
    ];
    match started.await {
        Ok(consent) => {
            if let Some(url) = consent {
                let mut values: std::collections::BTreeMap<String, String> =
                    typed.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
                values.insert(CONSENT.to_owned(), url.to_string());
                crate::flash::leave(&path, crate::flash::Flash { values, ..crate::flash::Flash::default() }).await?;
            }
            leptos_axum::redirect(&path);
            Ok(())
        }
        Err(error) => Err(crate::flash::fail(&path, &typed, error).await),
    }
}

/// Makes the endpoint with which an application that calls Usher is tried, and leads there.
#[server(endpoint = "make_trial_endpoint", protocol = crate::Called)]
pub async fn make_trial_endpoint(id: String) -> Result<(), AppError> {
    let (hub, actor) = (crate::session::hub()?, crate::session::actor().await?);
    let made = async {
        let id = crate::pages::parse_id(&id, "application")?;
        hub.make_trial_endpoint(&actor, &id).await
    };
    match made.await {
        Ok(endpoint) => {
            leptos_axum::redirect(&format!("/endpoints/{endpoint}"));
            Ok(())
        }
        Err(error) => Err(crate::flash::fail(&Step::TestDrive.path(&id), &[], error).await),
    }
}

/// The page.
#[component]
pub fn TestDrivePage() -> impl IntoView {
    let lead = "Every call of the contract that it needs, made for real. It has to pass before the application can be submitted.";
    step_page(Step::TestDrive, lead, FIELDS, Arc::new(body))
}

fn body(draft: ApplicationDraft, form: FormState) -> AnyView {
    let definition = draft.definition.clone();
    let id = draft.id.to_string();
    if definition.producer.is_none() && definition.consumer.is_none() {
        return view! {
            <p class="soft">"Say first whether it offers audiences or takes them; then it is clear what there is to try."</p>
            <ButtonLink href=Step::Types.path(&id) kind=ButtonKind::Primary>"To the step Types"</ButtonLink>
        }
        .into_any();
    }
    let can_start = matches!(draft.state, VersionState::Draft | VersionState::Rejected) && crate::pages::may_connect();
    let start = can_start.then(|| view! { <Start id=id.clone() definition=definition.clone() form /> });
    let (drive, set_drive) = signal(draft.drive.clone());
    if draft.drive.as_ref().is_some_and(|drive| drive.state == DriveState::Running) {
        let id = id.clone();
        Effect::new(move |before: Option<()>| {
            if before.is_none() {
                follow(id.clone(), set_drive);
            }
        });
    }
    let next = Step::Submit.path(&id);
    view! {
        <div class="beside">
            {start}
            <section class="report" aria-labelledby="drive">
                <h2 id="drive">"Report"</h2>
                <DriveReportView drive page=Step::TestDrive.path(&id) />
            </section>
        </div>
        <div class="form-actions">
            <ButtonLink href=next>"Continue"</ButtonLink>
        </div>
    }
    .into_any()
}

#[component]
fn Start(id: String, definition: Definition, form: FormState) -> impl IntoView {
    let is_called = definition.is_called();
    let consents = is_called && matches!(definition.credentials, Credentials::AuthorizationCode { .. });
    let words = if consents { "Ask for consent" } else { "Start the Test Drive" };
    let called = is_called.then(|| {
        let credentials = match &definition.credentials {
            Credentials::Basic => view! {
                <TextField form=form.clone() name="user_name" label="User name" />
                <TextField form=form.clone() name="password" label="Password" kind="password" />
            }
            .into_any(),
            Credentials::ClientCredentials { .. } => view! {
                <TextField form=form.clone() name="client_id" label="Client ID" help="Of a client of a test account. The Test Drive gets its token from your authorisation server." />
                <TextField form=form.clone() name="client_secret" label="Client secret" kind="password" help="Not kept: it is used for this Test Drive and forgotten." />
            }
            .into_any(),
            Credentials::AuthorizationCode { .. } => {
                let consent = Some(form.value(CONSENT)).filter(|url| !url.is_empty());
                let consent = consent.map(|url| view! { <div class="notice"><div>{consent_link(&definition.name, url)}</div></div> });
                view! {
                    {consent}
                    <p class="soft">"You consent at your own authorisation server, with a test account. It leads you back, and the Test Drive begins. The token is not kept."</p>
                }
                .into_any()
            }
            Credentials::Key | Credentials::Instructions { .. } => view! {
                <TextField form=form.clone() name="key" label="Authentication key" kind="password" help="Of a test account. Not kept: it is used for this Test Drive and forgotten." />
            }
            .into_any(),
        };
        let error = form.error();
        let more: Vec<_> = definition
            .credential_fields
            .iter()
            .enumerate()
            .map(|(place, field)| {
                let name = format!("fields-{place}");
                let key = name.clone();
                let problem = Signal::derive(move || {
                    error.with(|error| error.as_ref().and_then(|error| error.problem_of(&key)).map(str::to_owned))
                });
                view! {
                    <div class="field" class:wrong=move || problem.with(Option::is_some)>
                        <label for=name.clone()>{field.label.clone()}</label>
                        <input
                            id=name.clone()
                            name=format!("fields[{place}]")
                            type=if field.secret { "password" } else { "text" }
                            autocomplete="off"
                            aria-describedby=format!("{name}-problem")
                        />
                        <p class="problem" id=format!("{name}-problem") hidden=move || problem.with(Option::is_none)>{move || problem.get()}</p>
                        <p class="help">{field.help.clone()}</p>
                    </div>
                }
            })
            .collect();
        view! {
            <TextField
                form=form.clone()
                name="base_url"
                label="Address"
                kind="url"
                initial=definition.urls.base.clone().unwrap_or_default()
                help="Of a test system: Usher makes segments there that are called “Usher Test Drive …”, with made-up people, and touches no other."
            />
            {credentials}
            {more}
        }
    });
    let trial = definition.calls_usher().then(|| {
        view! {
            <form class="form" method="post" action=MakeTrialEndpoint::url()>
                <input type="hidden" name="id" value=id.clone() />
                <p>
                    "For what it does by calling Usher, the Test Drive looks at a trial endpoint in your own account: give your program that endpoint’s key, let it describe itself, and share an audience from it or to it once."
                </p>
                <SubmitButton>"Open the trial endpoint"</SubmitButton>
            </form>
        }
    });
    view! {
        <section aria-labelledby="start-drive">
            <h2 id="start-drive">"Start"</h2>
            {trial}
            <form class="form" method="post" action=StartTestDrive::url() novalidate>
                <input type="hidden" name="id" value=id />
                {called}
                <SubmitButton kind=ButtonKind::Primary>{words}</SubmitButton>
            </form>
        </section>
    }
}

/// The report of a Test Drive, as it is now.
#[component]
pub fn DriveReportView(
    /// How it went, or how far it is.
    drive: ReadSignal<Option<DriveView>>,
    /// The page's address, to look again where the program does not run.
    #[prop(optional, into)]
    page: Option<String>,
) -> impl IntoView {
    let verdict = move || {
        drive.with(|drive| {
            let Some(drive) = drive else {
                return view! { <p class="soft">"None yet."</p> }.into_any();
            };
            let count = |wanted: Verdict| drive.report.steps.iter().filter(|step| step.verdict == wanted).count();
            let all = drive.report.steps.len();
            let (tone, word, said) = match drive.state {
                DriveState::Running => {
                    let done = all - count(Verdict::Waiting) - count(Verdict::Running);
                    (Tone::Active, "Running", format!("{done} of {all} steps are done."))
                }
                DriveState::Passed if drive.is_outdated => (
                    Tone::Warn,
                    "Passed, but outdated",
                    "What is technical about the application has changed since. Run it again.".to_owned(),
                ),
                DriveState::Passed => (Tone::Good, "Passed", format!("All that was tried of {all} steps went well.")),
                DriveState::Failed => {
                    let failed = count(Verdict::Failed);
                    (
                        Tone::Bad,
                        "Failed",
                        format!("{failed} of {all} steps failed. Mend what is said there, and start it again."),
                    )
                }
                DriveState::BrokenOff => {
                    (Tone::Warn, "Broken off", "Usher ended while it was under way. Start it again.".to_owned())
                }
            };
            let look_again = (drive.state == DriveState::Running).then(|| {
                page.clone().map(|page| view! { " "<a class="look-again" href=page rel="external">"Look again"</a> })
            });
            let by = format!("Started by {}, ", drive.started_by);
            let at = drive.started_at.clone();
            view! {
                <p class="verdict" role="status"><Badge tone text=word />" "{said}{look_again}</p>
                <p class="soft">{by}<Time at />"."</p>
            }
            .into_any()
        })
    };
    // A step is drawn anew when something of it has changed; the others keep what a person has opened in them.
    let steps = move || {
        drive.with(|drive| {
            let steps = drive.as_ref().map(|drive| drive.report.steps.clone()).unwrap_or_default();
            steps.into_iter().enumerate().collect::<Vec<_>>()
        })
    };
    view! {
        {verdict}
        <ol class="drive-steps">
            <For
                each=steps
                key=|(place, step)| (*place, step.verdict as u8, step.calls.len())
                children=|(_, step)| view! { <DriveStepView step /> }
            />
        </ol>
    }
}

#[component]
fn DriveStepView(step: DriveStep) -> impl IntoView {
    let (tone, word) = match step.verdict {
        Verdict::Waiting => (Tone::Neutral, "Waiting"),
        Verdict::Running => (Tone::Active, "Running"),
        Verdict::Passed => (Tone::Good, "Passed"),
        Verdict::Failed => (Tone::Bad, "Failed"),
        Verdict::Skipped => (Tone::Neutral, "Skipped"),
    };
    let is_open = step.verdict == Verdict::Failed;
    let total: u64 = step.calls.iter().map(|call| call.duration_ms).sum();
    let calls: Vec<_> = step
        .calls
        .into_iter()
        .map(|call| {
            let status = call.status.map_or_else(|| "no answer".to_owned(), |status| status.to_string());
            view! {
                <li>
                    <p class="call"><code>{call.request}</code><span>{status}</span><span class="soft">{format!("{}\u{a0}ms", call.duration_ms)}</span></p>
                    {call.sent.map(|sent| view! { <p class="exchange"><span class="soft">"Sent "</span><code>{sent}</code></p> })}
                    <p class="exchange"><span class="soft">"Answer "</span><code>{call.answer}</code></p>
                </li>
            }
        })
        .collect();
    let count = calls.len();
    let calls = (count > 0).then(|| {
        let summary =
            format!("{} in {total}\u{a0}ms", crate::components::count::counted(count as u64, "call", "calls"));
        view! {
            <details open=is_open>
                <summary>{summary}</summary>
                <ol class="calls">{calls}</ol>
            </details>
        }
    });
    view! {
        <li class:failed=is_open>
            <p class="drive-step"><strong>{step.name}</strong><Badge tone text=word /></p>
            <p>{step.detail}</p>
            {calls}
        </li>
    }
}

#[cfg(not(feature = "hydrate"))]
fn follow(_id: String, _set: WriteSignal<Option<DriveView>>) {}

/// Asks how far it is until it has ended, or the page is gone.
#[cfg(feature = "hydrate")]
fn follow(id: String, set: WriteSignal<Option<DriveView>>) {
    use std::time::Duration;
    const AGAIN: Duration = Duration::from_millis(700);
    leptos::task::spawn_local(async move {
        let found = test_drive(id.clone()).await;
        let goes_on = match found {
            Ok(Some(view)) => {
                let runs = view.state == DriveState::Running;
                // None is the page's end.
                set.try_set(Some(view)).is_none() && runs
            }
            Ok(None) => false,
            // A call that got lost says nothing of the drive; somebody who was signed out is told when they go on.
            Err(error) => !error.is_signed_out(),
        };
        if goes_on {
            set_timeout(move || follow(id, set), AGAIN);
        }
    });
}
