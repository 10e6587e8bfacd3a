//! How long what is left of ended runs is kept: by the account's policy, on both databases.

use std::{sync::Arc, time::Duration};

use model::{
    error::HubError,
    id::RunId,
    run::{Mode, RunState},
    view::{Actor, Role},
};

use super::{
    consumer::Temper,
    producer::Manner,
    scene::{Scene, settings},
};
use crate::{
    exchange::ExchangeSettings,
    store::{
        Clock, ManualClock, SystemClock,
        testing::{ScratchDatabase, scratch_databases},
    },
};

/// Two ended runs: one with rejects, one that failed.
async fn ended(scratch: &ScratchDatabase) -> (Scene, [RunId; 2]) {
    let manner =
        Manner { data: vec![b"email,name\r\nann@example.org,Ann\r\nnobody,No\r\n".to_vec()], ..Manner::default() };
    let mut scene = Scene::on(scratch.url(), manner, Temper::default()).await;
    let rejected = scene.share_and_settle(Mode::Add).await.summary;
    assert_eq!(rejected.state, RunState::CompleteWithRejects);
    scene.stop_consumer();
    let failed = scene.share_and_settle(Mode::Add).await.summary;
    assert_eq!(failed.state, RunState::Failed);
    scene.stop_worker().await;
    (scene, [rejected.id, failed.id])
}

#[tokio::test]
async fn an_account_keeps_rows_for_as_long_as_it_says_and_receipts_for_ever() {
    for scratch in scratch_databases().await {
        let (scene, runs) = ended(&scratch).await;
        let policy = scene.hub.retention(&scene.actor).await.expect("is known");
        assert_eq!((policy.days, policy.default_days, policy.changed), (7, 7, None));
        assert_eq!(policy.kept.map(|kept| kept.runs), Some(2));
        scene.hub.sweep_payload().await.expect("sweeps");
        assert!(runs.iter().all(|run| scene.has_payload(run)), "the installation's seven days are not over");

        // An installation that keeps nothing, and an account that does.
        let forgetful = ExchangeSettings { retention: Duration::ZERO, ..settings(Duration::from_secs(10)) };
        let hub = scene.another_hub(forgetful).await;
        hub.set_retention(&scene.actor, Some(30)).await.expect("may be set");
        hub.sweep_payload().await.expect("sweeps");
        assert!(runs.iter().all(|run| scene.has_payload(run)), "the account's thirty days are not over");
        let policy = hub.retention(&scene.actor).await.expect("is known");
        assert_eq!((policy.days, policy.default_days), (30, 0));
        assert_eq!(policy.changed.map(|(by, _)| by).as_deref(), Some("Ann"));
        let view = hub.run(&scene.actor, &runs[0]).await.expect("is there");
        let ended = chrono::DateTime::parse_from_rfc3339(&view.summary.finished_at.expect("ended")).expect("a time");
        let kept = chrono::DateTime::parse_from_rfc3339(&view.kept_until.expect("is kept")).expect("a time");
        assert_eq!((kept - ended).num_days(), 30);

        // A shorter time holds for what has ended already.
        scene.hub.set_retention(&scene.actor, Some(0)).await.expect("may be set");
        scene.hub.sweep_payload().await.expect("sweeps");
        assert!(runs.iter().all(|run| !scene.has_payload(run)), "nothing is kept any more");
        assert_eq!(scene.hub.retention(&scene.actor).await.expect("is known").kept, None);
        scene.receipt(&runs[0]).await.check().expect("the receipt stays");
        scene.hub.set_retention(&scene.actor, None).await.expect("may be set");
        assert_eq!(scene.hub.retention(&scene.actor).await.expect("is known").days, 7);
    }
}

#[tokio::test]
async fn a_clock_that_is_set_ahead_destroys_nothing_before_it_could_be_put_right() {
    for scratch in scratch_databases().await {
        let (scene, runs) = ended(&scratch).await;
        let clock = Arc::new(ManualClock::at(SystemClock.now_ms()));
        let hub = scene.another_hub_at(settings(Duration::from_secs(10)), clock.clone()).await;
        hub.sweep_payload().await.expect("sweeps");
        clock.set(clock.now_ms() + 8 * 24 * 3_600_000);
        hub.sweep_payload().await.expect("sweeps");
        assert!(runs.iter().all(|run| scene.has_payload(run)), "it says that the seven days are over");
        // Nobody has put it right: then it is.
        clock.advance(Duration::from_secs(3600));
        hub.sweep_payload().await.expect("sweeps");
        assert!(runs.iter().all(|run| !scene.has_payload(run)));
    }
}

#[tokio::test]
async fn only_an_admin_sets_it_and_only_for_the_own_account() {
    for scratch in scratch_databases().await {
        let (scene, runs) = ended(&scratch).await;
        let member = Actor { role: Role::Member, ..scene.actor.clone() };
        let refused = scene.hub.set_retention(&member, Some(1)).await;
        assert!(matches!(refused, Err(HubError::Forbidden { .. })), "{refused:?}");
        let refused = scene.hub.set_retention(&scene.actor, Some(366)).await.expect_err("is too long");
        assert!(refused.problem_of("retention_days").is_some(), "{refused:?}");
        let form = model::view::SignUp {
            account_name: "Other".to_owned(),
            user_name: "Bob".to_owned(),
            email: "bob@example.org".to_owned(),
            password: "correct horse battery".to_owned(),
        };
        let other = scene.hub.sign_up(form).await.expect("signs up");
        scene.hub.set_retention(&other, Some(0)).await.expect("may be set");
        scene.hub.sweep_payload().await.expect("sweeps");
        assert!(runs.iter().all(|run| scene.has_payload(run)), "another account's policy is not ours");
        assert_eq!(scene.hub.retention(&scene.actor).await.expect("is known").days, 7);
    }
}
