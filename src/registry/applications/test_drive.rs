//! The Test Drive: every call of the contract that an application's types need, made for real, before anybody reviews it.
//!
//! For the sides that Usher calls it calls the application (`producer`, `consumer`), with the credentials that the provider enters for it, or with a token
//! that its authorisation server gives for them or for a consent; these stay in memory. For the sides that call Usher it looks at what a trial endpoint in the provider's own account has done (`trial`). What is told of
//! answers is shortened, holds no key, and of exported rows only how many there were. The last report of each version is kept.

mod consumer;
mod drive;
mod people;
mod producer;
mod trial;

use std::{collections::BTreeMap, time::Duration};

use base64::{Engine, engine::general_purpose::STANDARD};
use model::{
    application::{Credentials, Definition, DriveReport, DriveState, DriveView, form::DriveForm},
    error::HubError,
    id::{ApplicationId, MessageId},
    view::{Actor, Connect},
};
use sha2::{Digest, Sha256};
use sqlx::Row;
use url::Url;

use super::{
    Application,
    checks::{Problems, callable},
    filled,
};
use crate::{
    hub::{Hub, Result, internal},
    outbound::{AuthorizationServer, Probe},
    registry::{
        credentials,
        endpoints::{parse_base_url, undecodable},
    },
    store::{StoreError, clock::rfc3339, new_id},
};
use drive::Drive;

/// How long one answer is waited for.
const PATIENCE: Duration = Duration::from_secs(20);
/// A drive that gives no sign of life for so long has ended with its process.
const BROKEN_AFTER_MS: i64 = 60_000;
const LONGEST_VALUE: usize = 1000;

/// What an authorisation server gives a token for.
pub(in crate::registry) enum Grant {
    /// A client of the provider's test account.
    Client(AuthorizationServer),
    /// A consent.
    Code { server: AuthorizationServer, code: String, verifier: String, redirect: Url },
}

/// What a drive begins with, when there is something to call.
enum Start {
    /// Everything to call it with.
    Ready(Probe),
    /// A token has to be had first.
    Granted { base: Url, fields: BTreeMap<String, String>, grant: Grant },
}

/// A state's word that this program does not know.
#[derive(Debug, thiserror::Error)]
#[error("a Test Drive has an unknown state")]
struct UnknownState;

/// A digest of what a Test Drive is about: what changes nothing that it would notice (a description, a logo) leaves its report standing.
fn subject(definition: &Definition) -> String {
    let credentials = match &definition.credentials {
        oauth @ (Credentials::ClientCredentials { .. } | Credentials::AuthorizationCode { .. }) => {
            serde_json::to_string(oauth).unwrap_or_default()
        }
        other => other.mode().to_owned(),
    };
    let about = (
        definition.producer,
        definition.consumer,
        &definition.urls,
        &definition.fields,
        &definition.delivery,
        credentials,
        &definition.credential_fields,
    );
    // Of plain data, which can always be written.
    let text = serde_json::to_vec(&about).unwrap_or_default();
    hex::encode(Sha256::digest(&text))
}

impl Hub {
    /// Starts a Test Drive of the account's draft. It goes on by itself; its report tells how far it is.
    pub async fn start_test_drive(&self, actor: &Actor, id: &ApplicationId, form: &DriveForm) -> Result<()> {
        let application = self.drivable(actor, id).await?;
        let start = if application.definition.is_called() { Some(self.start_of(&application, form)?) } else { None };
        self.drive(actor, application, start).await
    }

    /// The same with a consent that was given for it.
    pub(in crate::registry) async fn drive_granted(
        &self,
        actor: &Actor,
        application: Application,
        base: Url,
        fields: BTreeMap<String, String>,
        grant: Grant,
    ) -> Result<()> {
        self.drive(actor, application, Some(Start::Granted { base, fields, grant })).await
    }

    /// A draft that can be tried, as if it were approved.
    pub(in crate::registry) async fn drivable(&self, actor: &Actor, id: &ApplicationId) -> Result<Application> {
        let newest = self.editable_draft(actor, id).await?;
        if newest.definition.producer.is_none() && newest.definition.consumer.is_none() {
            let message = "Say at the step Types what it does before it is tried.".to_owned();
            return Err(HubError::Conflict { message });
        }
        Ok(Application { id: id.clone(), version: newest.version, definition: newest.definition })
    }

    async fn drive(&self, actor: &Actor, application: Application, start: Option<Start>) -> Result<()> {
        let (id, version) = (application.id.clone(), application.version);
        let before = self.last_drive(&id, version, &application.definition).await?;
        if before.is_some_and(|drive| drive.state == DriveState::Running) {
            return Err(HubError::Conflict { message: "A Test Drive is under way already.".to_owned() });
        }
        let drive_id: MessageId = new_id(MessageId::PREFIX);
        let drive = Drive::new(self.clone(), actor.account_id.clone(), application, drive_id.to_string(), start);
        let now = self.now_ms();
        let sql = "insert into test_drive (application_id, version, id, subject, state, report, started_by, started_at, alive_at)
            values ($1, $2, $3, $4, 'running', $5, $6, $7, $7)
            on conflict (application_id, version) do update set id = excluded.id, subject = excluded.subject, state = excluded.state,
                report = excluded.report, started_by = excluded.started_by, started_at = excluded.started_at, alive_at = excluded.alive_at,
                finished_at = null";
        sqlx::query(sql)
            .bind(id.as_str())
            .bind(i64::from(version))
            .bind(drive_id.as_str())
            .bind(subject(&drive.application.definition))
            .bind(serde_json::to_string(&drive.report).map_err(internal)?)
            .bind(actor.user_name.as_str())
            .bind(now)
            .execute(self.database().writer())
            .await
            .map_err(internal)?;
        tracing::info!(application.id = %id, "test drive started");
        tokio::spawn(drive.run());
        Ok(())
    }

    /// Keeps a drive that ended so, for tests of what comes after it.
    #[cfg(test)]
    pub(crate) async fn keep_drive(
        &self,
        actor: &Actor,
        id: &ApplicationId,
        version: u32,
        definition: &Definition,
        state: DriveState,
    ) -> std::result::Result<(), StoreError> {
        let sql = "insert into test_drive (application_id, version, id, subject, state, report, started_by, started_at, alive_at, finished_at)
            values ($1, $2, 'msg_test', $3, $4, $5, $6, $7, $7, $7)
            on conflict (application_id, version) do update set subject = excluded.subject, state = excluded.state";
        sqlx::query(sql)
            .bind(id.as_str())
            .bind(i64::from(version))
            .bind(subject(definition))
            .bind(state.as_str())
            .bind("{\"steps\":[]}")
            .bind(actor.user_name.as_str())
            .bind(self.now_ms())
            .execute(self.database().writer())
            .await?;
        Ok(())
    }

    /// The last Test Drive of one of the account's drafts.
    pub async fn test_drive(&self, actor: &Actor, id: &ApplicationId) -> Result<Option<DriveView>> {
        let newest = self.newest_of_account(&actor.account_id, id).await?;
        self.last_drive(id, newest.version, &newest.definition).await
    }

    pub(super) async fn last_drive(
        &self,
        id: &ApplicationId,
        version: u32,
        definition: &Definition,
    ) -> Result<Option<DriveView>> {
        self.read_drive(id, version, definition).await.map_err(internal)
    }

    async fn read_drive(
        &self,
        id: &ApplicationId,
        version: u32,
        definition: &Definition,
    ) -> std::result::Result<Option<DriveView>, StoreError> {
        let sql = "select subject, state, report, started_by, started_at, alive_at, finished_at from test_drive
            where application_id = $1 and version = $2";
        let row = sqlx::query(sql)
            .bind(id.as_str())
            .bind(i64::from(version))
            .fetch_optional(self.database().reader())
            .await?;
        let Some(row) = row else { return Ok(None) };
        let state: String = row.try_get("state")?;
        let state = DriveState::parse(&state).ok_or_else(|| undecodable(UnknownState))?;
        let is_dead = self.now_ms() - row.try_get::<i64, _>("alive_at")? > BROKEN_AFTER_MS;
        let report: DriveReport = serde_json::from_str(&row.try_get::<String, _>("report")?).map_err(undecodable)?;
        Ok(Some(DriveView {
            state: if state == DriveState::Running && is_dead { DriveState::BrokenOff } else { state },
            report,
            is_outdated: row.try_get::<String, _>("subject")? != subject(definition),
            started_by: row.try_get("started_by")?,
            started_at: rfc3339(row.try_get("started_at")?),
            finished_at: row.try_get::<Option<i64>, _>("finished_at")?.map(rfc3339),
        }))
    }

    /// What the application is called with, as the provider entered it; or what is wrong with that, at its inputs.
    fn start_of(&self, application: &Application, form: &DriveForm) -> Result<Start> {
        let mut problems = Problems::default();
        let mut secrets = Vec::new();
        let is_fit = |text: &str| text.len() <= LONGEST_VALUE && text.bytes().all(|byte| (0x20..0x7f).contains(&byte));
        let mut authorization = String::new();
        match &application.definition.credentials {
            Credentials::Basic => {
                let (user, password) = (form.user_name.trim(), form.password.as_str());
                if user.is_empty() || !is_fit(user) || user.contains(':') {
                    problems.note("user_name", "Enter the user name, without a colon.");
                }
                if password.is_empty() || !is_fit(password) {
                    problems.note("password", "Enter the password.");
                }
                let pair = STANDARD.encode(format!("{user}:{password}"));
                secrets.extend([password.to_owned(), pair.clone()]);
                authorization = format!("Basic {pair}");
            }
            Credentials::ClientCredentials { .. } => {
                if form.client_id.trim().is_empty() || !is_fit(&form.client_id) {
                    problems.note("client_id", "Enter the id of a client of a test account.");
                }
                if form.client_secret.trim().is_empty() || !is_fit(&form.client_secret) {
                    problems.note("client_secret", "Enter the client’s secret.");
                }
            }
            Credentials::AuthorizationCode { .. } => {
                let message = "It is tried with a consent. Ask for that.".to_owned();
                return Err(HubError::Conflict { message });
            }
            Credentials::Key | Credentials::Instructions { .. } => {
                let key = form.key.trim();
                if key.is_empty() {
                    problems.note("key", "Enter what Usher shows your application with every call.");
                } else if !is_fit(key) {
                    problems.note("key", "This has characters that can’t be sent, or too many. Copy it again.");
                }
                secrets.push(key.to_owned());
                authorization = format!("Bearer {key}");
            }
        }
        let (base, fields) = self.checked_with(application, form, problems)?;
        if let Credentials::ClientCredentials { token_url, scopes } = &application.definition.credentials {
            let (client_id, secret) = (form.client_id.trim(), form.client_secret.trim());
            let token_url = filled(token_url, &credentials::values(&fields));
            let server = credentials::server(&token_url, client_id, Some(secret), scopes)
                .map_err(|error| credentials::endpoint_error(&error))?;
            return Ok(Start::Granted { base, fields, grant: Grant::Client(server) });
        }
        let probe = self.probe_of(application, base, &fields, &authorization, secrets);
        probe.map(Start::Ready).map_err(|message| HubError::invalid("base_url", message))
    }

    /// The address and what the application needs besides; or what is wrong with them, at their inputs.
    pub(in crate::registry) fn checked_for_drive(
        &self,
        application: &Application,
        form: &DriveForm,
    ) -> Result<(Url, BTreeMap<String, String>)> {
        self.checked_with(application, form, Problems::default())
    }

    fn checked_with(
        &self,
        application: &Application,
        form: &DriveForm,
        mut problems: Problems,
    ) -> Result<(Url, BTreeMap<String, String>)> {
        let declared = &application.definition.credential_fields;
        let given =
            declared.iter().zip(&form.fields).map(|(field, value)| (field.name.clone(), value.clone())).collect();
        let mut found = Vec::new();
        let fields =
            credentials::fields_of_form(&Connect { fields: given, ..Connect::default() }, declared, &mut found);
        for problem in found {
            // Here they have their places for names.
            let place = declared.iter().position(|field| credentials::input_of(field) == problem.field);
            problems.note(place.map_or(problem.field, |place| format!("fields-{place}")), problem.message);
        }
        let base = parse_base_url(&filled(form.base_url.trim(), &credentials::values(&fields)))
            .and_then(|url| callable(self.outbound(), &url).map(|()| url));
        match base {
            Ok(base) => problems.end().map(|()| (base, fields)),
            Err(message) => {
                problems.note("base_url", message.clone());
                problems.end()?;
                Err(HubError::invalid("base_url", message))
            }
        }
    }

    /// What calls the application; or why it can't be called so.
    fn probe_of(
        &self,
        application: &Application,
        base: Url,
        fields: &BTreeMap<String, String>,
        authorization: &str,
        mut secrets: Vec<String>,
    ) -> std::result::Result<Probe, String> {
        let mut headers = Vec::new();
        for field in &application.definition.credential_fields {
            let Some(value) = fields.get(&field.name) else { continue };
            if field.secret {
                secrets.push(value.clone());
            }
            headers.extend(field.header.as_ref().map(|header| (header.clone(), value.clone())));
        }
        let urls = application
            .urls(base, &credentials::values(fields))
            .map_err(|_| "With these values an address of the application is none.".to_owned())?;
        self.outbound()
            .probe(urls, authorization, &headers, secrets, PATIENCE)
            .map_err(|error| crate::registry::connection::sentence(&error))
    }
}
