//! Carrying out one claimed run, from whatever state it is found in to its end; and how calls to its two endpoints are made, tried
//! again and turned into a failure that a person understands.

use std::{
    future::Future,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use model::{
    contract::{Job, JobStatus, Movement, StatusReport},
    count::grouped,
    error::HubError,
    id::{EndpointId, JobId},
    run::{Failure, FailureCode, RunEvent, RunState},
};
use tokio::time::Instant;

use super::{
    circuit::{self, Circuit},
    jobs::{self, JobRow},
    payload_folder,
    runs::{self, Claim, Held, RunRow, bounded_text},
    spare::Spare,
    stop::{Stop, internal_failure},
};
use crate::{
    hub::Hub,
    outbound::{CallError, EndpointClient},
    store::{PayloadError, PayloadKey, StoreError},
};

/// Repeats of a last word to an endpoint (that its job is called off, that its data was read).
const LAST_WORD_ATTEMPTS: u32 = 3;

/// Questions about a job that takes long come at least so often.
const LONGEST_BETWEEN_QUESTIONS: Duration = Duration::from_secs(30);

/// One side of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    /// The producer.
    Source,
    /// The consumer.
    Destination,
}

/// Carries out one claimed run.
pub(super) struct Carrier {
    pub(super) hub: Hub,
    pub(super) held: Held,
    pub(super) run: RunRow,
    pub(super) key: PayloadKey,
    /// Buffers for its parts.
    pub(super) spare: Spare,
    /// Since when this worker carries the run out.
    begun: Instant,
    /// The call by which the run was put aside; taken by the first such call.
    carried: Mutex<Option<Carried>>,
}

/// A call that the run waited for when it was put aside.
struct Carried {
    step: String,
    /// How often it had failed; not at all when it was not made, because the endpoint is left alone.
    retries: u32,
}

/// A kind of call to an endpoint. When a run was put aside because one kept failing, the count goes on where it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Announcing a job.
    Announce,
    /// Asking about a job.
    Ask,
    /// Fetching the source's data.
    Fetch,
    /// Sending a part.
    Send,
    /// Saying that all was sent.
    Report,
    /// Asking for the segments, when all was read but not yet recorded so.
    List,
}

impl Step {
    fn as_str(self) -> &'static str {
        match self {
            Self::Announce => "announce",
            Self::Ask => "ask",
            Self::Fetch => "fetch",
            Self::Send => "send",
            Self::Report => "report",
            Self::List => "list",
        }
    }

    /// Whether the run may be put aside while it waits. What was read of the source would be lost.
    fn can_wait_aside(self) -> bool {
        !matches!(self, Self::Fetch | Self::List)
    }
}

impl Carrier {
    pub(super) fn new(hub: Hub, claim: Claim) -> Self {
        let retries = claim.run.retry_count;
        let carried = claim.run.retry_step.clone().map(|step| Carried { step, retries });
        Self {
            hub,
            held: claim.held,
            run: claim.run,
            // Replaced by the run's own key before anything is sealed or opened.
            key: PayloadKey::generate(),
            spare: Spare::default(),
            begun: Instant::now(),
            carried: Mutex::new(carried),
        }
    }

    pub(super) fn state(&self) -> RunState {
        self.run.state
    }

    /// The run is in this state from now on. What the row forgets with a step is forgotten here too.
    pub(super) fn moved_to(&mut self, state: RunState) {
        self.run.state = state;
        self.run.job_since = None;
        *self.carried.get_mut().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// How often the run had been woken when it was claimed.
    pub(super) fn woken(&self) -> i64 {
        self.run.woken
    }

    /// From where the run is to its end.
    pub(super) async fn carry_out(&mut self) -> Result<(), Stop> {
        if self.run.canceled {
            return Err(Stop::Canceled);
        }
        self.open_key().await?;
        loop {
            match self.run.state {
                RunState::Queued | RunState::Exporting | RunState::Reading => self.take_in().await?,
                RunState::Delivering => self.deliver().await?,
                RunState::Completing => self.complete().await?,
                RunState::Held
                | RunState::Complete
                | RunState::CompleteWithRejects
                | RunState::Failed
                | RunState::Canceled
                | RunState::Checked => {
                    return Ok(());
                }
            }
        }
    }

    /// Ends a run that can't be carried on, and tells both endpoints so.
    pub(super) async fn end(&mut self, reason: Stop) -> Result<(), Stop> {
        let (event, failure) = match reason {
            stop @ (Stop::Lost | Stop::HandBack | Stop::Parked | Stop::PutAside(_) | Stop::GiveWay | Stop::Paused) => {
                return Err(stop);
            }
            Stop::Canceled => (RunEvent::Cancel, None),
            Stop::Failed(failure) | Stop::ReadAgain(failure) => (RunEvent::Fail, Some(failure)),
        };
        // What was being done when it stopped may have changed the row.
        match runs::load(self.hub.database(), &self.run.id).await {
            Ok(run) => self.run = run,
            Err(error) => tracing::error!(run.id = %self.run.id, %error, "the run could not be read"),
        }
        let state = self.run.state;
        if state.is_final() {
            return Ok(());
        }
        let (status, word) = match &failure {
            None => (JobStatus::Canceled, "Called off."),
            Some(_) => (JobStatus::Failed, "Usher could not finish the run."),
        };
        self.abandon_export(status, word).await;
        self.abandon_import(status, word).await;
        let kept = self.what_was_kept();
        let fetched = match &self.run.import_job_id {
            Some(job_id) if state == RunState::Delivering => self.hosted_job(job_id).await?.is_some(),
            _ => false,
        };
        let mut change = self.held.begin().await?;
        // A retry is another job for the endpoint: this one is over.
        if fetched {
            change.set_text(runs::Column::ImportJob, None).await?;
        }
        if matches!(state, RunState::Queued | RunState::Exporting | RunState::Reading) {
            change.forget_parts().await?;
        }
        match &failure {
            Some(failure) => {
                let message = format!("{} {kept} {}", failure.message, what_to_do(failure));
                let failure = Failure { message: message.trim_end().to_owned(), ..failure.clone() };
                change.set_failure(&failure).await?;
                change.note(&format!("Failed. {}", failure.message)).await?;
                tracing::warn!(run.id = %self.run.id, code = ?failure.code, state = state.as_str(), "run failed");
            }
            None => {
                change.note(&format!("Canceled. {kept}")).await?;
                tracing::info!(run.id = %self.run.id, state = state.as_str(), "run canceled");
            }
        }
        let ended = change.step(event).await?;
        self.moved_to(ended);
        change.commit().await?;
        count_ended(self.run.state);
        if matches!(state, RunState::Queued | RunState::Exporting | RunState::Reading) {
            let folder = payload_folder(&self.run.id);
            for kind in ["parts", "source", "uploads"] {
                if let Err(error) = self.hub.payloads().remove_below(&format!("{folder}/{kind}")).await {
                    tracing::warn!(run.id = %self.run.id, %error, "parts of no use could not be removed");
                }
            }
        }
        Ok(())
    }

    /// The run's key out of its wrapping, or a new one.
    async fn open_key(&mut self) -> Result<(), Stop> {
        if let Some(wrapped) = &self.run.payload_key {
            let bytes = self.hub.sealing().open(wrapped, &self.key_context());
            let key = bytes.ok().and_then(|bytes| PayloadKey::from_bytes(&bytes));
            self.key = key.ok_or_else(|| self.internal("the run's key does not open: is it the same master key?"))?;
            return Ok(());
        }
        let key = PayloadKey::generate();
        let wrapped = self.hub.sealing().seal(key.as_bytes(), &self.key_context());
        let mut change = self.held.begin().await?;
        change.set_payload_key(Some(&wrapped)).await?;
        change.commit().await?;
        self.run.payload_key = Some(wrapped);
        self.key = key;
        Ok(())
    }

    fn key_context(&self) -> String {
        super::key_context(&self.run.id)
    }

    pub(super) fn source_name(&self) -> &str {
        &self.run.plan.source_name
    }

    pub(super) fn destination_name(&self) -> &str {
        &self.run.plan.destination.endpoint_name
    }

    fn name(&self, side: Side) -> &str {
        match side {
            Side::Source => self.source_name(),
            Side::Destination => self.destination_name(),
        }
    }

    fn endpoint_id(&self, side: Side) -> &EndpointId {
        match side {
            Side::Source => &self.run.plan.source_endpoint_id,
            Side::Destination => &self.run.plan.destination.endpoint_id,
        }
    }

    /// How data moves between Usher and one side's endpoint.
    pub(super) async fn movement(&self, side: Side) -> Result<Movement, Stop> {
        let endpoint = self.hub.connected_endpoint(&self.run.account_id, self.endpoint_id(side)).await;
        let description = endpoint.map_err(|error| self.not_connected(side, error))?.description;
        let movement = match side {
            Side::Source => description.producer.map(|side| side.movement),
            Side::Destination => description.consumer.map(|side| side.movement),
        };
        movement.ok_or_else(|| {
            let what = if side == Side::Source { "offers" } else { "takes" };
            let message = format!("{} no longer {what} audiences.", self.name(side));
            self.failed(FailureCode::EndpointFailed, &message, true)
        })
    }

    /// A job that Usher keeps for an endpoint; none when it is not such a one.
    pub(super) async fn hosted_job(&self, job_id: &JobId) -> Result<Option<JobRow>, Stop> {
        let row = jobs::job(self.hub.database(), self.hub.now_ms(), job_id).await;
        row.map_err(|error| self.store_failed(error))
    }

    /// When a job that is opened now expires.
    pub(super) fn job_expiry(&self, now: i64) -> i64 {
        let expiry = self.hub.exchange().settings.job_expiry;
        now.saturating_add(i64::try_from(expiry.as_millis()).unwrap_or(i64::MAX))
    }

    fn not_connected(&self, side: Side, error: HubError) -> Stop {
        match error {
            HubError::NotFound { .. } => {
                let message =
                    format!("{} is not connected any more. Connect it again, and share again.", self.name(side));
                self.failed(FailureCode::EndpointUnreachable, &message, false)
            }
            other => self.internal(&other.to_string()),
        }
    }

    /// A client for one side's endpoint.
    pub(super) async fn client(&self, side: Side) -> Result<EndpointClient, Stop> {
        let client = self.hub.endpoint_client(&self.run.account_id, self.endpoint_id(side)).await;
        client.map_err(|error| match error {
            HubError::Endpoint { message } => {
                let message = format!("{}: {}", self.name(side), sentence(&message));
                self.failed(FailureCode::EndpointUnreachable, &message, false)
            }
            other => self.not_connected(side, other),
        })
    }

    /// The call by which the run was put aside, for the first that is such a call.
    fn take_carried(&self, step: Step) -> Option<Carried> {
        let mut carried = self.carried.lock().unwrap_or_else(PoisonError::into_inner);
        carried.take_if(|carried| carried.step == step.as_str())
    }

    /// Makes a call until it succeeds, is refused for good, or the retry policy gives up. The run says what it waits for; when that takes longer, it
    /// is put aside.
    pub(super) async fn call<T, F, Fut>(&self, side: Side, step: Step, attempt: F) -> Result<T, Stop>
    where
        F: Fn() -> Fut,
        Fut: Future<Output = Result<T, CallError>>,
    {
        let endpoint_id = self.endpoint_id(side);
        let begun = Instant::now();
        let carried = self.take_carried(step);
        let mut retries = carried.as_ref().map_or(0, |carried| carried.retries);
        // Whether the row says that the run waits for this call.
        let mut is_noted = carried.is_some();
        let mut circuit =
            circuit::look(self.hub.database(), endpoint_id).await.map_err(|error| self.store_failed(error))?;
        let policy = &self.hub.exchange().settings.retry;
        if let Some(open) = circuit.filter(|circuit| circuit.is_open(self.hub.now_ms(), policy)) {
            self.wait_for_circuit(side, step, retries, open).await?;
            is_noted = true;
        }
        loop {
            let called = Instant::now();
            let error = match attempt().await {
                Ok(answer) => {
                    self.hub.note_call(endpoint_id, Ok(called.elapsed())).await;
                    if circuit.is_some() {
                        let closed = circuit::close(self.hub.database(), endpoint_id).await;
                        closed.map_err(|error| self.store_failed(error))?;
                        self.hub.wake_workers();
                    }
                    if is_noted {
                        let mut change = self.held.begin().await?;
                        change.forget_retries().await?;
                        if retries > 0 {
                            change.note(&format!("{} answers again.", self.name(side))).await?;
                        }
                        change.commit().await?;
                    }
                    return Ok(answer);
                }
                Err(error) => error,
            };
            // That one thing is refused says nothing of the endpoint's health.
            let mut open_until = None;
            if !matches!(error, CallError::Refused { status: ..500, .. }) {
                self.hub.note_call(endpoint_id, Err(error.clone())).await;
                let policy = &self.hub.exchange().settings.retry;
                let noted = circuit::failed(self.hub.database(), endpoint_id, self.hub.now_ms(), policy).await;
                open_until = noted.map_err(|error| self.store_failed(error))?;
                circuit = Some(Circuit { failures: 1, open_until: 0 });
            }
            if !error.is_retryable() {
                return Err(self.call_failed(side, &error, retries));
            }
            retries += 1;
            is_noted = true;
            self.wait_to_retry(side, step, &error, retries, begun, open_until).await?;
        }
    }

    /// Waits before repeat number `retries`, or puts the run aside until then. The error is the end of the run when there is to be no repeat.
    async fn wait_to_retry(
        &self,
        side: Side,
        step: Step,
        error: &CallError,
        retries: u32,
        begun: Instant,
        open_until: Option<i64>,
    ) -> Result<(), Stop> {
        let settings = &self.hub.exchange().settings;
        let mut change = self.held.begin().await?;
        let since = change.note_retry(step.as_str(), retries).await?;
        let elapsed = begun.elapsed().max(circuit::until(since, change.now));
        let Some(delay) = settings.retry.delay(retries, elapsed, error.retry_after()) else {
            return Err(self.call_failed(side, error, retries - 1));
        };
        let delay = delay.max(open_until.map_or(Duration::ZERO, |until| circuit::until(change.now, until)));
        metrics::counter!("usher_exchange_retries_total").increment(1);
        let endpoint_id = self.endpoint_id(side);
        tracing::warn!(run.id = %self.run.id, endpoint.id = %endpoint_id, retries, %error, delay_ms = delay.as_millis(), "call is tried again");
        let asked = match error.retry_after() {
            Some(asked) => format!(" and asked for {} s", asked.as_secs()),
            None => String::new(),
        };
        let sentence = bounded_text(&format!("Waiting for {}: {}{asked}.", self.name(side), error), 500);
        change.waiting_to_retry(&sentence).await?;
        if retries == 1 {
            change.note(&sentence).await?;
        }
        let now = change.now;
        change.commit().await?;
        self.wait_or_put_aside(step, now, delay).await
    }

    /// Waits until calls to an endpoint that fails are made again, or puts the run aside until then.
    async fn wait_for_circuit(&self, side: Side, step: Step, retries: u32, circuit: Circuit) -> Result<(), Stop> {
        let mut change = self.held.begin().await?;
        let since = change.note_retry(step.as_str(), retries).await?;
        if circuit::until(since, change.now) > self.hub.exchange().settings.retry.max_elapsed {
            let name = self.name(side);
            let message = format!("{name} can't be reached: its last {} calls failed.", circuit.failures);
            return Err(self.failed(FailureCode::EndpointUnreachable, &message, true));
        }
        let (name, failures) = (self.name(side), circuit.failures);
        let sentence =
            format!("Waiting for {name}: its last {failures} calls failed, so it is left alone for a while.");
        change.waiting_to_retry(&sentence).await?;
        let now = change.now;
        change.commit().await?;
        self.wait_or_put_aside(step, now, circuit::until(now, circuit.open_until)).await
    }

    async fn wait_or_put_aside(&self, step: Step, now: i64, delay: Duration) -> Result<(), Stop> {
        if delay >= self.hub.exchange().settings.put_aside && step.can_wait_aside() {
            return Err(Stop::PutAside(now.saturating_add(i64::try_from(delay.as_millis()).unwrap_or(i64::MAX))));
        }
        tokio::time::sleep(delay).await;
        Ok(())
    }

    /// Whether others wait, and this run had its turn.
    pub(super) async fn has_had_its_turn(&self) -> Result<bool, Stop> {
        if self.begun.elapsed() < self.hub.exchange().settings.turn {
            return Ok(false);
        }
        let waits = runs::another_waits(self.hub.database(), self.hub.now_ms(), &self.run.id).await;
        waits.map_err(|error| self.store_failed(error))
    }

    /// As [`Self::call`], but "there is no such thing" is an answer.
    pub(super) async fn call_or_none<T, F, Fut>(&self, side: Side, step: Step, attempt: F) -> Result<Option<T>, Stop>
    where
        F: Fn() -> Fut,
        Fut: Future<Output = Result<T, CallError>>,
    {
        let attempt = &attempt;
        self.call(side, step, || async move {
            match attempt().await {
                Ok(answer) => Ok(Some(answer)),
                Err(error) if error.status() == Some(404) => Ok(None),
                Err(error) => Err(error),
            }
        })
        .await
    }

    /// Asks about a job until `done` likes its status, or patience runs out. When it takes longer, the run is put aside between two questions.
    pub(super) async fn wait_for_job(
        &self,
        side: Side,
        client: &EndpointClient,
        job_id: &JobId,
        done: impl Fn(JobStatus) -> bool,
    ) -> Result<Job, Stop> {
        let settings = &self.hub.exchange().settings;
        let since = self.run.job_since.unwrap_or_else(|| self.hub.now_ms());
        let mut interval = settings.job_poll;
        loop {
            // Whatever it would say of its job: when it says here that all was sent, or that it gives up, that is the end.
            if let Some(ended) = self.hosted_job(job_id).await?.filter(|job| job.status.is_final()) {
                return Ok(ended.told(Vec::new()));
            }
            let job = self.call(side, Step::Ask, || client.job(job_id)).await?;
            if job.id != job_id.as_str() {
                return Err(self.nonsense(side, "it answered the question about a job with another job's id"));
            }
            if done(job.status) {
                return Ok(job);
            }
            let elapsed = circuit::until(since, self.hub.now_ms());
            if elapsed >= settings.job_patience {
                let message = format!(
                    "{} has not finished its job within {} minutes.",
                    self.name(side),
                    settings.job_patience.as_secs().div_ceil(60)
                );
                return Err(self.failed(FailureCode::EndpointTimeout, &message, true));
            }
            if self.run.job_since.is_some() || interval >= settings.put_aside {
                // The longer it has taken, the longer it may take.
                let pause = (elapsed / 10).clamp(settings.put_aside, LONGEST_BETWEEN_QUESTIONS.max(settings.put_aside));
                let mut change = self.held.begin().await?;
                let sentence = format!("Waiting for {}, which is at work on its job.", self.name(side));
                change.waiting_for_job(&sentence, since).await?;
                let until = change.now.saturating_add(i64::try_from(pause.as_millis()).unwrap_or(i64::MAX));
                change.commit().await?;
                return Err(Stop::PutAside(until));
            }
            tokio::time::sleep(interval).await;
            // So it is known soon after it is so, however long it takes.
            interval += interval / 4;
        }
    }

    /// Tells an endpoint how its job ended, a few times at most. It is not needed for the run, so a failure is only logged.
    pub(super) async fn tell(&self, side: Side, job_id: &JobId, status: JobStatus, reason: &str) {
        match jobs::end(self.hub.database(), self.hub.now_ms(), job_id, status, reason).await {
            Ok(false) => {}
            Ok(true) => {
                self.hub.exchange().jobs_changed.notify_waiters();
                // The producer that is called can send by itself; it is told all the same.
                let is_called = side == Side::Source && matches!(self.movement(side).await, Ok(Movement::Pull));
                if !is_called {
                    return;
                }
            }
            Err(error) => {
                tracing::warn!(run.id = %self.run.id, %error, "a job could not be ended");
                return;
            }
        }
        let Ok(client) = self.client(side).await else { return };
        let report = match status {
            JobStatus::Complete => StatusReport::complete(self.run.parts, self.run.counts.read),
            ended => StatusReport::ended(ended, reason),
        };
        let policy = self.hub.exchange().settings.retry;
        for attempt in 1..=LAST_WORD_ATTEMPTS {
            let Err(error) = client.report(job_id, &report).await else { return };
            let delay = policy.delay(attempt, Duration::ZERO, error.retry_after());
            match delay.filter(|_| error.is_retryable() && attempt < LAST_WORD_ATTEMPTS) {
                Some(delay) => tokio::time::sleep(delay.min(policy.max_delay)).await,
                None => {
                    let endpoint_id = self.endpoint_id(side);
                    tracing::warn!(run.id = %self.run.id, endpoint.id = %endpoint_id, %error, "an endpoint could not be told how its job ended");
                    return;
                }
            }
        }
    }

    pub(super) fn failed(&self, code: FailureCode, message: &str, retryable: bool) -> Stop {
        Stop::Failed(Failure { code, message: bounded_text(message, 1000), retryable })
    }

    pub(super) fn nonsense(&self, side: Side, what: &str) -> Stop {
        self.failed(
            FailureCode::NonsenseAnswer,
            &format!("{} does not keep to the contract: {what}.", self.name(side)),
            true,
        )
    }

    pub(super) fn job_failed(&self, side: Side, job: &Job) -> Stop {
        let word = match job.status {
            JobStatus::Canceled => "called its job off",
            JobStatus::Expired => "let its job expire",
            _ => "reported that its job failed",
        };
        let detail = job.problem.as_ref().map(|problem| problem.detail.as_deref().unwrap_or(&problem.title));
        let detail = detail.map(|detail| format!(": {}", sentence(detail))).unwrap_or_else(|| ".".to_owned());
        self.failed(FailureCode::EndpointFailed, &format!("{} {word}{detail}", self.name(side)), true)
    }

    fn call_failed(&self, side: Side, error: &CallError, retries: u32) -> Stop {
        let tries = match retries {
            0 => String::new(),
            1 => " It was tried twice.".to_owned(),
            more => format!(" It was tried {} times.", more + 1),
        };
        let message = format!("{}: {}{tries}", self.name(side), sentence(&error.to_string()));
        self.failed(failure_code(error), &message, error.is_retryable())
    }

    /// As [`Self::failed`], but reading the source again may help.
    pub(super) fn read_again(&self, code: FailureCode, message: &str) -> Stop {
        Stop::ReadAgain(Failure { code, message: bounded_text(message, 1000), retryable: true })
    }

    /// A fault of ours: the cause goes into the log, the person is told that there is one.
    pub(super) fn internal(&self, cause: &str) -> Stop {
        tracing::error!(run.id = %self.run.id, error = cause, "a run failed through Usher itself");
        Stop::Failed(internal_failure())
    }

    pub(super) fn store_failed(&self, error: StoreError) -> Stop {
        if error.passes() {
            return Stop::away(&error);
        }
        self.internal(&error.to_string())
    }

    pub(super) fn payload_failed(&self, error: PayloadError) -> Stop {
        if error.is_full() {
            tracing::error!(run.id = %self.run.id, %error, "there is no room left in the payload store");
            let message = "There is no room left where Usher keeps rows. Whoever runs Usher has to make some first.";
            return self.failed(FailureCode::Internal, message, true);
        }
        self.internal(&error.to_string())
    }
}

fn failure_code(error: &CallError) -> FailureCode {
    match error {
        CallError::Unreachable | CallError::NotAllowed(_) | CallError::Broken => FailureCode::EndpointUnreachable,
        CallError::Timeout => FailureCode::EndpointTimeout,
        CallError::KeyRefused | CallError::NoToken { .. } | CallError::TokenRefused { .. } => FailureCode::KeyRefused,
        CallError::Busy { .. } | CallError::Refused { .. } => FailureCode::EndpointFailed,
        CallError::Nonsense { .. } => FailureCode::NonsenseAnswer,
    }
}

/// What a person can do about a failure.
fn what_to_do(failure: &Failure) -> &'static str {
    match failure.code {
        FailureCode::KeyRefused => {
            "An admin gives other credentials, or consents again, on the endpoint’s page. Then try again."
        }
        FailureCode::EndpointUnreachable | FailureCode::EndpointTimeout if failure.retryable => {
            "Try again when it is well."
        }
        FailureCode::SourceTruncated | FailureCode::SourceMismatch => {
            "Try again; when it happens again, tell whoever runs the application."
        }
        FailureCode::NonsenseAnswer | FailureCode::AcknowledgementMismatch => "Tell whoever runs the application.",
        FailureCode::HeaderUnusable | FailureCode::LimitPassed => "Mend it at the source, then try again.",
        FailureCode::NothingToSend => "Look at the audience at its source.",
        FailureCode::Internal => "Try again.",
        FailureCode::EndpointUnreachable
        | FailureCode::EndpointTimeout
        | FailureCode::EndpointFailed
        | FailureCode::MappingUnusable => "",
    }
}

/// The text with a full stop at its end.
pub(super) fn sentence(text: &str) -> String {
    let text = text.trim();
    if text.ends_with(['.', '!', '?']) { text.to_owned() } else { format!("{text}.") }
}

/// "1 row", "3 rows".
pub(super) fn counted(number: u64, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{} {noun}s", grouped(number)) }
}

pub(super) fn count_ended(state: RunState) {
    metrics::counter!("usher_exchange_runs_ended_total", "state" => state.as_str()).increment(1);
}
