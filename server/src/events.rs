//! The events of runs, as they happen: one stream per page that watches. That of a run ends when the run has; that of the list only says that something
//! is another than before, and the page asks for what it shows.

use std::{convert::Infallible, time::Duration};

use axum::{
    extract::{Path, State},
    response::{
        IntoResponse, Response,
        sse::{Event, KeepAlive, Sse},
    },
};
use futures::{Stream, stream};
use http::{HeaderMap, HeaderValue, StatusCode};
use hub::Hub;
use model::{error::HubError, id::RunId, view::RunView};
use tokio_util::sync::CancellationToken;

use crate::{
    router::Stopping,
    signed_in::{Refusal, Staying},
};

/// How often a run is looked at. The hub writes progress about as often.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// The same of the list, whose page asks for all that it shows after each change.
const LOOK_AT_LIST_EVERY: Duration = Duration::from_secs(1);
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// `GET /events/runs/{id}`: a `run` event with the whole view now and after each change; its id is the view's version.
pub(crate) async fn of_run(
    person: Staying,
    State(hub): State<Hub>,
    State(Stopping(stop)): State<Stopping>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let id: RunId = id.parse().map_err(|_| HubError::not_found("run"))?;
    let view = hub.run(&person.actor, &id).await?;
    let seen = headers.get("last-event-id").and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if view.summary.state.is_final() && seen == Some(view.version) {
        // A browser that comes again has seen the end; this status tells it not to come any more.
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let watch = Watch { hub, person, id, stop, first: Some(view), sent: None };
    let mut response = Sse::new(watch.events()).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response();
    // Proxies that collect answers would hold the events back.
    response.headers_mut().insert("x-accel-buffering", HeaderValue::from_static("no"));
    Ok(response)
}

/// `GET /events/runs`: a `changed` event whenever a run of the account was asked for, went on, or ended; the first says how it is now.
pub(crate) async fn of_runs(
    person: Staying,
    State(hub): State<Hub>,
    State(Stopping(stop)): State<Stopping>,
) -> Result<Response, Refusal> {
    let first = hub.runs_stamp(&person.actor).await?;
    let list = WatchList { hub, person, stop, next: Some(first), told: String::new() };
    let events = stream::unfold(list, |mut list| async move {
        let event = list.next().await?;
        Some((Ok::<_, Infallible>(event), list))
    });
    let mut response = Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response();
    response.headers_mut().insert("x-accel-buffering", HeaderValue::from_static("no"));
    Ok(response)
}

struct WatchList {
    hub: Hub,
    person: Staying,
    stop: CancellationToken,
    next: Option<String>,
    told: String,
}

impl WatchList {
    /// None when there will be no more: this process ends, or the list can't be read (the browser then asks again, and gets the reason).
    async fn next(&mut self) -> Option<Event> {
        let mut stamp = self.next.take();
        loop {
            if let Some(stamp) = stamp.filter(|stamp| *stamp != self.told) {
                self.told.clone_from(&stamp);
                return Some(Event::default().event("changed").data(stamp));
            }
            tokio::select! {
                () = self.stop.cancelled() => return None,
                () = tokio::time::sleep(LOOK_AT_LIST_EVERY) => {}
            }
            // Who lost the account, or has ended their sessions, hears nothing more.
            if !self.person.is_signed_in(&self.hub).await {
                return None;
            }
            stamp = Some(self.hub.runs_stamp(&self.person.actor).await.ok()?);
        }
    }
}

struct Watch {
    hub: Hub,
    person: Staying,
    id: RunId,
    stop: CancellationToken,
    first: Option<RunView>,
    /// The version that was sent last, and whether it was the end.
    sent: Option<(u64, bool)>,
}

impl Watch {
    fn events(self) -> impl Stream<Item = Result<Event, Infallible>> {
        stream::unfold(self, |mut watch| async move {
            let event = watch.next().await?;
            Some((Ok(event), watch))
        })
    }

    async fn next(&mut self) -> Option<Event> {
        let view = match self.first.take() {
            Some(view) => view,
            None => self.change().await?,
        };
        self.sent = Some((view.version, view.summary.state.is_final()));
        let event = Event::default().event("run").id(view.version.to_string()).json_data(&view);
        event.inspect_err(|error| tracing::error!(run.id = %self.id, %error, "a run's view could not be written")).ok()
    }

    /// Waits for a version that was not sent. None when there will be no more: the run has ended, this process ends, or the run can't be
    /// read (the browser then asks again, and gets the reason as a status).
    async fn change(&self) -> Option<RunView> {
        let (version, ended) = self.sent?;
        if ended {
            return None;
        }
        loop {
            tokio::select! {
                () = self.stop.cancelled() => return None,
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
            let view = self.hub.run(&self.person.actor, &self.id).await.ok()?;
            if view.version != version {
                // As with the list.
                return self.person.is_signed_in(&self.hub).await.then_some(view);
            }
        }
    }
}
