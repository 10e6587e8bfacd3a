//! Click to Connect, second step: what the application asks for, a live test, and the connection; or the way to its consent.
#![expect(clippy::too_many_arguments, reason = "one for each input that an application may ask for")]

use std::collections::BTreeMap;

use leptos::prelude::*;
use model::{
    application::{CredentialField, Credentials},
    view::{ApplicationView, ConnectionReport},
};
use serde::{Deserialize, Serialize};

use crate::{
    actions::{ActionForm, ServerAction},
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

/// The application. The steps of one that is connected by instructions come as HTML.
#[server(endpoint = "application", protocol = crate::Called)]
pub async fn application(id: String) -> Result<ApplicationView, AppError> {
    let actor = crate::session::actor().await?;
    let found = async { crate::session::hub()?.application(&actor, &super::parse_id(&id, "application")?).await };
    let mut found = crate::session::answer(found.await).await?;
    if let Credentials::Instructions { steps } = &mut found.credentials {
        *steps = crate::markdown::html(steps);
    }
    Ok(found)
}

/// What became of the form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// How each step of the test went.
    pub report: ConnectionReport,
    /// Where the person consents, when that is what comes next.
    pub consent: Option<String>,
}

/// Tests the connection, and connects when `intent` is `connect` and every step went well. Says how each step went. An application that calls
/// Usher, or is connected by its instructions, has no address yet, and is connected without a test; one that is consented to says where.
#[server(endpoint = "connect", protocol = crate::Called)]
pub async fn connect(
    application_id: String,
    name: String,
    #[server(default)] base_url: String,
    #[server(default)] authentication_key: String,
    #[server(default)] user_name: String,
    #[server(default)] password: String,
    #[server(default)] client_id: String,
    #[server(default)] client_secret: String,
    #[server(default)] fields: BTreeMap<String, String>,
    intent: String,
) -> Result<Outcome, AppError> {
    let actor = crate::session::actor().await?;
    let hub = crate::session::hub()?;
    let page = format!("/connect/{application_id}");
    let known = async { hub.application(&actor, &super::parse_id(&application_id, "application")?).await };
    let known = match known.await {
        Ok(known) => known,
        Err(error) => return Err(crate::flash::fail("/connect", &[], error).await),
    };
    // What is secret is typed again.
    let mut typed: Vec<(String, String)> = vec![
        ("name".to_owned(), name.clone()),
        ("base_url".to_owned(), base_url.clone()),
        ("user_name".to_owned(), user_name.clone()),
        ("client_id".to_owned(), client_id.clone()),
    ];
    let open = known.credential_fields.iter().filter(|field| !field.secret);
    typed.extend(open.filter_map(|field| Some((input_of(&field.name), fields.get(&field.name)?.clone()))));
    let typed: Vec<(&str, &str)> = typed.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let form = model::view::Connect {
        application_id: application_id.clone(),
        name: name.clone(),
        base_url: base_url.clone(),
        authentication_key,
        user_name: user_name.clone(),
        password,
        client_id: client_id.clone(),
        client_secret,
        fields,
    };
    let nothing = || Outcome { report: ConnectionReport { steps: Vec::new() }, consent: None };
    if let (true, Credentials::AuthorizationCode { .. }) = (known.is_called, &known.credentials) {
        let session = crate::session::secret().await?;
        let redirect = crate::session::consent_address()?;
        let url = match hub.begin_consent(&actor, &form, &session, &redirect).await {
            Ok(url) => url.to_string(),
            Err(error) => return Err(crate::flash::fail(&page, &typed, error).await),
        };
        if crate::flash::is_plain_form_post().await {
            let mut values = values_of(&typed);
            values.insert(CONSENT.to_owned(), url.clone());
            crate::flash::leave(&page, crate::flash::Flash { values, ..crate::flash::Flash::default() }).await?;
            leptos_axum::redirect(&page);
        }
        return Ok(Outcome { consent: Some(url), ..nothing() });
    }
    if !known.is_called || matches!(known.credentials, Credentials::Instructions { .. }) {
        return match hub.connect_endpoint(&actor, form).await {
            Ok(id) => {
                let path = format!("/endpoints/{id}");
                let notice = Some(format!("{} may call. Make its key below.", name.trim()));
                crate::flash::leave(&path, crate::flash::Flash { notice, ..crate::flash::Flash::default() }).await?;
                leptos_axum::redirect(&path);
                Ok(nothing())
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
                Ok(Outcome { report, consent: None })
            }
            Err(error) => Err(crate::flash::fail(&page, &typed, error).await),
        };
    }
    if crate::flash::is_plain_form_post().await {
        // Without the program the report goes back to the page through the session, with what was typed.
        let mut values = values_of(&typed);
        values.insert(REPORT.to_owned(), serde_json::to_string(&report).unwrap_or_default());
        crate::flash::leave(&page, crate::flash::Flash { values, ..crate::flash::Flash::default() }).await?;
        leptos_axum::redirect(&page);
    }
    Ok(Outcome { report, consent: None })
}

#[cfg(feature = "ssr")]
fn values_of(typed: &[(&str, &str)]) -> BTreeMap<String, String> {
    typed.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// The name of the input of something that an application needs besides.
fn input_of(name: &str) -> String {
    format!("fields[{name}]")
}

/// Where the report stands among what is left for the next page.
pub const REPORT: &str = "report";
/// Where the address of a consent stands there.
pub const CONSENT: &str = "consent";

pub(super) const FIELDS: &[(&str, &str)] = &[
    ("name", "Name"),
    ("base_url", "Address"),
    ("authentication_key", "Authentication key"),
    ("user_name", "User name"),
    ("password", "Password"),
    ("client_id", "Client ID"),
    ("client_secret", "Client secret"),
];

/// The page.
#[component]
pub fn ConnectApplicationPage() -> impl IntoView {
    let id = super::address_part("application");
    let found = crate::answers::ask(move || id.get(), application);
    let action = ServerAction::<Connect>::new();
    let live = action.problem();
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
    if !application.is_called || matches!(application.credentials, Credentials::Instructions { .. }) {
        return view! { <CallingForm application state action /> }.into_any();
    }
    let consents = matches!(application.credentials, Credentials::AuthorizationCode { .. });
    let first: Option<ConnectionReport> = crate::reading::read(state.value(REPORT).as_bytes()).ok();
    let first_consent = Some(state.value(CONSENT)).filter(|url| !url.is_empty());
    let live = move || action.value().with(|value| value.as_ref().and_then(|value| value.as_ref().ok().cloned()));
    let report = move || {
        let shown = if cfg!(feature = "ssr") { None } else { live().map(|outcome| outcome.report) };
        shown
            .filter(|report| !report.steps.is_empty())
            .or_else(|| first.clone())
            .map(|report| view! { <Report report /> })
    };
    let name = application.name.clone();
    let consent = move || {
        let url = if cfg!(feature = "ssr") { None } else { live().and_then(|outcome| outcome.consent) };
        url.or_else(|| first_consent.clone()).map(|url| consent_link(&name, url))
    };
    let inputs = inputs_of(&application, &state, &BTreeMap::new());
    let words = BesideWords { called: "application", before: "saved" };
    let beside = beside(consents, &application.name, words, action.pending(), consent.into_any(), report.into_any());
    let buttons = if consents {
        view! { <SubmitButton kind=ButtonKind::Primary name="intent" value="consent" pending=action.pending()>"Ask for consent"</SubmitButton> }.into_any()
    } else {
        view! {
            <SubmitButton kind=ButtonKind::Primary name="intent" value="connect" pending=action.pending()>"Connect"</SubmitButton>
            <SubmitButton name="intent" value="test" pending=action.pending()>"Test connection"</SubmitButton>
        }
            .into_any()
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
                    form=state
                    name="base_url"
                    label="Address"
                    kind="url"
                    initial=application.default_base_url.unwrap_or_default()
                    help="Where the application answers; Usher calls v1/… below it."
                />
                {inputs}
                <div class="actions">{buttons}</div>
            </ActionForm>
            {beside}
        </div>
    }
    .into_any()
}

/// What is said beside a form that connects.
#[derive(Clone, Copy)]
pub(super) struct BesideWords {
    /// What Usher calls.
    pub(super) called: &'static str,
    /// What has not happened before all steps went well.
    pub(super) before: &'static str,
}

/// Beside a form that connects: the consent that comes first, or how the connection test goes.
pub(super) fn beside(
    consents: bool,
    application: &str,
    BesideWords { called, before }: BesideWords,
    pending: Memo<bool>,
    consent: AnyView,
    report: AnyView,
) -> AnyView {
    if consents {
        return view! {
            <section class="report" aria-live="polite" aria-labelledby="consent">
                <h2 id="consent">"Consent"</h2>
                <p class="soft">
                    {format!("{application} asks you whether Usher may do what it needs, and leads you back. Then Usher calls it step by step, before anything is {before}.")}
                </p>
                {consent}
            </section>
        }
        .into_any();
    }
    view! {
        <section class="report" aria-live="polite" aria-labelledby="test">
            <h2 id="test">"Connection test"</h2>
            <p class="soft" hidden=move || !pending.get()>"Calling the application …"</p>
            <p class="soft">{format!("Usher calls the {called} step by step before anything is {before}.")}</p>
            {report}
        </section>
    }
    .into_any()
}

/// Leads to where the person consents.
pub(super) fn consent_link(application: &str, url: String) -> AnyView {
    let host = url.split('/').nth(2).unwrap_or_default().to_owned();
    view! {
        <p>"All is well so far. You leave Usher for " <strong>{host}</strong> "; it leads you back."</p>
        <p><a class="button primary" href=url rel="external">{format!("Continue to {application}")}</a></p>
    }
    .into_any()
}

/// The inputs for what an application asks for: credentials, and what it needs besides. They begin with what is known by their names.
pub(super) fn inputs_of(
    application: &ApplicationView,
    state: &FormState,
    known: &BTreeMap<String, String>,
) -> Vec<AnyView> {
    let help = &application.key_help;
    let field = |name: &str, label: &str, kind: &'static str, help: String| {
        let initial = known.get(name).cloned().unwrap_or_default();
        view! { <TextField form=state.clone() name=name.to_owned() label=label.to_owned() kind help initial /> }
            .into_any()
    };
    let sealed = |help: &str| format!("{help} Kept sealed; never shown again.").trim_start().to_owned();
    let mut inputs = match &application.credentials {
        Credentials::Key => vec![field("authentication_key", "Authentication key", "password", sealed(help))],
        Credentials::Basic => vec![
            field("user_name", "User name", "text", help.clone()),
            field("password", "Password", "password", sealed("")),
        ],
        Credentials::ClientCredentials { .. } => vec![
            field("client_id", "Client ID", "text", help.clone()),
            field("client_secret", "Client secret", "password", sealed("")),
        ],
        Credentials::AuthorizationCode { .. } | Credentials::Instructions { .. } => Vec::new(),
    };
    inputs.extend(application.credential_fields.iter().map(
        |CredentialField { name, label, secret, required, help, .. }| {
            let need = if *required { "" } else { " Can be left empty." };
            let (kind, help) = match secret {
                true => ("password", sealed(&format!("{help}{need}"))),
                false => ("text", format!("{help}{need}").trim().to_owned()),
            };
            field(&input_of(name), label, kind, help)
        },
    ));
    inputs
}

/// For an application that registers by itself: only a name is needed, the key comes next.
#[component]
fn CallingForm(application: ApplicationView, state: FormState, action: ServerAction<Connect>) -> impl IntoView {
    let above = vec![("/endpoints".to_owned(), "Endpoints".to_owned()), ("/connect".to_owned(), "Connect".to_owned())];
    let steps = match application.credentials {
        Credentials::Instructions { steps } => Some(steps),
        _ => None,
    };
    let help = if steps.is_some() {
        "How your colleagues will know it. The key that the steps speak of comes next."
    } else {
        "How your colleagues will know it, for instance “Shop behind the firewall”."
    };
    let steps = steps.map(|steps| {
        view! {
            <section class="report" aria-labelledby="steps">
                <h2 id="steps">{format!("What {} asks you to do", application.name)}</h2>
                <div class="prose" inner_html=steps></div>
            </section>
        }
    });
    view! {
        <PageHead title=format!("Connect {}", application.name) above=above lead=application.description />
        <div class="beside">
            <ActionForm action=action attr:class="form" attr:novalidate=true>
                <ErrorSummary form=state.clone() fields=FIELDS />
                <input type="hidden" name="application_id" value=application.id.to_string() />
                <TextField form=state name="name" label="Name" initial=application.name.clone() help=help />
                <p class="soft">{application.key_help}</p>
                <div class="actions">
                    <SubmitButton kind=ButtonKind::Primary name="intent" value="connect" pending=action.pending()>"Connect"</SubmitButton>
                </div>
            </ActionForm>
            {steps}
        </div>
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
