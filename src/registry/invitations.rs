//! Invitations: an admin makes a link, whoever has it joins the account with it, once, within a week.
//!
//! The link's token is made of the invitation's id and the master key, and only its hash is kept: an admin can look at the link again, and
//! the database alone lets nobody in. A used or withdrawn invitation is deleted; the history says what became of it.

use std::net::IpAddr;

use model::{
    error::{FieldProblem, HubError},
    id::{AccountId, InvitationId, UserId},
    people::{InvitationLink, InvitationToken, InvitationView, Invited, JoinSignUp, PeopleStep},
    view::{Actor, Role, SignIn},
};
use sha2::{Digest, Sha256};
use sqlx::{Any, Row, Transaction, any::AnyRow};

use super::{
    members::{StepError, note_step, role_of, still_admin},
    parsed_id,
    people::{
        FirstWay, folded_email, insert_membership, insert_user, problem_of_email, problem_of_name, problem_of_password,
        problems_or_none, taken,
    },
    require,
};
use crate::{
    hub::{Hub, Result, internal},
    store::{StoreError, clock::rfc3339, new_id},
};

const LIFETIME_MS: i64 = 7 * 86_400_000;
/// Open invitations of an account at most.
const MOST_OPEN: i64 = 500;
/// What the token is derived for.
const PURPOSE: &str = "usher 2026 invitation link";

impl Hub {
    /// Makes an invitation for an e-mail address with a role.
    pub async fn invite(&self, actor: &Actor, email: &str, role: Option<Role>) -> Result<InvitationId> {
        require(actor, Role::Admin)?;
        let email = folded_email(email);
        let no_role = || FieldProblem::new("role", "Choose a role.");
        problems_or_none([problem_of_email("email", &email), role.is_none().then(no_role)])?;
        let role = role.unwrap_or(Role::Viewer);
        if let Some(problem) = self.why_not_invited(actor, &email).await.map_err(internal)? {
            return Err(HubError::invalid("email", problem));
        }
        let id: InvitationId = new_id(InvitationId::PREFIX);
        self.insert_invitation(actor, &id, &email, role).await?;
        tracing::info!(invitation.id = %id, "somebody was invited");
        Ok(id)
    }

    async fn why_not_invited(
        &self,
        actor: &Actor,
        email: &str,
    ) -> std::result::Result<Option<&'static str>, StoreError> {
        let sql = "select
            (select count(*) from membership m join app_user u on u.id = m.user_id
                where m.account_id = $1 and u.email = $2) as members,
            (select count(*) from invitation where account_id = $1 and email = $2 and expires_at > $3) as invited,
            (select count(*) from invitation where account_id = $1) as open";
        let row = sqlx::query(sql)
            .bind(actor.account_id.as_str())
            .bind(email)
            .bind(self.now_ms())
            .fetch_one(self.database().reader())
            .await?;
        let count = |name| row.try_get::<i64, _>(name);
        Ok(if count("members")? > 0 {
            Some("Somebody with this address is in the account already.")
        } else if count("invited")? > 0 {
            Some("This address is invited already. Send the link of that invitation again, or withdraw it first.")
        } else if count("open")? >= MOST_OPEN {
            Some("Too many invitations are open. Withdraw some first.")
        } else {
            None
        })
    }

    async fn insert_invitation(
        &self,
        actor: &Actor,
        id: &InvitationId,
        email: &str,
        role: Role,
    ) -> std::result::Result<(), StepError> {
        let now = self.now_ms();
        let token = hex::encode(self.sealing().derive(PURPOSE, id.as_str()));
        let mut transaction = self.database().begin().await?;
        // An admin who is removed in this very moment leaves no link behind.
        still_admin(&self.locked_admins(&mut transaction, actor).await?, actor)?;
        let sql = "insert into invitation (id, account_id, token_hash, email, role, invited_by, created_at, expires_at)
            values ($1, $2, $3, $4, $5, $6, $7, $8)";
        sqlx::query(sql)
            .bind(id.as_str())
            .bind(actor.account_id.as_str())
            .bind(hash(&token))
            .bind(email)
            .bind(role.as_str())
            .bind(actor.user_name.as_str())
            .bind(now)
            .bind(now + LIFETIME_MS)
            .execute(&mut *transaction)
            .await?;
        let step = PeopleStep::Invited { email: email.to_owned(), role };
        note_step(&mut transaction, &actor.account_id, &actor.user_name, &step, now).await?;
        transaction.commit().await.map_err(StoreError::from)?;
        Ok(())
    }

    /// Takes every invitation of the account back, since somebody who could read the links of all of them is no admin any more. Says how many of them
    /// could still be used.
    pub(super) async fn withdraw_all(
        &self,
        transaction: &mut Transaction<'static, Any>,
        actor: &Actor,
    ) -> std::result::Result<usize, StoreError> {
        let now = self.now_ms();
        let rows = sqlx::query("delete from invitation where account_id = $1 returning email, expires_at")
            .bind(actor.account_id.as_str())
            .fetch_all(&mut **transaction)
            .await?;
        let mut open = 0;
        for row in &rows {
            if row.try_get::<i64, _>("expires_at")? > now {
                open += 1;
                let step = PeopleStep::Withdrawn { email: row.try_get("email")? };
                note_step(transaction, &actor.account_id, &actor.user_name, &step, now).await?;
            }
        }
        Ok(open)
    }

    /// Invitations that nobody has taken, the newest first.
    pub(super) async fn open_invitations(&self, actor: &Actor) -> std::result::Result<Vec<InvitationView>, StoreError> {
        let sql = "select id, email, role, invited_by, created_at, expires_at from invitation
            where account_id = $1 order by created_at desc, id desc";
        let rows = sqlx::query(sql).bind(actor.account_id.as_str()).fetch_all(self.database().reader()).await?;
        rows.iter().map(|row| self.invitation_view(row)).collect()
    }

    fn invitation_view(&self, row: &AnyRow) -> std::result::Result<InvitationView, StoreError> {
        let expires_at: i64 = row.try_get("expires_at")?;
        Ok(InvitationView {
            id: parsed_id(row, "id")?,
            email: row.try_get("email")?,
            role: role_of(row)?,
            invited_by: row.try_get("invited_by")?,
            created_at: rfc3339(row.try_get("created_at")?),
            expires_at: rfc3339(expires_at),
            has_expired: expires_at <= self.now_ms(),
        })
    }

    /// An invitation with its link.
    pub async fn invitation_link(&self, actor: &Actor, id: &InvitationId) -> Result<InvitationLink> {
        require(actor, Role::Admin)?;
        let sql = "select id, email, role, invited_by, created_at, expires_at, token_hash from invitation
            where account_id = $1 and id = $2";
        let row = sqlx::query(sql)
            .bind(actor.account_id.as_str())
            .bind(id.as_str())
            .fetch_optional(self.database().reader())
            .await
            .map_err(|error| internal(StoreError::from(error)))?
            .ok_or_else(no_such)?;
        let kept: String = row.try_get("token_hash").map_err(|error| internal(StoreError::from(error)))?;
        let token =
            self.sealing().derive_with_each(PURPOSE, id.as_str()).map(hex::encode).find(|token| hash(token) == kept);
        let invitation = self.invitation_view(&row).map_err(internal)?;
        Ok(InvitationLink { invitation, token: token.map(InvitationToken) })
    }

    /// Takes an invitation back: its link leads nowhere from now on.
    pub async fn withdraw_invitation(&self, actor: &Actor, id: &InvitationId) -> Result<()> {
        require(actor, Role::Admin)?;
        Ok(self.delete_invitation(actor, id).await?)
    }

    async fn delete_invitation(&self, actor: &Actor, id: &InvitationId) -> std::result::Result<(), StepError> {
        let mut transaction = self.database().begin().await?;
        let row = sqlx::query("delete from invitation where account_id = $1 and id = $2 returning email")
            .bind(actor.account_id.as_str())
            .bind(id.as_str())
            .fetch_optional(&mut *transaction)
            .await?
            .ok_or_else(no_such)?;
        let step = PeopleStep::Withdrawn { email: row.try_get("email")? };
        note_step(&mut transaction, &actor.account_id, &actor.user_name, &step, self.now_ms()).await?;
        transaction.commit().await.map_err(StoreError::from)?;
        Ok(())
    }

    /// What an invitation is, for whoever has its link.
    pub async fn invited(&self, token: &InvitationToken) -> Result<Invited> {
        let sql = "select a.name as account_name, i.email, i.role, i.invited_by, i.expires_at
            from invitation i join account a on a.id = i.account_id where i.token_hash = $1 and i.expires_at > $2";
        let row = sqlx::query(sql)
            .bind(hash(&token.0))
            .bind(self.now_ms())
            .fetch_optional(self.database().reader())
            .await
            .map_err(|error| internal(StoreError::from(error)))?
            .ok_or_else(no_such)?;
        let invited = || {
            Ok(Invited {
                account_name: row.try_get("account_name")?,
                email: row.try_get("email")?,
                role: role_of(&row)?,
                invited_by: row.try_get("invited_by")?,
                expires_at: rfc3339(row.try_get("expires_at")?),
            })
        };
        invited().map_err(|error: sqlx::Error| internal(StoreError::from(error)))
    }

    /// Somebody who is signed in takes the invitation: themselves in that account.
    pub async fn join(&self, actor: &Actor, token: &InvitationToken) -> Result<Actor> {
        self.take_invitation(&actor.user_id, &actor.user_name, &actor.email, token, None).await
    }

    /// Somebody signs in, be it that they are in no account, and takes the invitation.
    pub async fn join_signing_in(
        &self,
        form: SignIn,
        client: Option<IpAddr>,
        token: &InvitationToken,
    ) -> Result<Actor> {
        self.require_passwords()?;
        self.invited(token).await?;
        let email = folded_email(&form.email);
        let user_id = self.authenticate(form, client).await?;
        let name = self.name_of(&user_id).await.map_err(internal)?.ok_or(HubError::SignedOut)?;
        self.take_invitation(&user_id, &name, &email, token, None).await
    }

    /// Somebody signs up by taking the invitation, without an account of their own.
    pub async fn join_signing_up(&self, form: JoinSignUp, token: &InvitationToken) -> Result<Actor> {
        self.require_passwords()?;
        self.invited(token).await?;
        let (name, email) = (form.user_name.trim().to_owned(), folded_email(&form.email));
        problems_or_none([
            problem_of_name("user_name", &name, "your name"),
            problem_of_email("email", &email),
            problem_of_password("password", &form.password),
        ])?;
        let password_hash = self.hash_password(form.password).await.map_err(internal)?;
        self.take_invitation(&new_id(UserId::PREFIX), &name, &email, token, Some(FirstWay::Password(&password_hash)))
            .await
    }

    /// Uses the invitation up; with `made` the person is made, and signs in in this way.
    pub(super) async fn take_invitation(
        &self,
        user_id: &UserId,
        user_name: &str,
        email: &str,
        token: &InvitationToken,
        made: Option<FirstWay<'_>>,
    ) -> Result<Actor> {
        let taken = self.write_joining(user_id, user_name, email, token, made).await;
        let account_id = taken?;
        tracing::info!(user.id = %user_id, account.id = %account_id, "joined an account");
        self.actor(user_id, &account_id).await?.ok_or(HubError::SignedOut)
    }

    async fn write_joining(
        &self,
        user_id: &UserId,
        user_name: &str,
        email: &str,
        token: &InvitationToken,
        made: Option<FirstWay<'_>>,
    ) -> std::result::Result<AccountId, StepError> {
        let now = self.now_ms();
        let mut transaction = self.database().begin().await?;
        // Used by deleting it: of two who take it at once, one finds it.
        let sql = "delete from invitation where token_hash = $1 and expires_at > $2 returning account_id, email, role";
        let row = sqlx::query(sql)
            .bind(hash(&token.0))
            .bind(now)
            .fetch_optional(&mut *transaction)
            .await?
            .ok_or_else(no_such)?;
        let (account_id, role): (AccountId, Role) = (parsed_id(&row, "account_id")?, role_of(&row)?);
        if let Some(way) = made {
            match insert_user(&mut transaction, user_id, user_name, email, way, now).await {
                Err(StoreError::Duplicate) => return Err(taken("email").into()),
                done => done?,
            }
        }
        match insert_membership(&mut transaction, &account_id, user_id, role, now).await {
            Err(StoreError::Duplicate) => {
                let message = "You are in this account already; the invitation was not used.".to_owned();
                return Err(HubError::Conflict { message }.into());
            }
            done => done?,
        }
        let step = PeopleStep::Joined { email: email.to_owned(), invited: row.try_get("email")?, role };
        note_step(&mut transaction, &account_id, user_name, &step, now).await?;
        if let Some(FirstWay::Identity(person)) = made {
            self.insert_identity(&mut transaction, user_id, user_name, email, person).await?;
        }
        transaction.commit().await.map_err(StoreError::from)?;
        Ok(account_id)
    }
}

fn no_such() -> HubError {
    HubError::not_found("invitation any more: it was used or withdrawn, or has expired. Ask for a new one")
}

fn hash(token: &str) -> String {
    hex::encode(Sha256::digest(token.as_bytes()))
}
