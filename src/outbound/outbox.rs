//! Outboxes: messages that a room has written down, and that whichever process claims them sends. How many at once, when one that was not taken is
//! sent again, and when its receiver is given up. Where messages stand, what they say, and what is noted of them is the matter of the room whose they
//! are.

use std::{fmt::Display, future::Future, time::Duration};

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::RetryPolicy;

/// Messages of one outbox that this process sends at once.
const AT_ONCE: usize = 8;
/// How often what another process wrote down, or what is due again, is looked for.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How long attempts that are under way may take when the process is told to stop.
const STOP_PATIENCE: Duration = Duration::from_secs(5);

/// What a room has to send.
pub(crate) trait Outbox: Clone + Send + Sync + 'static {
    /// A message that was claimed.
    type Message: Send + 'static;
    /// Why none can be claimed.
    type Error: Display + Send;

    /// Claims a message that is due, for long enough to send it.
    fn claim(&self) -> impl Future<Output = Result<Option<Self::Message>, Self::Error>> + Send;

    /// Sends it, and notes what became of it. What can't be noted is sent again.
    fn send(&self, message: Self::Message) -> impl Future<Output = ()> + Send;

    /// Ends when something may have been written down since this was called.
    fn woken(&self) -> impl Future<Output = ()> + Send {
        std::future::pending()
    }
}

/// Sends what is in an outbox until `stop` is cancelled.
pub(crate) async fn send_all<O: Outbox>(outbox: O, stop: CancellationToken) {
    let mut under_way = JoinSet::new();
    loop {
        // Listening begins before looking, so that nothing is missed in between.
        let woken = outbox.woken();
        while under_way.len() < AT_ONCE {
            match outbox.claim().await {
                Ok(Some(message)) => {
                    let outbox = outbox.clone();
                    under_way.spawn(async move { outbox.send(message).await });
                }
                Ok(None) => break,
                Err(error) => {
                    tracing::error!(%error, "messages could not be looked for");
                    break;
                }
            }
        }
        tokio::select! {
            () = stop.cancelled() => break,
            () = woken => {}
            () = tokio::time::sleep(LOOK_EVERY) => {}
            Some(ended) = under_way.join_next(), if !under_way.is_empty() => {
                if let Err(error) = ended {
                    tracing::error!(%error, "sending a message ended abnormally; it is sent again");
                }
            }
        }
    }
    // What is cut off is sent again later.
    let end = async { while under_way.join_next().await.is_some() {} };
    let _ended_or_not = tokio::time::timeout(STOP_PATIENCE, end).await;
}

/// Sends what is due now, one after the other; how many there were. For tests that move the clock.
#[cfg(test)]
pub(crate) async fn send_due<O: Outbox>(outbox: O) -> usize {
    let mut sent = 0;
    while let Some(message) = outbox.claim().await.map_err(|error| error.to_string()).expect("claims") {
        outbox.send(message).await;
        sent += 1;
    }
    sent
}

/// When a message is sent again that was not taken at `now`, after so many attempts since it was written down; none when that was tried for long enough.
/// `asked` is what the receiver asked for.
pub(crate) fn again_at(
    calls: &RetryPolicy,
    attempts: u32,
    written_at: i64,
    now: i64,
    asked: Option<Duration>,
) -> Option<i64> {
    let elapsed = Duration::from_millis(u64::try_from(now - written_at).unwrap_or(0));
    let delay = patient(calls).delay(attempts, elapsed, asked)?;
    Some(now.saturating_add(i64::try_from(delay.as_millis()).unwrap_or(i64::MAX)))
}

/// Quick at first, then ever more rarely, for about three days: a receiver may be away over a weekend.
fn patient(calls: &RetryPolicy) -> RetryPolicy {
    RetryPolicy {
        base: calls.base * 5,
        factor: 4.0,
        max_delay: Duration::from_secs(6 * 3600),
        max_retry_after: Duration::from_secs(3600),
        max_retries: 20,
        max_elapsed: Duration::from_secs(3 * 24 * 3600),
        ..*calls
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    };

    use tokio::sync::{Notify, Semaphore};

    use super::*;

    const HOUR_MS: i64 = 3_600_000;

    #[test]
    fn a_message_is_sent_again_for_a_weekend_and_no_longer() {
        let calls = RetryPolicy { jitter: 0.0, ..RetryPolicy::default() };
        let (mut now, mut waits) = (0, Vec::new());
        for attempt in 1.. {
            let Some(at) = again_at(&calls, attempt, 0, now, None) else { break };
            waits.push((at - now) / 1000);
            now = at;
        }
        assert_eq!(waits[..6], [5, 20, 80, 320, 1_280, 5_120]);
        assert_eq!(waits.iter().max(), Some(&(6 * 3600)));
        assert!((66 * HOUR_MS..72 * HOUR_MS).contains(&now), "{now}");
        assert_eq!(again_at(&calls, 1, 0, 1_000, Some(Duration::from_secs(7_200))), Some(1_000 + HOUR_MS));
        assert_eq!(
            again_at(&calls, 1, 50_000, 0, None),
            Some(5_000),
            "a clock that was set back makes nobody wait longer"
        );
    }

    /// Messages in memory; each is sent when the test lets it.
    #[derive(Clone, Default)]
    struct Letters {
        due: Arc<Mutex<Vec<u32>>>,
        written: Arc<Notify>,
        sent: Arc<Mutex<Vec<u32>>>,
        most_at_once: Arc<AtomicUsize>,
        at_once: Arc<AtomicUsize>,
        looked: Arc<AtomicUsize>,
        let_go: Arc<Option<Semaphore>>,
    }

    impl Outbox for Letters {
        type Message = u32;
        type Error = String;

        async fn claim(&self) -> Result<Option<u32>, String> {
            self.looked.fetch_add(1, Ordering::SeqCst);
            match self.due.lock().map_err(|_| "is poisoned")?.pop() {
                Some(13) => Err("nobody claims this one".to_owned()),
                other => Ok(other),
            }
        }

        async fn send(&self, message: u32) {
            let now = self.at_once.fetch_add(1, Ordering::SeqCst) + 1;
            self.most_at_once.fetch_max(now, Ordering::SeqCst);
            if let Some(let_go) = &*self.let_go {
                let_go.acquire().await.expect("is open").forget();
            }
            self.at_once.fetch_sub(1, Ordering::SeqCst);
            assert_ne!(message, 99, "this one is too heavy");
            self.sent.lock().expect("locks").push(message);
        }

        fn woken(&self) -> impl Future<Output = ()> + Send {
            self.written.notified()
        }
    }

    async fn until(mut is_so: impl FnMut() -> bool) {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    impl Letters {
        fn held() -> Self {
            Self { let_go: Arc::new(Some(Semaphore::new(0))), ..Self::default() }
        }

        fn release(&self, many: usize) {
            if let Some(let_go) = &*self.let_go {
                let_go.add_permits(many);
            }
        }

        fn sent(&self) -> usize {
            self.sent.lock().expect("locks").len()
        }
    }

    #[tokio::test]
    async fn at_most_eight_are_sent_at_once_and_none_is_kept_from_it_by_another() {
        let letters = Letters::held();
        // The first can't be claimed, the next one breaks off.
        *letters.due.lock().expect("locks") = (20..40).chain([99, 13]).collect();
        let stop = CancellationToken::new();
        let sending = tokio::spawn(send_all(letters.clone(), stop.clone()));
        until(|| letters.at_once.load(Ordering::SeqCst) == AT_ONCE).await;
        letters.release(21);
        until(|| letters.sent() == 20).await;
        assert_eq!(letters.most_at_once.load(Ordering::SeqCst), AT_ONCE);
        stop.cancel();
        sending.await.expect("ends");
    }

    #[tokio::test]
    async fn what_is_written_down_is_sent_at_once_and_a_stop_waits_for_what_is_under_way() {
        let letters = Letters::held();
        let stop = CancellationToken::new();
        let begun = tokio::time::Instant::now();
        let sending = tokio::spawn(send_all(letters.clone(), stop.clone()));
        // It is listened to from the first look on.
        until(|| letters.looked.load(Ordering::SeqCst) > 0).await;
        letters.due.lock().expect("locks").push(1);
        letters.written.notify_waiters();
        until(|| letters.at_once.load(Ordering::SeqCst) == 1).await;
        assert!(begun.elapsed() < LOOK_EVERY, "nobody waited for the next look");
        stop.cancel();
        letters.due.lock().expect("locks").push(2);
        letters.release(2);
        sending.await.expect("ends");
        assert_eq!(*letters.sent.lock().expect("locks"), [1], "and nothing more is begun");
    }
}
