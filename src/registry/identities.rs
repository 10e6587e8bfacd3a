//! Who people are at OpenID providers: issuer and subject together, never an address. Somebody can have several; nobody loses their last way in.

use model::{
    error::HubError,
    id::{IdentityId, UserId},
    people::{IdentityView, PeopleStep, SignInWays},
    view::Actor,
};
use sqlx::{Any, AssertSqlSafe, Row, Transaction, any::AnyRow};
use url::Url;

use super::{
    members::{StepError, note_step_everywhere},
    parsed_id,
    people::kept_hash,
    sessions,
};
use crate::{
    hub::{Hub, Result, internal},
    outbound::ProviderPerson,
    store::{StoreError, clock::rfc3339, new_id},
};

impl Hub {
    /// How the person signs in.
    pub async fn sign_in_ways(&self, actor: &Actor) -> Result<SignInWays> {
        let here = self.ways_in().await?;
        let read = async {
            let mut connection = self.database().reader().acquire().await?;
            let has_password = has_password(&mut connection, &actor.user_id, "").await?;
            let sql = "select id, issuer, email, created_at, last_used_at from user_identity
                where user_id = $1 order by created_at, id";
            let rows = sqlx::query(sql).bind(actor.user_id.as_str()).fetch_all(&mut *connection).await?;
            let mut identities =
                rows.iter().map(|row| self.identity_view(row)).collect::<std::result::Result<Vec<_>, StoreError>>()?;
            let ways = identities.iter().filter(|identity| !identity.is_former).count();
            if ways == 1 && !(has_password && here.passwords) {
                for identity in &mut identities {
                    identity.is_last_way = !identity.is_former;
                }
            }
            Ok::<_, StoreError>((has_password, identities))
        };
        let (has_password, identities) = read.await.map_err(internal)?;
        Ok(SignInWays { here, has_password, identities })
    }

    fn identity_view(&self, row: &AnyRow) -> std::result::Result<IdentityView, StoreError> {
        let issuer: String = row.try_get("issuer")?;
        Ok(IdentityView {
            id: parsed_id(row, "id")?,
            provider: self.provider_name(&issuer),
            email: row.try_get("email")?,
            since: rfc3339(row.try_get("created_at")?),
            last_used_at: row.try_get::<Option<i64>, _>("last_used_at")?.map(rfc3339),
            is_former: !self.is_provider(&issuer),
            is_last_way: false,
        })
    }

    fn is_provider(&self, issuer: &str) -> bool {
        self.provider().is_some_and(|provider| provider.issuer() == issuer)
    }

    /// What a provider is called; a former one by its host.
    pub(super) fn provider_name(&self, issuer: &str) -> String {
        let host = || Url::parse(issuer).ok().and_then(|url| url.host_str().map(str::to_owned));
        let name = self.provider().filter(|provider| provider.issuer() == issuer).map(|now| now.name().to_owned());
        name.or_else(host).unwrap_or_else(|| issuer.to_owned())
    }

    /// Takes an identity from the person, unless it is their last way in. Their sessions end, but for the one of the id `kept_session`: one of them
    /// may have been begun with it.
    pub async fn disconnect_identity(&self, actor: &Actor, id: &IdentityId, kept_session: Option<&str>) -> Result<()> {
        self.delete_identity(actor, id, kept_session).await?;
        tracing::info!(user.id = %actor.user_id, "an identity was disconnected");
        Ok(())
    }

    async fn delete_identity(
        &self,
        actor: &Actor,
        id: &IdentityId,
        kept_session: Option<&str>,
    ) -> std::result::Result<(), StepError> {
        let mut transaction = self.database().begin().await?;
        // Of two that are taken away at once, the second sees that the first is gone.
        let locked = self.database().dialect().locked();
        let password = has_password(&mut transaction, &actor.user_id, locked).await?;
        let rows = sqlx::query("select id, issuer from user_identity where user_id = $1")
            .bind(actor.user_id.as_str())
            .fetch_all(&mut *transaction)
            .await?;
        let mut issuer = None;
        let mut others = 0;
        for row in &rows {
            let of_row: String = row.try_get("issuer")?;
            if parsed_id::<IdentityId>(row, "id")? == *id {
                issuer = Some(of_row);
            } else if self.is_provider(&of_row) {
                others += 1;
            }
        }
        let issuer = issuer.ok_or_else(|| HubError::not_found("sign-in of yours"))?;
        let stays = others > 0 || (password && self.sign_in_settings().passwords);
        if self.is_provider(&issuer) && !stays {
            let message = if self.sign_in_settings().passwords {
                "This is your only way to sign in. Set a password first."
            } else {
                "This is your only way to sign in."
            };
            return Err(HubError::Conflict { message: message.to_owned() }.into());
        }
        sqlx::query("delete from user_identity where id = $1 and user_id = $2")
            .bind(id.as_str())
            .bind(actor.user_id.as_str())
            .execute(&mut *transaction)
            .await?;
        sessions::end_others(&mut transaction, &actor.user_id, kept_session).await?;
        let step =
            PeopleStep::IdentityDisconnected { email: actor.email.clone(), provider: self.provider_name(&issuer) };
        note_step_everywhere(&mut transaction, &actor.user_id, &actor.user_name, &step, self.now_ms()).await?;
        transaction.commit().await.map_err(StoreError::from)?;
        Ok(())
    }

    /// Gives an identity to somebody who has shown that they are both.
    pub(super) async fn add_identity(
        &self,
        user_id: &UserId,
        name: &str,
        email: &str,
        person: &ProviderPerson,
    ) -> Result<()> {
        let added = async {
            let mut transaction = self.database().begin().await?;
            self.insert_identity(&mut transaction, user_id, name, email, person).await?;
            transaction.commit().await.map_err(StoreError::from)?;
            Ok::<_, StepError>(())
        };
        added.await?;
        tracing::info!(user.id = %user_id, "an identity was connected");
        Ok(())
    }

    /// The same as part of something larger; the accounts that the person is in by then are told.
    pub(super) async fn insert_identity(
        &self,
        transaction: &mut Transaction<'static, Any>,
        user_id: &UserId,
        name: &str,
        email: &str,
        person: &ProviderPerson,
    ) -> std::result::Result<(), StepError> {
        let now = self.now_ms();
        let sql = "insert into user_identity (id, user_id, issuer, subject, email, created_at, last_used_at)
            values ($1, $2, $3, $4, $5, $6, $6)";
        let done = sqlx::query(sql)
            .bind(new_id::<IdentityId>(IdentityId::PREFIX).as_str())
            .bind(user_id.as_str())
            .bind(person.issuer.as_str())
            .bind(person.subject.as_str())
            .bind(person.email.as_deref())
            .bind(now)
            .execute(&mut **transaction)
            .await
            .map_err(StoreError::from);
        match done {
            Err(StoreError::Duplicate) => return Err(connected_already(&self.provider_name(&person.issuer)).into()),
            done => done?,
        };
        let step =
            PeopleStep::IdentityConnected { email: email.to_owned(), provider: self.provider_name(&person.issuer) };
        note_step_everywhere(transaction, user_id, name, &step, now).await?;
        Ok(())
    }

    /// Whose identity it is. It is noted as used.
    pub(super) async fn owner_of(&self, person: &ProviderPerson) -> std::result::Result<Option<UserId>, StoreError> {
        let sql = "update user_identity set last_used_at = $1, email = $2 where issuer = $3 and subject = $4
            returning user_id";
        let row = sqlx::query(sql)
            .bind(self.now_ms())
            .bind(person.email.as_deref())
            .bind(person.issuer.as_str())
            .bind(person.subject.as_str())
            .fetch_optional(self.database().writer())
            .await?;
        row.as_ref().map(|row| parsed_id(row, "user_id")).transpose()
    }
}

/// Somebody else has it.
pub(super) fn connected_already(provider: &str) -> HubError {
    let message = format!(
        "Who you are at {provider} belongs to somebody else here. Sign in with it instead, or disconnect it there first."
    );
    HubError::Conflict { message }
}

/// Whether somebody has a password; `locked` ends the select.
async fn has_password(
    connection: &mut sqlx::AnyConnection,
    user_id: &UserId,
    locked: &str,
) -> std::result::Result<bool, StoreError> {
    let sql = format!("select password_hash from app_user where id = $1 {locked}");
    let row = sqlx::query(AssertSqlSafe(sql)).bind(user_id.as_str()).fetch_optional(&mut *connection).await?;
    Ok(row.as_ref().map(kept_hash).transpose()?.flatten().is_some())
}
