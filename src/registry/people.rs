//! Signing up with a new account, signing in, and who a session belongs to; and the rules of names, addresses and passwords.

use std::{borrow::Cow, net::IpAddr};

use model::{
    error::{FieldProblem, HubError},
    id::{AccountId, UserId},
    transform::Transform,
    view::{Actor, Role, SignIn, SignUp},
};
use sqlx::{Any, Row, Transaction, any::AnyRow};

use super::{members::StepError, parsed_id, slow_down::Attempt};
use crate::{
    hub::{Hub, Result, internal},
    outbound::ProviderPerson,
    store::{StoreError, new_id},
};

pub(super) const LONGEST_NAME: usize = 100;
/// RFC 5321, 4.5.3.1.3, without the brackets.
const LONGEST_EMAIL: usize = 254;
const SHORTEST_PASSWORD: usize = 12;
const LONGEST_PASSWORD: usize = 200;

impl Hub {
    /// Makes an account and its first admin.
    pub async fn sign_up(&self, form: SignUp) -> Result<Actor> {
        self.require_passwords()?;
        self.require_open_sign_up().await?;
        let (account_name, user_name, email) =
            (form.account_name.trim(), form.user_name.trim(), folded_email(&form.email));
        problems_or_none([
            problem_of_name("account_name", account_name, "your organisation's name"),
            problem_of_name("user_name", user_name, "your name"),
            problem_of_email("email", &email),
            problem_of_password("password", &form.password),
        ])?;
        let password_hash = self.hash_password(form.password).await.map_err(internal)?;
        let actor = first_admin(account_name, user_name, email);
        self.insert_account(&actor, FirstWay::Password(&password_hash)).await?;
        Ok(actor)
    }

    /// Makes an account and its first admin, who signs in in this way.
    pub(super) async fn insert_account(&self, actor: &Actor, way: FirstWay<'_>) -> std::result::Result<(), StepError> {
        let now = self.now_ms();
        let mut transaction = self.database().begin().await?;
        sqlx::query("insert into account (id, name, created_at) values ($1, $2, $3)")
            .bind(actor.account_id.as_str())
            .bind(actor.account_name.as_str())
            .bind(now)
            .execute(&mut *transaction)
            .await?;
        let Actor { user_id, user_name, email, .. } = actor;
        match insert_user(&mut transaction, user_id, user_name, email, way, now).await {
            Err(StoreError::Duplicate) => return Err(taken("email").into()),
            done => done?,
        }
        insert_membership(&mut transaction, &actor.account_id, user_id, actor.role, now).await?;
        if let FirstWay::Identity(person) = way {
            self.insert_identity(&mut transaction, user_id, user_name, email, person).await?;
        }
        transaction.commit().await.map_err(StoreError::from)?;
        Ok(())
    }

    /// Who signs in. `client` is the address that the attempt came from, for the slow-down.
    pub async fn sign_in(&self, form: SignIn, client: Option<IpAddr>) -> Result<Actor> {
        self.require_passwords()?;
        let user_id = self.authenticate(form, client).await?;
        let actor = self.first_actor(&user_id).await.map_err(internal)?;
        actor.ok_or_else(|| HubError::Conflict {
            message: "The password is right, but you are in no account any more. Ask an admin for an invitation."
                .to_owned(),
        })
    }

    /// Whose e-mail address and password these are, whether or not they are in any account.
    pub(super) async fn authenticate(&self, form: SignIn, client: Option<IpAddr>) -> Result<UserId> {
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
        let attempt = Attempt::at_the_door(&email, client);
        if let Some(retry_after_seconds) = self.begin_sign_in(&attempt).await.map_err(internal)? {
            return Err(HubError::SlowDown { retry_after_seconds });
        }
        let found = self.user_by_email(&email).await.map_err(internal)?;
        let hash = found.as_ref().and_then(|(_, hash)| hash.clone());
        let password = if too_long { String::new() } else { form.password };
        let right = self.verify_password(password, hash).await.map_err(internal)?;
        let Some((user_id, _)) = found.filter(|_| right) else {
            // Which of the two is wrong is not told.
            return Err(HubError::invalid("password", "The e-mail address or the password is wrong."));
        };
        self.sign_in_succeeded(&attempt).await.map_err(internal)?;
        Ok(user_id)
    }

    /// A person in an account; none when they are not in it (any more).
    pub async fn actor(&self, user_id: &UserId, account_id: &AccountId) -> Result<Option<Actor>> {
        self.load_actor(user_id, Some(account_id), None).await.map_err(internal)
    }

    /// Who a session belongs to that says so; none when the person is no longer in the account, or has ended their sessions since `epoch`
    /// ([`Hub::epoch_of`] when they signed in).
    pub async fn signed_in(&self, user_id: &UserId, account_id: &AccountId, epoch: i64) -> Result<Option<Actor>> {
        self.load_actor(user_id, Some(account_id), Some(epoch)).await.map_err(internal)
    }

    /// How often somebody has ended their sessions: what a session of theirs that is made now is known by.
    pub async fn epoch_of(&self, user_id: &UserId) -> Result<i64> {
        let row = sqlx::query("select session_epoch from app_user where id = $1")
            .bind(user_id.as_str())
            .fetch_optional(self.database().reader())
            .await
            .map_err(internal)?;
        row.ok_or(HubError::SignedOut)?.try_get("session_epoch").map_err(internal)
    }

    pub(super) async fn first_actor(&self, user_id: &UserId) -> std::result::Result<Option<Actor>, StoreError> {
        self.load_actor(user_id, None, None).await
    }

    async fn load_actor(
        &self,
        user_id: &UserId,
        account_id: Option<&AccountId>,
        epoch: Option<i64>,
    ) -> std::result::Result<Option<Actor>, StoreError> {
        let sql = "select u.name as user_name, u.email, a.id as account_id, a.name as account_name, m.role,
                u.operator_since
            from membership m join app_user u on u.id = m.user_id join account a on a.id = m.account_id
            where m.user_id = $1 and (m.account_id = $2 or $3 = 1) and (u.session_epoch = $4 or $5 = 1) order by m.created_at, a.id limit 1";
        let row = sqlx::query(sql)
            .bind(user_id.as_str())
            .bind(account_id.map_or("", AccountId::as_str))
            .bind(i64::from(account_id.is_none()))
            .bind(epoch.unwrap_or_default())
            .bind(i64::from(epoch.is_none()))
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

    /// Who has this address, and the hash of their password, when they have one.
    pub(super) async fn user_by_email(
        &self,
        email: &str,
    ) -> std::result::Result<Option<(UserId, Option<String>)>, StoreError> {
        let sql = "select id, password_hash from app_user where email = $1";
        let Some(row) = sqlx::query(sql).bind(email).fetch_optional(self.database().reader()).await? else {
            return Ok(None);
        };
        let id: String = row.try_get("id")?;
        let id = id.parse().map_err(|error| StoreError::Sqlx(sqlx::Error::Decode(Box::new(error))))?;
        Ok(Some((id, kept_hash(&row)?)))
    }
}

/// Somebody new, as the admin of an account that is new, too. Neither is written yet.
pub(super) fn first_admin(account_name: &str, user_name: &str, email: String) -> Actor {
    Actor {
        user_id: new_id(UserId::PREFIX),
        user_name: user_name.to_owned(),
        email,
        account_id: new_id(AccountId::PREFIX),
        account_name: account_name.to_owned(),
        role: Role::Admin,
        is_operator: false,
    }
}

/// What somebody who is made can sign in with.
#[derive(Clone, Copy)]
pub(super) enum FirstWay<'a> {
    /// A password, by its hash.
    Password(&'a str),
    /// Who they are at the provider.
    Identity(&'a ProviderPerson),
}

/// The hash of a row's `password_hash`; none when there is no password.
pub(super) fn kept_hash(row: &AnyRow) -> std::result::Result<Option<String>, sqlx::Error> {
    let text: String = row.try_get("password_hash")?;
    Ok(Some(text).filter(|text| !text.is_empty()))
}

/// Makes a person; [`StoreError::Duplicate`] when somebody has the address.
pub(super) async fn insert_user(
    transaction: &mut Transaction<'static, Any>,
    id: &UserId,
    name: &str,
    email: &str,
    way: FirstWay<'_>,
    now: i64,
) -> std::result::Result<(), StoreError> {
    let password_hash = match way {
        FirstWay::Password(hash) => hash,
        FirstWay::Identity(_) => "",
    };
    sqlx::query("insert into app_user (id, email, name, password_hash, created_at) values ($1, $2, $3, $4, $5)")
        .bind(id.as_str())
        .bind(email)
        .bind(name)
        .bind(password_hash)
        .bind(now)
        .execute(&mut **transaction)
        .await?;
    Ok(())
}

/// Puts somebody into an account; [`StoreError::Duplicate`] when they are in it.
pub(super) async fn insert_membership(
    transaction: &mut Transaction<'static, Any>,
    account_id: &AccountId,
    user_id: &UserId,
    role: Role,
    now: i64,
) -> std::result::Result<(), StoreError> {
    sqlx::query("insert into membership (account_id, user_id, role, created_at) values ($1, $2, $3, $4)")
        .bind(account_id.as_str())
        .bind(user_id.as_str())
        .bind(role.as_str())
        .bind(now)
        .execute(&mut **transaction)
        .await?;
    Ok(())
}

pub(super) fn folded_email(text: &str) -> String {
    text.trim().to_lowercase()
}

pub(super) fn problem_of_name(field: &str, name: &str, what: &str) -> Option<FieldProblem> {
    if name.is_empty() {
        Some(FieldProblem::new(field, format!("Enter {what}.")))
    } else if name.chars().count() > LONGEST_NAME || name.chars().any(char::is_control) {
        Some(FieldProblem::new(field, format!("Use at most {LONGEST_NAME} ordinary characters for {what}.")))
    } else {
        None
    }
}

/// Of an address that was folded.
pub(super) fn problem_of_email(field: &str, email: &str) -> Option<FieldProblem> {
    let is_one = !email.is_empty() && Transform::NormaliseEmail.apply(Cow::Borrowed(email)).is_ok();
    (!is_one).then(|| FieldProblem::new(field, "Enter an e-mail address like ada@example.org."))
}

pub(super) fn problem_of_password(field: &str, password: &str) -> Option<FieldProblem> {
    let fits = (SHORTEST_PASSWORD..=LONGEST_PASSWORD).contains(&password.chars().count());
    (!fits).then(|| {
        let message =
            format!("Use {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters; a few words are a good password.");
        FieldProblem::new(field, message)
    })
}

/// An error of all the problems that there are.
pub(super) fn problems_or_none<const N: usize>(found: [Option<FieldProblem>; N]) -> Result<()> {
    let problems: Vec<_> = found.into_iter().flatten().collect();
    if problems.is_empty() { Ok(()) } else { Err(HubError::Invalid { problems }) }
}

/// The address is somebody else's.
pub(super) fn taken(field: &str) -> HubError {
    HubError::invalid(field, "Somebody has signed up with this e-mail address already. Sign in instead.")
}

/// A person of an account, and where they can be written to.
pub(crate) struct MemberAddress {
    pub(crate) id: UserId,
    pub(crate) name: String,
    pub(crate) email: String,
}

/// The people of an account, by name.
pub(crate) async fn members(
    transaction: &mut Transaction<'_, Any>,
    account_id: &AccountId,
) -> std::result::Result<Vec<MemberAddress>, StoreError> {
    let rows = sqlx::query(
        "select u.id, u.name, u.email from membership m join app_user u on u.id = m.user_id
         where m.account_id = $1 order by u.name, u.id",
    )
    .bind(account_id.as_str())
    .fetch_all(&mut **transaction)
    .await?;
    rows.iter()
        .map(|row| {
            Ok(MemberAddress { id: parsed_id(row, "id")?, name: row.try_get("name")?, email: row.try_get("email")? })
        })
        .collect()
}
