//! The people of an account: who is in it, their roles, how they go; and what was done with them, when and by whom.
//!
//! Whatever could leave an account without an admin locks its admins first, so that of two steps at once the second sees the first.

use model::{
    error::HubError,
    id::{AccountId, UserId},
    people::{AccountChoice, PeopleEvent, PeopleStep, PeopleView, PersonView},
    view::{Actor, Role},
};
use sqlx::{Any, AssertSqlSafe, Row, Transaction, any::AnyRow};

use super::{parsed_id, require, undecodable};
use crate::{
    hub::{Hub, Result, internal},
    store::{StoreError, clock::rfc3339},
};

/// Steps that are shown at most.
const MOST_EVENTS: i64 = 100;

/// What can go wrong within a transaction: the database, or what the person is told.
pub(super) enum StepError {
    Store(StoreError),
    Told(HubError),
}

impl From<StoreError> for StepError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<sqlx::Error> for StepError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

impl From<HubError> for StepError {
    fn from(error: HubError) -> Self {
        Self::Told(error)
    }
}

impl From<StepError> for HubError {
    fn from(error: StepError) -> Self {
        match error {
            StepError::Store(error) => internal(error),
            StepError::Told(error) => error,
        }
    }
}

impl Hub {
    /// Everybody in the account; admins are also told who is invited and what was done.
    pub async fn people(&self, actor: &Actor) -> Result<PeopleView> {
        let people = self.members(actor).await.map_err(internal)?;
        if require(actor, Role::Admin).is_err() {
            return Ok(PeopleView { people, invitations: Vec::new(), events: Vec::new() });
        }
        let invitations = self.open_invitations(actor).await.map_err(internal)?;
        let events = self.people_events(actor).await.map_err(internal)?;
        Ok(PeopleView { people, invitations, events })
    }

    async fn members(&self, actor: &Actor) -> std::result::Result<Vec<PersonView>, StoreError> {
        let sql = "select u.id, u.name, u.email, m.role, m.created_at
            from membership m join app_user u on u.id = m.user_id
            where m.account_id = $1 order by lower(u.name), u.email";
        let rows = sqlx::query(sql).bind(actor.account_id.as_str()).fetch_all(self.database().reader()).await?;
        let mut people = Vec::with_capacity(rows.len());
        for row in &rows {
            let id: UserId = parsed_id(row, "id")?;
            people.push(PersonView {
                name: row.try_get("name")?,
                email: row.try_get("email")?,
                role: role_of(row)?,
                since: rfc3339(row.try_get("created_at")?),
                is_self: id == actor.user_id,
                is_last_admin: false,
                id,
            });
        }
        if people.iter().filter(|person| person.role == Role::Admin).count() == 1 {
            for person in &mut people {
                person.is_last_admin = person.role == Role::Admin;
            }
        }
        Ok(people)
    }

    async fn people_events(&self, actor: &Actor) -> std::result::Result<Vec<PeopleEvent>, StoreError> {
        let sql = "select at, by_name, step from people_event where account_id = $1 order by at desc, id desc limit $2";
        let rows = sqlx::query(sql)
            .bind(actor.account_id.as_str())
            .bind(MOST_EVENTS)
            .fetch_all(self.database().reader())
            .await?;
        let event = |row: &AnyRow| {
            let step: String = row.try_get("step")?;
            Ok(PeopleEvent {
                at: rfc3339(row.try_get("at")?),
                by: row.try_get("by_name")?,
                step: serde_json::from_str(&step).map_err(undecodable)?,
            })
        };
        rows.iter().map(event).collect()
    }

    /// The accounts that the person is in, by name.
    pub async fn accounts_of(&self, actor: &Actor) -> Result<Vec<AccountChoice>> {
        let sql = "select a.id, a.name, m.role from membership m join account a on a.id = m.account_id
            where m.user_id = $1 order by lower(a.name), a.id";
        let rows = sqlx::query(sql)
            .bind(actor.user_id.as_str())
            .fetch_all(self.database().reader())
            .await
            .map_err(|error| internal(StoreError::from(error)))?;
        let choice = |row: &AnyRow| {
            Ok(AccountChoice { id: parsed_id(row, "id")?, name: row.try_get("name")?, role: role_of(row)? })
        };
        rows.iter().map(choice).collect::<std::result::Result<_, StoreError>>().map_err(internal)
    }

    /// The same person in another account of theirs.
    pub async fn switch_account(&self, actor: &Actor, account_id: &AccountId) -> Result<Actor> {
        self.actor(&actor.user_id, account_id).await?.ok_or_else(|| HubError::not_found("account"))
    }

    /// Gives somebody another role. It holds from their next request on. When an admin becomes less, what is open of invitations is withdrawn: says how
    /// many those were.
    pub async fn change_role(&self, actor: &Actor, person: &UserId, role: Role) -> Result<usize> {
        require(actor, Role::Admin)?;
        Ok(self.write_role(actor, person, role).await?)
    }

    async fn write_role(&self, actor: &Actor, person: &UserId, role: Role) -> std::result::Result<usize, StepError> {
        let mut transaction = self.database().begin().await?;
        let admins = self.locked_admins(&mut transaction, actor).await?;
        still_admin(&admins, actor)?;
        let (name, _, from) = member(&mut transaction, actor, person).await?;
        if from == role {
            return Ok(0);
        }
        another_admin_stays(&admins, person)?;
        sqlx::query("update membership set role = $1 where account_id = $2 and user_id = $3")
            .bind(role.as_str())
            .bind(actor.account_id.as_str())
            .bind(person.as_str())
            .execute(&mut *transaction)
            .await?;
        let step = PeopleStep::RoleChanged { name, from, to: role };
        note_step(&mut transaction, &actor.account_id, &actor.user_name, &step, self.now_ms()).await?;
        let withdrawn = if from == Role::Admin { self.withdraw_all(&mut transaction, actor).await? } else { 0 };
        transaction.commit().await.map_err(StoreError::from)?;
        tracing::info!(user.id = %person, role = role.as_str(), withdrawn, "role changed");
        Ok(withdrawn)
    }

    /// Takes somebody out of the account and ends what they have open in it. Everybody may go by themselves; only admins remove others. An account
    /// keeps an admin. When an admin goes, what is open of invitations is withdrawn: says how many those were.
    pub async fn remove_person(&self, actor: &Actor, person: &UserId) -> Result<usize> {
        if *person != actor.user_id {
            require(actor, Role::Admin)?;
        }
        Ok(self.delete_membership(actor, person).await?)
    }

    async fn delete_membership(&self, actor: &Actor, person: &UserId) -> std::result::Result<usize, StepError> {
        let mut transaction = self.database().begin().await?;
        let admins = self.locked_admins(&mut transaction, actor).await?;
        let leaves = *person == actor.user_id;
        if !leaves {
            still_admin(&admins, actor)?;
        }
        let (name, email, role) = member(&mut transaction, actor, person).await?;
        another_admin_stays(&admins, person)?;
        for sql in [
            "delete from membership where account_id = $1 and user_id = $2",
            "delete from user_session where account_id = $1 and user_id = $2",
        ] {
            sqlx::query(sql).bind(actor.account_id.as_str()).bind(person.as_str()).execute(&mut *transaction).await?;
        }
        let step = if leaves { PeopleStep::Left { email } } else { PeopleStep::Removed { name, email } };
        note_step(&mut transaction, &actor.account_id, &actor.user_name, &step, self.now_ms()).await?;
        let withdrawn = if role == Role::Admin { self.withdraw_all(&mut transaction, actor).await? } else { 0 };
        transaction.commit().await.map_err(StoreError::from)?;
        tracing::info!(user.id = %person, withdrawn, "removed from an account");
        Ok(withdrawn)
    }

    /// The account's admins, who stay what they are until the transaction ends.
    pub(super) async fn locked_admins(
        &self,
        transaction: &mut Transaction<'static, Any>,
        actor: &Actor,
    ) -> std::result::Result<Vec<UserId>, StoreError> {
        let sql = format!(
            "select user_id from membership where account_id = $1 and role = 'admin' order by user_id {}",
            self.database().dialect().locked()
        );
        let rows =
            sqlx::query(AssertSqlSafe(sql)).bind(actor.account_id.as_str()).fetch_all(&mut **transaction).await?;
        rows.iter().map(|row| parsed_id(row, "user_id")).collect()
    }
}

/// Writes down what was done, in the transaction that does it.
pub(super) async fn note_step(
    transaction: &mut Transaction<'static, Any>,
    account_id: &AccountId,
    by_name: &str,
    step: &PeopleStep,
    now: i64,
) -> std::result::Result<(), StoreError> {
    let text = serde_json::to_string(step).map_err(undecodable)?;
    sqlx::query("insert into people_event (id, account_id, at, by_name, step) values ($1, $2, $3, $4, $5)")
        .bind(uuid::Uuid::now_v7().simple().to_string())
        .bind(account_id.as_str())
        .bind(now)
        .bind(by_name)
        .bind(text)
        .execute(&mut **transaction)
        .await?;
    Ok(())
}

/// The same in every account that somebody is in: for what concerns each of them.
pub(super) async fn note_step_everywhere(
    transaction: &mut Transaction<'static, Any>,
    user_id: &UserId,
    by_name: &str,
    step: &PeopleStep,
    now: i64,
) -> std::result::Result<(), StoreError> {
    let rows = sqlx::query("select account_id from membership where user_id = $1")
        .bind(user_id.as_str())
        .fetch_all(&mut **transaction)
        .await?;
    for row in &rows {
        note_step(transaction, &parsed_id(row, "account_id")?, by_name, step, now).await?;
    }
    Ok(())
}

/// Name, address and role of somebody in the account.
async fn member(
    transaction: &mut Transaction<'static, Any>,
    actor: &Actor,
    person: &UserId,
) -> std::result::Result<(String, String, Role), StepError> {
    let sql = "select u.name, u.email, m.role from membership m join app_user u on u.id = m.user_id
        where m.account_id = $1 and m.user_id = $2";
    let row = sqlx::query(sql)
        .bind(actor.account_id.as_str())
        .bind(person.as_str())
        .fetch_optional(&mut **transaction)
        .await?
        .ok_or_else(|| HubError::not_found("person in this account"))?;
    Ok((row.try_get("name")?, row.try_get("email")?, role_of(&row)?))
}

/// The admin who asked may have been demoted or removed a moment ago.
pub(super) fn still_admin(admins: &[UserId], actor: &Actor) -> Result<()> {
    if admins.contains(&actor.user_id) {
        return Ok(());
    }
    Err(HubError::Forbidden { message: format!("You are no admin of {} any more.", actor.account_name) })
}

fn another_admin_stays(admins: &[UserId], person: &UserId) -> Result<()> {
    if admins != [person.clone()] {
        return Ok(());
    }
    let message = "This is the only admin of the account. Make somebody else an admin first.".to_owned();
    Err(HubError::Conflict { message })
}

/// A role that this program does not know allows to look.
pub(super) fn role_of(row: &AnyRow) -> std::result::Result<Role, sqlx::Error> {
    let word: String = row.try_get("role")?;
    Ok(Role::parse(&word).unwrap_or(Role::Viewer))
}
