//! What happens to an endpoint once it is connected: its keys, the log of calls, its rest, its end.

use std::time::Duration;

use model::{
    error::HubError,
    id::{EndpointId, KeyId, RunId, ShareId},
    mapping::{Link, Mapping, Source},
    run::Mode,
    view::{Actor, AudienceQuery, ChooseDestination, Connect, DestinationSegment, EndpointHealth},
};

use super::{
    Stage, admin,
    application::{Application, KEY, segment},
    connect_form, connected, stages,
    webhooks::Shop,
};
use crate::registry::EndpointActor;

/// An account with an endpoint that is shared to itself.
struct Scene {
    stage: Stage,
    application: Application,
    actor: Actor,
    endpoint: EndpointId,
    share: ShareId,
}

impl Scene {
    async fn all() -> Vec<Self> {
        let mut scenes = Vec::new();
        for stage in stages().await {
            let actor = admin(&stage.hub, "ann@example.org").await;
            let application = Application::start(vec![segment("1", "North")]).await;
            let endpoint = connected(&stage.hub, &actor, "CRM", &application.url).await;
            let audience =
                stage.hub.audiences(&actor, &AudienceQuery::default()).await.expect("searches").items.remove(0);
            let share = stage.hub.start_share(&actor, &audience.id).await.expect("starts");
            let choice = ChooseDestination {
                endpoint_id: endpoint.to_string(),
                segment: DestinationSegment::New { name: "New".to_owned() },
                mode: Mode::Add,
            };
            stage.hub.choose_destination(&actor, &share, choice).await.expect("fits");
            let link = Link {
                target: "email".to_owned(),
                source: Source::Field { name: "email".to_owned() },
                transforms: Vec::new(),
            };
            stage.hub.save_mapping(&actor, &share, Mapping { links: vec![link] }).await.expect("saves");
            scenes.push(Self { stage, application, actor, endpoint, share });
        }
        scenes
    }

    async fn view(&self) -> model::view::EndpointView {
        self.stage.hub.endpoint(&self.actor, &self.endpoint).await.expect("is there")
    }

    async fn share_now(&self) -> crate::hub::Result<RunId> {
        self.stage.hub.share_now(&self.actor, &self.share).await
    }
}

fn conflict(error: HubError) -> String {
    match error {
        HubError::Conflict { message } => message,
        other => panic!("{other:?}"),
    }
}

async fn agent(stage: &Stage, actor: &Actor, name: &str) -> EndpointId {
    let form = Connect {
        application_id: "app_toolkit_agent".to_owned(),
        name: name.to_owned(),
        base_url: String::new(),
        authentication_key: String::new(),
        ..Connect::default()
    };
    stage.hub.connect_endpoint(actor, form).await.expect("connects")
}

#[tokio::test]
async fn two_keys_are_valid_at_a_time_and_each_ends_by_itself() {
    for stage in stages().await {
        let actor = admin(&stage.hub, "ann@example.org").await;
        let id = agent(&stage, &actor, "Shop").await;
        let first = stage.hub.make_endpoint_key(&actor, &id).await.expect("is made").0;
        stage.clock.advance(Duration::from_secs(60));
        let second = stage.hub.make_endpoint_key(&actor, &id).await.expect("is made").0;
        let caller = EndpointActor { account_id: actor.account_id.clone(), endpoint_id: id.clone() };
        for key in [&first, &second] {
            assert_eq!(stage.hub.endpoint_of_key(key).await.expect("looks"), Some(caller.clone()));
        }
        let message = conflict(stage.hub.make_endpoint_key(&actor, &id).await.expect_err("there are two"));
        assert!(message.contains("Revoke"), "{message}");

        let keys = stage.hub.endpoint(&actor, &id).await.expect("is there").keys;
        let hints: Vec<_> = keys.iter().filter_map(|key| key.hint.as_deref()).collect();
        assert_eq!(hints, [&first[first.len() - 4..], &second[second.len() - 4..]]);
        assert!(keys.iter().all(|key| key.last_used_at.is_some() && key.created_by.as_deref() == Some("Ann")));

        stage.hub.revoke_endpoint_key(&actor, &id, &keys[0].id).await.expect("is revoked");
        assert_eq!(stage.hub.endpoint_of_key(&first).await.expect("looks"), None);
        assert_eq!(stage.hub.endpoint_of_key(&second).await.expect("looks"), Some(caller));
        let error = stage.hub.revoke_endpoint_key(&actor, &id, &keys[0].id).await.expect_err("is gone");
        assert_eq!(error, HubError::not_found("endpoint key"));
        stage.hub.make_endpoint_key(&actor, &id).await.expect("there is room for another");
    }
}

#[tokio::test]
async fn of_many_who_make_keys_at_once_two_succeed() {
    for stage in stages().await {
        let actor = admin(&stage.hub, "ann@example.org").await;
        let id = agent(&stage, &actor, "Shop").await;
        let made = futures::future::join_all((0..6).map(|_| stage.hub.make_endpoint_key(&actor, &id))).await;
        assert_eq!(made.into_iter().filter(Result::is_ok).count(), 2);
    }
}

#[tokio::test]
async fn keys_of_others_are_not_there_and_members_make_none() {
    for stage in stages().await {
        let (ann, bob) = (admin(&stage.hub, "ann@example.org").await, admin(&stage.hub, "bob@example.org").await);
        let id = agent(&stage, &ann, "Shop").await;
        stage.hub.make_endpoint_key(&ann, &id).await.expect("is made");
        let key: KeyId = stage.hub.endpoint(&ann, &id).await.expect("is there").keys.remove(0).id;
        assert!(matches!(stage.hub.make_endpoint_key(&bob, &id).await, Err(HubError::NotFound { .. })));
        assert!(matches!(stage.hub.revoke_endpoint_key(&bob, &id, &key).await, Err(HubError::NotFound { .. })));
        assert!(matches!(stage.hub.disconnect_endpoint(&bob, &id, "Shop").await, Err(HubError::NotFound { .. })));
        let member = Actor { role: model::view::Role::Member, ..ann.clone() };
        assert!(matches!(stage.hub.make_endpoint_key(&member, &id).await, Err(HubError::Forbidden { .. })));
        assert!(matches!(stage.hub.revoke_endpoint_key(&member, &id, &key).await, Err(HubError::Forbidden { .. })));
        assert!(matches!(stage.hub.disconnect_endpoint(&member, &id, "Shop").await, Err(HubError::Forbidden { .. })));
        assert_eq!(stage.hub.endpoint(&ann, &id).await.expect("is there").keys.len(), 1);
    }
}

#[tokio::test]
async fn calls_are_logged_by_method_path_status_and_time_alone_and_the_newest_are_kept() {
    for scene in Scene::all().await {
        let told = |view: &model::view::EndpointView| -> Vec<(bool, String, Option<u16>)> {
            view.calls
                .iter()
                .map(|call| (call.by_usher, format!("{} {}", call.method, call.path), call.status))
                .collect()
        };
        let first = told(&scene.view().await);
        assert_eq!(
            first[0],
            (true, "GET v1/segments".to_owned(), Some(200)),
            "the audiences were read when it was connected"
        );

        scene.stage.clock.advance(Duration::from_secs(1));
        scene.application.change(|says| says.nonsense = true);
        scene.stage.hub.check_endpoint(&scene.actor, &scene.endpoint).await.expect("is checked");
        let view = scene.view().await;
        let newest: Vec<_> = told(&view).into_iter().take(2).collect();
        let expected = ["GET v1/endpoint", "GET v1/health"].map(|call| (true, call.to_owned(), Some(200)));
        assert_eq!(newest, expected);
        let kept = format!("{:?}", view.calls);
        assert!(!kept.contains(KEY) && !kept.contains("limit=") && !kept.contains("It works"), "{kept}");

        let endpoint =
            EndpointActor { account_id: scene.actor.account_id.clone(), endpoint_id: scene.endpoint.clone() };
        for number in 0..300 {
            scene.stage.clock.advance(Duration::from_millis(1));
            let path = format!("v1/jobs/job_{number}");
            scene.stage.hub.log_call_of_endpoint(&endpoint, "GET", path, 404, Duration::from_millis(3));
        }
        let calls = scene.view().await.calls;
        assert_eq!((calls.len(), calls[0].path.as_str(), calls[0].by_usher), (50, "v1/jobs/job_299", false));
        let other = scene.stage.another().await;
        let row = sqlx::query("select count(*) as many from endpoint_call").fetch_one(other.database().reader()).await;
        assert_eq!(sqlx::Row::get::<i64, _>(&row.expect("counts"), "many"), 200);
        let theirs = other.endpoint(&scene.actor, &scene.endpoint).await.expect("is there").calls;
        assert_eq!(theirs, calls, "another process sees the same");
    }
}

#[tokio::test]
async fn why_it_failed_last_is_known_after_it_is_well_again() {
    for scene in Scene::all().await {
        scene.application.change(|says| says.health = "no disk space".to_owned());
        scene.stage.hub.check_endpoint(&scene.actor, &scene.endpoint).await.expect("is checked");
        scene.stage.clock.advance(Duration::from_secs(60));
        scene.application.change(|says| says.health = "ok".to_owned());
        let view = scene.stage.hub.check_endpoint(&scene.actor, &scene.endpoint).await.expect("is checked");
        assert_eq!((view.summary.health, view.summary.health_reason), (EndpointHealth::Healthy, None));
        assert!(view.failed_because.is_some_and(|because| because.contains("no disk space")));
        assert!(view.failed_at < view.succeeded_at);
    }
}

#[tokio::test]
async fn no_run_begins_while_an_endpoint_rests() {
    for scene in Scene::all().await {
        let hub = &scene.stage.hub;
        hub.pause_schedules(&scene.actor, Some(&scene.endpoint)).await.expect("rests");
        assert_eq!(scene.view().await.paused.map(|by| by.name).as_deref(), Some("Ann"));
        let message = conflict(scene.share_now().await.expect_err("is refused"));
        assert_eq!(message, "CRM was paused by Ann. Resume it on its page first.");
        assert!(hub.pre_flight(&scene.actor, &scene.share).await.is_err());
        hub.resume_schedules(&scene.actor, Some(&scene.endpoint)).await.expect("goes on");
        scene.share_now().await.expect("is asked for");
        assert_eq!(scene.view().await.runs, 1);
    }
}

#[tokio::test]
async fn an_endpoint_is_disconnected_for_good_and_what_needs_it_says_so() {
    for scene in Scene::all().await {
        let (hub, actor, id) = (&scene.stage.hub, &scene.actor, &scene.endpoint);
        let run = scene.share_now().await.expect("is asked for");
        let error = hub.disconnect_endpoint(actor, id, "crm").await.expect_err("is another name");
        assert!(error.problem_of("name").is_some(), "{error:?}");
        let message = conflict(hub.disconnect_endpoint(actor, id, "CRM").await.expect_err("a run is under way"));
        assert!(message.contains("under way"), "{message}");
        assert!(scene.view().await.disconnected.is_none(), "nothing was done");
        hub.cancel_run(actor, &run).await.expect("is called off");

        let key = hub.make_endpoint_key(actor, id).await.expect("it may send by itself").0;
        hub.pause_schedules(actor, Some(id)).await.expect("rests");
        hub.disconnect_endpoint(actor, id, " CRM ").await.expect("is disconnected");

        assert_eq!(hub.endpoint_of_key(&key).await.expect("looks"), None);
        assert!(hub.endpoints(actor).await.expect("lists").is_empty());
        assert_eq!(hub.audiences(actor, &AudienceQuery::default()).await.expect("searches").total, 0);
        let view = scene.view().await;
        assert_eq!(view.disconnected.map(|by| by.name).as_deref(), Some("Ann"));
        assert_eq!(view.summary.name, "CRM (disconnected 2026-11-23)");
        assert!(view.keys.is_empty() && view.paused.is_none() && !view.may_have_keys);
        let share = hub.shares(actor).await.expect("lists").remove(0);
        assert!(share.held_because.is_some_and(|because| because.contains("no longer offers")));
        assert!(scene.share_now().await.is_err());
        assert!(hub.check_endpoint(actor, id).await.is_err());
        assert!(hub.existing_segments(actor, id).await.is_err());
        assert!(hub.make_endpoint_key(actor, id).await.is_err());
        assert!(hub.disconnect_endpoint(actor, id, "CRM").await.is_err(), "it was already");
        assert_eq!(hub.run(actor, &run).await.expect("stays").summary.source_name, "CRM");

        let again = connected(hub, actor, "CRM", &scene.application.url).await;
        assert_ne!(again, *id);
        hub.disconnect_endpoint(actor, &again, "CRM").await.expect("is disconnected");
        connected(hub, actor, "CRM", &scene.application.url).await;
        assert_eq!(hub.endpoints(actor).await.expect("lists").len(), 1);
    }
}

#[tokio::test]
async fn what_a_crash_left_of_a_disconnection_is_made_up_for() {
    for scene in Scene::all().await {
        // As it is when the process ends between the two halves.
        sqlx::query(
            "update endpoint set disconnected_at = 1, disconnected_by = 'Ann', refreshed_at = null, credential = null",
        )
        .execute(scene.stage.hub.database().writer())
        .await
        .expect("is written");
        scene.stage.hub.refresh_due(Duration::from_secs(900)).await;
        let found = scene.stage.hub.audiences(&scene.actor, &AudienceQuery::default()).await.expect("searches");
        assert_eq!(found.total, 0);
        let claimed = scene.stage.hub.claim_refresh(i64::MAX).await.expect("claims");
        assert!(claimed.is_empty(), "it is asked for nothing any more");
    }
}

#[tokio::test]
async fn jobs_that_wait_for_an_endpoint_are_counted() {
    for stage in stages().await {
        let shop = Shop::open(&stage).await;
        shop.run(&stage).await;
        let view = stage.hub.endpoint(&shop.actor, &shop.caller.endpoint_id).await.expect("is there");
        assert_eq!((view.runs, view.jobs), (1, 1));
        assert_eq!(view.shares.len(), 1);
    }
}

#[tokio::test]
async fn a_destination_that_was_disconnected_holds_its_shares_until_they_go_elsewhere() {
    for scene in Scene::all().await {
        let (hub, actor) = (&scene.stage.hub, &scene.actor);
        let mail = hub.connect_endpoint(actor, connect_form("Mail", &scene.application.url)).await.expect("connects");
        let choose = async |endpoint: &EndpointId| {
            let choice = ChooseDestination {
                endpoint_id: endpoint.to_string(),
                segment: DestinationSegment::New { name: "New".to_owned() },
                mode: Mode::Add,
            };
            hub.choose_destination(actor, &scene.share, choice).await
        };
        choose(&mail).await.expect("fits");
        let run = scene.share_now().await.expect("is asked for");
        hub.cancel_run(actor, &run).await.expect("is called off");
        hub.disconnect_endpoint(actor, &mail, "Mail").await.expect("is disconnected");
        let held = async || hub.shares(actor).await.expect("lists").remove(0).held_because;
        assert!(held().await.is_some_and(|because| because.contains("Mail")));
        assert!(conflict(scene.share_now().await.expect_err("is refused")).contains("Connect it again"));
        let error = choose(&mail).await.expect_err("is no more");
        assert!(error.problem_of("endpoint_id").is_some(), "{error:?}");
        choose(&scene.endpoint).await.expect("fits");
        assert_eq!(held().await, None);
    }
}
