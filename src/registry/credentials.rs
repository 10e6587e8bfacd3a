//! What an endpoint is called with: what the person entered, as it is kept (sealed), and the access that is made of it. Access tokens are renewed
//! before they end, by one process at a time.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use futures::{FutureExt, future::BoxFuture};
use model::{
    application::{CredentialField, Credentials, Definition},
    error::{FieldProblem, HubError},
    id::{AccountId, EndpointId},
    view::Connect,
};
use serde::{Deserialize, Serialize};
use sqlx::{AssertSqlSafe, Row};
use tokio::sync::Mutex;
use url::Url;

use super::{
    applications::{Application, filled},
    endpoints,
};
use crate::{
    hub::{Hub, Result, internal},
    outbound::{Access, AuthorizationServer, CallError, Token, TokenSource},
    store::StoreError,
};

/// What stands before credentials that are kept as JSON. A key by itself never begins so.
const MARK: u8 = 1;
/// A token that ends so soon is renewed already.
const RENEW_BEFORE_MS: i64 = 60_000;
/// How long one process may take to renew a token before another tries.
const RENEWAL_MS: i64 = 45_000;
/// How often is looked whether another process is done, and for how long.
const LOOK_EVERY: Duration = Duration::from_millis(100);
const PATIENCE: Duration = Duration::from_secs(40);
const LONGEST_VALUE: usize = 1000;
const LONGEST_IN_ADDRESS: usize = 100;

/// Everything that an endpoint is called with.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Kept {
    #[serde(flatten)]
    how: How,
    /// What the application needs besides, by name.
    #[serde(default)]
    fields: BTreeMap<String, String>,
}

#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "how", rename_all = "snake_case")]
enum How {
    Key { key: String },
    Basic { user_name: String, password: String },
    Client { client_id: String, client_secret: String, token: Option<KeptToken> },
    Consent { token: KeptToken },
}

/// An access token, and when it ends.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct KeptToken {
    access_token: String,
    refresh_token: Option<String>,
    ends_at: Option<i64>,
    /// When the refresh token ends, where that is known.
    #[serde(default)]
    refresh_ends_at: Option<i64>,
}

impl KeptToken {
    pub(super) fn of(token: Token, now: i64) -> Self {
        let end = |lasts: Option<u64>| {
            let seconds = i64::try_from(lasts?).ok()?;
            Some(now.saturating_add(seconds.saturating_mul(1000)))
        };
        Self {
            ends_at: end(token.lasts_seconds),
            refresh_ends_at: end(token.refresh_lasts_seconds),
            access_token: token.access_token,
            refresh_token: token.refresh_token,
        }
    }

    /// The same after another one, whose refresh token may go on being the one to use.
    fn after(self, before: &Self) -> Self {
        let goes_on = self.refresh_ends_at.is_none() && self.refresh_token == before.refresh_token;
        Self { refresh_ends_at: if goes_on { before.refresh_ends_at } else { self.refresh_ends_at }, ..self }
    }

    /// Whether it can be shown now, given one that was refused.
    fn is_good(&self, now: i64, refused: Option<&str>) -> bool {
        self.ends_at.is_none_or(|ends_at| ends_at - RENEW_BEFORE_MS > now)
            && refused.is_none_or(|refused| refused != self.access_token)
    }
}

impl Kept {
    /// A key and nothing else.
    pub(super) fn key(key: &str) -> Self {
        Self { how: How::Key { key: key.to_owned() }, fields: BTreeMap::new() }
    }

    /// A consent that was given.
    pub(super) fn consent(token: KeptToken, fields: BTreeMap<String, String>) -> Self {
        Self { how: How::Consent { token }, fields }
    }

    /// What the person entered, as the application asks for it. A consent is not entered.
    pub(super) fn of_form(
        form: &Connect,
        credentials: &Credentials,
        fields: BTreeMap<String, String>,
        problems: &mut Vec<FieldProblem>,
    ) -> Option<Self> {
        let how = match credentials {
            Credentials::Key => {
                problems.extend(endpoints::check_authentication_key(&form.authentication_key).err());
                How::Key { key: form.authentication_key.trim().to_owned() }
            }
            Credentials::Basic => {
                let (user_name, password) = (form.user_name.trim(), form.password.as_str());
                problems.extend(entered("user_name", "the user name", user_name).err());
                if user_name.contains(':') {
                    problems.push(FieldProblem::new("user_name", "A user name has no colon in it."));
                }
                problems.extend(entered("password", "the password", password).err());
                How::Basic { user_name: user_name.to_owned(), password: password.to_owned() }
            }
            Credentials::ClientCredentials { .. } => {
                let (client_id, client_secret) = (form.client_id.trim(), form.client_secret.trim());
                problems.extend(entered("client_id", "the client’s id", client_id).err());
                problems.extend(entered("client_secret", "the client’s secret", client_secret).err());
                How::Client { client_id: client_id.to_owned(), client_secret: client_secret.to_owned(), token: None }
            }
            Credentials::AuthorizationCode { .. } | Credentials::Instructions { .. } => return None,
        };
        Some(Self { how, fields })
    }

    /// As it is sealed.
    fn to_bytes(&self) -> std::result::Result<Vec<u8>, serde_json::Error> {
        let mut bytes = vec![MARK];
        serde_json::to_writer(&mut bytes, self)?;
        Ok(bytes)
    }

    fn of_bytes(bytes: Vec<u8>) -> Result<Self> {
        match bytes.split_first() {
            Some((&MARK, json)) => serde_json::from_slice(json).map_err(|_| internal(Unreadable)),
            _ => Ok(Self::key(&String::from_utf8(bytes).map_err(|_| internal(Unreadable))?)),
        }
    }

    fn token(&self) -> Option<&KeptToken> {
        match &self.how {
            How::Client { token, .. } => token.as_ref(),
            How::Consent { token } => Some(token),
            How::Key { .. } | How::Basic { .. } => None,
        }
    }

    /// When nothing can be had for it any more, where that is known. A client is given tokens for as long as its secret is good, which nobody tells.
    pub(super) fn ends_at(&self) -> Option<i64> {
        match &self.how {
            How::Consent { token } if token.refresh_token.is_some() => token.refresh_ends_at,
            How::Consent { token } => token.ends_at,
            How::Client { .. } | How::Key { .. } | How::Basic { .. } => None,
        }
    }

    /// The access token of a consent that can be renewed.
    pub(super) fn renewable(&self) -> Option<&str> {
        match &self.how {
            How::Consent { token } if token.refresh_token.is_some() => Some(&token.access_token),
            _ => None,
        }
    }

    fn with_token(mut self, new: KeptToken) -> Self {
        match &mut self.how {
            How::Client { token, .. } => *token = Some(new),
            How::Consent { token } => *token = new,
            How::Key { .. } | How::Basic { .. } => {}
        }
        self
    }

    /// Fields that the application declares with a header.
    fn with_headers(&self, mut access: Access, declared: &[CredentialField]) -> std::result::Result<Access, CallError> {
        for field in declared {
            if let (Some(header), Some(value)) = (&field.header, self.fields.get(&field.name)) {
                access = access.with_header(header, value)?;
            }
        }
        Ok(access)
    }

    /// The same with another key.
    pub(super) fn with_key(self, key: &str) -> Self {
        Self { how: How::Key { key: key.to_owned() }, ..self }
    }

    /// Whether a version of the application takes this, given what the version took that it was entered for.
    pub(super) fn serves(&self, before: &Credentials, after: &Definition) -> bool {
        let fits = match (&self.how, before, &after.credentials) {
            (How::Key { .. }, _, Credentials::Key | Credentials::Instructions { .. }) => true,
            (How::Basic { .. }, _, Credentials::Basic) => true,
            (How::Client { .. }, before, after @ Credentials::ClientCredentials { .. }) => before == after,
            (
                How::Consent { .. },
                Credentials::AuthorizationCode { token_url: had, client_id: had_id, scopes: had_scopes, .. },
                Credentials::AuthorizationCode { token_url, client_id, scopes, .. },
            ) => had == token_url && had_id == client_id && had_scopes == scopes,
            _ => false,
        };
        let is_there = |field: &&CredentialField| self.fields.contains_key(&field.name);
        fits && after.credential_fields.iter().filter(|field| field.required).all(|field| is_there(&field))
    }

    /// What of it may be shown to who changes it, by the names of the inputs.
    pub(super) fn shown(&self, declared: &[CredentialField]) -> BTreeMap<String, String> {
        let open = declared.iter().filter(|field| !field.secret);
        let mut shown: BTreeMap<String, String> =
            open.filter_map(|field| Some((input_of(field), self.fields.get(&field.name)?.clone()))).collect();
        match &self.how {
            How::Basic { user_name, .. } => drop(shown.insert("user_name".to_owned(), user_name.clone())),
            How::Client { client_id, .. } => drop(shown.insert("client_id".to_owned(), client_id.clone())),
            How::Key { .. } | How::Consent { .. } => {}
        }
        shown
    }

    /// What belongs to the account in the places of addresses.
    pub(super) fn values(&self) -> Vec<(String, String)> {
        values(&self.fields)
    }

    fn filled(&self, address: &str) -> String {
        filled(address, &self.values())
    }
}

impl std::fmt::Debug for Kept {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Kept")
    }
}

/// The database did not say what is kept.
fn unread(id: &EndpointId, error: &StoreError) -> CallError {
    tracing::error!(endpoint.id = %id, %error, "an access token could not be looked for");
    CallError::NoToken { what: "Usher could not look for it".to_owned(), passes: true }
}

/// It was disconnected meanwhile.
fn gone() -> CallError {
    CallError::NoToken { what: "the endpoint is not connected any more".to_owned(), passes: false }
}

#[derive(Debug, thiserror::Error)]
#[error("an endpoint's credentials can't be read")]
struct Unreadable;

/// Something that has to be entered, and can be sent.
fn entered(field: &str, what: &str, value: &str) -> std::result::Result<(), FieldProblem> {
    if value.is_empty() {
        return Err(FieldProblem::new(field, format!("Enter {what}.")));
    }
    if value.chars().count() > LONGEST_VALUE || value.chars().any(char::is_control) {
        return Err(FieldProblem::new(field, format!("Use at most {LONGEST_VALUE} ordinary characters.")));
    }
    Ok(())
}

/// The name of a declared field's input.
pub(super) fn input_of(field: &CredentialField) -> String {
    format!("fields[{}]", field.name)
}

/// What the application needs besides, as the person entered it.
pub(super) fn fields_of_form(
    form: &Connect,
    declared: &[CredentialField],
    problems: &mut Vec<FieldProblem>,
) -> BTreeMap<String, String> {
    let mut fields = BTreeMap::new();
    for field in declared {
        let value = form.fields.get(&field.name).map(|value| value.trim()).unwrap_or_default();
        if value.is_empty() {
            if field.required {
                problems.push(FieldProblem::new(input_of(field), format!("Enter: {}.", field.label)));
            }
            continue;
        }
        let in_address = field.header.is_none();
        let legal = |letter: char| match in_address {
            // It must not lead anywhere else.
            true => letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '.'),
            false => (' '..='~').contains(&letter),
        };
        let most = if in_address { LONGEST_IN_ADDRESS } else { LONGEST_VALUE };
        if value.len() > most || !value.chars().all(legal) || value.contains("..") && in_address {
            let message = match in_address {
                true => {
                    format!("Use at most {most} letters, digits, “-”, “_” and “.”: it becomes a part of the address.")
                }
                false => format!("Use at most {most} letters, digits and signs of plain English."),
            };
            problems.push(FieldProblem::new(input_of(field), message));
            continue;
        }
        fields.insert(field.name.clone(), value.to_owned());
    }
    fields
}

/// As addresses are filled with them.
pub(super) fn values(fields: &BTreeMap<String, String>) -> Vec<(String, String)> {
    fields.iter().map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// The authorisation server of an application, as its credentials say.
pub(super) fn server(
    token_url: &str,
    client_id: &str,
    client_secret: Option<&str>,
    scopes: &[String],
) -> std::result::Result<AuthorizationServer, CallError> {
    let token_url = Url::parse(token_url)
        .map_err(|_| CallError::Nonsense { what: "the address of its authorisation server is none".to_owned() })?;
    Ok(AuthorizationServer {
        token_url,
        client_id: client_id.to_owned(),
        client_secret: client_secret.map(str::to_owned),
        scopes: scopes.to_vec(),
    })
}

impl Hub {
    /// Credentials as they are kept.
    pub(super) fn seal_kept(&self, id: &EndpointId, kept: &Kept) -> Result<Vec<u8>> {
        Ok(self.sealing().seal(&kept.to_bytes().map_err(internal)?, &endpoints::credential_context(id)))
    }

    pub(super) fn open_kept(&self, id: &EndpointId, sealed: &[u8]) -> Result<Kept> {
        Kept::of_bytes(self.sealing().open(sealed, &endpoints::credential_context(id)).map_err(internal)?)
    }

    /// What an endpoint shows to be let in, for a client that may live long.
    pub(super) fn access(
        &self,
        account_id: &AccountId,
        id: &EndpointId,
        application: &Application,
        kept: &Kept,
    ) -> std::result::Result<Access, CallError> {
        let access = match &kept.how {
            How::Key { key } => Access::key(key.clone()),
            How::Basic { user_name, password } => Access::basic(user_name.clone(), password.clone()),
            How::Client { .. } | How::Consent { .. } => Access::tokens(Arc::new(EndpointTokens {
                hub: self.clone(),
                account_id: account_id.clone(),
                id: id.clone(),
                application: application.clone(),
                known: Mutex::new(kept.token().cloned()),
            })),
        };
        kept.with_headers(access, &application.definition.credential_fields)
    }

    /// The same before anything is saved: a client is given its first token, which is kept then.
    pub(super) async fn first_access(
        &self,
        application: &Application,
        kept: Kept,
    ) -> std::result::Result<(Access, Kept), CallError> {
        let kept = match (&kept.how, kept.token()) {
            (How::Client { .. }, None) => {
                let token = self.another_token(application, &kept).await?;
                kept.with_token(token)
            }
            _ => kept,
        };
        let access = match (&kept.how, kept.token()) {
            (How::Basic { user_name, password }, _) => Access::basic(user_name.clone(), password.clone()),
            (How::Key { key }, _) => Access::key(key.clone()),
            (_, token) => Access::key(token.map(|token| token.access_token.clone()).unwrap_or_default()),
        };
        let access = kept.with_headers(access, &application.definition.credential_fields)?;
        Ok((access, kept))
    }

    /// Asks the authorisation server for a token.
    async fn another_token(&self, application: &Application, kept: &Kept) -> std::result::Result<KeptToken, CallError> {
        let ended = || CallError::TokenRefused { what: "the consent has ended. Give it again".to_owned() };
        let token = match (&kept.how, &application.definition.credentials) {
            (How::Client { client_id, client_secret, .. }, Credentials::ClientCredentials { token_url, scopes }) => {
                let server = server(&kept.filled(token_url), client_id, Some(client_secret), scopes)?;
                self.outbound().token_for_client(&server).await?
            }
            (How::Consent { token }, Credentials::AuthorizationCode { token_url, client_id, scopes, .. }) => {
                let refresh_token = token.refresh_token.as_deref().ok_or_else(ended)?;
                let secret = self.application_client_secret(&application.id, application.version).await;
                let secret = secret.map_err(|error| CallError::NoToken { what: error.to_string(), passes: true })?;
                let server = server(&kept.filled(token_url), client_id, secret.as_deref(), scopes)?;
                let renewed = self.outbound().token_refreshed(&server, refresh_token).await?;
                return Ok(KeptToken::of(renewed, self.now_ms()).after(token));
            }
            // Its application is another one by now.
            _ => return Err(ended()),
        };
        Ok(KeptToken::of(token, self.now_ms()))
    }

    /// What an endpoint is called with, with a token that is good where there are such.
    pub(super) async fn good_credentials(
        &self,
        account_id: &AccountId,
        id: &EndpointId,
        application: &Application,
    ) -> std::result::Result<Option<Kept>, CallError> {
        let kept = self.kept(account_id, id).await.map_err(|error| unread(id, &error))?;
        if kept.as_ref().is_none_or(|kept| matches!(kept.how, How::Key { .. } | How::Basic { .. })) {
            return Ok(kept);
        }
        self.good_token(account_id, id, application, None).await?;
        self.kept(account_id, id).await.map_err(|error| unread(id, &error))
    }

    /// A token of an endpoint that is good, renewed when it has to be. One process renews at a time; the others wait for what it brings.
    pub(super) async fn good_token(
        &self,
        account_id: &AccountId,
        id: &EndpointId,
        application: &Application,
        refused: Option<&str>,
    ) -> std::result::Result<KeptToken, CallError> {
        let attempt = uuid::Uuid::now_v7().simple().to_string();
        let begun = tokio::time::Instant::now();
        loop {
            let kept = self.kept(account_id, id).await.map_err(|error| unread(id, &error))?.ok_or_else(gone)?;
            if let Some(token) = kept.token().filter(|token| token.is_good(self.now_ms(), refused)) {
                return Ok(token.clone());
            }
            if self.claim_renewal(account_id, id, &attempt).await.map_err(|error| unread(id, &error))? {
                break;
            }
            if begun.elapsed() > PATIENCE {
                let what = "another process is at it, and takes too long".to_owned();
                return Err(CallError::NoToken { what, passes: true });
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        let renewed = self.renewed(account_id, id, application, refused).await;
        let changed = renewed.as_ref().ok().and_then(|(_, kept)| kept.as_ref());
        let is_refused = matches!(renewed, Err(CallError::TokenRefused { .. }));
        self.end_renewal(account_id, id, &attempt, changed, is_refused).await.map_err(|error| unread(id, &error))?;
        tracing::info!(endpoint.id = %id, renewed = changed.is_some(), "an access token was looked for");
        renewed.map(|(token, _)| token)
    }

    /// The token once more, since somebody may have been done between the look and the claim; else a new one, with what is to be kept.
    async fn renewed(
        &self,
        account_id: &AccountId,
        id: &EndpointId,
        application: &Application,
        refused: Option<&str>,
    ) -> std::result::Result<(KeptToken, Option<Kept>), CallError> {
        let kept = self.kept(account_id, id).await.map_err(|error| unread(id, &error))?.ok_or_else(gone)?;
        if let Some(token) = kept.token().filter(|token| token.is_good(self.now_ms(), refused)) {
            return Ok((token.clone(), None));
        }
        let token = self.another_token(application, &kept).await?;
        Ok((token.clone(), Some(kept.with_token(token))))
    }

    pub(super) async fn kept(
        &self,
        account_id: &AccountId,
        id: &EndpointId,
    ) -> std::result::Result<Option<Kept>, StoreError> {
        let sql = "select credential from endpoint where id = $1 and account_id = $2";
        let row = sqlx::query(sql)
            .bind(id.as_str())
            .bind(account_id.as_str())
            .fetch_optional(self.database().reader())
            .await?;
        let sealed = row.map(|row| row.try_get::<Option<Vec<u8>>, _>("credential")).transpose()?.flatten();
        let opened = sealed.map(|sealed| self.open_kept(id, &sealed)).transpose();
        opened.map_err(endpoints::undecodable)
    }

    /// Whether it is for this process to renew the token now.
    async fn claim_renewal(
        &self,
        account_id: &AccountId,
        id: &EndpointId,
        attempt: &str,
    ) -> std::result::Result<bool, StoreError> {
        let now = self.now_ms();
        let sql = "update endpoint set renewing_until = $1, renewing_id = $2
            where id = $3 and account_id = $4 and (renewing_until is null or renewing_until <= $5)";
        let done = sqlx::query(sql)
            .bind(now + RENEWAL_MS)
            .bind(attempt)
            .bind(id.as_str())
            .bind(account_id.as_str())
            .bind(now)
            .execute(self.database().writer())
            .await?;
        Ok(done.rows_affected() == 1)
    }

    async fn end_renewal(
        &self,
        account_id: &AccountId,
        id: &EndpointId,
        attempt: &str,
        kept: Option<&Kept>,
        is_refused: bool,
    ) -> std::result::Result<(), StoreError> {
        let sealed = kept.map(|kept| self.seal_kept(id, kept)).transpose().map_err(endpoints::undecodable)?;
        // What is refused has ended, now at the latest; what was renewed ends when it says.
        let ends = match (kept, is_refused) {
            (Some(_), _) => "$5",
            (None, true) => "case when credential_ends_at <= $5 then credential_ends_at else $5 end",
            (None, false) => "coalesce(credential_ends_at, $5)",
        };
        let ends_at = if is_refused { Some(self.now_ms()) } else { kept.and_then(Kept::ends_at) };
        let sql = format!(
            "update endpoint set renewing_until = null, renewing_id = null, credential = coalesce($1, credential), credential_ends_at = {ends}
             where id = $2 and account_id = $3 and renewing_id = $4 and disconnected_at is null"
        );
        sqlx::query(AssertSqlSafe(sql))
            .bind(sealed)
            .bind(id.as_str())
            .bind(account_id.as_str())
            .bind(attempt)
            .bind(ends_at)
            .execute(self.database().writer())
            .await?;
        Ok(())
    }
}

/// The tokens of one endpoint, for a client of it.
struct EndpointTokens {
    hub: Hub,
    account_id: AccountId,
    id: EndpointId,
    application: Application,
    known: Mutex<Option<KeptToken>>,
}

impl TokenSource for EndpointTokens {
    fn token(&self, refused: Option<&str>) -> BoxFuture<'_, std::result::Result<String, CallError>> {
        let refused = refused.map(str::to_owned);
        let (hub, account_id, id) = (self.hub.clone(), self.account_id.clone(), self.id.clone());
        let application = self.application.clone();
        async move {
            // Whoever else of this client wants one waits for the same.
            let mut known = self.known.lock().await;
            let now = hub.now_ms();
            if let Some(token) = known.as_ref().filter(|token| token.is_good(now, refused.as_deref())) {
                return Ok(token.access_token.clone());
            }
            let token = hub.good_token(&account_id, &id, &application, refused.as_deref()).await?;
            let text = token.access_token.clone();
            *known = Some(token);
            Ok(text)
        }
        .boxed()
    }
}

/// A refusal of the outbound room as a person is told it.
pub(super) fn endpoint_error(error: &CallError) -> HubError {
    HubError::Endpoint { message: super::connection::sentence(error) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_was_kept_before_is_read_and_the_rest_is_as_it_was() {
        let old = Kept::of_bytes(b"{\"how\":\"key\"}".to_vec()).expect("is a key");
        assert_eq!(old, Kept::key("{\"how\":\"key\"}"));
        let token = KeptToken {
            access_token: "a".to_owned(),
            refresh_token: Some("r".to_owned()),
            ends_at: Some(9),
            refresh_ends_at: None,
        };
        let fields = BTreeMap::from([("tenant".to_owned(), "acme".to_owned())]);
        let kept = Kept::consent(token, fields);
        assert_eq!(Kept::of_bytes(kept.to_bytes().expect("is written")).expect("is read"), kept);
        assert_eq!(kept.filled("https://{tenant}.crm.example/{region}/"), "https://acme.crm.example/{region}/");
        assert_eq!(format!("{kept:?}"), "Kept");
    }

    #[test]
    fn a_token_is_good_until_a_minute_before_its_end_unless_it_was_refused() {
        let token = KeptToken {
            access_token: "a".to_owned(),
            refresh_token: None,
            ends_at: Some(100_000),
            refresh_ends_at: None,
        };
        assert!(token.is_good(39_999, None) && !token.is_good(40_000, None));
        assert!(!token.is_good(0, Some("a")) && token.is_good(0, Some("b")));
        assert!(KeptToken { ends_at: None, ..token }.is_good(i64::MAX, None));
    }

    #[test]
    fn a_consent_ends_when_nothing_can_be_had_for_it_any_more() {
        let token = |refresh: Option<&str>, lasts: Option<u64>, refresh_lasts: Option<u64>| {
            let token = Token {
                access_token: "a".to_owned(),
                refresh_token: refresh.map(str::to_owned),
                lasts_seconds: lasts,
                refresh_lasts_seconds: refresh_lasts,
            };
            KeptToken::of(token, 5_000)
        };
        let ends = |token: KeptToken| Kept::consent(token, BTreeMap::new()).ends_at();
        assert_eq!(ends(token(None, Some(60), None)), Some(65_000), "it can't be renewed");
        assert_eq!(ends(token(None, None, None)), None, "nobody knows");
        assert_eq!(ends(token(Some("r"), Some(60), None)), None, "it is renewed again and again");
        assert_eq!(ends(token(Some("r"), Some(60), Some(600))), Some(605_000));
        let before = token(Some("r"), Some(60), Some(600));
        assert_eq!(ends(token(Some("r"), Some(60), None).after(&before)), Some(605_000), "the same goes on");
        assert_eq!(ends(token(Some("s"), Some(60), None).after(&before)), None, "the new one is said nothing of");
        assert_eq!(ends(token(Some("s"), Some(60), Some(900)).after(&before)), Some(905_000));
        assert_eq!(Kept::key("k").ends_at(), None);
    }

    #[test]
    fn what_stands_in_an_address_leads_nowhere_else() {
        let field = |name: &str, header: Option<&str>| CredentialField {
            name: name.to_owned(),
            label: name.to_owned(),
            required: true,
            header: header.map(str::to_owned),
            ..CredentialField::default()
        };
        let declared = [field("tenant", None), field("tenant_key", Some("x-tenant-key"))];
        let told = |tenant: &str, key: &str| {
            let fields =
                BTreeMap::from([("tenant".to_owned(), tenant.to_owned()), ("tenant_key".to_owned(), key.to_owned())]);
            let mut problems = Vec::new();
            let found = fields_of_form(&Connect { fields, ..Connect::default() }, &declared, &mut problems);
            (found.len(), problems.into_iter().map(|problem| problem.field).collect::<Vec<_>>())
        };
        assert_eq!(told(" acme-7 ", "a b/c"), (2, vec![]));
        for odd in ["evil.example/", "a@b", "a..b", "a:80", "a?b", "é", "a b"] {
            assert_eq!(told(odd, "k"), (1, vec!["fields[tenant]".to_owned()]), "{odd}");
        }
        assert_eq!(told("", "k"), (1, vec!["fields[tenant]".to_owned()]));
        assert_eq!(told("acme", "k\u{e9}y"), (1, vec!["fields[tenant_key]".to_owned()]));
    }
}
