//! An endpoint connected anew, as the same endpoint: with other credentials or another consent, or as a newer approved version of its application. Two
//! pages with one form: the live test comes first, and what was there stays until every step of it went well.
#![expect(clippy::too_many_arguments, reason = "one for each input that an application may ask for")]

use std::collections::BTreeMap;

use leptos::prelude::*;
use leptos_router::hooks::use_query_map;
use model::{
    application::Credentials,
    view::{AccessEnd, BrokenShare, Reconnected, Reconnection},
};
use serde::{Deserialize, Serialize};

use crate::{
    actions::{ActionForm, ServerAction},
    components::{
        button::{ButtonKind, ButtonLink, SubmitButton},
        count::counted,
        field::{ErrorSummary, TextField},
        icon::{Icon, IconName},
        notice::Trouble,
        page::PageHead,
        skeleton::Skeleton,
    },
    error::AppError,
    flash::{Form, FormState},
    pages::{
        address_part,
        applications::Lines,
        connect_application::{BesideWords, CONSENT, FIELDS, ReportSteps, beside, consent_link, inputs_of},
        may_connect,
    },
};

/// What it takes to connect an endpoint anew: as it is, or as the newer version of its application.
#[server(endpoint = "anew_page", protocol = crate::Called)]
pub async fn anew_page(id: String, #[server(default)] newer: bool) -> Result<Reconnection, AppError> {
    let actor = crate::session::actor().await?;
    let found =
        async { crate::session::hub()?.reconnection(&actor, &crate::pages::parse_id(&id, "endpoint")?, newer).await };
    crate::session::answer(found.await).await
}

/// What became of the form.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Anew {
    /// How the test went, and what it would break.
    pub tried: Option<Reconnected>,
    /// Where the person consents, when that is what comes next.
    pub consent: Option<String>,
}

/// Tests the endpoint with what was entered, or with what it is called with now (`keep`), and puts it in place when `intent` is `save` and every step went
/// well. Of an application that is consented to it says where.
#[server(endpoint = "connect_anew", protocol = crate::Called)]
pub async fn connect_anew(
    id: String,
    version: u32,
    #[server(default)] newer: bool,
    #[server(default)] keep: bool,
    #[server(default)] base_url: String,
    #[server(default)] authentication_key: String,
    #[server(default)] user_name: String,
    #[server(default)] password: String,
    #[server(default)] client_id: String,
    #[server(default)] client_secret: String,
    #[server(default)] fields: BTreeMap<String, String>,
    intent: String,
) -> Result<Anew, AppError> {
    use model::view::{Connect, Reconnect};
    let actor = crate::session::actor().await?;
    let hub = crate::session::hub()?;
    let page = path_of(&id, newer);
    let known = async {
        let endpoint = crate::pages::parse_id(&id, "endpoint")?;
        Ok((hub.reconnection(&actor, &endpoint, newer).await?, endpoint))
    };
    let (known, endpoint) = match known.await {
        Ok(known) => known,
        Err(error) => return Err(crate::flash::fail(&page, &[], error).await),
    };
    let open = known.application.credential_fields.iter().filter(|field| !field.secret);
    let mut typed: BTreeMap<String, String> =
        open.filter_map(|field| Some((format!("fields[{}]", field.name), fields.get(&field.name)?.clone()))).collect();
    // What is secret is typed again.
    for (name, value) in [("base_url", &base_url), ("user_name", &user_name), ("client_id", &client_id)] {
        if !value.is_empty() {
            typed.insert(name.to_owned(), value.clone());
        }
    }
    let pairs: Vec<(&str, &str)> = typed.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let connect = Connect {
        application_id: known.application.id.to_string(),
        name: String::new(),
        base_url,
        authentication_key,
        user_name,
        password,
        client_id,
        client_secret,
        fields,
    };
    let form = Reconnect { version, keep, connect };
    if !keep && matches!(known.application.credentials, Credentials::AuthorizationCode { .. }) {
        let session = crate::session::secret().await?;
        let redirect = crate::session::consent_address()?;
        let url = match hub.begin_consent_again(&actor, &endpoint, &form, &session, &redirect).await {
            Ok(url) => url.to_string(),
            Err(error) => return Err(crate::flash::fail(&page, &pairs, error).await),
        };
        if crate::flash::is_plain_form_post().await {
            typed.insert(CONSENT.to_owned(), url.clone());
            crate::flash::leave(&page, crate::flash::Flash { values: typed, ..crate::flash::Flash::default() }).await?;
            leptos_axum::redirect(&page);
        }
        return Ok(Anew { tried: None, consent: Some(url) });
    }
    let tried = match intent.as_str() {
        "save" => hub.reconnect(&actor, &endpoint, &form).await,
        _ => hub.try_reconnection(&actor, &endpoint, &form).await,
    };
    let tried = match tried {
        Ok(tried) => tried,
        Err(error) => return Err(crate::flash::fail(&page, &pairs, error).await),
    };
    if intent == "save" && tried.report.passed() {
        let path = format!("/endpoints/{id}");
        let mut notice = match newer {
            true => format!("{} is version {version} of {} now.", known.name, known.application.name),
            false => "What Usher calls it with was changed. The old is forgotten.".to_owned(),
        };
        if !tried.broken.is_empty() {
            let shares = counted(tried.broken.len() as u64, "share is", "shares are");
            notice.push_str(&format!(" {shares} held until the mapping is mended."));
        }
        let report = serde_json::to_string(&tried.report).unwrap_or_default();
        let values = [(crate::pages::connect_application::REPORT.to_owned(), report)].into();
        crate::flash::leave(&path, crate::flash::Flash { values, notice: Some(notice), error: None }).await?;
        leptos_axum::redirect(&path);
        return Ok(Anew { tried: Some(tried), consent: None });
    }
    if crate::flash::is_plain_form_post().await {
        // Without the program the report goes back to the page through the session, with what was typed.
        typed.insert(TRIED.to_owned(), serde_json::to_string(&tried).unwrap_or_default());
        crate::flash::leave(&page, crate::flash::Flash { values: typed, ..crate::flash::Flash::default() }).await?;
        leptos_axum::redirect(&page);
    }
    Ok(Anew { tried: Some(tried), consent: None })
}

/// Where what was tried stands among what is left for the page.
const TRIED: &str = "tried";

fn path_of(id: &str, newer: bool) -> String {
    format!("/endpoints/{id}/{}", if newer { "version" } else { "credentials" })
}

/// What is said where Usher is not let in any more.
pub(super) fn ended(end: AccessEnd) -> &'static str {
    match end {
        AccessEnd::Consent => {
            "The consent with which Usher calls it does not hold any more: it ended, or was taken back. No run from or to it can go well before an \
             admin consents again. Shares and segments stay as they are."
        }
        AccessEnd::Credentials => {
            "It does not accept the credentials any more with which Usher calls it. No run from or to it can go well before an admin enters others. \
             Shares and segments stay as they are."
        }
        AccessEnd::Registration => {
            "It does not accept any more what it registered for Usher to show. No run from or to it can go well before it registers again, with its \
             endpoint key."
        }
    }
}

/// What is done about it, by an admin.
pub fn remedy(end: AccessEnd) -> Option<&'static str> {
    match end {
        AccessEnd::Consent => Some("Consent again"),
        AccessEnd::Credentials => Some("Change credentials"),
        AccessEnd::Registration => None,
    }
}

/// Other credentials, or another consent.
#[component]
pub fn CredentialsPage() -> impl IntoView {
    page(false)
}

/// A newer version of its application.
#[component]
pub fn VersionPage() -> impl IntoView {
    page(true)
}

fn page(newer: bool) -> AnyView {
    let id = address_part("id");
    let query = use_query_map();
    let enters = Signal::derive(move || query.with(|query| query.get("enter").is_some()));
    let found = crate::answers::ask(move || id.get(), move |id| anew_page(id, newer));
    let action = ServerAction::<ConnectAnew>::new();
    let live = action.problem();
    let form = Form::new(move || path_of(&id.get(), newer), live);
    view! {
        <Suspense fallback=|| view! { <Skeleton /> }>
            {move || {
                let enters = enters.get();
                Suspend::new(async move {
                    let state = form.state().await;
                    match found.await {
                        Ok(found) => anew(found, newer, enters, state, action),
                        Err(error) => view! { <PageHead title="Connect anew" /><Trouble error /> }.into_any(),
                    }
                })
            }}
        </Suspense>
    }
    .into_any()
}

fn anew(
    found: Reconnection,
    newer: bool,
    enters: bool,
    state: FormState,
    action: ServerAction<ConnectAnew>,
) -> AnyView {
    let endpoint = format!("/endpoints/{}", found.id);
    let above = vec![("/endpoints".to_owned(), "Endpoints".to_owned()), (endpoint, found.name.clone())];
    if newer && found.application.version == found.present_version {
        return view! {
            <PageHead title=format!("Versions of {}", found.application.name) above />
            <p class="notice">{format!("{} is at the newest approved version already: version {}.", found.name, found.present_version)}</p>
        }
        .into_any();
    }
    let consents = matches!(found.application.credentials, Credentials::AuthorizationCode { .. });
    let (title, lead) = match (newer, consents) {
        (true, _) => (
            format!("Version {} of {}", found.application.version, found.application.name),
            format!("{} keeps to version {}, until somebody takes this one up here.", found.name, found.present_version),
        ),
        (false, true) => ("Consent again".to_owned(), "It stays the same endpoint, with its shares and segments.".to_owned()),
        (false, false) => (
            "Change credentials".to_owned(),
            "It stays the same endpoint, with its shares and segments. The old credentials stay until the new ones have passed the test.".to_owned(),
        ),
    };
    let first: Option<Reconnected> = crate::reading::read(state.value(TRIED).as_bytes()).ok();
    let live = Signal::derive(move || {
        let shown = if cfg!(feature = "ssr") { None } else { action.value().get() };
        shown.and_then(Result::ok)
    });
    let tried = Signal::derive(move || live.get().and_then(|anew| anew.tried).or_else(|| first.clone()));
    let what_changes = newer.then(|| changes(&found, tried));
    let end = found.access_ended.filter(|_| !newer);
    let end =
        end.map(|end| view! { <div class="notice warn"><Icon name=IconName::Warning /><p>{ended(end)}</p></div> });
    let form = if may_connect() {
        anew_form(found, newer, enters, state, action, live, tried)
    } else {
        view! { <p class="notice warn">"Only an admin of your account can do this. Ask one of them."</p> }.into_any()
    };
    view! {
        <PageHead title above lead />
        {end}
        {what_changes}
        {form}
    }
    .into_any()
}

/// What differs, and which shares that breaks.
fn changes(found: &Reconnection, tried: Signal<Option<Reconnected>>) -> AnyView {
    let foretold = found.broken.clone();
    let broken = move || {
        let tried = tried.get().filter(|tried| tried.report.passed());
        let (broken, is_known) = tried.map_or_else(|| (foretold.clone(), false), |tried| (tried.broken, true));
        if broken.is_empty() {
            let text = if is_known {
                "None: every share fits what the endpoint says of itself now."
            } else {
                "None, as far as the definition tells. The test asks the endpoint itself."
            };
            return view! { <p class="soft">{text}</p> }.into_any();
        }
        let count = counted(broken.len() as u64, "share can’t run any more", "shares can’t run any more");
        let tells = if is_known { "." } else { ", as far as the definition tells. The test asks the endpoint itself." };
        let items: Vec<_> = broken.into_iter().map(broken_share).collect();
        view! {
            <p>{count}{tells}" Each is held until its mapping is mended."</p>
            <ul class="bullets">{items}</ul>
        }
        .into_any()
    };
    let lines = found.lines.clone();
    let present = found.present_version;
    let heads = (format!("Version {present}"), format!("Version {}", found.application.version));
    view! {
        <section aria-labelledby="changes">
            <h2 id="changes">"What changes"</h2>
            <Lines lines approved_version=present heads />
        </section>
        <section aria-labelledby="broken" aria-live="polite">
            <h2 id="broken">"Shares that it breaks"</h2>
            {broken}
        </section>
    }
    .into_any()
}

fn broken_share(share: BrokenShare) -> AnyView {
    view! { <li><a href=format!("/shares/{}", share.id)>{share.name}</a>": "{share.because.join(" ")}</li> }.into_any()
}

fn anew_form(
    found: Reconnection,
    newer: bool,
    enters: bool,
    state: FormState,
    action: ServerAction<ConnectAnew>,
    live: Signal<Option<Anew>>,
    tried: Signal<Option<Reconnected>>,
) -> AnyView {
    let application = &found.application;
    let by_itself = matches!(application.credentials, Credentials::Instructions { .. });
    let keeps = newer && found.may_keep && (!enters || by_itself);
    if by_itself && !newer {
        return view! { <p class="notice">"It registers what Usher calls it with by itself, with its endpoint key."</p> }.into_any();
    }
    let is_called = application.is_called && !by_itself;
    let consents = is_called && !keeps && matches!(application.credentials, Credentials::AuthorizationCode { .. });
    let first_consent = Some(state.value(CONSENT)).filter(|url| !url.is_empty());
    let name = application.name.clone();
    let consent = move || {
        let url = live.get().and_then(|anew| anew.consent).or_else(|| first_consent.clone());
        url.map(|url| consent_link(&name, url))
    };
    let report = move || {
        tried.get().map(|tried| {
            let verdict = match (tried.report.passed(), newer) {
                (false, _) => "It does not work so. Everything stays as it was.",
                (true, true) => "Every step went well. You can take the version up.",
                (true, false) => "Every step went well. You can save it.",
            };
            view! {
                <ReportSteps report=tried.report />
                <p class="verdict"><strong>{verdict}</strong></p>
            }
        })
    };
    let inputs = if keeps {
        let at = (!found.base_url.is_empty() && is_called)
            .then(|| view! { " Usher calls it at " <code>{found.base_url.clone()}</code> "." });
        let other = (is_called && found.application.credentials.mode() != "instructions").then(|| {
            let words = if matches!(application.credentials, Credentials::AuthorizationCode { .. }) {
                "Consent anew instead"
            } else {
                "Enter others instead"
            };
            view! { <p><a href=format!("{}?enter=1", path_of(found.id.as_str(), true))>{words}</a></p> }
        });
        let kept = is_called.then_some("What Usher calls it with is still what the application asks for, and stays.");
        view! {
            <input type="hidden" name="keep" value="true" />
            <p>{kept}{at}</p>
            {other}
        }
        .into_any()
    } else if is_called {
        view! {
            <TextField
                form=state.clone()
                name="base_url"
                label="Address"
                kind="url"
                initial=found.base_url.clone()
                help="Where the application answers; Usher calls v1/… below it."
            />
            {inputs_of(application, &state, &found.values)}
        }
        .into_any()
    } else {
        view! { <p>"This version calls Usher by itself. What Usher called it with is forgotten."</p> }.into_any()
    };
    let words = BesideWords { called: "endpoint", before: "changed" };
    let beside = beside(consents, &application.name, words, action.pending(), consent.into_any(), report.into_any());
    let save = if newer { "Take this version up" } else { "Save" };
    let buttons = if consents {
        view! { <SubmitButton kind=ButtonKind::Primary name="intent" value="consent" pending=action.pending()>"Ask for consent"</SubmitButton> }.into_any()
    } else {
        view! {
            <SubmitButton kind=ButtonKind::Primary name="intent" value="save" pending=action.pending()>{save}</SubmitButton>
            <SubmitButton name="intent" value="test" pending=action.pending()>"Test connection"</SubmitButton>
        }
        .into_any()
    };
    let under_way = (found.runs > 0 && newer).then(|| {
        let runs = counted(found.runs, "run is under way", "runs are under way");
        view! { <p class="notice warn"><span>{runs}" with it. Addresses can only change when they have ended."</span></p> }
    });
    let back = format!("/endpoints/{}", found.id);
    let heading = newer.then(|| view! { <h2 id="take-up">"Take it up"</h2> });
    view! {
        {heading}
        {under_way}
        <div class="beside">
            <ActionForm action=action attr:class="form" attr:novalidate=true>
                <ErrorSummary form=state fields=FIELDS />
                <input type="hidden" name="id" value=found.id.to_string() />
                <input type="hidden" name="version" value=found.application.version.to_string() />
                <input type="hidden" name="newer" value=newer.to_string() />
                {inputs}
                <div class="actions">
                    {buttons}
                    <ButtonLink href=back kind=ButtonKind::Quiet>"Cancel"</ButtonLink>
                </div>
            </ActionForm>
            {beside}
        </div>
    }
    .into_any()
}
