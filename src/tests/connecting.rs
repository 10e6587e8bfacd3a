//! Click to Connect, health, and the background refresh of the catalogue.

use std::{sync::Arc, time::Duration};

use model::{
    contract::{Movement, ProducerSide},
    error::HubError,
    view::{AudienceQuery, EndpointHealth},
};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::{
    admin,
    application::{Application, Gate, segment},
    connect_form, connected, stages,
};

const QUARTER: Duration = Duration::from_secs(15 * 60);

fn words(text: &str) -> AudienceQuery {
    AudienceQuery { text: text.to_owned(), ..AudienceQuery::default() }
}

#[tokio::test]
async fn the_test_names_the_step_that_fails_and_saves_nothing() {
    for stage in stages().await {
        let actor = admin(&stage.hub, "ann@example.org").await;
        let application = Application::start(vec![segment("1", "North")]).await;
        let verdicts = |report: model::view::ConnectionReport| {
            report.steps.into_iter().map(|step| (step.name, step.passed)).collect::<Vec<_>>()
        };

        let mut wrong_key = connect_form("CRM", &application.url);
        wrong_key.authentication_key = "another-key".to_owned();
        let report = stage.hub.test_connection(&actor, &wrong_key).await.expect("tests");
        assert_eq!(
            verdicts(report)[..3],
            [
                ("Reach it".to_owned(), Some(true)),
                ("Accept the key".to_owned(), Some(false)),
                ("Describe itself".to_owned(), None),
            ]
        );

        let report =
            stage.hub.test_connection(&actor, &connect_form("CRM", "http://127.0.0.1:9/")).await.expect("tests");
        assert_eq!(report.steps[0].passed, Some(false), "nobody listens there");

        let report =
            stage.hub.test_connection(&actor, &connect_form("CRM", "http://127.0.0.2:9/")).await.expect("tests");
        assert!(report.steps[0].detail.contains("not public"), "{}", report.steps[0].detail);

        application.change(|says| says.nonsense = true);
        let report = stage.hub.test_connection(&actor, &connect_form("CRM", &application.url)).await.expect("tests");
        assert!(report.steps[1].detail.contains("not JSON"), "{}", report.steps[1].detail);

        let error = stage.hub.connect_endpoint(&actor, wrong_key).await.expect_err("is not saved");
        assert!(matches!(&error, HubError::Endpoint { message } if message.contains("Accept the key")), "{error:?}");
        assert_eq!(stage.hub.endpoints(&actor).await.expect("lists").len(), 0);
    }
}

#[tokio::test]
async fn an_application_that_moves_data_otherwise_is_not_an_instance() {
    for stage in stages().await {
        let actor = admin(&stage.hub, "ann@example.org").await;
        let application = Application::start(vec![segment("1", "North")]).await;
        let mut form = connect_form("Mail", &application.url);
        form.application_id = "app_beacon_mail".to_owned();
        let report = stage.hub.test_connection(&actor, &form).await.expect("tests");
        let step = report.steps.iter().find(|step| step.passed == Some(false)).expect("one fails");
        assert_eq!(step.name, "Describe itself");
    }
}

#[tokio::test]
async fn each_wrong_form_field_is_named() {
    for stage in stages().await {
        let actor = admin(&stage.hub, "ann@example.org").await;
        let mut form = connect_form("  ", "ftp://example.org/?x=1");
        form.authentication_key = "with space inside".to_owned();
        let error = stage.hub.test_connection(&actor, &form).await.expect_err("is refused");
        for field in ["name", "base_url", "authentication_key"] {
            assert!(error.problem_of(field).is_some(), "{field}: {error}");
        }
        assert!(!error.to_string().contains("with space inside"), "a key is never repeated");
    }
}

#[tokio::test]
async fn names_are_unique_within_an_account_only() {
    for stage in stages().await {
        let application = Application::start(vec![segment("1", "North")]).await;
        let (ann, bob) = (admin(&stage.hub, "ann@example.org").await, admin(&stage.hub, "bob@example.org").await);
        connected(&stage.hub, &ann, "CRM", &application.url).await;
        connected(&stage.hub, &bob, "CRM", &application.url).await;
        let error =
            stage.hub.connect_endpoint(&ann, connect_form("CRM", &application.url)).await.expect_err("is taken");
        assert!(error.problem_of("name").is_some(), "{error:?}");
    }
}

#[tokio::test]
async fn health_is_made_of_real_calls() {
    for stage in stages().await {
        let actor = admin(&stage.hub, "ann@example.org").await;
        let application = Application::start(vec![segment("1", "North")]).await;
        let id = connected(&stage.hub, &actor, "CRM", &application.url).await;
        application.change(|says| says.nonsense = true);
        let view = stage.hub.check_endpoint(&actor, &id).await.expect("is checked");
        assert_eq!(view.summary.health, EndpointHealth::Failing);
        assert!(view.summary.health_reason.is_some_and(|reason| reason.contains("can't be understood")));
        application.change(|says| says.nonsense = false);
        let view = stage.hub.check_endpoint(&actor, &id).await.expect("is checked");
        assert_eq!((view.summary.health, view.summary.health_reason), (EndpointHealth::Healthy, None));
    }
}

#[tokio::test]
async fn an_application_that_says_it_is_not_well_is_failing() {
    for stage in stages().await {
        let actor = admin(&stage.hub, "ann@example.org").await;
        let application = Application::start(vec![segment("1", "North")]).await;
        let id = connected(&stage.hub, &actor, "CRM", &application.url).await;
        application.change(|says| says.health = "no disk space".to_owned());
        let view = stage.hub.check_endpoint(&actor, &id).await.expect("is checked");
        assert_eq!(view.summary.health, EndpointHealth::Failing);
        assert!(view.summary.health_reason.is_some_and(|reason| reason.contains("no disk space")));
    }
}

#[tokio::test]
async fn a_description_that_no_longer_fits_the_application_is_not_taken_over() {
    for stage in stages().await {
        let actor = admin(&stage.hub, "ann@example.org").await;
        let application = Application::start(vec![segment("1", "North")]).await;
        let id = connected(&stage.hub, &actor, "CRM", &application.url).await;
        application.change(|says| says.description.producer = Some(ProducerSide { movement: Movement::Push }));
        let view = stage.hub.check_endpoint(&actor, &id).await.expect("is checked");
        assert_eq!((view.summary.health, view.summary.producer), (EndpointHealth::Failing, Some(Movement::Pull)));
        let reason = view.summary.health_reason.expect("a reason");
        assert!(reason.contains("Toolkit endpoint"), "{reason}");
    }
}

#[tokio::test]
async fn characters_that_a_database_refuses_leave_the_catalogue_readable() {
    for stage in stages().await {
        let actor = admin(&stage.hub, "ann@example.org").await;
        let mut odd = segment("1", "No\u{0}rth");
        odd.description = Some("of\u{0}the north".to_owned());
        odd.updated_at = Some("yester\u{0}day".to_owned());
        odd.tags = vec!["c\u{0}rm".to_owned()];
        let application = Application::start(vec![odd, segment("2\u{0}", "Unnamable"), segment("3", "South")]).await;
        let id = connected(&stage.hub, &actor, "CRM", &application.url).await;
        assert_eq!(stage.hub.refresh_audiences(&actor, &id).await.expect("refreshes").offered, 2);
        let names = async |text: &str| -> Vec<String> {
            let page = stage.hub.audiences(&actor, &words(text)).await.expect("searches");
            page.items.into_iter().map(|audience| audience.name).collect()
        };
        assert_eq!(names("").await, ["North", "South"]);
        assert_eq!(names("nor\u{0}th").await, ["North", "South"], "both are of the north");
    }
}

#[tokio::test]
async fn an_endpoint_is_asked_again_by_one_process_when_it_is_due() {
    for stage in stages().await {
        let actor = admin(&stage.hub, "ann@example.org").await;
        let application = Application::start(vec![segment("1", "North")]).await;
        let id = connected(&stage.hub, &actor, "CRM", &application.url).await;
        application.change(|says| says.segments.push(segment("2", "South")));
        let total = async || stage.hub.audiences(&actor, &words("")).await.expect("searches").total;
        stage.clock.advance(Duration::from_secs(60));
        stage.hub.refresh_due(QUARTER).await;
        assert_eq!(total().await, 1, "it was read a minute ago, when it was connected");
        stage.clock.advance(QUARTER);
        let before = crate::store::Clock::now_ms(&*stage.clock) - 1000;
        let claims =
            futures::future::join_all((0..8).map(|_| stage.hub.claim_refresh(before))).await.into_iter().flatten();
        let claimed: Vec<_> = claims.flatten().map(|(_, endpoint_id)| endpoint_id).collect();
        assert_eq!(claimed, [id], "of eight who want to, one does");
        stage.clock.advance(QUARTER);
        stage.hub.refresh_due(QUARTER).await;
        assert_eq!(total().await, 2);
    }
}

#[tokio::test]
async fn a_slow_producer_holds_up_neither_the_others_nor_the_end() {
    for stage in stages().await {
        let actor = admin(&stage.hub, "ann@example.org").await;
        let (slow, quick) = (Application::start(Vec::new()).await, Application::start(Vec::new()).await);
        connected(&stage.hub, &actor, "A slow one", &slow.url).await;
        connected(&stage.hub, &actor, "B quick one", &quick.url).await;
        let (slow_gate, quick_gate) = (Arc::new(Gate::default()), Arc::new(Gate::default()));
        slow.change(|says| says.gate = Some(slow_gate.clone()));
        quick.change(|says| says.gate = Some(quick_gate.clone()));
        stage.clock.advance(QUARTER);
        let stop = CancellationToken::new();
        let (hub, told) = (stage.hub.clone(), stop.clone());
        let refreshing = tokio::spawn(async move { hub.keep_audiences_fresh(told).await });
        let both = async { tokio::join!(slow_gate.reached.notified(), quick_gate.reached.notified()) };
        timeout(Duration::from_secs(4), both).await.expect("both are asked, though neither has answered");
        stop.cancel();
        timeout(Duration::from_secs(4), refreshing).await.expect("ends at once").expect("without a panic");
    }
}
