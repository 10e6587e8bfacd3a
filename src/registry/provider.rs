//! Signing in at the installation's OpenID provider: people are sent there and come back with a code. What they come back with counts once, in the
//! session that they left from, and for ten minutes.
//!
//! Whose identity is known here is signed in. Whose is not says who they are: by being signed in, by their password, by an invitation, or by making
//! an account. An address alone lets nobody into anything: it says where to ask for the password, and only when the provider has verified it.

use std::net::IpAddr;

use model::{
    error::HubError,
    id::UserId,
    people::{InvitationToken, NextStep, Unconnected},
    view::{Actor, SignIn},
};
use serde::{Deserialize, Serialize};
use sqlx::Row;
use url::Url;

use super::{
    Consented,
    consents::{LASTS_MS, said},
    identities::connected_already,
    people::{FirstWay, first_admin, folded_email, problem_of_email, problem_of_name, problems_or_none},
    sessions::hash,
};
use crate::{
    hub::{Hub, Result, internal},
    outbound::{CallError, OpenIdProvider, ProviderPerson},
    store::{StoreError, new_id},
};

/// What somebody is about who goes to the provider.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Errand {
    /// Where they go on afterwards.
    pub next: String,
    /// The invitation that they take.
    pub invitation: Option<InvitationToken>,
    /// They are signed in, and want to sign in there from now on.
    pub connects: bool,
}

impl std::fmt::Debug for Errand {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // An invitation is a secret.
        f.debug_struct("Errand").field("next", &self.next).field("connects", &self.connects).finish_non_exhaustive()
    }
}

/// Somebody whom the provider knows and nobody here does. Sealed for the session that is to keep it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Newcomer(String);

/// What became of somebody who came back from the provider.
#[derive(Debug)]
pub enum Arrival {
    /// They are known.
    Known {
        /// Who they are here.
        actor: Actor,
        /// What they were about.
        errand: Errand,
    },
    /// They are to say who they are here.
    New(Newcomer),
}

/// Why nothing became of it.
#[derive(Debug)]
pub struct NoArrival {
    /// What they were about, as far as it is known.
    pub errand: Errand,
    /// Why.
    pub error: HubError,
}

/// What is kept, sealed, until the person comes back.
#[derive(Serialize, Deserialize)]
struct Pending {
    nonce: String,
    verifier: String,
    redirect: Url,
    errand: Errand,
}

/// What is in a [`Newcomer`].
#[derive(Serialize, Deserialize)]
struct Opened {
    person: ProviderPerson,
    errand: Errand,
    expires_at: i64,
}

impl Hub {
    /// Where somebody signs in. `session` is something that only their browser's session knows; `redirect` is where they come back to.
    pub async fn visit_provider(&self, session: &str, redirect: &Url, errand: Errand) -> Result<Url> {
        let provider = self.required_provider()?;
        if let Some(token) = &errand.invitation {
            self.invited(token).await?;
        }
        let now = self.now_ms();
        let visit = provider.visit(redirect, now).await.map_err(|error| self.not_signed_in(&error))?;
        let pending = Pending { nonce: visit.nonce, verifier: visit.verifier, redirect: redirect.clone(), errand };
        let state_hash = hash(&visit.state);
        let sealed = self.sealing().seal(&serde_json::to_vec(&pending).map_err(internal)?, &context(&state_hash));
        let kept = async {
            sqlx::query("delete from provider_visit where expires_at <= $1")
                .bind(now - LASTS_MS)
                .execute(self.database().writer())
                .await?;
            let sql =
                "insert into provider_visit (state_hash, session_hash, sealed, expires_at) values ($1, $2, $3, $4)";
            sqlx::query(sql)
                .bind(state_hash)
                .bind(hash(session))
                .bind(sealed)
                .bind(now + LASTS_MS)
                .execute(self.database().writer())
                .await
        };
        kept.await.map_err(internal)?;
        Ok(visit.url)
    }

    /// Takes what somebody came back with. `who` is signed in in their browser; `issuer` is who says that they come from there (RFC 9207).
    pub async fn arrive(
        &self,
        who: Option<&Actor>,
        session: &str,
        state: &str,
        issuer: Option<&str>,
        answer: Consented,
    ) -> std::result::Result<Arrival, NoArrival> {
        let taken = self.take_visit(session, state).await;
        let (pending, is_over) = taken.map_err(|error| NoArrival { errand: Errand::default(), error })?;
        let errand = pending.errand.clone();
        let arrived = async {
            if is_over {
                let message = "Signing in took longer than ten minutes. Begin again.".to_owned();
                return Err(HubError::Conflict { message });
            }
            let provider = self.required_provider()?;
            if issuer.is_some_and(|issuer| issuer != provider.issuer()) {
                let what = "it is another provider that has answered".to_owned();
                return Err(self.not_signed_in(&CallError::Nonsense { what }));
            }
            let code = match answer {
                Consented::Code(code) => code,
                Consented::Error { code, description } => return Err(self.turned_away(&code, description.as_deref())),
            };
            let person =
                provider.person(&code, &pending.nonce, &pending.verifier, &pending.redirect, self.now_ms()).await;
            let person = person.map_err(|error| self.not_signed_in(&error))?;
            self.recognise(who, session, person, pending.errand).await
        };
        arrived.await.map_err(|error| NoArrival { errand, error })
    }

    async fn recognise(
        &self,
        who: Option<&Actor>,
        session: &str,
        person: ProviderPerson,
        errand: Errand,
    ) -> Result<Arrival> {
        if let Some(user_id) = self.owner_of(&person).await.map_err(internal)? {
            if errand.connects && who.is_some_and(|who| who.user_id != user_id) {
                return Err(connected_already(&self.provider_name(&person.issuer)));
            }
            let actor = self.let_in(who, &user_id, errand.invitation.as_ref()).await?;
            tracing::info!(user.id = %user_id, "signed in at the provider");
            return Ok(Arrival::Known { actor, errand });
        }
        if let Some(token) = &errand.invitation {
            let email = verified_email(&person).ok_or_else(|| self.unverified(&person))?;
            if self.user_by_email(&email).await.map_err(internal)?.is_none() {
                let (id, name) = (new_id(UserId::PREFIX), name_of(&person, &email));
                let way = FirstWay::Identity(&person);
                let actor = self.take_invitation(&id, &name, &email, token, Some(way)).await?;
                return Ok(Arrival::Known { actor, errand });
            }
        }
        let opened = Opened { person, errand, expires_at: self.now_ms() + LASTS_MS };
        let text = serde_json::to_vec(&opened).map_err(internal)?;
        Ok(Arrival::New(Newcomer(hex::encode(self.sealing().seal(&text, &newcomer_context(session))))))
    }

    /// Somebody who has shown who they are, in an account of theirs.
    async fn let_in(
        &self,
        who: Option<&Actor>,
        user_id: &UserId,
        invitation: Option<&InvitationToken>,
    ) -> Result<Actor> {
        if let Some(token) = invitation {
            let (name, email) = self.name_and_email(user_id).await?;
            return self.take_invitation(user_id, &name, &email, token, None).await;
        }
        if let Some(actor) = who.filter(|who| who.user_id == *user_id) {
            return Ok(actor.clone());
        }
        let actor = self.first_actor(user_id).await.map_err(internal)?;
        actor.ok_or_else(|| HubError::Conflict {
            message: "You are in no account any more. Ask an admin for an invitation.".to_owned(),
        })
    }

    async fn name_and_email(&self, user_id: &UserId) -> Result<(String, String)> {
        let read = async {
            let row = sqlx::query("select name, email from app_user where id = $1")
                .bind(user_id.as_str())
                .fetch_optional(self.database().reader())
                .await?;
            row.map(|row| Ok((row.try_get("name")?, row.try_get("email")?))).transpose()
        };
        let found: std::result::Result<_, sqlx::Error> = read.await;
        found.map_err(|error| internal(StoreError::from(error)))?.ok_or(HubError::SignedOut)
    }

    /// What somebody is told whom nobody here knows yet; none when nothing is under way.
    pub async fn unconnected(
        &self,
        who: Option<&Actor>,
        session: &str,
        newcomer: &Newcomer,
    ) -> Result<Option<Unconnected>> {
        let Ok(Opened { person, .. }) = self.opened(session, newcomer) else { return Ok(None) };
        let email = person.email.clone().unwrap_or_default();
        Ok(Some(Unconnected {
            provider: self.provider_name(&person.issuer),
            name: name_of(&person, &email),
            step: self.next_step(who, &person).await?,
            email,
        }))
    }

    async fn next_step(&self, who: Option<&Actor>, person: &ProviderPerson) -> Result<NextStep> {
        if let Some(who) = who {
            return Ok(NextStep::Connect { user_name: who.user_name.clone(), user_email: who.email.clone() });
        }
        let Some(email) = verified_email(person) else { return Ok(NextStep::Unverified) };
        Ok(match self.user_by_email(&email).await.map_err(internal)? {
            Some((_, Some(_))) => NextStep::Prove,
            Some((_, None)) => NextStep::OtherWay,
            None if self.ways_in().await?.sign_up => NextStep::SignUp,
            None => NextStep::Uninvited,
        })
    }

    /// Gives the identity to the person who is signed in. Where they go on.
    pub async fn connect_identity(&self, actor: &Actor, session: &str, newcomer: &Newcomer) -> Result<Errand> {
        let Opened { person, errand, .. } = self.opened(session, newcomer)?;
        self.add_identity(&actor.user_id, &actor.user_name, &actor.email, &person).await?;
        Ok(errand)
    }

    /// Gives the identity to whoever here has the address, when they know the password. Guessing is slowed down as at the door.
    pub async fn prove_identity(
        &self,
        session: &str,
        newcomer: &Newcomer,
        password: String,
        client: Option<IpAddr>,
    ) -> Result<(Actor, Errand)> {
        let Opened { person, errand, .. } = self.opened(session, newcomer)?;
        let email = verified_email(&person).ok_or_else(|| self.unverified(&person))?;
        let user_id = self.authenticate(SignIn { email, password }, client).await?;
        let (name, email) = self.name_and_email(&user_id).await?;
        self.add_identity(&user_id, &name, &email, &person).await?;
        let actor = self.let_in(None, &user_id, errand.invitation.as_ref()).await?;
        Ok((actor, errand))
    }

    /// Makes an account, with the person as its first admin, who has no password.
    pub async fn sign_up_at_provider(
        &self,
        session: &str,
        newcomer: &Newcomer,
        account_name: &str,
        user_name: &str,
    ) -> Result<(Actor, Errand)> {
        let Opened { person, errand, .. } = self.opened(session, newcomer)?;
        self.require_open_sign_up().await?;
        let email = verified_email(&person).ok_or_else(|| self.unverified(&person))?;
        let (account_name, user_name) = (account_name.trim(), user_name.trim());
        problems_or_none([
            problem_of_name("account_name", account_name, "your organisation's name"),
            problem_of_name("user_name", user_name, "your name"),
        ])?;
        let actor = first_admin(account_name, user_name, email);
        self.insert_account(&actor, FirstWay::Identity(&person)).await?;
        Ok((actor, errand))
    }

    fn opened(&self, session: &str, Newcomer(text): &Newcomer) -> Result<Opened> {
        let over = || HubError::Conflict { message: "Nothing is under way any more. Sign in again.".to_owned() };
        let sealed = hex::decode(text).map_err(|_| over())?;
        let text = self.sealing().open(&sealed, &newcomer_context(session)).map_err(|_| over())?;
        let opened: Opened = serde_json::from_slice(&text).map_err(internal)?;
        if opened.expires_at <= self.now_ms() { Err(over()) } else { Ok(opened) }
    }

    /// What was begun, once: whatever becomes of it, it is not there any more. And whether it took too long.
    async fn take_visit(&self, session: &str, state: &str) -> Result<(Pending, bool)> {
        let state_hash = hash(state);
        let sql = "delete from provider_visit where state_hash = $1 and session_hash = $2 returning sealed, expires_at";
        let row = sqlx::query(sql)
            .bind(state_hash.as_str())
            .bind(hash(session))
            .fetch_optional(self.database().writer())
            .await
            .map_err(internal)?
            .ok_or_else(|| HubError::Conflict {
                message: "This sign-in was used already, or was begun in another browser. Begin again.".to_owned(),
            })?;
        let read =
            || Ok::<_, sqlx::Error>((row.try_get::<Vec<u8>, _>("sealed")?, row.try_get::<i64, _>("expires_at")?));
        let (sealed, expires_at) = read().map_err(internal)?;
        let opened = self.sealing().open(&sealed, &context(&state_hash)).map_err(internal)?;
        Ok((serde_json::from_slice(&opened).map_err(internal)?, expires_at <= self.now_ms()))
    }

    fn required_provider(&self) -> Result<&OpenIdProvider> {
        self.provider().ok_or_else(|| HubError::not_found("way to sign in here"))
    }

    /// The provider did not do its part. Who can mend it finds more in the log.
    fn not_signed_in(&self, error: &CallError) -> HubError {
        let provider = self.provider().map(OpenIdProvider::name).unwrap_or_default();
        tracing::warn!(provider, %error, "the OpenID provider signed nobody in");
        let why = match error {
            CallError::Unreachable => "it can't be reached".to_owned(),
            error => error.to_string(),
        };
        let message = if error.is_retryable() {
            let instead = if self.sign_in_settings().passwords {
                ", or sign in with your password."
            } else {
                ". If that does not help, tell whoever runs this Usher."
            };
            format!("{provider} can't sign you in at the moment: {why}. Try again in a few minutes{instead}")
        } else {
            format!("{provider} could not sign you in: {why}. Tell whoever runs this Usher; its log says more.")
        };
        HubError::Endpoint { message }
    }

    /// The provider sent the person back without having signed them in.
    fn turned_away(&self, code: &str, description: Option<&str>) -> HubError {
        let provider = self.provider().map(OpenIdProvider::name).unwrap_or_default();
        let message = match code {
            "access_denied" => format!("You did not sign in at {provider}, or it does not let you in here."),
            code => format!("{provider} did not sign you in: {}.", said(code, description)),
        };
        HubError::Endpoint { message }
    }

    fn unverified(&self, person: &ProviderPerson) -> HubError {
        HubError::Conflict {
            message: model::people::unverified(&self.provider_name(&person.issuer), person.email.as_deref()),
        }
    }
}

/// The person's address, when the provider says that it is theirs.
fn verified_email(person: &ProviderPerson) -> Option<String> {
    let email = person.email.as_deref().filter(|_| person.email_is_verified).map(folded_email)?;
    problem_of_email("email", &email).is_none().then_some(email)
}

/// What to call somebody, in the length and with the letters that names have here.
fn name_of(person: &ProviderPerson, email: &str) -> String {
    let told = person.name.as_deref().map(str::trim).filter(|name| !name.is_empty());
    let name = told.unwrap_or_else(|| email.split('@').next().unwrap_or_default());
    name.chars().filter(|letter| !letter.is_control()).take(super::people::LONGEST_NAME).collect()
}

/// What a visit is sealed with.
pub(super) fn context(state_hash: &str) -> String {
    format!("provider visit {state_hash}")
}

fn newcomer_context(session: &str) -> String {
    format!("newcomer {}", hash(session))
}
