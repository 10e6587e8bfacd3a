//! How fast a run goes and how long it still takes: only from what was seen of it, and nothing when too little was seen.

use std::collections::VecDeque;

use model::{run::RunState, view::RunView};

use crate::components::count::grouped;

/// What is longer ago says nothing about now, in milliseconds.
const WINDOW: f64 = 10_000.0;
/// Less than this is too little to tell, in milliseconds.
const SHORTEST: f64 = 1_000.0;

/// Rows that were done at a moment.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Point {
    /// Milliseconds by the browser's clock.
    at: f64,
    rows: u64,
}

/// What was seen of a run lately.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Pace {
    state: Option<RunState>,
    points: VecDeque<Point>,
}

/// Rows done and rows to do of what the run does now; none while it does nothing with rows, or waits for somebody.
fn done(run: &RunView) -> Option<(u64, Option<u64>)> {
    let counts = &run.summary.counts;
    match run.summary.state {
        _ if run.paused || run.waiting.is_some() => None,
        RunState::Reading => Some((counts.read, counts.declared)),
        RunState::Delivering => Some((counts.acknowledged + counts.refused, Some(counts.valid))),
        _ => None,
    }
}

impl Pace {
    /// Notes what the run says at a moment.
    pub(super) fn note(&mut self, at: f64, run: &RunView) {
        let (state, rows) = (run.summary.state, done(run));
        // Reading and sending have a pace of their own each; and after a wait, or when it begins anew, the one before is none.
        let goes_on = self.state == Some(state)
            && rows.is_some_and(|(rows, _)| self.points.back().is_none_or(|last| rows >= last.rows));
        if !goes_on {
            self.points.clear();
        }
        self.state = Some(state);
        let Some((rows, _)) = rows else { return };
        self.points.push_back(Point { at, rows });
        // One point from before the window stays: what was done since then is what the window shows.
        while self.points.get(1).is_some_and(|second| at - second.at >= WINDOW) {
            self.points.pop_front();
        }
    }

    /// "12 400 rows a second, about 20 s left of reading", as far as that can be told at a moment.
    pub(super) fn said(&self, now: f64, run: &RunView) -> Option<String> {
        let (first, last) = (self.points.front()?, self.points.back()?);
        let (rows, of) = done(run)?;
        // Until now, not until the last event: who hears nothing is not told the pace of a while ago.
        let took = now - first.at;
        let came = last.rows.checked_sub(first.rows).filter(|came| *came > 0)?;
        if took < SHORTEST || now - last.at > WINDOW {
            return None;
        }
        #[expect(clippy::cast_precision_loss, reason = "a pace is no account")]
        let rate = came as f64 * 1_000.0 / took;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "it is positive, and said in whole rows"
        )]
        let whole = rate.round() as u64;
        if whole == 0 {
            return None;
        }
        let pace = format!("{} rows a second", grouped(whole));
        let left = of.and_then(|of| of.checked_sub(rows)).filter(|left| *left > 0);
        Some(match left {
            Some(left) => {
                let what = if run.summary.state == RunState::Reading { "of reading" } else { "of sending" };
                format!("{pace}, {} left {what}", roughly(left.div_ceil(whole)))
            }
            None => pace,
        })
    }
}

/// Seconds as people say them of what is to come.
fn roughly(seconds: u64) -> String {
    match seconds {
        0..10 => "a few seconds".to_owned(),
        10..90 => format!("about {}\u{a0}s", seconds.next_multiple_of(5)),
        90..5_400 => format!("about {}\u{a0}min", (seconds + 30) / 60),
        _ => format!("about {}\u{a0}h", (seconds + 1_800) / 3_600),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a panic is a failed test")]

    use model::{
        id::{RunId, ShareId},
        run::{Mode, RunCounts},
        view::RunSummary,
    };

    use super::*;

    fn run(state: RunState, read: u64) -> RunView {
        let text = String::new;
        RunView {
            summary: RunSummary {
                id: "run_1".parse::<RunId>().unwrap(),
                share_id: format!("{}1", ShareId::PREFIX).parse().unwrap(),
                state,
                audience_name: text(),
                source_name: text(),
                destination_name: text(),
                destination_segment: text(),
                mode: Mode::Add,
                counts: RunCounts {
                    declared: Some(10_000),
                    read,
                    valid: 10_000,
                    acknowledged: read,
                    ..RunCounts::default()
                },
                created_at: text(),
                started_at: None,
                finished_at: None,
            },
            version: 1,
            paused: false,
            waiting: None,
            failure: None,
            hold: None,
            left_empty: Vec::new(),
            kept_until: None,
            left_out: Vec::new(),
            parts: 0,
            parts_acknowledged: 0,
            retries: 0,
            timeline: Vec::new(),
            has_rejects: false,
            receipt_sha256: None,
            mapping_version: 1,
        }
    }

    fn seen(points: &[(f64, u64)]) -> (Pace, RunView) {
        let mut pace = Pace::default();
        points.iter().for_each(|(at, rows)| pace.note(*at, &run(RunState::Reading, *rows)));
        (pace, run(RunState::Reading, points.last().unwrap().1))
    }

    #[test]
    fn a_pace_is_what_was_seen() {
        let (pace, now) = seen(&[(0.0, 0), (1_000.0, 100), (2_000.0, 200)]);
        assert_eq!(pace.said(2_000.0, &now).unwrap(), "100 rows a second, about 2\u{a0}min left of reading");
        assert_eq!(
            pace.said(4_000.0, &now).unwrap(),
            "50 rows a second, about 3\u{a0}min left of reading",
            "it fades while nothing comes"
        );
        assert_eq!(pace.said(12_500.0, &now), None, "and then is not said any more");
    }

    #[test]
    fn nothing_is_said_of_what_can_not_be_told() {
        let (pace, now) = seen(&[(0.0, 500)]);
        assert_eq!(pace.said(5_000.0, &now), None, "one look is no pace");
        let (pace, now) = seen(&[(0.0, 0), (200.0, 900)]);
        assert_eq!(pace.said(200.0, &now), None, "nor is a moment");
        let (mut pace, _) = seen(&[(0.0, 0), (2_000.0, 900)]);
        pace.note(2_500.0, &run(RunState::Delivering, 10));
        assert_eq!(pace.said(4_000.0, &run(RunState::Delivering, 10)), None, "sending is not as fast as reading was");
        let waiting = RunView { waiting: Some("Waiting for Beacon Mail.".to_owned()), ..run(RunState::Reading, 900) };
        pace.note(5_000.0, &waiting);
        assert_eq!(pace.said(7_000.0, &waiting), None);
    }

    #[test]
    fn only_the_last_seconds_count() {
        let (pace, now) = seen(&[(0.0, 0), (1_000.0, 5_000), (20_000.0, 5_100), (30_000.0, 5_200)]);
        assert_eq!(pace.said(30_000.0, &now).unwrap(), "10 rows a second, about 8\u{a0}min left of reading");
    }

    #[test]
    fn a_run_that_is_read_again_begins_anew() {
        let (pace, now) = seen(&[(0.0, 0), (5_000.0, 5_000), (6_000.0, 0), (6_500.0, 10)]);
        assert_eq!(pace.said(6_500.0, &now), None);
    }
}
