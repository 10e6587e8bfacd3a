//! Opaque ids, each with the prefix that tells its table in a log line (contract, "Conventions").
//!
//! Ids are made by the hub (`hub::store`), never here: this module only parses and prints them.

use serde::{Deserialize, Serialize};

/// An id that is not of the expected kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected an id that starts with \"{expected}\"")]
pub struct WrongId {
    /// The prefix that the id should have had.
    pub expected: &'static str,
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// What every id of this kind starts with.
            pub const PREFIX: &'static str = $prefix;

            /// The id as it is written on the wire and in the database.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::str::FromStr for $name {
            type Err = WrongId;

            fn from_str(text: &str) -> Result<Self, WrongId> {
                let rest = text.strip_prefix($prefix).ok_or(WrongId { expected: $prefix })?;
                let legal = !rest.is_empty() && rest.len() <= 64 && rest.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
                if legal { Ok(Self(text.to_owned())) } else { Err(WrongId { expected: $prefix }) }
            }
        }

        impl TryFrom<String> for $name {
            type Error = WrongId;

            fn try_from(text: String) -> Result<Self, WrongId> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }
    )*};
}

ids! {
    /// A customer organisation.
    AccountId = "acc_";
    /// Something that people are told of.
    AlertId = "alr_";
    /// A program that is told of alerts.
    AlertWebhookId = "whk_";
    /// A message to a webhook.
    MessageId = "msg_";
    /// A person.
    UserId = "usr_";
    /// A place in an account that is kept for somebody.
    InvitationId = "inv_";
    /// Who a person is at an OpenID provider.
    IdentityId = "idn_";
    /// What an endpoint provider defines.
    ApplicationId = "app_";
    /// One connected instance of an application in one account.
    EndpointId = "ep_";
    /// What an endpoint shows when it calls Usher. The id is no secret.
    KeyId = "key_";
    /// A segment that a producer offers.
    AudienceId = "aud_";
    /// A standing instruction: audience to destination.
    ShareId = "shr_";
    /// Times at which nothing runs by itself.
    BlackoutId = "blk_";
    /// One execution of a share.
    RunId = "run_";
    /// Whom a mirror has sent to one segment.
    LedgerId = "led_";
    /// A mapping that is kept by name.
    TemplateId = "tpl_";
    /// One side's work within a run, as the contract names it.
    JobId = "job_";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_of_another_kind_is_refused() {
        assert!("run_018f".parse::<RunId>().is_ok());
        assert_eq!("shr_018f".parse::<RunId>(), Err(WrongId { expected: "run_" }));
        assert!("run_".parse::<RunId>().is_err());
        assert!("run_../../etc".parse::<RunId>().is_err());
    }
}
