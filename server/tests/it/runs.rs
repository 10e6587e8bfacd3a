use model::{
    run::{Receipt, RunState},
    view::RunView,
};

use crate::installation::{Browser, DEMO_EMAIL, DEMO_PASSWORD, Installation, demo_actor, demo_run};

/// The views that a stream of events carried, with the ids of the events.
fn views(events: &str) -> Vec<(u64, RunView)> {
    let blocks = events.split("\n\n").filter(|block| block.contains("data: "));
    blocks
        .map(|block| {
            let line = |name: &str| {
                let prefix = format!("{name}: ");
                block.lines().find_map(|line| line.strip_prefix(prefix.as_str())).expect("a complete event")
            };
            assert_eq!(line("event"), "run");
            (line("id").parse().unwrap(), serde_json::from_str(line("data")).unwrap())
        })
        .collect()
}

/// By the command and by the form: what was downloaded is genuine, and what was changed is not.
async fn is_verified_later(installation: &Installation, browser: &Browser, receipt: &str) {
    let key = browser.get("/receipt-key").await.text().await.unwrap();
    let changed = receipt.replacen("\"parts\":", "\"parts\":1", 1);
    for (name, text, is_genuine) in [("receipt.json", receipt, true), ("changed.json", &changed, false)] {
        let file = installation.path(name);
        std::fs::write(&file, text).unwrap();
        let file = file.to_str().unwrap();
        for arguments in [&["verify-receipt", file][..], &["verify-receipt", file, "--key", key.trim()]] {
            let said = installation.usher(arguments).output().await.unwrap();
            assert_eq!(said.status.success(), is_genuine, "{said:?}");
            let said = if is_genuine { said.stdout } else { said.stderr };
            let word = if is_genuine { "Genuine: run_" } else { "not genuine: the receipt is not what was signed" };
            assert!(String::from_utf8(said).unwrap().contains(word), "{word}");
        }
        let answer = browser.send_file("/receipts/check", "receipt", name, text).await;
        assert_eq!((answer.status().as_u16(), &answer.headers()["location"]), (303, &"/account".parse().unwrap()));
        let page = browser.request("/account", &[("accept", "text/html")]).await.text().await.unwrap();
        let word = if is_genuine { "Genuine: run_" } else { "Not genuine: the receipt is not what was signed" };
        assert!(page.contains(word), "{word}: {page}");
    }
    let other = "00".repeat(32);
    let file = installation.path("receipt.json");
    let said = installation.usher(&["verify-receipt", file.to_str().unwrap(), "--key", &other]).output().await.unwrap();
    assert!(String::from_utf8(said.stderr).unwrap().contains("another installation's key"));
}

#[tokio::test]
async fn a_run_is_followed_to_its_end_and_accounted_for() {
    let installation = Installation::new().with("USHER_PART_ROWS", "50");
    let usher = installation.serve().await;
    let endpoints = installation.endpoints(400).await;
    installation.make_demo(&endpoints).await;
    let hub = installation.hub().await;
    let run = demo_run(&hub, &demo_actor(&hub).await).await;
    let browser = usher.browser();
    browser.sign_in(DEMO_EMAIL, DEMO_PASSWORD).await;

    let answer = browser.request(&format!("/events/runs/{run}"), &[("accept-encoding", "gzip, br")]).await;
    assert_eq!(answer.headers()["content-type"], "text/event-stream");
    assert!(answer.headers().get("content-encoding").is_none(), "events are not held back to be compressed");
    // The stream ends by itself: reading all of it is waiting for the run.
    let views = views(&answer.text().await.unwrap());
    assert!(views.is_sorted_by(|(before, _), (after, _)| before < after), "each version once, in order");
    assert!(views.iter().all(|(id, view)| *id == view.version));
    assert!(views.iter().rev().skip(1).all(|(_, view)| !view.summary.state.is_final()), "only the last is the end");
    let (version, end) = views.last().expect("at least one event");
    assert_eq!(end.summary.state, RunState::CompleteWithRejects, "{:?}", end.failure);

    // A browser that comes again after the end is sent away for good.
    let again = browser.request(&format!("/events/runs/{run}"), &[("last-event-id", &version.to_string())]).await;
    assert_eq!(again.status(), 204);

    let answer = browser.get(&format!("/runs/{run}/receipt.json")).await;
    let disposition = answer.headers()["content-disposition"].to_str().unwrap().to_owned();
    assert_eq!(disposition, format!("attachment; filename=\"receipt-{run}.json\""));
    let text = answer.text().await.unwrap();
    let receipt: Receipt = serde_json::from_str(&text).unwrap();
    receipt.check().unwrap();
    assert_eq!(receipt.counts, end.summary.counts);
    // A phone that is none does not cost the person, and is accounted for.
    assert_eq!(receipt.left_empty, end.left_empty);
    let phones = receipt.left_empty.iter().find(|group| group.field == "mobile").expect("some are none");
    assert!(phones.rows > 0 && phones.rows < receipt.counts.valid, "{phones:?}");
    assert_eq!(Some(&receipt.sha256), end.receipt_sha256.as_ref());
    is_verified_later(&installation, &browser, &text).await;

    let answer = browser.get(&format!("/runs/{run}/rejects.csv")).await;
    assert_eq!(answer.headers()["content-type"], "text/csv; charset=utf-8");
    let disposition = answer.headers()["content-disposition"].to_str().unwrap().to_owned();
    assert_eq!(disposition, format!("attachment; filename=\"rejects-{run}.csv\""));
    let text = answer.text().await.unwrap();
    let mut rows = csv::Reader::from_reader(text.as_bytes());
    assert!(rows.headers().unwrap().iter().any(|column| column == "_error_code"), "{:?}", rows.headers());
    let rows = rows.records().collect::<Result<Vec<_>, _>>().expect("well-formed CSV").len() as u64;
    assert_eq!(rows, receipt.counts.rejected + receipt.counts.refused);
    assert!(rows > 0, "the demo's people are nasty");

    // Those of one reason, as the account has them.
    let group = receipt.left_out.first().expect("some were left out");
    let (code, field) = (group.code.as_str(), group.field.clone().unwrap_or_default());
    let text = browser.get(&format!("/runs/{run}/rejects.csv?code={code}&field={field}")).await.text().await.unwrap();
    let mut some = csv::Reader::from_reader(text.as_bytes());
    let some = some.records().collect::<Result<Vec<_>, _>>().expect("well-formed CSV").len() as u64;
    assert_eq!(some, group.rows, "{code} {field}");
}

/// The next event of a stream.
async fn next_event(answer: &mut reqwest::Response) -> String {
    let mut event = String::new();
    while !event.contains("\n\n") {
        let chunk =
            tokio::time::timeout(crate::installation::PATIENCE, answer.chunk()).await.expect("it comes in time");
        event.push_str(&String::from_utf8(chunk.unwrap().expect("the stream goes on").to_vec()).unwrap());
    }
    event
}

#[tokio::test]
async fn whoever_watches_the_list_is_told_when_a_run_is_asked_for_and_nothing_of_other_accounts() {
    let installation = Installation::new();
    let usher = installation.serve().await;
    let endpoints = installation.endpoints(50).await;
    installation.make_demo(&endpoints).await;
    let hub = installation.hub().await;
    let browser = usher.browser();
    assert_eq!(browser.get("/events/runs").await.status(), 401);
    browser.sign_in(DEMO_EMAIL, DEMO_PASSWORD).await;
    let stranger = usher.newcomer("bob@example.org").await;
    let (mut mine, mut others) = (browser.get("/events/runs").await, stranger.get("/events/runs").await);
    assert_eq!(mine.headers()["content-type"], "text/event-stream");
    let (first, of_others) = (next_event(&mut mine).await, next_event(&mut others).await);
    assert!(first.contains("event: changed") && of_others.contains("event: changed"));
    demo_run(&hub, &demo_actor(&hub).await).await;
    assert_ne!(next_event(&mut mine).await, first);
    let more = tokio::time::timeout(std::time::Duration::from_secs(2), others.chunk()).await;
    assert!(more.is_err(), "nothing of it is told to others: {more:?}");
}
