//! Endpoints: connecting them, what they say of themselves, how they are, and the client that other rooms call them with.

use std::time::{Duration, Instant};

use model::{
    application::Credentials,
    contract::{EndpointDescription, MAX_COLUMNS, Movement, WebhookAddress},
    error::{FieldProblem, HubError},
    id::{AccountId, ApplicationId, EndpointId},
    view::{AccessEnd, Actor, By, Connect, ConnectionReport, EndpointHealth, EndpointSummary, EndpointView, Role},
};
use sqlx::{Row, any::AnyRow};
use url::Url;

use super::{
    EndpointActor,
    applications::{Application, client_secret_context, filled},
    connection::{self, Ailment},
    consents,
    credentials::{self, Kept},
    provider, require,
};
use crate::{
    exchange,
    hub::{Hub, Result, internal},
    outbound::{CallError, EndpointClient},
    store::{StoreError, clock::rfc3339, new_id, resealing::SealedColumn},
};

const LONGEST_NAME: usize = 100;
const LONGEST_URL: usize = 500;
const LONGEST_KEY: usize = 1000;
const LONGEST_TEXT: usize = 2000;
/// Good calls are noted at most this often, so that a run of a thousand parts does not write a thousand times.
const NOTE_SUCCESS_EVERY_MS: i64 = 10_000;

const SELECT: &str =
    "select e.*, v.definition, case when a.retired_at is null then a.approved_version else null end as approved_version
        from endpoint e join application a on a.id = e.application_id join application_version v on v.application_id = e.application_id and v.version = e.application_version where e.account_id = $1";

/// An endpoint as other rooms need it: who it is and what it said of itself.
#[derive(Debug, Clone, PartialEq)]
pub struct ConnectedEndpoint {
    /// Its id.
    pub id: EndpointId,
    /// Its name in the account.
    pub name: String,
    /// Its application.
    pub application_id: ApplicationId,
    /// Its application's name.
    pub application: String,
    /// What it says of itself.
    pub description: EndpointDescription,
    /// How it is.
    pub health: EndpointHealth,
    /// It was disconnected: it can't be used any more, and only what refers to it still names it.
    pub is_disconnected: bool,
}

struct EndpointRow {
    endpoint: ConnectedEndpoint,
    application: Application,
    /// The newest approved version of the application, unless it was retired.
    approved_version: Option<u32>,
    base_url: Option<String>,
    succeeded_at: Option<i64>,
    failed_at: Option<i64>,
    /// Why the last call failed, unless one went well since.
    failure: Option<String>,
    failed_because: Option<String>,
    /// Since when Usher is not let in with what it shows.
    access_ended_at: Option<i64>,
    latency_ms: Option<i64>,
    created_at: i64,
    disconnected: Option<By>,
}

/// An endpoint that is connected, with what connects it.
pub(super) struct Standing {
    pub(super) endpoint: ConnectedEndpoint,
    pub(super) application: Application,
    /// The newest approved version of its application, unless it was retired.
    approved_version: Option<u32>,
    /// Where it is called, if it is.
    pub(super) base_url: Option<Url>,
    pub(super) access_ended: Option<AccessEnd>,
}

impl Standing {
    /// The newest approved version, when it is newer than the endpoint's own.
    pub(super) fn newer_version(&self) -> Option<u32> {
        self.approved_version.filter(|approved| *approved > self.application.version)
    }
}

impl EndpointRow {
    fn access_ended(&self) -> Option<AccessEnd> {
        self.access_ended_at.filter(|_| self.disconnected.is_none()).map(|_| {
            match self.application.definition.credentials {
                Credentials::AuthorizationCode { .. } => AccessEnd::Consent,
                Credentials::Instructions { .. } => AccessEnd::Registration,
                _ => AccessEnd::Credentials,
            }
        })
    }
}

/// What the connect form held, parsed.
pub(super) struct Parsed {
    pub(super) application: Application,
    pub(super) name: String,
    /// None when the endpoint registers by itself.
    pub(super) address: Option<Address>,
}

/// Where Usher calls an endpoint, and with what.
pub(super) struct Address {
    pub(super) base_url: Url,
    pub(super) kept: Kept,
}

impl Hub {
    /// Tries an endpoint out, without saving anything.
    pub async fn test_connection(&self, actor: &Actor, form: &Connect) -> Result<ConnectionReport> {
        require(actor, Role::Admin)?;
        let parsed = self.parse(form).await?;
        let Some(address) = parsed.address else {
            let message = format!(
                "{} registers by itself; there is nothing to try before it does.",
                parsed.application.definition.name
            );
            return Err(HubError::Conflict { message });
        };
        let (report, _) = connection::test(self, &parsed.application, &address).await;
        Ok(report)
    }

    /// Connects an endpoint, when it passes the connection test, and asks it for its audiences.
    pub async fn connect_endpoint(&self, actor: &Actor, form: Connect) -> Result<EndpointId> {
        require(actor, Role::Admin)?;
        let parsed = self.parse(&form).await?;
        let (id, _) = self.connect_parsed(actor, parsed).await?;
        Ok(id)
    }

    /// The same for a form that was parsed; with how each step of the test went.
    pub(super) async fn connect_parsed(&self, actor: &Actor, parsed: Parsed) -> Result<(EndpointId, ConnectionReport)> {
        let id: EndpointId = new_id(EndpointId::PREFIX);
        let (report, description, sealed, ends_at) = match &parsed.address {
            Some(address) => {
                let (report, learned) = connection::test(self, &parsed.application, address).await;
                let learned = learned.ok_or_else(|| not_passed(&report))?;
                let sealed = self.seal_kept(&id, &learned.kept)?;
                (report, learned.description, Some(sealed), learned.kept.ends_at())
            }
            // It tells what it is when it registers.
            None => {
                let name = parsed.name.clone();
                let description = EndpointDescription { name, description: None, producer: None, consumer: None };
                (ConnectionReport { steps: Vec::new() }, description, None, None)
            }
        };
        let text = serde_json::to_string(&description).map_err(internal)?;
        let now = self.now_ms();
        let sql = "insert into endpoint (id, account_id, application_id, application_version, name, base_url, credential, credential_ends_at, description, last_success_at, created_at)
            values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";
        let inserted = sqlx::query(sql)
            .bind(id.as_str())
            .bind(actor.account_id.as_str())
            .bind(parsed.application.id.as_str())
            .bind(i64::from(parsed.application.version))
            .bind(parsed.name.as_str())
            .bind(parsed.address.as_ref().map(|address| address.base_url.to_string()))
            .bind(sealed)
            .bind(ends_at)
            .bind(text)
            .bind(parsed.address.as_ref().map(|_| now))
            .bind(now)
            .execute(self.database().writer())
            .await;
        match inserted.map_err(StoreError::from) {
            Ok(_) => {}
            Err(StoreError::Duplicate) => return Err(taken()),
            Err(error) => return Err(internal(error)),
        }
        tracing::info!(endpoint.id = %id, "endpoint connected");
        self.begin_webhook(&actor.account_id, &id, &parsed.application).await;
        if description.producer.is_some()
            && let Err(error) = self.refresh_audiences(actor, &id).await
        {
            tracing::warn!(endpoint.id = %id, %error, "the audiences of a new endpoint could not be read yet");
        }
        Ok((id, report))
    }

    /// Refuses a name that another endpoint of the account has.
    pub(super) async fn name_is_free(&self, actor: &Actor, name: &str) -> Result<()> {
        let sql = "select count(*) as many from endpoint where account_id = $1 and name = $2";
        let row = sqlx::query(sql)
            .bind(actor.account_id.as_str())
            .bind(name)
            .fetch_one(self.database().reader())
            .await
            .map_err(internal)?;
        if row.try_get::<i64, _>("many").map_err(internal)? == 0 { Ok(()) } else { Err(taken()) }
    }

    /// Where an application that calls Usher said that it wants to be told of jobs is where its new endpoint is told, until it says another place.
    pub(super) async fn begin_webhook(&self, account_id: &AccountId, id: &EndpointId, application: &Application) {
        let Some(contact) = application.definition.urls.contact.as_ref() else { return };
        // With a place in it, it is no address before the account has filled that in.
        if !application.definition.calls_usher() || contact.contains('{') {
            return;
        }
        let endpoint = EndpointActor { account_id: account_id.clone(), endpoint_id: id.clone() };
        if let Err(error) = self.set_webhook(&endpoint, &WebhookAddress { url: contact.clone() }).await {
            tracing::warn!(endpoint.id = %id, %error, "the webhook of a new endpoint could not be set");
        }
    }

    async fn parse(&self, form: &Connect) -> Result<Parsed> {
        let id = form.application_id.parse::<ApplicationId>().map_err(|_| HubError::not_found("application"))?;
        parse(form, self.connectable_application(&id).await?)
    }

    /// The account's endpoints, by name.
    pub async fn endpoints(&self, actor: &Actor) -> Result<Vec<EndpointSummary>> {
        let counts = self.audience_counts(&actor.account_id).await?;
        let rows = self.endpoint_rows(&actor.account_id).await.map_err(internal)?;
        Ok(rows.iter().map(|row| summary(row, counts.get(&row.endpoint.id).copied().unwrap_or(0))).collect())
    }

    /// One endpoint.
    pub async fn endpoint(&self, actor: &Actor, id: &EndpointId) -> Result<EndpointView> {
        let row = self.endpoint_row(&actor.account_id, id).await.map_err(internal)?;
        let row = row.ok_or_else(|| HubError::not_found("endpoint"))?;
        let audiences = self.audiences_of_endpoint(actor, id).await?;
        let counts = self.audience_counts(&actor.account_id).await?;
        let catalogue = match row.endpoint.description.producer {
            Some(_) => Some(self.endpoint_catalogue(actor, id).await?),
            None => None,
        };
        let consumer = row.endpoint.description.consumer.clone();
        let has_said = row.endpoint.description.producer.is_some() || consumer.is_some();
        let sends = row.endpoint.description.producer.as_ref().is_some_and(|side| side.movement == Movement::Pull);
        let by_person = !matches!(row.application.definition.credentials, Credentials::Instructions { .. });
        Ok(EndpointView {
            summary: summary(&row, counts.get(id).copied().unwrap_or(0)),
            description: row.endpoint.description.description.clone(),
            version: row.application.version,
            newer_version: row.approved_version.filter(|version| *version > row.application.version),
            by_consent: matches!(row.application.definition.credentials, Credentials::AuthorizationCode { .. }),
            may_be_given_credentials: row.disconnected.is_none() && row.base_url.is_some() && by_person,
            calls_usher: row.application.definition.calls_usher(),
            registers: row.application.registers(),
            steps: row.application.steps().map(str::to_owned),
            has_said,
            may_have_keys: row.disconnected.is_none() && (row.application.registers() || sends),
            keys: self.keys_of_endpoint(&actor.account_id, id).await?,
            webhook: self.webhook_of(&actor.account_id, id).await?,
            shares: self.shares_with_endpoint(actor, id).await?,
            runs: exchange::runs_with_endpoint(self.database().reader(), &actor.account_id, id)
                .await
                .map_err(internal)?
                .unsigned_abs(),
            jobs: exchange::jobs_of_endpoint(self.database(), &actor.account_id, id).await.map_err(internal)?,
            paused: self.pause_of_endpoint(&actor.account_id, id).await.map_err(internal)?,
            disconnected: row.disconnected.clone(),
            succeeded_at: row.succeeded_at.map(rfc3339),
            failed_at: row.failed_at.map(rfc3339),
            failed_because: row.failed_because.clone(),
            calls: self.calls_of_endpoint(&actor.account_id, id).await.map_err(internal)?,
            base_url: row.base_url,
            delivery: consumer.as_ref().map(|consumer| consumer.delivery.clone()),
            destination_fields: consumer.map(|consumer| consumer.fields).unwrap_or_default(),
            audiences,
            catalogue,
            created_at: rfc3339(row.created_at),
        })
    }

    /// Calls the endpoint now: how it is, and what it says of itself.
    pub async fn check_endpoint(&self, actor: &Actor, id: &EndpointId) -> Result<EndpointView> {
        require(actor, Role::Member)?;
        let standing = self.standing_endpoint(&actor.account_id, id).await?;
        let client = self.endpoint_client(&actor.account_id, id).await?;
        let begun = Instant::now();
        let found = connection::look(&client, &standing.application).await;
        self.note_health(id, found.as_ref().map(|_| begun.elapsed()).map_err(Clone::clone)).await;
        if let Ok(description) = found {
            self.keep_description(&actor.account_id, id, &description).await?;
        }
        self.endpoint(actor, id).await
    }

    /// An endpoint that is connected; one that was disconnected is refused.
    pub(super) async fn standing_endpoint(&self, account_id: &AccountId, id: &EndpointId) -> Result<Standing> {
        let row = self.endpoint_row(account_id, id).await.map_err(internal)?;
        let row = row.ok_or_else(|| HubError::not_found("endpoint"))?;
        if row.endpoint.is_disconnected {
            return Err(HubError::Conflict { message: disconnected(&row.endpoint.name) });
        }
        let access_ended = row.access_ended();
        Ok(Standing {
            access_ended,
            base_url: row.base_url.as_deref().map(Url::parse).transpose().map_err(internal)?,
            endpoint: row.endpoint,
            application: row.application,
            approved_version: row.approved_version,
        })
    }

    pub(super) async fn keep_description(
        &self,
        account_id: &AccountId,
        id: &EndpointId,
        description: &EndpointDescription,
    ) -> Result<()> {
        sqlx::query("update endpoint set description = $1 where id = $2 and account_id = $3")
            .bind(serde_json::to_string(description).map_err(internal)?)
            .bind(id.as_str())
            .bind(account_id.as_str())
            .execute(self.database().writer())
            .await
            .map_err(internal)?;
        self.follow_fields(account_id, id).await;
        Ok(())
    }

    /// Asks an endpoint that Usher calls what it is now, so that a change of its fields is known soon. One that does not answer stays as it was known.
    pub(crate) async fn look_again(&self, account_id: &AccountId, id: &EndpointId) -> Result<()> {
        let row = self.endpoint_row(account_id, id).await.map_err(internal)?;
        let row = row.ok_or_else(|| HubError::not_found("endpoint"))?;
        if row.base_url.is_none() || row.endpoint.is_disconnected {
            return Ok(());
        }
        let client = self.endpoint_client(account_id, id).await?;
        let begun = Instant::now();
        let found = connection::look(&client, &row.application).await;
        self.note_health(id, found.as_ref().map(|_| begun.elapsed()).map_err(Clone::clone)).await;
        match found {
            Ok(description) if description != row.endpoint.description => {
                self.keep_description(account_id, id, &description).await
            }
            Ok(_) => Ok(()),
            Err(ailment) => Err(HubError::Endpoint { message: ailment.sentence }),
        }
    }

    /// A client for one of the account's endpoints.
    pub(crate) async fn endpoint_client(&self, account_id: &AccountId, id: &EndpointId) -> Result<EndpointClient> {
        let sql = "select e.name, e.base_url, e.credential, e.disconnected_at, e.application_id, e.application_version, v.definition from endpoint e
            join application_version v on v.application_id = e.application_id and v.version = e.application_version
            where e.id = $1 and e.account_id = $2";
        let row =
            sqlx::query(sql).bind(id.as_str()).bind(account_id.as_str()).fetch_optional(self.database().reader()).await;
        let row = row.map_err(internal)?.ok_or_else(|| HubError::not_found("endpoint"))?;
        let (base_url, sealed): (Option<String>, Option<Vec<u8>>) =
            (row.try_get("base_url").map_err(internal)?, row.try_get("credential").map_err(internal)?);
        let name: String = row.try_get("name").map_err(internal)?;
        if row.try_get::<Option<i64>, _>("disconnected_at").map_err(internal)?.is_some() {
            return Err(HubError::Endpoint { message: disconnected(&name) });
        }
        let (Some(base_url), Some(sealed)) = (base_url, sealed) else {
            return Err(HubError::Endpoint { message: format!("{name} calls Usher, and can't be called.") });
        };
        let kept = self.open_kept(id, &sealed)?;
        let base_url = Url::parse(&base_url).map_err(internal)?;
        let application = Application::of_row(&row).map_err(internal)?;
        let urls = application.urls(base_url, &kept.values())?;
        let access = self.access(account_id, id, &application, &kept);
        let client = access.and_then(|access| self.outbound().endpoint_at(urls, access));
        let client = client.map_err(|error| credentials::endpoint_error(&error))?;
        let (hub, account_id, id) = (self.clone(), account_id.clone(), id.clone());
        Ok(client.observed(move |call| hub.log_own_call(&account_id, &id, call)))
    }

    /// One of the account's endpoints, as other rooms need it.
    pub(crate) async fn connected_endpoint(
        &self,
        account_id: &AccountId,
        id: &EndpointId,
    ) -> Result<ConnectedEndpoint> {
        let row = self.endpoint_row(account_id, id).await.map_err(internal)?;
        row.map(|row| row.endpoint).ok_or_else(|| HubError::not_found("endpoint"))
    }

    /// All endpoints that the account has connected, as other rooms need them.
    pub(crate) async fn connected_endpoints(&self, account_id: &AccountId) -> Result<Vec<ConnectedEndpoint>> {
        let rows = self.endpoint_rows(account_id).await.map_err(internal)?;
        Ok(rows.into_iter().map(|row| row.endpoint).collect())
    }

    /// Notes how a call went: the endpoint's health is made of real calls. A note that fails is logged, never the caller's trouble.
    pub(crate) async fn note_call(&self, id: &EndpointId, outcome: std::result::Result<Duration, CallError>) {
        self.note_health(id, outcome.map_err(|error| Ailment::from(&error))).await;
    }

    /// Notes that an endpoint called Usher: it is there, and well enough to call.
    pub(super) async fn note_contact(&self, id: &EndpointId) {
        let now = self.now_ms();
        let sql = "update endpoint set last_success_at = $1, last_failure = null
            where id = $2 and (last_failure is not null or last_success_at is null or last_success_at <= $3)";
        let noted = sqlx::query(sql)
            .bind(now)
            .bind(id.as_str())
            .bind(now - NOTE_SUCCESS_EVERY_MS)
            .execute(self.database().writer())
            .await;
        if let Err(error) = noted {
            tracing::warn!(endpoint.id = %id, %error, "an endpoint's health could not be noted");
        }
    }

    /// As [`Self::note_call`], with the sentence that a person is told.
    async fn note_health(&self, id: &EndpointId, outcome: std::result::Result<Duration, Ailment>) {
        let now = self.now_ms();
        let noted = match &outcome {
            Ok(latency) => {
                let latency = i64::try_from(latency.as_millis()).unwrap_or(i64::MAX);
                let sql = "update endpoint set last_success_at = $1, latency_ms = $2, last_failure = null, access_ended_at = null
                    where id = $3 and (last_failure is not null or access_ended_at is not null or last_success_at is null or last_success_at <= $4)";
                sqlx::query(sql)
                    .bind(now)
                    .bind(latency)
                    .bind(id.as_str())
                    .bind(now - NOTE_SUCCESS_EVERY_MS)
                    .execute(self.database().writer())
                    .await
            }
            Err(ailment) => {
                // That it can't be reached meanwhile does not let Usher in again.
                let sql = "update endpoint set last_failure_at = $1, last_failure = $2, failed_because = $2,
                        access_ended_at = case when $4 = 1 then coalesce(access_ended_at, $1) else access_ended_at end
                    where id = $3";
                sqlx::query(sql)
                    .bind(now)
                    .bind(ailment.sentence.as_str())
                    .bind(id.as_str())
                    .bind(i64::from(ailment.wants_credentials))
                    .execute(self.database().writer())
                    .await
            }
        };
        let outcome = if outcome.is_ok() { "ok" } else { "failed" };
        metrics::counter!("usher_outbound_calls_total", "outcome" => outcome).increment(1);
        if let Err(error) = noted {
            tracing::warn!(endpoint.id = %id, %error, "an endpoint's health could not be noted");
        }
    }

    /// Notes that an endpoint's audiences are being read now, so that they are not soon read again.
    pub(crate) async fn note_refresh(&self, id: &EndpointId) -> std::result::Result<(), StoreError> {
        sqlx::query("update endpoint set refreshed_at = $1 where id = $2")
            .bind(self.now_ms())
            .bind(id.as_str())
            .execute(self.database().writer())
            .await?;
        Ok(())
    }

    /// Claims the endpoints whose audiences were last read before `before_ms`, so that no other process reads them too.
    pub(crate) async fn claim_refresh(
        &self,
        before_ms: i64,
    ) -> std::result::Result<Vec<(AccountId, EndpointId)>, StoreError> {
        // Of one that was disconnected the audiences are forgotten, once.
        let sql = "update endpoint set refreshed_at = $1
            where refreshed_at is null or (refreshed_at <= $2 and disconnected_at is null) returning id, account_id";
        let rows = sqlx::query(sql).bind(self.now_ms()).bind(before_ms).fetch_all(self.database().writer()).await?;
        let mut claimed = Vec::new();
        for row in rows {
            claimed.push((parsed_id(&row, "account_id")?, parsed_id(&row, "id")?));
        }
        Ok(claimed)
    }

    async fn endpoint_row(
        &self,
        account_id: &AccountId,
        id: &EndpointId,
    ) -> std::result::Result<Option<EndpointRow>, StoreError> {
        let sql = sqlx::AssertSqlSafe(format!("{SELECT} and e.id = $2"));
        let row = sqlx::query(sql)
            .bind(account_id.as_str())
            .bind(id.as_str())
            .fetch_optional(self.database().reader())
            .await?;
        row.as_ref().map(endpoint_row).transpose()
    }

    async fn endpoint_rows(&self, account_id: &AccountId) -> std::result::Result<Vec<EndpointRow>, StoreError> {
        let sql = sqlx::AssertSqlSafe(format!("{SELECT} and e.disconnected_at is null order by e.name"));
        let rows = sqlx::query(sql).bind(account_id.as_str()).fetch_all(self.database().reader()).await?;
        rows.iter().map(endpoint_row).collect()
    }
}

/// The endpoint did not pass its test.
pub(super) fn not_passed(report: &ConnectionReport) -> HubError {
    let failed = report.steps.iter().find(|step| step.passed == Some(false));
    let message = failed.map(|step| format!("The step “{}” failed. {}", step.name, step.detail)).unwrap_or_default();
    HubError::Endpoint { message: format!("{message} Nothing was saved.") }
}

fn taken() -> HubError {
    HubError::invalid("name", "Another endpoint of your account has this name. Choose another name.")
}

/// What of the registry is sealed.
pub(crate) const SEALED: [SealedColumn; 4] = [
    SealedColumn { table: "endpoint", id: "id", column: "credential", context: |id| credential_context(id) },
    SealedColumn {
        table: "application_version",
        id: "application_id || ' ' || cast(version as text)",
        column: "client_secret",
        context: |id| client_secret_context(id.split(' ').next().unwrap_or(id)),
    },
    SealedColumn { table: "consent", id: "state_hash", column: "sealed", context: consents::context },
    SealedColumn { table: "provider_visit", id: "state_hash", column: "sealed", context: provider::context },
];

/// What an endpoint's credentials are sealed with.
pub(super) fn credential_context(id: impl std::fmt::Display) -> String {
    format!("endpoint credential {id}")
}

pub(crate) fn parsed_id<T>(row: &AnyRow, column: &str) -> std::result::Result<T, StoreError>
where
    T: std::str::FromStr<Err = model::id::WrongId>,
{
    let text: String = row.try_get(column)?;
    text.parse().map_err(undecodable)
}

pub(crate) fn undecodable(error: impl std::error::Error + Send + Sync + 'static) -> StoreError {
    StoreError::Sqlx(sqlx::Error::Decode(Box::new(error)))
}

fn endpoint_row(row: &AnyRow) -> std::result::Result<EndpointRow, StoreError> {
    let application = Application::of_row(row)?;
    let succeeded: Option<i64> = row.try_get("last_success_at")?;
    let failed: Option<i64> = row.try_get("last_failure_at")?;
    let failure: Option<String> = row.try_get("last_failure")?;
    let health = match (&failure, succeeded) {
        (Some(_), _) => EndpointHealth::Failing,
        (None, Some(_)) => EndpointHealth::Healthy,
        (None, None) => EndpointHealth::Unknown,
    };
    let approved: Option<i64> = row.try_get("approved_version")?;
    let disconnected_at: Option<i64> = row.try_get("disconnected_at")?;
    let disconnected = match disconnected_at {
        Some(at) => Some(By { name: row.try_get("disconnected_by")?, at: rfc3339(at) }),
        None => None,
    };
    Ok(EndpointRow {
        endpoint: ConnectedEndpoint {
            id: parsed_id(row, "id")?,
            name: row.try_get("name")?,
            application_id: application.id.clone(),
            application: application.definition.name.clone(),
            description: serde_json::from_str(&row.try_get::<String, _>("description")?).map_err(undecodable)?,
            health,
            is_disconnected: disconnected.is_some(),
        },
        application,
        approved_version: approved.map(u32::try_from).transpose().map_err(undecodable)?,
        base_url: row.try_get("base_url")?,
        access_ended_at: row.try_get("access_ended_at")?,
        succeeded_at: succeeded,
        failed_at: failed,
        failure,
        failed_because: row.try_get("failed_because")?,
        latency_ms: row.try_get("latency_ms")?,
        created_at: row.try_get("created_at")?,
        disconnected,
    })
}

/// Why an endpoint can't be used any more.
pub(crate) fn disconnected(name: &str) -> String {
    format!("{name} can't be used any more. Connect it again.")
}

fn summary(row: &EndpointRow, audiences: u64) -> EndpointSummary {
    let endpoint = &row.endpoint;
    EndpointSummary {
        id: endpoint.id.clone(),
        name: endpoint.name.clone(),
        application: endpoint.application.clone(),
        producer: endpoint.description.producer.as_ref().map(|side| side.movement),
        consumer: endpoint.description.consumer.as_ref().map(|side| side.movement),
        health: endpoint.health,
        health_reason: row.failure.clone(),
        access_ended: row.access_ended(),
        checked_at: row.succeeded_at.max(row.failed_at).map(rfc3339),
        latency_ms: row.latency_ms.and_then(|ms| u64::try_from(ms).ok()),
        audiences,
    }
}

/// What the form held, checked; of an application that is not consented to.
pub(super) fn parse(form: &Connect, application: Application) -> Result<Parsed> {
    let mut problems = Vec::new();
    let definition = &application.definition;
    let name = check_name(&form.name).map_err(|problem| problems.push(problem)).unwrap_or_default();
    if !definition.is_called() || application.steps().is_some() {
        return if problems.is_empty() {
            Ok(Parsed { application, name, address: None })
        } else {
            Err(HubError::Invalid { problems })
        };
    }
    let fields = credentials::fields_of_form(form, &definition.credential_fields, &mut problems);
    let base_url = parse_base_url(&filled(&form.base_url, &credentials::values(&fields)))
        .map_err(|message| problems.push(FieldProblem::new("base_url", message)));
    let Some(kept) = Kept::of_form(form, &definition.credentials, fields, &mut problems) else {
        let message = format!("{} is connected by consenting there.", definition.name);
        return Err(HubError::Conflict { message });
    };
    match base_url {
        Ok(base_url) if problems.is_empty() => {
            Ok(Parsed { application, name, address: Some(Address { base_url, kept }) })
        }
        _ => Err(HubError::Invalid { problems }),
    }
}

/// The limits of an endpoint's name.
pub(super) fn check_name(name: &str) -> std::result::Result<String, FieldProblem> {
    let name = name.trim();
    if name.is_empty() {
        return Err(FieldProblem::new("name", "Enter a name, so that your colleagues know which one it is."));
    }
    if name.chars().count() > LONGEST_NAME || name.chars().any(char::is_control) {
        return Err(FieldProblem::new("name", format!("Use at most {LONGEST_NAME} ordinary characters.")));
    }
    Ok(name.to_owned())
}

/// The limits of a key that Usher shows an endpoint.
pub(super) fn check_authentication_key(key: &str) -> std::result::Result<(), FieldProblem> {
    let key = key.trim();
    let message = if key.is_empty() {
        "Enter the authentication key that the application gave you.".to_owned()
    } else if key.len() > LONGEST_KEY || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
        format!("A key has at most {LONGEST_KEY} letters, digits and signs, and no spaces inside. Copy it again.")
    } else {
        return Ok(());
    };
    Err(FieldProblem::new("authentication_key", message))
}

/// The limits of what an endpoint says of itself, wherever it says it.
pub(super) fn check_description(description: &EndpointDescription) -> Result<()> {
    let fields = description.consumer.as_ref().map_or(&[][..], |consumer| &consumer.fields);
    let long = |text: &str| text.chars().count() > LONGEST_TEXT || text.contains('\0');
    let problem = if description.name.trim().is_empty() || long(&description.name) {
        FieldProblem::new("name", format!("A name has 1 to {LONGEST_TEXT} characters."))
    } else if description.description.as_deref().is_some_and(long) {
        FieldProblem::new("description", format!("A description has at most {LONGEST_TEXT} characters."))
    } else if fields.len() > MAX_COLUMNS {
        FieldProblem::new("consumer.fields", format!("A destination takes at most {MAX_COLUMNS} fields."))
    } else if let Some(field) = fields.iter().find(|field| field.name.is_empty() || long(&field.name)) {
        let name: String = field.name.chars().take(LONGEST_NAME).collect();
        FieldProblem::new("consumer.fields", format!("The field “{name}” has no fit name."))
    } else {
        return Ok(());
    };
    Err(HubError::Invalid { problems: vec![problem] })
}

/// The address below which an application answers.
pub(super) fn parse_base_url(text: &str) -> std::result::Result<Url, String> {
    let text = text.trim();
    if text.is_empty() {
        return Err("Enter the address of the application, for instance https://crm.example.org/usher/.".to_owned());
    }
    if text.len() > LONGEST_URL {
        return Err(format!("An address has at most {LONGEST_URL} characters."));
    }
    let mut url =
        Url::parse(text).map_err(|_| "This is not an address. It begins with https:// or http://.".to_owned())?;
    if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
        return Err("The address must begin with https:// or http://.".to_owned());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("Leave the user name and password out of the address; the key has a field of its own.".to_owned());
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("Leave out everything from “?” or “#” on; the contract's paths are added at the end.".to_owned());
    }
    if !url.path().ends_with('/') {
        let path = format!("{}/", url.path());
        url.set_path(&path);
    }
    Ok(url)
}
