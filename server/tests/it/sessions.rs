use crate::installation::{Installation, Process};

async fn cookie_of(usher: &Process) -> String {
    let answer = usher.browser().sign_up("tess@example.org").await;
    assert!(answer.status().is_success(), "{}", answer.status());
    answer.headers().get("set-cookie").expect("a cookie").to_str().unwrap().to_owned()
}

fn attributes(cookie: &str) -> Vec<&str> {
    cookie.split(';').skip(1).map(str::trim).collect()
}

#[tokio::test]
async fn the_cookie_is_out_of_reach_of_scripts_and_other_sites() {
    let installation = Installation::new();
    let usher = installation.serve().await;
    let cookie = cookie_of(&usher).await;
    assert!(cookie.starts_with("usher_session="), "{cookie}");
    let attributes = attributes(&cookie);
    for wanted in ["HttpOnly", "SameSite=Lax", "Path=/", "Max-Age=604800"] {
        assert!(attributes.contains(&wanted), "{wanted} in {cookie}");
    }
    // A browser would not send a Secure cookie to http://127.0.0.1 in every case.
    assert!(!attributes.contains(&"Secure"), "{cookie}");
}

#[tokio::test]
async fn the_cookie_travels_over_https_only_where_that_is_set() {
    let installation = Installation::new().with("USHER_SECURE_COOKIES", "true");
    let usher = installation.serve().await;
    let cookie = cookie_of(&usher).await;
    assert!(attributes(&cookie).contains(&"Secure"), "{cookie}");
}

#[tokio::test]
async fn after_wrong_passwords_the_next_try_has_to_wait() {
    let installation = Installation::new();
    let usher = installation.serve().await;
    usher.newcomer("tess@example.org").await;
    let browser = usher.browser();
    let try_with = |email: &'static str, password: &'static str| {
        let browser = &browser;
        async move { browser.post("/api/sign_in", &[], &[("email", email), ("password", password)]).await }
    };
    let mut answers = Vec::new();
    while answers.last() != Some(&429) {
        assert!(answers.len() < 20, "nobody slows down: {answers:?}");
        answers.push(try_with("tess@example.org", "not her password").await.status().as_u16());
    }
    assert!(answers.len() > 3, "a typing error is no attack: {answers:?}");
    assert!(answers[..answers.len() - 1].iter().all(|status| *status == 422), "{answers:?}");
    // Not even the right password is looked at now.
    let right = try_with("tess@example.org", crate::installation::PASSWORD).await;
    assert_eq!(right.status(), 429);
    assert!(right.text().await.unwrap().contains("second"));
}

#[tokio::test]
async fn signing_in_gives_a_new_session_id() {
    let installation = Installation::new();
    let usher = installation.serve().await;
    usher.newcomer("tess@example.org").await;
    let form = [("email", "tess@example.org"), ("password", crate::installation::PASSWORD)];
    // Somebody has planted a session id of their own in this browser.
    let planted = "usher_session=AAAAAAAAAAAAAAAAAAAAAA";
    let answer = usher.browser().post("/api/sign_in", &[("cookie", planted)], &form).await;
    let cookie = answer.headers().get("set-cookie").expect("a cookie").to_str().unwrap();
    assert!(!cookie.starts_with(planted), "{cookie}");
}

#[tokio::test]
async fn a_session_survives_a_restart() {
    let installation = Installation::new();
    let usher = installation.serve().await;
    let browser = usher.newcomer("tess@example.org").await;
    assert!(browser.is_signed_in().await);
    usher.end().await;
    let usher = installation.serve().await;
    assert!(browser.at(&usher).is_signed_in().await);
    assert!(!usher.browser().is_signed_in().await);
}

#[tokio::test]
async fn signing_out_ends_the_session_on_the_server_too() {
    let installation = Installation::new();
    let usher = installation.serve().await;
    let cookie = cookie_of(&usher).await;
    let cookie = cookie.split(';').next().unwrap();
    // A browser that keeps the cookie, whatever it is told.
    let kept = usher.browser();
    let headers = [("cookie", cookie)];
    let asks = || kept.request("/runs/run_none/receipt.json", &headers);
    assert_eq!(asks().await.status(), 404);
    let answer = kept.post("/sign-out", &[("cookie", cookie)], &[]).await;
    assert_eq!(answer.status(), 303);
    assert_eq!(answer.headers()["location"], "/sign-in");
    assert_eq!(asks().await.status(), 401);
}

#[tokio::test]
async fn the_database_holds_no_session_id() {
    let installation = Installation::new();
    let usher = installation.serve().await;
    let cookie = cookie_of(&usher).await;
    let id = cookie.split([';', '=']).nth(1).unwrap().to_owned();
    usher.end().await;
    let database = std::fs::read(installation.path("usher.db")).unwrap();
    let holds = |text: &str| database.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(holds("tess@example.org"), "it is the database that was written");
    assert!(!holds(&id), "the id stands in the database");
}
