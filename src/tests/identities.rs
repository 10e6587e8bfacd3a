//! Signing in at an OpenID provider: who is let in as whom, and everything that a provider, a browser or a stranger can get wrong.

use std::time::Duration;

use model::{
    error::HubError,
    people::{ChangePassword, ChangeProfile, InvitationToken, JoinSignUp, NextStep},
    view::{Actor, Role, SignIn},
};
use url::Url;

use super::{
    NOON, Stage, admin, node,
    provider::{CLIENT_ID, CLIENT_SECRET, Flaw, Person, Provider},
    settings, sign_up_form, stages,
};
use crate::{
    hub::{Hub, Result},
    outbound::OpenIdSettings,
    registry::{Arrival, Consented, Errand, Newcomer, NoArrival, SessionRow, SignInSettings},
};

const SESSION: &str = "what only this session knows";
const PASSWORD: &str = "correct horse battery";

/// A provider, and a hub on each database that uses it.
async fn scenes() -> Vec<(Stage, Hub, Provider)> {
    scenes_with(|_| {}).await
}

async fn scenes_with(change: impl Fn(&mut SignInSettings)) -> Vec<(Stage, Hub, Provider)> {
    let mut scenes = Vec::new();
    for stage in stages().await {
        let provider = Provider::start().await;
        provider.change(|says| says.now = Some(NOON / 1000));
        let hub = with_provider(&stage, &provider, &change).await;
        scenes.push((stage, hub, provider));
    }
    scenes
}

/// Another process of the installation, with this provider.
async fn with_provider(stage: &Stage, provider: &Provider, change: &impl Fn(&mut SignInSettings)) -> Hub {
    let of = OpenIdSettings::new(&provider.url, CLIENT_ID, CLIENT_SECRET, Some("Northwind SSO")).expect("are right");
    let mut sign_in = SignInSettings { provider: Some(of), ..SignInSettings::default() };
    change(&mut sign_in);
    let settings = crate::HubSettings { sign_in, ..settings(&stage.database, stage.folder.path()) };
    Hub::open(settings, stage.clock.clone()).await.expect("opens")
}

fn zoe() -> Person {
    Person::new("person-7", "Zoë O’Neill", "Zoe@Example.org")
}

fn redirect() -> Url {
    "http://127.0.0.1:3000/sign-in/provider/return".parse().expect("a URL")
}

/// What somebody comes back with.
struct Back {
    state: String,
    issuer: Option<String>,
    answer: Consented,
}

/// Goes to the provider and comes back.
async fn visited(hub: &Hub, provider: &Provider, errand: Errand) -> Back {
    let url = hub.visit_provider(SESSION, &redirect(), errand).await.expect("begins");
    let back = provider.visited(&url).await;
    assert!(back.as_str().starts_with(redirect().as_str()), "{back}");
    let value = |name: &str| back.query_pairs().find(|(found, _)| found == name).map(|(_, value)| value.into_owned());
    let answer = match value("code") {
        Some(code) => Consented::Code(code),
        None => Consented::Error { code: value("error").expect("a code or an error"), description: None },
    };
    Back { state: value("state").expect("a state"), issuer: value("iss"), answer }
}

async fn arrived(hub: &Hub, who: Option<&Actor>, session: &str, back: Back) -> std::result::Result<Arrival, NoArrival> {
    hub.arrive(who, session, &back.state, back.issuer.as_deref(), back.answer).await
}

async fn signs_in(hub: &Hub, provider: &Provider, who: Option<&Actor>, errand: Errand) -> Arrival {
    let back = visited(hub, provider, errand).await;
    arrived(hub, who, SESSION, back).await.expect("arrives")
}

fn known(arrival: Arrival) -> Actor {
    match arrival {
        Arrival::Known { actor, .. } => actor,
        Arrival::New(_) => panic!("is new here"),
    }
}

fn new(arrival: Arrival) -> Newcomer {
    match arrival {
        Arrival::New(newcomer) => newcomer,
        Arrival::Known { actor, .. } => panic!("is {actor:?}"),
    }
}

async fn next_step(hub: &Hub, newcomer: &Newcomer) -> NextStep {
    hub.unconnected(None, SESSION, newcomer).await.expect("is asked").expect("is under way").step
}

/// Somebody who has made an account at the provider.
async fn signed_up(hub: &Hub, provider: &Provider, person: &Person) -> Actor {
    provider.signs_in(person);
    let newcomer = new(signs_in(hub, provider, None, Errand::default()).await);
    let name = person.name.clone().expect("a name");
    hub.sign_up_at_provider(SESSION, &newcomer, "Umber Works", &name).await.expect("signs up").0
}

async fn invitation(hub: &Hub, admin: &Actor, email: &str) -> InvitationToken {
    let id = hub.invite(admin, email, Some(Role::Member)).await.expect("invites");
    hub.invitation_link(admin, &id).await.expect("shows").token.expect("can be shown")
}

async fn history(hub: &Hub, admin: &Actor) -> Vec<String> {
    let events = hub.people(admin).await.expect("is asked").events;
    events.into_iter().map(|event| format!("{} {}", event.by, event.step.sentence())).collect()
}

fn password_form(email: &str) -> SignIn {
    SignIn { email: email.to_owned(), password: PASSWORD.to_owned() }
}

#[tokio::test]
async fn somebody_new_makes_an_account_and_is_known_from_then_on() {
    for (_stage, hub, provider) in scenes().await {
        provider.signs_in(&zoe());
        let errand = Errand { next: "/runs".to_owned(), ..Errand::default() };
        let newcomer = new(signs_in(&hub, &provider, None, errand.clone()).await);
        let seen = hub.unconnected(None, SESSION, &newcomer).await.expect("is asked").expect("is under way");
        assert_eq!((seen.name.as_str(), seen.email.as_str()), ("Zoë O’Neill", "Zoe@Example.org"));
        assert_eq!((seen.provider.as_str(), seen.step), ("Northwind SSO", NextStep::SignUp));
        let error = hub.sign_up_at_provider(SESSION, &newcomer, " ", "Zoë").await.expect_err("has no name");
        assert!(error.problem_of("account_name").is_some(), "{error:?}");
        let (actor, kept) = hub.sign_up_at_provider(SESSION, &newcomer, "Umber Works", "Zoë").await.expect("signs up");
        assert_eq!((actor.role, actor.email.as_str(), kept), (Role::Admin, "zoe@example.org", errand));
        let wrong = hub.sign_up_at_provider(SESSION, &newcomer, "Again", "Zoë").await.expect_err("is there already");
        assert!(wrong.to_string().contains("already"), "{wrong}");

        assert_eq!(known(signs_in(&hub, &provider, None, Errand::default()).await), actor);
        let ways = hub.sign_in_ways(&actor).await.expect("is asked");
        assert!(!ways.has_password && ways.identities[0].is_last_way, "{ways:?}");
        assert_eq!(history(&hub, &actor).await, ["Zoë (zoe@example.org) connected their sign-in at Northwind SSO"]);
        // Whoever tries a password for them learns nothing, and gets nowhere.
        let refused = hub.sign_in(password_form("zoe@example.org"), None).await.expect_err("has no password");
        assert_eq!(refused.to_string(), "The e-mail address or the password is wrong.");
        let empty = SignIn { password: String::new(), ..password_form("zoe@example.org") };
        assert!(hub.sign_in(empty, None).await.is_err());
    }
}

#[tokio::test]
async fn an_address_leads_to_its_owner_only_with_the_password_and_then_for_ever() {
    for (_stage, hub, provider) in scenes().await {
        let ann = admin(&hub, "zoe@example.org").await;
        provider.signs_in(&zoe());
        let newcomer = new(signs_in(&hub, &provider, None, Errand::default()).await);
        assert_eq!(next_step(&hub, &newcomer).await, NextStep::Prove);
        let taken = hub.sign_up_at_provider(SESSION, &newcomer, "Mine now", "Zoë").await.expect_err("is taken");
        assert!(taken.problem_of("email").is_some(), "{taken:?}");
        let wrong = hub.prove_identity(SESSION, &newcomer, "a guess".to_owned(), None).await.expect_err("is wrong");
        assert!(wrong.problem_of("password").is_some(), "{wrong:?}");
        assert!(hub.sign_in_ways(&ann).await.expect("is asked").identities.is_empty(), "nothing was connected");
        let proven = hub.prove_identity(SESSION, &newcomer, PASSWORD.to_owned(), None).await.expect("is right").0;
        assert_eq!(proven, ann);
        assert_eq!(known(signs_in(&hub, &provider, None, Errand::default()).await), ann);
        // Their address may change at both ends: it is issuer and subject that count.
        provider.signs_in(&Person::new("person-7", "Zoë", "zoe.b@example.org"));
        assert_eq!(known(signs_in(&hub, &provider, None, Errand::default()).await), ann);
        provider.signs_in(&Person::new("person-8", "Eve", "zoe@example.org"));
        let other = new(signs_in(&hub, &provider, None, Errand::default()).await);
        assert_eq!(next_step(&hub, &other).await, NextStep::Prove, "the same address is not the same person");
        // Guessing is slowed down.
        let mut answers = Vec::new();
        for _ in 0..6 {
            answers.push(hub.prove_identity(SESSION, &other, "a guess".to_owned(), None).await.expect_err("is wrong"));
        }
        assert!(matches!(answers.last(), Some(HubError::SlowDown { .. })), "{answers:?}");
    }
}

#[tokio::test]
async fn who_has_an_invitation_comes_into_that_account_as_invited() {
    for (_stage, hub, provider) in scenes_with(|settings| settings.open_sign_up = false).await {
        let ann = admin(&hub, "ann@example.org").await;
        provider.signs_in(&zoe());
        let newcomer = new(signs_in(&hub, &provider, None, Errand::default()).await);
        assert_eq!(next_step(&hub, &newcomer).await, NextStep::Uninvited);
        let refused = hub.sign_up_at_provider(SESSION, &newcomer, "Mine", "Zoë").await.expect_err("is not open");
        assert!(matches!(refused, HubError::Forbidden { .. }), "{refused:?}");
        let refused = hub.sign_up(sign_up_form("eve@example.org")).await.expect_err("is not open");
        assert!(matches!(refused, HubError::Forbidden { .. }), "{refused:?}");

        let with = |token: &InvitationToken| Errand { invitation: Some(token.clone()), ..Errand::default() };
        let token = invitation(&hub, &ann, "zoe@work.example").await;
        let zoe = known(signs_in(&hub, &provider, None, with(&token)).await);
        assert_eq!(
            (zoe.account_id.clone(), zoe.role, zoe.user_name.as_str()),
            (ann.account_id.clone(), Role::Member, "Zoë O’Neill")
        );
        let told = history(&hub, &ann).await;
        assert!(told[1].contains("joined as a member, with the invitation of zoe@work.example"), "{told:?}");
        assert!(told[0].contains("connected their sign-in at Northwind SSO"), "{told:?}");
        let used = hub.visit_provider(SESSION, &redirect(), with(&token)).await.expect_err("is used up");
        assert!(matches!(used, HubError::NotFound { .. }), "{used:?}");

        // Who is known already joins as who they are; so does who proves to be.
        let bob_joins = invitation(&hub, &ann, "bob@example.org").await;
        let form = JoinSignUp {
            user_name: "Bob".to_owned(),
            email: "bob@example.org".to_owned(),
            password: PASSWORD.to_owned(),
        };
        let bob = hub.join_signing_up(form, &bob_joins).await.expect("joins");
        hub.remove_person(&ann, &bob.user_id).await.expect("is removed");
        provider.signs_in(&Person::new("person-9", "Bob", "bob@example.org"));
        let token = invitation(&hub, &ann, "bob@example.org").await;
        let newcomer = new(signs_in(&hub, &provider, None, with(&token)).await);
        assert_eq!(next_step(&hub, &newcomer).await, NextStep::Prove);
        let proven = hub.prove_identity(SESSION, &newcomer, PASSWORD.to_owned(), None).await.expect("joins").0;
        assert_eq!((proven.user_id, proven.role), (bob.user_id, Role::Member));
    }
}

#[tokio::test]
async fn who_is_signed_in_connects_and_disconnects_but_never_their_last_way_in() {
    for (stage, hub, provider) in scenes().await {
        let ann = admin(&hub, "ann@example.org").await;
        // The address plays no part, nor whether it was verified.
        provider.signs_in(&Person { email_verified: Some(false), ..zoe() });
        let errand = Errand { connects: true, ..Errand::default() };
        let newcomer = new(signs_in(&hub, &provider, Some(&ann), errand.clone()).await);
        let seen = hub.unconnected(Some(&ann), SESSION, &newcomer).await.expect("is asked").expect("is under way");
        assert!(matches!(seen.step, NextStep::Connect { user_email, .. } if user_email == "ann@example.org"));
        hub.connect_identity(&ann, SESSION, &newcomer).await.expect("connects");
        assert_eq!(known(signs_in(&hub, &provider, None, Errand::default()).await), ann);

        let bob = admin(&hub, "bob@example.org").await;
        let back = visited(&hub, &provider, errand).await;
        let failed = arrived(&hub, Some(&bob), SESSION, back).await.expect_err("is Ann's");
        assert!(failed.error.to_string().contains("belongs to somebody else") && failed.errand.connects, "{failed:?}");
        let twice = hub.connect_identity(&bob, SESSION, &newcomer).await.expect_err("is Ann's");
        assert!(matches!(twice, HubError::Conflict { .. }), "{twice:?}");

        let identity = hub.sign_in_ways(&ann).await.expect("is asked").identities.remove(0);
        assert!(!identity.is_last_way, "there is the password");
        let refused = hub.disconnect_identity(&bob, &identity.id, None).await.expect_err("is Ann's");
        assert!(matches!(refused, HubError::NotFound { .. }), "{refused:?}");
        let row = |id| SessionRow { data: b"1", expires_at_ms: NOON + 1000, user_id: Some(id), account_id: None };
        for name in ["here", "elsewhere"] {
            assert!(hub.sessions().create(name, &row(ann.user_id.clone())).await.expect("begins"));
        }
        hub.disconnect_identity(&ann, &identity.id, Some("here")).await.expect("disconnects");
        assert!(hub.sessions().load("here").await.expect("is asked").is_some());
        assert!(hub.sessions().load("elsewhere").await.expect("is asked").is_none(), "it may have been begun with it");
        let told = history(&hub, &ann).await;
        assert!(told[0].contains("disconnected their sign-in at Northwind SSO"), "{told:?}");

        // Who has no password keeps it, until they have one.
        let cleo = signed_up(&hub, &provider, &Person::new("person-9", "Cleo", "cleo@example.org")).await;
        let only = hub.sign_in_ways(&cleo).await.expect("is asked").identities.remove(0);
        let refused = hub.disconnect_identity(&cleo, &only.id, None).await.expect_err("is the last way in");
        assert!(refused.to_string().contains("Set a password first"), "{refused}");
        let form =
            |current: &str| ChangePassword { current_password: current.to_owned(), new_password: PASSWORD.to_owned() };
        hub.change_password(&cleo, form(""), None).await.expect("sets the first one");
        hub.change_password(&cleo, form(""), None).await.expect_err("from now on the present one is asked for");
        hub.disconnect_identity(&cleo, &only.id, None).await.expect("disconnects");
        assert_eq!(hub.sign_in(password_form("cleo@example.org"), None).await.expect("signs in"), cleo);

        // Where passwords are switched off, they are no way in.
        let strict = with_provider(&stage, &provider, &|settings| settings.passwords = false).await;
        provider.signs_in(&Person::new("person-10", "Cleo", "cleo@example.org"));
        let newcomer = new(signs_in(&strict, &provider, Some(&cleo), Errand::default()).await);
        strict.connect_identity(&cleo, SESSION, &newcomer).await.expect("connects");
        let only = strict.sign_in_ways(&cleo).await.expect("is asked").identities.remove(0);
        assert!(only.is_last_way);
        strict.disconnect_identity(&cleo, &only.id, None).await.expect_err("is the last way in");
        // Of a provider that the installation had before, nothing is lost.
        let plain = node(&stage.database, stage.folder.path(), stage.clock.clone()).await;
        let former = plain.sign_in_ways(&cleo).await.expect("is asked").identities.remove(0);
        assert!(former.is_former && !former.is_last_way && former.provider == "127.0.0.1", "{former:?}");
        plain.disconnect_identity(&cleo, &former.id, None).await.expect("disconnects");
    }
}

#[tokio::test]
async fn of_two_ways_that_are_taken_away_at_once_one_stays() {
    for (_stage, hub, provider) in scenes().await {
        let cleo = signed_up(&hub, &provider, &Person::new("person-1", "Cleo", "cleo@example.org")).await;
        provider.signs_in(&Person::new("person-2", "Cleo", "cleo@example.com"));
        let newcomer = new(signs_in(&hub, &provider, Some(&cleo), Errand::default()).await);
        hub.connect_identity(&cleo, SESSION, &newcomer).await.expect("connects");
        let ids: Vec<_> =
            hub.sign_in_ways(&cleo).await.expect("is asked").identities.into_iter().map(|it| it.id).collect();
        let both = ids.iter().map(|id| hub.disconnect_identity(&cleo, id, None));
        let gone = futures::future::join_all(both).await.into_iter().filter(Result::is_ok).count();
        assert_eq!(gone, 1);
        assert!(hub.sign_in_ways(&cleo).await.expect("is asked").identities[0].is_last_way);
    }
}

#[tokio::test]
async fn an_address_that_was_not_verified_lets_nobody_in() {
    for (_stage, hub, provider) in scenes().await {
        let ann = admin(&hub, "zoe@example.org").await;
        for (email_verified, invited) in [(Some(false), "bob@example.org"), (None, "cleo@example.org")] {
            provider.signs_in(&Person { email_verified, ..zoe() });
            let newcomer = new(signs_in(&hub, &provider, None, Errand::default()).await);
            assert_eq!(next_step(&hub, &newcomer).await, NextStep::Unverified);
            for refused in [
                hub.prove_identity(SESSION, &newcomer, PASSWORD.to_owned(), None).await.map(drop),
                hub.sign_up_at_provider(SESSION, &newcomer, "Mine", "Zoë").await.map(drop),
            ] {
                let refused = refused.expect_err("is not let in").to_string();
                assert!(refused.contains("does not say that Zoe@Example.org is really your address"), "{refused}");
            }
            let token = invitation(&hub, &ann, invited).await;
            let errand = Errand { invitation: Some(token), ..Errand::default() };
            let back = visited(&hub, &provider, errand).await;
            let failed = arrived(&hub, None, SESSION, back).await.expect_err("is not let in");
            assert!(failed.error.to_string().contains("is really your address"), "{failed:?}");
            assert!(failed.errand.invitation.is_some(), "it leads back to the invitation");
        }
        provider.signs_in(&Person { email: None, email_verified: None, ..zoe() });
        let newcomer = new(signs_in(&hub, &provider, None, Errand::default()).await);
        assert_eq!(next_step(&hub, &newcomer).await, NextStep::Unverified);
    }
}

#[tokio::test]
async fn a_token_with_anything_wrong_signs_nobody_in() {
    for (_stage, hub, provider) in scenes().await {
        signed_up(&hub, &provider, &zoe()).await;
        for (flaw, told) in [
            (Flaw::Nonce, "answers another request"),
            (Flaw::NoNonce, "answers another request"),
            (Flaw::Audience, "made for another client"),
            (Flaw::TwoAudiences, "made for another client"),
            (Flaw::Issuer, "comes from another issuer"),
            (Flaw::Expired, "has expired"),
            (Flaw::Signature, "the signature of its ID token is not right"),
            (Flaw::UnknownKey, "a key that it does not publish"),
            (Flaw::Symmetric, "the signature of its ID token is not right"),
            (Flaw::Unsigned, "the signature of its ID token is not right"),
            (Flaw::AccessToken, "belongs to another access token"),
            (Flaw::Absent, "no ID token"),
            (Flaw::OtherUserInfo, "tells of somebody else"),
            (Flaw::OtherAnswer, "another provider that has answered"),
        ] {
            provider.change(|says| says.flaw = Some(flaw));
            let back = visited(&hub, &provider, Errand::default()).await;
            let failed = arrived(&hub, None, SESSION, back).await.expect_err("is not believed");
            let text = failed.error.to_string();
            assert!(text.contains(told) && text.contains("Tell whoever runs this Usher"), "{flaw:?}: {text}");
        }
        provider.change(|says| says.flaw = None);
        known(signs_in(&hub, &provider, None, Errand::default()).await);
    }
}

#[tokio::test]
async fn keys_are_asked_for_again_when_they_do_not_fit() {
    for (stage, hub, provider) in scenes().await {
        let zoe = signed_up(&hub, &provider, &zoe()).await;
        assert_eq!((provider.times_asked("description"), provider.times_asked("keys")), (1, 1));
        known(signs_in(&hub, &provider, None, Errand::default()).await);
        assert_eq!((provider.times_asked("description"), provider.times_asked("keys")), (1, 1), "they are kept");
        provider.rotate_keys();
        assert_eq!(known(signs_in(&hub, &provider, None, Errand::default()).await), zoe);
        assert_eq!((provider.times_asked("description"), provider.times_asked("keys")), (1, 2));
        known(signs_in(&hub, &provider, None, Errand::default()).await);
        assert_eq!(provider.times_asked("keys"), 2);
        stage.clock.advance(Duration::from_secs(3601));
        provider.change(|says| says.now = Some(NOON / 1000 + 3601));
        known(signs_in(&hub, &provider, None, Errand::default()).await);
        assert_eq!(provider.times_asked("description"), 2, "after an hour it is asked again");
    }
}

#[tokio::test]
async fn what_is_told_apart_from_the_token_counts_as_well() {
    for (_stage, hub, provider) in scenes().await {
        provider.signs_in(&zoe());
        provider.change(|says| says.flaw = Some(Flaw::UserInfo));
        let newcomer = new(signs_in(&hub, &provider, None, Errand::default()).await);
        let seen = hub.unconnected(None, SESSION, &newcomer).await.expect("is asked").expect("is under way");
        assert_eq!(
            (seen.name.as_str(), seen.email.as_str(), seen.step),
            ("Zoë O’Neill", "Zoe@Example.org", NextStep::SignUp)
        );
        provider.change(|says| says.flaw = None);
        let again = new(signs_in(&hub, &provider, None, Errand::default()).await);
        assert_eq!(next_step(&hub, &again).await, NextStep::SignUp);
        assert_eq!(provider.times_asked("userinfo"), 1, "only when the token does not say");
    }
}

#[tokio::test]
async fn a_provider_may_want_the_secret_in_the_body() {
    for (_stage, hub, provider) in scenes().await {
        provider.change(|says| says.flaw = Some(Flaw::SecretInBody));
        signed_up(&hub, &provider, &zoe()).await;
    }
}

#[tokio::test]
async fn what_is_brought_back_counts_once_in_its_own_session_for_ten_minutes() {
    for (stage, hub, provider) in scenes().await {
        signed_up(&hub, &provider, &zoe()).await;
        let told = |failed: NoArrival| failed.error.to_string();
        let back = visited(&hub, &provider, Errand::default()).await;
        let again = Back { state: back.state.clone(), issuer: None, answer: Consented::Code("another".to_owned()) };
        known(arrived(&hub, None, SESSION, back).await.expect("arrives"));
        let failed = told(arrived(&hub, None, SESSION, again).await.expect_err("was used"));
        assert!(failed.contains("was used already"), "{failed}");

        let back = visited(&hub, &provider, Errand::default()).await;
        let stolen = Back { state: back.state.clone(), issuer: None, answer: back.answer.clone() };
        let failed = told(arrived(&hub, None, "another session", stolen).await.expect_err("is another's"));
        assert!(failed.contains("another browser"), "{failed}");
        known(arrived(&hub, None, SESSION, back).await.expect("is still theirs"));

        let back = visited(&hub, &provider, Errand::default()).await;
        let made_up = Back { state: "made up".to_owned(), ..back };
        arrived(&hub, None, SESSION, made_up).await.expect_err("was never begun");

        let back = visited(&hub, &provider, Errand { next: "/runs".to_owned(), ..Errand::default() }).await;
        stage.clock.advance(Duration::from_secs(601));
        let failed = arrived(&hub, None, SESSION, back).await.expect_err("took too long");
        assert_eq!(failed.errand.next, "/runs", "where they wanted to go is kept");
        assert!(told(failed).contains("longer than ten minutes"));

        // Who somebody new is stays in their session, and not for ever.
        provider.change(|says| says.now = Some(NOON / 1000 + 601));
        provider.signs_in(&Person::new("person-8", "Eve", "eve@example.org"));
        let newcomer = new(signs_in(&hub, &provider, None, Errand::default()).await);
        assert!(hub.unconnected(None, "another session", &newcomer).await.expect("is asked").is_none());
        hub.sign_up_at_provider("another session", &newcomer, "Mine", "Eve").await.expect_err("is another's");
        stage.clock.advance(Duration::from_secs(601));
        assert!(hub.unconnected(None, SESSION, &newcomer).await.expect("is asked").is_none());
        hub.sign_up_at_provider(SESSION, &newcomer, "Mine", "Eve").await.expect_err("is over");
    }
}

#[tokio::test]
async fn a_provider_that_is_away_or_refuses_is_told_in_words_and_comes_back() {
    for (stage, hub, provider) in scenes().await {
        let begins = |hub: &Hub| {
            let hub = hub.clone();
            async move { hub.visit_provider(SESSION, &redirect(), Errand::default()).await }
        };
        provider.change(|says| says.flaw = Some(Flaw::Away));
        let failed = begins(&hub).await.expect_err("is away").to_string();
        assert!(failed.contains("Try again in a few minutes, or sign in with your password"), "{failed}");
        provider.change(|says| says.flaw = Some(Flaw::OtherName));
        let failed = begins(&hub).await.expect_err("is somebody else").to_string();
        assert!(failed.contains("USHER_OPENID_ISSUER") && failed.contains("Tell whoever runs"), "{failed}");
        provider.change(|says| says.flaw = None);
        begins(&hub).await.expect("is there again");

        // Nobody signs in there.
        let back = visited(&hub, &provider, Errand::default()).await;
        let failed = arrived(&hub, None, SESSION, back).await.expect_err("did not sign in").error.to_string();
        assert_eq!(failed, "You did not sign in at Northwind SSO, or it does not let you in here.");
        // A wrong secret, and nobody there at all.
        let of = |url: &str| {
            let of = OpenIdSettings::new(url, CLIENT_ID, "a wrong secret", None).expect("are right");
            move |settings: &mut SignInSettings| settings.provider = Some(of.clone())
        };
        let wrong = with_provider(&stage, &provider, &of(&provider.url)).await;
        provider.signs_in(&zoe());
        let back = visited(&wrong, &provider, Errand::default()).await;
        let failed = arrived(&wrong, None, SESSION, back).await.expect_err("is refused").error.to_string();
        assert!(
            failed.contains("does not know the client, or its secret is wrong") && !failed.contains("a wrong secret"),
            "{failed}"
        );
        let nobody = with_provider(&stage, &provider, &of("http://127.0.0.1:9/")).await;
        let failed = begins(&nobody).await.expect_err("is not there").to_string();
        assert!(failed.contains("it can't be reached"), "{failed}");
        // An address that this installation may not call.
        let guarded = with_provider(&stage, &provider, &of("http://10.1.2.3/")).await;
        let failed = begins(&guarded).await.expect_err("is private").to_string();
        assert!(failed.contains("USHER_ALLOW_NETWORKS"), "{failed}");
        let plain = node(&stage.database, stage.folder.path(), stage.clock.clone()).await;
        assert!(matches!(begins(&plain).await.expect_err("there is none"), HubError::NotFound { .. }));
    }
}

#[tokio::test]
async fn where_passwords_are_switched_off_one_signs_in_at_the_provider_only() {
    for (stage, hub, provider) in scenes().await {
        let ann = admin(&hub, "zoe@example.org").await;
        let strict = with_provider(&stage, &provider, &|settings| settings.passwords = false).await;
        let token = invitation(&hub, &ann, "bob@example.org").await;
        let join = JoinSignUp {
            user_name: "Bob".to_owned(),
            email: "bob@example.org".to_owned(),
            password: PASSWORD.to_owned(),
        };
        let change =
            ChangePassword { current_password: PASSWORD.to_owned(), new_password: "another sentence".to_owned() };
        for refused in [
            strict.sign_in(password_form("zoe@example.org"), None).await.map(drop),
            strict.sign_up(sign_up_form("eve@example.org")).await.map(drop),
            strict.join_signing_up(join, &token).await.map(drop),
            strict.join_signing_in(password_form("zoe@example.org"), None, &token).await.map(drop),
            strict.change_password(&ann, change, None).await,
        ] {
            let refused = refused.expect_err("is refused").to_string();
            assert_eq!(refused, "Here one signs in at Northwind SSO, not with a password.");
        }
        // Who had one from before shows with it, once, who they are.
        provider.signs_in(&zoe());
        let newcomer = new(signs_in(&strict, &provider, None, Errand::default()).await);
        strict.prove_identity(SESSION, &newcomer, PASSWORD.to_owned(), None).await.expect("is right");
        assert_eq!(known(signs_in(&strict, &provider, None, Errand::default()).await), ann);
        // Who never had one changes their address without it.
        let cleo = signed_up(&strict, &provider, &Person::new("person-9", "Cleo", "cleo@example.org")).await;
        let form = ChangeProfile {
            user_name: "Cleo".to_owned(),
            email: "cleo@example.com".to_owned(),
            email_password: String::new(),
        };
        strict.change_profile(&cleo, form).await.expect("changes it");
    }
}

#[tokio::test]
async fn whoever_comes_first_signs_up_even_where_only_the_invited_do() {
    for (_stage, hub, provider) in scenes_with(|settings| settings.open_sign_up = false).await {
        assert!(hub.ways_in().await.expect("is asked").sign_up);
        signed_up(&hub, &provider, &zoe()).await;
        assert!(!hub.ways_in().await.expect("is asked").sign_up);
    }
}
