//! Consent (OAuth 2.0, authorization code with PKCE): a person is sent to the application's authorisation server and comes back with a code. What
//! they come back with counts once, in the session, for the person and the account that asked for it, and for ten minutes. It connects an endpoint, lets
//! Usher in again at one that is connected, or begins a Test Drive.

use std::collections::BTreeMap;

use model::{
    application::{Credentials, Definition, form::DriveForm},
    error::{FieldProblem, HubError},
    id::{ApplicationId, EndpointId},
    view::{Actor, Connect, ConnectionReport, Reconnect, Role},
};
use rand::RngExt;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use sqlx::Row;
use url::Url;

use super::{
    applications::{Application, Grant, filled},
    credentials::{self, Kept, KeptToken, values},
    endpoints::{self, Address, Parsed},
    reconnecting::Target,
    require,
};
use crate::{
    hub::{Hub, Result, internal},
    store::StoreError,
};

/// How long a person may take to consent, or to sign in elsewhere.
pub(super) const LASTS_MS: i64 = 10 * 60_000;
/// Characters of what an authorisation server says that are told.
const LONGEST_TOLD: usize = 300;

/// What a person came back with.
#[derive(Clone)]
pub enum Consented {
    /// They consented.
    Code(String),
    /// They did not, or the server erred: its code for that, and what it says.
    Error {
        /// `access_denied` ...
        code: String,
        /// In its own words.
        description: Option<String>,
    },
}

/// What a person consents for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum ConsentFor {
    /// To connect an application.
    Application {
        /// Which one.
        id: ApplicationId,
    },
    /// To let Usher in again at an endpoint, or as another version of its application.
    Endpoint {
        /// Which one.
        id: EndpointId,
        /// The version.
        version: u32,
        /// That is not the one that it kept to.
        newer: bool,
    },
    /// To try a draft out.
    TestDrive {
        /// Of which application.
        id: ApplicationId,
    },
}

/// What became of a consent.
#[derive(Debug)]
pub enum ConsentKept {
    /// The endpoint is connected, or connected anew.
    Endpoint {
        /// Which one.
        id: EndpointId,
        /// Its name.
        name: String,
        /// It was there before.
        is_again: bool,
        /// How each step of its test went.
        report: ConnectionReport,
    },
    /// The application's Test Drive has begun.
    TestDrive(ApplicationId),
}

/// Why a consent came to nothing.
#[derive(Debug)]
pub struct NoConsent {
    /// What it was for, when that is known.
    pub begun_for: Option<ConsentFor>,
    /// Why.
    pub error: HubError,
}

/// What is kept, sealed, until the person comes back.
#[derive(Serialize, Deserialize)]
struct Pending {
    begun_for: ConsentFor,
    /// Of the new endpoint.
    name: String,
    base_url: String,
    fields: BTreeMap<String, String>,
    verifier: String,
    redirect: Url,
}

impl Hub {
    /// Something that nobody can guess, for a session to know.
    pub fn fresh_secret() -> String {
        let secret: [u8; 32] = rand::rng().random();
        hex::encode(secret)
    }

    /// Checks what the person entered, and says where they consent. `session` is something that only their browser's session knows; `redirect` is
    /// where they come back to.
    pub async fn begin_consent(&self, actor: &Actor, form: &Connect, session: &str, redirect: &Url) -> Result<Url> {
        require(actor, Role::Admin)?;
        let id: ApplicationId = form.application_id.parse().map_err(|_| HubError::not_found("application"))?;
        let application = self.connectable_application(&id).await?;
        consented_to(&application)?;
        let (name, base_url, fields) = entered(form, &application.definition)?;
        self.name_is_free(actor, &name).await?;
        let asked = Asked { begun_for: ConsentFor::Application { id }, name, base_url, fields };
        self.ask_consent(actor, &application, asked, session, redirect).await
    }

    /// The same for an endpoint that is connected already, and stays the same.
    pub async fn begin_consent_again(
        &self,
        actor: &Actor,
        id: &EndpointId,
        form: &Reconnect,
        session: &str,
        redirect: &Url,
    ) -> Result<Url> {
        require(actor, Role::Admin)?;
        let standing = self.standing_endpoint(&actor.account_id, id).await?;
        let application = self.reconnectable(&standing, form.version).await?;
        consented_to(&application)?;
        let form = Connect { name: standing.endpoint.name.clone(), ..form.connect.clone() };
        let (name, base_url, fields) = entered(&form, &application.definition)?;
        let newer = application.version != standing.application.version;
        let begun_for = ConsentFor::Endpoint { id: id.clone(), version: application.version, newer };
        self.ask_consent(actor, &application, Asked { begun_for, name, base_url, fields }, session, redirect).await
    }

    /// The same for the Test Drive of a draft.
    pub async fn begin_drive_consent(
        &self,
        actor: &Actor,
        id: &ApplicationId,
        form: &DriveForm,
        session: &str,
        redirect: &Url,
    ) -> Result<Url> {
        let application = self.drivable(actor, id).await?;
        consented_to(&application)?;
        let (base_url, fields) = self.checked_for_drive(&application, form)?;
        let asked =
            Asked { begun_for: ConsentFor::TestDrive { id: id.clone() }, name: String::new(), base_url, fields };
        self.ask_consent(actor, &application, asked, session, redirect).await
    }

    async fn ask_consent(
        &self,
        actor: &Actor,
        application: &Application,
        asked: Asked,
        session: &str,
        redirect: &Url,
    ) -> Result<Url> {
        let Credentials::AuthorizationCode { authorization_url, .. } = &application.definition.credentials else {
            return Err(HubError::not_found("authorisation server"));
        };
        let Asked { begun_for, name, base_url, fields } = asked;
        let server = self.server_of(application, &fields).await?;
        let authorization_url = Url::parse(&filled(authorization_url, &values(&fields))).map_err(internal)?;
        let consent = server.consent(&authorization_url, redirect);
        let pending = Pending {
            begun_for,
            name,
            base_url: base_url.to_string(),
            fields,
            verifier: consent.verifier,
            redirect: redirect.clone(),
        };
        let state_hash = hash(&consent.state);
        let sealed = self.sealing().seal(&serde_json::to_vec(&pending).map_err(internal)?, &context(&state_hash));
        let now = self.now_ms();
        let kept = async {
            sqlx::query("delete from consent where expires_at <= $1")
                .bind(now - LASTS_MS)
                .execute(self.database().writer())
                .await?;
            let sql = "insert into consent (state_hash, account_id, user_id, session_hash, application_id, application_version, sealed, expires_at)
                values ($1, $2, $3, $4, $5, $6, $7, $8)";
            sqlx::query(sql)
                .bind(state_hash)
                .bind(actor.account_id.as_str())
                .bind(actor.user_id.as_str())
                .bind(hash(session))
                .bind(application.id.as_str())
                .bind(i64::from(application.version))
                .bind(sealed)
                .bind(now + LASTS_MS)
                .execute(self.database().writer())
                .await
        };
        kept.await.map_err(internal)?;
        Ok(consent.url)
    }

    /// Takes what a person came back with, and does what they consented for: an endpoint is connected, also anew, when it passes the connection test.
    pub async fn finish_consent(
        &self,
        actor: &Actor,
        session: &str,
        state: &str,
        answer: Consented,
    ) -> std::result::Result<ConsentKept, NoConsent> {
        let nowhere = |error| NoConsent { begun_for: None, error };
        require(actor, Role::Admin).map_err(nowhere)?;
        let found = self.take_consent(actor, session, state).await.map_err(nowhere)?;
        let (pending, version, expires_at) = found.ok_or_else(|| {
            let message = "This consent was used already, or was begun in another browser or account. Begin again.";
            nowhere(HubError::Conflict { message: message.to_owned() })
        })?;
        let begun_for = pending.begun_for.clone();
        let done = self.fulfil(actor, pending, version, expires_at, answer).await;
        done.map_err(|error| NoConsent { begun_for: Some(begun_for), error })
    }

    async fn fulfil(
        &self,
        actor: &Actor,
        pending: Pending,
        version: i64,
        expires_at: i64,
        answer: Consented,
    ) -> Result<ConsentKept> {
        let (application, standing) = match &pending.begun_for {
            ConsentFor::Application { id } => (self.connectable_application(id).await?, None),
            ConsentFor::Endpoint { id, version, .. } => {
                let standing = self.standing_endpoint(&actor.account_id, id).await?;
                (self.reconnectable(&standing, *version).await?, Some(standing))
            }
            ConsentFor::TestDrive { id } => (self.drivable(actor, id).await?, None),
        };
        if i64::from(application.version) != version {
            let message = format!("{} has changed meanwhile. Begin again.", application.definition.name);
            return Err(HubError::Conflict { message });
        }
        if expires_at <= self.now_ms() {
            let message = "The consent took longer than ten minutes. Begin again.".to_owned();
            return Err(HubError::Conflict { message });
        }
        let code = match answer {
            Consented::Code(code) => code,
            Consented::Error { code, description } => {
                return Err(refused(&application, &pending.begun_for, &code, description.as_deref()));
            }
        };
        let Pending { begun_for, name, base_url, fields, verifier, redirect } = pending;
        let server = self.server_of(&application, &fields).await?;
        let base_url = Url::parse(&base_url).map_err(internal)?;
        if let ConsentFor::TestDrive { id } = begun_for {
            let grant = Grant::Code { server, code, verifier, redirect };
            self.drive_granted(actor, application, base_url, fields, grant).await?;
            return Ok(ConsentKept::TestDrive(id));
        }
        let token = self.outbound().token_for_code(&server, &code, &verifier, &redirect).await;
        let token = token.map_err(|error| credentials::endpoint_error(&error))?;
        let kept = Kept::consent(KeptToken::of(token, self.now_ms()), fields);
        let address = Address { base_url, kept };
        if let Some(standing) = standing {
            let target = Target::given(application, address);
            let report = self.reconnect_to(actor, &standing, &target).await?.report;
            return Ok(ConsentKept::Endpoint { id: standing.endpoint.id, name, is_again: true, report });
        }
        let parsed = Parsed { application, name: name.clone(), address: Some(address) };
        let (id, report) = self.connect_parsed(actor, parsed).await?;
        Ok(ConsentKept::Endpoint { id, name, is_again: false, report })
    }

    /// What was begun, once, with the version and the end of it: whatever becomes of it, it is not there any more.
    async fn take_consent(&self, actor: &Actor, session: &str, state: &str) -> Result<Option<(Pending, i64, i64)>> {
        let state_hash = hash(state);
        let sql = "delete from consent where state_hash = $1 and account_id = $2 and user_id = $3 and session_hash = $4
            returning application_version, sealed, expires_at";
        let row = sqlx::query(sql)
            .bind(state_hash.as_str())
            .bind(actor.account_id.as_str())
            .bind(actor.user_id.as_str())
            .bind(hash(session))
            .fetch_optional(self.database().writer())
            .await
            .map_err(internal)?;
        let Some(row) = row else { return Ok(None) };
        let read = |row: &sqlx::any::AnyRow| -> std::result::Result<_, StoreError> {
            Ok((row.try_get::<Vec<u8>, _>("sealed")?, row.try_get("application_version")?, row.try_get("expires_at")?))
        };
        let (sealed, version, expires_at) = read(&row).map_err(internal)?;
        let opened = self.sealing().open(&sealed, &context(&state_hash)).map_err(internal)?;
        // One that an older version began can't be read; it is begun again, like one that is unknown.
        Ok(serde_json::from_slice(&opened).ok().map(|pending| (pending, version, expires_at)))
    }

    async fn server_of(
        &self,
        application: &Application,
        fields: &BTreeMap<String, String>,
    ) -> Result<crate::outbound::AuthorizationServer> {
        let Credentials::AuthorizationCode { token_url, client_id, scopes, .. } = &application.definition.credentials
        else {
            return Err(HubError::not_found("authorisation server"));
        };
        let secret = self.application_client_secret(&application.id, application.version).await?;
        credentials::server(&filled(token_url, &values(fields)), client_id, secret.as_deref(), scopes)
            .map_err(|error| credentials::endpoint_error(&error))
    }
}

/// What a consent is asked for with.
struct Asked {
    begun_for: ConsentFor,
    name: String,
    base_url: Url,
    fields: BTreeMap<String, String>,
}

/// Refuses an application that is connected in another way.
fn consented_to(application: &Application) -> Result<()> {
    if matches!(application.definition.credentials, Credentials::AuthorizationCode { .. }) {
        return Ok(());
    }
    let message = format!("{} is connected without a consent.", application.definition.name);
    Err(HubError::Conflict { message })
}

/// What the form held besides credentials, for an application that is consented to.
fn entered(form: &Connect, definition: &Definition) -> Result<(String, Url, BTreeMap<String, String>)> {
    let mut problems = Vec::new();
    let name = endpoints::check_name(&form.name).map_err(|problem| problems.push(problem));
    let fields = credentials::fields_of_form(form, &definition.credential_fields, &mut problems);
    let base_url = endpoints::parse_base_url(&filled(&form.base_url, &values(&fields)))
        .map_err(|message| problems.push(FieldProblem::new("base_url", message)));
    match (name, base_url) {
        (Ok(name), Ok(base_url)) if problems.is_empty() => Ok((name, base_url, fields)),
        _ => Err(HubError::Invalid { problems }),
    }
}

/// What an authorisation server says instead of a consent.
fn refused(application: &Application, begun_for: &ConsentFor, code: &str, description: Option<&str>) -> HubError {
    let name = &application.definition.name;
    let (so_that, outcome) = match begun_for {
        ConsentFor::Application { .. } => ("nothing was connected", "Nothing was connected"),
        ConsentFor::Endpoint { .. } => ("all stays as it was", "All stays as it was"),
        ConsentFor::TestDrive { .. } => ("the Test Drive was not begun", "The Test Drive was not begun"),
    };
    let message = match code {
        "access_denied" => format!("You did not consent at {name}, so that {so_that}."),
        code => {
            let said = said(code, description);
            format!("The authorisation server of {name} did not give a consent {said}. {outcome}.")
        }
    };
    HubError::Endpoint { message }
}

/// What a server says instead of giving a code: its own code for that, and its words.
pub(super) fn said(code: &str, description: Option<&str>) -> String {
    let told =
        |text: &str| -> String { text.chars().filter(|letter| !letter.is_control()).take(LONGEST_TOLD).collect() };
    let words = description.map(|words| format!(": {}", told(words))).unwrap_or_default();
    format!("({}){words}", told(code))
}

fn hash(text: &str) -> String {
    hex::encode(Sha256::digest(text.as_bytes()))
}

/// What a consent under way is sealed with.
pub(super) fn context(state_hash: &str) -> String {
    format!("consent {state_hash}")
}
