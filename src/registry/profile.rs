//! What people change of themselves: name, e-mail address, password. The sessions that they have elsewhere end with the old password.

use model::{
    error::HubError,
    id::UserId,
    people::{ChangePassword, ChangeProfile},
    view::Actor,
};
use sqlx::Row;

use super::{
    people::{folded_email, problem_of_email, problem_of_name, problem_of_password, problems_or_none},
    sessions,
    slow_down::Attempt,
};
use crate::{
    hub::{Hub, Result, internal},
    store::StoreError,
};

impl Hub {
    /// Changes one's name and address. Another address wants the password, because one signs in with it.
    pub async fn change_profile(&self, actor: &Actor, form: ChangeProfile) -> Result<()> {
        let (name, email) = (form.user_name.trim(), folded_email(&form.email));
        problems_or_none([problem_of_name("user_name", name, "your name"), problem_of_email("email", &email)])?;
        if email != actor.email {
            self.confirm_password(actor, "email_password", form.email_password).await?;
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

    /// Sets a new password and ends the person's sessions, but for the one of the id `kept_session`.
    pub async fn change_password(&self, actor: &Actor, form: ChangePassword, kept_session: Option<&str>) -> Result<()> {
        problems_or_none([problem_of_password("new_password", &form.new_password)])?;
        self.confirm_password(actor, "current_password", form.current_password).await?;
        let hash = self.hash_password(form.new_password).await.map_err(internal)?;
        self.write_password(actor, &hash, kept_session).await.map_err(internal)?;
        tracing::info!(user.id = %actor.user_id, "password changed");
        Ok(())
    }

    async fn write_password(
        &self,
        actor: &Actor,
        hash: &str,
        kept_session: Option<&str>,
    ) -> std::result::Result<(), StoreError> {
        let mut transaction = self.database().begin().await?;
        sqlx::query("update app_user set password_hash = $1 where id = $2")
            .bind(hash)
            .bind(actor.user_id.as_str())
            .execute(&mut *transaction)
            .await?;
        sqlx::query("delete from user_session where user_id = $1 and id_hash <> $2")
            .bind(actor.user_id.as_str())
            .bind(kept_session.map_or_else(String::new, sessions::hash))
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Guessing is slowed down as at the door: a session that was left open is not to tell the password.
    async fn confirm_password(&self, actor: &Actor, field: &str, password: String) -> Result<()> {
        if password.is_empty() {
            return Err(HubError::invalid(field, "Enter your present password."));
        }
        let attempt = Attempt::new(&actor.email, None);
        if let Some(retry_after_seconds) = self.begin_sign_in(&attempt).await.map_err(internal)? {
            return Err(HubError::SlowDown { retry_after_seconds });
        }
        let hash = self.password_hash_of(&actor.user_id).await.map_err(internal)?;
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
        Ok(row.map(|row| row.try_get("password_hash")).transpose()?)
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
