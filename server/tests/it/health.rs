use crate::installation::Installation;

#[tokio::test]
async fn a_served_usher_is_healthy_and_ready() {
    let installation = Installation::new();
    let usher = installation.serve().await;
    let browser = usher.browser();
    assert_eq!(browser.get("/healthz").await.status(), 200);
    assert_eq!(browser.get("/readyz").await.status(), 200);
}

#[tokio::test]
async fn metrics_count_requests_by_route_and_name_no_ids() {
    let installation = Installation::new();
    let usher = installation.serve().await;
    let browser = usher.browser();
    browser.get("/runs/run_secretly/receipt.json").await;
    let metrics = browser.get("/metrics").await.text().await.unwrap();
    let line = r#"usher_http_requests_total{method="GET",route="/runs/{id}/receipt.json",status="401"} 1"#;
    assert!(metrics.lines().any(|found| found == line), "{metrics}");
    assert!(!metrics.contains("run_secretly"), "{metrics}");
}

#[tokio::test]
async fn told_to_stop_it_ends_well() {
    let installation = Installation::new();
    let usher = installation.serve().await;
    assert_eq!(usher.end().await.code(), Some(0));
}

#[tokio::test]
async fn a_port_that_is_taken_is_named_with_the_remedy() {
    let installation = Installation::new();
    let usher = installation.serve().await;
    let address = usher.url.trim_start_matches("http://").to_owned();
    let second = Installation::new().with("USHER_LISTEN", &address);
    let ended = second.usher(&["serve"]).output().await.unwrap();
    let text = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert!(!ended.status.success());
    assert!(text.contains(&address) && text.contains("USHER_LISTEN"), "{text}");
}

#[tokio::test]
async fn migrate_brings_a_database_up_to_date_and_ends() {
    let installation = Installation::new();
    for _ in 0..2 {
        let ended = installation.usher(&["migrate"]).output().await.unwrap();
        assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
        assert_eq!(String::from_utf8_lossy(&ended.stdout), "The database is up to date.\n");
    }
    assert!(installation.path("usher.db").exists());
}
