//! Sessions: the store that `tower-sessions` asks, over the hub's rows, and the cookie. What is in a session is the app's matter.

use async_trait::async_trait;
use axum::{extract::Request, middleware::Next, response::Response};
use hub::{
    registry::{SessionRow, SessionRows},
    store::{Clock, StoreError, SystemClock},
};
use model::id::UserId;
use tower_sessions::{
    Expiry, Session, SessionManagerLayer, SessionStore,
    cookie::{
        SameSite,
        time::{Duration, OffsetDateTime},
    },
    session::{Id, Record},
    session_store::{Error, Result},
};

/// The cookie with the session's id.
pub(crate) const COOKIE: &str = "usher_session";
/// A session that is not used for so long ends.
const INACTIVITY: Duration = Duration::days(7);
/// One in which nobody is signed in ends this much after it was written: time enough to fill in a form at the door, or to sign in elsewhere and come back.
/// Anybody can make any number of them.
const WITHOUT_PERSON_MS: i64 = 3_600_000;
/// Bytes that are kept in a session at most: what was typed into a few large forms.
const LARGEST: usize = 1024 * 1024;
/// In which hour the session was last used: written at most once an hour, so that using a session does not mean writing it each time.
const USED_IN_HOUR: &str = "used_in_hour";

/// Sessions in the database. The row does not hold the id in clear, so what is read from the database signs nobody in.
#[derive(Debug, Clone)]
pub(crate) struct Sessions(SessionRows);

/// The layer that gives each request its session.
pub(crate) fn layer(rows: SessionRows, secure: bool) -> SessionManagerLayer<Sessions> {
    SessionManagerLayer::new(Sessions(rows))
        .with_name(COOKIE)
        .with_http_only(true)
        // Lax, so that links from mails find people signed in; posts from other sites are refused by another layer.
        .with_same_site(SameSite::Lax)
        .with_path("/")
        .with_secure(secure)
        .with_expiry(Expiry::OnInactivity(INACTIVITY))
}

/// Keeps a session that is in use from ending.
pub(crate) async fn keep_alive(session: Session, request: Request, next: Next) -> Response {
    if request.headers().contains_key(http::header::COOKIE)
        && let Err(error) = note_use(&session).await
    {
        // The page itself will say so, if it needs the session.
        tracing::warn!(%error, "a session's use could not be noted");
    }
    next.run(request).await
}

async fn note_use(session: &Session) -> std::result::Result<(), tower_sessions::session::Error> {
    let hour = SystemClock.now_ms() / 3_600_000;
    let signed_in = session.get_value(app::session::USER_ID).await?.is_some();
    if signed_in && session.get::<i64>(USED_IN_HOUR).await? != Some(hour) {
        session.insert(USED_IN_HOUR, hour).await?;
    }
    Ok(())
}

#[async_trait]
impl SessionStore for Sessions {
    async fn create(&self, record: &mut Record) -> Result<()> {
        while !self.0.create(&record.id.to_string(), &row(record, &encode(record)?)).await.map_err(backend)? {
            record.id = Id::default();
        }
        Ok(())
    }

    async fn save(&self, record: &Record) -> Result<()> {
        // One that was ended meanwhile stays ended.
        self.0.save(&record.id.to_string(), &row(record, &encode(record)?)).await.map_err(backend)?;
        Ok(())
    }

    async fn load(&self, id: &Id) -> Result<Option<Record>> {
        let row = self.0.load(&id.to_string()).await.map_err(backend)?;
        row.map(|bytes| decode(*id, &bytes)).transpose()
    }

    async fn delete(&self, id: &Id) -> Result<()> {
        self.0.delete(&id.to_string()).await.map_err(backend)
    }
}

fn row<'a>(record: &Record, data: &'a [u8]) -> SessionRow<'a> {
    let text = |name| record.data.get(name).and_then(serde_json::Value::as_str);
    let user_id: Option<UserId> = text(app::session::USER_ID).and_then(|id| id.parse().ok());
    let longest = if user_id.is_some() { i64::MAX } else { SystemClock.now_ms().saturating_add(WITHOUT_PERSON_MS) };
    SessionRow {
        data,
        expires_at_ms: expires_at_ms(record).min(longest),
        user_id,
        account_id: text(app::session::ACCOUNT_ID).and_then(|id| id.parse().ok()),
    }
}

fn encode(record: &Record) -> Result<Vec<u8>> {
    let data = rmp_serde::to_vec(&(record.expiry_date.unix_timestamp(), &record.data))
        .map_err(|error| Error::Encode(error.to_string()))?;
    if data.len() > LARGEST {
        return Err(Error::Encode(format!("a session holds at most {LARGEST} bytes")));
    }
    Ok(data)
}

fn decode(id: Id, bytes: &[u8]) -> Result<Record> {
    let (expires_at, data) = rmp_serde::from_slice(bytes).map_err(|error| Error::Decode(error.to_string()))?;
    let expiry_date =
        OffsetDateTime::from_unix_timestamp(expires_at).map_err(|error| Error::Decode(error.to_string()))?;
    Ok(Record { id, data, expiry_date })
}

fn expires_at_ms(record: &Record) -> i64 {
    record.expiry_date.unix_timestamp().saturating_mul(1000)
}

fn backend(error: StoreError) -> Error {
    Error::Backend(error.to_string())
}
