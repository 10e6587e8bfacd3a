use crate::installation::Installation;

#[tokio::test]
async fn a_page_allows_only_its_own_scripts_and_is_not_kept() {
    let installation = Installation::new();
    let usher = installation.serve().await;
    let page = usher.browser().request("/sign-in", &[("accept", "text/html")]).await;
    assert_eq!(page.status(), 200);
    let headers = page.headers().clone();
    let policy = headers["content-security-policy"].to_str().unwrap().to_owned();
    assert_eq!(headers["x-content-type-options"], "nosniff");
    assert_eq!(headers["referrer-policy"], "same-origin");
    assert_eq!(headers["cache-control"], "no-store");
    let (_, rest) = policy.split_once("'nonce-").expect("a nonce");
    let nonce = rest.split_once('\'').unwrap().0;
    let scripts = policy.split(';').find(|part| part.trim().starts_with("script-src")).expect("a rule for scripts");
    assert!(!scripts.contains("unsafe-inline") && !scripts.contains("'unsafe-eval'"), "{scripts}");
    let body = page.text().await.unwrap();
    let inline: Vec<&str> = body.split("<script").skip(1).map(|rest| rest.split('>').next().unwrap()).collect();
    assert!(!inline.is_empty());
    for script in inline {
        assert!(script.contains(nonce) || script.contains("src="), "a script without the nonce: {script}");
    }
}

#[tokio::test]
async fn every_answer_has_its_own_nonce() {
    let installation = Installation::new();
    let usher = installation.serve().await;
    let browser = usher.browser();
    let (first, second) = (browser.get("/sign-in").await, browser.get("/sign-in").await);
    assert_ne!(first.headers()["content-security-policy"], second.headers()["content-security-policy"]);
    assert_ne!(first.headers()["x-request-id"], second.headers()["x-request-id"]);
}

#[tokio::test]
async fn the_program_of_the_pages_is_compressed_and_asked_for_again() {
    let installation = Installation::new();
    let usher = installation.serve().await;
    let browser = usher.browser();
    let whole = browser.request("/pkg/usher.js", &[("accept-encoding", "br")]).await;
    assert_eq!(whole.status(), 200);
    assert_eq!(whole.headers()["content-encoding"], "br");
    assert_eq!(whole.headers()["cache-control"], "no-cache");
    let tag = whole.headers()["etag"].to_str().unwrap().to_owned();
    let again = browser.request("/pkg/usher.js", &[("accept-encoding", "br"), ("if-none-match", &tag)]).await;
    assert_eq!(again.status(), 304);
}

#[tokio::test]
async fn what_is_not_there_is_not_found() {
    let installation = Installation::new();
    let usher = installation.serve().await;
    for path in ["/pkg/none.js", "/pkg/../../usher.db", "/pkg/..%2f..%2fusher.db", "/no-such-page"] {
        assert_eq!(usher.browser().get(path).await.status(), 404, "{path}");
    }
}
