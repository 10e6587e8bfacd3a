//! The one handle on the hub: what it is made of, how it is opened. Every room adds its methods to [`Hub`] in its own module.

use std::{path::PathBuf, sync::Arc};

use ipnet::IpNet;
use model::error::HubError;

use crate::{
    catalogue::Indexes,
    exchange::{ExchangeSettings, Workshop},
    outbound::{AddressGuard, MailSettings, Mailer, OpenIdProvider, Outbound, Timeouts, WrongMailSettings},
    registry::{CallLog, SessionRows, SignInSettings},
    sharing::SchedulingSettings,
    store::{
        Clock, Database, PayloadError, PayloadStore, StoreError,
        resealing::{Resealed, SealedColumn, reseal},
        sealing::{MasterKeys, Sealing},
        signing::{self, Signing, SigningError},
    },
};

/// What every method of the hub returns.
pub type Result<T> = std::result::Result<T, HubError>;

/// What an installation can set.
pub struct HubSettings {
    /// `sqlite:FILE` or `postgres://...`.
    pub database_url: String,
    /// Where parts and rejects wait, sealed.
    pub payload_folder: PathBuf,
    /// What seals everything at rest.
    pub master_keys: MasterKeys,
    /// Private networks in which endpoints may live.
    pub allowed_networks: Vec<IpNet>,
    /// Public addresses may be called without TLS.
    pub allow_http: bool,
    /// How long to wait for endpoints.
    pub timeouts: Timeouts,
    /// How runs are carried out.
    pub exchange: ExchangeSettings,
    /// How schedules are kept.
    pub scheduling: SchedulingSettings,
    /// The mail server, when the installation has one.
    pub mail: Option<MailSettings>,
    /// How people sign in.
    pub sign_in: SignInSettings,
}

/// Why the hub does not open.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The master key is not this installation's.
    #[error(transparent)]
    Signing(#[from] SigningError),
    /// The payload folder.
    #[error(transparent)]
    Payload(#[from] PayloadError),
    /// The machine's TLS.
    #[error("connections to endpoints can't be set up: {0}")]
    Outbound(#[from] reqwest::Error),
    /// The mail server's settings.
    #[error(transparent)]
    Mail(#[from] WrongMailSettings),
    /// A definition that comes with the installation is wrong.
    #[error("the built-in application {0} is not well defined")]
    Application(String),
}

/// The hub: registry, catalogue, sharing, exchange and telling. Cheap to clone; every clone is the same hub.
#[derive(Clone)]
pub struct Hub(Arc<Parts>);

struct Parts {
    database: Database,
    payloads: PayloadStore,
    sealing: Sealing,
    signing: Signing,
    outbound: Outbound,
    clock: Arc<dyn Clock>,
    workshop: Workshop,
    indexes: Indexes,
    scheduling: SchedulingSettings,
    mailer: Option<Mailer>,
    sign_in: SignInSettings,
    provider: Option<OpenIdProvider>,
    sessions: SessionRows,
    calls: CallLog,
    hashing: tokio::sync::Semaphore,
}

impl Hub {
    /// Opens the database (and migrates it) and the payload folder, and installs the built-in applications.
    pub async fn open(settings: HubSettings, clock: Arc<dyn Clock>) -> std::result::Result<Self, OpenError> {
        let database = Database::open(&settings.database_url).await?;
        let sealing = Sealing::new(&settings.master_keys);
        let signing = Signing::kept(&database, &sealing, &settings.master_keys).await?;
        let guard = AddressGuard::new(settings.allowed_networks).with_plain(settings.allow_http);
        let outbound = Outbound::new(guard, settings.timeouts)?;
        let hub = Self(Arc::new(Parts {
            payloads: PayloadStore::open(&settings.payload_folder)?,
            sealing,
            signing,
            provider: settings.sign_in.provider.clone().map(|of| OpenIdProvider::new(of, outbound.clone())),
            sign_in: settings.sign_in,
            outbound,
            workshop: Workshop::new(settings.exchange),
            indexes: Indexes::default(),
            scheduling: settings.scheduling,
            mailer: settings.mail.as_ref().map(Mailer::new).transpose()?,
            sessions: SessionRows::new(database.clone(), clock.clone()),
            calls: CallLog::default(),
            hashing: tokio::sync::Semaphore::new(2),
            clock,
            database,
        }));
        hub.install_applications().await?;
        Ok(hub)
    }

    /// Whether the database answers; for `/readyz`.
    pub async fn ready(&self) -> Result<()> {
        sqlx::query("select 1").execute(self.database().reader()).await.map_err(internal)?;
        Ok(())
    }

    /// Seals with the current master key what another one has sealed, while everything goes on. Until nothing is left: a process that does not have the
    /// new key as its current one yet may have sealed something meanwhile.
    pub async fn reseal(&self) -> Result<Resealed> {
        let mut all = Resealed::default();
        loop {
            let once = reseal(self.database(), self.sealing(), sealed_columns()).await.map_err(internal)?;
            let was_last = once.resealed == 0;
            all = Resealed { resealed: all.resealed + once.resealed, ..once };
            if was_last {
                return Ok(all);
            }
        }
    }

    /// Closes the database, after what is under way.
    pub async fn close(&self) {
        self.database().close().await;
    }

    /// The rows of people's sessions, for the server's session layer.
    pub fn sessions(&self) -> &SessionRows {
        &self.0.sessions
    }

    pub(crate) fn database(&self) -> &Database {
        &self.0.database
    }

    pub(crate) fn payloads(&self) -> &PayloadStore {
        &self.0.payloads
    }

    pub(crate) fn sealing(&self) -> &Sealing {
        &self.0.sealing
    }

    pub(crate) fn signing(&self) -> &Signing {
        &self.0.signing
    }

    pub(crate) fn outbound(&self) -> &Outbound {
        &self.0.outbound
    }

    pub(crate) fn clock(&self) -> &Arc<dyn Clock> {
        &self.0.clock
    }

    pub(crate) fn now_ms(&self) -> i64 {
        self.0.clock.now_ms()
    }

    pub(crate) fn scheduling(&self) -> &SchedulingSettings {
        &self.0.scheduling
    }

    pub(crate) fn mailer(&self) -> Option<&Mailer> {
        self.0.mailer.as_ref()
    }

    pub(crate) fn sign_in_settings(&self) -> &SignInSettings {
        &self.0.sign_in
    }

    /// The OpenID provider, when the installation has one.
    pub(crate) fn provider(&self) -> Option<&OpenIdProvider> {
        self.0.provider.as_ref()
    }

    pub(crate) fn exchange(&self) -> &Workshop {
        &self.0.workshop
    }

    pub(crate) fn indexes(&self) -> &Indexes {
        &self.0.indexes
    }

    pub(crate) fn calls(&self) -> &CallLog {
        &self.0.calls
    }

    /// Argon2 takes a core and 19 MiB for each: only so many at once.
    pub(crate) fn hashing(&self) -> &tokio::sync::Semaphore {
        &self.0.hashing
    }
}

/// Every column that is sealed with the master key.
pub(crate) fn sealed_columns() -> impl Iterator<Item = SealedColumn> {
    signing::SEALED
        .into_iter()
        .chain(crate::registry::SEALED)
        .chain(crate::catalogue::SEALED)
        .chain(crate::exchange::SEALED)
        .chain(crate::telling::SEALED)
}

/// Our own fault: logged once here, with the id that the person is shown.
pub(crate) fn internal(error: impl std::error::Error) -> HubError {
    let request_id = uuid::Uuid::now_v7().simple().to_string();
    tracing::error!(request.id = request_id, %error, "internal error");
    HubError::Internal { request_id }
}
