//! The people of an account: who is in it and who is invited, the forms with which that is changed, and what was done with them when.

use serde::{Deserialize, Serialize};

use crate::{
    id::{AccountId, IdentityId, InvitationId, UserId},
    view::{Actor, Role},
};

/// Who is signed in, and where else they could act.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Presence {
    /// The person, in the account in which they act.
    pub actor: Actor,
    /// Every account that they are in, by name.
    pub accounts: Vec<AccountChoice>,
}

/// An account that a person is in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountChoice {
    /// Which one.
    pub id: AccountId,
    /// Its name.
    pub name: String,
    /// The person's role in it.
    pub role: Role,
}

/// Everybody in an account, and who is to come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeopleView {
    /// Who is in it, by name.
    pub people: Vec<PersonView>,
    /// Invitations that nobody has taken yet, the newest first. Only admins are told.
    pub invitations: Vec<InvitationView>,
    /// What was done, the newest first. Only admins are told.
    pub events: Vec<PeopleEvent>,
}

/// A person in an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PersonView {
    /// Who.
    pub id: UserId,
    /// Their name.
    pub name: String,
    /// Their e-mail address.
    pub email: String,
    /// What they may do.
    pub role: Role,
    /// Since when they are in the account; RFC 3339.
    pub since: String,
    /// It is the person who looks.
    pub is_self: bool,
    /// Nobody else is an admin: their role can't be changed, and they can't go.
    pub is_last_admin: bool,
}

/// An invitation that nobody has taken yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InvitationView {
    /// Which one.
    pub id: InvitationId,
    /// Whom it is for.
    pub email: String,
    /// The role that they will have.
    pub role: Role,
    /// Who invited them.
    pub invited_by: String,
    /// When; RFC 3339.
    pub created_at: String,
    /// Until when it can be taken; RFC 3339.
    pub expires_at: String,
    /// That time has passed.
    pub has_expired: bool,
}

/// What the link of an invitation is made of. Whoever has it can take the invitation.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InvitationToken(pub String);

/// An invitation with its link, for the admin who sends it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InvitationLink {
    /// What it is.
    pub invitation: InvitationView,
    /// Absent when it can't be shown any more, because the master key has changed since.
    pub token: Option<InvitationToken>,
}

/// An invitation as whoever has its link sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invited {
    /// The account's name.
    pub account_name: String,
    /// Whom it is for.
    pub email: String,
    /// The role that they will have.
    pub role: Role,
    /// Who invited them.
    pub invited_by: String,
    /// Until when it can be taken; RFC 3339.
    pub expires_at: String,
}

/// What was done with the people of an account, by whom and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeopleEvent {
    /// RFC 3339.
    pub at: String,
    /// Who did it, by the name of then.
    pub by: String,
    /// What.
    pub step: PeopleStep,
}

/// One thing that is done with the people of an account. People are named as they were then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "snake_case")]
pub enum PeopleStep {
    /// Somebody was invited.
    Invited {
        /// Their address.
        email: String,
        /// The role they will have.
        role: Role,
    },
    /// An invitation was taken back.
    Withdrawn {
        /// Whom it was for.
        email: String,
    },
    /// Somebody took an invitation. It was done by who joined.
    Joined {
        /// The address of who joined.
        email: String,
        /// Whom the invitation was for.
        invited: String,
        /// Their role.
        role: Role,
    },
    /// A role was changed.
    RoleChanged {
        /// Whose.
        name: String,
        /// What it was.
        from: Role,
        /// What it is.
        to: Role,
    },
    /// Somebody was removed.
    Removed {
        /// Who.
        name: String,
        /// Their address.
        email: String,
    },
    /// Somebody left by themselves.
    Left {
        /// Their address.
        email: String,
    },
    /// From now on somebody can sign in at the OpenID provider. It was done by themselves.
    IdentityConnected {
        /// Their address here.
        email: String,
        /// What the provider is called.
        provider: String,
    },
    /// Somebody can't sign in with an identity at an OpenID provider any more. It was done by themselves.
    IdentityDisconnected {
        /// Their address here.
        email: String,
        /// What the provider is called.
        provider: String,
    },
    /// Somebody who had no password has set one.
    PasswordSet {
        /// Their address.
        email: String,
    },
}

impl PeopleStep {
    /// What was done, to be said after the name of who did it.
    pub fn sentence(&self) -> String {
        match self {
            Self::Invited { email, role } => format!("invited {email} as {}", role.with_article()),
            Self::Withdrawn { email } => format!("withdrew the invitation of {email}"),
            Self::Joined { email, invited, role } if email == invited => {
                format!("({email}) joined as {}", role.with_article())
            }
            Self::Joined { email, invited, role } => {
                format!("({email}) joined as {}, with the invitation of {invited}", role.with_article())
            }
            Self::RoleChanged { name, from, to } => {
                format!("made {name} {}, who was {}", to.with_article(), from.with_article())
            }
            Self::Removed { name, email } => format!("removed {name} ({email})"),
            Self::Left { email } => format!("({email}) left the account"),
            Self::IdentityConnected { email, provider } => format!("({email}) connected their sign-in at {provider}"),
            Self::IdentityDisconnected { email, provider } => {
                format!("({email}) disconnected their sign-in at {provider}")
            }
            Self::PasswordSet { email } => format!("({email}) set a password"),
        }
    }
}

/// The form of somebody who takes an invitation and has not signed up yet.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JoinSignUp {
    /// Their name.
    pub user_name: String,
    /// Their e-mail address.
    pub email: String,
    /// At least 12 characters.
    pub password: String,
}

/// How people can come in here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaysIn {
    /// What the OpenID provider is called at which one can sign in.
    pub provider: Option<String>,
    /// One can sign in, and sign up, with a password.
    pub passwords: bool,
    /// Who was not invited can sign up.
    pub sign_up: bool,
}

/// Somebody has signed in at the provider for the first time, and it is to be said who that is here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unconnected {
    /// What the provider is called.
    pub provider: String,
    /// What it calls the person.
    pub name: String,
    /// Their address there; whether it is theirs only the provider knows.
    pub email: String,
    /// What comes next.
    pub step: NextStep,
}

/// How somebody goes on whose identity at the provider nobody has here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "snake_case")]
pub enum NextStep {
    /// They are signed in: whether it is to be theirs.
    Connect {
        /// Their name here.
        user_name: String,
        /// Their address here.
        user_email: String,
    },
    /// Somebody here has this address: the password shows whether it is they.
    Prove,
    /// Somebody here has this address, but no password: they sign in as they did before, and connect this one then.
    OtherWay,
    /// They make an account.
    SignUp,
    /// Here only those who were invited come in.
    Uninvited,
    /// The provider does not say that the address is theirs.
    Unverified,
}

/// Why somebody can't come in whose address the provider has not verified.
pub fn unverified(provider: &str, email: Option<&str>) -> String {
    match email.filter(|email| !email.is_empty()) {
        Some(email) => format!(
            "{provider} does not say that {email} is really your address, and without that nobody is let in by it. Have it confirmed there, and sign in again."
        ),
        None => format!(
            "{provider} does not tell your e-mail address, and without one nobody is let in. Whoever runs it can allow that."
        ),
    }
}

/// How a person signs in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignInWays {
    /// How one can come in here.
    pub here: WaysIn,
    /// They have a password.
    pub has_password: bool,
    /// Who they are at OpenID providers, the oldest first.
    pub identities: Vec<IdentityView>,
}

/// Who a person is at an OpenID provider.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdentityView {
    /// Which one.
    pub id: IdentityId,
    /// What the provider is called.
    pub provider: String,
    /// Their address there, when it was last told.
    pub email: Option<String>,
    /// Since when they can sign in with it; RFC 3339.
    pub since: String,
    /// When they last did; RFC 3339.
    pub last_used_at: Option<String>,
    /// The installation has another provider by now, or none: nobody signs in with it.
    pub is_former: bool,
    /// It is the only way in that the person has.
    pub is_last_way: bool,
}

/// The form of one's own name and address.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeProfile {
    /// The name.
    pub user_name: String,
    /// The address, with which one signs in.
    pub email: String,
    /// The present password; asked for when the address changes.
    pub email_password: String,
}

/// The form of a new password.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangePassword {
    /// The present one.
    pub current_password: String,
    /// The new one.
    pub new_password: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_done_reads_as_a_sentence() {
        let steps = [
            (
                PeopleStep::Invited { email: "bob@example.org".to_owned(), role: Role::Admin },
                "invited bob@example.org as an admin",
            ),
            (
                PeopleStep::Joined {
                    email: "bob@example.com".to_owned(),
                    invited: "bob@example.org".to_owned(),
                    role: Role::Viewer,
                },
                "(bob@example.com) joined as a viewer, with the invitation of bob@example.org",
            ),
            (
                PeopleStep::RoleChanged { name: "Bob".to_owned(), from: Role::Viewer, to: Role::Admin },
                "made Bob an admin, who was a viewer",
            ),
            (
                PeopleStep::IdentityConnected {
                    email: "bob@example.org".to_owned(),
                    provider: "Northwind SSO".to_owned(),
                },
                "(bob@example.org) connected their sign-in at Northwind SSO",
            ),
            (PeopleStep::PasswordSet { email: "bob@example.org".to_owned() }, "(bob@example.org) set a password"),
        ];
        for (step, sentence) in steps {
            assert_eq!(step.sentence(), sentence);
        }
    }
}
