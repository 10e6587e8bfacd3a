//! Starting and ending the service: the hub opened, the socket bound, workers running; and a clean end on SIGTERM or Ctrl-C.

use std::{future::IntoFuture, io::Write, net::SocketAddr, time::Duration};

use anyhow::Context;
use app::address::PublicUrl;
use leptos::prelude::{Env, LeptosOptions};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;

use crate::{
    router::{AppState, Stopping, router},
    settings::{HubOptions, ServeOptions},
};

/// How long requests and runs that are under way may take to end or to be handed back.
const PATIENCE: Duration = Duration::from_secs(10);
const METRICS_UPKEEP: Duration = Duration::from_secs(5);

/// Serves until it is told to stop.
pub(crate) async fn serve(options: &ServeOptions, hub: &HubOptions) -> anyhow::Result<()> {
    // Before anything is announced, so that no signal is missed.
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    if !options.site.join("pkg").join("usher.js").exists() {
        tracing::warn!(
            site = %options.site.display(),
            "the built site is not there: pages work without styles and without their program. Build it with `cargo xtask build`, or set USHER_SITE"
        );
    }
    // Before the hub: what it counts from the start is to be seen.
    let recorder = PrometheusBuilder::new().install_recorder().context("the metrics can't be set up")?;
    let hub = hub.open().await?;
    let listener = TcpListener::bind(options.listen).await.with_context(|| {
        format!(
            "Usher can't listen on {}. Is another program there? Set USHER_LISTEN to another address",
            options.listen
        )
    })?;
    let address = listener.local_addr()?;
    let stop = CancellationToken::new();
    let leptos = LeptosOptions::builder()
        .output_name("usher")
        .site_root(options.site.to_string_lossy().into_owned())
        .site_pkg_dir("pkg")
        .site_addr(address)
        .env(if cfg!(debug_assertions) { Env::DEV } else { Env::PROD })
        .build();
    let public_url = PublicUrl(options.public_url.as_ref().map(|origin| origin.as_str().to_owned()));
    let state = AppState {
        hub: hub.clone(),
        options: leptos,
        stopping: Stopping(stop.clone()),
        recorder: recorder.clone(),
        public_url,
    };
    let router = router(state, options)?;

    let mut tasks = JoinSet::new();
    let (worker, worker_stop) = (hub.clone(), stop.clone());
    tasks.spawn(async move { worker.work(worker_stop).await });
    let (scheduler, scheduler_stop) = (hub.clone(), stop.clone());
    tasks.spawn(async move { scheduler.keep_schedules(scheduler_stop).await });
    let (refresher, refresher_stop) = (hub.clone(), stop.clone());
    tasks.spawn(async move { refresher.keep_audiences_fresh(refresher_stop).await });
    let (messenger, messenger_stop) = (hub.clone(), stop.clone());
    tasks.spawn(async move { messenger.send_webhooks(messenger_stop).await });
    let (watcher, watcher_stop) = (hub.clone(), stop.clone());
    tasks.spawn(async move { watcher.watch_shares(watcher_stop).await });
    let (teller, teller_stop) = (hub.clone(), stop.clone());
    let reached_at =
        options.public_url.as_ref().map_or_else(|| format!("http://{address}"), |url| url.as_str().to_owned());
    tasks.spawn(async move { teller.deliver_alerts(reached_at, teller_stop).await });
    let (sweeper, sweeper_stop) = (hub.clone(), stop.clone());
    tasks.spawn(async move { sweeper.forget_old_answers(sweeper_stop).await });
    let (logger, logger_stop) = (hub.clone(), stop.clone());
    tasks.spawn(async move { logger.keep_call_log(logger_stop).await });
    tasks.spawn(keep_metrics(recorder, stop.clone()));
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    let server = axum::serve(listener, service).with_graceful_shutdown(stop.clone().cancelled_owned());
    let mut server = tokio::spawn(server.into_future());
    {
        let mut out = std::io::stdout().lock();
        writeln!(out, "usher listens on http://{address}")?;
        out.flush()?;
    }
    tracing::info!(%address, "listening");
    if options.public_url.is_some() && options.trusted_proxies.is_empty() {
        tracing::warn!(
            "USHER_PUBLIC_URL is set, but USHER_TRUSTED_PROXIES is not: if people come through a proxy, all of them count as one when sign-ins fail"
        );
    }
    if let Some(provider) = hub.ways_in().await?.provider {
        match &options.public_url {
            Some(url) => {
                let redirect = format!("{}{}", url.as_str(), crate::provider::RETURN);
                tracing::info!(
                    provider,
                    redirect,
                    "people sign in at the OpenID provider, which has to know this address to lead them back to"
                );
            }
            None => tracing::warn!(
                provider,
                "USHER_PUBLIC_URL is not set: the address to which the OpenID provider leads people back is made of what their browsers ask for"
            ),
        }
    }

    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
        ended = &mut server => {
            ended??;
            anyhow::bail!("the server ended by itself");
        }
    }
    tracing::info!("told to stop; requests are ended and runs handed back first");
    stop.cancel();
    let end = async {
        while let Some(ended) = tasks.join_next().await {
            ended?;
        }
        server.await??;
        hub.close().await;
        anyhow::Ok(())
    };
    match tokio::time::timeout(PATIENCE, end).await {
        Ok(ended) => ended?,
        Err(_) => tracing::warn!(
            "something did not end in time; runs that were under way are taken up again when their lease runs out"
        ),
    }
    tracing::info!("stopped");
    Ok(())
}

/// Histograms collect samples until somebody drains them.
async fn keep_metrics(recorder: PrometheusHandle, stop: CancellationToken) {
    let mut interval = tokio::time::interval(METRICS_UPKEEP);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = interval.tick() => recorder.run_upkeep(),
        }
    }
}
