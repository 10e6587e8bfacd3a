//! What is the matter with a share, by its rules: from what is known of it, without asking anybody.

use model::{
    alert::{AlertRules, Condition, FEWEST_RUNS_COMPARED},
    count::grouped,
    id::RunId,
    recurrence::{day_words, slots::civil, time_words},
};

use crate::{exchange::standing::Standing, sharing::ShareStanding};

const MINUTE_MS: i64 = 60_000;
pub(super) const DAY_MS: i64 = 86_400_000;

/// Whether a condition holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It holds, because of that, brought by that run.
    Holds { cause: String, run_id: Option<RunId> },
    /// It does not, or not any more, because of that.
    Well { because: String },
    /// It is over without anybody having mended it: nobody is told.
    Over { because: String },
    /// It can't be told: what was said stands.
    Unknown,
    /// Nobody wants to know.
    Unwatched,
}

impl Verdict {
    fn holds(cause: impl Into<String>, run_id: Option<RunId>) -> Self {
        Self::Holds { cause: cause.into(), run_id }
    }

    fn well(because: impl Into<String>) -> Self {
        Self::Well { because: because.into() }
    }
}

/// A share as it is now.
pub(super) struct Sight<'a> {
    pub(super) now: i64,
    pub(super) rules: &'a AlertRules,
    pub(super) share: &'a ShareStanding,
    pub(super) runs: &'a Standing,
    /// Since when it is said that the last run failed, when that is said.
    pub(super) failed_since: Option<i64>,
}

impl Sight<'_> {
    /// Every condition of a share.
    pub(super) fn verdicts(&self) -> [(Condition, Verdict); 6] {
        [
            (Condition::Failed, self.failed()),
            (Condition::Rejects, self.rejects()),
            (Condition::Held, self.held()),
            (Condition::Late, self.late()),
            (Condition::Size, self.size()),
            (Condition::Ending, self.ending()),
        ]
    }

    /// When the share has to be looked at although nothing happened to it.
    pub(super) fn next_look(&self) -> Option<i64> {
        [self.may_be_late(), self.nears_its_end()].into_iter().flatten().min()
    }

    fn may_be_late(&self) -> Option<i64> {
        let late = i64::from(self.rules.late_minutes?) * MINUTE_MS;
        let under_way = self.runs.under_way.as_ref().map(|run| run.since);
        let next =
            [under_way, self.share.planned].into_iter().flatten().map(|since| since.saturating_add(late)).min()?;
        // What is late already ends by itself; should nobody say so, it is seen within a minute.
        Some(next.max(self.now.saturating_add(MINUTE_MS)))
    }

    fn nears_its_end(&self) -> Option<i64> {
        let end = self.share.ends.as_ref().filter(|end| !end.is_paused)?;
        let notice = i64::from(self.rules.ending_days?) * DAY_MS;
        let moments = [end.last.saturating_sub(notice), end.last.saturating_add(1), end.last.saturating_add(notice)];
        moments.into_iter().find(|moment| *moment > self.now)
    }

    fn failed(&self) -> Verdict {
        if !self.rules.failed {
            return Verdict::Unwatched;
        }
        let ended_well = self.runs.good.first().map(|run| run.finished_at);
        match (&self.runs.failed, ended_well) {
            (Some((run_id, at, failure)), good) if good.is_none_or(|good| good < *at) => {
                let why = failure.as_ref().map_or("It could not go on.", |failure| failure.message.as_str());
                Verdict::holds(why, Some(run_id.clone()))
            }
            // A run that is tried again, or that was called off since, mends nothing yet.
            (_, Some(good)) if self.failed_since.is_none_or(|since| good >= since) => {
                Verdict::well("A run ended well.")
            }
            _ => Verdict::Unknown,
        }
    }

    fn rejects(&self) -> Verdict {
        let Some(limit) = self.rules.rejects else { return Verdict::Unwatched };
        let Some(last) = self.runs.good.first() else { return Verdict::Unknown };
        let (left_out, read) = (last.counts.rejected + last.counts.refused, last.counts.read);
        if limit.is_passed(left_out, read) {
            let percent = left_out.saturating_mul(100).checked_div(read).unwrap_or(100);
            return Verdict::holds(
                format!("{} of {} rows were left out ({percent} %).", grouped(left_out), grouped(read)),
                Some(last.run_id.clone()),
            );
        }
        Verdict::well(format!("{} of {} rows were left out.", grouped(left_out), grouped(read)))
    }

    fn held(&self) -> Verdict {
        if !self.rules.held {
            return Verdict::Unwatched;
        }
        if let Some((run_id, hold, segment)) = &self.runs.held {
            let lost = grouped(hold.lost());
            return Verdict::holds(
                format!(
                    "A run would take {lost} of {} members out of “{segment}”. Nothing was sent; it waits for approval.",
                    grouped(hold.before)
                ),
                Some(run_id.clone()),
            );
        }
        match &self.share.held_because {
            Some(because) => Verdict::holds(format!("{because}. No run of it starts until it is mended."), None),
            None => Verdict::well("Nothing is held any more."),
        }
    }

    fn late(&self) -> Verdict {
        let Some(minutes) = self.rules.late_minutes else { return Verdict::Unwatched };
        let limit = i64::from(minutes) * MINUTE_MS;
        let is_late = |since: i64| since.saturating_add(limit) <= self.now;
        if let Some(run) = self.runs.under_way.as_ref().filter(|run| is_late(run.since)) {
            let since = moment_words(run.since);
            return Verdict::holds(
                format!("The run of {since} has not ended within {}.", counted_minutes(minutes)),
                Some(run.run_id.clone()),
            );
        }
        match self.share.planned.filter(|planned| is_late(*planned)) {
            Some(planned) => Verdict::holds(
                format!("The run of {} has not begun within {}.", moment_words(planned), counted_minutes(minutes)),
                None,
            ),
            None => Verdict::well("Nothing is late any more."),
        }
    }

    fn size(&self) -> Verdict {
        let Some(limit) = self.rules.size else { return Verdict::Unwatched };
        let Some((last, before)) = self.runs.good.split_first() else { return Verdict::Unknown };
        let before = &before[..before.len().min(usize::from(limit.runs))];
        if before.len() < usize::from(FEWEST_RUNS_COMPARED) {
            return Verdict::Unknown;
        }
        let (many, rows) = (before.len() as u64, last.counts.read);
        let mean = before.iter().map(|run| run.counts.read).sum::<u64>() / many;
        if limit.is_passed(rows, mean) {
            return Verdict::holds(
                format!("{} rows were read; the {many} runs before read {} on average.", grouped(rows), grouped(mean)),
                Some(last.run_id.clone()),
            );
        }
        Verdict::well(format!("{} rows were read, about as many as before.", grouped(rows)))
    }

    fn ending(&self) -> Verdict {
        let Some(days) = self.rules.ending_days else { return Verdict::Unwatched };
        let Some(end) = &self.share.ends else {
            return Verdict::well("It has no schedule any more that ends by itself.");
        };
        if end.is_paused {
            return Verdict::Unknown;
        }
        let (notice, words) = (i64::from(days) * DAY_MS, &end.words);
        match self.now {
            now if now < end.last.saturating_sub(notice) => {
                Verdict::well(format!("The last time of its schedule is now {words}."))
            }
            now if now <= end.last => Verdict::holds(
                format!("The last time of its schedule is {words}. After it nothing runs by itself any more."),
                None,
            ),
            // Whoever was away sees it for as long as it was told before; then it is as somebody wanted it.
            now if now < end.last.saturating_add(notice) => Verdict::holds(
                format!("The last time of its schedule was {words}. Nothing runs by itself any more."),
                None,
            ),
            _ => Verdict::Over { because: format!("The schedule ended as it was set: its last time was {words}.") },
        }
    }
}

fn counted_minutes(minutes: u32) -> String {
    if minutes == 1 { "one minute".to_owned() } else { format!("{minutes} minutes") }
}

/// A moment for people who may be anywhere: "Monday 23 November 2026 at 12:00 UTC".
pub(super) fn moment_words(ms: i64) -> String {
    let shown = civil(chrono_tz::UTC, ms);
    format!("{} at {} UTC", day_words(shown.date()), time_words(shown.time()))
}

/// A day for people, by the calendar of Greenwich.
pub(super) fn day(ms: i64) -> String {
    day_words(civil(chrono_tz::UTC, ms).date())
}

#[cfg(test)]
mod tests {
    use model::run::{Failure, FailureCode, Hold, RunCounts, ShrinkLimit};

    use super::*;
    use crate::{
        exchange::standing::{EndedWell, UnderWay},
        sharing::ScheduleEnd,
    };

    /// 2026-11-23T12:00:00Z.
    const NOON: i64 = 1_795_435_200_000;

    fn share() -> ShareStanding {
        ShareStanding {
            name: "Customers to Beacon Mail".to_owned(),
            is_active: true,
            held_because: None,
            planned: None,
            ends: None,
        }
    }

    fn run_id() -> RunId {
        "run_1".parse().expect("an id")
    }

    fn failed_at(at: i64) -> Option<(RunId, i64, Option<Failure>)> {
        let failure =
            Failure { code: FailureCode::EndpointTimeout, message: "CRM did not answer.".to_owned(), retryable: true };
        Some((run_id(), at, Some(failure)))
    }

    fn good(at: i64, read: u64, rejected: u64) -> EndedWell {
        let counts = RunCounts { read, rejected, valid: read - rejected, ..RunCounts::default() };
        EndedWell { run_id: run_id(), counts, finished_at: at }
    }

    fn verdict(condition: Condition, rules: &AlertRules, share: &ShareStanding, runs: &Standing) -> Verdict {
        let sight = Sight { now: NOON, rules, share, runs, failed_since: Some(NOON - 1_000) };
        sight.verdicts().into_iter().find(|(one, _)| *one == condition).expect("is judged").1
    }

    fn cause(verdict: Verdict) -> String {
        match verdict {
            Verdict::Holds { cause, .. } => cause,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_failure_holds_until_a_run_ended_well_after_it() {
        let (rules, share) = (AlertRules::default(), share());
        let of = |runs: &Standing| verdict(Condition::Failed, &rules, &share, runs);
        let failing =
            Standing { failed: failed_at(NOON - 1_000), good: vec![good(NOON - 9_000, 10, 0)], ..Standing::default() };
        assert_eq!(cause(of(&failing)), "CRM did not answer.");
        let tried_again = Standing { failed: None, ..failing.clone() };
        assert_eq!(of(&tried_again), Verdict::Unknown, "trying again mends nothing yet");
        let mended = Standing { good: vec![good(NOON, 10, 0)], ..failing };
        assert!(matches!(of(&mended), Verdict::Well { .. }));
        assert_eq!(of(&Standing::default()), Verdict::Unknown);
        let unwatched = AlertRules { failed: false, ..rules };
        assert_eq!(verdict(Condition::Failed, &unwatched, &share, &mended), Verdict::Unwatched);
    }

    #[test]
    fn rejects_count_on_both_sides_and_by_the_last_run() {
        let (rules, share) = (AlertRules::default(), share());
        let of =
            |runs: Vec<_>| verdict(Condition::Rejects, &rules, &share, &Standing { good: runs, ..Standing::default() });
        assert_eq!(
            cause(of(vec![good(NOON, 12_000, 1_201)])),
            "1\u{202f}201 of 12\u{202f}000 rows were left out (10 %)."
        );
        assert!(matches!(of(vec![good(NOON, 12_000, 1_200), good(NOON, 10, 9)]), Verdict::Well { .. }));
        assert_eq!(of(Vec::new()), Verdict::Unknown);
    }

    #[test]
    fn a_held_run_and_a_held_share_are_both_held() {
        let (rules, share) = (AlertRules::default(), share());
        let hold = Hold { before: 1_000, after: 100, limit: ShrinkLimit::default() };
        let runs = Standing { held: Some((run_id(), hold, "News".to_owned())), ..Standing::default() };
        let Verdict::Holds { cause, run_id: Some(_) } = verdict(Condition::Held, &rules, &share, &runs) else {
            panic!("is not held")
        };
        assert!(cause.contains("900 of 1\u{202f}000 members out of “News”"), "{cause}");
        let drifted = ShareStanding { held_because: Some("Its fields changed: E-mail".to_owned()), ..share.clone() };
        let held = verdict(Condition::Held, &rules, &drifted, &Standing::default());
        assert!(self::cause(held).starts_with("Its fields changed: E-mail. No run"));
        assert!(matches!(verdict(Condition::Held, &rules, &share, &Standing::default()), Verdict::Well { .. }));
    }

    #[test]
    fn what_has_not_begun_or_ended_in_time_is_late_and_looked_at_just_then() {
        let (rules, hour) = (AlertRules::default(), 60 * MINUTE_MS);
        let runs =
            |since: i64| Standing { under_way: Some(UnderWay { run_id: run_id(), since }), ..Standing::default() };
        let late = verdict(Condition::Late, &rules, &share(), &runs(NOON - hour));
        assert_eq!(cause(late), "The run of Monday 23 November 2026 at 11:00 UTC has not ended within 60 minutes.");
        assert!(matches!(verdict(Condition::Late, &rules, &share(), &runs(NOON - hour + 1)), Verdict::Well { .. }));
        let planned = ShareStanding { planned: Some(NOON - hour), ..share() };
        let late = verdict(Condition::Late, &rules, &planned, &Standing::default());
        assert!(cause(late).contains("has not begun within 60 minutes"));
        let next = |share: &ShareStanding, runs: &Standing, rules: &AlertRules| {
            Sight { now: NOON, rules, share, runs, failed_since: None }.next_look()
        };
        assert_eq!(next(&share(), &Standing::default(), &rules), None);
        assert_eq!(next(&share(), &runs(NOON), &rules), Some(NOON + hour));
        assert_eq!(next(&planned, &runs(NOON), &rules), Some(NOON + MINUTE_MS), "late already");
        assert_eq!(next(&planned, &runs(NOON), &AlertRules { late_minutes: None, ..rules }), None);
    }

    #[test]
    fn a_schedule_that_ends_is_told_some_days_before_and_for_as_long_after() {
        let (rules, week) = (AlertRules::default(), 7 * DAY_MS);
        let ends = |last: i64, is_paused: bool| {
            let words = "Monday 30 November 2026 at 09:00 (Europe/Berlin)".to_owned();
            ShareStanding { ends: Some(ScheduleEnd { last, words, is_paused }), ..share() }
        };
        let of = |share: &ShareStanding| verdict(Condition::Ending, &rules, share, &Standing::default());
        assert!(matches!(of(&ends(NOON + week + 1, false)), Verdict::Well { .. }));
        assert_eq!(
            cause(of(&ends(NOON + week, false))),
            "The last time of its schedule is Monday 30 November 2026 at 09:00 (Europe/Berlin). After it nothing runs by itself any more."
        );
        assert!(cause(of(&ends(NOON, false))).starts_with("The last time of its schedule is "));
        assert!(cause(of(&ends(NOON - 1, false))).starts_with("The last time of its schedule was "));
        assert!(matches!(of(&ends(NOON - week, false)), Verdict::Over { .. }));
        assert!(matches!(of(&share()), Verdict::Well { .. }));
        assert_eq!(of(&ends(NOON + 1, true)), Verdict::Unknown, "what is paused says nothing of its end");
        let unwatched = AlertRules { ending_days: None, ..rules };
        assert_eq!(
            verdict(Condition::Ending, &unwatched, &ends(NOON, false), &Standing::default()),
            Verdict::Unwatched
        );
        let next = |share: &ShareStanding, rules: &AlertRules| {
            Sight { now: NOON, rules, share, runs: &Standing::default(), failed_since: None }.next_look()
        };
        assert_eq!(next(&ends(NOON + 2 * week, false), &rules), Some(NOON + week));
        assert_eq!(next(&ends(NOON + week, false), &rules), Some(NOON + week + 1));
        assert_eq!(next(&ends(NOON - 1, false), &rules), Some(NOON - 1 + week));
        assert_eq!(next(&ends(NOON - week, false), &rules), None);
        assert_eq!(next(&ends(NOON + week, true), &rules), None);
        assert_eq!(next(&ends(NOON + week, false), &unwatched), None);
        let both = ShareStanding { planned: Some(NOON), ..ends(NOON + 2 * week, false) };
        assert_eq!(next(&both, &rules), Some(NOON + 60 * MINUTE_MS), "the sooner of the two");
    }

    #[test]
    fn a_size_is_compared_with_the_runs_before_once_there_are_enough() {
        let (rules, share) = (AlertRules::default(), share());
        let of = |sizes: &[u64]| {
            let good = sizes.iter().map(|rows| good(NOON, *rows, 0)).collect();
            verdict(Condition::Size, &rules, &share, &Standing { good, ..Standing::default() })
        };
        assert_eq!(of(&[1, 100, 100]), Verdict::Unknown, "two runs before are too few");
        assert_eq!(cause(of(&[49, 100, 100, 100])), "49 rows were read; the 3 runs before read 100 on average.");
        assert!(matches!(of(&[50, 100, 100, 100]), Verdict::Well { .. }));
        assert!(matches!(of(&[151, 100, 100, 100]), Verdict::Holds { .. }));
        assert!(matches!(of(&[100, 100, 100, 100, 100, 100, 9_000]), Verdict::Well { .. }), "only the last five count");
    }
}
