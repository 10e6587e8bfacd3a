//! People of an account: invitations, roles, removal, and what people change of themselves.

use std::time::Duration;

use model::{
    error::HubError,
    id::{InvitationId, UserId},
    people::{ChangePassword, ChangeProfile, InvitationToken, JoinSignUp, PeopleStep},
    view::{Actor, Role, SignIn},
};
use sqlx::Row;

use super::{Stage, admin, stages};
use crate::registry::SessionRow;

const PASSWORD: &str = "correct horse battery";

async fn invited(stage: &Stage, actor: &Actor, email: &str, role: Role) -> (InvitationId, InvitationToken) {
    let id = stage.hub.invite(actor, email, Some(role)).await.expect("invites");
    let link = stage.hub.invitation_link(actor, &id).await.expect("is shown");
    (id, link.token.expect("can be shown"))
}

fn join_form(email: &str) -> JoinSignUp {
    JoinSignUp { user_name: "Bob".to_owned(), email: email.to_owned(), password: PASSWORD.to_owned() }
}

/// Somebody who has joined the account of `actor`.
async fn joined(stage: &Stage, actor: &Actor, email: &str, role: Role) -> Actor {
    let (_, token) = invited(stage, actor, email, role).await;
    stage.hub.join_signing_up(join_form(email), &token).await.expect("joins")
}

fn sign_in_form(email: &str, password: &str) -> SignIn {
    SignIn { email: email.to_owned(), password: password.to_owned() }
}

#[tokio::test]
async fn who_is_invited_joins_once_with_the_role_that_was_chosen() {
    for stage in stages().await {
        let ann = admin(&stage.hub, "ann@example.org").await;
        let (_, token) = invited(&stage, &ann, " Bob@Example.org ", Role::Member).await;
        let shown = stage.hub.invited(&token).await.expect("is open");
        assert_eq!((shown.account_name.as_str(), shown.email.as_str()), (ann.account_name.as_str(), "bob@example.org"));
        let bob = stage.hub.join_signing_up(join_form("bob@example.com"), &token).await.expect("joins");
        assert_eq!((&bob.account_id, bob.role), (&ann.account_id, Role::Member));
        let again = stage.hub.join_signing_up(join_form("eve@example.org"), &token).await.expect_err("is used");
        assert!(matches!(again, HubError::NotFound { .. }), "{again:?}");
        let view = stage.hub.people(&ann).await.expect("lists");
        assert_eq!(view.people.len(), 2);
        assert!(view.invitations.is_empty());
        let steps: Vec<_> = view.events.into_iter().map(|event| (event.by, event.step)).collect();
        let joined = PeopleStep::Joined {
            email: "bob@example.com".to_owned(),
            invited: "bob@example.org".to_owned(),
            role: Role::Member,
        };
        let invited = PeopleStep::Invited { email: "bob@example.org".to_owned(), role: Role::Member };
        assert_eq!(steps, [("Bob".to_owned(), joined), ("Ann".to_owned(), invited)]);
    }
}

#[tokio::test]
async fn two_who_take_one_invitation_at_once_are_one() {
    for stage in stages().await {
        let ann = admin(&stage.hub, "ann@example.org").await;
        let (_, token) = invited(&stage, &ann, "bob@example.org", Role::Viewer).await;
        let takers =
            (0..6).map(|number| stage.hub.join_signing_up(join_form(&format!("p{number}@example.org")), &token));
        let answers = futures::future::join_all(takers).await;
        assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1);
        assert_eq!(stage.hub.people(&ann).await.expect("lists").people.len(), 2);
        let signed_up = stage.hub.sign_in(sign_in_form("p0@example.org", PASSWORD), None).await.is_ok();
        assert_eq!(signed_up, answers[0].is_ok(), "who came too late was not signed up");
    }
}

#[tokio::test]
async fn an_invitation_ends_with_its_time_or_when_it_is_withdrawn_and_only_its_hash_is_kept() {
    for stage in stages().await {
        let ann = admin(&stage.hub, "ann@example.org").await;
        let (id, token) = invited(&stage, &ann, "bob@example.org", Role::Member).await;
        let row = sqlx::query("select * from invitation where id = $1")
            .bind(id.as_str())
            .fetch_one(stage.hub.database().reader())
            .await
            .expect("is there");
        for column in 0..6 {
            assert_ne!(row.get::<String, _>(column), token.0);
        }
        let twice = stage.hub.invite(&ann, "bob@example.org", Some(Role::Admin)).await.expect_err("is invited");
        assert!(twice.problem_of("email").is_some(), "{twice:?}");
        stage.hub.withdraw_invitation(&ann, &id).await.expect("withdraws");
        let gone = stage.hub.join_signing_up(join_form("bob@example.org"), &token).await.expect_err("is withdrawn");
        assert!(matches!(gone, HubError::NotFound { .. }), "{gone:?}");
        let (_, token) = invited(&stage, &ann, "bob@example.org", Role::Member).await;
        stage.clock.advance(Duration::from_secs(7 * 86_400));
        let gone = stage.hub.join_signing_up(join_form("bob@example.org"), &token).await.expect_err("has expired");
        assert!(matches!(gone, HubError::NotFound { .. }), "{gone:?}");
        assert!(stage.hub.people(&ann).await.expect("lists").invitations[0].has_expired);
        let wrong = [
            ("", Some(Role::Member), "email"),
            ("no address", Some(Role::Member), "email"),
            ("c@example.org", None, "role"),
        ];
        for (email, role, field) in wrong {
            let error = stage.hub.invite(&ann, email, role).await.expect_err("is refused");
            assert!(error.problem_of(field).is_some(), "{field}: {error:?}");
        }
    }
}

#[tokio::test]
async fn a_person_is_in_several_accounts_and_goes_from_one_to_another() {
    for stage in stages().await {
        let (ann, bob) = (admin(&stage.hub, "ann@example.org").await, admin(&stage.hub, "bob@example.org").await);
        let (_, token) = invited(&stage, &ann, "bob@example.org", Role::Viewer).await;
        let there = stage.hub.join(&bob, &token).await.expect("joins");
        assert_eq!((&there.account_id, there.role), (&ann.account_id, Role::Viewer));
        let names: Vec<_> = stage.hub.accounts_of(&there).await.expect("lists").into_iter().map(|a| a.name).collect();
        assert_eq!(names, [ann.account_name.clone(), bob.account_name.clone()]);
        let back = stage.hub.switch_account(&there, &bob.account_id).await.expect("switches");
        assert_eq!(back, bob);
        let nowhere = stage.hub.switch_account(&ann, &bob.account_id).await.expect_err("is no member");
        assert!(matches!(nowhere, HubError::NotFound { .. }), "{nowhere:?}");
        let (_, token) = invited(&stage, &ann, "bobby@example.org", Role::Admin).await;
        let already = stage.hub.join(&there, &token).await.expect_err("is in it");
        assert!(matches!(already, HubError::Conflict { .. }), "{already:?}");
        stage.hub.invited(&token).await.expect("was not used");
    }
}

#[tokio::test]
async fn who_was_removed_from_their_last_account_can_join_another_by_signing_in() {
    for stage in stages().await {
        let ann = admin(&stage.hub, "ann@example.org").await;
        let bob = joined(&stage, &ann, "bob@example.org", Role::Member).await;
        stage.hub.remove_person(&ann, &bob.user_id).await.expect("removes");
        assert_eq!(stage.hub.actor(&bob.user_id, &ann.account_id).await.expect("is asked"), None);
        let error = stage.hub.sign_in(sign_in_form("bob@example.org", PASSWORD), None).await.expect_err("is nowhere");
        assert!(matches!(error, HubError::Conflict { .. }), "{error:?}");
        let (_, token) = invited(&stage, &ann, "bob@example.org", Role::Viewer).await;
        let wrong = sign_in_form("bob@example.org", "not the password");
        stage.hub.join_signing_in(wrong, None, &token).await.expect_err("is not Bob");
        let right = sign_in_form("bob@example.org", PASSWORD);
        let back = stage.hub.join_signing_in(right, None, &token).await.expect("joins");
        assert_eq!((back.user_id, back.role), (bob.user_id, Role::Viewer));
    }
}

#[tokio::test]
async fn an_account_keeps_an_admin_whatever_is_done_at_once() {
    for stage in stages().await {
        let ann = admin(&stage.hub, "ann@example.org").await;
        for error in [
            stage.hub.change_role(&ann, &ann.user_id, Role::Viewer).await.expect_err("is the only one"),
            stage.hub.remove_person(&ann, &ann.user_id).await.expect_err("is the only one"),
        ] {
            assert!(matches!(error, HubError::Conflict { .. }), "{error:?}");
        }
        let bob = joined(&stage, &ann, "bob@example.org", Role::Admin).await;
        for _ in 0..4 {
            let (first, second) = tokio::join!(
                stage.hub.change_role(&ann, &bob.user_id, Role::Member),
                stage.hub.remove_person(&bob, &bob.user_id),
            );
            let (third, fourth) = tokio::join!(
                stage.hub.change_role(&ann, &ann.user_id, Role::Viewer),
                stage.hub.change_role(&bob, &ann.user_id, Role::Viewer),
            );
            let outcomes = [first.is_ok(), second.is_ok(), third.is_ok(), fourth.is_ok()];
            let people = stage.hub.people(&ann).await.expect("lists").people;
            assert!(people.iter().any(|person| person.role == Role::Admin), "{outcomes:?}");
        }
        let carl = {
            // Whoever is the admin now makes another one.
            let stays = stage.hub.actor(&ann.user_id, &ann.account_id).await.expect("is asked").expect("is there");
            assert_eq!(stays.role, Role::Admin, "Bob was removed or demoted first");
            joined(&stage, &stays, "carl@example.org", Role::Admin).await
        };
        let (first, second) = tokio::join!(
            stage.hub.change_role(&ann, &carl.user_id, Role::Member),
            stage.hub.change_role(&carl, &ann.user_id, Role::Member),
        );
        assert!(first.is_ok() != second.is_ok(), "one of the two came first: {first:?} {second:?}");
    }
}

#[tokio::test]
async fn roles_and_removal_are_an_admins_and_of_their_own_account_only() {
    for stage in stages().await {
        let (ann, eve) = (admin(&stage.hub, "ann@example.org").await, admin(&stage.hub, "eve@example.org").await);
        let bob = joined(&stage, &ann, "bob@example.org", Role::Member).await;
        let (id, _) = invited(&stage, &ann, "carl@example.org", Role::Member).await;
        let foreign = [
            stage.hub.change_role(&eve, &bob.user_id, Role::Admin).await,
            stage.hub.remove_person(&eve, &bob.user_id).await,
            stage.hub.withdraw_invitation(&eve, &id).await.map(|()| 0),
            stage.hub.invitation_link(&eve, &id).await.map(|_| 0),
        ];
        for result in foreign {
            assert!(matches!(result, Err(HubError::NotFound { .. })), "{result:?}");
        }
        let lower = [
            stage.hub.change_role(&bob, &bob.user_id, Role::Admin).await,
            stage.hub.remove_person(&bob, &ann.user_id).await,
            stage.hub.withdraw_invitation(&bob, &id).await.map(|()| 0),
            stage.hub.invitation_link(&bob, &id).await.map(|_| 0),
            stage.hub.invite(&bob, "dora@example.org", Some(Role::Viewer)).await.map(|_| 0),
        ];
        for result in lower {
            assert!(matches!(result, Err(HubError::Forbidden { .. })), "{result:?}");
        }
        let seen = stage.hub.people(&bob).await.expect("lists");
        assert_eq!((seen.people.len(), seen.invitations.len(), seen.events.len()), (2, 0, 0));
        stage.hub.remove_person(&bob, &bob.user_id).await.expect("leaves by himself");
        stage.hub.change_role(&ann, &bob.user_id, Role::Viewer).await.expect_err("is gone");
    }
}

async fn session(stage: &Stage, id: &str, actor: &Actor) {
    let row = SessionRow {
        data: b"1",
        expires_at_ms: super::NOON + 60_000,
        user_id: Some(actor.user_id.clone()),
        account_id: Some(actor.account_id.clone()),
    };
    assert!(stage.hub.sessions().create(id, &row).await.expect("creates"));
}

async fn goes_on(stage: &Stage, id: &str) -> bool {
    stage.hub.sessions().load(id).await.expect("loads").is_some()
}

#[tokio::test]
async fn no_link_that_an_admin_could_see_outlives_their_being_one() {
    for stage in stages().await {
        let ann = admin(&stage.hub, "ann@example.org").await;
        let bob = joined(&stage, &ann, "bob@example.org", Role::Admin).await;
        let (_, seen) = invited(&stage, &bob, "mallory@example.org", Role::Admin).await;
        let (_, of_ann) = invited(&stage, &ann, "cleo@example.org", Role::Member).await;
        assert_eq!(stage.hub.remove_person(&ann, &bob.user_id).await.expect("removes"), 2);
        for token in [&seen, &of_ann] {
            let error =
                stage.hub.join_signing_up(join_form("mallory@example.org"), token).await.expect_err("is withdrawn");
            assert!(matches!(error, HubError::NotFound { .. }), "{error:?}");
        }
        let error =
            stage.hub.invite(&bob, "mallory@example.org", Some(Role::Admin)).await.expect_err("is no admin any more");
        assert_eq!(error.status(), 403, "{error:?}");
        // The same when an admin becomes less; whoever never was one has seen no link.
        let cleo = joined(&stage, &ann, "cleo@example.org", Role::Admin).await;
        let (_, seen) = invited(&stage, &ann, "mallory@example.org", Role::Member).await;
        assert_eq!(stage.hub.change_role(&ann, &cleo.user_id, Role::Member).await.expect("changes"), 1);
        stage.hub.invited(&seen).await.expect_err("is withdrawn");
        let (_, kept) = invited(&stage, &ann, "dora@example.org", Role::Member).await;
        assert_eq!(stage.hub.remove_person(&ann, &cleo.user_id).await.expect("removes"), 0);
        stage.hub.invited(&kept).await.expect("is still open");
    }
}

#[tokio::test]
async fn removal_ends_the_sessions_in_that_account_and_no_others() {
    for stage in stages().await {
        let (ann, bob) = (admin(&stage.hub, "ann@example.org").await, admin(&stage.hub, "bob@example.org").await);
        let (_, token) = invited(&stage, &ann, "bob@example.org", Role::Viewer).await;
        let there = stage.hub.join(&bob, &token).await.expect("joins");
        for (id, actor) in [("ann", &ann), ("there", &there), ("here", &bob)] {
            session(&stage, id, actor).await;
        }
        stage.hub.remove_person(&ann, &bob.user_id).await.expect("removes");
        assert_eq!(
            (goes_on(&stage, "ann").await, goes_on(&stage, "there").await, goes_on(&stage, "here").await),
            (true, false, true)
        );
    }
}

#[tokio::test]
async fn a_new_password_wants_the_old_one_and_ends_the_other_sessions() {
    for stage in stages().await {
        let ann = admin(&stage.hub, "ann@example.org").await;
        for id in ["this", "other"] {
            session(&stage, id, &ann).await;
        }
        let form = |current: &str, new: &str| ChangePassword {
            current_password: current.to_owned(),
            new_password: new.to_owned(),
        };
        let new = "a brand new sentence";
        let refused = [
            (form("", new), "current_password"),
            (form("wrong", new), "current_password"),
            (form(PASSWORD, "short"), "new_password"),
        ];
        for (form, field) in refused {
            let error = stage.hub.change_password(&ann, form, Some("this")).await.expect_err("is refused");
            assert!(error.problem_of(field).is_some(), "{field}: {error:?}");
        }
        assert!(goes_on(&stage, "other").await);
        stage.hub.change_password(&ann, form(PASSWORD, new), Some("this")).await.expect("changes");
        assert_eq!((goes_on(&stage, "this").await, goes_on(&stage, "other").await), (true, false));
        stage.hub.sign_in(sign_in_form("ann@example.org", PASSWORD), None).await.expect_err("is the old one");
        stage.hub.sign_in(sign_in_form("ann@example.org", new), None).await.expect("is the new one");
        let epoch = stage.hub.epoch_of(&ann.user_id).await.expect("is asked");
        let signed_in =
            async |epoch| stage.hub.signed_in(&ann.user_id, &ann.account_id, epoch).await.expect("is asked").is_some();
        assert!(signed_in(epoch).await);
        assert!(!signed_in(epoch - 1).await, "what was signed in before is not, under whatever id it is written");
        for _ in 0..5 {
            stage.hub.change_password(&ann, form("guess", PASSWORD), None).await.expect_err("is wrong");
        }
        let error = stage.hub.change_password(&ann, form(new, PASSWORD), None).await.expect_err("has to wait");
        assert!(matches!(error, HubError::SlowDown { .. }), "{error:?}");
    }
}

#[tokio::test]
async fn a_name_changes_as_it_is_and_an_address_with_the_password_only() {
    for stage in stages().await {
        let ann = admin(&stage.hub, "ann@example.org").await;
        admin(&stage.hub, "bob@example.org").await;
        let form = |name: &str, email: &str, password: &str| ChangeProfile {
            user_name: name.to_owned(),
            email: email.to_owned(),
            email_password: password.to_owned(),
        };
        stage.hub.change_profile(&ann, form("Änne 安", "ANN@example.org", "")).await.expect("changes the name");
        let now = stage.hub.actor(&ann.user_id, &ann.account_id).await.expect("is asked").expect("is there");
        assert_eq!((now.user_name.as_str(), now.email.as_str()), ("Änne 安", "ann@example.org"));
        let refused = [
            (form("", "ann@example.org", ""), "user_name"),
            (form("Ann", "nothing", PASSWORD), "email"),
            (form("Ann", "ann@example.com", ""), "email_password"),
            (form("Ann", "ann@example.com", "wrong"), "email_password"),
            (form("Ann", "bob@example.org", PASSWORD), "email"),
        ];
        for (form, field) in refused {
            let error = stage.hub.change_profile(&now, form).await.expect_err("is refused");
            assert!(error.problem_of(field).is_some(), "{field}: {error:?}");
        }
        stage.hub.change_profile(&now, form("Ann", "ann@example.com", PASSWORD)).await.expect("changes both");
        stage.hub.sign_in(sign_in_form("ann@example.com", PASSWORD), None).await.expect("signs in with the new one");
    }
}

#[tokio::test]
async fn nobody_is_changed_who_is_not_there() {
    for stage in stages().await {
        let ann = admin(&stage.hub, "ann@example.org").await;
        let nobody: UserId = "usr_nobody".parse().expect("an id");
        let error = stage.hub.change_role(&ann, &nobody, Role::Admin).await.expect_err("is nobody");
        assert!(matches!(error, HubError::NotFound { .. }), "{error:?}");
    }
}
