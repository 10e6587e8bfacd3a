//! Applications: what an endpoint can be an instance of. In this version their definitions come with the installation.

use model::{
    contract::{EndpointDescription, Movement},
    error::HubError,
    id::ApplicationId,
    view::{Actor, ApplicationView},
};
use serde::{Deserialize, Serialize};
use sqlx::Row;

use crate::{
    hub::{Hub, OpenError, Result, internal},
    store::StoreError,
};

const BUILT_IN: [(&str, &str); 4] = [
    ("Harbor CRM", include_str!("applications/harbor-crm.json")),
    ("Beacon Mail", include_str!("applications/beacon-mail.json")),
    ("Toolkit agent", include_str!("applications/toolkit-agent.json")),
    ("Toolkit endpoint", include_str!("applications/toolkit-endpoint.json")),
];

/// What an application is, as its definition says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Application {
    pub(super) id: ApplicationId,
    pub(super) name: String,
    pub(super) description: String,
    pub(super) category: String,
    #[serde(default)]
    pub(super) producer: Option<Movement>,
    #[serde(default)]
    pub(super) consumer: Option<Movement>,
    #[serde(default)]
    pub(super) default_base_url: Option<String>,
    pub(super) key_help: String,
}

impl Application {
    /// Usher calls it for at least one of its sides, so that it has an address and an authentication key.
    pub(super) fn is_called(&self) -> bool {
        self.producer == Some(Movement::Pull) || self.consumer == Some(Movement::Push)
    }

    /// It calls Usher for at least one of its sides, with an endpoint key.
    pub(super) fn calls_usher(&self) -> bool {
        self.producer == Some(Movement::Push) || self.consumer == Some(Movement::Pull)
    }

    /// Why an endpoint that describes itself so is not an instance of this application.
    pub(super) fn mismatch(&self, description: &EndpointDescription) -> Option<String> {
        let (producer, consumer) = (
            description.producer.as_ref().map(|side| side.movement),
            description.consumer.as_ref().map(|side| side.movement),
        );
        if producer.is_none() && consumer.is_none() {
            return Some("It neither offers audiences nor takes them.".to_owned());
        }
        let fits = |declared: Option<Movement>, found: Option<Movement>| found.is_none() || found == declared;
        if !fits(self.producer, producer) {
            return Some(format!(
                "It offers audiences in a way that {} does not. Is it the address of another application?",
                self.name
            ));
        }
        if !fits(self.consumer, consumer) {
            return Some(format!(
                "It takes audiences in a way that {} does not. Is it the address of another application?",
                self.name
            ));
        }
        None
    }
}

impl Hub {
    pub(crate) async fn install_applications(&self) -> std::result::Result<(), OpenError> {
        for (name, text) in BUILT_IN {
            let application: Application =
                serde_json::from_str(text).map_err(|_| OpenError::Application(name.to_owned()))?;
            let sql = "insert into application (id, definition, updated_at) values ($1, $2, $3)
                on conflict (id) do update set definition = excluded.definition, updated_at = excluded.updated_at";
            sqlx::query(sql)
                .bind(application.id.as_str())
                .bind(text)
                .bind(self.now_ms())
                .execute(self.database().writer())
                .await
                .map_err(StoreError::from)?;
        }
        Ok(())
    }

    /// The applications that can be connected, by name.
    pub async fn applications(&self, actor: &Actor) -> Result<Vec<ApplicationView>> {
        let sql = "select a.definition, (select count(*) from endpoint e where e.application_id = a.id and e.account_id = $1 and e.disconnected_at is null) as endpoints
            from application a";
        let rows = sqlx::query(sql)
            .bind(actor.account_id.as_str())
            .fetch_all(self.database().reader())
            .await
            .map_err(internal)?;
        let mut views = Vec::new();
        for row in rows {
            let (definition, endpoints): (String, i64) =
                (row.try_get("definition").map_err(internal)?, row.try_get("endpoints").map_err(internal)?);
            let application: Application = serde_json::from_str(&definition).map_err(internal)?;
            views.push(ApplicationView {
                is_called: application.is_called(),
                id: application.id,
                name: application.name,
                description: application.description,
                category: application.category,
                producer: application.producer,
                consumer: application.consumer,
                default_base_url: application.default_base_url,
                key_help: application.key_help,
                endpoints: u32::try_from(endpoints).unwrap_or(u32::MAX),
            });
        }
        views.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(views)
    }

    /// One application.
    pub async fn application(&self, actor: &Actor, id: &ApplicationId) -> Result<ApplicationView> {
        let all = self.applications(actor).await?;
        all.into_iter().find(|application| application.id == *id).ok_or_else(|| HubError::not_found("application"))
    }

    pub(super) async fn application_definition(&self, id: &ApplicationId) -> Result<Application> {
        let sql = "select definition from application where id = $1";
        let row =
            sqlx::query(sql).bind(id.as_str()).fetch_optional(self.database().reader()).await.map_err(internal)?;
        let row = row.ok_or_else(|| HubError::not_found("application"))?;
        serde_json::from_str(&row.try_get::<String, _>("definition").map_err(internal)?).map_err(internal)
    }
}
