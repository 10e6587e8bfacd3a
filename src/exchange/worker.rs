//! The worker loop of one process: claims runs, carries out a few at once, renews their leases, hands them back when it stops, and
//! sweeps away the payload of runs that have ended. What carrying out means is [`super::carrier`]'s matter.

use std::time::Duration;

use model::{id::RunId, run::RunState};
use tokio::{task::JoinSet, time::Instant};
use tokio_util::sync::CancellationToken;

use super::{
    carrier::Carrier,
    records,
    runs::{self, Claim, Held, HeldError, Pick},
    settings::Interrupts,
    stop::Stop,
};
use crate::{hub::Hub, store::StoreError};

const SWEEP_INTERVAL: Duration = Duration::from_secs(300);
/// How long a run that waits for an endpoint's own doing is left alone. It is woken when the endpoint does something.
pub(super) const LOOK_AGAIN_MS: i64 = 60_000;
/// A run that was called off in another process is noticed within this.
const LONGEST_RENEWAL: Duration = Duration::from_secs(5);

impl Hub {
    /// Carries out runs until `stop` is cancelled; then hands back what is under way and returns.
    pub async fn work(&self, stop: CancellationToken) {
        let owner = uuid::Uuid::now_v7().simple().to_string();
        let settings = &self.exchange().settings;
        let mut slots = JoinSet::new();
        let mut small_slots = JoinSet::new();
        let any = Pick {
            most_rows: None,
            runs_per_endpoint: settings.runs_per_endpoint,
            longest_aside: settings.longest_aside(),
        };
        let small = Pick { most_rows: Some(settings.small_run_rows), ..any };
        let mut next_sweep = Instant::now();
        tracing::info!(worker = owner, slots = settings.worker_slots, "worker started");
        while !stop.is_cancelled() {
            // Listening begins before looking, so that what is asked for in between is not missed.
            let woken = self.exchange().wake.notified();
            // Small runs first where there is room only for them, so that large ones find the other places free.
            for (slots, most, pick) in
                [(&mut small_slots, settings.small_run_slots, small), (&mut slots, settings.worker_slots.max(1), any)]
            {
                while slots.len() < most {
                    match runs::claim(self.database(), self.clock(), &owner, settings.lease, pick).await {
                        Ok(Some(claim)) => drop(slots.spawn(carry_out(self.clone(), claim, stop.clone()))),
                        Ok(None) => break,
                        Err(error) => {
                            tracing::error!(%error, "runs could not be claimed");
                            break;
                        }
                    }
                }
            }
            if Instant::now() >= next_sweep {
                next_sweep = Instant::now() + SWEEP_INTERVAL;
                if let Err(error) = super::jobs::expire(self.database(), self.now_ms()).await {
                    tracing::error!(%error, "jobs whose time is over could not be ended");
                }
                if let Err(error) = self.sweep_payload().await {
                    tracing::error!(%error, "the payload of ended runs could not be removed");
                }
            }
            tokio::select! {
                () = stop.cancelled() => break,
                () = woken => {}
                () = tokio::time::sleep(settings.idle_poll) => {}
                Some(ended) = slots.join_next(), if !slots.is_empty() => report_panic(ended),
                Some(ended) = small_slots.join_next(), if !small_slots.is_empty() => report_panic(ended),
            }
        }
        for mut slots in [slots, small_slots] {
            while let Some(ended) = slots.join_next().await {
                report_panic(ended);
            }
        }
        tracing::info!(worker = owner, "worker stopped");
    }

    /// Tells the workers of this process that a run was asked for. Call it after the commit; without it they look within a second.
    pub fn wake_workers(&self) {
        self.exchange().wake.notify_one();
    }

    /// Removes what is kept of runs that ended, once their ledgers have heard of it: the parts at once when they ended well or were called off, and everything, with the key,
    /// after the account's retention. Not while the clock is in doubt: a key that was destroyed too early does not come back.
    pub(super) async fn sweep_payload(&self) -> Result<(), StoreError> {
        let retention = self.exchange().settings.retention_ms();
        // At the beginning of time nobody's retention is over.
        let now = if self.exchange().clock_watch.trusts(self.clock().as_ref()) { self.now_ms() } else { 0 };
        // Before their keys go: it takes them to tell the ledger.
        for run_id in records::ended_with_payload(self.database(), retention, now).await? {
            self.remove_payload(&run_id).await;
        }
        let shredded = records::shred(self.database(), retention, now).await?;
        if shredded > 0 {
            tracing::info!(runs = shredded, "the keys of runs were destroyed after the retention");
        }
        for run_id in records::ended_with_payload(self.database(), retention, now).await? {
            self.remove_payload(&run_id).await;
        }
        self.sweep_uploads(now).await
    }

    /// Removes the parts of a run that has ended; its rejects stay. A failure is logged, and the sweeper tries again.
    pub(super) async fn remove_payload(&self, run_id: &RunId) {
        let removed = async {
            let prefix = super::payload_folder(run_id);
            self.settle_ledger(run_id).await?;
            match records::give_up_payload(self.database(), run_id).await? {
                None => return Ok(()),
                Some(records::Kept::Rejects) => {
                    self.payloads().remove_below_except(&prefix, &super::rejects_folder(&prefix)).await?;
                }
                Some(records::Kept::Nothing) => self.payloads().remove_below(&prefix).await?,
            }
            records::payload_removed(self.database(), run_id, self.now_ms()).await?;
            Ok::<_, RemovalError>(())
        };
        if let Err(error) = removed.await {
            tracing::warn!(run.id = %run_id, %error, "the payload of a run could not be removed");
        }
    }
}

#[derive(Debug, thiserror::Error)]
enum RemovalError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Payload(#[from] crate::store::PayloadError),
    #[error("the ledger could not be told what became of it: {0}")]
    Ledger(#[from] super::mirror::SettleError),
}

fn report_panic(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "a run's task ended abnormally; its lease will run out and it will be taken up again");
    }
}

async fn carry_out(hub: Hub, claim: Claim, stop: CancellationToken) {
    let run_id = claim.run.id.clone();
    let interrupts = hub.exchange().take_up(&run_id);
    let held = claim.held.clone();
    tracing::info!(run.id = %run_id, state = claim.run.state.as_str(), "run taken up");
    let mut carrier = Carrier::new(hub.clone(), claim);
    // Everything that the run does stops at its next await when one of these comes first: what was not recorded did not happen.
    let outcome = tokio::select! {
        biased;
        lost = keep_lease(&held, hub.exchange().settings.lease, &interrupts) => Err(lost),
        () = stop.cancelled() => Err(Stop::HandBack),
        () = interrupts.called_off.cancelled() => Err(Stop::Canceled),
        () = interrupts.paused.cancelled() => Err(Stop::Paused),
        outcome = carrier.carry_out() => outcome,
    };
    let ended = match outcome {
        Ok(()) => Ok(()),
        Err(stop_reason) => {
            // Ending takes a while when an endpoint has to be told; the lease is kept meanwhile.
            let never = Interrupts::default();
            tokio::select! {
                biased;
                lost = keep_lease(&held, hub.exchange().settings.lease, &never) => Err(lost),
                () = stop.cancelled(), if stop_reason.ends_the_run() => Err(Stop::HandBack),
                ended = carrier.end(stop_reason) => ended,
            }
        }
    };
    match ended {
        Ok(()) | Err(Stop::Lost) => {}
        Err(aside @ (Stop::Parked | Stop::PutAside(_))) => {
            let until = match aside {
                Stop::PutAside(until) => until,
                _ => hub.now_ms().saturating_add(LOOK_AGAIN_MS),
            };
            if let Err(error) = held.park(until, carrier.woken()).await {
                tracing::warn!(run.id = %run_id, %error, "the run could not be put aside; its lease will run out");
            }
        }
        Err(other) => {
            if let Err(error) = held.release(matches!(other, Stop::GiveWay)).await {
                tracing::warn!(run.id = %run_id, %error, "the run could not be handed back; its lease will run out");
            }
        }
    }
    // Of a failed run everything is kept, so that it can be gone on with.
    if carrier.state().is_final() && carrier.state() != RunState::Failed {
        hub.remove_payload(&run_id).await;
    }
    hub.exchange().put_down(&run_id);
    hub.exchange().wake.notify_one();
}

/// Renews the lease until it is lost; then says so. Interrupts the run when a person asked for that in another process.
async fn keep_lease(held: &Held, lease: Duration, interrupts: &Interrupts) -> Stop {
    let interval = (lease / 3).min(LONGEST_RENEWAL);
    let mut renewed = Instant::now();
    loop {
        tokio::time::sleep(interval).await;
        match held.renew(lease).await {
            Ok(asked) => {
                renewed = Instant::now();
                if asked.called_off {
                    interrupts.called_off.cancel();
                } else if asked.paused {
                    interrupts.paused.cancel();
                }
            }
            Err(HeldError::Lost) => {
                tracing::warn!("a run's lease is lost");
                return Stop::Lost;
            }
            Err(error) => {
                tracing::warn!(%error, "a lease could not be renewed");
                // Another worker may have it by now, even though the database does not tell.
                if renewed.elapsed() >= lease {
                    return Stop::Lost;
                }
            }
        }
    }
}
