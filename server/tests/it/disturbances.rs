//! All ways and modes under disturbance: programs that are killed at random, again and again, and a network that cuts, delays and repeats. What is
//! in the consumer's tables afterwards is compared with the truth, row by row.

use std::{collections::BTreeMap, time::Duration};

use model::{
    id::{RunId, ShareId},
    run::{Duplicates, Mode, RunState},
    view::RunView,
};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use sqlx::{AssertSqlSafe, Row, SqlitePool};
use tokio::process::Child;

use crate::{
    agents::{BOTH, FETCHING, SENDING, SERVED, Scene, Way},
    faults::FaultyNetwork,
    installation::PATIENCE,
};

/// Kills for each way of moving data: 200 in all.
const KILLS: u32 = 50;
/// Somebody who is in each segment without Usher's doing.
const STRANGER: &str = "stranger@elsewhere.example";

/// Each member of a segment with all that the consumer keeps of them.
type Rows = BTreeMap<String, Vec<Option<String>>>;

/// A scene, its agents at work, and the truth about each mode.
struct Stage {
    scene: Scene,
    way: Way,
    agents: BTreeMap<&'static str, Child>,
    everybody: Rows,
    segments: u32,
    /// Source changes so far: people who left, and who changed.
    changes: u32,
}

impl Stage {
    async fn new(way: Way, scene: Scene) -> Self {
        assert_eq!((scene.once("harbor").await, scene.once("beacon").await), (Some(0), Some(0)));
        let agents = ["harbor", "beacon"].into_iter().map(|name| (name, scene.start(name))).collect();
        let mut stage = Self { scene, way, agents, everybody: Rows::new(), segments: 0, changes: 0 };
        stage.look_at_everybody().await;
        stage
    }

    /// What the source has now, as it arrives undisturbed.
    async fn look_at_everybody(&mut self) {
        let segment = format!("Undisturbed {}", self.changes);
        let run = self.share(&segment, Mode::Add).await;
        self.scene.receipt(&run).await;
        self.everybody = self.rows(&segment).await;
        assert!(self.everybody.len() > 1000, "enough to be disturbed");
    }

    /// Some people leave the source, and some change.
    async fn change_source(&mut self) {
        self.changes += 1;
        let left = "select customer_id from people order by customer_id limit 60 offset 200";
        let changed =
            format!("select customer_id from people order by customer_id limit 60 offset {}", self.changes * 100);
        self.scene
            .change_harbor(&[
                format!("delete from people where customer_id in ({left})"),
                format!("update people set first_name = 'Changed {}' where customer_id in ({changed})", self.changes),
            ])
            .await;
    }

    /// Of two rows of a person the last one is sent: whatever the order in which parts arrive, there is one truth.
    async fn prepare(&self, segment: &str, mode: Mode) -> ShareId {
        let share = self.scene.prepare(self.way, segment, mode).await;
        self.scene.hub.set_duplicates(&self.scene.actor, &share, Duplicates::Last).await.unwrap();
        share
    }

    async fn share(&self, segment: &str, mode: Mode) -> RunId {
        let share = self.prepare(segment, mode).await;
        self.scene.hub.share_now(&self.scene.actor, &share).await.unwrap()
    }

    fn database(&self) -> &SqlitePool {
        self.scene.database(self.way.destination)
    }

    async fn rows(&self, segment: &str) -> Rows {
        let columns = "contacts.email, external_id, mobile, given_name, family_name, town, postcode, country_code";
        let text = format!(
            "select person_key, {columns} from list_members join lists on lists.id = segment_id
             left join contacts on contacts.email = person_key where lists.name = $1"
        );
        let rows = sqlx::query(AssertSqlSafe(text)).bind(segment).fetch_all(self.database()).await.unwrap();
        rows.iter().map(|row| (row.get(0), (1..=8).map(|column| row.get(column)).collect())).collect()
    }

    /// A segment and a share of this mode with it: what has to be there before is there, and a stranger. A mirror has run before, and its source has
    /// changed since.
    async fn segment(&mut self, mode: Mode) -> (String, ShareId) {
        self.segments += 1;
        let name = format!("Disturbed {} {mode:?}", self.segments);
        let share = match mode {
            Mode::Add => self.prepare(&name, mode).await,
            Mode::Mirror => {
                let share = self.prepare(&name, mode).await;
                let run = self.scene.hub.share_now(&self.scene.actor, &share).await.unwrap();
                self.scene.receipt(&run).await;
                self.change_source().await;
                share
            }
            Mode::Replace | Mode::Remove => {
                let run = self.scene.share(self.way, &name, Mode::Add).await;
                self.scene.receipt(&run).await;
                self.prepare(&name, mode).await
            }
        };
        for text in [
            format!("insert into contacts (email) values ('{STRANGER}') on conflict do nothing"),
            format!(
                "insert into list_members (segment_id, person_key, added_at)
                 select id, '{STRANGER}', '2026-01-01' from lists where name = '{name}'"
            ),
        ] {
            sqlx::query(AssertSqlSafe(text)).execute(self.database()).await.unwrap();
        }
        (name, share)
    }

    /// What has to be in the segment after a run of this mode.
    fn truth(&self, mode: Mode) -> Rows {
        let stranger = (STRANGER.to_owned(), [vec![Some(STRANGER.to_owned())], vec![None; 7]].concat());
        match mode {
            Mode::Add | Mode::Replace => self.everybody.clone(),
            Mode::Remove => Rows::from([stranger]),
            Mode::Mirror => {
                self.everybody.iter().map(|(key, row)| (key.clone(), row.clone())).chain([stranger]).collect()
            }
        }
    }

    async fn view(&self, run: &RunId) -> RunView {
        self.scene.hub.run(&self.scene.actor, run).await.unwrap()
    }

    /// Waits for its end, and compares.
    async fn check(&mut self, run: &RunId, segment: &str, mode: Mode) {
        let end = self.scene.until(run, "it ends", |view| view.summary.state.is_final()).await;
        assert_eq!(end.summary.state, RunState::CompleteWithRejects, "{:?} {mode:?}: {end:#?}", self.way);
        self.scene.hub.receipt(&self.scene.actor, run).await.unwrap().check().unwrap();
        let rows = self.rows(segment).await;
        if let Some(changes) = end.summary.counts.changes {
            assert!(
                changes.removed > 0 && changes.changed > 0,
                "{:?}: somebody left and somebody changed: {changes:?}",
                self.way
            );
            assert!(changes.unchanged > 500, "{:?}: only what changed is sent: {changes:?}", self.way);
            self.look_at_everybody().await;
        }
        let truth = self.truth(mode);
        let wrong: Vec<_> = rows.iter().filter(|row| truth.get(row.0) != Some(row.1)).take(5).collect();
        assert!(wrong.is_empty(), "{:?} {mode:?}: these are not as they should be: {wrong:?}", self.way);
        assert_eq!(rows.len(), truth.len(), "{:?} {mode:?}: nobody is missing", self.way);
    }

    async fn kill(&mut self, victim: u32) {
        match (victim, self.way.source, self.way.destination) {
            (0, _, _) => self.scene.restart_usher().await,
            (1, "Harbor CRM", _) => self.scene.restart_endpoint("harbor").await,
            (1, _, _) => self.restart_agent("harbor").await,
            (_, _, "Beacon Mail") => self.scene.restart_endpoint("beacon").await,
            (_, _, _) => self.restart_agent("beacon").await,
        }
    }

    async fn restart_agent(&mut self, name: &'static str) {
        if let Some(mut agent) = self.agents.remove(name) {
            agent.kill().await.unwrap();
        }
        self.agents.insert(name, self.scene.start(name));
    }

    /// Agents that gave up because Usher was away are started again, as a service manager would.
    fn see_to_agents(&mut self) {
        for (name, agent) in &mut self.agents {
            if agent.try_wait().unwrap().is_some() {
                *agent = self.scene.start(name);
            }
        }
    }
}

/// Kills one of the three programs at a random moment of a run, again and again, in runs of each mode.
async fn survives_kills(way: Way, seed: u64) {
    let mut random = StdRng::seed_from_u64(seed);
    let mut stage = Stage::new(way, Scene::disturbed().await).await;
    let mut kills = 0;
    let mut modes = [Mode::Add, Mode::Replace, Mode::Remove, Mode::Mirror].into_iter().cycle();
    while kills < KILLS {
        let mode = modes.next().expect("there is always another");
        let (segment, share) = stage.segment(mode).await;
        let run = stage.scene.hub.share_now(&stage.scene.actor, &share).await.unwrap();
        let of_this_run = kills + 5;
        while kills < of_this_run && !stage.view(&run).await.summary.state.is_final() {
            // The moment is what is random here; nothing is waited for.
            tokio::time::sleep(Duration::from_millis(random.random_range(0..250))).await;
            if stage.view(&run).await.summary.state.is_final() {
                break;
            }
            stage.kill(random.random_range(0..3)).await;
            kills += 1;
        }
        let checked = async {
            while !stage.view(&run).await.summary.state.is_final() {
                stage.see_to_agents();
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let in_time = tokio::time::timeout(PATIENCE * 2, checked).await;
        assert!(in_time.is_ok(), "{way:?} {mode:?} after {kills} kills: {:#?}", stage.view(&run).await);
        stage.check(&run, &segment, mode).await;
    }
}

#[tokio::test]
async fn kills_at_random_are_survived_between_served_endpoints() {
    survives_kills(SERVED, 1).await;
}

#[tokio::test]
async fn kills_at_random_are_survived_from_an_agent() {
    survives_kills(SENDING, 2).await;
}

#[tokio::test]
async fn kills_at_random_are_survived_to_an_agent() {
    survives_kills(FETCHING, 3).await;
}

#[tokio::test]
async fn kills_at_random_are_survived_between_agents() {
    survives_kills(BOTH, 4).await;
}

/// All modes over a network that cuts, delays and repeats.
async fn survives_the_network(way: Way, seed: u64) {
    let (scene, networks) = Scene::over_faulty_networks(seed).await;
    let mut stage = Stage::new(way, scene).await;
    for mode in [Mode::Add, Mode::Replace, Mode::Remove, Mode::Mirror] {
        let (segment, share) = stage.segment(mode).await;
        networks.iter().for_each(FaultyNetwork::begin);
        let run = stage.scene.hub.share_now(&stage.scene.actor, &share).await.unwrap();
        let ended = async {
            while !stage.view(&run).await.summary.state.is_final() {
                stage.see_to_agents();
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let in_time = tokio::time::timeout(PATIENCE * 4, ended).await;
        networks.iter().for_each(FaultyNetwork::end);
        assert!(in_time.is_ok(), "{way:?} {mode:?}: {:#?}", stage.view(&run).await);
        stage.check(&run, &segment, mode).await;
    }
    let faults: u32 = networks.iter().map(FaultyNetwork::faults).sum();
    assert!(faults >= 10, "the network was as bad as it should be: {faults} faults");
}

#[tokio::test]
async fn a_bad_network_is_survived_between_served_endpoints() {
    survives_the_network(SERVED, 11).await;
}

#[tokio::test]
async fn a_bad_network_is_survived_from_an_agent() {
    survives_the_network(SENDING, 12).await;
}

#[tokio::test]
async fn a_bad_network_is_survived_to_an_agent() {
    survives_the_network(FETCHING, 13).await;
}

#[tokio::test]
async fn a_bad_network_is_survived_between_agents() {
    survives_the_network(BOTH, 14).await;
}
