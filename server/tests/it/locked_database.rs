//! Somebody else has the database locked for ten seconds while runs are under way, and pages are asked for: a backup, a person with a shell. All of it
//! waits and goes on. SQLite has one lock for all; PostgreSQL is locked where the runs are.

use std::time::{Duration, Instant};

use model::run::RunState;
use sqlx::{Connection, Executor, PgConnection, SqliteConnection};

use crate::installation::{DEMO_EMAIL, DEMO_PASSWORD, Installation, PATIENCE, demo_actor, demo_run};

const LOCKED: Duration = Duration::from_secs(10);

/// Runs go on over a lock that is taken when one of them moves rows.
async fn waits_out(installation: Installation, lock: impl AsyncFnOnce(&Installation, Duration)) {
    // A lease that is over long before the lock is: whoever works on the run must not be shut out by its own database.
    let installation = installation.with("USHER_PART_ROWS", "50").with("USHER_LEASE_SECONDS", "30");
    let usher = installation.serve().await;
    let endpoints = installation.endpoints(3_000).await;
    installation.make_demo(&endpoints).await;
    let hub = installation.hub().await;
    let actor = demo_actor(&hub).await;
    let browser = usher.browser();
    browser.sign_in(DEMO_EMAIL, DEMO_PASSWORD).await;
    let run = demo_run(&hub, &actor).await;
    let until = async |reached: &dyn Fn(RunState, u32) -> bool| {
        let waiting = async {
            loop {
                let view = hub.run(&actor, &run).await.unwrap();
                if reached(view.summary.state, view.parts) {
                    return view;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(PATIENCE, waiting).await.expect("it comes about")
    };
    until(&|state, parts| parts > 1 || state.is_final()).await;
    let began = Instant::now();
    let path = format!("/runs/{run}");
    let (page, ()) = tokio::join!(browser.get(&path), lock(&installation, LOCKED));
    assert!(began.elapsed() >= LOCKED, "it was locked");
    assert!(page.status().is_success(), "the page waits or is there at once: {}", page.status());
    let view = until(&|state, _| state.is_final()).await;
    assert_eq!(view.summary.state, RunState::CompleteWithRejects, "{view:#?}");
    hub.receipt(&actor, &run).await.unwrap().check().unwrap();
}

#[tokio::test]
async fn a_sqlite_that_is_locked_for_ten_seconds_is_waited_for() {
    waits_out(Installation::new(), async |installation, time| {
        let url = format!("sqlite:{}", installation.path("usher.db").display());
        let mut other = SqliteConnection::connect(&url).await.unwrap();
        other.execute("pragma busy_timeout = 30000").await.unwrap();
        other.execute("begin immediate").await.unwrap();
        tokio::time::sleep(time).await;
        other.execute("rollback").await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_postgres_whose_runs_are_locked_for_ten_seconds_is_waited_for() {
    waits_out(Installation::new().on_postgres().await, async |installation, time| {
        let mut other = PgConnection::connect(&installation.database_url()).await.unwrap();
        other.execute("begin; lock table run, run_part in access exclusive mode").await.unwrap();
        tokio::time::sleep(time).await;
        other.execute("rollback").await.unwrap();
    })
    .await;
}
