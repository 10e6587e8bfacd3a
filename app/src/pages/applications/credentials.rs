//! Sixth step: how an account gives Usher what it calls the application with.
#![expect(clippy::too_many_arguments, reason = "a server function has one for each input of its form")]

use std::sync::Arc;

use leptos::{prelude::*, server_fn::ServerFn};
use model::application::{
    ApplicationDraft, CredentialField, Credentials,
    form::{CredentialFieldForm, CredentialsForm},
};

use super::steps::{Step, StepInputs, step_page};
use crate::{
    components::{
        button::{ButtonKind, SubmitButton},
        field::{CheckField, TextArea, TextField},
        stale::Seen,
    },
    error::AppError,
    flash::FormState,
};

const FIELDS: &[(&str, &str)] = &[
    ("mode", "Way of giving credentials"),
    ("authorization_url", "Address of consent"),
    ("token_url", "Address of tokens"),
    ("client_id", "Client id"),
    ("client_secret", "Client secret"),
    ("scopes", "Scopes"),
    ("steps", "Steps"),
    ("help", "Where they are found"),
];
/// Where the fields that were typed stand among what is left for the page.
const TYPED_FIELDS: &str = "fields";

/// Saves the step.
#[server(endpoint = "save_application_credentials", protocol = crate::Called)]
pub async fn save_application_credentials(
    id: String,
    #[server(default)] mode: String,
    #[server(default)] help: String,
    #[server(default)] authorization_url: String,
    #[server(default)] token_url: String,
    #[server(default)] client_id: String,
    #[server(default)] client_secret: String,
    #[server(default)] forget_client_secret: String,
    #[server(default)] scopes: String,
    #[server(default)] steps: String,
    #[server(default)] fields: Vec<CredentialFieldForm>,
    #[server(default)] seen: Seen,
) -> Result<(), AppError> {
    use model::application::form::Change;
    let form = CredentialsForm {
        mode,
        help,
        authorization_url,
        token_url,
        client_id,
        client_secret,
        forget_client_secret,
        scopes,
        steps,
        fields,
    };
    let fields = serde_json::to_string(&form.fields).unwrap_or_default();
    // The secret is not given back: it would lie in the session.
    let typed = vec![
        ("mode", form.mode.as_str()),
        ("help", form.help.as_str()),
        ("authorization_url", form.authorization_url.as_str()),
        ("token_url", form.token_url.as_str()),
        ("client_id", form.client_id.as_str()),
        ("scopes", form.scopes.as_str()),
        ("steps", form.steps.as_str()),
        (TYPED_FIELDS, fields.as_str()),
    ];
    let change = Change::Credentials(Box::new(form.clone()));
    super::steps::save(&id, Step::Credentials, change, Some(&seen), typed, None).await
}

/// The page.
#[component]
pub fn CredentialsPage() -> impl IntoView {
    let lead = "How an account gives Usher what it calls the application with. Whatever accounts enter is kept sealed.";
    step_page(Step::Credentials, lead, FIELDS, Arc::new(body))
}

/// What the form begins with.
fn known(draft: &ApplicationDraft, form: &FormState) -> CredentialsForm {
    if form.is_typed() {
        let value = |name: &str| form.value(name);
        return CredentialsForm {
            mode: value("mode"),
            help: value("help"),
            authorization_url: value("authorization_url"),
            token_url: value("token_url"),
            client_id: value("client_id"),
            scopes: value("scopes"),
            steps: value("steps"),
            fields: crate::reading::read(value(TYPED_FIELDS).as_bytes()).unwrap_or_default(),
            ..CredentialsForm::default()
        };
    }
    let definition = &draft.definition;
    let tick = |ticked: bool| if ticked { "yes".to_owned() } else { String::new() };
    let field = |field: &CredentialField| CredentialFieldForm {
        name: field.name.clone(),
        label: field.label.clone(),
        help: field.help.clone(),
        header: field.header.clone().unwrap_or_default(),
        secret: tick(field.secret),
        required: tick(field.required),
    };
    let mut known = CredentialsForm {
        mode: definition.credentials.mode().to_owned(),
        help: definition.credential_help.clone(),
        fields: definition.credential_fields.iter().map(field).collect(),
        ..CredentialsForm::default()
    };
    match &definition.credentials {
        Credentials::Key | Credentials::Basic => {}
        Credentials::ClientCredentials { token_url, scopes } => {
            known.token_url.clone_from(token_url);
            known.scopes = scopes.join(" ");
        }
        Credentials::AuthorizationCode { authorization_url, token_url, client_id, scopes } => {
            known.authorization_url.clone_from(authorization_url);
            known.token_url.clone_from(token_url);
            known.client_id.clone_from(client_id);
            known.scopes = scopes.join(" ");
        }
        Credentials::Instructions { steps } => known.steps.clone_from(steps),
    }
    known
}

fn body(draft: ApplicationDraft, form: FormState) -> AnyView {
    let known = known(&draft, &form);
    let has_secret = draft.has_client_secret;
    let explained = |mode: &str| match mode {
        "key" => "A key that the application gives to the account. Usher sends it as Authorization: Bearer.",
        "basic" => "A user and a password of the account in the application (HTTP Basic).",
        "client_credentials" => "The account makes an OAuth client in the application; Usher gets tokens with it.",
        "authorization_code" => {
            "The admin is led to the application, consents there, and comes back (OAuth with PKCE)."
        }
        _ => {
            "The admin follows your steps, and hands the endpoint’s key over to the application, which registers itself."
        }
    };
    let problem = form.problem("mode");
    let modes: Vec<_> = Credentials::MODES
        .into_iter()
        .map(|(word, label)| {
            view! {
                <label class="choice">
                    <input type="radio" name="mode" value=word checked=word == known.mode />
                    <span class="choice-text"><strong>{label}</strong><span>{explained(word)}</span></span>
                </label>
            }
        })
        .collect();
    let kept = has_secret.then(|| {
        view! { <CheckField form=form.clone() name="forget_client_secret" label="Forget the secret that is kept" /> }
    });
    let secret_help = if has_secret {
        "One is kept, sealed. Leave this empty to keep it."
    } else {
        "Kept sealed, never shown again. Leave it empty for a public client."
    };
    view! {
        <form class="form wide credentials-form" method="post" action=SaveApplicationCredentials::url() novalidate>
            <StepInputs draft form=form.clone() step=Step::Credentials />
            <fieldset class="modes" id="mode" aria-describedby="mode-problem">
                <legend>"Way of giving credentials"</legend>
                <p class="problem" id="mode-problem" hidden=move || problem.with(Option::is_none)>{move || problem.get()}</p>
                {modes}
            </fieldset>
            <fieldset class="of-oauth">
                <legend>"Authorisation server"</legend>
                <div class="of-authorization-code">
                    <TextField form=form.clone() name="authorization_url" label="Address of consent" kind="url" initial=known.authorization_url help="It leads people back to /connect/consented of this Usher: register that address there." />
                </div>
                <TextField form=form.clone() name="token_url" label="Address of tokens" kind="url" initial=known.token_url />
                <TextField form=form.clone() name="scopes" label="Scopes" initial=known.scopes help="Words with spaces between them; empty when there are none." />
                <div class="of-authorization-code">
                    <TextField form=form.clone() name="client_id" label="Client id" initial=known.client_id help="As whom your authorisation server knows Usher." />
                    <TextField form=form.clone() name="client_secret" label="Client secret" kind="password" autocomplete="new-password" help=secret_help />
                    {kept}
                </div>
            </fieldset>
            <div class="of-instructions">
                <TextArea
                    form=form.clone()
                    name="steps"
                    label="Steps"
                    rows=10
                    initial=known.steps
                    help="In Markdown. Say where in your application an admin begins, and where the endpoint’s key goes at the end."
                />
            </div>
            <TextField
                form=form.clone()
                name="help"
                label="Where they are found"
                initial=known.help
                help="For the form of who connects: “Settings, Integrations, API keys”."
            />
            <MoreFields form fields=known.fields />
            <SubmitButton kind=ButtonKind::Primary>"Save and continue"</SubmitButton>
        </form>
    }
    .into_any()
}

/// What the application needs of each account besides; with one more for a new one.
#[component]
fn MoreFields(form: FormState, mut fields: Vec<CredentialFieldForm>) -> impl IntoView {
    fields.retain(|field| !field.name.is_empty() || !field.label.is_empty());
    let is_open = !fields.is_empty();
    fields.push(CredentialFieldForm::default());
    let error = form.error();
    let blocks: Vec<_> = fields
        .into_iter()
        .enumerate()
        .map(|(place, field)| {
            let input = |what: &'static str, label: &'static str, value: String, help: &'static str| {
                let id = format!("fields-{place}-{what}");
                let key = id.clone();
                let problem = Signal::derive(move || {
                    error.with(|error| error.as_ref().and_then(|error| error.problem_of(&key)).map(str::to_owned))
                });
                view! {
                    <div class="field" class:wrong=move || problem.with(Option::is_some)>
                        <label for=id.clone()>{label}</label>
                        <input
                            id=id.clone()
                            name=format!("fields[{place}][{what}]")
                            value=value
                            autocomplete="off"
                            aria-describedby=format!("{id}-problem {id}-help")
                            aria-invalid=move || problem.with(Option::is_some).to_string()
                        />
                        <p class="problem" id=format!("{id}-problem") hidden=move || problem.with(Option::is_none)>{move || problem.get()}</p>
                        <p class="help" id=format!("{id}-help")>{help}</p>
                    </div>
                }
            };
            let tick = |what: &'static str, label: &'static str, ticked: bool| {
                view! {
                    <label class="check-line">
                        <input type="checkbox" name=format!("fields[{place}][{what}]") value="yes" checked=ticked />
                        <span>{label}</span>
                    </label>
                }
            };
            let legend = if field.label.is_empty() { "Another field".to_owned() } else { field.label.clone() };
            view! {
                <fieldset class="credential-field">
                    <legend>{legend}</legend>
                    {input("label", "Label", field.label, "What admins read above the input.")}
                    {input("name", "Name", field.name, "Lower-case letters, digits and underscores.")}
                    {input("header", "Header", field.header, "In which Usher sends it with every call. Without one it takes the place of {name} in addresses.")}
                    {input("help", "Help", field.help, "What it is and where it is found.")}
                    <div class="ticks">
                        {tick("secret", "Secret: never shown again", !field.secret.is_empty())}
                        {tick("required", "Required", !field.required.is_empty())}
                    </div>
                </fieldset>
            }
        })
        .collect();
    view! {
        <details id="fields" open=is_open>
            <summary>"What it needs of each account besides"</summary>
            <p class="soft">"An account number, a region, an API version. Save to add one more; empty its name and label to remove one."</p>
            {blocks}
        </details>
    }
}
