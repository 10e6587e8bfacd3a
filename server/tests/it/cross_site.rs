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

#[tokio::test]
async fn behind_a_proxy_its_public_url_is_our_own_site() {
    let installation = Installation::new().with("USHER_PUBLIC_URL", "https://usher.example");
    let usher = installation.serve().await;
    let form = sign_up_form("tess@example.org");
    let elsewhere = usher.browser().post("/api/sign_up", &[("origin", "https://elsewhere.example")], &form).await;
    assert_eq!(elsewhere.status(), 403);
    let answer = usher.browser().post("/api/sign_up", &[("origin", "https://usher.example")], &form).await;
    assert!(answer.status().is_success(), "{}", answer.status());
    let cookie = answer.headers()["set-cookie"].to_str().unwrap();
    assert!(cookie.contains("; Secure"), "{cookie}");
    assert!(answer.headers()["strict-transport-security"].to_str().unwrap().starts_with("max-age="));
}
