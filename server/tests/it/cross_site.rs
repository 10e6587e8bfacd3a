use crate::installation::{Installation, PASSWORD, sign_up_form};

#[tokio::test]
async fn a_post_from_another_site_is_refused_and_does_nothing() {
    let installation = Installation::new();
    let usher = installation.serve().await;
    let browser = usher.browser();
    let from_elsewhere: [&[(&str, &str)]; 3] = [
        &[("sec-fetch-site", "cross-site")],
        &[("sec-fetch-site", "same-site")],
        &[("origin", "https://elsewhere.example")],
    ];
    for headers in from_elsewhere {
        let answer = browser.post("/api/sign_up", headers, &sign_up_form("tess@example.org")).await;
        assert_eq!(answer.status(), 403, "{headers:?}");
        assert!(answer.headers().get("set-cookie").is_none(), "{headers:?}");
    }
    let form = [("email", "tess@example.org"), ("password", PASSWORD)];
    assert_eq!(browser.post("/api/sign_in", &[], &form).await.status(), 422, "nobody was signed up");
}

#[tokio::test]
async fn another_site_signs_nobody_out() {
    let installation = Installation::new();
    let usher = installation.serve().await;
    let browser = usher.newcomer("tess@example.org").await;
    assert_eq!(browser.post("/sign-out", &[("sec-fetch-site", "cross-site")], &[]).await.status(), 403);
    assert!(browser.is_signed_in().await);
}

#[tokio::test]
async fn a_post_from_our_own_pages_is_taken() {
    let installation = Installation::new();
    let usher = installation.serve().await;
    let headers = [("sec-fetch-site", "same-origin"), ("origin", usher.url.as_str())];
    let answer = usher.browser().post("/api/sign_up", &headers, &sign_up_form("tess@example.org")).await;
    assert!(answer.status().is_success(), "{}", answer.status());
}

#[tokio::test]
async fn a_request_that_is_too_large_is_refused() {
    let installation = Installation::new();
    let usher = installation.serve().await;
    let large = "x".repeat(3 * 1024 * 1024);
    let answer = usher.browser().post("/api/sign_up", &[], &[("account_name", &large)]).await;
    assert_eq!(answer.status(), 413);
}
