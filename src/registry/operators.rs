//! Operators: users of the installation itself, beside whatever they are in an account. They review applications. Only who has the server's
//! command line makes somebody one.

use model::error::HubError;
use sqlx::Row;

use super::people::folded_email;
use crate::hub::{Hub, Result, internal};

impl Hub {
    /// Makes the person with this e-mail address an operator. False when they were one already.
    pub async fn add_operator(&self, email: &str) -> Result<bool> {
        self.person_of(email).await?;
        let sql = "update app_user set operator_since = $1 where email = $2 and operator_since is null";
        let done = sqlx::query(sql)
            .bind(self.now_ms())
            .bind(folded_email(email))
            .execute(self.database().writer())
            .await
            .map_err(internal)?;
        Ok(done.rows_affected() == 1)
    }

    /// The person with this e-mail address is no operator any more. False when they were none.
    pub async fn remove_operator(&self, email: &str) -> Result<bool> {
        self.person_of(email).await?;
        let sql = "update app_user set operator_since = null where email = $1 and operator_since is not null";
        let done =
            sqlx::query(sql).bind(folded_email(email)).execute(self.database().writer()).await.map_err(internal)?;
        Ok(done.rows_affected() == 1)
    }

    /// Names and e-mail addresses of all operators.
    pub async fn operators(&self) -> Result<Vec<(String, String)>> {
        let sql = "select name, email from app_user where operator_since is not null order by email";
        let rows = sqlx::query(sql).fetch_all(self.database().reader()).await.map_err(internal)?;
        rows.iter()
            .map(|row| Ok((row.try_get("name").map_err(internal)?, row.try_get("email").map_err(internal)?)))
            .collect()
    }

    async fn person_of(&self, email: &str) -> Result<()> {
        let found = sqlx::query("select id from app_user where email = $1")
            .bind(folded_email(email))
            .fetch_optional(self.database().reader())
            .await
            .map_err(internal)?;
        found.map(|_| ()).ok_or_else(|| {
            HubError::invalid(
                "email",
                "Nobody has signed up with this e-mail address. They sign up first, then call this again.",
            )
        })
    }
}
