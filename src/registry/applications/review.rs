//! Review: what the operator of the installation does with what was submitted. They see definitions and numbers, never whose audiences are shared.

use model::{
    application::{Affected, ApplicationEntry, ApplicationEvent, ApplicationPage, VersionState},
    error::HubError,
    id::ApplicationId,
    view::Actor,
};
use sqlx::Row;

use super::{
    drafts::{Newest, SELECT, note},
    history,
};
use crate::{
    hub::{Hub, Result, internal},
    registry::require_operator,
};

const MOST_LISTED: usize = 1000;

impl Hub {
    /// Every application of the installation whose newest version is no draft that nobody has seen: what waits for review first, the oldest of these first.
    pub async fn applications_to_review(&self, actor: &Actor) -> Result<Vec<ApplicationEntry>> {
        require_operator(actor)?;
        let sql = sqlx::AssertSqlSafe(format!(
            "{SELECT}
             order by case when v.state = 'in_review' then v.submitted_at else null end, a.id limit {MOST_LISTED}"
        ));
        let rows = sqlx::query(sql).bind("").bind(1_i64).fetch_all(self.database().reader()).await.map_err(internal)?;
        let newest: Vec<Newest> =
            rows.iter().map(Newest::of_row).collect::<std::result::Result<_, _>>().map_err(internal)?;
        let mut entries: Vec<_> = newest.iter().map(Newest::entry).collect();
        // Where a database puts nothing, before or after everything, differs. The sort keeps the order among those that wait.
        entries.sort_by_key(|entry| match entry.state {
            VersionState::InReview => (0, String::new()),
            _ => (1, entry.name.to_lowercase()),
        });
        Ok(entries)
    }

    /// An application as the operator reviews it, and what a form on its page is made from.
    pub async fn review_page(&self, actor: &Actor, id: &ApplicationId) -> Result<(ApplicationPage, u32)> {
        require_operator(actor)?;
        let newest = self.newest_of_all(id).await?;
        let changes = newest.changes;
        Ok((self.page_of(newest).await?, changes))
    }

    async fn newest_of_all(&self, id: &ApplicationId) -> Result<Newest> {
        let sql = sqlx::AssertSqlSafe(format!("{SELECT} and a.id = $3"));
        let row = sqlx::query(sql)
            .bind("")
            .bind(1_i64)
            .bind(id.as_str())
            .fetch_optional(self.database().reader())
            .await
            .map_err(internal)?;
        Newest::of_row(&row.ok_or_else(|| HubError::not_found("application"))?).map_err(internal)
    }

    /// Approves the version that is in review: from now on it is what accounts connect.
    pub async fn approve_application(&self, actor: &Actor, id: &ApplicationId, seen: u32, comment: &str) -> Result<()> {
        let comment = note("comment", comment, false)?;
        self.decide(actor, id, seen, ApplicationEvent::Approved, comment).await
    }

    /// Rejects the version that is in review, with a reason for its provider.
    pub async fn reject_application(&self, actor: &Actor, id: &ApplicationId, seen: u32, reason: &str) -> Result<()> {
        require_operator(actor)?;
        let reason = note("reason", reason, true)?;
        self.decide(actor, id, seen, ApplicationEvent::Rejected, reason).await
    }

    async fn decide(
        &self,
        actor: &Actor,
        id: &ApplicationId,
        seen: u32,
        event: ApplicationEvent,
        text: Option<String>,
    ) -> Result<()> {
        require_operator(actor)?;
        let newest = self.newest_of_all(id).await?;
        let is_approved = event == ApplicationEvent::Approved;
        let state = if is_approved { VersionState::Approved } else { VersionState::Rejected };
        let (now, version) = (self.now_ms(), i64::from(newest.version));
        let mut transaction = self.database().begin().await.map_err(internal)?;
        let sql = "update application_version set state = $1, reason = $2, changes = changes + 1, updated_at = $3
            where application_id = $4 and version = $5 and state = 'in_review' and changes = $6";
        let decided = sqlx::query(sql)
            .bind(state.as_str())
            .bind(text.as_deref().filter(|_| !is_approved))
            .bind(now)
            .bind(id.as_str())
            .bind(version)
            .bind(i64::from(seen))
            .execute(&mut *transaction)
            .await
            .map_err(internal)?;
        if decided.rows_affected() != 1 {
            // Taken back, changed and submitted again, or decided by a colleague: not what this person looked at.
            let message = "It is not in review as you saw it any more. Look at it again.".to_owned();
            return Err(HubError::Outdated { message });
        }
        if is_approved {
            sqlx::query("update application set approved_version = $1, updated_at = $2 where id = $3")
                .bind(version)
                .bind(now)
                .bind(id.as_str())
                .execute(&mut *transaction)
                .await
                .map_err(internal)?;
        }
        history::note(&mut transaction, actor, (id, newest.version), event, text.as_deref(), now)
            .await
            .map_err(internal)?;
        transaction.commit().await.map_err(internal)
    }

    /// Takes an application out of the gallery, with a reason. What is connected stays so.
    pub async fn retire_application(&self, actor: &Actor, id: &ApplicationId, reason: &str) -> Result<()> {
        require_operator(actor)?;
        let reason = note("reason", reason, true)?;
        self.set_retired(actor, id, reason).await
    }

    /// Puts a retired application back into the gallery.
    pub async fn restore_application(&self, actor: &Actor, id: &ApplicationId) -> Result<()> {
        require_operator(actor)?;
        self.set_retired(actor, id, None).await
    }

    async fn set_retired(&self, actor: &Actor, id: &ApplicationId, reason: Option<String>) -> Result<()> {
        let newest = self.newest_of_all(id).await?;
        let Some(approved) = newest.approved_version else {
            return Err(HubError::Conflict {
                message: "It was never approved; there is nothing to retire.".to_owned(),
            });
        };
        let (now, retires) = (self.now_ms(), reason.is_some());
        let mut transaction = self.database().begin().await.map_err(internal)?;
        let sql = "update application set retired_at = $1, retired_because = $2, updated_at = $3
            where id = $4 and (case when retired_at is null then 0 else 1 end) = $5";
        let done = sqlx::query(sql)
            .bind(Some(now).filter(|_| retires))
            .bind(reason.as_deref())
            .bind(now)
            .bind(id.as_str())
            .bind(i64::from(!retires))
            .execute(&mut *transaction)
            .await
            .map_err(internal)?;
        if done.rows_affected() != 1 {
            let message = if retires { "It is retired already." } else { "It is not retired." };
            return Err(HubError::Conflict { message: message.to_owned() });
        }
        let event = if retires { ApplicationEvent::Retired } else { ApplicationEvent::Restored };
        history::note(&mut transaction, actor, (id, approved), event, reason.as_deref(), now)
            .await
            .map_err(internal)?;
        transaction.commit().await.map_err(internal)
    }

    /// What hangs on an application, in numbers.
    pub(super) async fn affected_by(&self, id: &ApplicationId) -> Result<Affected> {
        let sql = "select count(*) as endpoints, count(distinct account_id) as accounts from endpoint
            where application_id = $1 and disconnected_at is null";
        let row = sqlx::query(sql).bind(id.as_str()).fetch_one(self.database().reader()).await.map_err(internal)?;
        let number =
            |column: &str| row.try_get::<i64, _>(column).map(|number| u64::try_from(number).unwrap_or_default());
        Ok(Affected {
            accounts: number("accounts").map_err(internal)?,
            endpoints: number("endpoints").map_err(internal)?,
            shares: self.shares_with_application(id).await?,
        })
    }
}
