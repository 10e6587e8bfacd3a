//! Signing up and in, and the slow-down.

use std::time::Duration;

use model::{error::HubError, people::ChangePassword, view::SignIn};

use super::{admin, sign_up_form, stages};
use crate::registry::SessionRow;

fn sign_in_form(email: &str, password: &str) -> SignIn {
    SignIn { email: email.to_owned(), password: password.to_owned() }
}

#[tokio::test]
async fn who_signed_up_signs_in_whatever_the_case_of_the_address() {
    for stage in stages().await {
        let actor = admin(&stage.hub, "Ann@Example.org").await;
        let form = sign_in_form(" ann@example.ORG ", "correct horse battery");
        let signed_in = stage.hub.sign_in(form, None).await.expect("signs in");
        assert_eq!(signed_in, actor);
        let of_session = stage.hub.actor(&actor.user_id, &actor.account_id).await.expect("is asked");
        assert_eq!(of_session, Some(actor));
    }
}

#[tokio::test]
async fn each_wrong_field_has_its_own_problem_and_nothing_is_made() {
    for stage in stages().await {
        let mut form = sign_up_form("not an address");
        form.account_name = "  ".to_owned();
        form.password = "short".to_owned();
        let error = stage.hub.sign_up(form).await.expect_err("is refused");
        for field in ["account_name", "email", "password"] {
            assert!(error.problem_of(field).is_some(), "{field}: {error}");
        }
        assert!(error.problem_of("user_name").is_none());
    }
}

#[tokio::test]
async fn an_address_signs_up_once() {
    for stage in stages().await {
        admin(&stage.hub, "ann@example.org").await;
        let error = stage.hub.sign_up(sign_up_form("ANN@example.org")).await.expect_err("is taken");
        assert!(error.problem_of("email").is_some_and(|problem| problem.contains("already")));
    }
}

#[tokio::test]
async fn failed_sign_ins_slow_down_and_recover() {
    for stage in stages().await {
        admin(&stage.hub, "ann@example.org").await;
        for _ in 0..5 {
            let error = stage.hub.sign_in(sign_in_form("ann@example.org", "wrong"), None).await.expect_err("is wrong");
            assert!(error.problem_of("password").is_some());
        }
        let right = || sign_in_form("ann@example.org", "correct horse battery");
        let error = stage.hub.sign_in(right(), None).await.expect_err("has to wait");
        let HubError::SlowDown { retry_after_seconds } = error else { panic!("{error:?}") };
        assert_eq!(retry_after_seconds, 2);
        stage.hub.sign_in(sign_in_form("bob@example.org", "x"), None).await.expect_err("nobody of that name");
        stage.clock.advance(Duration::from_secs(retry_after_seconds));
        stage.hub.sign_in(right(), None).await.expect("signs in after the wait");
        let error = stage.hub.sign_in(sign_in_form("ann@example.org", "wrong"), None).await.expect_err("is wrong");
        assert!(error.problem_of("password").is_some(), "a success forgets earlier failures");
    }
}

#[tokio::test]
async fn guessing_many_names_from_one_address_slows_down_too() {
    for stage in stages().await {
        let client = Some("203.0.113.9".parse().expect("an address"));
        for number in 0..20 {
            let form = sign_in_form(&format!("person{number}@example.org"), "guess");
            stage.hub.sign_in(form, client).await.expect_err("is wrong");
        }
        let error =
            stage.hub.sign_in(sign_in_form("other@example.org", "guess"), client).await.expect_err("has to wait");
        assert!(matches!(error, HubError::SlowDown { .. }), "{error:?}");
    }
}

#[tokio::test]
async fn guesses_from_elsewhere_keep_nobody_out() {
    for stage in stages().await {
        let ann = admin(&stage.hub, "ann@example.org").await;
        let guess = async |client: &str| {
            let client = Some(client.parse().expect("an address"));
            stage.hub.sign_in(sign_in_form("ann@example.org", "a guess"), client).await.expect_err("is wrong")
        };
        let own = Some("198.51.100.7".parse().expect("an address"));
        let right = || sign_in_form("ann@example.org", "correct horse battery");
        for _ in 0..8 {
            guess("203.0.113.9").await;
        }
        assert!(matches!(guess("203.0.113.9").await, HubError::SlowDown { .. }));
        stage.hub.sign_in(right(), own).await.expect("signs in from her own address");
        let form = ChangePassword {
            current_password: "correct horse battery".to_owned(),
            new_password: "another good one".to_owned(),
        };
        stage.hub.change_password(&ann, form, None).await.expect("changes it in the session that she has");
        // Of IPv6 a client has 64 bits for itself.
        for last in 0..5 {
            assert!(matches!(guess(&format!("2001:db8::{last:x}")).await, HubError::Invalid { .. }));
        }
        assert!(matches!(guess("2001:db8::ffff").await, HubError::SlowDown { .. }));
        assert!(matches!(guess("2001:db8:0:1::1").await, HubError::Invalid { .. }));
        // But all of them together do not guess without end.
        let mut answers = Vec::new();
        for number in 0..110 {
            answers.push(guess(&format!("192.0.2.{number}")).await);
        }
        assert!(matches!(answers.last(), Some(HubError::SlowDown { .. })));
    }
}

fn session(data: &[u8], expires_at_ms: i64) -> SessionRow<'_> {
    SessionRow { data, expires_at_ms, user_id: None, account_id: None }
}

#[tokio::test]
async fn sessions_are_kept_until_they_expire() {
    for stage in stages().await {
        let rows = stage.hub.sessions();
        let end = super::NOON + 1000;
        assert!(rows.create("abc", &session(b"1", end)).await.expect("creates"));
        assert!(!rows.create("abc", &session(b"2", end)).await.expect("is asked"), "an id is used once");
        assert!(rows.save("abc", &session(b"3", end)).await.expect("saves"));
        assert_eq!(rows.load("abc").await.expect("loads"), Some(b"3".to_vec()));
        stage.clock.advance(Duration::from_secs(2));
        assert_eq!(rows.load("abc").await.expect("loads"), None);
    }
}

#[tokio::test]
async fn a_session_that_was_ended_is_not_written_again_by_a_request_under_way() {
    for stage in stages().await {
        let rows = stage.hub.sessions();
        let end = super::NOON + 1000;
        rows.create("abc", &session(b"1", end)).await.expect("creates");
        rows.delete("abc").await.expect("ends");
        assert!(!rows.save("abc", &session(b"2", end)).await.expect("is asked"));
        assert_eq!(rows.load("abc").await.expect("loads"), None);
    }
}

#[tokio::test]
async fn guessing_many_passwords_at_once_is_slowed_down_as_well() {
    for stage in stages().await {
        admin(&stage.hub, "ann@example.org").await;
        let guesses =
            (0..40).map(|number| stage.hub.sign_in(sign_in_form("ann@example.org", &format!("guess {number}")), None));
        let answers = futures::future::join_all(guesses).await;
        let tried = answers.iter().filter(|answer| matches!(answer, Err(HubError::Invalid { .. }))).count();
        let slowed = answers.iter().filter(|answer| matches!(answer, Err(HubError::SlowDown { .. }))).count();
        // Two are looked at side by side, so one more than the free ones can pass.
        assert!(tried <= 6, "{tried} of 40 guesses were tried");
        assert_eq!(tried + slowed, 40);
    }
}

#[tokio::test]
async fn what_no_address_has_is_a_problem_of_the_form_on_both_databases() {
    for stage in stages().await {
        let form = sign_in_form("ann\u{0}@example.org", "correct horse battery");
        let error = stage.hub.sign_in(form, None).await.expect_err("is nobody's address");
        assert!(error.problem_of("email").is_some(), "{error:?}");
    }
}

#[tokio::test]
async fn sessions_that_expired_are_forgotten_when_somebody_signs_in() {
    for stage in stages().await {
        let rows = stage.hub.sessions();
        rows.create("old", &session(b"1", super::NOON + 1000)).await.expect("creates");
        stage.clock.advance(Duration::from_secs(2));
        rows.create("new", &session(b"2", super::NOON + 9000)).await.expect("creates");
        assert!(
            rows.create("old", &session(b"3", super::NOON + 9000)).await.expect("creates"),
            "nothing is left of it"
        );
    }
}
