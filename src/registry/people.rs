//! Accounts and the people in them: signing up, signing in, and who a session belongs to.

use std::{borrow::Cow, net::IpAddr};

use model::{
    error::{FieldProblem, HubError},
    id::{AccountId, UserId},
    transform::Transform,
    view::{Actor, Role, SignIn, SignUp},
};
use sqlx::Row;

use super::slow_down::Attempt;
use crate::{
    hub::{Hub, Result, internal},
    store::{StoreError, new_id},
};

const LONGEST_NAME: usize = 100;
/// RFC 5321, 4.5.3.1.3, without the brackets.
const LONGEST_EMAIL: usize = 254;
const SHORTEST_PASSWORD: usize = 12;
const LONGEST_PASSWORD: usize = 200;

impl Hub {
    /// Makes an account and its first admin.
    pub async fn sign_up(&self, form: SignUp) -> Result<Actor> {
        let (account_name, user_name, email) =
            (form.account_name.trim(), form.user_name.trim(), folded_email(&form.email));
        let mut problems = Vec::new();
        for (field, value, what) in
            [("account_name", account_name, "your organisation's name"), ("user_name", user_name, "your name")]
        {
            if value.is_empty() {
                problems.push(FieldProblem::new(field, format!("Enter {what}.")));
            } else if value.chars().count() > LONGEST_NAME || value.chars().any(char::is_control) {
                problems.push(FieldProblem::new(
                    field,
                    format!("Use at most {LONGEST_NAME} ordinary characters for {what}."),
                ));
            }
        }
        if email.is_empty() || Transform::NormaliseEmail.apply(Cow::Borrowed(&email)).is_err() {
            problems.push(FieldProblem::new("email", "Enter an e-mail address like ada@example.org."));
        }
        let length = form.password.chars().count();
        if !(SHORTEST_PASSWORD..=LONGEST_PASSWORD).contains(&length) {
            let message =
                format!("Use {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters; a few words are a good password.");
            problems.push(FieldProblem::new("password", message));
        }
        if !problems.is_empty() {
            return Err(HubError::Invalid { problems });
        }
        let password_hash = self.hash_password(form.password).await.map_err(internal)?;
        let actor = Actor {
            user_id: new_id(UserId::PREFIX),
            user_name: user_name.to_owned(),
            email,
            account_id: new_id(AccountId::PREFIX),
            account_name: account_name.to_owned(),
            role: Role::Admin,
            is_operator: false,
        };
        match self.insert_account(&actor, &password_hash).await {
            Ok(()) => Ok(actor),
            Err(StoreError::Duplicate) => Err(HubError::invalid(
                "email",
                "Somebody has signed up with this e-mail address already. Sign in instead.",
            )),
            Err(error) => Err(internal(error)),
        }
    }

    async fn insert_account(&self, actor: &Actor, password_hash: &str) -> std::result::Result<(), StoreError> {
        let now = self.now_ms();
        let mut transaction = self.database().begin().await?;
        sqlx::query("insert into account (id, name, created_at) values ($1, $2, $3)")
            .bind(actor.account_id.as_str())
            .bind(actor.account_name.as_str())
            .bind(now)
            .execute(&mut *transaction)
            .await?;
        sqlx::query("insert into app_user (id, email, name, password_hash, created_at) values ($1, $2, $3, $4, $5)")
            .bind(actor.user_id.as_str())
            .bind(actor.email.as_str())
            .bind(actor.user_name.as_str())
            .bind(password_hash)
            .bind(now)
            .execute(&mut *transaction)
            .await?;
        sqlx::query("insert into membership (account_id, user_id, role, created_at) values ($1, $2, $3, $4)")
            .bind(actor.account_id.as_str())
            .bind(actor.user_id.as_str())
            .bind(actor.role.as_str())
            .bind(now)
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Who signs in. `client` is the address that the attempt came from, for the slow-down.
    pub async fn sign_in(&self, form: SignIn, client: Option<IpAddr>) -> Result<Actor> {
        let email = folded_email(&form.email);
        let mut problems = Vec::new();
        if email.is_empty() {
            problems.push(FieldProblem::new("email", "Enter your e-mail address."));
        } else if email.chars().count() > LONGEST_EMAIL || email.chars().any(char::is_control) {
            problems.push(FieldProblem::new("email", "Enter an e-mail address like ada@example.org."));
        }
        if form.password.is_empty() {
            problems.push(FieldProblem::new("password", "Enter your password."));
        }
        if !problems.is_empty() {
            return Err(HubError::Invalid { problems });
        }
        // A password longer than any that can be set is not hashed, but takes the same way.
        let too_long = form.password.chars().count() > LONGEST_PASSWORD;
        let attempt = Attempt::new(&email, client);
        if let Some(retry_after_seconds) = self.begin_sign_in(&attempt).await.map_err(internal)? {
            return Err(HubError::SlowDown { retry_after_seconds });
        }
        let found = self.user_by_email(&email).await.map_err(internal)?;
        let hash = found.as_ref().map(|(_, hash)| hash.clone());
        let password = if too_long { String::new() } else { form.password };
        let right = self.verify_password(password, hash).await.map_err(internal)?;
        let actor = match found {
            Some((user_id, _)) if right => self.first_actor(&user_id).await.map_err(internal)?,
            _ => None,
        };
        // Which of the two is wrong is not told.
        let actor =
            actor.ok_or_else(|| HubError::invalid("password", "The e-mail address or the password is wrong."))?;
        self.sign_in_succeeded(&attempt).await.map_err(internal)?;
        Ok(actor)
    }

    /// Who a session belongs to; none when the person is no longer in the account.
    pub async fn actor(&self, user_id: &UserId, account_id: &AccountId) -> Result<Option<Actor>> {
        self.load_actor(user_id, Some(account_id)).await.map_err(internal)
    }

    async fn first_actor(&self, user_id: &UserId) -> std::result::Result<Option<Actor>, StoreError> {
        self.load_actor(user_id, None).await
    }

    async fn load_actor(
        &self,
        user_id: &UserId,
        account_id: Option<&AccountId>,
    ) -> std::result::Result<Option<Actor>, StoreError> {
        let sql = "select u.name as user_name, u.email, a.id as account_id, a.name as account_name, m.role,
                u.operator_since
            from membership m join app_user u on u.id = m.user_id join account a on a.id = m.account_id
            where m.user_id = $1 and (m.account_id = $2 or $3 = 1) order by m.created_at, a.id limit 1";
        let row = sqlx::query(sql)
            .bind(user_id.as_str())
            .bind(account_id.map_or("", AccountId::as_str))
            .bind(i64::from(account_id.is_none()))
            .fetch_optional(self.database().reader())
            .await?;
        let Some(row) = row else { return Ok(None) };
        let (account_id, role): (String, String) = (row.try_get("account_id")?, row.try_get("role")?);
        Ok(Some(Actor {
            user_id: user_id.clone(),
            user_name: row.try_get("user_name")?,
            email: row.try_get("email")?,
            account_id: account_id.parse().map_err(|error| StoreError::Sqlx(sqlx::Error::Decode(Box::new(error))))?,
            account_name: row.try_get("account_name")?,
            role: Role::parse(&role).unwrap_or(Role::Viewer),
            is_operator: row.try_get::<Option<i64>, _>("operator_since")?.is_some(),
        }))
    }

    async fn user_by_email(&self, email: &str) -> std::result::Result<Option<(UserId, String)>, StoreError> {
        let sql = "select id, password_hash from app_user where email = $1";
        let Some(row) = sqlx::query(sql).bind(email).fetch_optional(self.database().reader()).await? else {
            return Ok(None);
        };
        let id: String = row.try_get("id")?;
        let id = id.parse().map_err(|error| StoreError::Sqlx(sqlx::Error::Decode(Box::new(error))))?;
        Ok(Some((id, row.try_get("password_hash")?)))
    }
}

pub(super) fn folded_email(text: &str) -> String {
    text.trim().to_lowercase()
}
