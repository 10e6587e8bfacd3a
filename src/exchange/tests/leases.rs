//! Who may change a run, and until when; and what an account is told of its runs. On SQLite and on PostgreSQL.

use std::{sync::Arc, time::Duration};

use model::{
    contract::JobMode,
    id::ShareId,
    id::{AccountId, RunId},
    reject::RejectCode,
    run::{Mode, RejectGroup, RunEvent, RunState},
    view::RunQuery,
};

use super::plans::new_run;
use crate::{
    exchange::{
        NewRun, circuit, enqueue,
        records::{self, PartRow, RejectStage},
        requests::{Asked, ask_to_cancel, ask_to_retry},
        runs::{self, HeldError, Pick, claim},
        views,
    },
    outbound::RetryPolicy,
    store::{Clock, Database, ManualClock, new_id, testing::scratch_databases},
};

const LEASE: Duration = Duration::from_secs(30);
/// Any run.
const ANY: Pick = Pick { most_rows: None, runs_per_endpoint: u32::MAX, longest_aside: Duration::from_secs(600) };
const START: i64 = 1_790_000_000_000;

struct Bench {
    database: Database,
    manual: Arc<ManualClock>,
    clock: Arc<dyn Clock>,
    account_id: AccountId,
}

impl Bench {
    async fn new(url: &str) -> Self {
        let manual = Arc::new(ManualClock::at(START));
        let clock: Arc<dyn Clock> = manual.clone();
        Self { database: Database::open(url).await.expect("opens"), manual, clock, account_id: new_id("acc_") }
    }

    async fn enqueue(&self) -> RunId {
        self.enqueue_run(new_run(&self.account_id, Mode::Add)).await
    }

    async fn enqueue_run(&self, run: NewRun) -> RunId {
        let mut transaction = self.database.begin().await.expect("begins");
        let id = enqueue(&mut transaction, self.clock.now_ms(), run).await.expect("enqueues");
        transaction.commit().await.expect("commits");
        id
    }

    async fn claim(&self, owner: &str) -> Option<runs::Claim> {
        self.claim_one_of(owner, ANY).await
    }

    async fn claim_one_of(&self, owner: &str, pick: Pick) -> Option<runs::Claim> {
        claim(&self.database, &self.clock, owner, LEASE, pick).await.expect("claims")
    }
}

#[tokio::test]
async fn accounts_take_turns_and_so_do_the_runs_of_one() {
    for scratch in scratch_databases().await {
        let bench = Bench::new(scratch.url()).await;
        let mut mine = Vec::new();
        for _ in 0..3 {
            mine.push(bench.enqueue().await);
            bench.manual.advance(Duration::from_millis(1));
        }
        let theirs = bench.enqueue_run(new_run(&new_id("acc_"), Mode::Add)).await;
        let first = bench.claim("worker").await.expect("there is one");
        assert_eq!(first.run.id, mine[0]);
        assert_eq!(
            bench.claim("worker").await.expect("there is one").run.id,
            theirs,
            "nothing of theirs was under way"
        );
        let second = bench.claim("worker").await.expect("there is one");
        assert_eq!(second.run.id, mine[1]);
        // Who has had a turn comes behind those who wait.
        bench.manual.advance(Duration::from_millis(1));
        assert!(runs::another_waits(&bench.database, bench.clock.now_ms(), &mine[0]).await.expect("is known"));
        first.held.release(true).await.expect("gives way");
        assert_eq!(bench.claim("worker").await.expect("there is one").run.id, mine[2]);
        assert_eq!(bench.claim("worker").await.expect("there is one").run.id, mine[0]);
        assert!(!runs::another_waits(&bench.database, bench.clock.now_ms(), &mine[0]).await.expect("is known"));
    }
}

#[tokio::test]
async fn an_endpoint_has_only_so_many_runs_at_once_whichever_side_it_is_on() {
    for scratch in scratch_databases().await {
        let bench = Bench::new(scratch.url()).await;
        let one = new_run(&bench.account_id, Mode::Add);
        let mut other = new_run(&bench.account_id, Mode::Add);
        other.plan.destination.endpoint_id = one.plan.source_endpoint_id.clone();
        let (one, other) = (bench.enqueue_run(one).await, bench.enqueue_run(other).await);
        let single = Pick { runs_per_endpoint: 1, ..ANY };
        let first = bench.claim_one_of("worker", single).await.expect("there is one");
        assert!([&one, &other].contains(&&first.run.id));
        assert!(bench.claim_one_of("worker", single).await.is_none(), "its endpoint is at work");
        first.held.park(bench.clock.now_ms() + 1000, first.run.woken).await.expect("is put aside");
        let second = bench.claim_one_of("worker", single).await.expect("who is put aside takes no place");
        assert_ne!(second.run.id, first.run.id);
    }
}

#[tokio::test]
async fn small_runs_have_places_of_their_own() {
    for scratch in scratch_databases().await {
        let bench = Bench::new(scratch.url()).await;
        let small = Pick { most_rows: Some(1000), ..ANY };
        let mut ids = Vec::new();
        for expected_rows in [None, Some(1001), Some(1000)] {
            let mut run = new_run(&bench.account_id, Mode::Add);
            run.plan.expected_rows = expected_rows;
            ids.push(bench.enqueue_run(run).await);
            bench.manual.advance(Duration::from_millis(1));
        }
        assert_eq!(bench.claim_one_of("worker", small).await.expect("there is one").run.id, ids[2]);
        assert!(bench.claim_one_of("worker", small).await.is_none(), "the others are large, or nobody knows");
        assert_eq!(bench.claim("worker").await.expect("there is one").run.id, ids[0]);
    }
}

#[tokio::test]
async fn a_circuit_opens_when_calls_keep_failing_and_who_waits_goes_on_when_it_closes() {
    for scratch in scratch_databases().await {
        let bench = Bench::new(scratch.url()).await;
        bench.enqueue().await;
        let claim = bench.claim("worker").await.expect("there is one");
        let endpoint_id = claim.run.plan.destination.endpoint_id.clone();
        let policy = RetryPolicy { jitter: 0.0, ..RetryPolicy::default() };
        let fails = async || circuit::failed(&bench.database, &endpoint_id, START, &policy).await.expect("is noted");
        for _ in 0..4 {
            assert_eq!(fails().await, None);
        }
        assert_eq!(fails().await, Some(START + 16_000));
        assert_eq!(fails().await, Some(START + 32_000), "it is left alone for longer each time");
        let seen = circuit::look(&bench.database, &endpoint_id).await.expect("is known").expect("calls failed");
        assert_eq!((seen.failures, seen.open_until), (6, START + 32_000));

        let mut change = claim.held.begin().await.expect("begins");
        assert_eq!(change.note_retry("send", 6).await.expect("is noted"), START);
        change.commit().await.expect("commits");
        claim.held.park(START + 32_000, claim.run.woken).await.expect("is put aside");
        assert!(bench.claim("worker").await.is_none(), "it waits");
        circuit::close(&bench.database, &endpoint_id).await.expect("closes");
        assert_eq!(circuit::look(&bench.database, &endpoint_id).await.expect("is known"), None);
        let again = bench.claim("worker").await.expect("it need not wait any longer").run;
        assert_eq!((again.retry_step.as_deref(), again.retry_count), (Some("send"), 6));
    }
}

#[tokio::test]
async fn a_run_is_claimed_by_one_worker_only() {
    for scratch in scratch_databases().await {
        let bench = Arc::new(Bench::new(scratch.url()).await);
        let mut asked = Vec::new();
        for _ in 0..12 {
            asked.push(bench.enqueue().await);
            bench.manual.advance(Duration::from_millis(1));
        }
        let workers: Vec<_> = (0..6)
            .map(|number| {
                let bench = bench.clone();
                tokio::spawn(async move {
                    let mut mine = Vec::new();
                    // On PostgreSQL a claim may come back empty-handed while another is being made; a worker asks again.
                    for _ in 0..20 {
                        if let Some(claim) = bench.claim(&format!("worker-{number}")).await {
                            mine.push(claim.run.id);
                        }
                    }
                    mine
                })
            })
            .collect();
        let mut taken = Vec::new();
        for worker in workers {
            taken.extend(worker.await.expect("ends"));
        }
        taken.sort();
        asked.sort();
        assert_eq!(taken, asked);
    }
}

#[tokio::test]
async fn an_expired_lease_is_taken_over_and_the_old_worker_is_shut_out() {
    for scratch in scratch_databases().await {
        let bench = Bench::new(scratch.url()).await;
        let run_id = bench.enqueue().await;
        let first = bench.claim("first").await.expect("there is one");
        assert_eq!(first.run.id, run_id);
        bench.manual.advance(LEASE - Duration::from_millis(1));
        assert!(bench.claim("second").await.is_none(), "the lease still holds");
        first.held.renew(LEASE).await.expect("renews");
        bench.manual.advance(LEASE - Duration::from_millis(1));
        assert!(bench.claim("second").await.is_none(), "the lease was renewed");
        bench.manual.advance(Duration::from_millis(1));
        let second = bench.claim("second").await.expect("the lease ran out");
        assert!(matches!(first.held.renew(LEASE).await, Err(HeldError::Lost)));
        assert!(matches!(first.held.begin().await.err(), Some(HeldError::Lost)));
        first.held.release(false).await.expect("is no error");
        assert!(bench.claim("third").await.is_none(), "the old worker's release does nothing");
        // The same owner again is not the same lease.
        bench.manual.advance(LEASE);
        let third = bench.claim("second").await.expect("the lease ran out");
        assert!(matches!(second.held.begin().await.err(), Some(HeldError::Lost)));
        third.held.release(false).await.expect("releases");
        assert!(bench.claim("fourth").await.is_some(), "what is given back can be taken at once");
    }
}

#[tokio::test]
async fn a_clock_that_is_set_back_or_ahead_keeps_no_run_from_its_work() {
    const DAY: Duration = Duration::from_secs(24 * 3600);
    for scratch in scratch_databases().await {
        let bench = Bench::new(scratch.url()).await;
        let run_id = bench.enqueue().await;
        bench.manual.advance(DAY);
        let first = bench.claim("first").await.expect("there is one");
        bench.manual.set_back(DAY);
        // Its lease seems to hold for a day; so does nobody's.
        let second = bench.claim("second").await.expect("it may be picked");
        assert_eq!(second.run.id, run_id);
        assert!(matches!(first.held.begin().await.err(), Some(HeldError::Lost)), "of two only one works on it");
        assert!(bench.claim("third").await.is_none(), "the lease that was made now holds");

        // One that was put aside, while the clock was ahead.
        bench.manual.advance(DAY);
        second.held.renew(LEASE).await.expect("is still ours");
        second.held.park(bench.clock.now_ms() + 60_000, second.run.woken).await.expect("is put aside");
        assert!(bench.claim("third").await.is_none(), "it waits");
        bench.manual.set_back(DAY);
        let third = bench.claim("third").await.expect("it may be picked");

        // Ahead: the lease is over early, and who had it is shut out.
        bench.manual.advance(DAY);
        let fourth = bench.claim("fourth").await.expect("the lease ran out");
        assert!(matches!(third.held.renew(LEASE).await, Err(HeldError::Lost)));
        fourth.held.renew(LEASE).await.expect("is ours");

        // An endpoint is left alone for no longer than a rest, whatever the clock has done since.
        let policy = RetryPolicy::default();
        let circuit = |open_until| circuit::Circuit { failures: 6, open_until };
        let now = bench.clock.now_ms();
        assert!(circuit(now + 60_000).is_open(now, &policy));
        assert!(!circuit(now).is_open(now, &policy));
        assert!(!circuit(now + 24 * 3_600_000).is_open(now, &policy));
    }
}

#[tokio::test]
async fn a_change_that_is_not_committed_never_happened_and_a_wrong_step_is_refused() {
    for scratch in scratch_databases().await {
        let bench = Bench::new(scratch.url()).await;
        bench.enqueue().await;
        let held = bench.claim("worker").await.expect("there is one").held;
        let mut change = held.begin().await.expect("begins");
        assert!(matches!(change.step(RunEvent::Delivered).await, Err(HeldError::Illegal(_))));
        change.step(RunEvent::ExportAsked).await.expect("steps");
        drop(change);
        let mut change = held.begin().await.expect("begins");
        assert_eq!(change.step(RunEvent::ExportAsked).await.expect("steps"), RunState::Exporting);
        change.commit().await.expect("commits");
    }
}

#[tokio::test]
async fn parts_rejects_and_reasons_add_up_whatever_the_order() {
    for scratch in scratch_databases().await {
        let bench = Bench::new(scratch.url()).await;
        let run_id = bench.enqueue().await;
        let held = bench.claim("worker").await.expect("there is one").held;
        let part = |number| PartRow {
            number,
            job_mode: JobMode::Add,
            job_number: number,
            rows: 10,
            bytes: 200,
            sha256: "00".repeat(32),
            acknowledged: false,
        };
        let group = |code: Option<&str>, rows| RejectGroup {
            code: if code.is_some() { RejectCode::Refused } else { RejectCode::InvalidEmail },
            destination_code: code.map(str::to_owned),
            field: Some("email".to_owned()),
            reason: "No.".to_owned(),
            rows,
        };
        let mut change = held.begin().await.expect("begins");
        change.add_part(&part(1)).await.expect("adds");
        change.add_part(&part(2)).await.expect("adds");
        change.add_reject_file(RejectStage::Read, 1, 3).await.expect("adds");
        change.add_left_out(&[group(None, 3)], None).await.expect("adds");
        change.add_left_out(&[group(None, 2), group(Some("blocked"), 1)], Some(JobMode::Add)).await.expect("adds");
        change.acknowledge_part(&part(2), 9, 1, None).await.expect("acknowledges");
        change.commit().await.expect("commits");
        let listed = async || records::parts(&bench.database, &run_id, Some(JobMode::Add)).await.expect("lists");
        let open = async || {
            listed().await.iter().filter(|part| !part.acknowledged).map(|part| part.number).collect::<Vec<_>>()
        };
        assert_eq!(open().await, [1]);
        assert_eq!(
            records::left_out(&bench.database, &run_id).await.expect("lists"),
            [group(None, 5), group(Some("blocked"), 1)]
        );

        let mut change = held.begin().await.expect("begins");
        let counts = change.counts().await.expect("counts");
        assert_eq!((counts.sent, counts.acknowledged, counts.refused), (10, 9, 1));
        change.forget_acknowledgements(JobMode::Add).await.expect("forgets");
        let counts = change.counts().await.expect("counts");
        assert_eq!((counts.sent, counts.acknowledged, counts.refused), (0, 0, 0));
        change.commit().await.expect("commits");
        assert_eq!(records::left_out(&bench.database, &run_id).await.expect("lists"), [group(None, 5)]);
        assert_eq!(open().await, [1, 2]);

        // A destination with a code of its own for every row does not fill the database.
        let mut change = held.begin().await.expect("begins");
        let many: Vec<RejectGroup> = (0..500).map(|number| group(Some(&format!("code-{number}")), 1)).collect();
        change.add_left_out(&many, None).await.expect("adds");
        change.add_left_out(&many, None).await.expect("adds");
        change.commit().await.expect("commits");
        let groups = records::left_out(&bench.database, &run_id).await.expect("lists");
        assert!(groups.len() <= 101, "{}", groups.len());
        assert_eq!(groups.iter().map(|group| group.rows).sum::<u64>(), 5 + 1000);
    }
}

#[tokio::test]
async fn what_people_ask_of_a_run_depends_on_its_state_and_their_account() {
    for scratch in scratch_databases().await {
        let bench = Bench::new(scratch.url()).await;
        let (database, account, now) = (&bench.database, &bench.account_id, START);
        let stranger: AccountId = new_id("acc_");

        let queued = bench.enqueue().await;
        assert_eq!(ask_to_cancel(database, &stranger, &queued, "Eve", now).await.expect("asks"), Asked::NoSuchRun);
        assert_eq!(ask_to_retry(database, &stranger, &queued, "Eve", now).await.expect("asks"), Asked::NoSuchRun);
        assert_eq!(
            ask_to_retry(database, account, &queued, "Ann", now).await.expect("asks"),
            Asked::Forbidden(RunState::Queued)
        );
        assert_eq!(
            ask_to_cancel(database, account, &queued, "Called off by Ann.", now).await.expect("asks"),
            Asked::Taken
        );
        let view = views::run(database, account, &queued, 0).await.expect("reads").expect("is there");
        assert_eq!(view.summary.state, RunState::Canceled);
        assert!(view.timeline.iter().any(|entry| entry.message == "Called off by Ann."));
        assert_eq!(
            ask_to_cancel(database, account, &queued, "Called off by Ann.", now).await.expect("asks"),
            Asked::Forbidden(RunState::Canceled)
        );
        assert!(bench.claim("worker").await.is_none(), "nobody takes up what was called off");

        // One that a worker has is ended by the worker: it may take no further step but to end.
        let held_id = bench.enqueue().await;
        let held = bench.claim("worker").await.expect("there is one").held;
        assert_eq!(
            ask_to_cancel(database, account, &held_id, "Called off by Ann.", now).await.expect("asks"),
            Asked::Taken
        );
        assert!(held.renew(LEASE).await.expect("renews").called_off, "the worker is told");
        let mut change = held.begin().await.expect("begins");
        assert!(matches!(change.step(RunEvent::ExportAsked).await, Err(HeldError::Canceled)));
        assert_eq!(change.step(RunEvent::Cancel).await.expect("steps"), RunState::Canceled);
        change.commit().await.expect("commits");

        let failed_id = bench.enqueue().await;
        let held = bench.claim("worker").await.expect("there is one").held;
        let mut change = held.begin().await.expect("begins");
        change.step(RunEvent::Fail).await.expect("steps");
        change.commit().await.expect("commits");
        assert_eq!(ask_to_retry(database, account, &failed_id, "Ann", now).await.expect("asks"), Asked::Taken);
        let again = bench.claim("worker").await.expect("it is queued again");
        assert_eq!((again.run.id, again.run.state), (failed_id, RunState::Queued));
    }
}

#[tokio::test]
async fn an_account_finds_its_runs_and_no_others() {
    for scratch in scratch_databases().await {
        let bench = Bench::new(scratch.url()).await;
        for _ in 0..53 {
            bench.enqueue().await;
        }
        let other =
            Bench { account_id: new_id("acc_"), database: bench.database.clone(), ..Bench::new(scratch.url()).await };
        let foreign = other.enqueue().await;
        let found = async |query: RunQuery| {
            views::runs(&bench.database, &bench.account_id, &query, bench.clock.now_ms()).await.expect("lists")
        };
        let find =
            async |text: &str, state| found(RunQuery { text: text.to_owned(), state, ..RunQuery::default() }).await;
        let first = find("", None).await;
        assert_eq!((first.items.len(), first.total), (50, 53));
        let before = first.older.clone().expect("there are more");
        let second = found(RunQuery { before: Some(before), ..RunQuery::default() }).await;
        assert_eq!((second.items.len(), second.total, second.older), (3, 53, None));
        let mut seen: Vec<_> = first.items.iter().chain(&second.items).map(|run| run.id.clone()).collect();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), 53, "each once");
        let wrong = found(RunQuery { before: Some("nowhere".to_owned()), ..RunQuery::default() }).await;
        assert_eq!(wrong.items.len(), 50, "a place that is none is the beginning");
        assert_eq!(find("READERS beacon", None).await.total, 53, "all words, whatever their case and order");
        assert_eq!(find("readers nobody", None).await.total, 0);
        assert_eq!(find("100%_", None).await.total, 0, "what LIKE means by % and _ does not count");
        assert_eq!(find("", Some(RunState::Queued)).await.total, 53);
        assert_eq!(find("", Some(RunState::Failed)).await.total, 0);
        let of_share = RunQuery { share: Some(first.items[0].share_id.clone()), ..RunQuery::default() };
        assert_eq!(found(of_share).await.total, 1);
        let plan = views::newest_plan(&bench.database, &bench.account_id, &first.items[0].share_id).await;
        let source = plan.expect("reads").expect("has one").1.source_endpoint_id;
        let from = RunQuery { endpoint: Some(source), text: "readers".to_owned(), ..RunQuery::default() };
        assert_eq!(found(from).await.total, 1, "each has a source of its own here");
        let nowhere = RunQuery { endpoint: Some(new_id("ep_")), ..RunQuery::default() };
        assert_eq!(found(nowhere).await.total, 0);
        let lately = RunQuery { within_hours: Some(1), ..RunQuery::default() };
        assert_eq!(found(lately.clone()).await.total, 53);
        let later = bench.clock.now_ms() + 2 * 3_600_000;
        let later = views::runs(&bench.database, &bench.account_id, &lately, later).await.expect("lists");
        assert_eq!(later.total, 0);
        let stamp = views::stamp(&bench.database, &bench.account_id).await.expect("reads");
        assert_eq!(views::stamp(&bench.database, &bench.account_id).await.expect("reads"), stamp);
        let under_way = found(RunQuery { under_way: true, ..RunQuery::default() }).await;
        assert_eq!(under_way.total, 53, "what waits for its turn is under way");
        assert!(views::run(&bench.database, &bench.account_id, &foreign, 0).await.expect("reads").is_none());
        assert!(views::run(&other.database, &other.account_id, &foreign, 0).await.expect("reads").is_some());
        assert!(views::reject_files(&bench.database, &bench.account_id, &foreign).await.expect("reads").is_none());
        assert!(views::receipt(&bench.database, &bench.account_id, &foreign).await.expect("reads").is_none());
        let active = views::newest(&bench.database, &bench.account_id, views::Newest::Active, 10).await.expect("lists");
        assert_eq!(active.len(), 10);
        assert!(active.iter().all(|run| run.id != foreign));
        let shares: Vec<_> = first.items.iter().chain(&second.items).map(|run| run.share_id.clone()).collect();
        let last = async |bench: &Bench, shares: &[ShareId]| {
            views::last_runs(&bench.database, &bench.account_id, shares).await.expect("lists")
        };
        assert_eq!(last(&bench, &shares).await.len(), 53);
        assert_eq!(last(&bench, &[]).await.len(), 0);
        assert_eq!(last(&other, &shares).await.len(), 0, "they are another account's");
        // Asked for in the same moment: the one that is first in the list is the last.
        sqlx::query("update run set share_id = $1, created_at = 1 where account_id = $2")
            .bind(shares[0].as_str())
            .bind(bench.account_id.as_str())
            .execute(bench.database.writer())
            .await
            .expect("sets");
        let newest = &found(RunQuery { share: Some(shares[0].clone()), ..RunQuery::default() }).await.items[0].id;
        let of_one = last(&bench, &shares[..2]).await;
        assert_eq!(of_one.iter().map(|(share, (run, ..))| (share, run)).collect::<Vec<_>>(), [(&shares[0], newest)]);
    }
}
