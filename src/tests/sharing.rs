//! Making a share: destination, mapping, review, sharing.

use model::{
    error::HubError,
    id::ShareId,
    mapping::{Link, Mapping, Source},
    run::Mode,
    view::{Actor, AudienceQuery, ChooseDestination, DestinationSegment, ShareState},
};

use super::{Stage, admin, application::Application, application::segment, connected, stages};

async fn draft(stage: &Stage, actor: &Actor, application: &Application) -> (ShareId, String) {
    let endpoint = connected(&stage.hub, actor, "CRM", &application.url).await;
    let query = AudienceQuery { text: String::new(), endpoint: None, page: 1 };
    let audience = stage.hub.audiences(actor, &query).await.expect("searches").items.remove(0);
    (stage.hub.start_share(actor, &audience.id).await.expect("starts"), endpoint.to_string())
}

fn to(endpoint_id: &str, segment: DestinationSegment, mode: Mode) -> ChooseDestination {
    ChooseDestination { endpoint_id: endpoint_id.to_owned(), segment, mode }
}

fn new(name: &str) -> DestinationSegment {
    DestinationSegment::New { name: name.to_owned() }
}

fn link(target: &str, source: &str) -> Link {
    Link { target: target.to_owned(), source: Source::Field { name: source.to_owned() }, transforms: Vec::new() }
}

#[tokio::test]
async fn a_choice_that_the_destination_does_not_offer_is_refused_at_its_field() {
    for stage in stages().await {
        let actor = admin(&stage.hub, "ann@example.org").await;
        let application = Application::start(vec![segment("1", "North")]).await;
        let (share, endpoint) = draft(&stage, &actor, &application).await;
        let refused =
            async |choice| stage.hub.choose_destination(&actor, &share, choice).await.expect_err("is refused");
        assert!(refused(to(&endpoint, new("  "), Mode::Add)).await.problem_of("segment_name").is_some());
        assert!(refused(to(&endpoint, new("New"), Mode::Remove)).await.problem_of("mode").is_some());
        let missing = DestinationSegment::Existing { id: "9".to_owned(), name: "Nine".to_owned() };
        assert!(refused(to(&endpoint, missing, Mode::Add)).await.problem_of("segment_id").is_some());
        assert!(refused(to("", new("New"), Mode::Add)).await.problem_of("endpoint_id").is_some());
        assert_eq!(stage.hub.share(&actor, &share).await.expect("reads").destination, None);

        let known = DestinationSegment::Existing { id: "1".to_owned(), name: "a lie".to_owned() };
        let view =
            stage.hub.choose_destination(&actor, &share, to(&endpoint, known, Mode::Replace)).await.expect("fits");
        assert_eq!(view.destination.expect("is chosen").segment.name(), "North", "the name is the destination's own");
    }
}

#[tokio::test]
async fn the_mapping_counts_its_versions_and_knows_its_fields() {
    for stage in stages().await {
        let actor = admin(&stage.hub, "ann@example.org").await;
        let application = Application::start(vec![segment("1", "North")]).await;
        let (share, endpoint) = draft(&stage, &actor, &application).await;
        let error = stage.hub.save_mapping(&actor, &share, Mapping::default()).await.expect_err("comes too early");
        assert!(matches!(error, HubError::Conflict { .. }), "{error:?}");
        stage.hub.choose_destination(&actor, &share, to(&endpoint, new("New"), Mode::Add)).await.expect("fits");
        let mapping = Mapping { links: vec![link("email", "email")] };
        let save = async |mapping: &Mapping| stage.hub.save_mapping(&actor, &share, mapping.clone()).await;
        assert_eq!(save(&mapping).await.expect("saves").mapping_version, 1);
        assert_eq!(save(&mapping).await.expect("saves").mapping_version, 1, "nothing changed");
        let unknown = Mapping { links: vec![link("email", "nothing"), link("nowhere", "email")] };
        let error = save(&unknown).await.expect_err("names unknown fields");
        assert!(error.problem_of("email").is_some() && error.problem_of("nowhere").is_some(), "{error:?}");
        assert_eq!(stage.hub.share(&actor, &share).await.expect("reads").mapping, mapping);
    }
}

#[tokio::test]
async fn only_a_mapping_without_errors_is_shared_and_one_run_at_a_time() {
    for stage in stages().await {
        let actor = admin(&stage.hub, "ann@example.org").await;
        let application = Application::start(vec![segment("1", "North")]).await;
        let (share, endpoint) = draft(&stage, &actor, &application).await;
        stage.hub.choose_destination(&actor, &share, to(&endpoint, new("New"), Mode::Add)).await.expect("fits");
        let error = stage.hub.share_now(&actor, &share).await.expect_err("nothing is mapped");
        assert!(error.problem_of("email").is_some(), "{error:?}");
        let mapping = Mapping { links: vec![link("email", "email")] };
        stage.hub.save_mapping(&actor, &share, mapping).await.expect("saves");
        stage.hub.share_now(&actor, &share).await.expect("is asked for");
        let error = stage.hub.share_now(&actor, &share).await.expect_err("one is under way");
        assert!(matches!(error, HubError::Conflict { .. }), "{error:?}");
        let view = stage.hub.share(&actor, &share).await.expect("reads");
        assert_eq!((view.state, view.runs.len()), (ShareState::Active, 1));
        let error = stage.hub.discard_share(&actor, &share).await.expect_err("is no draft any more");
        assert!(matches!(error, HubError::Conflict { .. }), "{error:?}");
    }
}

#[tokio::test]
async fn two_who_share_at_once_make_one_run() {
    for stage in stages().await {
        let actor = admin(&stage.hub, "ann@example.org").await;
        let application = Application::start(vec![segment("1", "North")]).await;
        let (share, endpoint) = draft(&stage, &actor, &application).await;
        stage.hub.choose_destination(&actor, &share, to(&endpoint, new("New"), Mode::Add)).await.expect("fits");
        let mapping = Mapping { links: vec![link("email", "email")] };
        stage.hub.save_mapping(&actor, &share, mapping).await.expect("saves");
        let asked = futures::future::join_all((0..8).map(|_| stage.hub.share_now(&actor, &share))).await;
        assert_eq!(asked.iter().filter(|run| run.is_ok()).count(), 1);
        assert_eq!(stage.hub.share(&actor, &share).await.expect("reads").runs.len(), 1);
    }
}
