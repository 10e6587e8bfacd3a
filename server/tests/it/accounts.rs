use crate::installation::{DEMO_EMAIL, DEMO_PASSWORD, Installation, demo_actor, demo_run};

#[tokio::test]
async fn a_run_of_another_account_is_not_there() {
    let installation = Installation::new();
    let usher = installation.serve().await;
    let endpoints = installation.endpoints(50).await;
    installation.make_demo(&endpoints).await;
    let hub = installation.hub().await;
    let run = demo_run(&hub, &demo_actor(&hub).await).await;
    let (owner, other) = (usher.browser(), usher.newcomer("tess@example.org").await);
    owner.sign_in(DEMO_EMAIL, DEMO_PASSWORD).await;
    // The whole run, so that there is everything to be had.
    let events = owner.get(&format!("/events/runs/{run}")).await.text().await.unwrap();
    assert!(events.contains("event: run"), "{events}");
    for kind in ["events/runs/{id}", "runs/{id}/rejects.csv", "runs/{id}/receipt.json"] {
        let path = format!("/{}", kind.replace("{id}", run.as_str()));
        let none = format!("/{}", kind.replace("{id}", "run_none"));
        assert!(owner.get(&path).await.status().is_success(), "{path} is the owner's");
        let (refused, absent) = (other.get(&path).await, other.get(&none).await);
        assert_eq!((refused.status(), absent.status()), (404.try_into().unwrap(), 404.try_into().unwrap()), "{path}");
        assert_eq!(refused.text().await.unwrap(), absent.text().await.unwrap(), "{path}: the two are not told apart");
        assert_eq!(usher.browser().get(&path).await.status(), 401, "{path} of nobody");
        let led = usher.browser().request(&path, &[("accept", "text/html")]).await;
        assert_eq!((led.status().as_u16(), &led.headers()["location"]), (303, &"/sign-in".parse().unwrap()), "{path}");
    }
    let page = format!("/runs/{run}");
    let html = [("accept", "text/html")];
    assert_eq!(owner.request(&page, &html).await.status(), 200);
    let refused = other.request(&page, &html).await;
    assert_eq!(refused.status(), 404);
    assert!(!refused.text().await.unwrap().contains("Beacon Mail"), "nothing of it shows");
}

#[tokio::test]
async fn the_demo_is_made_once() {
    let installation = Installation::new();
    let endpoints = installation.endpoints(20).await;
    let first = installation.make_demo(&endpoints).await;
    let second = installation.make_demo(&endpoints).await;
    assert!(first.contains("Harbor CRM: connected") && first.contains(DEMO_PASSWORD), "{first}");
    assert!(second.contains("Harbor CRM: was connected already"), "{second}");
    let hub = installation.hub().await;
    assert_eq!(hub.endpoints(&demo_actor(&hub).await).await.unwrap().len(), 2);
}
