//! Samples: taken from the producer, kept sealed for an hour, and the job called off afterwards.

use std::time::Duration;

use model::{
    catalogue::{CountedBy, Distinct},
    contract::JobStatus,
    error::HubError,
    id::AudienceId,
    view::{Actor, AudienceQuery, EndpointHealth, Role},
};
use sqlx::Row;
use tokio::time::timeout;

use super::{Stage, admin, application::Application, application::segment, connected, stages};

async fn audience(stage: &Stage, actor: &Actor, application: &Application) -> AudienceId {
    connected(&stage.hub, actor, "CRM", &application.url).await;
    let query = AudienceQuery::default();
    stage.hub.audiences(actor, &query).await.expect("searches").items.remove(0).id
}

async fn called_off(application: &Application, jobs: usize) {
    let mut reports = application.reports.clone();
    let all = timeout(Duration::from_secs(5), reports.wait_for(|reports| reports.len() >= jobs)).await;
    let all = all.expect("is reported in time").expect("the application runs").clone();
    assert_eq!(all, vec![JobStatus::Canceled; jobs]);
}

#[tokio::test]
async fn it_is_kept_sealed_for_an_hour_and_then_asked_for_again() {
    for stage in stages().await {
        let actor = admin(&stage.hub, "ann@example.org").await;
        let application = Application::start(vec![segment("1", "North")]).await;
        let id = audience(&stage, &actor, &application).await;
        let sample = stage.hub.sample(&actor, &id).await.expect("answers");
        assert_eq!((sample.columns.as_slice(), sample.problem.as_deref()), (["email".to_owned()].as_slice(), None));
        assert_eq!(sample.rows, [["ann@example.org"], ["bob@example.org"]]);
        let profile = sample.profile.as_ref().expect("is counted");
        assert_eq!((profile.counted_by, profile.rows), (CountedBy::Usher, 2));
        assert_eq!((profile.fields[0].filled, profile.fields[0].distinct), (2, Some(Distinct::AllDifferent)));
        called_off(&application, 1).await;

        let rows = sqlx::query("select sample from audience_sample").fetch_all(stage.hub.database().reader()).await;
        let kept: Vec<u8> = rows.expect("reads")[0].get("sample");
        assert!(!kept.windows(7).any(|bytes| bytes == b"example"), "what is kept can't be read without the key");

        application.change(|says| says.export = Some("email\r\ncid@example.org\r\n".to_owned()));
        stage.clock.advance(Duration::from_secs(59 * 60));
        assert_eq!(stage.hub.sample(&actor, &id).await.expect("answers"), sample);
        stage.clock.advance(Duration::from_secs(2 * 60));
        assert_eq!(stage.hub.sample(&actor, &id).await.expect("answers").rows, [["cid@example.org"]]);
    }
}

#[tokio::test]
async fn twenty_rows_are_kept_and_a_thousand_counted_of_a_producer_that_sends_all() {
    for stage in stages().await {
        let actor = admin(&stage.hub, "ann@example.org").await;
        let application = Application::start(vec![segment("1", "North")]).await;
        let id = audience(&stage, &actor, &application).await;
        application.change(|says| says.export = Some(format!("email\r\n{}", "ann@example.org\r\n".repeat(5000))));
        let sample = stage.hub.sample(&actor, &id).await.expect("answers");
        let profile = sample.profile.expect("is counted");
        assert_eq!((sample.rows.len(), profile.rows, profile.fields[0].filled), (20, 1_000, 1_000));
        assert_eq!(profile.fields[0].distinct, Some(Distinct::Exactly(1)));
    }
}

#[tokio::test]
async fn a_producer_that_breaks_down_over_it_is_named_and_its_job_called_off() {
    for stage in stages().await {
        let actor = admin(&stage.hub, "ann@example.org").await;
        let application = Application::start(vec![segment("1", "North")]).await;
        let id = audience(&stage, &actor, &application).await;
        application.change(|says| says.export = None);
        let sample = stage.hub.sample(&actor, &id).await.expect("answers");
        assert!(sample.problem.as_deref().is_some_and(|problem| problem.starts_with("CRM gave no sample")));
        called_off(&application, 1).await;
        let endpoints = stage.hub.endpoints(&actor).await.expect("lists");
        assert_eq!(endpoints[0].health, EndpointHealth::Failing, "health is made of real calls");
        application.change(|says| says.export = Some("email\r\nann@example.org\r\n".to_owned()));
        assert_eq!(stage.hub.sample(&actor, &id).await.expect("answers").rows.len(), 1, "a failure is not kept");
    }
}

#[tokio::test]
async fn who_was_shown_values_is_noted_and_only_admins_read_it() {
    for stage in stages().await {
        let application = Application::start(vec![segment("1", "North")]).await;
        let ann = admin(&stage.hub, "ann@example.org").await;
        let id = audience(&stage, &ann, &application).await;
        let bea = Actor { user_name: "Bea".to_owned(), role: Role::Member, ..ann.clone() };
        assert!(stage.hub.values_shown(&ann, &id).await.expect("reads").is_empty());
        stage.hub.note_values_shown(&bea, &id).await.expect("is noted");
        stage.clock.advance(Duration::from_secs(60));
        stage.hub.note_values_shown(&ann, &id).await.expect("is noted");
        stage.hub.note_values_shown(&ann, &id).await.expect("twice in a millisecond is no mistake");
        let shown = stage.hub.values_shown(&ann, &id).await.expect("reads");
        let said: Vec<_> = shown.iter().map(|shown| (shown.user_name.as_str(), shown.shown_at.as_str())).collect();
        assert_eq!(said, [(ann.user_name.as_str(), "2026-11-23T12:01:00.000Z"), ("Bea", "2026-11-23T12:00:00.000Z")]);
        let refused = stage.hub.values_shown(&bea, &id).await.expect_err("is for admins");
        assert!(matches!(refused, HubError::Forbidden { .. }), "{refused:?}");
    }
}
