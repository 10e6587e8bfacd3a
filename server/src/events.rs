//! The events of a run, as they happen: one stream per page that watches, which ends when the run has.

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
use model::{
    error::HubError,
    id::RunId,
    view::{Actor, RunView},
};
use tokio_util::sync::CancellationToken;

use crate::{
    router::Stopping,
    signed_in::{Refusal, SignedIn},
};

/// How often a run is looked at. The hub writes progress about as often.
const LOOK_EVERY: Duration = Duration::from_millis(250);
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// `GET /events/runs/{id}`: a `run` event with the whole view now and after each change; its id is the view's version.
pub(crate) async fn of_run(
    SignedIn(actor): SignedIn,
    State(hub): State<Hub>,
    State(Stopping(stop)): State<Stopping>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let id: RunId = id.parse().map_err(|_| HubError::not_found("run"))?;
    let view = hub.run(&actor, &id).await?;
    let seen = headers.get("last-event-id").and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if view.summary.state.is_final() && seen == Some(view.version) {
        // A browser that comes again has seen the end; this status tells it not to come any more.
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let watch = Watch { hub, actor, id, stop, first: Some(view), sent: None };
    let mut response = Sse::new(watch.events()).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response();
    // Proxies that collect answers would hold the events back.
    response.headers_mut().insert("x-accel-buffering", HeaderValue::from_static("no"));
    Ok(response)
}

struct Watch {
    hub: Hub,
    actor: Actor,
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
            let view = self.hub.run(&self.actor, &self.id).await.ok()?;
            if view.version != version {
                return Some(view);
            }
        }
    }
}
