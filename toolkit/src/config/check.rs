//! The file checked as a whole.

use std::path::Path;

use super::consumer::consumer;
use super::meeting::meeting;
use super::producer::producer;
use super::raw::RawConfig;
use super::store::store;
use super::{Config, ConfigError, wrong};

/// What the environment says where the file does not.
#[derive(Default)]
pub(super) struct Environment {
    pub(super) key: Option<String>,
    pub(super) database: Option<String>,
}

pub(super) fn check(raw: RawConfig, folder: &Path, environment: Environment) -> Result<Config, ConfigError> {
    if raw.name.trim().is_empty() {
        return Err(wrong("name", "is empty", "Write the name that people know the application by."));
    }
    let store = store(&raw, folder, environment.database)?;
    if raw.state.as_os_str().is_empty() {
        return Err(wrong("state", "is empty", "Write the path of a folder; it is made when it is not there."));
    }
    if raw.producer.is_none() && raw.consumer.is_none() {
        return Err(wrong(
            "producer",
            "and `consumer` are both missing",
            "Write a [producer] section, a [consumer] section, or both.",
        ));
    }
    let config = Config {
        meeting: meeting(&raw, folder, environment.key)?,
        state: folder.join(&raw.state),
        name: raw.name,
        description: raw.description,
        producer: raw.producer.map(|raw| producer(raw, &store)).transpose()?,
        consumer: raw.consumer.map(|raw| consumer(raw, &store)).transpose()?,
    };
    Ok(config)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use crate::config::example::{CONSUMER, HEAD, SEGMENT, USHER, error, read};
    use crate::config::meeting::KEY_VARIABLE;

    #[test]
    fn errors_name_the_key_and_the_remedy() {
        let cases = [
            (HEAD.to_owned(), "`producer` and `consumer` are both missing. Write a [producer]"),
            (format!("{HEAD}{SEGMENT}").replace("127.0.0.1:0", "localhost"), "`listen` is not an address"),
            (format!("{HEAD}{SEGMENT}").replace("sqlite:crm.db", "mysql://x"), "Write \"sqlite:\""),
            (
                format!("{HEAD}{SEGMENT}").replace("0123456789abcdef", "short"),
                "`authentication_key` is shorter than 16",
            ),
            (format!("{HEAD}{SEGMENT}").replace("authentication_key = \"0123456789abcdef\"\n", ""), KEY_VARIABLE),
            (format!("{HEAD}{SEGMENT}{SEGMENT}"), "`producer.segments[1].id` is \"all\" once more"),
            (format!("{HEAD}{SEGMENT}query = \"select 1\"\n"), "Write `table` or `query`"),
            (format!("{HEAD}{SEGMENT}colour = \"red\"\n"), "colour"),
            (
                format!("{HEAD}{SEGMENT}[[producer.fields]]\nname = \"x\"\ntype = \"emial\"\n"),
                "`producer.fields[0].type` is \"emial\"",
            ),
            (format!("{HEAD}{CONSUMER}[[consumer.fields]]\nname = \"phone\"\n"), "`consumer.key` is not one of"),
            (format!("{HEAD}{CONSUMER}").replace("\"lists\"", "\"contacts\""), "same name"),
            (format!("{HEAD}{CONSUMER}").replace("\"lists\"", "\"usher_parts\""), "choose another"),
            (
                format!("{HEAD}{CONSUMER}modes = [\"ADD\"]\n[[consumer.fields]]\nname = \"email\"\n"),
                "`consumer.modes` has \"ADD\"",
            ),
            (format!("{HEAD}{SEGMENT}{USHER}"), "`usher.own_url` is missing beside `listen`"),
            (format!("{HEAD}{SEGMENT}{USHER}own_url = \"crm.example.org\"\n"), "`usher.own_url` is not an address"),
            (
                format!("{HEAD}{SEGMENT}{USHER}own_url = \"http://crm/\"\n").replace("listen = \"127.0.0.1:0\"\n", ""),
                "`usher.own_url` is there, and `listen` is not",
            ),
        ];
        for (text, expected) in cases {
            let error = error(&text);
            assert!(error.contains(expected), "expected {expected:?} in {error:?}");
        }
    }

    #[test]
    fn the_key_appears_nowhere_in_the_configuration() {
        let config = read(&format!("{HEAD}{SEGMENT}")).unwrap();
        assert!(!format!("{config:?}").contains("0123456789abcdef"));
    }
}
