//! Applications: what an endpoint can be an instance of. Some come with the installation; the others are defined by accounts (`drafts`), tried
//! (`test_drive`) and reviewed by an operator (`review`), version by version. An endpoint keeps to the version that it was connected to.

mod checks;
mod drafts;
mod fields_file;
mod history;
mod lines;
mod logos;
mod review;
mod test_drive;

use model::{
    application::{Credentials, Definition},
    contract::{EndpointDescription, JobMode, Movement},
    error::HubError,
    id::ApplicationId,
    view::{Actor, ApplicationView},
};
use serde::Deserialize;
use sqlx::Row;
use url::Url;

use super::endpoints::{parsed_id, undecodable};
use crate::{
    hub::{Hub, OpenError, Result, internal},
    outbound::ContractUrls,
    store::StoreError,
};
pub(super) use lines::compared;
pub(super) use test_drive::Grant;

pub use fields_file::LARGEST_FIELDS_FILE;
pub use logos::LARGEST_LOGO;

const BUILT_IN: [(&str, &str); 5] = [
    ("Harbor CRM", include_str!("applications/harbor-crm.json")),
    ("Beacon Mail", include_str!("applications/beacon-mail.json")),
    ("Toolkit agent", include_str!("applications/toolkit-agent.json")),
    ("Toolkit endpoint", include_str!("applications/toolkit-endpoint.json")),
    ("Toolkit service", include_str!("applications/toolkit-service.json")),
];

/// One version of an application, as endpoints keep to it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Application {
    pub(super) id: ApplicationId,
    pub(super) version: u32,
    pub(super) definition: Definition,
}

/// An application that comes with the installation, as its file says.
#[derive(Deserialize)]
struct BuiltIn {
    id: ApplicationId,
    #[serde(flatten)]
    definition: Definition,
}

impl Application {
    /// From a row with `application_id`, `application_version` and `definition`.
    pub(super) fn of_row(row: &sqlx::any::AnyRow) -> std::result::Result<Self, StoreError> {
        Ok(Self {
            id: parsed_id(row, "application_id")?,
            version: version_of(row, "application_version")?,
            definition: serde_json::from_str(&row.try_get::<String, _>("definition")?).map_err(undecodable)?,
        })
    }

    /// An endpoint of it says by itself what it is, with an endpoint key.
    pub(super) fn registers(&self) -> bool {
        self.definition.calls_usher() || self.steps().is_some()
    }

    /// What it asks those to do who connect it, when it is connected so.
    pub(super) fn steps(&self) -> Option<&str> {
        match &self.definition.credentials {
            Credentials::Instructions { steps } => Some(steps),
            _ => None,
        }
    }

    /// Where an endpoint of it answers. `values` are what its account entered for the places in addresses.
    pub(super) fn urls(&self, base: Url, values: &[(String, String)]) -> Result<ContractUrls> {
        let mut urls = ContractUrls::below(base);
        for resource in ["endpoint", "segments", "jobs", "health"] {
            if let Some(address) = self.definition.urls.of(resource) {
                urls = urls.with(resource, Url::parse(&filled(address, values)).map_err(internal)?);
            }
        }
        Ok(urls)
    }

    /// Why an endpoint that describes itself so is not an instance of this application.
    pub(super) fn mismatch(&self, description: &EndpointDescription) -> Option<String> {
        let (producer, consumer) = (
            description.producer.as_ref().map(|side| side.movement),
            description.consumer.as_ref().map(|side| side.movement),
        );
        let name = &self.definition.name;
        if producer.is_none() && consumer.is_none() {
            return Some("It neither offers audiences nor takes them.".to_owned());
        }
        let fits = |declared: Option<Movement>, found: Option<Movement>| found.is_none() || found == declared;
        if !fits(self.definition.producer, producer) {
            return Some(format!(
                "It offers audiences in a way that {name} does not. Is it the address of another application?"
            ));
        }
        if !fits(self.definition.consumer, consumer) {
            return Some(format!(
                "It takes audiences in a way that {name} does not. Is it the address of another application?"
            ));
        }
        let declared = &self.definition.delivery.as_ref()?.modes;
        let beyond = description.consumer.as_ref()?.delivery.modes.iter().find(|mode| !declared.contains(mode))?;
        Some(format!("It takes audiences with {}, which {name} was not approved for.", mode_word(*beyond)))
    }
}

/// An address with what an account entered in its places. What is entered can't reach beyond its place: it is percent-encoded.
pub(super) fn filled(address: &str, values: &[(String, String)]) -> String {
    values.iter().fold(address.to_owned(), |address, (name, value)| {
        let encoded: String = url::form_urlencoded::byte_serialize(value.as_bytes()).collect();
        address.replace(&format!("{{{name}}}"), &encoded)
    })
}

/// The word of a mode in the contract.
fn mode_word(mode: JobMode) -> &'static str {
    match mode {
        JobMode::Add => "ADD",
        JobMode::Replace => "REPLACE",
        JobMode::Remove => "REMOVE",
    }
}

fn version_of(row: &sqlx::any::AnyRow, column: &str) -> std::result::Result<u32, StoreError> {
    u32::try_from(row.try_get::<i64, _>(column)?).map_err(undecodable)
}

impl Hub {
    pub(crate) async fn install_applications(&self) -> std::result::Result<(), OpenError> {
        for (name, text) in BUILT_IN {
            let built_in: BuiltIn = serde_json::from_str(text).map_err(|_| OpenError::Application(name.to_owned()))?;
            let definition =
                serde_json::to_string(&built_in.definition).map_err(|_| OpenError::Application(name.to_owned()))?;
            self.install(&built_in.id, &definition).await?;
        }
        Ok(())
    }

    /// Its first version is approved, and always as the installation brings it.
    async fn install(&self, id: &ApplicationId, definition: &str) -> std::result::Result<(), StoreError> {
        let now = self.now_ms();
        let mut transaction = self.database().begin().await?;
        let sql = "insert into application (id, updated_at, approved_version) values ($1, $2, 1)
            on conflict (id) do update set updated_at = excluded.updated_at";
        sqlx::query(sql).bind(id.as_str()).bind(now).execute(&mut *transaction).await?;
        let sql = "insert into application_version (application_id, version, definition, state, updated_at) values ($1, 1, $2, 'approved', $3)
            on conflict (application_id, version) do update set definition = excluded.definition, updated_at = excluded.updated_at";
        sqlx::query(sql).bind(id.as_str()).bind(definition).bind(now).execute(&mut *transaction).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// The applications that can be connected, by name.
    pub async fn applications(&self, actor: &Actor) -> Result<Vec<ApplicationView>> {
        let sql = "select a.id as application_id, v.version as application_version, v.definition,
                (select count(*) from endpoint e where e.application_id = a.id and e.account_id = $1 and e.disconnected_at is null) as endpoints
            from application a join application_version v on v.application_id = a.id and v.version = a.approved_version
            where a.retired_at is null";
        let rows = sqlx::query(sql)
            .bind(actor.account_id.as_str())
            .fetch_all(self.database().reader())
            .await
            .map_err(internal)?;
        let mut views = Vec::new();
        for row in rows {
            let endpoints: i64 = row.try_get("endpoints").map_err(internal)?;
            views.push(gallery_view(Application::of_row(&row).map_err(internal)?, endpoints));
        }
        views.sort_by_cached_key(|view| view.name.to_lowercase());
        Ok(views)
    }

    /// One application that can be connected.
    pub async fn application(&self, actor: &Actor, id: &ApplicationId) -> Result<ApplicationView> {
        let all = self.applications(actor).await?;
        all.into_iter().find(|application| application.id == *id).ok_or_else(|| HubError::not_found("application"))
    }

    /// The version of an application that is connected now.
    pub(super) async fn connectable_application(&self, id: &ApplicationId) -> Result<Application> {
        let sql = "select v.application_id, v.version as application_version, v.definition
            from application a join application_version v on v.application_id = a.id and v.version = a.approved_version
            where a.id = $1 and a.retired_at is null";
        let row =
            sqlx::query(sql).bind(id.as_str()).fetch_optional(self.database().reader()).await.map_err(internal)?;
        let row = row.ok_or_else(|| HubError::not_found("application"))?;
        Application::of_row(&row).map_err(internal)
    }

    /// Any version of an application, as endpoints keep to it.
    pub(super) async fn application_at(&self, id: &ApplicationId, version: u32) -> Result<Application> {
        let sql = "select application_id, version as application_version, definition from application_version
            where application_id = $1 and version = $2";
        let row = sqlx::query(sql)
            .bind(id.as_str())
            .bind(i64::from(version))
            .fetch_optional(self.database().reader())
            .await
            .map_err(internal)?;
        Application::of_row(&row.ok_or_else(|| HubError::not_found("application"))?).map_err(internal)
    }

    /// The secret of the client as which Usher comes to an application's authorisation server, when it has one.
    pub async fn application_client_secret(&self, id: &ApplicationId, version: u32) -> Result<Option<String>> {
        let sql = "select client_secret from application_version where application_id = $1 and version = $2";
        let row = sqlx::query(sql)
            .bind(id.as_str())
            .bind(i64::from(version))
            .fetch_optional(self.database().reader())
            .await
            .map_err(internal)?;
        let row = row.ok_or_else(|| HubError::not_found("application"))?;
        let Some(sealed) = row.try_get::<Option<Vec<u8>>, _>("client_secret").map_err(internal)? else {
            return Ok(None);
        };
        let secret = self.sealing().open(&sealed, &client_secret_context(id)).map_err(internal)?;
        String::from_utf8(secret).map(Some).map_err(internal)
    }
}

/// What a client's secret is sealed with: it goes from version to version of one application, and to no other.
pub(super) fn client_secret_context(id: impl std::fmt::Display) -> String {
    format!("application client secret {id}")
}

/// An application as the form shows it with which it is connected.
pub(super) fn gallery_view(application: Application, endpoints: i64) -> ApplicationView {
    let definition = application.definition;
    ApplicationView {
        is_called: definition.is_called(),
        id: application.id,
        version: application.version,
        name: definition.name,
        description: definition.description,
        category: definition.category,
        logo: definition.logo,
        support: definition.support,
        producer: definition.producer,
        consumer: definition.consumer,
        default_base_url: definition.urls.base,
        credentials: definition.credentials,
        credential_fields: definition.credential_fields,
        key_help: definition.credential_help,
        endpoints: u32::try_from(endpoints).unwrap_or(u32::MAX),
    }
}
