//! What can be set about the carrying out of runs, and what the workers of one process share.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use model::{
    contract::{PART_BYTES, PART_ROWS},
    id::{EndpointId, RunId},
};
use tokio::{
    sync::{Notify, Semaphore},
    time::Instant,
};
use tokio_util::sync::CancellationToken;

use super::worker::LOOK_AGAIN_MS;
use crate::{outbound::RetryPolicy, store::ClockWatch};

/// Parts that endpoints send to this process at once; others wait with theirs.
const UPLOADS_AT_ONCE: usize = 3;
/// More of them would wait for the thread that reads.
const MOST_MAPPING_THREADS: usize = 4;

/// How this process carries out runs.
#[derive(Debug, Clone, PartialEq)]
pub struct ExchangeSettings {
    /// Runs that this process carries out at once.
    pub worker_slots: usize,
    /// Runs that it carries out beside them, as long as they are small: they do not wait until large ones are done.
    pub small_run_slots: usize,
    /// A run is small when its audience was last said to have no more members.
    pub small_run_rows: u64,
    /// Runs that move data from or to one endpoint at once.
    pub runs_per_endpoint: u32,
    /// After this time a run that delivers lets another one go on that waits.
    pub turn: Duration,
    /// A run that has to wait for at least so long is put aside meanwhile, so that others get its place.
    pub put_aside: Duration,
    /// How long a run stays claimed by a worker that gives no sign of life. Renewed at a third of it.
    pub lease: Duration,
    /// How calls to endpoints are tried again.
    pub retry: RetryPolicy,
    /// How often an idle worker looks for runs that another process asked for, or whose lease ran out.
    pub idle_poll: Duration,
    /// How soon a job of an endpoint is asked about again at first; each later ask comes after twice the time, see `put_aside`.
    pub job_poll: Duration,
    /// How long an endpoint may take to prepare an export, or to finish an import.
    pub job_patience: Duration,
    /// Parts that are sent at once in one run.
    pub parts_in_flight: usize,
    /// Rows of a part at most, when the consumer does not want fewer.
    pub part_rows: u64,
    /// Bytes of a part at most.
    pub part_bytes: u64,
    /// Threads that map rows, for all runs together, beside the one on which each run reads them.
    pub mapping_threads: usize,
    /// How often counts are written while rows move.
    pub progress: Duration,
    /// How long a job waits for an endpoint that sends or fetches by itself.
    pub job_expiry: Duration,
    /// How long what is left of an ended run's rows is kept: the rejects of any, the parts of a failed one. Then its key is destroyed.
    pub retention: Duration,
}

/// One for each processor. With a single one, others would only take turns with the thread that reads.
fn mapping_threads() -> usize {
    match std::thread::available_parallelism().map_or(1, usize::from) {
        1 => 0,
        processors => processors.min(MOST_MAPPING_THREADS),
    }
}

impl Default for ExchangeSettings {
    fn default() -> Self {
        Self {
            worker_slots: 2,
            small_run_slots: 2,
            small_run_rows: 50_000,
            runs_per_endpoint: 4,
            turn: Duration::from_secs(20),
            put_aside: Duration::from_secs(5),
            lease: Duration::from_secs(30),
            retry: RetryPolicy::default(),
            idle_poll: Duration::from_secs(1),
            job_poll: Duration::from_millis(20),
            job_patience: Duration::from_secs(3600),
            parts_in_flight: 2,
            part_rows: PART_ROWS,
            part_bytes: PART_BYTES,
            mapping_threads: mapping_threads(),
            progress: Duration::from_millis(250),
            job_expiry: Duration::from_secs(7 * 24 * 3600),
            retention: Duration::from_secs(7 * 24 * 3600),
        }
    }
}

impl ExchangeSettings {
    /// How far ahead at most a run is claimed or put aside, with room for clocks that do not agree.
    pub(crate) fn longest_aside(&self) -> Duration {
        let look_again = Duration::from_millis(u64::try_from(LOOK_AGAIN_MS).unwrap_or(u64::MAX));
        self.lease.max(self.retry.longest_wait()).max(self.put_aside).max(look_again) * 2
    }

    /// The retention in milliseconds.
    pub(crate) fn retention_ms(&self) -> i64 {
        i64::try_from(self.retention.as_millis()).unwrap_or(i64::MAX)
    }
}

/// What the workers of one process share.
#[derive(Debug)]
pub struct Workshop {
    pub(crate) settings: ExchangeSettings,
    /// Rung when there may be something to do.
    pub(crate) wake: Notify,
    /// Says whether the clock may be trusted with destroying what is kept for a time.
    pub(crate) clock_watch: ClockWatch,
    /// Rung when a job was opened or has ended, for endpoints that wait for one.
    pub(crate) jobs_changed: Notify,
    /// Turns to send a part: its body is in memory, packed and unpacked.
    pub(crate) uploads: Semaphore,
    /// Threads that map rows, for all runs together.
    pub(crate) mapping: Arc<Semaphore>,
    /// When the next rows may go to an endpoint that declares how many it takes in a second.
    paces: Mutex<HashMap<EndpointId, Instant>>,
    /// How to interrupt a run that is carried out in this process.
    under_way: Mutex<HashMap<RunId, Interrupts>>,
}

impl Workshop {
    /// With nothing under way.
    pub fn new(settings: ExchangeSettings) -> Self {
        Self {
            mapping: Arc::new(Semaphore::new(settings.mapping_threads)),
            settings,
            wake: Notify::new(),
            clock_watch: ClockWatch::default(),
            jobs_changed: Notify::new(),
            uploads: Semaphore::new(UPLOADS_AT_ONCE),
            paces: Mutex::default(),
            under_way: Mutex::default(),
        }
    }

    /// When so many rows may be sent to an endpoint that takes `rate` rows in a second. They have their time from now on: whoever asks next
    /// comes after them.
    pub(crate) fn reserve(&self, endpoint_id: &EndpointId, rows: u64, rate: u64, now: Instant) -> Instant {
        let mut paces = self.paces.lock().unwrap_or_else(PoisonError::into_inner);
        let start = paces.get(endpoint_id).copied().unwrap_or(now).max(now);
        let takes = Duration::from_micros(rows.saturating_mul(1_000_000) / rate.max(1));
        paces.insert(endpoint_id.clone(), start + takes);
        start
    }

    /// Registers a run as carried out here; what is given tells that a person interrupts it.
    pub(crate) fn take_up(&self, run_id: &RunId) -> Interrupts {
        let interrupts = Interrupts::default();
        self.lock().insert(run_id.clone(), interrupts.clone());
        interrupts
    }

    pub(crate) fn put_down(&self, run_id: &RunId) {
        self.lock().remove(run_id);
    }

    /// Tells the worker, when it is one of this process; others see it when they renew their lease.
    pub(crate) fn call_off(&self, run_id: &RunId) {
        if let Some(interrupts) = self.lock().get(run_id) {
            interrupts.called_off.cancel();
        }
    }

    /// The same for a pause.
    pub(crate) fn pause(&self, run_id: &RunId) {
        if let Some(interrupts) = self.lock().get(run_id) {
            interrupts.paused.cancel();
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<RunId, Interrupts>> {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a person asked of a run that a worker carries out.
#[derive(Debug, Clone, Default)]
pub(crate) struct Interrupts {
    /// To end it.
    pub(crate) called_off: CancellationToken,
    /// To let it rest.
    pub(crate) paused: CancellationToken,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_go_to_an_endpoint_at_the_pace_that_it_declares_whoever_sends_them() {
        let workshop = Workshop::new(ExchangeSettings::default());
        let (one, other): (EndpointId, EndpointId) = ("ep_1".parse().expect("an id"), "ep_2".parse().expect("an id"));
        let begun = Instant::now();
        assert_eq!(workshop.reserve(&one, 500, 100, begun), begun, "the first go at once");
        assert_eq!(workshop.reserve(&one, 100, 100, begun), begun + Duration::from_secs(5));
        assert_eq!(workshop.reserve(&other, 1, 100, begun), begun, "another endpoint has a line of its own");
        let later = begun + Duration::from_secs(60);
        assert_eq!(workshop.reserve(&one, 1, 100, later), later, "what was not used is not saved up");
    }
}
