use std::time::Duration;

use model::run::Receipt;

use crate::installation::{DEMO_EMAIL, DEMO_PASSWORD, Installation, PATIENCE, demo_actor, demo_run};

#[tokio::test]
async fn a_run_goes_on_after_a_crash_and_adds_up() {
    let installation = Installation::new().with("USHER_PART_ROWS", "10");
    let mut usher = installation.serve().await;
    let endpoints = installation.endpoints(4000).await;
    installation.make_demo(&endpoints).await;
    let hub = installation.hub().await;
    let actor = demo_actor(&hub).await;
    let run = demo_run(&hub, &actor).await;
    // In the middle: rows have moved, but not all.
    let view = tokio::time::timeout(PATIENCE, async {
        loop {
            let view = hub.run(&actor, &run).await.unwrap();
            if view.summary.counts.read > 0 || view.summary.state.is_final() {
                return view;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    let view = view.await.expect("the run begins");
    usher.crash().await;
    assert!(!view.summary.state.is_final(), "the crash came too late to matter");

    let usher = installation.serve().await;
    let browser = usher.browser();
    browser.sign_in(DEMO_EMAIL, DEMO_PASSWORD).await;
    browser.get(&format!("/events/runs/{run}")).await.text().await.unwrap();
    let receipt = browser.get(&format!("/runs/{run}/receipt.json")).await;
    assert_eq!(receipt.status(), 200, "{:?}", hub.run(&actor, &run).await.unwrap().failure);
    let receipt: Receipt = serde_json::from_str(&receipt.text().await.unwrap()).unwrap();
    receipt.check().unwrap();
    assert!(receipt.counts.read >= 1000, "{:?}", receipt.counts);
}

#[tokio::test]
async fn told_to_stop_in_the_middle_of_a_run_it_hands_it_back_and_ends_the_events() {
    // A lease so long that only a run that was handed back is taken up again within the test's patience.
    let installation = Installation::new().with("USHER_LEASE_SECONDS", "3600").with("USHER_PART_ROWS", "10");
    let usher = installation.serve().await;
    let endpoints = installation.endpoints(4000).await;
    installation.make_demo(&endpoints).await;
    let hub = installation.hub().await;
    let actor = demo_actor(&hub).await;
    let run = demo_run(&hub, &actor).await;
    let browser = usher.browser();
    browser.sign_in(DEMO_EMAIL, DEMO_PASSWORD).await;
    let mut events = browser.get(&format!("/events/runs/{run}")).await;
    assert!(events.chunk().await.unwrap().is_some(), "the run's first event");
    assert_eq!(usher.end().await.code(), Some(0));
    while events.chunk().await.unwrap().is_some() {}

    let usher = installation.serve().await;
    let browser = browser.at(&usher);
    browser.get(&format!("/events/runs/{run}")).await.text().await.unwrap();
    let view = hub.run(&actor, &run).await.unwrap();
    assert!(view.receipt_sha256.is_some(), "{:?} {:?}", view.summary.state, view.failure);
}
