//! `kill -9` of each of the three programs at many moments of a run. Afterwards nobody can tell that it happened: the destination has the
//! people, and was sent the bytes, of a run that nothing disturbed.

use std::time::Duration;

use hub::Hub;
use model::{
    id::RunId,
    run::{Mode, Receipt, RunState},
    view::{Actor, DestinationSegment, RunView},
};
use sqlx::{Row, SqlitePool};

use crate::installation::{Endpoints, Installation, PATIENCE, Process, demo_actor, share_with_beacon};

const PEOPLE: u32 = 3_000;

/// When a program is killed: as soon as this is so.
type Moment = (&'static str, fn(&RunView) -> bool);

const QUEUED: Moment = ("queued", |_| true);
const EXPORTING: Moment = ("exporting", |view| view.summary.state >= RunState::Exporting);
const READING: Moment = ("reading", |view| view.summary.state >= RunState::Reading);
const FIRST_PARTS: Moment = ("first parts", |view| view.parts >= 3);
const MANY_PARTS: Moment = ("many parts", |view| view.parts >= 60);
const DELIVERING: Moment = ("delivering", |view| view.summary.state >= RunState::Delivering);
const FIRST_ACKNOWLEDGED: Moment = ("first acknowledged", |view| view.parts_acknowledged >= 1);
const HALF_ACKNOWLEDGED: Moment =
    ("half acknowledged", |view| view.parts_acknowledged > 0 && view.parts_acknowledged * 2 >= view.parts);
const MOST_ACKNOWLEDGED: Moment =
    ("most acknowledged", |view| view.parts_acknowledged > 0 && view.parts_acknowledged * 10 >= view.parts * 9);
const COMPLETING: Moment = ("completing", |view| view.summary.state >= RunState::Completing);

#[derive(Debug, Clone, Copy, PartialEq)]
enum Victim {
    Usher,
    Producer,
    Consumer,
}

struct Scene {
    installation: Installation,
    usher: Process,
    endpoints: Endpoints,
    hub: Hub,
    actor: Actor,
    /// Beacon Mail's own database.
    beacon: SqlitePool,
}

/// What a run left behind.
#[derive(Debug, PartialEq)]
struct Outcome {
    /// The keys of the people who are in the segment, in order.
    members: Vec<String>,
    /// Each part as the destination has noted it: its number, digest, rows taken in and accepted.
    parts: Vec<(i64, String, i64, i64)>,
    /// Read, valid, rejected, acknowledged, refused.
    counts: [u64; 5],
    /// The receipt's digest over all that was sent.
    sha256: String,
}

impl Scene {
    async fn new() -> Self {
        let settings = [
            ("USHER_PART_ROWS", "20"),
            ("USHER_LEASE_SECONDS", "1"),
            ("USHER_RETRY_MAX_DELAY_MS", "200"),
            ("USHER_RETRY_MAX_RETRIES", "1000"),
        ];
        let installation =
            settings.iter().fold(Installation::new(), |installation, (name, value)| installation.with(name, value));
        let usher = installation.serve().await;
        let endpoints = installation.endpoints(PEOPLE).await;
        installation.make_demo(&endpoints).await;
        let hub = installation.hub().await;
        let actor = demo_actor(&hub).await;
        let beacon = format!("sqlite:{}", installation.path("demo/beacon.db").display());
        let beacon = SqlitePool::connect(&beacon).await.unwrap();
        Self { installation, usher, endpoints, hub, actor, beacon }
    }

    /// Asks for a run that adds everybody to a new segment.
    async fn add(&self, segment: &str) -> RunId {
        self.run(DestinationSegment::New { name: segment.to_owned() }, Mode::Add).await
    }

    /// Asks for a run that replaces whoever is in one of Beacon's own segments.
    async fn replace(&self, id: &str, name: &str) -> RunId {
        assert!(!self.members(name).await.is_empty(), "there is somebody to be replaced in {name}");
        self.run(DestinationSegment::Existing { id: id.to_owned(), name: name.to_owned() }, Mode::Replace).await
    }

    async fn run(&self, segment: DestinationSegment, mode: Mode) -> RunId {
        let share = share_with_beacon(&self.hub, &self.actor, segment, mode).await;
        self.hub.share_now(&self.actor, &share).await.unwrap()
    }

    async fn kill(&mut self, victim: Victim) {
        match victim {
            Victim::Usher => self.usher.crash().await,
            Victim::Producer => self.endpoints.harbor.crash().await,
            Victim::Consumer => self.endpoints.beacon.crash().await,
        }
    }

    async fn start_again(&mut self, victim: Victim) {
        match victim {
            Victim::Usher => self.usher = self.installation.serve().await,
            Victim::Producer => self.endpoints.harbor = self.installation.serve_endpoint("harbor").await,
            Victim::Consumer => self.endpoints.beacon = self.installation.serve_endpoint("beacon").await,
        }
    }

    async fn view(&self, run: &RunId) -> RunView {
        self.hub.run(&self.actor, run).await.unwrap()
    }

    /// Waits until the run is so.
    async fn until(&self, run: &RunId, what: &str, reached: impl Fn(&RunView) -> bool) -> RunView {
        let mut view = self.view(run).await;
        let waiting = async {
            while !reached(&view) {
                tokio::time::sleep(Duration::from_millis(2)).await;
                view = self.view(run).await;
            }
        };
        let in_time = tokio::time::timeout(PATIENCE, waiting).await;
        assert!(in_time.is_ok(), "{what}: {view:#?}");
        view
    }

    async fn members(&self, segment: &str) -> Vec<String> {
        sqlx::query_scalar(
            "select person_key from list_members join lists on lists.id = segment_id where lists.name = $1 order by person_key",
        )
        .bind(segment)
        .fetch_all(&self.beacon)
        .await
        .unwrap()
    }

    /// Waits until the run has ended well, and looks at all that it left.
    async fn outcome(&self, run: &RunId, segment: &str) -> Outcome {
        let end = self.until(run, "it ends", |view| view.summary.state.is_final()).await;
        assert_eq!(end.summary.state, RunState::CompleteWithRejects, "{end:#?}");
        let Receipt { counts, sha256, .. } = {
            let receipt = self.hub.receipt(&self.actor, run).await.unwrap();
            receipt.check().unwrap();
            receipt
        };
        let parts = sqlx::query(
            "select part, sha256, received, accepted from usher_parts
             where job_id in (select usher_jobs.id from usher_jobs join lists on lists.id = segment_id where lists.name = $1)
             order by part, job_id",
        )
        .bind(segment)
        .fetch_all(&self.beacon)
        .await
        .unwrap();
        Outcome {
            members: self.members(segment).await,
            parts: parts.iter().map(|row| (row.get(0), row.get(1), row.get(2), row.get(3))).collect(),
            counts: [counts.read, counts.valid, counts.rejected, counts.acknowledged, counts.refused],
            sha256,
        }
    }

    /// A run that nothing disturbs.
    async fn undisturbed(&self) -> Outcome {
        let run = self.add("Undisturbed").await;
        let outcome = self.outcome(&run, "Undisturbed").await;
        assert!(outcome.members.len() > 1_000 && outcome.parts.len() > 100, "enough to be disturbed: {outcome:#?}");
        outcome
    }

    /// Kills the program at the moment and starts it again; whether that fell into the run.
    async fn disturb(&mut self, run: &RunId, victim: Victim, (moment, reached): Moment) -> bool {
        self.until(run, moment, reached).await;
        self.kill(victim).await;
        let under_way = !self.view(run).await.summary.state.is_final();
        self.start_again(victim).await;
        under_way
    }
}

/// Kills the program at each of the moments, in a run of its own.
async fn survives(victim: Victim, moments: &[Moment]) {
    let mut scene = Scene::new().await;
    let undisturbed = scene.undisturbed().await;
    let mut late = Vec::new();
    for moment in moments {
        let run = scene.add(moment.0).await;
        if !scene.disturb(&run, victim, *moment).await {
            late.push(moment.0);
        }
        assert_eq!(scene.outcome(&run, moment.0).await, undisturbed, "{victim:?} killed when {}", moment.0);
    }
    assert!(late.iter().all(|moment| *moment == COMPLETING.0), "these came too late to matter: {late:?}");
}

/// The same where the destination has to keep its old people until all the new ones are there.
async fn survives_replacing(victim: Victim, moments: &[Moment]) {
    const SEGMENTS: [(&str, &str); 3] = [
        ("lst_welcome", "Welcome series"),
        ("lst_spring", "Spring campaign"),
        ("lst_portugal", "Friends of the shop (Portugal)"),
    ];
    let mut scene = Scene::new().await;
    let undisturbed = scene.undisturbed().await;
    assert!(moments.len() <= SEGMENTS.len());
    for (moment, (id, name)) in moments.iter().zip(SEGMENTS) {
        let before = scene.members(name).await;
        let run = scene.replace(id, name).await;
        scene.until(&run, moment.0, moment.1).await;
        scene.kill(victim).await;
        let view = scene.view(&run).await;
        assert!(!view.summary.state.is_final(), "{} came too late to matter", moment.0);
        if view.summary.state < RunState::Completing {
            assert_eq!(scene.members(name).await, before, "nobody is gone when {victim:?} is killed: {}", moment.0);
        }
        scene.start_again(victim).await;
        assert_eq!(scene.outcome(&run, name).await, undisturbed, "{victim:?} killed when {}", moment.0);
    }
}

#[tokio::test]
async fn usher_killed_while_it_takes_in_finishes_when_it_is_back() {
    survives(Victim::Usher, &[QUEUED, EXPORTING, READING, FIRST_PARTS, MANY_PARTS]).await;
}

#[tokio::test]
async fn usher_killed_while_it_delivers_finishes_when_it_is_back() {
    let moments = [DELIVERING, FIRST_ACKNOWLEDGED, HALF_ACKNOWLEDGED, MOST_ACKNOWLEDGED, COMPLETING];
    survives(Victim::Usher, &moments).await;
}

#[tokio::test]
async fn usher_killed_while_it_replaces_never_empties_the_segment() {
    survives_replacing(Victim::Usher, &[MANY_PARTS, FIRST_ACKNOWLEDGED, HALF_ACKNOWLEDGED]).await;
}

#[tokio::test]
async fn the_producer_killed_is_read_again_when_it_is_back() {
    survives(Victim::Producer, &[QUEUED, EXPORTING, READING, FIRST_PARTS, MANY_PARTS, DELIVERING]).await;
}

#[tokio::test]
async fn the_consumer_killed_gets_the_rest_when_it_is_back() {
    let moments = [MANY_PARTS, DELIVERING, FIRST_ACKNOWLEDGED, HALF_ACKNOWLEDGED, MOST_ACKNOWLEDGED, COMPLETING];
    survives(Victim::Consumer, &moments).await;
}

#[tokio::test]
async fn the_consumer_killed_while_it_is_replaced_never_loses_its_people() {
    survives_replacing(Victim::Consumer, &[DELIVERING, FIRST_ACKNOWLEDGED, HALF_ACKNOWLEDGED]).await;
}
