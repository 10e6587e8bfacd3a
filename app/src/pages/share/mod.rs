//! Making a share: its audience, its destination, its mapping, when and how it runs, its review; and the steps between them;
//! and what is kept of it: versions of the mapping, templates, what changed in its fields. The list of shares and a share's own page are not here.

mod audience;
mod changes;
mod destination;
mod mapping;
mod pre_flight;
mod review;
mod steps;
mod templates;
mod timing;
mod versions;
mod when;

pub use audience::{AudienceStepPage, ShareToPage};
pub use changes::ChangesPage;
pub use destination::DestinationPage;
pub use mapping::MappingPage;
pub(crate) use mapping::{ShowLab, ShowSteps, TRYING, Trying, show_lab, show_steps};
pub use review::{ReviewPage, ShareNow};
pub use steps::FieldsChanged;
pub use templates::ShareTemplatesPage;
pub use versions::VersionsPage;
pub use when::WhenPage;

use model::{
    field::Field,
    run::Mode,
    view::{DestinationSegment, ShareView},
};

use crate::components::count::{counted, grouped};

/// The pages above a share's.
fn above(share: &ShareView) -> Vec<(String, String)> {
    vec![("/shares".to_owned(), "Shares".to_owned()), (format!("/shares/{}", share.id), share.audience.name.clone())]
}

/// "12 345 people", "about 12 345 people", or that nobody counted them.
fn people(share: &ShareView) -> String {
    match share.audience.size {
        Some(size) if share.audience.size_is_estimate => format!("about {}", counted(size, "person", "people")),
        Some(size) => counted(size, "person", "people"),
        None => "an unknown number of people".to_owned(),
    }
}

/// What a mode does to a segment, in one sentence. `size` is the audience's, `members` the segment's, where they are known.
fn mode_effect(mode: Mode, segment: &DestinationSegment, size: Option<u64>, members: Option<u64>) -> String {
    let name = segment.name();
    let (who, are) = match size {
        None => ("people".to_owned(), "are"),
        Some(1) => ("one person".to_owned(), "is"),
        Some(size) => (format!("{} people", grouped(size)), "are"),
    };
    let (number, people) = (format!("The {who}"), format!("the {who}"));
    let present = members.map_or_else(
        || "The present members".to_owned(),
        |members| match members {
            1 => "The one member".to_owned(),
            members => format!("The present {}", counted(members, "member", "members")),
        },
    );
    let others = members.map_or_else(
        || "Whoever is in it stays.".to_owned(),
        |members| match members {
            1 => "Its one member stays.".to_owned(),
            members => format!("Its present {} stay.", counted(members, "member", "members")),
        },
    );
    match (mode, segment) {
        (Mode::Add, DestinationSegment::New { .. }) => {
            format!("A new segment “{name}” is made. {number} of the audience {are} added to it.")
        }
        (Mode::Add, DestinationSegment::Existing { .. }) => {
            format!("{number} of the audience {are} added to “{name}”. {others}")
        }
        (Mode::Replace, DestinationSegment::New { .. }) => {
            format!(
                "A new segment “{name}” is made with exactly {people} of the audience; later runs replace its members."
            )
        }
        (Mode::Replace, DestinationSegment::Existing { .. }) => format!(
            "{present} of “{name}” {} exchanged for {people} of the audience, once everything has arrived. If the run fails before that, the \
             segment stays as it is.",
            if members == Some(1) { "is" } else { "are" },
        ),
        (Mode::Remove, _) => {
            format!("{number} of the audience {are} taken out of “{name}”. Whoever else is in it stays.")
        }
        (Mode::Mirror, DestinationSegment::New { .. }) => format!(
            "A new segment “{name}” is made with {people} of the audience. Later runs send only what changed: who is new, who has other values, \
             and who left and is to be removed."
        ),
        (Mode::Mirror, DestinationSegment::Existing { .. }) => format!(
            "“{name}” is kept in step with the audience: each run sends only what changed since the one before, and removes who left. Members \
             that this share did not send stay."
        ),
    }
}

/// The name for people of the field called `name`.
fn display_name(fields: &[Field], name: &str) -> String {
    fields
        .iter()
        .find(|field| field.name == name)
        .map_or_else(|| name.to_owned(), |field| field.display_name().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_person_and_one_member_are_told_as_one() {
        let segment = DestinationSegment::New { name: "Readers".to_owned() };
        let made = "A new segment “Readers” is made.";
        let effect = |size| mode_effect(Mode::Add, &segment, size, None);
        assert_eq!(effect(Some(1)), format!("{made} The one person of the audience is added to it."));
        assert_eq!(effect(Some(2)), format!("{made} The 2 people of the audience are added to it."));
        assert_eq!(effect(None), format!("{made} The people of the audience are added to it."));
    }
}
