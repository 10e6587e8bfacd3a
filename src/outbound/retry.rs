//! When a call that failed is made again, and when it is given up. Pure: it waits for nothing and knows no endpoint.

use std::time::Duration;

use rand::RngExt;

/// How calls to endpoints are tried again. Exponential with jitter; what an endpoint asks for (`Retry-After`) goes first.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RetryPolicy {
    /// Before the first repeat.
    pub base: Duration,
    /// How much longer each next delay is.
    pub factor: f64,
    /// The longest delay that Usher itself chooses.
    pub max_delay: Duration,
    /// The longest delay that an endpoint is granted by `Retry-After`.
    pub max_retry_after: Duration,
    /// Repeats of one call at most.
    pub max_retries: u32,
    /// Time that the repeats of one call may take in all; a repeat that would begin later is not made.
    pub max_elapsed: Duration,
    /// How much a delay is varied, as a share of it: 0.2 is from 80 % to 120 %.
    pub jitter: f64,
    /// How often the source is read again from the start when it broke off or its counts do not agree.
    pub max_reads_again: u32,
}

impl Default for RetryPolicy {
    /// About ten minutes in all.
    fn default() -> Self {
        Self {
            base: Duration::from_secs(1),
            factor: 2.0,
            max_delay: Duration::from_secs(60),
            max_retry_after: Duration::from_secs(300),
            max_retries: 20,
            max_elapsed: Duration::from_secs(600),
            jitter: 0.2,
            max_reads_again: 3,
        }
    }
}

impl RetryPolicy {
    /// Milliseconds instead of minutes, for tests.
    pub fn fast() -> Self {
        Self {
            base: Duration::from_millis(2),
            factor: 1.5,
            max_delay: Duration::from_millis(20),
            max_retry_after: Duration::from_millis(40),
            max_retries: 6,
            max_elapsed: Duration::from_secs(20),
            jitter: 0.2,
            max_reads_again: 1,
        }
    }

    /// How long an endpoint is left alone after so many calls, of whichever run, have failed one after the other.
    pub fn rest(&self, failures: u32) -> Duration {
        self.varied(self.grown(failures))
    }

    /// No wait is longer, whoever asked for it.
    pub fn longest_wait(&self) -> Duration {
        let longest = self.max_delay.as_secs_f64() * (1.0 + self.jitter);
        Duration::try_from_secs_f64(longest).unwrap_or(Duration::MAX).max(self.max_retry_after)
    }

    fn grown(&self, retry: u32) -> f64 {
        let exponent = i32::try_from(retry.saturating_sub(1)).unwrap_or(i32::MAX);
        (self.base.as_secs_f64() * self.factor.powi(exponent)).min(self.max_delay.as_secs_f64())
    }

    fn varied(&self, seconds: f64) -> Duration {
        let varied = seconds * (1.0 + self.jitter * rand::rng().random_range(-1.0..=1.0));
        Duration::try_from_secs_f64(varied).unwrap_or(self.max_delay)
    }

    /// How long to wait before repeat number `retry` (from 1), or none when the call is to be given up. `elapsed` is the time since
    /// the first attempt began, `asked` what the endpoint asked for.
    pub fn delay(&self, retry: u32, elapsed: Duration, asked: Option<Duration>) -> Option<Duration> {
        if retry > self.max_retries {
            return None;
        }
        let mut delay = self.varied(self.grown(retry));
        if let Some(asked) = asked {
            // Never sooner than asked for, within reason; and never at once, whatever it says.
            delay = asked.min(self.max_retry_after).max(self.base);
        }
        (elapsed + delay <= self.max_elapsed).then_some(delay)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steady() -> RetryPolicy {
        RetryPolicy { jitter: 0.0, ..RetryPolicy::default() }
    }

    #[test]
    fn delays_grow_to_their_limit() {
        let seconds: Vec<u64> = (1..=8)
            .filter_map(|retry| steady().delay(retry, Duration::ZERO, None))
            .map(|delay| delay.as_secs())
            .collect();
        assert_eq!(seconds, [1, 2, 4, 8, 16, 32, 60, 60]);
    }

    #[test]
    fn what_the_endpoint_asks_for_goes_first_within_reason() {
        let asked = |seconds| steady().delay(1, Duration::ZERO, Some(Duration::from_secs(seconds)));
        assert_eq!(asked(20), Some(Duration::from_secs(20)));
        assert_eq!(asked(0), Some(Duration::from_secs(1)));
        assert_eq!(asked(86_400), Some(Duration::from_secs(300)));
    }

    #[test]
    fn it_gives_up_after_a_number_of_repeats_or_a_time() {
        assert_eq!(steady().delay(21, Duration::ZERO, None), None);
        assert_eq!(steady().delay(1, Duration::from_secs(600), None), None);
        assert!(steady().delay(1, Duration::from_secs(599), None).is_some());
    }

    #[test]
    fn jitter_stays_within_its_share() {
        let policy = RetryPolicy { jitter: 0.2, ..RetryPolicy::default() };
        for _ in 0..200 {
            let delay = policy.delay(3, Duration::ZERO, None).expect("within the limits").as_secs_f64();
            assert!((3.2..=4.8).contains(&delay), "{delay}");
        }
    }
}
