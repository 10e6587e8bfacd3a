//! Who acts: the roles of an account, and who is signed in with which of them.

use serde::{Deserialize, Serialize};

use crate::id::{AccountId, UserId};

/// What a user may do in an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Looks.
    Viewer,
    /// Shares audiences.
    Member,
    /// Connects endpoints, manages people.
    Admin,
}

impl Role {
    /// The word in the database and on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Member => "member",
            Self::Admin => "admin",
        }
    }

    /// The role of that word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == word)
    }

    /// All of them, from the one that may do least.
    pub const ALL: [Self; 3] = [Self::Viewer, Self::Member, Self::Admin];

    /// "a viewer", "an admin".
    pub fn with_article(self) -> String {
        let article = if self == Self::Admin { "an" } else { "a" };
        format!("{article} {}", self.as_str())
    }

    /// What it allows, in a sentence.
    pub fn allows(self) -> &'static str {
        match self {
            Self::Viewer => "Sees everything but people's values, changes nothing.",
            Self::Member => "Shares audiences, and sees everything.",
            Self::Admin => "Connects endpoints and manages people, besides what members do.",
        }
    }
}

/// Who is signed in, in which account, with which role. Every call of the hub takes one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// The person.
    pub user_id: UserId,
    /// Their name.
    pub user_name: String,
    /// Their e-mail address.
    pub email: String,
    /// The account in which they act.
    pub account_id: AccountId,
    /// Its name.
    pub account_name: String,
    /// Their role in it.
    pub role: Role,
    /// They are an operator of the installation, whatever they may do in the account.
    #[serde(default)]
    pub is_operator: bool,
}
