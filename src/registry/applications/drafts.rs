//! The Integration Manager: applications that an account provides, as drafts that are saved step by step, and submitted.
//!
//! A version is changed while it is a draft, or was rejected; not while an operator looks at it, and never once it was approved: then a new
//! version is begun, and what was connected to the old one keeps to it.

use model::{
    application::{
        ApplicationDraft, ApplicationEntry, ApplicationEvent, ApplicationPage, Definition, Missing, VersionState,
        form::Change,
    },
    error::HubError,
    field::FieldKind,
    id::{AccountId, ApplicationId},
    view::{Actor, Role},
};
use sqlx::{Any, Row, Transaction, any::AnyRow};

use super::{checks, client_secret_context, fields_file, history, lines, version_of};
use crate::{
    hub::{Hub, Result, internal},
    registry::{
        endpoints::{parsed_id, undecodable},
        require,
    },
    store::{StoreError, clock::rfc3339, new_id},
};

const LONGEST_NOTE: usize = 2000;
/// Applications that one account provides at most.
const MOST_APPLICATIONS: i64 = 200;

/// The newest version of each application. `$1` is an account; `$2` is 0 for its own applications, and 1 for those of all accounts: what others
/// still work on is then passed over.
pub(super) const SELECT: &str = "select a.id as application_id, a.account_id, a.approved_version, a.retired_at, a.retired_because, p.name as provider,
        v.version, v.state, v.definition, v.changes, v.changed_by, v.reason, v.submitted_at, v.updated_at,
        cast(case when v.client_secret is null then 0 else 1 end as bigint) as has_client_secret,
        (select count(*) from endpoint e where e.application_id = a.id and e.disconnected_at is null) as endpoints
    from application a join application_version v on v.application_id = a.id
        and v.version = (select max(w.version) from application_version w
            where w.application_id = a.id and ($2 = 0 or w.state <> 'draft'))
    left join account p on p.id = a.account_id
    where (a.account_id = $1 or $2 = 1)";

/// An application with its newest version.
pub(super) struct Newest {
    pub(super) id: ApplicationId,
    pub(super) version: u32,
    pub(super) state: VersionState,
    pub(super) definition: Definition,
    pub(super) changes: u32,
    pub(super) approved_version: Option<u32>,
    pub(super) retired_at: Option<i64>,
    retired_because: Option<String>,
    provider: Option<String>,
    changed_by: String,
    reason: Option<String>,
    updated_at: i64,
    has_client_secret: bool,
    endpoints: u64,
}

/// A state's word that this program does not know.
#[derive(Debug, thiserror::Error)]
#[error("an application's version has an unknown state")]
pub(super) struct UnknownState;

/// What becomes of the client's secret that is kept with a version.
pub(super) enum Secret {
    Keep,
    Forget,
    Set(String),
}

impl Newest {
    pub(super) fn of_row(row: &AnyRow) -> std::result::Result<Self, StoreError> {
        let state: String = row.try_get("state")?;
        let approved: Option<i64> = row.try_get("approved_version")?;
        Ok(Self {
            id: parsed_id(row, "application_id")?,
            version: version_of(row, "version")?,
            state: VersionState::parse(&state).ok_or_else(|| undecodable(UnknownState))?,
            definition: serde_json::from_str(&row.try_get::<String, _>("definition")?).map_err(undecodable)?,
            changes: version_of(row, "changes")?,
            approved_version: approved.map(u32::try_from).transpose().map_err(undecodable)?,
            retired_at: row.try_get("retired_at")?,
            retired_because: row.try_get("retired_because")?,
            provider: row.try_get("provider")?,
            changed_by: row.try_get("changed_by")?,
            reason: row.try_get("reason")?,
            updated_at: row.try_get("updated_at")?,
            has_client_secret: row.try_get::<i64, _>("has_client_secret")? == 1,
            endpoints: row.try_get::<i64, _>("endpoints")?.try_into().unwrap_or_default(),
        })
    }

    pub(super) fn entry(&self) -> ApplicationEntry {
        ApplicationEntry {
            id: self.id.clone(),
            name: self.definition.name.clone(),
            category: self.definition.category,
            logo: self.definition.logo.clone(),
            provider: self.provider.clone(),
            approved_version: self.approved_version,
            version: self.version,
            state: self.state,
            retired_at: self.retired_at.map(rfc3339),
            endpoints: self.endpoints,
            updated_at: rfc3339(self.updated_at),
        }
    }

    /// Ok when it can be changed.
    fn check_editable(&self) -> Result<()> {
        let message = match self.state {
            VersionState::Draft | VersionState::Rejected => return Ok(()),
            VersionState::InReview => "It is in review, and can’t be changed meanwhile. Take it back first.",
            VersionState::Approved => "This version was approved and stays as it is. Begin a new version first.",
        };
        Err(HubError::Conflict { message: message.to_owned() })
    }
}

/// What is still to be said before a version can be submitted; without its Test Drive.
fn missing(definition: &Definition) -> Vec<Missing> {
    let mut missing = Vec::new();
    let mut say = |step: &str, message: &str| {
        missing.push(Missing { step: step.to_owned(), message: message.to_owned() });
    };
    if definition.description.is_empty() {
        say("about", "Describe what it is, for those who look for it in the gallery.");
    }
    if definition.support.is_none() {
        say("about", "Say whom to ask about it.");
    }
    if definition.producer.is_none() && definition.consumer.is_none() {
        say("types", "Say whether it offers audiences, or takes them, or both.");
    }
    if definition.consumer.is_some() {
        let has_identifier = definition.fields.iter().any(|field| field.kind == FieldKind::Identifier);
        if !definition.fields.is_empty() && !has_identifier {
            say("fields", "None of its fields says who somebody is. Make at least one an identifier.");
        }
        if definition.delivery.is_none() {
            say("delivery", "Say how it lets its segments be changed.");
        }
    }
    if definition.is_called()
        && definition.credential_help.is_empty()
        && definition.credentials.mode() != "instructions"
    {
        say("credentials", "Say where an admin finds the credentials.");
    }
    missing
}

impl Hub {
    /// The applications that the account provides, by name.
    pub async fn own_applications(&self, actor: &Actor) -> Result<Vec<ApplicationEntry>> {
        let sql = sqlx::AssertSqlSafe(format!("{SELECT} order by a.id limit {MOST_APPLICATIONS}"));
        let rows = sqlx::query(sql)
            .bind(actor.account_id.as_str())
            .bind(0_i64)
            .fetch_all(self.database().reader())
            .await
            .map_err(internal)?;
        let newest: Vec<Newest> =
            rows.iter().map(Newest::of_row).collect::<std::result::Result<_, _>>().map_err(internal)?;
        let mut entries: Vec<_> = newest.iter().map(Newest::entry).collect();
        entries.sort_by_cached_key(|entry| entry.name.to_lowercase());
        Ok(entries)
    }

    /// Begins an application.
    pub async fn begin_application(&self, actor: &Actor, name: &str) -> Result<ApplicationId> {
        require(actor, Role::Admin)?;
        let name = checks::name(name).map_err(|message| HubError::invalid("name", message))?;
        if self.own_applications(actor).await?.len() >= usize::try_from(MOST_APPLICATIONS).unwrap_or(usize::MAX) {
            let message =
                format!("An account provides at most {MOST_APPLICATIONS} applications. Delete a draft first.");
            return Err(HubError::invalid("name", message));
        }
        let id: ApplicationId = new_id(ApplicationId::PREFIX);
        let definition = Definition { name, ..Definition::default() };
        self.insert_application(actor, &id, &definition).await.map_err(internal)?;
        Ok(id)
    }

    async fn insert_application(
        &self,
        actor: &Actor,
        id: &ApplicationId,
        definition: &Definition,
    ) -> std::result::Result<(), StoreError> {
        let now = self.now_ms();
        let text = serde_json::to_string(definition).map_err(undecodable)?;
        let mut transaction = self.database().begin().await?;
        sqlx::query("insert into application (id, account_id, updated_at) values ($1, $2, $3)")
            .bind(id.as_str())
            .bind(actor.account_id.as_str())
            .bind(now)
            .execute(&mut *transaction)
            .await?;
        let sql = "insert into application_version (application_id, version, definition, state, changed_by, updated_at)
            values ($1, 1, $2, 'draft', $3, $4)";
        sqlx::query(sql)
            .bind(id.as_str())
            .bind(text)
            .bind(actor.user_name.as_str())
            .bind(now)
            .execute(&mut *transaction)
            .await?;
        history::note(&mut transaction, actor, (id, 1), ApplicationEvent::Begun, None, now).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// The newest version of one of the account's applications.
    pub async fn application_draft(&self, actor: &Actor, id: &ApplicationId) -> Result<ApplicationDraft> {
        let newest = self.newest_of_account(&actor.account_id, id).await?;
        self.draft_view(newest).await
    }

    async fn draft_view(&self, newest: Newest) -> Result<ApplicationDraft> {
        let drive = self.last_drive(&newest.id, newest.version, &newest.definition).await?;
        let mut missing = missing(&newest.definition);
        if !drive.as_ref().is_some_and(model::application::DriveView::counts) {
            let message = match &drive {
                Some(drive) if drive.is_outdated => {
                    "What is technical about it has changed since its Test Drive. Run it again."
                }
                Some(_) => "Its Test Drive has not passed yet.",
                None => "Run its Test Drive.",
            };
            missing.push(Missing { step: "test-drive".to_owned(), message: message.to_owned() });
        }
        Ok(ApplicationDraft {
            id: newest.id,
            version: newest.version,
            state: newest.state,
            changes: newest.changes,
            definition: newest.definition,
            has_client_secret: newest.has_client_secret,
            reason: newest.reason,
            missing,
            drive,
        })
    }

    /// One of the account's applications, with its history.
    pub async fn application_page(&self, actor: &Actor, id: &ApplicationId) -> Result<ApplicationPage> {
        let newest = self.newest_of_account(&actor.account_id, id).await?;
        self.page_of(newest).await
    }

    pub(super) async fn page_of(&self, newest: Newest) -> Result<ApplicationPage> {
        let approved = match newest.approved_version.filter(|version| *version != newest.version) {
            Some(version) => Some(self.definition_of(&newest.id, version).await.map_err(internal)?),
            None => None,
        };
        let (id, entry, retired_because) = (newest.id.clone(), newest.entry(), newest.retired_because.clone());
        let lines = lines::compared(approved.as_ref(), &newest.definition);
        let draft = self.draft_view(newest).await?;
        Ok(ApplicationPage {
            entry,
            retired_because,
            reason: draft.reason,
            lines,
            missing: draft.missing,
            drive: draft.drive,
            history: self.application_history(&id).await.map_err(internal)?,
            affected: self.affected_by(&id).await?,
        })
    }

    async fn definition_of(&self, id: &ApplicationId, version: u32) -> std::result::Result<Definition, StoreError> {
        let sql = "select definition from application_version where application_id = $1 and version = $2";
        let row =
            sqlx::query(sql).bind(id.as_str()).bind(i64::from(version)).fetch_one(self.database().reader()).await?;
        serde_json::from_str(&row.try_get::<String, _>("definition")?).map_err(undecodable)
    }

    pub(super) async fn newest_of_account(&self, account_id: &AccountId, id: &ApplicationId) -> Result<Newest> {
        let sql = sqlx::AssertSqlSafe(format!("{SELECT} and a.id = $3"));
        let row = sqlx::query(sql)
            .bind(account_id.as_str())
            .bind(0_i64)
            .bind(id.as_str())
            .fetch_optional(self.database().reader())
            .await
            .map_err(internal)?;
        let row = row.ok_or_else(|| HubError::not_found("application"))?;
        Newest::of_row(&row).map_err(internal)
    }

    /// The newest version, when this person may change it now.
    pub(super) async fn editable_draft(&self, actor: &Actor, id: &ApplicationId) -> Result<Newest> {
        require(actor, Role::Admin)?;
        let newest = self.newest_of_account(&actor.account_id, id).await?;
        newest.check_editable()?;
        Ok(newest)
    }

    /// Saves one step of the form. `seen` is how often the draft had been saved when the form was made; none puts this in place of whatever there is.
    pub async fn change_application(
        &self,
        actor: &Actor,
        id: &ApplicationId,
        change: Change,
        seen: Option<u32>,
    ) -> Result<ApplicationDraft> {
        let secret = match &change {
            Change::Credentials(form) if form.mode != "authorization_code" || !form.forget_client_secret.is_empty() => {
                Secret::Forget
            }
            Change::Credentials(form) if !form.client_secret.trim().is_empty() => {
                Secret::Set(form.client_secret.trim().to_owned())
            }
            _ => Secret::Keep,
        };
        let outbound = self.outbound().clone();
        self.change_draft(actor, id, seen, Some(secret), move |definition| match &change {
            Change::About(form) => checks::about(definition, form),
            Change::Types(form) => checks::types(definition, form),
            Change::Urls(form) => checks::urls(&outbound, definition, form),
            Change::Field(form) => checks::field(definition, form),
            Change::RemoveField(name) => {
                definition.fields.retain(|field| field.name != *name);
                Ok(())
            }
            Change::RemoveFields => {
                definition.fields.clear();
                Ok(())
            }
            Change::Delivery(form) => checks::delivery(definition, form),
            Change::Credentials(form) => checks::credentials(&outbound, definition, form),
            Change::RemoveLogo => {
                definition.logo = None;
                Ok(())
            }
        })
        .await
    }

    /// Takes the fields of a file (a CSV's header, or JSON) into the draft: in place of those of the same name, or of all. How many there were in it.
    pub async fn read_application_fields(
        &self,
        actor: &Actor,
        id: &ApplicationId,
        file: &[u8],
        in_place_of_all: bool,
    ) -> Result<usize> {
        self.editable_draft(actor, id).await?;
        let fields = fields_file::read(file)?;
        let count = fields.len();
        self.change_draft(actor, id, None, None, move |definition| {
            if in_place_of_all {
                definition.fields.clear();
            }
            for field in fields {
                match definition.fields.iter_mut().find(|known| checks::same_name(&known.name, &field.name)) {
                    Some(known) => *known = field,
                    None => definition.fields.push(field),
                }
            }
            if definition.fields.len() > model::contract::MAX_COLUMNS {
                let most = model::contract::MAX_COLUMNS;
                let message = format!(
                    "With those of the file there would be {} fields; at most {most} are possible.",
                    definition.fields.len()
                );
                return Err(HubError::invalid("file", message));
            }
            Ok(())
        })
        .await?;
        Ok(count)
    }

    /// Changes the draft in one transaction.
    pub(super) async fn change_draft(
        &self,
        actor: &Actor,
        id: &ApplicationId,
        seen: Option<u32>,
        secret: Option<Secret>,
        change: impl FnOnce(&mut Definition) -> Result<()>,
    ) -> Result<ApplicationDraft> {
        require(actor, Role::Admin)?;
        let mut transaction = self.database().begin().await.map_err(internal)?;
        let newest = self.locked_newest(&mut transaction, &actor.account_id, id).await?;
        newest.check_editable()?;
        if seen.is_some_and(|seen| seen != newest.changes) {
            let message = format!(
                "{} has changed this draft since you opened it. What you entered is still here.",
                newest.changed_by
            );
            return Err(HubError::Outdated { message });
        }
        let mut definition = newest.definition.clone();
        change(&mut definition)?;
        let text = serde_json::to_string(&definition).map_err(internal)?;
        let now = self.now_ms();
        let sql = "update application_version set definition = $1, state = 'draft', changes = changes + 1, changed_by = $2, updated_at = $3
            where application_id = $4 and version = $5 and changes = $6";
        sqlx::query(sql)
            .bind(text)
            .bind(actor.user_name.as_str())
            .bind(now)
            .bind(id.as_str())
            .bind(i64::from(newest.version))
            .bind(i64::from(newest.changes))
            .execute(&mut *transaction)
            .await
            .map_err(internal)?;
        let sealed = match secret.unwrap_or(Secret::Keep) {
            Secret::Keep => None,
            Secret::Forget => Some(None),
            Secret::Set(secret) => Some(Some(self.sealing().seal(secret.as_bytes(), &client_secret_context(id)))),
        };
        if let Some(sealed) = sealed {
            sqlx::query("update application_version set client_secret = $1 where application_id = $2 and version = $3")
                .bind(sealed)
                .bind(id.as_str())
                .bind(i64::from(newest.version))
                .execute(&mut *transaction)
                .await
                .map_err(internal)?;
        }
        transaction.commit().await.map_err(internal)?;
        self.application_draft(actor, id).await
    }

    /// The newest version, which nobody else changes until the transaction ends.
    async fn locked_newest(
        &self,
        transaction: &mut Transaction<'static, Any>,
        account_id: &AccountId,
        id: &ApplicationId,
    ) -> Result<Newest> {
        let lock = self.database().dialect().locked();
        let sql = sqlx::AssertSqlSafe(format!("select id from application where id = $1 and account_id = $2 {lock}"));
        let found = sqlx::query(sql)
            .bind(id.as_str())
            .bind(account_id.as_str())
            .fetch_optional(&mut **transaction)
            .await
            .map_err(internal)?;
        found.ok_or_else(|| HubError::not_found("application"))?;
        let sql = sqlx::AssertSqlSafe(format!("{SELECT} and a.id = $3"));
        let row = sqlx::query(sql)
            .bind(account_id.as_str())
            .bind(0_i64)
            .bind(id.as_str())
            .fetch_one(&mut **transaction)
            .await
            .map_err(internal)?;
        Newest::of_row(&row).map_err(internal)
    }

    /// Begins a new version of an approved application, as the approved one is. What is connected keeps to the old one.
    pub async fn begin_version(&self, actor: &Actor, id: &ApplicationId) -> Result<()> {
        require(actor, Role::Admin)?;
        let mut transaction = self.database().begin().await.map_err(internal)?;
        let newest = self.locked_newest(&mut transaction, &actor.account_id, id).await?;
        if newest.state != VersionState::Approved {
            let message = format!("Version {} is not approved yet. Go on with that one.", newest.version);
            return Err(HubError::Conflict { message });
        }
        let (now, next) = (self.now_ms(), newest.version + 1);
        // Changes are counted on, so that what was seen of one version is never mistaken for another.
        let sql = "insert into application_version (application_id, version, definition, state, client_secret, changes, changed_by, updated_at)
            select application_id, version + 1, definition, 'draft', client_secret, changes + 1, $1, $2 from application_version
            where application_id = $3 and version = $4";
        sqlx::query(sql)
            .bind(actor.user_name.as_str())
            .bind(now)
            .bind(id.as_str())
            .bind(i64::from(newest.version))
            .execute(&mut *transaction)
            .await
            .map_err(internal)?;
        history::note(&mut transaction, actor, (id, next), ApplicationEvent::Begun, None, now)
            .await
            .map_err(internal)?;
        transaction.commit().await.map_err(internal)
    }

    /// Submits the draft for review.
    pub async fn submit_application(&self, actor: &Actor, id: &ApplicationId, note: &str) -> Result<()> {
        let newest = self.editable_draft(actor, id).await?;
        let note = self::note("note", note, false)?;
        let draft = self.draft_view(newest).await?;
        if !draft.missing.is_empty() {
            let listed: Vec<_> = draft.missing.iter().map(|missing| missing.message.as_str()).collect();
            return Err(HubError::Conflict { message: format!("It can’t be submitted yet. {}", listed.join(" ")) });
        }
        self.step(
            actor,
            id,
            (draft.version, draft.changes),
            VersionState::InReview,
            (ApplicationEvent::Submitted, note.as_deref()),
        )
        .await
    }

    /// Takes a version back from review, to change it.
    pub async fn withdraw_application(&self, actor: &Actor, id: &ApplicationId) -> Result<()> {
        require(actor, Role::Admin)?;
        let newest = self.newest_of_account(&actor.account_id, id).await?;
        if newest.state != VersionState::InReview {
            return Err(HubError::Conflict { message: "It is not in review.".to_owned() });
        }
        self.step(actor, id, (newest.version, newest.changes), VersionState::Draft, (ApplicationEvent::Withdrawn, None))
            .await
    }

    /// Moves a version on, when it still is as it was seen.
    async fn step(
        &self,
        actor: &Actor,
        id: &ApplicationId,
        (version, changes): (u32, u32),
        state: VersionState,
        (event, note): (ApplicationEvent, Option<&str>),
    ) -> Result<()> {
        let now = self.now_ms();
        let mut transaction = self.database().begin().await.map_err(internal)?;
        let sql = "update application_version set state = $1, reason = null, submitted_at = $2, changes = changes + 1
            where application_id = $3 and version = $4 and changes = $5
                and application_id in (select id from application where account_id = $6)";
        let moved = sqlx::query(sql)
            .bind(state.as_str())
            .bind(Some(now).filter(|_| state == VersionState::InReview))
            .bind(id.as_str())
            .bind(i64::from(version))
            .bind(i64::from(changes))
            .bind(actor.account_id.as_str())
            .execute(&mut *transaction)
            .await
            .map_err(internal)?;
        if moved.rows_affected() != 1 {
            let message = "Somebody has changed it just now. Look at it again.".to_owned();
            return Err(HubError::Outdated { message });
        }
        history::note(&mut transaction, actor, (id, version), event, note, now).await.map_err(internal)?;
        transaction.commit().await.map_err(internal)
    }

    /// Deletes an application that was never approved; or the newest version, when an older one was.
    pub async fn discard_draft(&self, actor: &Actor, id: &ApplicationId) -> Result<()> {
        let newest = self.editable_draft(actor, id).await?;
        let mut transaction = self.database().begin().await.map_err(internal)?;
        // The next version has this one's number again, but not its count of changes: who looks at this one in review does not decide about that one.
        let counted = "update application_version set changes = (select gone.changes from application_version gone
                where gone.application_id = $1 and gone.version = $2)
            where application_id = $1 and version = $2 - 1 and exists (select 1 from application where id = $1 and account_id = $3)";
        sqlx::query(counted)
            .bind(id.as_str())
            .bind(i64::from(newest.version))
            .bind(actor.account_id.as_str())
            .execute(&mut *transaction)
            .await
            .map_err(internal)?;
        let sql = match newest.approved_version {
            None => {
                "delete from application where id = $1 and account_id = $2 and $3 > 0 and approved_version is null
                    and id not in (select application_id from endpoint)"
            }
            Some(_) => {
                "delete from application_version where application_id in (select id from application where id = $1 and account_id = $2)
                    and version = $3 and state in ('draft', 'rejected')
                    and not exists (select 1 from endpoint e where e.application_id = $1 and e.application_version = $3)"
            }
        };
        let gone = sqlx::query(sql)
            .bind(id.as_str())
            .bind(actor.account_id.as_str())
            .bind(i64::from(newest.version))
            .execute(&mut *transaction)
            .await
            .map_err(internal)?;
        if gone.rows_affected() != 1 {
            let message =
                "It can’t be deleted, because it was submitted, or an endpoint of it is connected.".to_owned();
            return Err(HubError::Conflict { message });
        }
        transaction.commit().await.map_err(internal)
    }
}

/// A reason, or a word beside a submission.
pub(super) fn note(field: &str, text: &str, is_needed: bool) -> Result<Option<String>> {
    match text.trim() {
        "" if is_needed => Err(HubError::invalid(field, "Write why, so that it can be mended.")),
        "" => Ok(None),
        text if text.chars().count() > LONGEST_NOTE || text.contains('\0') => {
            Err(HubError::invalid(field, format!("Use at most {LONGEST_NOTE} characters.")))
        }
        text => Ok(Some(text.to_owned())),
    }
}
