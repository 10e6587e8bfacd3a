//! Alerts: what people are told of without looking. Which conditions of a share are watched and from where on they are worth a word; what is said of
//! them; and what the pages about them show. Whether a condition holds is found out in the hub.

use serde::{Deserialize, Serialize};

use crate::{
    error::FieldProblem,
    id::{AlertId, AlertWebhookId, EndpointId, RunId, ShareId, UserId},
};

/// Runs that a size is compared with, at most.
pub const MOST_RUNS_COMPARED: u8 = 20;
/// Runs that a size is compared with at least; with fewer, nothing is said.
pub const FEWEST_RUNS_COMPARED: u8 = 3;

/// What can be the matter with a share, or with an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    /// Its last run failed.
    Failed,
    /// Too many rows of its last run were left out.
    Rejects,
    /// A run waits for approval, or none can start.
    Held,
    /// A run has not begun or not ended in time.
    Late,
    /// Its last run read far more or far fewer rows than those before.
    Size,
    /// Its schedule ends soon, or has just ended.
    Ending,
    /// A credential of an endpoint ends soon.
    Expiring,
}

impl Condition {
    /// Every condition, in the order in which they are shown.
    pub const ALL: [Self; 7] =
        [Self::Failed, Self::Rejects, Self::Held, Self::Late, Self::Size, Self::Ending, Self::Expiring];

    /// The word in the database and on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Rejects => "rejects",
            Self::Held => "held",
            Self::Late => "late",
            Self::Size => "size",
            Self::Ending => "ending",
            Self::Expiring => "expiring",
        }
    }

    /// The condition of that word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|condition| condition.as_str() == word)
    }

    /// The words for people, while it holds.
    pub fn label(self) -> &'static str {
        match self {
            Self::Failed => "Failing",
            Self::Rejects => "Many rejects",
            Self::Held => "Held",
            Self::Late => "Late",
            Self::Size => "Unusual size",
            Self::Ending => "Schedule ends",
            Self::Expiring => "Credential ends",
        }
    }
}

/// From how many rows left out on a run is worth a word; either is enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RejectLimit {
    /// More rows than this.
    pub rows: Option<u64>,
    /// More than this share of the rows read, in percent.
    pub percent: Option<u8>,
}

impl RejectLimit {
    /// Whether so many of the rows read are too many.
    pub fn is_passed(self, left_out: u64, read: u64) -> bool {
        let by_rows = self.rows.is_some_and(|rows| left_out > rows);
        let by_percent =
            self.percent.is_some_and(|percent| u128::from(left_out) * 100 > u128::from(read) * u128::from(percent));
        by_rows || by_percent
    }
}

/// How far a run's size may be from what is usual.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SizeLimit {
    /// By more than this, in percent of the mean.
    pub percent: u16,
    /// Against the mean of so many runs before.
    pub runs: u8,
}

impl SizeLimit {
    /// Whether `rows` is too far from the mean of the sizes before.
    pub fn is_passed(self, rows: u64, mean: u64) -> bool {
        u128::from(rows.abs_diff(mean)) * 100 > u128::from(mean) * u128::from(self.percent)
    }
}

/// What people are told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlertRules {
    /// When a run failed.
    pub failed: bool,
    /// When too many rows were left out.
    pub rejects: Option<RejectLimit>,
    /// When a run waits for approval, or a share is held because its fields changed.
    pub held: bool,
    /// When a run has not begun, or not ended, so many minutes after its time.
    pub late_minutes: Option<u32>,
    /// When the size is unusual.
    pub size: Option<SizeLimit>,
    /// So many days before a schedule's last run.
    #[serde(default = "usual_ending_days")]
    pub ending_days: Option<u16>,
    /// So many days before a credential ends.
    pub expiring_days: Option<u16>,
    /// When it is well again.
    pub recovered: bool,
}

/// Also of rules that were set before there was a choice.
#[expect(clippy::unnecessary_wraps, reason = "the field's own type")]
fn usual_ending_days() -> Option<u16> {
    Some(7)
}

impl Default for AlertRules {
    fn default() -> Self {
        Self {
            failed: true,
            rejects: Some(RejectLimit { rows: None, percent: Some(10) }),
            held: true,
            late_minutes: Some(60),
            size: Some(SizeLimit { percent: 50, runs: 5 }),
            ending_days: usual_ending_days(),
            expiring_days: Some(14),
            recovered: true,
        }
    }
}

/// The rules as a form has them: one text per input. An empty number is not watched; a box is ticked when its text is not empty.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AlertForm {
    /// Tell of failures.
    pub failed: String,
    /// Tell when more rows than this were left out.
    pub reject_rows: String,
    /// Tell when more percent than this were left out.
    pub reject_percent: String,
    /// Tell when something is held.
    pub held: String,
    /// Tell so many minutes after a run's time.
    pub late_minutes: String,
    /// Tell when the size is off by more percent than this.
    pub size_percent: String,
    /// Against the mean of so many runs.
    pub size_runs: String,
    /// Tell so many days before a schedule's last run.
    pub ending_days: String,
    /// Tell so many days before a credential ends.
    pub expiring_days: String,
    /// Tell when it is well again.
    pub recovered: String,
}

impl AlertForm {
    /// The form of rules that are there already.
    pub fn of(rules: &AlertRules) -> Self {
        let ticked = |is_on: bool| if is_on { "1".to_owned() } else { String::new() };
        fn number(number: Option<impl ToString>) -> String {
            number.map(|number| number.to_string()).unwrap_or_default()
        }
        Self {
            failed: ticked(rules.failed),
            reject_rows: number(rules.rejects.and_then(|limit| limit.rows)),
            reject_percent: number(rules.rejects.and_then(|limit| limit.percent)),
            held: ticked(rules.held),
            late_minutes: number(rules.late_minutes),
            size_percent: number(rules.size.map(|limit| limit.percent)),
            size_runs: number(rules.size.map(|limit| limit.runs)),
            ending_days: number(rules.ending_days),
            expiring_days: number(rules.expiring_days),
            recovered: ticked(rules.recovered),
        }
    }

    /// The rules, or everything that is wrong with the form.
    pub fn parse(&self) -> Result<AlertRules, Vec<FieldProblem>> {
        let mut problems = Vec::new();
        let mut number = |field: &str, text: &str, least: u64, most: u64| -> Option<u64> {
            let text = text.trim();
            if text.is_empty() {
                return None;
            }
            let number = text.parse().ok().filter(|number| (least..=most).contains(number));
            if number.is_none() {
                let message = format!("Enter a whole number from {least} to {most}, or nothing.");
                problems.push(FieldProblem::new(field, message));
            }
            number
        };
        let rows = number("reject_rows", &self.reject_rows, 0, 1_000_000_000);
        let percent = number("reject_percent", &self.reject_percent, 0, 99);
        let late = number("late_minutes", &self.late_minutes, 1, 7 * 24 * 60);
        let size = number("size_percent", &self.size_percent, 1, 1_000);
        let (fewest, most) = (u64::from(FEWEST_RUNS_COMPARED), u64::from(MOST_RUNS_COMPARED));
        let runs = number("size_runs", &self.size_runs, fewest, most);
        let ending = number("ending_days", &self.ending_days, 1, 365);
        let days = number("expiring_days", &self.expiring_days, 1, 365);
        if size.is_some() && runs.is_none() && self.size_runs.trim().is_empty() {
            problems.push(FieldProblem::new("size_runs", "Enter with how many runs the size is compared."));
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        fn small<T: TryFrom<u64>>(number: Option<u64>) -> Option<T> {
            number.and_then(|number| T::try_from(number).ok())
        }
        let percent = small(percent);
        let size = small(size).zip(small(runs));
        Ok(AlertRules {
            failed: !self.failed.is_empty(),
            rejects: (rows.is_some() || percent.is_some()).then_some(RejectLimit { rows, percent }),
            held: !self.held.is_empty(),
            late_minutes: small(late),
            size: size.map(|(percent, runs)| SizeLimit { percent, runs }),
            ending_days: small(ending),
            expiring_days: small(days),
            recovered: !self.recovered.is_empty(),
        })
    }
}

impl AlertRules {
    /// What is told, as phrases: "when a run fails", "when a run is later than 60 minutes" ...
    pub fn phrases(&self) -> Vec<String> {
        let mut phrases = Vec::new();
        if self.failed {
            phrases.push("a run fails".to_owned());
        }
        if let Some(RejectLimit { rows, percent }) = self.rejects {
            let rows = rows.map(|rows| format!("{rows} rows"));
            let percent = percent.map(|percent| format!("{percent}\u{a0}% of the rows"));
            let limits: Vec<String> = rows.into_iter().chain(percent).collect();
            phrases.push(format!("more than {} are left out", limits.join(" or ")));
        }
        if self.held {
            phrases.push("a run waits for approval, or fields that changed hold the share".to_owned());
        }
        if let Some(minutes) = self.late_minutes {
            phrases.push(format!("a run has not begun or not ended {minutes} minutes after its time"));
        }
        if let Some(SizeLimit { percent, runs }) = self.size {
            phrases.push(format!("the size is off by more than {percent}\u{a0}% from the last {runs} runs"));
        }
        match self.ending_days {
            Some(1) => phrases.push("its schedule ends within a day".to_owned()),
            Some(days) => phrases.push(format!("its schedule ends within {days} days")),
            None => {}
        }
        if self.recovered && !phrases.is_empty() {
            phrases.push("it is well again".to_owned());
        }
        phrases
    }
}

/// What an alert is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Subject {
    /// A share.
    Share {
        /// Its id.
        id: ShareId,
        /// "Customers to Beacon Mail".
        name: String,
    },
    /// An endpoint.
    Endpoint {
        /// Its id.
        id: EndpointId,
        /// Its name.
        name: String,
    },
}

impl Subject {
    /// Its id.
    pub fn id(&self) -> &str {
        match self {
            Self::Share { id, .. } => id.as_str(),
            Self::Endpoint { id, .. } => id.as_str(),
        }
    }

    /// Its page.
    pub fn page(&self) -> String {
        match self {
            Self::Share { id, .. } => format!("/shares/{id}"),
            Self::Endpoint { id, .. } => format!("/endpoints/{id}"),
        }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        match self {
            Self::Share { name, .. } | Self::Endpoint { name, .. } => name,
        }
    }
}

/// A condition that came, and perhaps went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alert {
    /// Its id.
    pub id: AlertId,
    /// What it is about.
    pub subject: Subject,
    /// What is the matter.
    pub condition: Condition,
    /// Why, as a sentence.
    pub cause: String,
    /// The run that brought it, when one did.
    pub run_id: Option<RunId>,
    /// Since when.
    pub opened_at: String,
    /// Until when, once it is well again.
    pub closed_at: Option<String>,
    /// What mended it, as a sentence.
    pub closed_cause: Option<String>,
    /// Something was said of it that the person has not read.
    pub is_unread: bool,
}

impl Alert {
    /// Where to look next: the path of a page.
    pub fn page(&self) -> String {
        page_of(self.condition, &self.subject, self.run_id.as_ref())
    }
}

/// Where to look next when something is the matter: the path of a page.
pub fn page_of(condition: Condition, subject: &Subject, run_id: Option<&RunId>) -> String {
    match (run_id, subject, condition) {
        (Some(run_id), ..) => format!("/runs/{run_id}"),
        (None, Subject::Share { id, .. }, Condition::Held) => format!("/shares/{id}/changes"),
        (None, Subject::Share { id, .. }, Condition::Ending) => format!("/shares/{id}/when"),
        (None, subject, _) => subject.page(),
    }
}

/// The list of alerts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlertPage {
    /// Open ones first, then the newest; at most 50.
    pub items: Vec<Alert>,
    /// How many are open.
    pub open: u64,
    /// Messages that the person has not read.
    pub unread: u64,
    /// There are more that are over.
    pub is_cut: bool,
    /// The newest message of these, up to which "mark all as read" goes.
    pub until_ms: i64,
}

/// How messages leave Usher.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    /// To a person of the account.
    Email,
    /// To a program.
    Webhook,
}

impl Channel {
    /// The word in the database and in forms.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Webhook => "webhook",
        }
    }

    /// The channel of that word.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Email, Self::Webhook].into_iter().find(|channel| channel.as_str() == word)
    }
}

/// A person of the account, and whether alerts are mailed to them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToldPerson {
    /// Who.
    pub id: UserId,
    /// Their name.
    pub name: String,
    /// Where.
    pub email: String,
    /// Alerts are mailed to them.
    pub is_told: bool,
}

/// A program that is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlertWebhook {
    /// Its id.
    pub id: AlertWebhookId,
    /// Where, without what follows a question mark.
    pub url: String,
    /// It has a secret, without which nothing is sent.
    pub has_secret: bool,
    /// Until when messages are signed with the secret before, too.
    pub old_secret_until: Option<String>,
    /// Why it is told nothing any more.
    pub failure: Option<String>,
}

/// How a delivery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryState {
    /// To be tried, or tried again.
    Waiting,
    /// Taken by the other side.
    Sent,
    /// Not tried any more.
    GivenUp,
}

impl DeliveryState {
    /// The word in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Sent => "sent",
            Self::GivenUp => "given_up",
        }
    }

    /// The state of that word.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Waiting, Self::Sent, Self::GivenUp].into_iter().find(|state| state.as_str() == word)
    }
}

/// One line of the delivery log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// The id by which the receiver can tell a repeat.
    pub message_id: String,
    /// What it says, in a few words.
    pub about: String,
    /// How.
    pub channel: Channel,
    /// To whom or where.
    pub receiver: String,
    /// How it stands.
    pub state: DeliveryState,
    /// How often it was tried.
    pub attempts: u32,
    /// What came of the last attempt.
    pub detail: Option<String>,
    /// When it was last tried.
    pub attempted_at: Option<String>,
    /// When it is tried again.
    pub due_at: Option<String>,
    /// When it was to be told first.
    pub created_at: String,
}

/// The account's page about alerts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlertSettingsView {
    /// What is told.
    pub rules: AlertRules,
    /// Who set it, and when; absent while what comes with Usher holds.
    pub changed: Option<(String, String)>,
    /// This installation can send mail.
    pub can_mail: bool,
    /// The account's people.
    pub people: Vec<ToldPerson>,
    /// Programs that are told.
    pub webhooks: Vec<AlertWebhook>,
    /// The newest deliveries, at most 50.
    pub deliveries: Vec<Delivery>,
}

/// What is told of one share.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShareAlertsView {
    /// The share's name.
    pub name: String,
    /// What holds.
    pub rules: AlertRules,
    /// Who set the share's own, and when; absent while the account's hold.
    pub changed: Option<(String, String)>,
    /// What is the matter with it now.
    pub open: Vec<Alert>,
}

/// What a message to a program is about (Standard Webhooks). Counts, names and links; never a person's data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlertEvent {
    /// What happened.
    #[serde(rename = "type")]
    pub kind: AlertEventKind,
    /// When; RFC 3339, UTC.
    pub timestamp: String,
    /// About what.
    pub data: AlertEventData,
}

/// What happened to an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum AlertEventKind {
    /// The condition came.
    #[serde(rename = "alert.opened")]
    Opened,
    /// It is well again.
    #[serde(rename = "alert.recovered")]
    Recovered,
    /// Somebody tries whether messages arrive.
    #[serde(rename = "alert.test")]
    Test,
}

impl AlertEventKind {
    /// The word in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Opened => "opened",
            Self::Recovered => "recovered",
            Self::Test => "test",
        }
    }

    /// The kind of that word.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Opened, Self::Recovered, Self::Test].into_iter().find(|kind| kind.as_str() == word)
    }
}

/// The rest of a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlertEventData {
    /// The alert; the same in the message that it is well again. Absent in a test.
    pub alert_id: Option<AlertId>,
    /// What is, or was, the matter. Absent in a test.
    pub condition: Option<Condition>,
    /// The share or endpoint. Absent in a test.
    pub subject: Option<Subject>,
    /// The run that brought it.
    pub run_id: Option<RunId>,
    /// Why, as a sentence.
    pub cause: String,
    /// The account's name.
    pub account: String,
    /// Where to look.
    pub link: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_survive_their_form() {
        let other = AlertRules {
            failed: false,
            rejects: Some(RejectLimit { rows: Some(0), percent: None }),
            held: false,
            late_minutes: None,
            size: None,
            ending_days: None,
            expiring_days: None,
            recovered: false,
        };
        for rules in [AlertRules::default(), other] {
            assert_eq!(AlertForm::of(&rules).parse(), Ok(rules));
        }
        assert_eq!(AlertForm::default().parse().map(|rules| rules.phrases()), Ok(Vec::new()), "nothing is watched");
    }

    #[test]
    fn rules_that_were_set_before_schedules_ends_were_watched_watch_them_as_usual() {
        let mut set = serde_json::to_value(AlertRules::default()).expect("JSON");
        set.as_object_mut().expect("an object").remove("ending_days");
        let read: AlertRules = serde_json::from_value(set).expect("reads");
        assert_eq!(read, AlertRules::default());
        let none = AlertRules { ending_days: None, ..AlertRules::default() };
        let again: AlertRules = serde_json::from_str(&serde_json::to_string(&none).expect("JSON")).expect("reads");
        assert_eq!(again.ending_days, None, "and what was turned off stays so");
    }

    #[test]
    fn everything_wrong_is_named_at_once() {
        let form = AlertForm {
            reject_percent: "100".to_owned(),
            late_minutes: "0".to_owned(),
            size_percent: "50".to_owned(),
            ending_days: "400".to_owned(),
            expiring_days: "soon".to_owned(),
            ..AlertForm::default()
        };
        let problems = form.parse().expect_err("is wrong");
        let fields: Vec<&str> = problems.iter().map(|problem| problem.field.as_str()).collect();
        assert_eq!(fields, ["reject_percent", "late_minutes", "ending_days", "expiring_days", "size_runs"]);
    }

    #[test]
    fn limits_are_passed_only_beyond() {
        let by_rows = RejectLimit { rows: Some(10), percent: None };
        assert!(!by_rows.is_passed(10, 10));
        assert!(by_rows.is_passed(11, 1_000_000));
        let by_percent = RejectLimit { rows: None, percent: Some(10) };
        assert!(!by_percent.is_passed(100, 1_000));
        assert!(by_percent.is_passed(101, 1_000));
        let any = RejectLimit { rows: Some(0), percent: Some(0) };
        assert!(!any.is_passed(0, 0));
        assert!(any.is_passed(1, u64::MAX));
        let size = SizeLimit { percent: 50, runs: 5 };
        assert!(!size.is_passed(50, 100));
        assert!(!size.is_passed(150, 100));
        assert!(size.is_passed(49, 100));
        assert!(size.is_passed(151, 100));
        assert!(size.is_passed(1, 0), "there was nobody, and now there is");
        assert!(!size.is_passed(0, 0));
    }

    #[test]
    fn words_and_values_agree() {
        for condition in Condition::ALL {
            assert_eq!(Condition::parse(condition.as_str()), Some(condition));
        }
        for state in [DeliveryState::Waiting, DeliveryState::Sent, DeliveryState::GivenUp] {
            assert_eq!(DeliveryState::parse(state.as_str()), Some(state));
        }
        for kind in [AlertEventKind::Opened, AlertEventKind::Recovered, AlertEventKind::Test] {
            assert_eq!(AlertEventKind::parse(kind.as_str()), Some(kind));
        }
    }
}
