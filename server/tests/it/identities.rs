//! Signing in at an OpenID provider, as a browser does it: what leads where, what a session keeps, what pages say. Who is let in as whom is tested in
//! the hub.

use reqwest::{
    Response,
    header::{LOCATION, SET_COOKIE},
};
use url::Url;

use crate::{
    installation::{Browser, Installation, PASSWORD, Process},
    provider::{CLIENT_ID, CLIENT_SECRET, Flaw, Person, Provider},
};

const HTML: [(&str, &str); 1] = [("accept", "text/html")];

fn with_provider(installation: Installation, provider: &Provider) -> Installation {
    installation
        .with("USHER_OPENID_ISSUER", &provider.url)
        .with("USHER_OPENID_CLIENT_ID", CLIENT_ID)
        .with("USHER_OPENID_CLIENT_SECRET", CLIENT_SECRET)
        .with("USHER_OPENID_NAME", "Northwind SSO")
}

async fn served(provider: &Provider) -> (Installation, Process) {
    let installation = with_provider(Installation::new(), provider);
    let usher = installation.serve().await;
    (installation, usher)
}

fn zoe() -> Person {
    Person::new("person-7", "Zoë Quill", "zoe@marigold.example")
}

/// Where an answer leads.
fn way(answer: &Response) -> String {
    let status = answer.status();
    let way = answer.headers().get(LOCATION).unwrap_or_else(|| panic!("{status} leads nowhere"));
    way.to_str().unwrap().to_owned()
}

/// The session's id, when the answer gives one.
fn session(answer: &Response) -> Option<String> {
    let cookie = answer.headers().get(SET_COOKIE)?.to_str().unwrap();
    cookie.split([';', '=']).nth(1).map(str::to_owned)
}

/// Leaves for the provider from here; what the browser comes back with, as a path.
async fn visited(browser: &Browser, provider: &Provider, from: &str) -> String {
    let url: Url = way(&browser.request(from, &HTML).await).parse().unwrap();
    let back = provider.visited(&url).await;
    format!("{}?{}", back.path(), back.query().unwrap())
}

/// Signs in at the provider, and says where that has led.
async fn signs_in(browser: &Browser, provider: &Provider, from: &str) -> String {
    let back = visited(browser, provider, from).await;
    way(&browser.request(&back, &HTML).await)
}

async fn page(browser: &Browser, path: &str) -> String {
    let answer = browser.request(path, &HTML).await;
    assert_eq!(answer.status(), 200, "{path}");
    answer.text().await.unwrap()
}

#[tokio::test]
async fn somebody_new_signs_up_and_is_known_from_then_on() {
    let provider = Provider::start().await;
    for installation in [Installation::new(), Installation::new().on_postgres().await] {
        let installation = with_provider(installation, &provider);
        let usher = installation.serve().await;
        provider.signs_in(&zoe());
        let browser = usher.browser();
        let door = page(&browser, "/sign-in?next=%2Fruns%3Fstate%3Dfailed").await;
        let link = "href=\"/sign-in/provider?next=%2Fruns%3Fstate%3Dfailed\"";
        assert!(door.contains(link) && door.contains("Sign in with Northwind SSO"), "{door}");

        let left = browser.request("/sign-in/provider?next=%2Fruns%3Fstate%3Dfailed", &HTML).await;
        let before = session(&left).expect("a session of its own");
        let back = provider.visited(&way(&left).parse().unwrap()).await;
        assert_eq!(
            format!("{}{}", back.origin().ascii_serialization(), back.path()),
            format!("{}/sign-in/provider/return", usher.url)
        );
        let arrived = browser.request(&format!("{}?{}", back.path(), back.query().unwrap()), &HTML).await;
        assert_eq!(way(&arrived), "/sign-in/identity");
        assert!(!browser.is_signed_in().await);
        let asked = page(&browser, "/sign-in/identity").await;
        assert!(asked.contains("zoe@marigold.example") && asked.contains("value=\"Zoë Quill\""), "{asked}");
        let empty =
            browser.post("/api/sign_up_with_identity", &HTML, &[("account_name", ""), ("user_name", "Zoë Q.")]).await;
        assert_eq!(way(&empty), "/sign-in/identity");
        let asked = page(&browser, "/sign-in/identity").await;
        assert!(
            asked.contains("Enter your organisation") && asked.contains("value=\"Zoë Q.\""),
            "what was typed stays: {asked}"
        );
        let form = [("account_name", "Marigold"), ("user_name", "Zoë Quill")];
        let signed_up = browser.post("/api/sign_up_with_identity", &HTML, &form).await;
        assert_eq!(way(&signed_up), "/runs?state=failed");
        assert_ne!(session(&signed_up).expect("another session"), before);
        assert!(browser.is_signed_in().await);
        assert!(page(&browser, "/sign-in/identity").await.contains("Nothing is under way"), "it is done");

        let other = usher.browser();
        assert_eq!(signs_in(&other, &provider, "/sign-in/provider").await, "/");
        assert!(other.is_signed_in().await);
        for elsewhere in ["%2F%2Fevil.example", "https%3A%2F%2Fevil.example", "%2Fsign-out"] {
            let led = signs_in(&other, &provider, &format!("/sign-in/provider?next={elsewhere}")).await;
            assert_eq!(led, "/", "{elsewhere}");
        }
        let profile = page(&other, "/profile").await;
        assert!(profile.contains("Your only way to sign in") && profile.contains("Set a password"), "{profile}");
    }
}

#[tokio::test]
async fn what_is_brought_back_counts_once_and_in_its_own_browser() {
    let provider = Provider::start().await;
    let (_installation, usher) = served(&provider).await;
    provider.signs_in(&zoe());
    let (browser, thief) = (usher.browser(), usher.browser());
    let back = visited(&browser, &provider, "/sign-in/provider?next=%2Fruns").await;
    assert_eq!(way(&thief.request(&back, &HTML).await), "/sign-in");
    assert!(page(&thief, "/sign-in").await.contains("was begun in another browser"));
    assert_eq!(way(&browser.request(&back, &HTML).await), "/sign-in/identity");
    assert!(page(&thief, "/sign-in/identity").await.contains("Nothing is under way"));
    assert_eq!(way(&browser.request(&back, &HTML).await), "/sign-in");
    assert!(page(&browser, "/sign-in").await.contains("This sign-in was used already"));
}

#[tokio::test]
async fn whatever_goes_wrong_is_said_where_one_began() {
    let provider = Provider::start().await;
    let (installation, usher) = served(&provider).await;
    let browser = usher.browser();
    // Nobody signs in there.
    assert_eq!(signs_in(&browser, &provider, "/sign-in/provider?next=%2Fruns").await, "/sign-in?next=%2Fruns");
    let door = page(&browser, "/sign-in?next=%2Fruns").await;
    assert!(
        door.contains("You did not sign in at Northwind SSO") && door.contains("/sign-in/provider?next=%2Fruns"),
        "{door}"
    );

    provider.signs_in(&Person { email_verified: Some(false), ..zoe() });
    assert_eq!(signs_in(&browser, &provider, "/sign-in/provider").await, "/sign-in/identity");
    let told = page(&browser, "/sign-in/identity").await;
    assert!(told.contains("Your address is not confirmed") && told.contains("really your address"), "{told}");

    provider.signs_in(&zoe());
    provider.change(|says| says.flaw = Some(Flaw::Expired));
    assert_eq!(signs_in(&browser, &provider, "/sign-in/provider").await, "/sign-in");
    let door = page(&browser, "/sign-in").await;
    assert!(door.contains("its ID token has expired") && door.contains("Tell whoever runs this Usher"), "{door}");
    provider.change(|says| says.flaw = None);

    // From the profile, one is led back there.
    let ann = usher.newcomer("ann@marigold.example").await;
    let identity = signs_in(&ann, &provider, "/sign-in/provider?connect=yes").await;
    assert_eq!(identity, "/sign-in/identity");
    assert!(page(&ann, &identity).await.contains("You are signed in as <strong>Tess"));
    let connected = ann.post("/api/connect_identity", &HTML, &[]).await;
    assert_eq!(way(&connected), "/profile");
    let profile = page(&ann, "/profile").await;
    assert!(profile.contains("From now on you can sign in so, too.") && profile.contains("Disconnect Northwind SSO"));
    assert_eq!(signs_in(&ann, &provider, "/sign-in/provider?connect=yes").await, "/profile");
    let bob = usher.newcomer("bob@marigold.example").await;
    assert_eq!(signs_in(&bob, &provider, "/sign-in/provider?connect=yes").await, "/profile");
    assert!(page(&bob, "/profile").await.contains("belongs to somebody else here"));

    // So is who takes an invitation.
    let hub = installation.hub().await;
    let form = model::view::SignIn { email: "ann@marigold.example".to_owned(), password: PASSWORD.to_owned() };
    let admin = hub.sign_in(form, None).await.unwrap();
    let id = hub.invite(&admin, "vera@marigold.example", Some(model::view::Role::Viewer)).await.unwrap();
    let token = hub.invitation_link(&admin, &id).await.unwrap().token.unwrap().0;
    let vera = usher.browser();
    let invitation = format!("/invitation/{token}");
    assert!(page(&vera, &invitation).await.contains("Join with Northwind SSO"));
    provider.change(|says| says.person = None);
    assert_eq!(signs_in(&vera, &provider, &format!("{invitation}/provider")).await, invitation);
    assert!(page(&vera, &invitation).await.contains("You did not sign in at Northwind SSO"));
    provider.signs_in(&Person::new("person-8", "Vera Vine", "vera@marigold.example"));
    assert_eq!(signs_in(&vera, &provider, &format!("{invitation}/provider")).await, "/");
    assert!(page(&vera, "/people").await.contains("Vera Vine"));
    let used = vera.request(&format!("{invitation}/provider"), &HTML).await;
    assert_eq!(used.status(), 404);
}

#[tokio::test]
async fn a_provider_that_is_away_keeps_usher_from_nothing() {
    let provider = Provider::start().await;
    provider.change(|says| says.flaw = Some(Flaw::Away));
    let (_installation, usher) = served(&provider).await;
    let browser = usher.browser();
    assert!(browser.get("/readyz").await.status().is_success());
    assert_eq!(way(&browser.request("/sign-in/provider", &HTML).await), "/sign-in");
    let door = page(&browser, "/sign-in").await;
    assert!(
        door.contains("Northwind SSO can&#x27;t sign you in at the moment")
            || door.contains("Northwind SSO can't sign you in at the moment"),
        "{door}"
    );
    assert!(door.contains("or sign in with your password"), "{door}");
    usher.newcomer("ann@marigold.example").await;
    provider.change(|says| says.flaw = None);
    provider.signs_in(&zoe());
    assert_eq!(signs_in(&browser, &provider, "/sign-in/provider").await, "/sign-in/identity", "it is tried again");
}

#[tokio::test]
async fn where_passwords_are_switched_off_no_page_asks_for_one() {
    let provider = Provider::start().await;
    let installation =
        with_provider(Installation::new(), &provider).with("USHER_PASSWORDS", "false").with("USHER_SIGN_UP", "invited");
    let usher = installation.serve().await;
    let browser = usher.browser();
    for path in ["/sign-in", "/sign-up"] {
        let text = page(&browser, path).await;
        assert!(text.contains("Northwind SSO") && !text.contains("type=\"password\""), "{path}: {text}");
    }
    let refused = browser.sign_up("ann@marigold.example").await;
    assert_eq!(refused.status(), 403);
    let refused = browser.post("/api/sign_in", &[], &[("email", "ann@marigold.example"), ("password", PASSWORD)]).await;
    assert_eq!(refused.status(), 403);
    assert!(refused.text().await.unwrap().contains("one signs in at Northwind SSO"));
    // Whoever comes first makes the account; then only the invited come in.
    provider.signs_in(&zoe());
    signs_in(&browser, &provider, "/sign-in/provider").await;
    let form = [("account_name", "Marigold"), ("user_name", "Zoë Quill")];
    assert_eq!(way(&browser.post("/api/sign_up_with_identity", &HTML, &form).await), "/");
    assert!(!page(&browser, "/profile").await.contains("type=\"password\""));
    let stranger = usher.browser();
    provider.signs_in(&Person::new("person-8", "Eve", "eve@elsewhere.example"));
    signs_in(&stranger, &provider, "/sign-in/provider").await;
    assert!(page(&stranger, "/sign-in/identity").await.contains("You are not invited yet"));
    assert!(page(&stranger, "/sign-up").await.contains("only people with an invitation"));
}

#[tokio::test]
async fn people_are_led_back_to_the_public_address() {
    let provider = Provider::start().await;
    let installation =
        with_provider(Installation::new(), &provider).with("USHER_PUBLIC_URL", "https://usher.marigold.example");
    let usher = installation.serve().await;
    let url: Url = way(&usher.browser().request("/sign-in/provider", &HTML).await).parse().unwrap();
    let redirect = url.query_pairs().find(|(name, _)| name == "redirect_uri").map(|(_, value)| value.into_owned());
    assert_eq!(redirect.as_deref(), Some("https://usher.marigold.example/sign-in/provider/return"));
}

#[tokio::test]
async fn settings_that_are_wrong_or_only_half_there_are_refused_at_the_start() {
    let set = |settings: &[(&str, &str)]| {
        let installation =
            settings.iter().fold(Installation::new(), |installation, (name, value)| installation.with(name, value));
        async move {
            let output = installation.usher(&["serve"]).output().await.unwrap();
            assert!(!output.status.success());
            String::from_utf8(output.stderr).unwrap()
        }
    };
    let issuer = ("USHER_OPENID_ISSUER", "https://login.marigold.example/");
    let client = ("USHER_OPENID_CLIENT_ID", "usher");
    let secret = ("USHER_OPENID_CLIENT_SECRET", "a secret of the client");
    let told = set(&[issuer, client]).await;
    assert!(told.contains("USHER_OPENID_CLIENT_SECRET_FILE") && told.contains("only half"), "{told}");
    let told = set(&[secret]).await;
    assert!(told.contains("USHER_OPENID_ISSUER and USHER_OPENID_CLIENT_ID") && !told.contains(secret.1), "{told}");
    let told = set(&[("USHER_OPENID_ISSUER", "login.marigold.example"), client, secret]).await;
    assert!(told.contains("“login.marigold.example” is no issuer"), "{told}");
    let told = set(&[issuer, client, ("USHER_OPENID_CLIENT_SECRET_FILE", "nowhere")]).await;
    assert!(told.contains("the secret of the OpenID client can't be read from nowhere"), "{told}");
    let told = set(&[("USHER_PASSWORDS", "false")]).await;
    assert!(told.contains("leaves no way to sign in"), "{told}");
}
