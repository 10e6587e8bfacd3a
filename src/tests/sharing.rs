//! Making a share: destination, mapping, review, sharing.

use model::{
    error::HubError,
    id::ShareId,
    mapping::{Link, Mapping, Source},
    run::Mode,
    transform::Transform,
    view::{Actor, AudienceQuery, ChooseDestination, DestinationSegment, ShareState},
};

use std::sync::Arc;

use super::{
    Stage, admin,
    application::{Application, Gate, segment},
    connected, stages,
};

async fn draft(stage: &Stage, actor: &Actor, application: &Application) -> (ShareId, String) {
    let endpoint = connected(&stage.hub, actor, "CRM", &application.url).await;
    let query = AudienceQuery::default();
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

#[tokio::test]
async fn a_mapping_that_was_saved_while_a_destination_answered_is_not_lost() {
    for stage in stages().await {
        let actor = admin(&stage.hub, "ann@example.org").await;
        let application = Application::start(vec![segment("1", "North")]).await;
        let (share, endpoint) = draft(&stage, &actor, &application).await;
        stage.hub.choose_destination(&actor, &share, to(&endpoint, new("New"), Mode::Add)).await.expect("fits");
        let gate = Arc::new(Gate::default());
        application.change(|says| says.gate = Some(gate.clone()));
        let known = DestinationSegment::Existing { id: "1".to_owned(), name: String::new() };
        let choosing = stage.hub.choose_destination(&actor, &share, to(&endpoint, known, Mode::Add));
        let mapping = Mapping { links: vec![link("email", "email")] };
        let meanwhile = async {
            gate.reached.notified().await;
            stage.hub.save_mapping(&actor, &share, mapping.clone()).await.expect("saves");
            gate.opened.notify_one();
        };
        let (chosen, ()) = tokio::join!(choosing, meanwhile);
        let view = chosen.expect("is chosen");
        assert_eq!((view.mapping, view.mapping_version), (mapping, 1));
    }
}

#[tokio::test]
async fn a_segment_that_a_run_made_elsewhere_is_not_taken_for_one_of_the_new_destination() {
    for stage in stages().await {
        let actor = admin(&stage.hub, "ann@example.org").await;
        let application = Application::start(vec![segment("1", "North")]).await;
        let (share, first) = draft(&stage, &actor, &application).await;
        let second = connected(&stage.hub, &actor, "Mail", &application.url).await.to_string();
        stage.hub.choose_destination(&actor, &share, to(&first, new("VIP"), Mode::Add)).await.expect("fits");
        stage.hub.choose_destination(&actor, &share, to(&second, new("VIP"), Mode::Add)).await.expect("fits");
        let made = async |segment_id: &str| {
            let mut transaction = stage.hub.database().begin().await.expect("begins");
            crate::sharing::segment_made(
                &mut transaction,
                super::NOON,
                &share,
                &first.parse().expect("an id"),
                segment_id,
                "VIP",
            )
            .await
            .expect("is noted");
            transaction.commit().await.expect("commits");
            let view = stage.hub.share(&actor, &share).await.expect("reads");
            view.destination.expect("is chosen").segment
        };
        assert_eq!(made("of the first").await, new("VIP"), "the share goes elsewhere by now");
    }
}

#[tokio::test]
async fn a_mapping_has_bounds() {
    for stage in stages().await {
        let actor = admin(&stage.hub, "ann@example.org").await;
        let application = Application::start(vec![segment("1", "North")]).await;
        let (share, endpoint) = draft(&stage, &actor, &application).await;
        stage.hub.choose_destination(&actor, &share, to(&endpoint, new("New"), Mode::Add)).await.expect("fits");
        let save = async |links: Vec<Link>| stage.hub.save_mapping(&actor, &share, Mapping { links }).await;
        let with = |transforms: Vec<Transform>| vec![Link { transforms, ..link("email", "email") }];
        let error = save(with(vec![Transform::Trim; 50])).await.expect_err("too many steps");
        assert!(error.problem_of("email").is_some(), "{error:?}");
        let long = Transform::DefaultWhenEmpty { value: "x".repeat(2000) };
        let error = save(with(vec![long])).await.expect_err("too long a value");
        assert!(error.problem_of("email").is_some(), "{error:?}");
        let table = (0..300).map(|number| [number.to_string(), String::new()]).collect();
        let large = Transform::LookUp { table, otherwise: model::transform::Otherwise::Keep };
        let error = save(with(vec![large])).await.expect_err("too many lines");
        assert!(error.problem_of("email").is_some_and(|problem| problem.contains("200 lines")), "{error:?}");
        let joined = |names: Vec<String>| {
            let source = Source::Joined { names, separator: " ".to_owned() };
            vec![Link { source, ..link("email", "email") }]
        };
        let error = save(joined(vec!["email".to_owned(); 11])).await.expect_err("too many fields");
        assert!(error.problem_of("email").is_some(), "{error:?}");
        let error = save(joined(vec!["email".to_owned(), "nowhere".to_owned()])).await.expect_err("no such field");
        assert!(error.problem_of("email").is_some_and(|problem| problem.contains("nowhere")), "{error:?}");
        let error = save(vec![link("email", "email"); 600]).await.expect_err("too many links");
        assert!(error.problem_of("mapping").is_some(), "{error:?}");
        save(with(vec![Transform::Trim, Transform::Lowercase])).await.expect("saves");
    }
}

#[tokio::test]
async fn existing_segments_that_could_not_be_kept_are_not_offered() {
    for stage in stages().await {
        let actor = admin(&stage.hub, "ann@example.org").await;
        let application = Application::start(vec![segment("1", "North")]).await;
        let (share, endpoint) = draft(&stage, &actor, &application).await;
        application.change(|says| {
            says.segments = vec![segment("a\u{0}b", "Odd"), segment("2", "Good\u{0} people")];
        });
        let id: model::id::EndpointId = endpoint.parse().expect("an id");
        let offered = stage.hub.existing_segments(&actor, &id).await.expect("answers");
        assert_eq!(offered.iter().map(|segment| segment.name.as_str()).collect::<Vec<_>>(), ["Good people"]);
        let known = DestinationSegment::Existing { id: "2".to_owned(), name: String::new() };
        stage.hub.choose_destination(&actor, &share, to(&endpoint, known, Mode::Add)).await.expect("fits");
    }
}
