//! Schedules as they are served: runs that come by themselves, and the calendar's feed, read by another program's parser.

use std::{
    path::PathBuf,
    process::Stdio,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use model::recurrence::{ScheduleForm, slots};
use reqwest::StatusCode;
use serde::Deserialize;
use sqlx::{Connection, SqliteConnection};
use tokio::io::AsyncWriteExt;

use crate::installation::{DEMO_EMAIL, DEMO_PASSWORD, Installation, demo_actor, demo_share};

const PATIENCE: Duration = Duration::from_secs(60);

/// An event as the other parser read it.
#[derive(Debug, Deserialize)]
struct Event {
    start: i64,
    summary: String,
    status: String,
}

/// Where `setup.sh` puts the Python that has the parser.
fn python() -> PathBuf {
    let python = match std::env::var_os("USHER_TEST_PYTHON") {
        Some(path) => PathBuf::from(path),
        None => PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../end2end/schemathesis/.venv/bin/python"),
    };
    assert!(
        python.exists(),
        "{} is not there. Run ./setup.sh test, or set USHER_TEST_PYTHON to a Python with the package icalendar",
        python.display()
    );
    python
}

async fn read(calendar: &str) -> Vec<Event> {
    let program = concat!(env!("CARGO_MANIFEST_DIR"), "/../end2end/calendar/read.py");
    let mut child = tokio::process::Command::new(python())
        .arg(program)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(calendar.as_bytes()).await.unwrap();
    drop(input);
    let output = tokio::time::timeout(PATIENCE, child.wait_with_output()).await.expect("it ends in time").unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[tokio::test]
async fn a_run_comes_by_itself_and_another_programs_parser_reads_the_calendar() {
    let installation = Installation::new();
    let usher = installation.serve().await;
    let endpoints = installation.endpoints(50).await;
    installation.make_demo(&endpoints).await;
    let hub = installation.hub().await;
    let actor = demo_actor(&hub).await;
    let share = demo_share(&hub, &actor).await;
    // An hour lies between now and the slots before and after.
    let berlin = slots::zone("Europe/Berlin").expect("a zone");
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_millis();
    let begins = slots::civil(berlin, i64::try_from(now).expect("a moment") - 3_600_000);
    let form = ScheduleForm {
        kind: "repeats".to_owned(),
        every: "2".to_owned(),
        unit: "hours".to_owned(),
        starts_day: begins.date().to_string(),
        starts_time: begins.format("%H:%M").to_string(),
        ..ScheduleForm::fresh("Europe/Berlin")
    };
    hub.save_schedule(&actor, &share, &form).await.unwrap();
    hub.start_schedule(&actor, &share).await.unwrap();
    // Nobody waits two hours: the next slot is the one before.
    let mut database =
        SqliteConnection::connect(&format!("sqlite:{}", installation.path("usher.db").display())).await.unwrap();
    let earlier = "update schedule set next_slot = next_slot - 7200000, next_due = next_due - 7200000";
    sqlx::query(earlier).execute(&mut database).await.unwrap();
    let run = tokio::time::timeout(PATIENCE, async {
        loop {
            if let Some(run) =
                hub.share(&actor, &share).await.unwrap().runs.into_iter().find(|run| run.state.is_final())
            {
                break run;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    });
    let run = run.await.expect("a run comes by itself");
    let view = hub.run(&actor, &run.id).await.unwrap();
    let begun =
        view.timeline.iter().find(|entry| entry.message.starts_with("Usher was not running")).expect("it says why");
    assert!(begun.message.contains("Europe/Berlin"), "{}", begun.message);

    let browser = usher.browser();
    let refused = browser.post("/schedule/address", &[], &[]).await;
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
    browser.sign_in(DEMO_EMAIL, DEMO_PASSWORD).await;
    let answer = browser.post("/schedule/address", &[("origin", &usher.url)], &[]).await;
    assert_eq!(answer.status(), StatusCode::OK);
    let address = answer.text().await.unwrap();
    let path = address.trim().strip_prefix(usher.url.as_str()).expect("an address of this Usher").to_owned();

    // A calendar program brings no session.
    let stranger = usher.browser();
    let answer = stranger.get(&path).await;
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(answer.headers()["content-type"], "text/calendar; charset=utf-8");
    let events = read(&answer.text().await.unwrap()).await;
    let ran: Vec<_> = events.iter().filter(|event| event.status == "CONFIRMED").collect();
    assert_eq!(ran.len(), 1, "{ran:?}");
    assert!(ran[0].summary.starts_with("Complete"), "{ran:?}");
    let mut planned: Vec<i64> =
        events.iter().filter(|event| event.summary.starts_with("Planned: ")).map(|event| event.start).collect();
    planned.sort_unstable();
    assert!(planned.len() >= 400, "{}", planned.len());
    assert!(planned.windows(2).all(|pair| pair[1] - pair[0] == 7_200_000));

    for wrong in ["/calendar/0123.ics", "/calendar/x", &path.replace(".ics", ""), "/calendar/'%20or%201=1.ics"] {
        assert_eq!(stranger.get(wrong).await.status(), StatusCode::NOT_FOUND, "{wrong}");
    }
    hub.end_calendar_feed(&actor).await.unwrap();
    assert_eq!(stranger.get(&path).await.status(), StatusCode::NOT_FOUND, "the address has ended");
}
