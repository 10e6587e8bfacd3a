//! Starting and ending the service: configuration in, sockets open, a clean end on SIGTERM or Ctrl-C.

use std::future::IntoFuture;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use model::contract::{EndpointDescription, EndpointRegistration};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::agent::usher::{CallError, Usher};
use crate::api::Endpoint;
use crate::config::{self, Config, Meeting, PlaceConfig, Registration};
use crate::consumer::Consumer;
use crate::producer::Producer;
use crate::producer::exports::Exports;
use crate::state::State;

/// How often old files and records are looked for.
const SWEEP_INTERVAL: Duration = Duration::from_secs(10 * 60);
/// How long to leave Usher alone after it could not be reached.
const REGISTER_AGAIN: Duration = Duration::from_secs(10);
/// How long requests that are under way may take to end, once the service is told to stop.
const PATIENCE: Duration = Duration::from_secs(10);

/// Serves until it is told to stop.
///
/// # Errors
/// When the configuration or the database cannot be used, or the address is taken.
pub fn serve(path: &Path) -> anyhow::Result<()> {
    let mut config = config::load(path)?;
    if let Meeting::Calling(_) = &config.meeting {
        anyhow::bail!("The configuration has [usher], and no `listen`: start `usher-toolkit agent` with it.");
    }
    let sides = Sides::open(&mut config)?;
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(run(config, &sides))
}

/// What is served. Opening and closing a database waits for it, so both happen outside of the asynchronous runtime: this is opened before
/// it is made and dropped after it has ended.
pub struct Sides {
    /// What offers audiences.
    pub producer: Option<Arc<Producer>>,
    /// What takes them.
    pub consumer: Option<Arc<Consumer>>,
}

impl Sides {
    /// Opens what a configuration has, and the state folder.
    ///
    /// # Errors
    /// When something cannot be used as it is configured.
    pub fn open(config: &mut Config) -> anyhow::Result<Self> {
        std::fs::create_dir_all(&config.state).with_context(|| {
            format!("`state`: cannot make the folder {}. Check the path and its permissions.", config.state.display())
        })?;
        // The consumer first: it makes the database or folder when it is not there, and the producer may read the same one.
        let consumer = config.consumer.take().map(|consumer| Consumer::open(consumer, &config.state)).transpose()?;
        let producer = config.producer.take().map(Producer::open).transpose()?;
        Ok(Self { producer: producer.map(Arc::new), consumer: consumer.map(Arc::new) })
    }

    /// The producer with its exports, which go on from now.
    ///
    /// # Errors
    /// When the state folder cannot be used.
    pub fn offering(&self, state: &Path, stop: &CancellationToken) -> anyhow::Result<Option<Offering>> {
        let Some(producer) = &self.producer else { return Ok(None) };
        let state = State::open(state)
            .with_context(|| format!("`state`: cannot use the folder {}. Check its permissions.", state.display()))?;
        let exports = Exports::start(producer.clone(), state, stop.clone()).context("cannot read state.db")?;
        Ok(Some((producer.clone(), exports)))
    }
}

/// A producer and its exports.
pub type Offering = (Arc<Producer>, Exports);

/// Says what a configuration would serve, without serving it.
///
/// # Errors
/// When the configuration or the database cannot be used.
pub fn check(path: &Path) -> anyhow::Result<()> {
    let config = config::load(path)?;
    let mut out = std::io::stdout().lock();
    writeln!(out, "{}: the configuration is good.", config.name)?;
    if let Some(producer) = config.producer {
        let producer = Producer::open(producer)?;
        for id in producer.ids()? {
            if let Some(segment) = producer.segment(&id)? {
                writeln!(
                    out,
                    "Offers \"{}\": {} people, {} fields.",
                    segment.name,
                    segment.size.unwrap_or(0),
                    segment.fields.len()
                )?;
            }
        }
    }
    if let Some(consumer) = config.consumer {
        let place = match &consumer.place {
            PlaceConfig::Database { tables, .. } => format!("table \"{}\"", tables.people),
            PlaceConfig::Folder(folder) => format!("folder {}", folder.path().display()),
        };
        let (fields, key) = (consumer.fields.len(), consumer.key.clone());
        Consumer::check(consumer)?;
        writeln!(out, "Takes {fields} fields into the {place}, by \"{key}\".")?;
    }
    Ok(())
}

async fn run(config: Config, sides: &Sides) -> anyhow::Result<()> {
    let Meeting::Served { listen, key, registration } = config.meeting else { return Ok(()) };
    // Before anything is announced, so that no signal is missed.
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let stop = CancellationToken::new();
    let offering = sides.offering(&config.state, &stop)?;
    let consumer = sides.consumer.clone();
    let listener = TcpListener::bind(listen)
        .await
        .with_context(|| format!("`listen`: cannot listen on {listen}. Is another program there already?"))?;
    let address = listener.local_addr()?;
    let sweeper =
        tokio::spawn(keep_swept(offering.as_ref().map(|(_, exports)| exports.clone()), consumer.clone(), stop.clone()));
    let exports = offering.as_ref().map(|(_, exports)| exports.clone());
    let endpoint = Endpoint::new(config.name.clone(), config.description, key, offering, consumer);
    let registering = registration.map(|registration| register(registration, endpoint.description())).transpose()?;
    let router = endpoint.router();
    {
        let mut out = std::io::stdout().lock();
        writeln!(out, "{} listens on http://{address}", config.name)?;
        out.flush()?;
    }
    tracing::info!(%address, "listening");

    let told = stop.clone();
    // It may be asked back at once.
    let registering = registering.map(tokio::spawn);
    let server =
        tokio::spawn(axum::serve(listener, router).with_graceful_shutdown(told.cancelled_owned()).into_future());
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    tracing::info!("told to stop; requests under way are ended first");
    stop.cancel();
    match tokio::time::timeout(PATIENCE, server).await {
        Ok(ended) => ended??,
        Err(_) => tracing::warn!("some requests did not end in time"),
    }
    if let Some(registering) = registering {
        registering.abort();
    }
    if let Some(exports) = exports {
        exports.stop().await;
    }
    sweeper.await?;
    tracing::info!("stopped");
    Ok(())
}

/// Tells Usher what this endpoint is and where, with its endpoint key, until that is taken or refused.
fn register(
    registration: Registration,
    description: EndpointDescription,
) -> anyhow::Result<impl Future<Output = ()> + Send + 'static> {
    let usher = Usher::new(&registration.usher).context("the machine's TLS can't be used")?;
    let told = EndpointRegistration {
        description,
        url: Some(registration.own_url.to_string()),
        authentication_key: Some(registration.authentication_key.0),
    };
    Ok(async move {
        loop {
            match usher.register(&told).await {
                Ok(known) => {
                    return tracing::info!(endpoint.id = known.id, "Usher was told what this endpoint is, and where");
                }
                Err(error @ CallError::Unreachable { .. }) => tracing::warn!("{error}"),
                Err(error) => return tracing::error!("{error}"),
            }
            tokio::time::sleep(REGISTER_AGAIN).await;
        }
    })
}

/// Removes old files and records now and then, until it is told to stop.
pub async fn keep_swept(exports: Option<Exports>, consumer: Option<Arc<Consumer>>, stop: CancellationToken) {
    let mut interval = tokio::time::interval(SWEEP_INTERVAL);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = interval.tick() => {}
        }
        sweep(exports.clone(), consumer.clone()).await;
    }
}

/// Removes old files and records. A failure is logged.
pub async fn sweep(exports: Option<Exports>, consumer: Option<Arc<Consumer>>) {
    let swept = tokio::task::spawn_blocking(move || {
        exports.map_or(Ok(()), |exports| exports.sweep())?;
        consumer.map_or(Ok(()), |consumer| consumer.sweep())
    });
    match swept.await {
        Ok(Ok(())) => {}
        Ok(Err(fault)) => {
            tracing::warn!(error = %fault, source = ?fault.source, "old files and records could not be removed")
        }
        Err(error) => tracing::error!(%error, "the removal of old files and records broke off"),
    }
}
