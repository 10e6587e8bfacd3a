//! Mirrors, which send only what changed since they last did, and rows of the same person.

use std::{collections::BTreeMap, time::Duration};

use model::{
    contract::JobMode,
    id::{RunId, ShareId},
    run::{Changes, Duplicates, Mode, RunState, ShrinkLimit},
    view::{DestinationSegment, RunView},
};
use rand::{RngExt, SeedableRng, rngs::SmallRng};

use super::{
    consumer::Temper,
    producer::Manner,
    scene::{Scene, settings},
};
use crate::{
    exchange::{ExchangeSettings, forget_ledgers},
    store::{PayloadKey, SealedObject, new_id},
};

type People = BTreeMap<String, String>;

fn people(people: &[(&str, &str)]) -> People {
    people.iter().map(|(who, name)| (format!("{who}@example.org"), (*name).to_owned())).collect()
}

fn csv(people: &People) -> Vec<u8> {
    let rows: String = people.iter().map(|(email, name)| format!("{email},{name}\r\n")).collect();
    format!("email,name\r\n{rows}").into_bytes()
}

/// One share that mirrors.
struct Mirror {
    scene: Scene,
    share_id: ShareId,
    segment: DestinationSegment,
    shrink_limit: u8,
}

impl Mirror {
    async fn new() -> Self {
        let scene = Scene::new(Manner::default(), Temper::default()).await;
        Self {
            scene,
            share_id: new_id(ShareId::PREFIX),
            segment: DestinationSegment::Existing { id: "seg-1".to_owned(), name: "Readers".to_owned() },
            shrink_limit: 100,
        }
    }

    async fn begin(&self, audience: &People) -> RunId {
        self.scene.producer.change(|manner| manner.data = vec![csv(audience)]);
        let mut plan = self.scene.plan(Mode::Mirror);
        plan.destination.delivery.rows_per_part = Some(2);
        plan.destination.segment = self.segment.clone();
        plan.shrink_limit = ShrinkLimit::new(self.shrink_limit).expect("a percentage");
        self.scene.enqueue_for(self.share_id.clone(), plan).await
    }

    /// A run to its end, or until it is held.
    async fn run(&self, audience: &People) -> RunView {
        let run_id = self.begin(audience).await;
        let resting = |state: RunState| state.is_final() || state == RunState::Held;
        let rests = async || resting(self.scene.view(&run_id).await.summary.state);
        self.scene.wait_until(Duration::from_secs(30), rests).await;
        self.scene.view(&run_id).await
    }

    async fn run_well(&self, audience: &People) -> Changes {
        let view = self.run(audience).await;
        assert_eq!(view.summary.state, RunState::Complete, "{:?} {:?}", view.failure, view.timeline);
        self.scene.receipt(&view.summary.id).await.check().expect("adds up");
        view.summary.counts.changes.expect("a mirror says what it found")
    }

    fn segment(&self) -> People {
        self.scene.consumer.segment("seg-1").into_iter().collect()
    }
}

#[tokio::test]
async fn only_what_changed_is_sent_and_nobody_else_is_touched() {
    let mirror = Mirror::new().await;
    mirror.scene.consumer.keep("seg-1", &[("zoe@example.org", "Somebody else's")]);
    let first = people(&[("ann", "Ann"), ("bob", "Bob"), ("cid", "Cid"), ("dora", "Dora"), ("eve", "Eve")]);
    let changes = mirror.run_well(&first).await;
    assert_eq!(changes, Changes { added: 5, ..Changes::default() });
    assert_eq!(mirror.scene.consumer.modes(), [JobMode::Add], "there is nobody to remove");

    let second = people(&[("ann", "Anna"), ("cid", "Cid"), ("dora", "Dora"), ("fay", "Fay")]);
    let view = mirror.run(&second).await;
    let counts = view.summary.counts;
    assert_eq!(counts.changes, Some(Changes { added: 1, changed: 1, removed: 2, unchanged: 2 }));
    assert_eq!((counts.read, counts.valid, counts.sent, counts.acknowledged), (4, 4, 4, 4));
    assert!(view.timeline.iter().any(|entry| entry.message.contains("1 new, 1 changed, 2 left, 2 unchanged")));
    mirror.scene.receipt(&view.summary.id).await.check().expect("adds up");
    assert_eq!(mirror.scene.consumer.modes()[1..], [JobMode::Remove, JobMode::Add]);
    let mut expected = second.clone();
    expected.extend(people(&[("zoe", "Somebody else's")]));
    assert_eq!(mirror.segment(), expected);

    let announced = mirror.scene.consumer.announced().len();
    let changes = mirror.run_well(&second).await;
    assert_eq!(changes, Changes { unchanged: 4, ..Changes::default() });
    assert_eq!(mirror.scene.consumer.announced().len(), announced, "the destination is not even called");
}

#[tokio::test]
async fn who_was_refused_is_tried_again_and_never_counts_as_sent() {
    let mirror = Mirror::new().await;
    mirror.scene.consumer.change(|temper| temper.refuses = Some("bob".to_owned()));
    let audience = people(&[("ann", "Ann"), ("bob", "Bob"), ("cid", "Cid")]);
    let view = mirror.run(&audience).await;
    assert_eq!(view.summary.state, RunState::CompleteWithRejects);
    assert_eq!(view.summary.counts.refused, 1);
    mirror.scene.consumer.change(|temper| temper.refuses = None);
    let changes = mirror.run_well(&audience).await;
    assert_eq!(changes, Changes { added: 1, unchanged: 2, ..Changes::default() });
    assert_eq!(mirror.segment(), audience);
    // A removal that is refused is tried again too; its row is given back by its identifiers.
    mirror.scene.consumer.change(|temper| temper.refuses = Some("bob".to_owned()));
    let view = mirror.run(&people(&[("ann", "Ann"), ("cid", "Cid")])).await;
    let rejects = String::from_utf8(mirror.scene.rejects(&view.summary.id).await).expect("text");
    assert!(rejects.contains("bob@example.org,,refused,email,"), "{rejects}");
    mirror.scene.consumer.change(|temper| temper.refuses = None);
    let changes = mirror.run_well(&people(&[("ann", "Ann"), ("cid", "Cid")])).await;
    assert_eq!(changes, Changes { removed: 1, unchanged: 2, ..Changes::default() });
    assert_eq!(mirror.segment(), people(&[("ann", "Ann"), ("cid", "Cid")]));
}

#[tokio::test]
async fn a_mirror_that_would_remove_too_many_is_held_and_one_that_is_empty_always() {
    let mut mirror = Mirror::new().await;
    mirror.shrink_limit = 50;
    let all = people(&[("ann", "Ann"), ("bob", "Bob"), ("cid", "Cid"), ("dora", "Dora")]);
    mirror.run_well(&all).await;
    let one = people(&[("ann", "Ann")]);
    let view = mirror.run(&one).await;
    assert_eq!(view.summary.state, RunState::Held);
    let hold = view.hold.expect("says why");
    assert_eq!((hold.before, hold.after), (4, 1));
    mirror.scene.hub.decline_run(&mirror.scene.actor, &view.summary.id, "No.").await.expect("is held");
    assert_eq!(mirror.segment(), all);
    let changes = mirror.run_well(&all).await;
    assert_eq!(changes, Changes { unchanged: 4, ..Changes::default() }, "what was declined did not happen");

    mirror.shrink_limit = 100;
    let view = mirror.run(&People::new()).await;
    assert_eq!(view.summary.state, RunState::Held, "{:?}", view.failure);
    mirror.scene.hub.approve_run(&mirror.scene.actor, &view.summary.id, "Closing down.").await.expect("is held");
    let view = mirror.scene.settle(&view.summary.id).await;
    assert_eq!(view.summary.state, RunState::Complete, "{:?}", view.failure);
    assert_eq!(mirror.segment(), People::new());
}

#[tokio::test]
async fn a_new_segment_is_mirrored_from_its_first_run_on() {
    let mut mirror = Mirror::new().await;
    mirror.segment = DestinationSegment::New { name: "Fresh".to_owned() };
    let audience = people(&[("ann", "Ann"), ("bob", "Bob"), ("cid", "Cid")]);
    mirror.run_well(&audience).await;
    // From now on the share knows the segment that was made.
    mirror.segment = DestinationSegment::Existing { id: "made-fresh".to_owned(), name: "Fresh".to_owned() };
    let changes = mirror.run_well(&people(&[("ann", "Ann")])).await;
    assert_eq!(changes, Changes { removed: 2, unchanged: 1, ..Changes::default() });
    let left: People = mirror.scene.consumer.segment("made-fresh").into_iter().collect();
    assert_eq!(left, people(&[("ann", "Ann")]));
}

#[tokio::test]
async fn what_broke_off_is_made_good_by_a_retry_and_by_the_next_run() {
    let mirror = Mirror::new().await;
    let first = people(&[("ann", "Ann"), ("bob", "Bob"), ("cid", "Cid"), ("dora", "Dora"), ("eve", "Eve")]);
    mirror.run_well(&first).await;
    let second = people(&[("ann", "Anna"), ("fay", "Fay"), ("gil", "Gil"), ("eve", "Eve")]);
    for retried in [true, false] {
        mirror.scene.consumer.change(|temper| temper.fails_at_the_end = Some("The disk is full.".to_owned()));
        let failed = mirror.run(&second).await;
        assert_eq!(failed.summary.state, RunState::Failed);
        mirror.scene.consumer.change(|temper| temper.fails_at_the_end = None);
        if retried {
            let view = mirror.scene.retry_and_settle(&failed.summary.id).await;
            assert_eq!(view.summary.state, RunState::Complete, "{:?}", view.failure);
            assert_eq!(mirror.segment(), second);
            mirror.run_well(&first).await;
        } else {
            mirror.run_well(&second).await;
            assert_eq!(mirror.segment(), second);
            // What the next run has put right can't be gone on with; it is done again from the start, which changes nothing.
            let view = mirror.scene.retry_and_settle(&failed.summary.id).await;
            assert_eq!(view.summary.counts.changes, Some(Changes { unchanged: 4, ..Changes::default() }));
        }
    }
    assert_eq!(mirror.segment(), second);
}

#[tokio::test]
async fn whatever_happens_in_between_the_segment_becomes_the_audience_and_strangers_stay() {
    let mut mirror = Mirror::new().await;
    let strangers = people(&[("stranger1", "One"), ("stranger2", "Two")]);
    mirror.scene.consumer.keep("seg-1", &[("stranger1@example.org", "One"), ("stranger2@example.org", "Two")]);
    let mut random = SmallRng::seed_from_u64(7);
    for number in 0..40 {
        let audience: People = (0..random.random_range(1..25))
            .map(|_| {
                (format!("p{}@example.org", random.random_range(0..25)), format!("N{}", random.random_range(0..3)))
            })
            .collect();
        match number % 4 {
            0 => mirror.scene.consumer.change(|temper| temper.fails_at_the_end = Some("No.".to_owned())),
            1 => mirror.scene.consumer.change(|temper| temper.rejects_parts = Some((400, "No.".to_owned()))),
            2 => mirror.scene.consumer.change(|temper| temper.takes_and_breaks = 2),
            _ => {}
        }
        let run_id = mirror.begin(&audience).await;
        if number % 4 == 2 {
            mirror.scene.kill_worker().await;
            mirror.scene.start_worker(Duration::from_millis(300)).await;
        }
        if number % 8 == 1 {
            let _may_be_too_late = mirror.scene.hub.cancel_run(&mirror.scene.actor, &run_id).await;
        }
        let view = mirror.scene.settle(&run_id).await;
        mirror.scene.consumer.change(|temper| *temper = Temper::default());
        if number % 4 == 3 || view.summary.state == RunState::Complete {
            assert_eq!(view.summary.state, RunState::Complete, "run {number}: {:?}", view.failure);
            let mut expected = audience.clone();
            expected.extend(strangers.clone());
            assert_eq!(mirror.segment(), expected, "run {number}");
        }
        assert!(strangers.iter().all(|(email, name)| mirror.segment().get(email) == Some(name)), "run {number}");
    }
}

#[tokio::test]
async fn of_rows_of_one_person_the_first_or_the_last_is_sent_and_the_others_are_rejected() {
    let rows = b"email,name\r\nann@example.org,Ann\r\nbob@example.org,Bob\r\nann@example.org,Anna\r\nann@example.org,Anne\r\ncid@example.org,Cid\r\n";
    for (duplicates, name, lines) in [(Duplicates::First, "Ann", ["4", "5"]), (Duplicates::Last, "Anne", ["2", "4"])] {
        let manner = Manner { data: vec![rows.to_vec()], ..Manner::default() };
        let scene = Scene::new(manner, Temper::default()).await;
        let mut plan = scene.plan(Mode::Add);
        plan.destination.delivery.rows_per_part = Some(2);
        plan.duplicates = duplicates;
        let view = scene.settle(&scene.enqueue(plan).await).await;
        assert_eq!(view.summary.state, RunState::CompleteWithRejects, "{:?}", view.failure);
        let counts = view.summary.counts;
        assert_eq!((counts.read, counts.valid, counts.rejected, counts.acknowledged), (5, 3, 2, 3));
        let sent: People = scene.consumer.segment("seg-1").into_iter().collect();
        assert_eq!(sent, people(&[("ann", name), ("bob", "Bob"), ("cid", "Cid")]));
        let rejects = String::from_utf8(scene.rejects(&view.summary.id).await).expect("text");
        for line in lines {
            assert!(
                rejects.contains(&format!(
                    ",duplicate,email,\"Another row has the same email; the {} one is sent.\",{line}",
                    duplicates.as_str()
                )) || rejects.contains(&format!(
                    ",duplicate,email,Another row has the same email; the {} one is sent.,{line}",
                    duplicates.as_str()
                )),
                "{rejects}"
            );
        }
        assert_eq!(rejects.lines().count(), 3);
        assert_eq!(view.left_out.iter().map(|group| group.rows).sum::<u64>(), 2);
    }
}

#[tokio::test]
async fn many_rows_of_few_people_become_one_row_each_however_small_the_parts() {
    for (mode, duplicates) in
        [(Mode::Add, Duplicates::First), (Mode::Add, Duplicates::Last), (Mode::Mirror, Duplicates::Last)]
    {
        let mut expected = People::new();
        let mut rows = "email,name\r\n".to_owned();
        for number in 0..400 {
            let (email, name) = (format!("p{}@example.org", number / 5), format!("Number {number}"));
            rows.push_str(&format!("{email},{name}\r\n"));
            if duplicates == Duplicates::Last || !expected.contains_key(&email) {
                expected.insert(email, name);
            }
        }
        let manner = Manner { data: vec![rows.into_bytes()], ..Manner::default() };
        let settings = ExchangeSettings { part_bytes: 2_000, ..settings(Duration::from_secs(10)) };
        let scene = Scene::with_settings(manner, Temper::default(), settings).await;
        let mut plan = scene.plan(mode);
        plan.duplicates = duplicates;
        let view = scene.settle(&scene.enqueue(plan).await).await;
        assert_eq!(view.summary.state, RunState::CompleteWithRejects, "{mode:?}: {:?}", view.failure);
        let sent: People = scene.consumer.segment("seg-1").into_iter().collect();
        assert_eq!(sent, expected, "{mode:?} {duplicates:?}");
        let counts = view.summary.counts;
        assert_eq!((counts.read, counts.rejected), (400, 320));
        scene.receipt(&view.summary.id).await.check().expect("adds up");
    }
}

#[tokio::test]
async fn rows_of_a_mirror_that_failed_go_after_the_retention_though_its_share_was_deleted() {
    let mut mirror = Mirror::new().await;
    mirror.scene.consumer.change(|temper| temper.fails_at_the_end = Some("The disk is full.".to_owned()));
    let failed = mirror.run(&people(&[("ann", "Ann"), ("bob", "Bob")])).await;
    assert_eq!(failed.summary.state, RunState::Failed);
    let run_id = failed.summary.id;
    mirror.scene.stop_worker().await;
    let account_id = &mirror.scene.actor.account_id;
    let mut transaction = mirror.scene.hub.database().begin().await.expect("begins");
    let folders = forget_ledgers(&mut transaction, account_id, &mirror.share_id).await.expect("forgets");
    transaction.commit().await.expect("commits");
    assert_eq!(folders.len(), 1);
    let forgetful = ExchangeSettings { retention: Duration::ZERO, ..settings(Duration::from_secs(10)) };
    let hub = mirror.scene.another_hub(forgetful).await;
    assert!(mirror.scene.has_payload(&run_id));
    hub.sweep_payload().await.expect("sweeps");
    assert!(!mirror.scene.has_payload(&run_id), "its rows go");
    assert_eq!(hub.retention(&mirror.scene.actor).await.expect("is known").kept, None, "and its key");
}

#[tokio::test]
async fn of_a_mirror_that_ends_with_rejects_nothing_but_these_is_kept() {
    let mirror = Mirror::new().await;
    mirror.scene.consumer.change(|temper| {
        temper.refuses = Some("bob".to_owned());
        temper.takes_and_hangs = 1;
    });
    let run_id = mirror.begin(&people(&[("ann", "Ann"), ("bob", "Bob"), ("cid", "Cid")])).await;
    mirror.scene.wait_until(Duration::from_secs(10), async || mirror.scene.consumer.puts().0 > 0).await;
    // As a process leaves them that ended right after the source was read.
    for kind in ["uploads", "sorted"] {
        let path = format!("runs/{run_id}/{kind}/1");
        let object = SealedObject::seal(&PayloadKey::generate(), path, b"rows".to_vec()).expect("seals");
        mirror.scene.hub.payloads().put(object).await.expect("puts");
    }
    let view = mirror.scene.settle(&run_id).await;
    assert_eq!(view.summary.state, RunState::CompleteWithRejects, "{:?}", view.failure);
    let is_done = async || mirror.scene.payload_kinds(&run_id) == ["rejects"];
    mirror.scene.wait_until(Duration::from_secs(10), is_done).await;
    assert!(String::from_utf8(mirror.scene.rejects(&run_id).await).expect("text").contains("bob@example.org"));
}
