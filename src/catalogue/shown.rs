//! Who has looked at people's values as they are. Pages mask them until a person asks; that they asked is noted here before anything is shown.

use model::{
    id::AudienceId,
    view::{Actor, Role, ValuesShown},
};
use sqlx::Row;

use crate::{
    hub::{Hub, Result, internal},
    registry::require,
    store::clock::rfc3339,
};

/// So many are listed.
const LISTED: i64 = 50;

impl Hub {
    /// Notes that the person is about to be shown the values of an audience's sample.
    pub async fn note_values_shown(&self, actor: &Actor, id: &AudienceId) -> Result<()> {
        require(actor, Role::Member)?;
        let audience = self.audience_row(&actor.account_id, id).await?;
        self.note_shown(actor, id, &audience.summary.name).await
    }

    /// The same of what a run has read of it: the audience may be gone by now.
    pub(crate) async fn note_shown(&self, actor: &Actor, id: &AudienceId, audience_name: &str) -> Result<()> {
        // Twice in the same millisecond is once.
        let sql = "insert into values_shown (account_id, audience_id, audience_name, user_id, user_name, shown_at)
            values ($1, $2, $3, $4, $5, $6) on conflict do nothing";
        sqlx::query(sql)
            .bind(actor.account_id.as_str())
            .bind(id.as_str())
            .bind(audience_name)
            .bind(actor.user_id.as_str())
            .bind(actor.user_name.as_str())
            .bind(self.now_ms())
            .execute(self.database().writer())
            .await
            .map_err(internal)?;
        Ok(())
    }

    /// Who was shown the values of an audience, the latest first; for admins.
    pub async fn values_shown(&self, actor: &Actor, id: &AudienceId) -> Result<Vec<ValuesShown>> {
        require(actor, Role::Admin)?;
        self.audience_row(&actor.account_id, id).await?;
        let sql = "select user_name, shown_at from values_shown where account_id = $1 and audience_id = $2
            order by shown_at desc, user_id limit $3";
        let rows = sqlx::query(sql)
            .bind(actor.account_id.as_str())
            .bind(id.as_str())
            .bind(LISTED)
            .fetch_all(self.database().reader())
            .await
            .map_err(internal)?;
        let shown = rows.iter().map(|row| {
            Ok(ValuesShown { user_name: row.try_get("user_name")?, shown_at: rfc3339(row.try_get("shown_at")?) })
        });
        shown.collect::<std::result::Result<_, sqlx::Error>>().map_err(internal)
    }
}
