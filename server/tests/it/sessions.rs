use std::time::{SystemTime, UNIX_EPOCH};

use sqlx::{Connection, SqliteConnection};

use crate::installation::{Installation, PASSWORD, Process};

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
    let right = try_with("tess@example.org", PASSWORD).await;
    assert_eq!(right.status(), 429);
    assert!(right.text().await.unwrap().contains("second"));
}

#[tokio::test]
async fn signing_in_gives_a_new_session_id() {
    let installation = Installation::new();
    let usher = installation.serve().await;
    usher.newcomer("tess@example.org").await;
    let form = [("email", "tess@example.org"), ("password", PASSWORD)];
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
async fn after_a_new_password_other_browsers_hear_nothing_more_of_runs() {
    let installation = Installation::new();
    let usher = installation.serve().await;
    let own = usher.newcomer("tess@example.org").await;
    let other = usher.browser();
    other.sign_in("tess@example.org", PASSWORD).await;
    let mut events = other.get("/events/runs").await;
    assert!(events.chunk().await.unwrap().is_some(), "how it is now");
    let form = [("current_password", PASSWORD), ("new_password", "another horse battery staple")];
    assert!(own.post("/api/change_password", &[], &form).await.status().is_success());
    let ends = async { while events.chunk().await.unwrap().is_some() {} };
    tokio::time::timeout(std::time::Duration::from_secs(30), ends).await.expect("the stream ends");
    assert!(own.is_signed_in().await, "where it was changed nothing ends");
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

#[tokio::test]
async fn what_is_posted_at_the_door_is_not_kept_whole_nor_for_long() {
    let installation = Installation::new();
    let usher = installation.serve().await;
    let typed = format!("tess@example.org{}", "é".repeat(200_000));
    let plain = [("accept", "text/html")];
    let answer = usher.browser().post("/api/sign_in", &plain, &[("email", &typed), ("password", "")]).await;
    let cookie = answer.headers().get("set-cookie").expect("a cookie").to_str().unwrap().to_owned();
    let cookie = cookie.split(';').next().unwrap();
    let page = usher.browser().request("/sign-in", &[("cookie", cookie)]).await.text().await.unwrap();
    assert!(page.contains("tess@example.orgé"), "its beginning is given back");
    assert!(!page.contains(&"é".repeat(1_000)));
    usher.browser().post("/api/sign_in", &plain, &[("email", &typed), ("password", "")]).await;
    let mut database =
        SqliteConnection::connect(&format!("sqlite:{}", installation.path("usher.db").display())).await.unwrap();
    let rows: Vec<(i64, i64)> =
        sqlx::query_as("select length(data), expires_at from user_session").fetch_all(&mut database).await.unwrap();
    let hour_ahead = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64 + 3_600_000;
    assert!(!rows.is_empty());
    for (length, expires_at) in rows {
        assert!(length < 4_000, "{length} bytes are kept");
        assert!(expires_at <= hour_ahead, "for longer than an hour");
    }
}

#[tokio::test]
async fn behind_a_trusted_proxy_each_client_has_its_own_failures() {
    let installation = Installation::new().with("USHER_TRUSTED_PROXIES", "127.0.0.1, 10.0.0.0/8");
    let usher = installation.serve().await;
    let browser = usher.browser();
    let guess = async |client: &str, number: usize| {
        let form = [("email", format!("person{number}@example.org")), ("password", "a guess".to_owned())];
        let form: Vec<_> = form.iter().map(|(name, value)| (*name, value.as_str())).collect();
        browser.post("/api/sign_in", &[("x-forwarded-for", client)], &form).await.status().as_u16()
    };
    for number in 0..20 {
        assert_eq!(guess("198.51.100.1, 203.0.113.9", number).await, 422);
    }
    assert_eq!(guess("203.0.113.9", 20).await, 429);
    assert_eq!(guess("198.51.100.2, 203.0.113.9", 20).await, 429, "what the client says before it does not count");
    assert_eq!(guess("203.0.113.10", 20).await, 422, "another client is another");
}
