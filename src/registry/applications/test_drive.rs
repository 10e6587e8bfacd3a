//! The Test Drive: every call of the contract that an application's types need, made for real, before anybody reviews it.
//!
//! For the sides that Usher calls it calls the application (`producer`, `consumer`), with the credentials that the provider enters for it; these
//! stay in memory. For the sides that call Usher it looks at what a trial endpoint in the provider's own account has done (`trial`). What is told of
//! answers is shortened, holds no key, and of exported rows only how many there were. The last report of each version is kept.

mod consumer;
mod drive;
mod people;
mod producer;
mod trial;

use std::time::Duration;

use base64::{Engine, engine::general_purpose::STANDARD};
use model::{
    application::{Credentials, Definition, DriveReport, DriveState, DriveView, form::DriveForm},
    error::HubError,
    id::{ApplicationId, MessageId},
    view::Actor,
};
use sha2::{Digest, Sha256};
use sqlx::Row;

use super::{Application, checks::Problems, filled};
use crate::{
    hub::{Hub, Result, internal},
    outbound::Probe,
    registry::endpoints::{parse_base_url, undecodable},
    store::{StoreError, clock::rfc3339, new_id},
};
use drive::Drive;

/// How long one answer is waited for.
const PATIENCE: Duration = Duration::from_secs(20);
/// A drive that gives no sign of life for so long has ended with its process.
const BROKEN_AFTER_MS: i64 = 60_000;
const LONGEST_VALUE: usize = 1000;

/// A state's word that this program does not know.
#[derive(Debug, thiserror::Error)]
#[error("a Test Drive has an unknown state")]
struct UnknownState;

/// A digest of what a Test Drive is about: what changes nothing that it would notice (a description, a logo) leaves its report standing.
fn subject(definition: &Definition) -> String {
    let about = (
        definition.producer,
        definition.consumer,
        &definition.urls,
        &definition.fields,
        &definition.delivery,
        definition.credentials.mode(),
        &definition.credential_fields,
    );
    // Of plain data, which can always be written.
    let text = serde_json::to_vec(&about).unwrap_or_default();
    hex::encode(Sha256::digest(&text))
}

impl Hub {
    /// Starts a Test Drive of the account's draft. It goes on by itself; its report tells how far it is.
    pub async fn start_test_drive(&self, actor: &Actor, id: &ApplicationId, form: &DriveForm) -> Result<()> {
        let newest = self.editable_draft(actor, id).await?;
        let definition = newest.definition;
        if definition.producer.is_none() && definition.consumer.is_none() {
            let message = "Say at the step Types what it does before it is tried.".to_owned();
            return Err(HubError::Conflict { message });
        }
        let before = self.last_drive(id, newest.version, &definition).await?;
        if before.is_some_and(|drive| drive.state == DriveState::Running) {
            return Err(HubError::Conflict { message: "A Test Drive is under way already.".to_owned() });
        }
        let application = Application { id: id.clone(), version: newest.version, definition };
        let probe = if application.definition.is_called() { Some(self.probe_of(&application, form)?) } else { None };
        let drive_id: MessageId = new_id(MessageId::PREFIX);
        let drive = Drive::new(self.clone(), actor.account_id.clone(), application, drive_id.to_string(), probe);
        let now = self.now_ms();
        let sql = "insert into test_drive (application_id, version, id, subject, state, report, started_by, started_at, alive_at)
            values ($1, $2, $3, $4, 'running', $5, $6, $7, $7)
            on conflict (application_id, version) do update set id = excluded.id, subject = excluded.subject, state = excluded.state,
                report = excluded.report, started_by = excluded.started_by, started_at = excluded.started_at, alive_at = excluded.alive_at,
                finished_at = null";
        sqlx::query(sql)
            .bind(id.as_str())
            .bind(i64::from(newest.version))
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

    /// What calls the application with what the provider entered; or what is wrong with that, at its inputs.
    fn probe_of(&self, application: &Application, form: &DriveForm) -> Result<Probe> {
        let definition = &application.definition;
        let mut problems = Problems::default();
        let mut secrets = Vec::new();
        let unfit = "This has characters that can’t be sent, or too many. Copy it again.";
        let is_fit = |text: &str| text.len() <= LONGEST_VALUE && text.bytes().all(|byte| (0x20..0x7f).contains(&byte));
        let authorization = if definition.credentials == Credentials::Basic {
            let (user, password) = (form.user_name.trim(), form.password.as_str());
            if user.is_empty() || !is_fit(user) || user.contains(':') {
                problems.note("user_name", "Enter the user name, without a colon.");
            }
            if password.is_empty() || !is_fit(password) {
                problems.note("password", "Enter the password.");
            }
            let pair = STANDARD.encode(format!("{user}:{password}"));
            secrets.extend([password.to_owned(), pair.clone()]);
            format!("Basic {pair}")
        } else {
            let key = form.key.trim();
            if key.is_empty() {
                problems.note("key", "Enter what Usher shows your application with every call.");
            } else if !is_fit(key) {
                problems.note("key", unfit);
            }
            secrets.push(key.to_owned());
            format!("Bearer {key}")
        };
        let (mut values, mut headers) = (Vec::new(), Vec::new());
        for (place, field) in definition.credential_fields.iter().enumerate() {
            let value = form.fields.get(place).map(|value| value.trim()).unwrap_or_default();
            if value.is_empty() && field.required {
                problems.note(format!("fields-{place}"), format!("Enter {}.", field.label));
            } else if !is_fit(value) {
                problems.note(format!("fields-{place}"), unfit);
            }
            if field.secret {
                secrets.push(value.to_owned());
            }
            match &field.header {
                Some(header) if !value.is_empty() => headers.push((header.clone(), value.to_owned())),
                Some(_) => {}
                None => values.push((field.name.clone(), value.to_owned())),
            }
        }
        let base = parse_base_url(&filled(form.base_url.trim(), &values)).and_then(|url| {
            let message =
                "This address is not public, and this installation does not allow that network (USHER_ALLOW_NETWORKS).";
            if self.outbound().may_call(&url).is_ok() { Ok(url) } else { Err(message.to_owned()) }
        });
        let base = match base {
            Ok(base) => Some(base),
            Err(message) => {
                problems.note("base_url", message);
                None
            }
        };
        problems.end()?;
        let Some(base) = base else { return Err(HubError::invalid("base_url", "Enter the address.")) };
        let urls = application
            .urls(base, &values)
            .map_err(|_| HubError::invalid("base_url", "With these values an address of the application is none."))?;
        self.outbound()
            .probe(urls, &authorization, &headers, secrets, PATIENCE)
            .map_err(|error| HubError::invalid("base_url", crate::registry::connection::sentence(&error)))
    }
}
