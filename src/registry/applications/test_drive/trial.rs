//! The sides that call Usher: nothing can be called there, so a trial endpoint in the provider's own account is looked at. Its program calls Usher with
//! that endpoint's key and does for real what it will do for others: a share of its audience, a share to it.

use model::{
    application::Definition,
    contract::{EndpointDescription, Movement},
    error::HubError,
    id::{ApplicationId, EndpointId},
    view::Actor,
};
use sqlx::Row;

use super::{
    Application,
    drive::{Drive, Found},
};
use crate::{
    hub::{Hub, Result, internal},
    registry::endpoints::parsed_id,
    store::{StoreError, new_id},
};

const CALL: &str = "Call Usher with its key";
const DESCRIBE: &str = "Describe itself to Usher";
const DECLARE: &str = "Declare its audiences";
const SEND: &str = "Send an export";
const FETCH: &str = "Fetch an import and report on it";

pub(super) fn steps(definition: &Definition) -> Vec<&'static str> {
    let mut names = vec![CALL, DESCRIBE];
    if definition.producer == Some(Movement::Push) {
        names.extend([DECLARE, SEND]);
    }
    if definition.consumer == Some(Movement::Pull) {
        names.push(FETCH);
    }
    names
}

impl Hub {
    /// Makes a trial endpoint of a draft that calls Usher, in the provider's own account. One that is there already is told.
    pub async fn make_trial_endpoint(&self, actor: &Actor, id: &ApplicationId) -> Result<EndpointId> {
        let newest = self.editable_draft(actor, id).await?;
        if !newest.definition.calls_usher() {
            let message =
                "Usher calls this application for all it does; it needs no endpoint for its Test Drive.".to_owned();
            return Err(HubError::Conflict { message });
        }
        if let Some(trial) = self.trial_endpoint(actor, id).await? {
            return Ok(trial);
        }
        let endpoint_id: EndpointId = new_id(EndpointId::PREFIX);
        let name: String = format!("Trial of {}", newest.definition.name).chars().take(100).collect();
        let description = EndpointDescription { name: name.clone(), description: None, producer: None, consumer: None };
        let sql =
            "insert into endpoint (id, account_id, application_id, application_version, name, description, created_at)
            values ($1, $2, $3, $4, $5, $6, $7)";
        let inserted = sqlx::query(sql)
            .bind(endpoint_id.as_str())
            .bind(actor.account_id.as_str())
            .bind(id.as_str())
            .bind(i64::from(newest.version))
            .bind(name.as_str())
            .bind(serde_json::to_string(&description).map_err(internal)?)
            .bind(self.now_ms())
            .execute(self.database().writer())
            .await;
        match inserted.map_err(StoreError::from) {
            Ok(_) => {
                let application =
                    Application { id: id.clone(), version: newest.version, definition: newest.definition };
                self.begin_webhook(&actor.account_id, &endpoint_id, &application).await;
                Ok(endpoint_id)
            }
            Err(StoreError::Duplicate) => Err(HubError::Conflict {
                message: format!("An endpoint of your account is called “{name}” already. Rename that one first."),
            }),
            Err(error) => Err(internal(error)),
        }
    }

    /// The trial endpoint of the newest version, when there is one.
    pub async fn trial_endpoint(&self, actor: &Actor, id: &ApplicationId) -> Result<Option<EndpointId>> {
        let newest = self.newest_of_account(&actor.account_id, id).await?;
        self.endpoint_of_version(&actor.account_id, id, newest.version).await.map_err(internal)
    }

    async fn endpoint_of_version(
        &self,
        account_id: &model::id::AccountId,
        id: &ApplicationId,
        version: u32,
    ) -> std::result::Result<Option<EndpointId>, StoreError> {
        let sql = "select id from endpoint where disconnected_at is null and account_id = $1 and application_id = $2 and application_version = $3
            order by created_at, id limit 1";
        let row = sqlx::query(sql)
            .bind(account_id.as_str())
            .bind(id.as_str())
            .bind(i64::from(version))
            .fetch_optional(self.database().reader())
            .await?;
        row.map(|row| parsed_id(&row, "id")).transpose()
    }
}

impl Drive {
    pub(super) async fn look_at_trial(&mut self) {
        self.begin(CALL).await;
        let found = self.has_called().await;
        let Some(trial) = self.end(found).await else { return };
        self.begin(DESCRIBE).await;
        let found = self.has_described(&trial).await;
        if self.end(found).await.is_none() {
            return;
        }
        if self.application.definition.producer == Some(Movement::Push) {
            self.begin(DECLARE).await;
            let found = self.has_declared(&trial).await;
            self.end(found).await;
            self.begin(SEND).await;
            let remedy = "Share one of its audiences to any destination of your account, and let it send the export.";
            let found = self.has_done(&trial, true, remedy).await;
            self.end(found).await;
        }
        if self.application.definition.consumer == Some(Movement::Pull) {
            self.begin(FETCH).await;
            let remedy = "Share any audience of your account to it, and let it fetch the parts and report on them.";
            let found = self.has_done(&trial, false, remedy).await;
            self.end(found).await;
        }
    }

    async fn has_called(&mut self) -> Found<EndpointId> {
        let (id, version) = (self.application.id.clone(), self.application.version);
        let trial = self
            .hub
            .endpoint_of_version(&self.account_id, &id, version)
            .await
            .map_err(|error| internal(error).to_string())?;
        let trial = trial.ok_or(
            "It has no trial endpoint yet. Make one on this page, and let your program call Usher with its key.",
        )?;
        let sql = "select last_success_at from endpoint where id = $1 and account_id = $2";
        let row = sqlx::query(sql)
            .bind(trial.as_str())
            .bind(self.account_id.as_str())
            .fetch_one(self.hub.database().reader())
            .await
            .map_err(|error| internal(error).to_string())?;
        let called: Option<i64> = row.try_get("last_success_at").map_err(|error| internal(error).to_string())?;
        match called {
            Some(_) => Ok((trial, "It has called Usher with the trial endpoint’s key.".to_owned())),
            None => Err("No call with the trial endpoint’s key has come yet. Make its key on the endpoint’s page, and start your program with it.".to_owned()),
        }
    }

    async fn has_described(&mut self, trial: &EndpointId) -> Found<()> {
        let known = self.hub.connected_endpoint(&self.account_id, trial).await.map_err(|error| error.to_string())?;
        let definition = &self.application.definition;
        let found = (
            known.description.producer.as_ref().map(|side| side.movement),
            known.description.consumer.as_ref().map(|side| side.movement),
        );
        // A side that Usher calls describes itself where it is called.
        let is_said = |declared: Option<Movement>, calls: Movement, found: Option<Movement>| {
            declared != Some(calls) || found == declared
        };
        if !is_said(definition.producer, Movement::Push, found.0) {
            return Err("It has not said that it offers audiences. Let it call PUT v1/endpoint with \"producer\": {\"movement\": \"PUSH\"}.".to_owned());
        }
        if !is_said(definition.consumer, Movement::Pull, found.1) {
            return Err("It has not said that it takes audiences. Let it call PUT v1/endpoint with a \"consumer\" whose movement is PULL.".to_owned());
        }
        Ok(((), "It has said what it is, as defined here.".to_owned()))
    }

    async fn has_declared(&mut self, trial: &EndpointId) -> Found<()> {
        let counts = self.hub.audience_counts(&self.account_id).await.map_err(|error| error.to_string())?;
        match counts.get(trial).copied().unwrap_or(0) {
            0 => Err("It has declared no audience yet. Let it call POST v1/endpoint/{endpointId}/segments.".to_owned()),
            count => Ok(((), format!("It has declared {count} audience{}.", if count == 1 { "" } else { "s" }))),
        }
    }

    async fn has_done(&mut self, trial: &EndpointId, export: bool, remedy: &str) -> Found<()> {
        let done = self.hub.jobs_done(&self.account_id, trial, export).await.map_err(|error| error.to_string())?;
        match done {
            0 => Err(format!("No such job has ended well yet. {remedy} Then run the Test Drive again.")),
            1 => Ok(((), "One such job has ended well.".to_owned())),
            count => Ok(((), format!("{count} such jobs have ended well."))),
        }
    }
}
