//! Click to Connect, second step: address and key, a live test, and the connection.

use leptos::prelude::*;
use model::view::{ApplicationView, ConnectionReport};

use crate::{
    components::{
        badge::{Badge, Tone},
        button::{ButtonKind, SubmitButton},
        field::{ErrorSummary, TextField},
        notice::Trouble,
        page::PageHead,
        skeleton::Skeleton,
    },
    error::AppError,
    flash::{Form, FormState},
};

/// The application.
#[server(endpoint = "application")]
pub async fn application(id: String) -> Result<ApplicationView, AppError> {
    let actor = crate::session::actor().await?;
    let found = async { crate::session::hub().application(&actor, &super::parse_id(&id, "application")?).await };
    crate::session::answer(found.await).await
}

/// Tests the connection, and connects when `intent` is `connect` and every step went well. Says how each step went. An application that calls
/// Usher has no address, and is connected without a test.
#[server(endpoint = "connect")]
pub async fn connect(
    application_id: String,
    name: String,
    #[server(default)] base_url: String,
    #[server(default)] authentication_key: String,
    intent: String,
) -> Result<ConnectionReport, AppError> {
    let actor = crate::session::actor().await?;
    let hub = crate::session::hub();
    let page = format!("/connect/{application_id}");
    let typed = [("name", name.as_str()), ("base_url", base_url.as_str())];
    let form = model::view::Connect {
        application_id: application_id.clone(),
        name: name.clone(),
        base_url: base_url.clone(),
        authentication_key,
    };
    let known = async { hub.application(&actor, &super::parse_id(&application_id, "application")?).await };
    if let Ok(ApplicationView { is_called: false, .. }) = known.await {
        return match hub.connect_endpoint(&actor, form).await {
            Ok(id) => {
                let path = format!("/endpoints/{id}");
                let notice = Some(format!("{} may call. Make its key below.", name.trim()));
                crate::flash::leave(&path, crate::flash::Flash { notice, ..crate::flash::Flash::default() }).await?;
                leptos_axum::redirect(&path);
                Ok(ConnectionReport { steps: Vec::new() })
            }
            Err(error) => Err(crate::flash::fail(&page, &typed, error).await),
        };
    }
    let report = match hub.test_connection(&actor, &form).await {
        Ok(report) => report,
        Err(error) => return Err(crate::flash::fail(&page, &typed, error).await),
    };
    if intent == "connect" && report.passed() {
        return match hub.connect_endpoint(&actor, form).await {
            Ok(id) => {
                let path = format!("/endpoints/{id}");
                let notice = Some(format!("{} is connected.", name.trim()));
                let values = [(REPORT.to_owned(), serde_json::to_string(&report).unwrap_or_default())].into();
                crate::flash::leave(&path, crate::flash::Flash { values, notice, error: None }).await?;
                leptos_axum::redirect(&path);
                Ok(report)
            }
            Err(error) => Err(crate::flash::fail(&page, &typed, error).await),
        };
    }
    if crate::flash::is_plain_form_post().await {
        // Without the program the report goes back to the page through the session, with what was typed.
        let mut values: std::collections::BTreeMap<String, String> =
            typed.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        values.insert(REPORT.to_owned(), serde_json::to_string(&report).unwrap_or_default());
        crate::flash::leave(&page, crate::flash::Flash { values, ..crate::flash::Flash::default() }).await?;
        leptos_axum::redirect(&page);
    }
    Ok(report)
}

/// Where the report stands among what is left for the next page.
pub(super) const REPORT: &str = "report";

const FIELDS: &[(&str, &str)] =
    &[("name", "Name"), ("base_url", "Address"), ("authentication_key", "Authentication key")];

/// The page.
#[component]
pub fn ConnectApplicationPage() -> impl IntoView {
    let id = super::address_part("application");
    let found = crate::answers::ask(move || id.get(), application);
    let action = ServerAction::<Connect>::new();
    let live = Signal::derive(move || action.value().with(|value| value.as_ref()?.as_ref().err()?.hub().cloned()));
    let form = Form::new(move || format!("/connect/{}", id.get()), live);
    view! {
        <Suspense fallback=|| view! { <Skeleton /> }>
            {move || Suspend::new(async move {
                let state = form.state().await;
                match found.await {
                    Ok(application) => view! { <ConnectForm application state action /> }.into_any(),
                    Err(error) => view! { <PageHead title="Connect" /><Trouble error /> }.into_any(),
                }
            })}
        </Suspense>
    }
}

#[component]
fn ConnectForm(application: ApplicationView, state: FormState, action: ServerAction<Connect>) -> impl IntoView {
    let above = vec![("/endpoints".to_owned(), "Endpoints".to_owned()), ("/connect".to_owned(), "Connect".to_owned())];
    if !super::may_connect() {
        return view! {
            <PageHead title=format!("Connect {}", application.name) above=above />
            <p class="notice warn">"Only an admin of your account can connect applications. Ask one of them."</p>
        }
        .into_any();
    }
    if !application.is_called {
        return view! { <CallingForm application state action /> }.into_any();
    }
    let first: Option<ConnectionReport> = serde_json::from_str(&state.value(REPORT)).ok();
    let report = move || {
        let live = action.value().with(|value| value.as_ref().and_then(|value| value.as_ref().ok().cloned()));
        let shown = if cfg!(feature = "ssr") { first.clone() } else { live.or_else(|| first.clone()) };
        shown.map(|report| view! { <Report report /> })
    };
    view! {
        <PageHead title=format!("Connect {}", application.name) above=above lead=application.description />
        <div class="beside">
            <ActionForm action=action attr:class="form" attr:novalidate=true>
                <ErrorSummary form=state.clone() fields=FIELDS />
                <input type="hidden" name="application_id" value=application.id.to_string() />
                <TextField
                    form=state.clone()
                    name="name"
                    label="Name"
                    initial=application.name
                    help="How your colleagues will know it, for instance “CRM Europe”."
                />
                <TextField
                    form=state.clone()
                    name="base_url"
                    label="Address"
                    kind="url"
                    initial=application.default_base_url.unwrap_or_default()
                    help="Where the application answers; Usher calls v1/… below it."
                />
                <TextField
                    form=state
                    name="authentication_key"
                    label="Authentication key"
                    kind="password"
                    help=format!("{} Kept sealed; never shown again.", application.key_help)
                />
                <div class="actions">
                    <SubmitButton kind=ButtonKind::Primary name="intent" value="connect" pending=action.pending()>"Connect"</SubmitButton>
                    <SubmitButton name="intent" value="test" pending=action.pending()>"Test connection"</SubmitButton>
                </div>
            </ActionForm>
            <section class="report" aria-live="polite" aria-labelledby="test">
                <h2 id="test">"Connection test"</h2>
                <p class="soft" hidden=move || !action.pending().get()>"Calling the application …"</p>
                <p class="soft">"Usher calls the application step by step before anything is saved."</p>
                {report}
            </section>
        </div>
    }
    .into_any()
}

/// For an application that calls Usher: only a name is needed, the key comes next.
#[component]
fn CallingForm(application: ApplicationView, state: FormState, action: ServerAction<Connect>) -> impl IntoView {
    let above = vec![("/endpoints".to_owned(), "Endpoints".to_owned()), ("/connect".to_owned(), "Connect".to_owned())];
    view! {
        <PageHead title=format!("Connect {}", application.name) above=above lead=application.description />
        <ActionForm action=action attr:class="form" attr:novalidate=true>
            <ErrorSummary form=state.clone() fields=FIELDS />
            <input type="hidden" name="application_id" value=application.id.to_string() />
            <TextField
                form=state
                name="name"
                label="Name"
                initial=application.name
                help="How your colleagues will know it, for instance “Shop behind the firewall”."
            />
            <p class="soft">{application.key_help}</p>
            <div class="actions">
                <SubmitButton kind=ButtonKind::Primary name="intent" value="connect" pending=action.pending()>"Connect"</SubmitButton>
            </div>
        </ActionForm>
    }
}

/// How each step of a test went.
#[component]
pub(super) fn ReportSteps(
    /// The test.
    report: ConnectionReport,
) -> impl IntoView {
    let steps: Vec<_> = report
        .steps
        .into_iter()
        .map(|step| {
            let (tone, word) = match step.passed {
                Some(true) => (Tone::Good, "Passed"),
                Some(false) => (Tone::Bad, "Failed"),
                None => (Tone::Neutral, "Not tried"),
            };
            view! {
                <li>
                    <p class="step"><strong>{step.name}</strong><Badge tone text=word /><span class="soft">{format!("{}\u{a0}ms", step.duration_ms)}</span></p>
                    <p>{step.detail}</p>
                </li>
            }
        })
        .collect();
    view! { <ol class="steps-report">{steps}</ol> }
}

#[component]
fn Report(report: ConnectionReport) -> impl IntoView {
    let verdict = if report.passed() {
        "Every step went well. You can connect it."
    } else {
        "It can't be connected so. Nothing was saved."
    };
    view! {
        <ReportSteps report />
        <p class="verdict"><strong>{verdict}</strong></p>
    }
}
