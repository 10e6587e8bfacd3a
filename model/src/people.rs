//! The people of an account: who is in it and who is invited, the forms with which that is changed, and what was done with them when.

use serde::{Deserialize, Serialize};

use crate::{
    id::{AccountId, InvitationId, UserId},
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
        ];
        for (step, sentence) in steps {
            assert_eq!(step.sentence(), sentence);
        }
    }
}
