//! Consent (OAuth 2.0, authorization code with PKCE): a person is sent to the application's authorisation server and comes back with a code. What
//! they come back with counts once, in the session, for the person and the account that asked for it, and for ten minutes.

use std::collections::BTreeMap;

use model::{
    application::{Credentials, Definition},
    error::{FieldProblem, HubError},
    id::{ApplicationId, EndpointId},
    view::{Actor, Connect, ConnectionReport, Role},
};
use rand::RngExt;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use sqlx::Row;
use url::Url;

use super::{
    applications::{Application, filled},
    credentials::{self, Kept, KeptToken, values},
    endpoints::{self, Address, Parsed, parsed_id},
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

/// Why a consent came to nothing, and to which application's page it leads back.
#[derive(Debug)]
pub struct NoConsent {
    /// The application, when it is known which.
    pub application: Option<ApplicationId>,
    /// Why.
    pub error: HubError,
}

/// What is kept, sealed, until the person comes back.
#[derive(Serialize, Deserialize)]
struct Pending {
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
        let Credentials::AuthorizationCode { authorization_url, .. } = &application.definition.credentials else {
            let message = format!("{} is connected without a consent.", application.definition.name);
            return Err(HubError::Conflict { message });
        };
        let (name, base_url, fields) = entered(form, &application.definition)?;
        self.name_is_free(actor, &name).await?;
        let server = self.server_of(&application, &fields).await?;
        let authorization_url = Url::parse(&filled(authorization_url, &values(&fields))).map_err(internal)?;
        let consent = server.consent(&authorization_url, redirect);
        let pending = Pending {
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

    /// Takes what a person came back with, and connects the endpoint when it passes the connection test.
    pub async fn finish_consent(
        &self,
        actor: &Actor,
        session: &str,
        state: &str,
        answer: Consented,
    ) -> std::result::Result<(EndpointId, String, ConnectionReport), NoConsent> {
        let nowhere = |error| NoConsent { application: None, error };
        require(actor, Role::Admin).map_err(nowhere)?;
        let found = self.take_consent(actor, session, state).await.map_err(nowhere)?;
        let (application, pending, is_over) = found.ok_or_else(|| {
            let message = "This consent was used already, or was begun in another browser or account. Begin again.";
            nowhere(HubError::Conflict { message: message.to_owned() })
        })?;
        let id = application.id.clone();
        let connected = async {
            if is_over {
                let message = "The consent took longer than ten minutes. Begin again.".to_owned();
                return Err(HubError::Conflict { message });
            }
            let code = match answer {
                Consented::Code(code) => code,
                Consented::Error { code, description } => {
                    return Err(refused(&application, &code, description.as_deref()));
                }
            };
            let server = self.server_of(&application, &pending.fields).await?;
            let token = self.outbound().token_for_code(&server, &code, &pending.verifier, &pending.redirect).await;
            let token = token.map_err(|error| credentials::endpoint_error(&error))?;
            let kept = Kept::consent(KeptToken::of(token, self.now_ms()), pending.fields);
            let base_url = Url::parse(&pending.base_url).map_err(internal)?;
            let name = pending.name;
            let parsed = Parsed { application, name: name.clone(), address: Some(Address { base_url, kept }) };
            let (id, report) = self.connect_parsed(actor, parsed).await?;
            Ok((id, name, report))
        };
        connected.await.map_err(|error| NoConsent { application: Some(id), error })
    }

    /// What was begun, once: whatever becomes of it, it is not there any more.
    async fn take_consent(
        &self,
        actor: &Actor,
        session: &str,
        state: &str,
    ) -> Result<Option<(Application, Pending, bool)>> {
        let state_hash = hash(state);
        let sql = "delete from consent where state_hash = $1 and account_id = $2 and user_id = $3 and session_hash = $4
            returning application_id, application_version, sealed, expires_at";
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
            let id: ApplicationId = parsed_id(row, "application_id")?;
            let version: i64 = row.try_get("application_version")?;
            Ok((id, version, row.try_get::<Vec<u8>, _>("sealed")?, row.try_get::<i64, _>("expires_at")?))
        };
        let (id, version, sealed, expires_at) = read(&row).map_err(internal)?;
        let application = self.connectable_application(&id).await?;
        if i64::from(application.version) != version {
            let message = format!("{} has changed meanwhile. Begin again.", application.definition.name);
            return Err(HubError::Conflict { message });
        }
        let opened = self.sealing().open(&sealed, &context(&state_hash)).map_err(internal)?;
        let pending = serde_json::from_slice(&opened).map_err(internal)?;
        Ok(Some((application, pending, expires_at <= self.now_ms())))
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
fn refused(application: &Application, code: &str, description: Option<&str>) -> HubError {
    let name = &application.definition.name;
    let message = match code {
        "access_denied" => format!("You did not consent at {name}, so that nothing was connected."),
        code => {
            let said = said(code, description);
            format!("The authorisation server of {name} did not give a consent {said}. Nothing was connected.")
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
