//! Nothing of one account is visible to another, and roles hold.

use model::{
    error::HubError,
    id::{AudienceId, EndpointId, RunId, ShareId},
    mapping::Mapping,
    run::Mode,
    view::{Actor, AudienceQuery, ChooseDestination, DestinationSegment, Role, RunQuery},
};

use super::{admin, application::Application, application::segment, connect_form, connected, stages};
use crate::{
    exchange::RejectFilter,
    hub::{Hub, Result},
};

struct Owned {
    endpoint: EndpointId,
    audience: AudienceId,
    share: ShareId,
    run: RunId,
}

async fn own(hub: &Hub, actor: &Actor, url: &str) -> Owned {
    let endpoint = connected(hub, actor, "CRM", url).await;
    let query = AudienceQuery::default();
    let audience = hub.audiences(actor, &query).await.expect("searches").items.remove(0).id;
    let share = hub.start_share(actor, &audience).await.expect("starts");
    let choice = ChooseDestination {
        endpoint_id: endpoint.to_string(),
        segment: DestinationSegment::New { name: "New".to_owned() },
        mode: Mode::Add,
    };
    let view = hub.choose_destination(actor, &share, choice).await.expect("fits");
    let links = view.fields.iter().map(|field| model::mapping::Link {
        target: field.name.clone(),
        source: model::mapping::Source::Field { name: field.name.clone() },
        transforms: Vec::new(),
    });
    hub.save_mapping(actor, &share, Mapping { links: links.collect() }).await.expect("saves");
    let run = hub.share_now(actor, &share).await.expect("is asked for");
    Owned { endpoint, audience, share, run }
}

/// Every method that names a thing, as `actor`.
async fn try_everything(hub: &Hub, actor: &Actor, owned: &Owned) -> Vec<(&'static str, Result<()>)> {
    let choice = ChooseDestination {
        endpoint_id: owned.endpoint.to_string(),
        segment: DestinationSegment::New { name: "Mine now".to_owned() },
        mode: Mode::Add,
    };
    vec![
        ("endpoint", hub.endpoint(actor, &owned.endpoint).await.map(drop)),
        ("check_endpoint", hub.check_endpoint(actor, &owned.endpoint).await.map(drop)),
        ("make_endpoint_key", hub.make_endpoint_key(actor, &owned.endpoint).await.map(drop)),
        ("disconnect_endpoint", hub.disconnect_endpoint(actor, &owned.endpoint, "CRM").await),
        ("pause_schedules", hub.pause_schedules(actor, Some(&owned.endpoint)).await),
        ("refresh_audiences", hub.refresh_audiences(actor, &owned.endpoint).await.map(drop)),
        ("refresh_audience", hub.refresh_audience(actor, &owned.audience).await.map(drop)),
        ("existing_segments", hub.existing_segments(actor, &owned.endpoint).await.map(drop)),
        ("audience", hub.audience(actor, &owned.audience).await.map(drop)),
        ("sample", hub.sample(actor, &owned.audience).await.map(drop)),
        ("note_values_shown", hub.note_values_shown(actor, &owned.audience).await),
        ("values_shown", hub.values_shown(actor, &owned.audience).await.map(drop)),
        ("start_share", hub.start_share(actor, &owned.audience).await.map(drop)),
        ("share", hub.share(actor, &owned.share).await.map(drop)),
        ("destinations", hub.destinations(actor, &owned.share).await.map(drop)),
        ("choose_destination", hub.choose_destination(actor, &owned.share, choice).await.map(drop)),
        ("save_mapping", hub.save_mapping(actor, &owned.share, Mapping::default()).await.map(drop)),
        ("review", hub.review(actor, &owned.share).await.map(drop)),
        ("share_now", hub.share_now(actor, &owned.share).await.map(drop)),
        ("discard_share", hub.discard_share(actor, &owned.share).await),
        ("run", hub.run(actor, &owned.run).await.map(drop)),
        ("receipt", hub.receipt(actor, &owned.run).await.map(drop)),
        ("rejects", hub.rejects(actor, &owned.run, RejectFilter::default()).await.map(drop)),
        ("cancel_run", hub.cancel_run(actor, &owned.run).await),
        ("retry_run", hub.retry_run(actor, &owned.run).await),
    ]
}

#[tokio::test]
async fn another_accounts_admin_is_told_that_there_is_nothing() {
    for stage in stages().await {
        let application = Application::start(vec![segment("1", "North")]).await;
        let (ann, bob) = (admin(&stage.hub, "ann@example.org").await, admin(&stage.hub, "bob@example.org").await);
        let owned = own(&stage.hub, &ann, &application.url).await;
        let before = stage.hub.share(&ann, &owned.share).await.expect("reads");
        for (method, result) in try_everything(&stage.hub, &bob, &owned).await {
            assert!(matches!(result, Err(HubError::NotFound { .. })), "{method}: {result:?}");
        }
        assert_eq!(stage.hub.share(&ann, &owned.share).await.expect("reads"), before, "nothing was changed");
        let query = AudienceQuery { endpoints: vec![owned.endpoint.clone()], ..AudienceQuery::default() };
        assert_eq!(stage.hub.audiences(&bob, &query).await.expect("searches").total, 0);
        assert_eq!(stage.hub.endpoints(&bob).await.expect("lists").len(), 0);
        assert_eq!(stage.hub.shares(&bob).await.expect("lists").len(), 0);
        assert_eq!(stage.hub.runs(&bob, &RunQuery::default()).await.expect("lists").total, 0);
        let home = stage.hub.home(&bob).await.expect("shows");
        assert_eq!((home.endpoints, home.audiences, home.active_runs.len()), (0, 0, 0));
        let moved = stage.hub.start_share(&bob, &owned.audience).await;
        assert!(moved.is_err(), "an audience of another account can't be shared");
    }
}

#[tokio::test]
async fn a_viewer_looks_and_a_member_shares_but_only_an_admin_connects() {
    for stage in stages().await {
        let application = Application::start(vec![segment("1", "North")]).await;
        let ann = admin(&stage.hub, "ann@example.org").await;
        let owned = own(&stage.hub, &ann, &application.url).await;
        let viewer = Actor { role: Role::Viewer, ..ann.clone() };
        let member = Actor { role: Role::Member, ..ann.clone() };
        for (method, result) in try_everything(&stage.hub, &viewer, &owned).await {
            let changes = !matches!(
                method,
                "endpoint" | "audience" | "share" | "destinations" | "existing_segments" | "review" | "run" | "receipt"
            );
            assert_eq!(matches!(result, Err(HubError::Forbidden { .. })), changes, "{method}: {result:?}");
        }
        stage.hub.start_share(&member, &owned.audience).await.expect("a member shares");
        for actor in [&viewer, &member] {
            let error = stage
                .hub
                .connect_endpoint(actor, connect_form("More", &application.url))
                .await
                .expect_err("is refused");
            assert!(matches!(error, HubError::Forbidden { .. }), "{error:?}");
        }
    }
}
