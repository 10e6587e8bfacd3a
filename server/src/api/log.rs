//! Each endpoint's log of calls: what its key was shown for. Never a value: of the path only what the route itself says, and ids of Usher's own.

use std::{
    sync::{Arc, OnceLock},
    time::Instant,
};

use axum::{
    extract::{MatchedPath, Request, State},
    middleware::Next,
    response::Response,
};
use hub::{Hub, registry::EndpointActor};
use model::id::JobId;

/// Whose key it was, once that is known.
#[derive(Debug, Clone, Default)]
pub(crate) struct KnownCaller(Arc<OnceLock<EndpointActor>>);

impl KnownCaller {
    /// Who calls. The same for the whole request, however often it is looked for.
    pub(crate) fn tell(&self, endpoint: &EndpointActor) {
        self.0.get_or_init(|| endpoint.clone());
    }
}

/// Logs a request whose key was somebody's.
pub(crate) async fn calls(State(hub): State<Hub>, mut request: Request, next: Next) -> Response {
    let begun = Instant::now();
    let caller = KnownCaller::default();
    request.extensions_mut().insert(caller.clone());
    let method = request.method().to_string();
    let route = request.extensions().get::<MatchedPath>().map_or("", MatchedPath::as_str);
    let path = told(route, request.uri().path());
    let response = next.run(request).await;
    if let Some(endpoint) = caller.0.get() {
        hub.log_call_of_endpoint(endpoint, &method, path, response.status().as_u16(), begun.elapsed());
    }
    response
}

/// The route, with the ids of jobs and the numbers of parts in their places.
fn told(route: &str, path: &str) -> String {
    let place = |(of_route, of_path): (&str, &str)| match of_route {
        "{job}" if of_path.parse::<JobId>().is_ok() => of_path.to_owned(),
        "{part}" if of_path.parse::<u32>().is_ok() => of_path.to_owned(),
        _ => of_route.to_owned(),
    };
    let places: Vec<String> = route.split('/').zip(path.split('/')).map(place).collect();
    places.join("/").trim_start_matches('/').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_in_a_path_is_told_only_when_it_is_no_value() {
        assert_eq!(told("/v1/jobs/{job}/data/{part}", "/v1/jobs/job_1/data/3"), "v1/jobs/job_1/data/3");
        let odd = told("/v1/jobs/{job}/data/{part}", "/v1/jobs/ann@example.org/data/three");
        assert_eq!(odd, "v1/jobs/{job}/data/{part}");
        let segment = told("/v1/endpoint/{endpoint}/segments/{segment}", "/v1/endpoint/ep_1/segments/ann@example.org");
        assert_eq!(segment, "v1/endpoint/{endpoint}/segments/{segment}");
    }
}
