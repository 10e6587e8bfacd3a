//! What people change of themselves: name, e-mail address, password. The sessions that they have elsewhere end with the old password.

use model::{
    error::HubError,
    id::UserId,
    people::{ChangePassword, ChangeProfile, PeopleStep},
    view::Actor,
};
use sqlx::Row;

use super::{
    members::{StepError, note_step_everywhere},
    people::{folded_email, kept_hash, problem_of_email, problem_of_name, problem_of_password, problems_or_none},
    sessions,
    slow_down::Attempt,
};
use crate::{
    hub::{Hub, Result, internal},
    store::StoreError,
};

impl Hub {
    /// Changes one's name and address. Another address wants the password, because one signs in with it; who has none does not.
    pub async fn change_profile(&self, actor: &Actor, form: ChangeProfile) -> Result<()> {
        let (name, email) = (form.user_name.trim(), folded_email(&form.email));
        problems_or_none([problem_of_name("user_name", name, "your name"), problem_of_email("email", &email)])?;
        if email != actor.email {
            let hash = self.password_hash_of(&actor.user_id).await.map_err(internal)?;
            self.confirm_password(actor, hash, "email_password", form.email_password).await?;
        }
        let sql = "update app_user set name = $1, email = $2 where id = $3";
        let done = sqlx::query(sql)
            .bind(name)
            .bind(email)
            .bind(actor.user_id.as_str())
            .execute(self.database().writer())
            .await
            .map_err(StoreError::from);
        match done {
            Ok(_) => Ok(()),
            Err(StoreError::Duplicate) => {
                Err(HubError::invalid("email", "Somebody else signs in with this e-mail address."))
            }
            Err(error) => Err(internal(error)),
        }
    }

    /// Sets a new password, or the first one, and ends the person's sessions, but for the one of the id `kept_session`.
    pub async fn change_password(&self, actor: &Actor, form: ChangePassword, kept_session: Option<&str>) -> Result<()> {
        self.require_passwords()?;
        problems_or_none([problem_of_password("new_password", &form.new_password)])?;
        let before = self.password_hash_of(&actor.user_id).await.map_err(internal)?;
        self.confirm_password(actor, before.clone(), "current_password", form.current_password).await?;
        let hash = self.hash_password(form.new_password).await.map_err(internal)?;
        self.write_password(actor, before.as_deref(), &hash, kept_session).await?;
        tracing::info!(user.id = %actor.user_id, "password changed");
        Ok(())
    }

    async fn write_password(
        &self,
        actor: &Actor,
        before: Option<&str>,
        hash: &str,
        kept_session: Option<&str>,
    ) -> std::result::Result<(), StepError> {
        let mut transaction = self.database().begin().await?;
        // What was confirmed is what is changed.
        let done = sqlx::query("update app_user set password_hash = $1 where id = $2 and password_hash = $3")
            .bind(hash)
            .bind(actor.user_id.as_str())
            .bind(before.unwrap_or_default())
            .execute(&mut *transaction)
            .await?;
        if done.rows_affected() == 0 {
            let message = "The password was changed elsewhere a moment ago.".to_owned();
            return Err(HubError::Conflict { message }.into());
        }
        sessions::end_others(&mut transaction, &actor.user_id, kept_session).await?;
        if before.is_none() {
            let step = PeopleStep::PasswordSet { email: actor.email.clone() };
            note_step_everywhere(&mut transaction, &actor.user_id, &actor.user_name, &step, self.now_ms()).await?;
        }
        transaction.commit().await.map_err(StoreError::from)?;
        Ok(())
    }

    /// Guessing is slowed down as at the door: a session that was left open is not to tell the password. Who has none passes.
    async fn confirm_password(&self, actor: &Actor, hash: Option<String>, field: &str, password: String) -> Result<()> {
        if hash.is_none() {
            return Ok(());
        }
        if password.is_empty() {
            return Err(HubError::invalid(field, "Enter your present password."));
        }
        let attempt = Attempt::within_a_session(&actor.user_id);
        if let Some(retry_after_seconds) = self.begin_sign_in(&attempt).await.map_err(internal)? {
            return Err(HubError::SlowDown { retry_after_seconds });
        }
        if !self.verify_password(password, hash).await.map_err(internal)? {
            return Err(HubError::invalid(field, "This is not your present password."));
        }
        self.sign_in_succeeded(&attempt).await.map_err(internal)
    }

    async fn password_hash_of(&self, user_id: &UserId) -> std::result::Result<Option<String>, StoreError> {
        let row = sqlx::query("select password_hash from app_user where id = $1")
            .bind(user_id.as_str())
            .fetch_optional(self.database().reader())
            .await?;
        Ok(row.as_ref().map(kept_hash).transpose()?.flatten())
    }

    /// What somebody is called.
    pub(super) async fn name_of(&self, user_id: &UserId) -> std::result::Result<Option<String>, StoreError> {
        let row = sqlx::query("select name from app_user where id = $1")
            .bind(user_id.as_str())
            .fetch_optional(self.database().reader())
            .await?;
        Ok(row.map(|row| row.try_get("name")).transpose()?)
    }
}
