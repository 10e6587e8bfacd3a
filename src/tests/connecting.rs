//! Click to Connect, health, and the catalogue's refresh and search.

use std::time::Duration;

use model::{
    error::HubError,
    view::{AudienceQuery, EndpointHealth},
};

use super::{admin, application::Application, application::segment, connect_form, connected, stages};

fn words(text: &str) -> AudienceQuery {
    AudienceQuery { text: text.to_owned(), endpoint: None, page: 1 }
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
async fn audiences_are_found_by_every_word_without_accents_or_case() {
    for stage in stages().await {
        let actor = admin(&stage.hub, "ann@example.org").await;
        let segments = vec![segment("1", "José & Zoë"), segment("2", "100 % loyal"), segment("3", "under_score")];
        let application = Application::start(segments).await;
        let id = connected(&stage.hub, &actor, "Hafen CRM", &application.url).await;
        let names = async |text: &str| -> Vec<String> {
            let page = stage.hub.audiences(&actor, &words(text)).await.expect("searches");
            assert_eq!(page.total, page.items.len() as u64);
            page.items.into_iter().map(|audience| audience.name).collect()
        };
        assert_eq!(names("jose ZOE").await, ["José & Zoë"]);
        assert_eq!(names("hafen first_name crm north").await.len(), 3, "endpoint, field, tag and description");
        assert_eq!(names("100 %").await, ["100 % loyal"], "wildcards are letters");
        assert_eq!(names("r_s").await, ["under_score"]);
        assert_eq!(names("jose nowhere").await, Vec::<String>::new());
        let page = stage.hub.audiences(&actor, &words("loyal")).await.expect("searches");
        assert_eq!(page.endpoints.iter().map(|facet| (facet.id.clone(), facet.hits)).collect::<Vec<_>>(), [(id, 1)]);
    }
}

#[tokio::test]
async fn withdrawn_audiences_leave_the_search_and_come_back() {
    for stage in stages().await {
        let actor = admin(&stage.hub, "ann@example.org").await;
        let application = Application::start(vec![segment("1", "North"), segment("2", "South")]).await;
        let id = connected(&stage.hub, &actor, "CRM", &application.url).await;
        let south = stage.hub.audiences(&actor, &words("south")).await.expect("searches").items.remove(0);
        stage.clock.advance(Duration::from_secs(1));
        application.change(|says| says.segments.truncate(1));
        assert_eq!(stage.hub.refresh_audiences(&actor, &id).await.expect("refreshes"), 1);
        assert_eq!(stage.hub.audiences(&actor, &words("")).await.expect("searches").total, 1);
        let error = stage.hub.start_share(&actor, &south.id).await.expect_err("is gone");
        assert!(matches!(error, HubError::Conflict { .. }), "{error:?}");
        stage.clock.advance(Duration::from_secs(1));
        application.change(|says| says.segments.push(segment("2", "South again")));
        stage.hub.refresh_audiences(&actor, &id).await.expect("refreshes");
        let again = stage.hub.audiences(&actor, &words("south")).await.expect("searches").items.remove(0);
        assert_eq!((again.id, again.name.as_str()), (south.id, "South again"));
    }
}

#[tokio::test]
async fn a_producer_that_fails_keeps_what_was_known() {
    for stage in stages().await {
        let actor = admin(&stage.hub, "ann@example.org").await;
        let application = Application::start(vec![segment("1", "North")]).await;
        let id = connected(&stage.hub, &actor, "CRM", &application.url).await;
        application.change(|says| says.nonsense = true);
        let error = stage.hub.refresh_audiences(&actor, &id).await.expect_err("fails");
        assert!(error.to_string().contains("What was known before is kept"), "{error}");
        assert_eq!(stage.hub.audiences(&actor, &words("")).await.expect("searches").total, 1);
    }
}
