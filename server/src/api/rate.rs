//! How many requests an endpoint key may make. Every answer says how many are left; one too many is told when to come again.

use std::{
    num::NonZeroU32,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use governor::{
    Quota, RateLimiter,
    clock::{Clock, DefaultClock},
    middleware::StateInformationMiddleware,
    state::keyed::HashMapStateStore,
};
use http::{HeaderName, HeaderValue, StatusCode};

use super::problem::ApiError;

/// After so many requests the keys that were not used lately are forgotten.
const FORGET_EVERY: u32 = 10_000;

type Limiter = RateLimiter<Vec<u8>, HashMapStateStore<Vec<u8>>, DefaultClock, StateInformationMiddleware>;

/// The requests of all keys.
pub(crate) struct Rate {
    per_minute: NonZeroU32,
    limiter: Limiter,
    requests: AtomicU32,
}

impl Rate {
    /// So many requests a minute for each key; as many at once.
    pub(crate) fn new(per_minute: NonZeroU32) -> Arc<Self> {
        let limiter = RateLimiter::hashmap(Quota::per_minute(per_minute)).with_middleware();
        Arc::new(Self { per_minute, limiter, requests: AtomicU32::new(0) })
    }

    /// How many more may come now, or after how many seconds the next may.
    fn take(&self, key: &[u8]) -> Result<u32, u64> {
        if self.requests.fetch_add(1, Ordering::Relaxed).is_multiple_of(FORGET_EVERY) {
            self.limiter.retain_recent();
        }
        // Keys are never kept as they are, not even here.
        let key = sha256(key);
        match self.limiter.check_key(&key) {
            Ok(state) => Ok(state.remaining_burst_capacity()),
            Err(until) => Err(until.wait_time_from(DefaultClock::default().now()).as_secs() + 1),
        }
    }
}

fn sha256(key: &[u8]) -> Vec<u8> {
    use sha2::Digest;
    sha2::Sha256::digest(key).to_vec()
}

/// Counts a request against its key's limit.
pub(crate) async fn limit(State(rate): State<Arc<Rate>>, request: Request, next: Next) -> Response {
    let key = super::request::bearer(request.headers()).unwrap_or_default();
    let (mut response, left) = match rate.take(key.as_bytes()) {
        Ok(left) => (next.run(request).await, left),
        Err(seconds) => {
            let detail = format!("An endpoint key may make {} requests a minute. Come again later.", rate.per_minute);
            let error = ApiError::slow_down(StatusCode::TOO_MANY_REQUESTS, detail, seconds);
            (error.into_response(), 0)
        }
    };
    let headers = response.headers_mut();
    headers.insert(HeaderName::from_static("ratelimit-limit"), HeaderValue::from(rate.per_minute.get()));
    headers.insert(HeaderName::from_static("ratelimit-remaining"), HeaderValue::from(left));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_key_has_a_limit_of_its_own() {
        let rate = Rate::new(NonZeroU32::new(2).expect("more than none"));
        assert_eq!((rate.take(b"one"), rate.take(b"one")), (Ok(1), Ok(0)));
        let wait = rate.take(b"one").expect_err("one too many");
        assert!((1..=31).contains(&wait), "{wait}");
        assert_eq!(rate.take(b"other"), Ok(1));
    }
}
