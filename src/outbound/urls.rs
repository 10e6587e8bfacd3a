//! Where an endpoint answers: the contract's paths below one address, but for those that its application declared to be elsewhere.

use url::Url;

use super::{AddressGuard, CallError};

/// The addresses of one endpoint.
#[derive(Debug, Clone)]
pub struct ContractUrls {
    base: Url,
    own: Vec<(String, Url)>,
}

impl ContractUrls {
    /// All of the contract's paths stand below this address.
    pub fn below(base: Url) -> Self {
        Self { base, own: Vec::new() }
    }

    /// The same, but `v1/{resource}` and what stands below it is at this address.
    pub fn with(mut self, resource: &str, address: Url) -> Self {
        self.own.push((resource.to_owned(), address));
        self
    }

    /// Checks every one whose host is a literal address; the resolver checks names.
    pub(super) fn check(&self, guard: &AddressGuard) -> Result<(), CallError> {
        let all = std::iter::once(&self.base).chain(self.own.iter().map(|(_, address)| address));
        all.into_iter().try_for_each(|url| guard.check_literal(url)).map_err(CallError::from)
    }

    /// The address of one of the contract's paths.
    pub(super) fn of(&self, path: &[&str]) -> Url {
        let own = match path {
            ["v1", resource, rest @ ..] => {
                self.own.iter().find(|(known, _)| known == resource).map(|(_, address)| (address, rest))
            }
            _ => None,
        };
        let (address, rest) = own.unwrap_or((&self.base, path));
        let mut url = address.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(rest);
        }
        url
    }

    /// The contract's path of one of these addresses, for a log: what stands before it may be somebody's.
    pub(super) fn told(&self, url: &Url) -> String {
        let path = url.path();
        let below = |address: &Url| -> Option<String> {
            if url.origin() != address.origin() {
                return None;
            }
            let rest = path.strip_prefix(address.path().trim_end_matches('/'))?;
            (rest.is_empty() || rest.starts_with('/')).then(|| rest.trim_matches('/').to_owned())
        };
        let own = self.own.iter().find_map(|(resource, address)| Some((resource, below(address)?)));
        match own {
            Some((resource, rest)) if rest.is_empty() => format!("v1/{resource}"),
            Some((resource, rest)) => format!("v1/{resource}/{rest}"),
            None => below(&self.base).unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outbound::NotAllowed;

    #[test]
    fn a_resource_with_an_address_of_its_own_is_asked_there() {
        let url = |text: &str| Url::parse(text).expect("a URL");
        let urls = ContractUrls::below(url("https://crm.example.org/usher/"))
            .with("jobs", url("https://jobs.example.org/api/v2/jobs"));
        assert_eq!(
            urls.of(&["v1", "segments", "a/b?c"]).as_str(),
            "https://crm.example.org/usher/v1/segments/a%2Fb%3Fc"
        );
        assert_eq!(urls.of(&["v1", "jobs"]).as_str(), "https://jobs.example.org/api/v2/jobs");
        assert_eq!(
            urls.of(&["v1", "jobs", "job_1", "data", "1"]).as_str(),
            "https://jobs.example.org/api/v2/jobs/job_1/data/1"
        );
        let told = |path: &[&str]| urls.told(&urls.of(path));
        assert_eq!(told(&["v1", "jobs", "job_1", "data", "1"]), "v1/jobs/job_1/data/1");
        assert_eq!(told(&["v1", "jobs"]), "v1/jobs");
        assert_eq!(told(&["v1", "segments"]), "v1/segments");
        let inside = ContractUrls::below(url("https://crm.example.org/")).with("health", url("http://10.0.0.1/"));
        assert_eq!(inside.check(&AddressGuard::default()), Err(CallError::NotAllowed(NotAllowed::Private)));
    }
}
