//! Writes that come twice under one `Idempotency-Key`, on both databases.

use std::time::Duration;

use model::{
    id::EndpointId,
    view::{Actor, Connect},
};
use sqlx::Row;

use super::{Stage, admin, stages};
use crate::registry::{Answer, Attempt, EndpointActor, IdempotencyKey, Repeat};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

async fn caller(stage: &Stage, actor: &Actor, name: &str) -> EndpointActor {
    let form = Connect {
        application_id: "app_toolkit_agent".to_owned(),
        name: name.to_owned(),
        base_url: String::new(),
        authentication_key: String::new(),
        ..Connect::default()
    };
    let id: EndpointId = stage.hub.connect_endpoint(actor, form).await.expect("connects");
    let key = stage.hub.make_endpoint_key(actor, &id).await.expect("has a key");
    stage.hub.endpoint_of_key(&key.0).await.expect("looks").expect("is known")
}

fn key(text: &str) -> IdempotencyKey {
    IdempotencyKey::parse(text).expect("a key")
}

fn answer(body: &str) -> Answer {
    Answer { status: 201, media_type: Some("application/json".to_owned()), body: body.as_bytes().to_vec() }
}

async fn first(stage: &Stage, endpoint: &EndpointActor, text: &str, request: &str) -> Attempt {
    match stage.hub.begin_write(endpoint, &key(text), request).await.expect("begins") {
        Repeat::First(attempt) => attempt,
        other => panic!("{other:?} instead of the first"),
    }
}

#[tokio::test]
async fn the_first_answer_is_given_again_for_a_day_and_then_swept() {
    for stage in stages().await {
        let ann = admin(&stage.hub, "ann@example.org").await;
        let shop = caller(&stage, &ann, "Shop").await;
        let begin = async |text: &str, request: &str| stage.hub.begin_write(&shop, &key(text), request).await;
        let attempt = first(&stage, &shop, "a", "request 1").await;
        assert_eq!(begin("a", "request 1").await, Ok(Repeat::UnderWay));
        assert_eq!(begin("a", "request 2").await, Ok(Repeat::Differs), "even while it is under way");
        stage.hub.keep_answer(&attempt, &answer("{}")).await.expect("keeps");
        stage.clock.advance(DAY - Duration::from_millis(1));
        assert_eq!(begin("a", "request 1").await, Ok(Repeat::Answered(answer("{}"))));
        assert_eq!(begin("a", "request 2").await, Ok(Repeat::Differs));
        assert_eq!(stage.hub.sweep_answers().await.expect("sweeps"), 0);

        // After a day the key is new again, swept or not.
        stage.clock.advance(Duration::from_millis(1));
        let again = first(&stage, &shop, "a", "request 2").await;
        stage.hub.keep_answer(&attempt, &answer("late")).await.expect("does nothing");
        stage.hub.keep_answer(&again, &answer("new")).await.expect("keeps");
        assert_eq!(begin("a", "request 2").await, Ok(Repeat::Answered(answer("new"))));
        first(&stage, &shop, "b", "request 3").await;
        stage.clock.advance(DAY);
        assert_eq!(stage.hub.sweep_answers().await.expect("sweeps"), 2);
    }
}

#[tokio::test]
async fn keys_are_each_endpoints_own() {
    for stage in stages().await {
        let (ann, bob) = (admin(&stage.hub, "ann@example.org").await, admin(&stage.hub, "bob@example.org").await);
        let endpoints = [
            caller(&stage, &ann, "Shop").await,
            caller(&stage, &ann, "Mail").await,
            caller(&stage, &bob, "Shop").await,
        ];
        for (number, endpoint) in endpoints.iter().enumerate() {
            let attempt = first(&stage, endpoint, "same", &format!("request {number}")).await;
            stage.hub.keep_answer(&attempt, &answer(&number.to_string())).await.expect("keeps");
        }
        for (number, endpoint) in endpoints.iter().enumerate() {
            let repeat = stage.hub.begin_write(endpoint, &key("same"), &format!("request {number}")).await;
            assert_eq!(repeat, Ok(Repeat::Answered(answer(&number.to_string()))));
        }
        // An endpoint of another account is not found by its id alone.
        let forged = EndpointActor { account_id: bob.account_id.clone(), ..endpoints[0].clone() };
        assert_eq!(stage.hub.begin_write(&forged, &key("same"), "request 0").await, Ok(Repeat::UnderWay));
    }
}

#[tokio::test]
async fn what_was_cut_off_or_given_up_is_carried_out_by_the_next_repeat() {
    for stage in stages().await {
        let ann = admin(&stage.hub, "ann@example.org").await;
        let shop = caller(&stage, &ann, "Shop").await;
        let given_up = first(&stage, &shop, "a", "request 1").await;
        stage.hub.give_up_write(&given_up).await.expect("gives up");
        let cut_off = first(&stage, &shop, "a", "request 2").await;
        stage.clock.advance(Duration::from_secs(10));
        assert_eq!(stage.hub.begin_write(&shop, &key("a"), "request 1").await, Ok(Repeat::Differs));
        let next = first(&stage, &shop, "a", "request 2").await;
        // The one that was taken for dead comes back: what it says does not count any more.
        stage.hub.give_up_write(&cut_off).await.expect("does nothing");
        stage.hub.keep_answer(&cut_off, &answer("old")).await.expect("does nothing");
        assert_eq!(stage.hub.begin_write(&shop, &key("a"), "request 2").await, Ok(Repeat::UnderWay));
        stage.hub.keep_answer(&next, &answer("new")).await.expect("keeps");
        assert_eq!(stage.hub.begin_write(&shop, &key("a"), "request 2").await, Ok(Repeat::Answered(answer("new"))));
    }
}

#[tokio::test]
async fn a_write_that_takes_long_is_not_taken_for_cut_off() {
    for stage in stages().await {
        let ann = admin(&stage.hub, "ann@example.org").await;
        let shop = caller(&stage, &ann, "Shop").await;
        let attempt = first(&stage, &shop, "a", "request").await;
        let until = async || {
            let row = sqlx::query("select attempt_until from endpoint_answer").fetch_one(stage.hub.database().reader());
            row.await.expect("is there").get::<i64, _>(0)
        };
        let begun = until().await;
        let write = async {
            for ends in [begun + 9_000, begun + 18_000] {
                stage.clock.advance(Duration::from_secs(9));
                while until().await < ends {
                    tokio::task::yield_now().await;
                }
                assert_eq!(stage.hub.begin_write(&shop, &key("a"), "request").await, Ok(Repeat::UnderWay));
            }
            "written"
        };
        assert_eq!(stage.hub.carry_out_write(&attempt, write).await, "written");
        // Nobody renews it any more.
        stage.clock.advance(Duration::from_secs(10));
        first(&stage, &shop, "a", "request").await;
    }
}

#[tokio::test]
async fn of_many_at_once_one_is_the_first() {
    for stage in stages().await {
        let ann = admin(&stage.hub, "ann@example.org").await;
        let shop = caller(&stage, &ann, "Shop").await;
        let begun = (0..20).map(|_| {
            let (hub, shop) = (stage.hub.clone(), shop.clone());
            tokio::spawn(async move { hub.begin_write(&shop, &key("a"), "request").await })
        });
        let mut firsts = 0;
        for repeat in futures::future::join_all(begun).await {
            match repeat.expect("ends").expect("begins") {
                Repeat::First(_) => firsts += 1,
                other => assert_eq!(other, Repeat::UnderWay),
            }
        }
        assert_eq!(firsts, 1);
    }
}
