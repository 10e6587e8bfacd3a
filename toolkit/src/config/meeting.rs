//! Who calls whom, where, and with which key.

use std::path::Path;

use url::Url;

use super::raw::{RawConfig, RawUsher};
use super::{ConfigError, KeyDigest, Meeting, Registration, SecretText, UsherConfig, secret, wrong};

/// Where the authentication key is looked for when the file does not say.
pub(super) const KEY_VARIABLE: &str = "USHER_TOOLKIT_AUTHENTICATION_KEY";
/// Where the key for Usher is looked for when the file does not say.
const ENDPOINT_KEY_VARIABLE: &str = "USHER_ENDPOINT_KEY";

pub(super) fn meeting(
    raw: &RawConfig,
    folder: &Path,
    key_of_environment: Option<String>,
) -> Result<Meeting, ConfigError> {
    match (&raw.listen, &raw.usher) {
        (Some(listen), usher) => {
            let listen = listen.parse().map_err(|_| {
                wrong("listen", "is not an address with a port", "Write for instance \"127.0.0.1:4010\".")
            })?;
            let key = authentication_key(raw, folder, key_of_environment)?;
            let registration = usher.as_ref().map(|usher| registration(usher, folder, &key)).transpose()?;
            Ok(Meeting::Served { listen, key: KeyDigest::of(&key.0), registration })
        }
        (None, Some(usher)) if usher.own_url.is_some() => Err(wrong(
            "usher.own_url",
            "is there, and `listen` is not",
            "Write `listen`, too, when Usher calls this endpoint, or leave it out when this endpoint calls Usher.",
        )),
        (None, Some(usher)) => Ok(Meeting::Calling(calling(usher, folder)?)),
        (None, None) => Err(wrong(
            "listen",
            "is missing, and so is [usher]",
            "Write `listen` when Usher calls this endpoint, or [usher] when this endpoint calls Usher.",
        )),
    }
}

fn registration(raw: &RawUsher, folder: &Path, key: &SecretText) -> Result<Registration, ConfigError> {
    let own_url = raw.own_url.as_ref().ok_or_else(|| {
        wrong(
            "usher.own_url",
            "is missing beside `listen`",
            "Say where Usher reaches this program, for instance \"https://crm.example.org/\", or leave `listen` out when this endpoint calls Usher.",
        )
    })?;
    Ok(Registration {
        usher: calling(raw, folder)?,
        own_url: web_address("usher.own_url", own_url)?,
        authentication_key: key.clone(),
    })
}

/// An address below which paths stand.
fn web_address(name: &str, text: &str) -> Result<Url, ConfigError> {
    let mut url: Url = text
        .parse()
        .map_err(|_| wrong(name, "is not an address", "Write for instance \"https://usher.example.org/\"."))?;
    if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
        return Err(wrong(name, "is not an address of the web", "Begin it with https:// or http://."));
    }
    if !url.path().ends_with('/') {
        let path = format!("{}/", url.path());
        url.set_path(&path);
    }
    Ok(url)
}

fn calling(raw: &RawUsher, folder: &Path) -> Result<UsherConfig, ConfigError> {
    let url = web_address("usher.url", &raw.url)?;
    let (name, key) = match (&raw.endpoint_key, &raw.endpoint_key_file, std::env::var(ENDPOINT_KEY_VARIABLE).ok()) {
        (Some(_), Some(_), _) => {
            return Err(wrong(
                "usher.endpoint_key",
                "and `usher.endpoint_key_file` are both there",
                "Keep one of the two.",
            ));
        }
        (Some(key), None, _) => ("usher.endpoint_key", key.clone()),
        (None, Some(file), _) => ("usher.endpoint_key_file", secret(&folder.join(file))?),
        (None, None, Some(key)) => (ENDPOINT_KEY_VARIABLE, key),
        (None, None, None) => {
            let remedy = format!(
                "Make it on the endpoint's page in Usher, and write it, or `endpoint_key_file`, or set {ENDPOINT_KEY_VARIABLE}."
            );
            return Err(wrong("usher.endpoint_key", "is missing", remedy));
        }
    };
    if key.is_empty() || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(wrong(name, "is not a key", "Make one on the endpoint's page in Usher, and copy all of it."));
    }
    Ok(UsherConfig { url, key: SecretText(key) })
}

fn authentication_key(
    raw: &RawConfig,
    folder: &Path,
    of_environment: Option<String>,
) -> Result<SecretText, ConfigError> {
    let remedy = "Give at least 16 characters without spaces, for instance from `openssl rand -hex 24`.";
    let (key_name, key) = match (&raw.authentication_key, &raw.authentication_key_file, of_environment) {
        (Some(_), Some(_), _) => {
            return Err(wrong(
                "authentication_key",
                "and `authentication_key_file` are both there",
                "Keep one of the two.",
            ));
        }
        (Some(key), None, _) => ("authentication_key", key.clone()),
        (None, Some(file), _) => ("authentication_key_file", secret(&folder.join(file))?),
        (None, None, Some(key)) => (KEY_VARIABLE, key),
        (None, None, None) => {
            return Err(wrong(
                "authentication_key",
                "is missing",
                format!("Write it, or `authentication_key_file`, or set {KEY_VARIABLE} in the environment."),
            ));
        }
    };
    if key.len() < 16 {
        return Err(wrong(key_name, "is shorter than 16 characters", remedy));
    }
    if !key.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(wrong(key_name, "has spaces or characters that cannot stand in an HTTP header", remedy));
    }
    Ok(SecretText(key))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use crate::config::example::{HEAD, SEGMENT, USHER, read};

    #[test]
    fn a_served_endpoint_can_tell_usher_where_it_is() {
        let config = read(&format!("{HEAD}{SEGMENT}{USHER}own_url = \"http://crm:4010\"\n")).unwrap();
        let shown = format!("{config:?}");
        let Meeting::Served { registration: Some(registration), .. } = config.meeting else { panic!("{shown}") };
        assert_eq!(registration.own_url.as_str(), "http://crm:4010/");
        assert_eq!(registration.usher.url.as_str(), "https://usher.example.org/");
        assert_eq!(registration.authentication_key.0, "0123456789abcdef");
        assert!(!shown.contains("0123456789abcdef") && !shown.contains("usher_key_1"), "{shown}");
    }
}
