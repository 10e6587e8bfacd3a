//! The one clock. Everything that asks for the time asks this, so that tests can move it.

use std::{
    sync::{
        LazyLock, Mutex, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
    time::Instant,
};

use chrono::{DateTime, SecondsFormat, Utc};

/// Tells the time.
pub trait Clock: Send + Sync + 'static {
    /// Milliseconds since 1970-01-01T00:00:00Z.
    fn now_ms(&self) -> i64;

    /// Milliseconds since some moment of this process, which go on evenly, whatever time the clock is set to.
    fn steady_ms(&self) -> i64;

    /// Whether it only tells the machine's time, so that another source of the true time may be asked instead.
    fn is_the_machines(&self) -> bool {
        false
    }
}

/// The machine's clock.
#[derive(Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now_ms(&self) -> i64 {
        Utc::now().timestamp_millis()
    }

    fn steady_ms(&self) -> i64 {
        static BEGINNING: LazyLock<Instant> = LazyLock::new(Instant::now);
        i64::try_from(BEGINNING.elapsed().as_millis()).unwrap_or(i64::MAX)
    }

    fn is_the_machines(&self) -> bool {
        true
    }
}

/// A clock that stands still until it is moved.
#[derive(Debug)]
pub struct ManualClock {
    now_ms: AtomicI64,
    steady_ms: AtomicI64,
}

impl ManualClock {
    /// Starts at that many milliseconds since 1970.
    pub fn at(ms: i64) -> Self {
        Self { now_ms: AtomicI64::new(ms), steady_ms: AtomicI64::new(0) }
    }

    /// Sets it, back too.
    pub fn set(&self, ms: i64) {
        self.now_ms.store(ms, Ordering::SeqCst);
    }

    /// Lets this time go by.
    pub fn advance(&self, by: std::time::Duration) {
        let by = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
        self.now_ms.fetch_add(by, Ordering::SeqCst);
        self.steady_ms.fetch_add(by, Ordering::SeqCst);
    }

    /// Sets it back, as a clock that was wrong is.
    pub fn set_back(&self, by: std::time::Duration) {
        self.now_ms.fetch_sub(i64::try_from(by.as_millis()).unwrap_or(i64::MAX), Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now_ms(&self) -> i64 {
        self.now_ms.load(Ordering::SeqCst)
    }

    fn steady_ms(&self) -> i64 {
        self.steady_ms.load(Ordering::SeqCst)
    }
}

/// Whether a clock may be trusted with what can't be undone. One that was just set (wrongly, or rightly at last) is left some time to be set right.
#[derive(Debug, Default)]
pub(crate) struct ClockWatch(Mutex<Option<Seen>>);

#[derive(Debug, Clone, Copy)]
struct Seen {
    now_ms: i64,
    steady_ms: i64,
    /// It is doubted until then, by the steady time.
    doubted_until: i64,
}

impl ClockWatch {
    /// More than clocks go wrong between two looks.
    const JUMP_MS: i64 = 5 * 60_000;
    /// How long a clock is doubted after it has jumped.
    const DOUBT_MS: i64 = 60 * 60_000;

    /// Looks at the clock. It has to be asked again and again: a jump is what one look finds since the last.
    pub(crate) fn trusts(&self, clock: &dyn Clock) -> bool {
        let (now_ms, steady_ms) = (clock.now_ms(), clock.steady_ms());
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut doubted_until = steady_ms;
        if let Some(before) = *seen {
            doubted_until = before.doubted_until;
            let jump_ms =
                now_ms.saturating_sub(before.now_ms).saturating_sub(steady_ms.saturating_sub(before.steady_ms));
            if jump_ms.saturating_abs() > Self::JUMP_MS {
                tracing::warn!(
                    jump_ms,
                    "the machine's clock was set; nothing that is kept for a time is destroyed within the next hour"
                );
                doubted_until = steady_ms.saturating_add(Self::DOUBT_MS);
            }
        }
        *seen = Some(Seen { now_ms, steady_ms, doubted_until });
        steady_ms >= doubted_until
    }
}

/// Milliseconds as RFC 3339 in UTC, the form of every time in the API and on the pages.
pub fn rfc3339(ms: i64) -> String {
    DateTime::<Utc>::from_timestamp_millis(ms).unwrap_or_default().to_rfc3339_opts(SecondsFormat::Millis, true)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn a_clock_that_was_set_is_doubted_for_an_hour_and_one_that_goes_on_is_not() {
        let (clock, watch) = (ManualClock::at(1_000_000_000), ClockWatch::default());
        assert!(watch.trusts(&clock), "there is nothing against it");
        clock.advance(MINUTE * 60 * 24 * 30);
        assert!(watch.trusts(&clock), "time has only gone by");
        clock.set(clock.now_ms() + 4 * 60_000);
        assert!(watch.trusts(&clock), "clocks are put right a little");
        clock.set(clock.now_ms() + 8 * 24 * 3_600_000);
        assert!(!watch.trusts(&clock));
        clock.advance(MINUTE * 59);
        assert!(!watch.trusts(&clock));
        // It is put right, which is a jump like any other.
        clock.set_back(MINUTE * 60 * 24 * 8);
        assert!(!watch.trusts(&clock));
        clock.advance(MINUTE * 59);
        assert!(!watch.trusts(&clock));
        clock.advance(MINUTE);
        assert!(watch.trusts(&clock));
    }
}
