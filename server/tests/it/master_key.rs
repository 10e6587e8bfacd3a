//! Changing the master key as `docs/MASTER_KEY.md` says, with the real program, while it serves.

use tokio::process::Command;

use crate::installation::{Browser, DEMO_EMAIL, DEMO_PASSWORD, Installation, PATIENCE, Process, demo_actor, demo_run};

/// What can only be told by who opens what is sealed.
#[derive(Debug, PartialEq, Eq)]
struct Opened {
    rejects: String,
    receipt: String,
    receipt_key: String,
}

async fn opened(browser: &Browser, endpoints: &[String], run: &str) -> Opened {
    for id in endpoints {
        let answer = browser.post("/api/check_endpoint", &[("accept", "application/json")], &[("id", id)]).await;
        let (status, text) = (answer.status(), answer.text().await.unwrap());
        assert!(status.is_success() && text.contains("It answers."), "{status} {text}");
    }
    let text = async |path: String| {
        let answer = browser.get(&path).await;
        let (status, text) = (answer.status(), answer.text().await.unwrap());
        assert!(status.is_success(), "{path}: {status} {text}");
        text
    };
    Opened {
        rejects: text(format!("/runs/{run}/rejects.csv")).await,
        receipt: text(format!("/runs/{run}/receipt.json")).await,
        receipt_key: text("/receipt-key".to_owned()).await,
    }
}

/// A command with this key as the current one, and another that only opens.
fn keyed(mut command: Command, current: &str, other: Option<&str>) -> Command {
    command.env("USHER_MASTER_KEY_FILE", current);
    if let Some(other) = other {
        command.env("USHER_OTHER_MASTER_KEY_FILES", other);
    }
    command
}

/// Ends one process and starts another, with other keys; the same person goes on.
async fn again(
    installation: &Installation,
    usher: Process,
    browser: Browser,
    current: &str,
    other: Option<&str>,
) -> (Process, Browser) {
    assert_eq!(usher.end().await.code(), Some(0));
    let usher = Process::start(keyed(installation.usher(&["serve"]), current, other)).await;
    let browser = browser.at(&usher);
    (usher, browser)
}

async fn done(mut command: Command) -> (bool, String) {
    let output = tokio::time::timeout(PATIENCE, command.output()).await.expect("it ends").unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    (output.status.success(), said)
}

async fn the_key_changes_as_the_page_says(installation: Installation) {
    let usher = installation.serve().await;
    let endpoints = installation.endpoints(400).await;
    installation.make_demo(&endpoints).await;
    let browser = usher.browser();
    browser.sign_in(DEMO_EMAIL, DEMO_PASSWORD).await;
    let hub = installation.hub().await;
    let actor = demo_actor(&hub).await;
    let run = demo_run(&hub, &actor).await.to_string();
    browser.get(&format!("/events/runs/{run}")).await.text().await.unwrap();
    let ids: Vec<String> = hub.endpoints(&actor).await.unwrap().into_iter().map(|found| found.id.to_string()).collect();
    hub.close().await;
    assert!(ids.len() >= 2, "{ids:?}");
    let before = opened(&browser, &ids, &run).await;
    assert!(before.rejects.lines().count() > 1, "there is something sealed with the run's key");

    // 1. A new key.
    let (well, said) = done(installation.usher(&["make-master-key", "new.key"])).await;
    assert!(well && installation.path("new.key").exists(), "{said}");
    // 2. Every process can open what it will seal.
    let (usher, browser) = again(&installation, usher, browser, "master.key", Some("new.key")).await;
    assert_eq!(opened(&browser, &ids, &run).await, before);
    // 3. It becomes the current one.
    let (usher, browser) = again(&installation, usher, browser, "new.key", Some("master.key")).await;
    assert_eq!(opened(&browser, &ids, &run).await, before);
    // Without the old key nothing is lost, but not everything opens yet: it is said.
    let (well, said) = done(keyed(installation.usher(&["reseal"]), "new.key", None)).await;
    assert!(!well && said.contains("master key is not the one"), "{said}");
    // 4. All is sealed anew, while the process serves.
    let resealing = tokio::spawn(done(keyed(installation.usher(&["reseal"]), "new.key", Some("master.key"))));
    loop {
        let is_over = resealing.is_finished();
        assert_eq!(opened(&browser, &ids, &run).await, before, "everything goes on meanwhile");
        if is_over {
            break;
        }
    }
    let (well, said) = resealing.await.unwrap();
    assert!(well && said.contains("Nothing needs another master key any more."), "{said}");
    assert!(!said.contains("Sealed anew: 0.") && said.contains("Open with none of the keys: 0."), "{said}");
    let (well, said) = done(keyed(installation.usher(&["reseal"]), "new.key", Some("master.key"))).await;
    assert!(well && said.contains("Sealed anew: 0."), "it can be run again: {said}");
    // 5. The old key goes.
    let (usher, browser) = again(&installation, usher, browser, "new.key", None).await;
    assert_eq!(opened(&browser, &ids, &run).await, before, "everything opens with the new key only");
    assert_eq!(usher.end().await.code(), Some(0));
    let (well, said) = done(keyed(installation.usher(&["reseal"]), "master.key", None)).await;
    assert!(!well && said.contains("master key is not the one"), "the old one is not the key any more: {said}");
}

#[tokio::test]
async fn the_master_key_changes_on_sqlite_while_usher_serves() {
    the_key_changes_as_the_page_says(Installation::new()).await;
}

#[tokio::test]
async fn the_master_key_changes_on_postgresql_while_usher_serves() {
    the_key_changes_as_the_page_says(Installation::new().on_postgres().await).await;
}
