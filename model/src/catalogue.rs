//! The catalogue's vocabulary: what to search for and narrow by, what a search answers beside the audiences, and what is known of one audience
//! beyond its fields. How audiences are found is the hub's matter.

use serde::{Deserialize, Serialize};

use crate::{
    field::FieldType,
    id::{AudienceId, EndpointId},
};

/// The order of what was found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AudienceSort {
    /// How well the words fit; by name when there are none.
    #[default]
    Match,
    /// By name.
    Name,
    /// The most members first.
    Largest,
    /// The last changed first.
    Freshest,
}

impl AudienceSort {
    /// All of them, as they are offered.
    pub const ALL: [Self; 4] = [Self::Match, Self::Name, Self::Largest, Self::Freshest];

    /// The word in an address.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Match => "match",
            Self::Name => "name",
            Self::Largest => "largest",
            Self::Freshest => "freshest",
        }
    }

    /// For people.
    pub fn label(self) -> &'static str {
        match self {
            Self::Match => "Best match",
            Self::Name => "Name",
            Self::Largest => "Largest first",
            Self::Freshest => "Freshest first",
        }
    }

    /// The order of that word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|sort| sort.as_str() == word)
    }
}

/// How many members an audience has, roughly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SizeBand {
    /// Nobody.
    Empty,
    /// 1 to 999.
    Hundreds,
    /// 1,000 to 9,999.
    Thousands,
    /// 10,000 to 99,999.
    TensOfThousands,
    /// 100,000 to 999,999.
    HundredsOfThousands,
    /// A million or more.
    Millions,
    /// The producer does not tell.
    NotTold,
}

impl SizeBand {
    /// All of them, from small to large.
    pub const ALL: [Self; 7] = [
        Self::Empty,
        Self::Hundreds,
        Self::Thousands,
        Self::TensOfThousands,
        Self::HundredsOfThousands,
        Self::Millions,
        Self::NotTold,
    ];

    /// The band of a size.
    pub fn of(size: Option<u64>) -> Self {
        match size {
            None => Self::NotTold,
            Some(0) => Self::Empty,
            Some(1..1_000) => Self::Hundreds,
            Some(1_000..10_000) => Self::Thousands,
            Some(10_000..100_000) => Self::TensOfThousands,
            Some(100_000..1_000_000) => Self::HundredsOfThousands,
            Some(_) => Self::Millions,
        }
    }

    /// The word in an address.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::Hundreds => "hundreds",
            Self::Thousands => "thousands",
            Self::TensOfThousands => "tens-of-thousands",
            Self::HundredsOfThousands => "hundreds-of-thousands",
            Self::Millions => "millions",
            Self::NotTold => "not-told",
        }
    }

    /// For people.
    pub fn label(self) -> &'static str {
        match self {
            Self::Empty => "Empty",
            Self::Hundreds => "Below 1\u{202f}000",
            Self::Thousands => "1\u{202f}000 to 10\u{202f}000",
            Self::TensOfThousands => "10\u{202f}000 to 100\u{202f}000",
            Self::HundredsOfThousands => "100\u{202f}000 to 1 million",
            Self::Millions => "1 million or more",
            Self::NotTold => "Not told",
        }
    }

    /// The band of that word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|band| band.as_str() == word)
    }
}

/// How long ago an audience's content last changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Freshness {
    /// At most 24 hours.
    Day,
    /// At most 7 days.
    Week,
    /// At most 30 days.
    Month,
    /// More than 30 days.
    Older,
    /// The producer does not tell.
    NotTold,
}

impl Freshness {
    /// All of them, the freshest first.
    pub const ALL: [Self; 5] = [Self::Day, Self::Week, Self::Month, Self::Older, Self::NotTold];

    /// Of an audience that changed so many milliseconds ago.
    pub fn of(age_ms: Option<i64>) -> Self {
        const DAY: i64 = 24 * 60 * 60 * 1000;
        match age_ms {
            None => Self::NotTold,
            Some(age) if age <= DAY => Self::Day,
            Some(age) if age <= 7 * DAY => Self::Week,
            Some(age) if age <= 30 * DAY => Self::Month,
            Some(_) => Self::Older,
        }
    }

    /// The word in an address.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
            Self::Older => "older",
            Self::NotTold => "not-told",
        }
    }

    /// For people.
    pub fn label(self) -> &'static str {
        match self {
            Self::Day => "Last 24 hours",
            Self::Week => "2 to 7 days ago",
            Self::Month => "8 to 30 days ago",
            Self::Older => "Longer ago",
            Self::NotTold => "Not told",
        }
    }

    /// The one of that word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|freshness| freshness.as_str() == word)
    }
}

/// A kind of identifier to narrow by: the audience has a field of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IdentifierKind {
    /// An e-mail address.
    Email,
    /// A telephone number.
    Phone,
    /// An advertising id of a mobile device.
    MobileAdId,
    /// A cookie id.
    CookieId,
    /// The application's own key of a person.
    CustomerId,
    /// Any other identifier.
    Other,
}

impl IdentifierKind {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Email, Self::Phone, Self::MobileAdId, Self::CookieId, Self::CustomerId, Self::Other];

    /// Of an identifier field of this type.
    pub fn of(field_type: FieldType) -> Self {
        match field_type {
            FieldType::Email => Self::Email,
            FieldType::Phone => Self::Phone,
            FieldType::MobileAdId => Self::MobileAdId,
            FieldType::CookieId => Self::CookieId,
            FieldType::CustomerId => Self::CustomerId,
            _ => Self::Other,
        }
    }

    /// The word in an address.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Phone => "phone",
            Self::MobileAdId => "mobile-ad-id",
            Self::CookieId => "cookie-id",
            Self::CustomerId => "customer-id",
            Self::Other => "other",
        }
    }

    /// For people.
    pub fn label(self) -> &'static str {
        match self {
            Self::Email => "E-mail",
            Self::Phone => "Phone",
            Self::MobileAdId => "Mobile ad id",
            Self::CookieId => "Cookie id",
            Self::CustomerId => "Customer id",
            Self::Other => "Other identifier",
        }
    }

    /// The kind of that word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }
}

/// Where an audience is shared, to narrow by.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "where", content = "endpoint", rename_all = "snake_case")]
pub enum SharedTo {
    /// Nowhere yet.
    Nowhere,
    /// At least to this destination.
    Destination(EndpointId),
}

impl SharedTo {
    /// The word in an address.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Nowhere => "nowhere",
            Self::Destination(id) => id.as_str(),
        }
    }

    /// The one of that word.
    pub fn parse(word: &str) -> Option<Self> {
        if word == "nowhere" { Some(Self::Nowhere) } else { word.parse().ok().map(Self::Destination) }
    }
}

/// What to search the catalogue for. Values of one kind widen each other, except identifiers and tags, which an audience must all have;
/// different kinds narrow each other.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AudienceQuery {
    /// Words; all must be found in name, description, endpoint, application, field names and labels, tags or label. Case and accents do not
    /// matter.
    pub text: String,
    /// Only of these endpoints.
    pub endpoints: Vec<EndpointId>,
    /// Only with these identifiers.
    pub identifiers: Vec<IdentifierKind>,
    /// Only of these sizes.
    pub sizes: Vec<SizeBand>,
    /// Only changed as lately as this.
    pub freshness: Vec<Freshness>,
    /// Only with these tags.
    pub tags: Vec<String>,
    /// Only shared there.
    pub shared_to: Vec<SharedTo>,
    /// Those that their producers no longer offer, instead of those that they do.
    pub vanished: bool,
    /// The order.
    pub sort: AudienceSort,
    /// From 1.
    pub page: u32,
}

impl AudienceQuery {
    /// Anything but words narrows it.
    pub fn is_narrowed(&self) -> bool {
        !(self.endpoints.is_empty()
            && self.identifiers.is_empty()
            && self.sizes.is_empty()
            && self.freshness.is_empty()
            && self.tags.is_empty()
            && self.shared_to.is_empty())
            || self.vanished
    }

    /// The same words, in the same order, without anything that narrows them.
    pub fn widened(&self) -> Self {
        Self { text: self.text.clone(), sort: self.sort, page: 1, ..Self::default() }
    }
}

/// One value to narrow by, and how many audiences would be left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facet<T> {
    /// The value.
    pub value: T,
    /// For people.
    pub label: String,
    /// Audiences with it among those that fit everything else.
    pub hits: u64,
}

/// What can be narrowed by. A value that is chosen is listed even when nothing is left with it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facets {
    /// Endpoints, by name.
    pub endpoints: Vec<Facet<EndpointId>>,
    /// Identifiers.
    pub identifiers: Vec<Facet<IdentifierKind>>,
    /// Sizes, from small to large.
    pub sizes: Vec<Facet<SizeBand>>,
    /// Freshness, the freshest first.
    pub freshness: Vec<Facet<Freshness>>,
    /// Tags, the most frequent first; not all when there are many.
    pub tags: Vec<Facet<String>>,
    /// Destinations, by name; first those that are shared nowhere.
    pub shared_to: Vec<Facet<SharedTo>>,
    /// Audiences that fit the words but are no longer offered; of those when they are what is shown, how many are offered.
    pub vanished: u64,
}

/// A stretch of a text in bytes, from the first to the one behind the last.
pub type Stretch = (u32, u32);

/// Where in an audience the words were found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Marks {
    /// In its name.
    pub name: Vec<Stretch>,
    /// In its description.
    pub description: Vec<Stretch>,
    /// In its endpoint's name.
    pub endpoint: Vec<Stretch>,
    /// Elsewhere, for words that stand in none of these.
    pub elsewhere: Vec<Elsewhere>,
}

/// A place that a list does not show by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// A field's name or label.
    Field,
    /// A tag.
    Tag,
    /// The endpoint's application.
    Application,
    /// What is written on the audience's label.
    Label,
}

impl Place {
    /// For people.
    pub fn label(self) -> &'static str {
        match self {
            Self::Field => "Field",
            Self::Tag => "Tag",
            Self::Application => "Application",
            Self::Label => "Label",
        }
    }
}

/// A text in such a place, with what was found in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Elsewhere {
    /// Where.
    pub place: Place,
    /// The text.
    pub text: String,
    /// What was found in it.
    pub marks: Vec<Stretch>,
}

/// A word that stands in no audience, and the word that was searched for instead.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Correction {
    /// As it was typed.
    pub typed: String,
    /// As it stands in the catalogue.
    pub found: String,
}

/// A producer whose audiences are shown as they last were.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StaleSource {
    /// The endpoint.
    pub endpoint_id: EndpointId,
    /// Its name.
    pub endpoint_name: String,
    /// When its audiences were last read; never when none.
    pub read_at: Option<String>,
}

/// Why nothing was found, and what would find something.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NothingFound {
    /// Words that stand nowhere in the catalogue, not even nearly.
    pub unknown_words: Vec<String>,
    /// The other words.
    pub known_words: Vec<String>,
    /// Audiences that the words alone find, without what narrows them.
    pub without_narrowing: u64,
}

/// What a refresh found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefreshReport {
    /// Audiences that are offered now.
    pub offered: u64,
    /// Of these, new.
    pub new: u64,
    /// Of these, changed since they were last read.
    pub changed: u64,
    /// Of these, back again.
    pub returned: u64,
    /// Those that are no longer offered.
    pub vanished: u64,
    /// Endpoints that could not be asked, by name.
    pub failed: Vec<String>,
}

impl RefreshReport {
    /// Both together.
    pub fn and(mut self, other: Self) -> Self {
        self.offered += other.offered;
        self.new += other.new;
        self.changed += other.changed;
        self.returned += other.returned;
        self.vanished += other.vanished;
        self.failed.extend(other.failed);
        self
    }

    /// For people: "7 audiences, 1 new, 2 changed".
    pub fn sentence(&self) -> String {
        let mut text = format!("{} audience{}", self.offered, if self.offered == 1 { "" } else { "s" });
        for (number, word) in [
            (self.new, "new"),
            (self.changed, "changed"),
            (self.returned, "offered again"),
            (self.vanished, "no longer offered"),
        ] {
            if number > 0 {
                text.push_str(&format!(", {number} {word}"));
            }
        }
        if self.new + self.changed + self.returned + self.vanished == 0 {
            text.push_str(", nothing has changed");
        }
        text.push('.');
        text
    }
}

/// What was seen to have changed in an audience between two refreshes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum ChangeKind {
    /// It is offered for the first time.
    New,
    /// It has another name.
    Renamed {
        /// The name before.
        before: String,
    },
    /// It has other fields.
    Fields {
        /// Names of those that came.
        added: Vec<String>,
        /// Names of those that are gone.
        removed: Vec<String>,
        /// Names of those of another type, form or kind.
        changed: Vec<String>,
    },
    /// Its size jumped: by a fifth of it or more.
    Size {
        /// Members before.
        before: u64,
        /// Members after.
        after: u64,
    },
    /// It is no longer offered.
    Vanished,
    /// It is offered again.
    Returned,
}

impl ChangeKind {
    /// For people.
    pub fn sentence(&self) -> String {
        let listed = |names: &[String]| names.join(", ");
        match self {
            Self::New => "Offered for the first time.".to_owned(),
            Self::Renamed { before } => format!("Renamed; it was “{before}”."),
            Self::Fields { added, removed, changed } => {
                let mut parts = Vec::new();
                for (word, names) in [("added", added), ("removed", removed), ("changed", changed)] {
                    if !names.is_empty() {
                        let fields = if names.len() == 1 { "Field" } else { "Fields" };
                        parts.push(format!("{fields} {word}: {}.", listed(names)));
                    }
                }
                parts.join(" ")
            }
            Self::Size { before, after } => {
                let (word, difference) =
                    if after > before { ("Grew", after - before) } else { ("Shrank", before - after) };
                format!("{word} by {difference}, from {before} to {after}.")
            }
            Self::Vanished => "No longer offered.".to_owned(),
            Self::Returned => "Offered again.".to_owned(),
        }
    }
}

/// A change with its audience and time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AudienceChange {
    /// The audience.
    pub audience_id: AudienceId,
    /// Its name by now.
    pub audience_name: String,
    /// When it was noticed.
    pub at: String,
    /// What changed.
    pub change: ChangeKind,
}

/// How many members an audience had from some time on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SizePoint {
    /// When it was noticed.
    pub at: String,
    /// The same in milliseconds since 1970, to draw it.
    pub at_ms: i64,
    /// Members from then on.
    pub size: u64,
    /// How many more than before (or fewer); none at the first point.
    pub difference: Option<i64>,
}

/// What the values of a field are like, counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldProfile {
    /// The field's name.
    pub name: String,
    /// Rows with a value in it.
    pub filled: u64,
    /// How many different values there are, as well as is known.
    pub distinct: Option<Distinct>,
}

/// A number of different values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "known", content = "values", rename_all = "snake_case")]
pub enum Distinct {
    /// Counted over all rows.
    Exactly(u64),
    /// Estimated from some rows.
    About(u64),
    /// Every value that was seen is different from all others.
    AllDifferent,
}

/// Who counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CountedBy {
    /// The producer, over all rows.
    Producer,
    /// Usher, over the rows that it read.
    Usher,
}

/// What an audience's fields are like.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AudienceProfile {
    /// Who counted.
    pub counted_by: CountedBy,
    /// Over how many rows.
    pub rows: u64,
    /// When.
    pub at: Option<String>,
    /// Field by field.
    pub fields: Vec<FieldProfile>,
}

/// Estimates how many different values a field has in an audience of `size` rows, from `rows` read ones: `distinct` different values in `filled`
/// rows, `once` of them seen only once and `twice` only twice (Chao 1987).
pub fn distinct_estimate(distinct: u64, filled: u64, once: u64, twice: u64, rows: u64, size: Option<u64>) -> Distinct {
    if size.is_some_and(|size| size <= rows) {
        return Distinct::Exactly(distinct);
    }
    if distinct == filled && filled > 1 {
        return Distinct::AllDifferent;
    }
    let unseen = if twice > 0 { once * once / (2 * twice) } else { once * once.saturating_sub(1) / 2 };
    // There are not more different values than rows that have one.
    let most = size.map_or(u64::MAX, |size| size.saturating_mul(filled).checked_div(rows).unwrap_or(size));
    Distinct::About((distinct + unseen).min(most.max(distinct)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_of_an_address_is_read_back() {
        assert!(AudienceSort::ALL.into_iter().all(|sort| AudienceSort::parse(sort.as_str()) == Some(sort)));
        assert!(SizeBand::ALL.into_iter().all(|band| SizeBand::parse(band.as_str()) == Some(band)));
        assert!(Freshness::ALL.into_iter().all(|fresh| Freshness::parse(fresh.as_str()) == Some(fresh)));
        assert!(IdentifierKind::ALL.into_iter().all(|kind| IdentifierKind::parse(kind.as_str()) == Some(kind)));
        let destination = SharedTo::Destination("ep_1".parse().expect("an id"));
        assert_eq!(SharedTo::parse(destination.as_str()), Some(destination));
        assert_eq!(SharedTo::parse("nowhere"), Some(SharedTo::Nowhere));
        assert_eq!(SharedTo::parse("elsewhere"), None);
    }

    #[test]
    fn bands_meet_without_a_gap() {
        let bands =
            [0, 1, 999, 1_000, 9_999, 10_000, 99_999, 100_000, 999_999, 1_000_000].map(|n| SizeBand::of(Some(n)));
        let expected = [0, 1, 1, 2, 2, 3, 3, 4, 4, 5].map(|at| SizeBand::ALL[at]);
        assert_eq!(bands, expected);
        assert_eq!(SizeBand::of(None), SizeBand::NotTold);
        let hour = 60 * 60 * 1000;
        let ages = [0, 24 * hour, 24 * hour + 1, 7 * 24 * hour, 30 * 24 * hour, 31 * 24 * hour]
            .map(|age| Freshness::of(Some(age)));
        assert_eq!(ages, [0, 0, 1, 1, 2, 3].map(|at| Freshness::ALL[at]));
    }

    #[test]
    fn an_estimate_says_what_it_rests_on() {
        assert_eq!(distinct_estimate(7, 20, 1, 1, 20, Some(20)), Distinct::Exactly(7), "all rows were read");
        assert_eq!(distinct_estimate(20, 20, 20, 0, 20, Some(5_000)), Distinct::AllDifferent);
        assert_eq!(distinct_estimate(4, 1_000, 0, 0, 1_000, Some(5_000)), Distinct::About(4), "nothing new turns up");
        assert_eq!(distinct_estimate(600, 1_000, 400, 100, 1_000, Some(5_000)), Distinct::About(1_400));
        assert_eq!(
            distinct_estimate(999, 1_000, 998, 1, 1_000, Some(5_000)),
            Distinct::About(5_000),
            "never more than rows"
        );
    }

    #[test]
    fn changes_are_said_in_sentences() {
        let change = ChangeKind::Fields {
            added: vec!["city".into(), "zip".into()],
            removed: vec!["fax".into()],
            changed: vec![],
        };
        assert_eq!(change.sentence(), "Fields added: city, zip. Field removed: fax.");
        assert_eq!(ChangeKind::Size { before: 10, after: 4 }.sentence(), "Shrank by 6, from 10 to 4.");
        let report = RefreshReport { offered: 7, new: 1, vanished: 2, ..RefreshReport::default() };
        assert_eq!(report.sentence(), "7 audiences, 1 new, 2 no longer offered.");
        assert_eq!(
            RefreshReport { offered: 1, ..RefreshReport::default() }.sentence(),
            "1 audience, nothing has changed."
        );
    }
}
