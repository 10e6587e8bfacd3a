//! Telephone numbers: what people write, read by the numbering plans of all countries, and written in E.164.
//!
//! The numbering plans are those of Google's libphonenumber, the same on the server and in the browser. They are large: without the feature
//! `numbering-plans` they are not compiled in, and somebody else who has them reads the numbers.

#[cfg(not(feature = "numbering-plans"))]
mod elsewhere;
#[cfg(feature = "numbering-plans")]
mod plans;

#[cfg(not(feature = "numbering-plans"))]
pub use elsewhere::{Reader, calling_code, install, is_country, to_e164};
#[cfg(feature = "numbering-plans")]
pub use plans::{calling_code, is_country, to_e164};

/// Why something can't be read as a telephone number. Says nothing of the number itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PhoneProblem {
    /// No international prefix, and no country was given to read it in.
    #[error(
        "it has no international prefix such as +49; choose a default country in the mapping, or write numbers with the prefix"
    )]
    CountryUnknown,
    /// Letters, other than those of an extension.
    #[error("it has letters in it")]
    Letters,
    /// More or less than a number, or nothing like one.
    #[error("it does not read as one")]
    Unreadable,
    /// It has the shape of a number, but no country gives out such numbers.
    #[error("no such number can exist in its country; look at the default country, or correct it at the source")]
    NotAssigned,
    /// The numbering plans are not at hand.
    #[error("the numbering plans of telephones could not be loaded; load the page again")]
    PlansMissing,
}

impl PhoneProblem {
    /// All that reading a number can end with.
    const ALL: [Self; 5] =
        [Self::CountryUnknown, Self::Letters, Self::Unreadable, Self::NotAssigned, Self::PlansMissing];

    /// A word for programs.
    pub fn word(self) -> &'static str {
        match self {
            Self::CountryUnknown => "country_unknown",
            Self::Letters => "letters",
            Self::Unreadable => "unreadable",
            Self::NotAssigned => "not_assigned",
            Self::PlansMissing => "plans_missing",
        }
    }

    /// That of the word.
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|problem| problem.word() == word)
    }
}

#[cfg(test)]
mod tests {
    use super::PhoneProblem;

    #[test]
    fn every_problem_has_a_word_of_its_own() {
        for problem in PhoneProblem::ALL {
            assert_eq!(PhoneProblem::of_word(problem.word()), Some(problem));
            assert!(!problem.word().starts_with('+'), "it can be told from a number");
        }
    }
}
