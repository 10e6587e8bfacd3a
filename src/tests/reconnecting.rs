//! Connecting an endpoint anew, as the same endpoint: other credentials, another consent, a newer version of its application.

use std::time::Duration;

use axum::http::StatusCode;
use model::{
    application::{CredentialField, Credentials, Definition},
    contract::{DeliveryOptions, JobMode, Movement},
    error::HubError,
    field::{Field, FieldKind, FieldType},
    id::{EndpointId, ShareId},
    mapping::{Link, Mapping, Source},
    run::Mode,
    view::{
        AccessEnd, Actor, AudienceQuery, ChooseDestination, Connect, DestinationSegment, EndpointHealth, Reconnect,
        Role,
    },
};

use super::{
    Stage, admin,
    application::{Application, KEY, fields, segment},
    connect_form, connected,
    credentials::{Authority, SESSION, consents, finish, form, installed, redirect},
    stages,
};
use crate::hub::Hub;

/// A form with another key for the version that the endpoint keeps to.
fn with_key(url: &str, key: &str) -> Reconnect {
    let connect = Connect { authentication_key: key.to_owned(), ..connect_form("", url) };
    Reconnect { version: 1, keep: false, connect }
}

fn failed_step(report: &model::view::ConnectionReport) -> Option<&str> {
    report.steps.iter().find(|step| step.passed == Some(false)).map(|step| step.name.as_str())
}

fn link(name: &str) -> Link {
    Link { target: name.to_owned(), source: Source::Field { name: name.to_owned() }, transforms: Vec::new() }
}

/// A share from an endpoint to itself: it offers and takes.
async fn shared(hub: &Hub, actor: &Actor, id: &EndpointId, mode: Mode) -> ShareId {
    let audience = hub.audiences(actor, &AudienceQuery::default()).await.expect("searches").items.remove(0);
    let share = hub.start_share(actor, &audience.id).await.expect("begins");
    let segment = DestinationSegment::New { name: format!("Theirs {}", mode.as_str()) };
    let choice = ChooseDestination { endpoint_id: id.to_string(), segment, mode };
    hub.choose_destination(actor, &share, choice).await.expect("is chosen");
    let mapping = Mapping { links: vec![link("email"), link("first_name")] };
    hub.save_mapping(actor, &share, mapping).await.expect("is mapped");
    hub.share_now(actor, &share).await.expect("is used");
    share
}

#[tokio::test]
async fn credentials_are_replaced_once_they_pass_the_test_and_until_then_the_old_ones_stay() {
    for stage in stages().await {
        let actor = admin(&stage.hub, "ann@example.org").await;
        let application = Application::start(vec![segment("1", "North")]).await;
        let id = connected(&stage.hub, &actor, "CRM", &application.url).await;
        stage.hub.note_credential_end(&actor, &id, "2026-12-01").await.expect("is noted");

        // Nobody has told Usher yet that the key was changed.
        application.change(|says| says.accepts = "Bearer another-key".to_owned());
        let view = stage.hub.check_endpoint(&actor, &id).await.expect("is checked");
        assert_eq!(view.summary.access_ended, Some(AccessEnd::Credentials));
        assert!(view.may_be_given_credentials);
        application.change(|says| says.nonsense = true);
        let view = stage.hub.check_endpoint(&actor, &id).await.expect("is checked");
        assert_eq!(view.summary.access_ended, Some(AccessEnd::Credentials), "another failure lets nobody in");
        application.change(|says| says.nonsense = false);

        let wrong = with_key(&application.url, "guessed-key");
        let tried = stage.hub.try_reconnection(&actor, &id, &wrong).await.expect("tries");
        assert_eq!(failed_step(&tried.report), Some("Accept the key"));
        let tried = stage.hub.reconnect(&actor, &id, &wrong).await.expect("tries");
        assert_eq!(failed_step(&tried.report), Some("Accept the key"));
        assert!(!format!("{tried:?} {wrong:?}").contains("guessed-key"));
        application.change(|says| says.accepts = format!("Bearer {KEY}"));
        let view = stage.hub.check_endpoint(&actor, &id).await.expect("is checked");
        assert_eq!(
            (view.summary.health, view.summary.access_ended),
            (EndpointHealth::Healthy, None),
            "the old key stays"
        );

        application.change(|says| says.accepts = "Bearer another-key".to_owned());
        let right = with_key(&application.url, "another-key");
        let tried = stage.hub.try_reconnection(&actor, &id, &right).await.expect("tries");
        assert!(tried.report.passed());
        let view = stage.hub.check_endpoint(&actor, &id).await.expect("is checked");
        assert_eq!(view.summary.health, EndpointHealth::Failing, "a try saves nothing");
        assert!(stage.hub.reconnect(&actor, &id, &right).await.expect("is saved").report.passed());
        let view = stage.hub.check_endpoint(&actor, &id).await.expect("is checked");
        assert_eq!((view.summary.health, view.summary.access_ended), (EndpointHealth::Healthy, None));
        let end = stage.hub.credential_end(&actor, &id).await.expect("reads");
        assert_eq!((end.noted, end.told), (None, None), "that was the old key's end");
        assert_eq!(stage.hub.endpoints(&actor).await.expect("lists").len(), 1);

        let missing = stage.hub.reconnect(&actor, &id, &with_key(&application.url, "")).await.expect_err("is empty");
        assert!(missing.problem_of("authentication_key").is_some(), "{missing:?}");
    }
}

#[tokio::test]
async fn only_admins_of_the_account_connect_anew() {
    for stage in stages().await {
        let actor = admin(&stage.hub, "ann@example.org").await;
        let eve = admin(&stage.hub, "eve@example.org").await;
        let application = Application::start(vec![segment("1", "North")]).await;
        let id = connected(&stage.hub, &actor, "CRM", &application.url).await;
        let form = with_key(&application.url, KEY);
        let error = stage.hub.reconnect(&eve, &id, &form).await.expect_err("is not there for her");
        assert!(matches!(error, HubError::NotFound { .. }), "{error:?}");
        let error = stage.hub.reconnection(&eve, &id, false).await.expect_err("is not there for her");
        assert!(matches!(error, HubError::NotFound { .. }), "{error:?}");
        let member = Actor { role: Role::Member, ..actor.clone() };
        let error = stage.hub.reconnect(&member, &id, &form).await.expect_err("is refused");
        assert!(matches!(error, HubError::Forbidden { .. }), "{error:?}");
    }
}

#[tokio::test]
async fn who_consents_again_renews_that_very_endpoint() {
    for stage in stages().await {
        let actor = admin(&stage.hub, "ann@example.org").await;
        let authority = Authority::start().await;
        installed(&stage.hub, authority.consent()).await;
        let state = consents(&stage, &actor, &authority).await;
        let id = finish(&stage.hub, &actor, SESSION, &state).await.expect("connects");
        let share = shared(&stage.hub, &actor, &id, Mode::Add).await;
        let refused = || Some((StatusCode::BAD_REQUEST, r#"{"error": "invalid_grant"}"#.to_owned()));
        authority.change(|server| server.answer = Some((StatusCode::BAD_GATEWAY, "<html>Down</html>".to_owned())));
        stage.clock.advance(Duration::from_secs(3600));
        let view = stage.hub.check_endpoint(&actor, &id).await.expect("is checked");
        assert_eq!(
            (view.summary.health, view.summary.access_ended),
            (EndpointHealth::Failing, None),
            "it is only down"
        );
        authority.change(|server| server.answer = refused());
        let view = stage.hub.check_endpoint(&actor, &id).await.expect("is checked");
        assert_eq!(view.summary.access_ended, Some(AccessEnd::Consent));
        let home = stage.hub.home(&actor).await.expect("shows");
        assert_eq!(home.failing_endpoints[0].access_ended, Some(AccessEnd::Consent), "it needs a person");

        let again = async || {
            let page = stage.hub.reconnection(&actor, &id, false).await.expect("shows");
            let connect = Connect { base_url: page.base_url, ..Connect::default() };
            let form = Reconnect { version: page.application.version, keep: false, connect };
            let url = stage.hub.begin_consent_again(&actor, &id, &form, SESSION, &redirect()).await.expect("begins");
            authority.consented(&url)
        };
        let state = again().await;
        finish(&stage.hub, &actor, SESSION, &state).await.expect_err("no token is given");
        let view = stage.hub.check_endpoint(&actor, &id).await.expect("is checked");
        assert_eq!(view.summary.access_ended, Some(AccessEnd::Consent), "all is as it was");

        authority.change(|server| server.answer = None);
        let state = again().await;
        assert_eq!(finish(&stage.hub, &actor, SESSION, &state).await.expect("lets Usher in"), id, "the very endpoint");
        let view = stage.hub.check_endpoint(&actor, &id).await.expect("is checked");
        assert_eq!((view.summary.health, view.summary.access_ended), (EndpointHealth::Healthy, None));
        assert_eq!(view.shares.iter().map(|share| &share.id).collect::<Vec<_>>(), [&share]);
        finish(&stage.hub, &actor, SESSION, &state).await.expect_err("counts once");
    }
}

/// A second version of what the tests install, approved.
async fn approve(hub: &Hub, change: impl FnOnce(&mut Definition)) {
    let row =
        sqlx::query("select definition from application_version where application_id = 'app_beacon' and version = 1")
            .fetch_one(hub.database().reader())
            .await
            .expect("reads");
    let mut definition: Definition =
        serde_json::from_str(&sqlx::Row::get::<String, _>(&row, "definition")).expect("is JSON");
    change(&mut definition);
    let sql = "insert into application_version (application_id, version, definition, state, updated_at) values ('app_beacon', 2, $1, 'approved', 0)";
    let text = serde_json::to_string(&definition).expect("is JSON");
    sqlx::query(sql).bind(text).execute(hub.database().writer()).await.expect("is written");
    sqlx::query("update application set approved_version = 2 where id = 'app_beacon'")
        .execute(hub.database().writer())
        .await
        .expect("is approved");
}

async fn beacon(stage: &Stage, actor: &Actor) -> (Authority, EndpointId) {
    let authority = Authority::start().await;
    installed(&stage.hub, Credentials::Key).await;
    let form = Connect { authentication_key: KEY.to_owned(), ..form(&authority) };
    let id = stage.hub.connect_endpoint(actor, form).await.expect("connects");
    (authority, id)
}

#[tokio::test]
async fn a_newer_version_is_taken_up_with_what_is_kept_and_what_it_breaks_is_said_before() {
    for stage in stages().await {
        let actor = admin(&stage.hub, "ann@example.org").await;
        let (authority, id) = beacon(&stage, &actor).await;
        let share = shared(&stage.hub, &actor, &id, Mode::Add).await;
        let view = stage.hub.endpoint(&actor, &id).await.expect("is there");
        assert_eq!((view.version, view.newer_version), (1, None));
        let page = stage.hub.reconnection(&actor, &id, true).await.expect("shows");
        assert_eq!(page.application.version, 1, "there is no newer one");

        let phone = || Field::new("phone", FieldKind::Identifier, FieldType::Phone).required();
        let mut declared = fields();
        declared.push(phone());
        approve(&stage.hub, |definition| definition.fields = declared).await;
        let view = stage.hub.endpoint(&actor, &id).await.expect("is there");
        assert_eq!((view.version, view.newer_version), (1, Some(2)), "it keeps to its own");
        let page = stage.hub.reconnection(&actor, &id, true).await.expect("shows");
        assert!(page.may_keep && page.application.version == 2);
        let differs: Vec<_> = page.lines.iter().filter(|line| line.before != line.now).map(|line| &line.what).collect();
        assert!(differs.iter().any(|what| *what == "Field phone"), "{differs:?}");
        assert_eq!(page.broken.iter().map(|broken| &broken.id).collect::<Vec<_>>(), [&share]);
        assert!(page.broken[0].because[0].contains("phone"), "{:?}", page.broken);

        // What counts is what it says of itself when it is tried.
        let keep = Reconnect { version: 2, keep: true, connect: Connect::default() };
        let tried = stage.hub.try_reconnection(&actor, &id, &keep).await.expect("tries");
        assert!(tried.report.passed() && tried.broken.is_empty(), "{tried:?}");
        authority.application.change(|says| {
            says.description.consumer.as_mut().expect("takes").fields.push(phone());
        });
        let tried = stage.hub.try_reconnection(&actor, &id, &keep).await.expect("tries");
        assert_eq!(tried.broken.len(), 1);
        assert_eq!(stage.hub.endpoint(&actor, &id).await.expect("is there").version, 1, "a try changes nothing");

        authority.application.change(|says| says.accepts = "Bearer another".to_owned());
        assert!(!stage.hub.reconnect(&actor, &id, &keep).await.expect("tries").report.passed());
        assert_eq!(stage.hub.endpoint(&actor, &id).await.expect("is there").version, 1);
        authority.application.change(|says| says.accepts = format!("Bearer {KEY}"));
        assert!(stage.hub.reconnect(&actor, &id, &keep).await.expect("is taken up").report.passed());
        let view = stage.hub.endpoint(&actor, &id).await.expect("is there");
        assert_eq!((view.version, view.newer_version), (2, None));
        let held = stage.hub.share(&actor, &share).await.expect("is there");
        assert!(!held.drift.breaks.is_empty(), "the share follows the fields");
        let stale = stage.hub.reconnect(&actor, &id, &with_key(&authority.application.url, KEY)).await;
        assert!(matches!(stale, Err(HubError::Outdated { .. })), "{stale:?}");
    }
}

#[tokio::test]
async fn a_version_that_asks_for_something_else_is_given_that() {
    for stage in stages().await {
        let actor = admin(&stage.hub, "ann@example.org").await;
        let (authority, id) = beacon(&stage, &actor).await;
        let tenant = CredentialField {
            name: "tenant".to_owned(),
            label: "Tenant".to_owned(),
            required: true,
            header: Some("x-tenant".to_owned()),
            ..CredentialField::default()
        };
        approve(&stage.hub, |definition| {
            definition.credentials = Credentials::Basic;
            definition.credential_fields = vec![tenant];
        })
        .await;
        let page = stage.hub.reconnection(&actor, &id, true).await.expect("shows");
        assert!(!page.may_keep);
        let keep = Reconnect { version: 2, keep: true, connect: Connect::default() };
        let error = stage.hub.reconnect(&actor, &id, &keep).await.expect_err("asks for more");
        assert!(matches!(error, HubError::Conflict { .. }), "{error:?}");
        authority.application.change(|says| says.accepts = "Basic YW5uOnMzY3JldA==".to_owned());
        let connect = Connect {
            base_url: page.base_url,
            user_name: "ann".to_owned(),
            password: "s3cret".to_owned(),
            fields: [("tenant".to_owned(), "acme".to_owned())].into(),
            ..Connect::default()
        };
        let lacking = Connect { fields: Default::default(), ..connect.clone() };
        let lacking = Reconnect { version: 2, keep: false, connect: lacking };
        let error = stage.hub.reconnect(&actor, &id, &lacking).await.expect_err("lacks it");
        assert!(error.problem_of("fields[tenant]").is_some(), "{error:?}");
        let taken = Reconnect { version: 2, keep: false, connect };
        assert!(stage.hub.reconnect(&actor, &id, &taken).await.expect("is taken up").report.passed());
        let page = stage.hub.reconnection(&actor, &id, false).await.expect("shows");
        let shown: Vec<_> = page.values.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(shown, [("fields[tenant]", "acme"), ("user_name", "ann")], "never the password");
        let viewer = Actor { role: Role::Viewer, ..actor.clone() };
        assert!(stage.hub.reconnection(&viewer, &id, false).await.expect("shows").values.is_empty());
    }
}

#[tokio::test]
async fn a_mode_that_a_version_drops_breaks_the_shares_that_use_it_and_addresses_wait_for_runs() {
    for stage in stages().await {
        let actor = admin(&stage.hub, "ann@example.org").await;
        let (_authority, id) = beacon(&stage, &actor).await;
        shared(&stage.hub, &actor, &id, Mode::Add).await;
        let replacing = shared(&stage.hub, &actor, &id, Mode::Replace).await;
        approve(&stage.hub, |definition| {
            definition.consumer = Some(Movement::Push);
            definition.delivery = Some(DeliveryOptions {
                modes: vec![JobMode::Add],
                new_segment: true,
                existing_segment: true,
                rows_per_part: None,
                rows_per_second: None,
                member_lifetime_days: None,
            });
        })
        .await;
        let page = stage.hub.reconnection(&actor, &id, true).await.expect("shows");
        assert_eq!(page.broken.iter().map(|broken| &broken.id).collect::<Vec<_>>(), [&replacing], "{:?}", page.broken);
        let keep = Reconnect { version: 2, keep: true, connect: Connect::default() };
        let tried = stage.hub.try_reconnection(&actor, &id, &keep).await.expect("tries");
        assert_eq!(failed_step(&tried.report), Some("Describe itself"), "it still offers what was not approved");

        // Runs are under way: nobody carries them out here.
        let moved = with_key(&Application::start(vec![segment("1", "North")]).await.url, KEY);
        let elsewhere = Application::start(vec![segment("1", "North")]).await;
        let moved = Reconnect { connect: Connect { base_url: elsewhere.url.clone(), ..moved.connect }, ..moved };
        let error = stage.hub.reconnect(&actor, &id, &moved).await.expect_err("would break them off");
        assert!(
            matches!(&error, HubError::Conflict { message } if message.contains("2 runs with it are under way")),
            "{error:?}"
        );
    }
}
