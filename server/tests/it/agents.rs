//! The Toolkit's agents: a PUSH producer and a PULL consumer as real processes, beside the demo's served ones. Whichever way data moves, the
//! same people arrive.

use std::time::Duration;

use hub::{Hub, exchange::hosted::JobQuery, registry::EndpointActor};
use model::{
    contract::{HostedJob, JobStatus},
    id::{AudienceId, EndpointId, RunId, ShareId},
    mapping::Mapping,
    run::{Mode, Receipt, RunState},
    suggestion::suggest,
    view::{Actor, AudienceQuery, ChooseDestination, Connect, DestinationSegment, RunView},
};
use sqlx::SqlitePool;
use tokio::process::Child;

use crate::{
    faults::FaultyNetwork,
    installation::{Endpoints, Installation, PATIENCE, Process, demo_actor, free_address},
};

const PEOPLE: u32 = 2_000;
const FOLDER: &str = "agents";

pub struct Scene {
    installation: Installation,
    usher: Process,
    endpoints: Endpoints,
    pub hub: Hub,
    pub actor: Actor,
    /// The producing agent, as Usher knows it.
    harbor: EndpointActor,
    /// Beacon's database where it is served, and where its agent fetches.
    served: SqlitePool,
    fetching: SqlitePool,
}

/// Who gives and who takes.
#[derive(Debug, Clone, Copy)]
pub struct Way {
    pub source: &'static str,
    pub destination: &'static str,
}

impl Scene {
    /// Usher with the demo, and the demo once more as agents, which have not started yet.
    async fn new() -> Self {
        let installation = Installation::new().with("USHER_PART_ROWS", "100").with("USHER_LEASE_SECONDS", "1");
        let usher = installation.serve().await;
        let endpoints = installation.endpoints(PEOPLE).await;
        let urls = [usher.url.clone(), endpoints.harbor.url.clone(), endpoints.beacon.url.clone()];
        Self::with(installation, usher, endpoints, urls).await
    }

    /// The same for tests that disturb it: Usher stays at its address when it is started again, and is not easily discouraged.
    async fn steadfast() -> (Installation, Process, Endpoints) {
        let address = free_address();
        let settings = [
            ("USHER_LISTEN", address.as_str()),
            ("USHER_PART_ROWS", "50"),
            ("USHER_LEASE_SECONDS", "1"),
            ("USHER_RETRY_MAX_DELAY_MS", "200"),
            ("USHER_RETRY_MAX_RETRIES", "1000"),
            ("USHER_REQUESTS_PER_MINUTE", "1000000"),
        ];
        let installation =
            settings.iter().fold(Installation::new(), |installation, (name, value)| installation.with(name, value));
        let usher = installation.serve().await;
        let endpoints = installation.endpoints(PEOPLE).await;
        (installation, usher, endpoints)
    }

    /// For tests that kill its programs.
    pub async fn disturbed() -> Self {
        let (installation, usher, endpoints) = Self::steadfast().await;
        let urls = [usher.url.clone(), endpoints.harbor.url.clone(), endpoints.beacon.url.clone()];
        Self::with(installation, usher, endpoints, urls).await
    }

    /// Each program is reached through a network of its own.
    pub async fn over_faulty_networks(seed: u64) -> (Self, [FaultyNetwork; 3]) {
        let (installation, usher, endpoints) = Self::steadfast().await;
        let networks = [
            FaultyNetwork::before(&usher.url, seed).await,
            FaultyNetwork::before(&endpoints.harbor.url, seed + 100).await,
            FaultyNetwork::before(&endpoints.beacon.url, seed + 200).await,
        ];
        let urls = networks.each_ref().map(|network| network.url.clone());
        (Self::with(installation, usher, endpoints, urls).await, networks)
    }

    /// `urls` are those at which Usher, Harbor and Beacon are reached.
    async fn with(installation: Installation, usher: Process, endpoints: Endpoints, urls: [String; 3]) -> Self {
        installation.make_demo_at(&urls[1], &urls[2]).await;
        let hub = installation.hub().await;
        let actor = demo_actor(&hub).await;
        let mut keys = Vec::new();
        for name in ["Harbor agent", "Beacon agent"] {
            let form = Connect {
                application_id: "app_toolkit_agent".to_owned(),
                name: name.to_owned(),
                base_url: String::new(),
                authentication_key: String::new(),
                ..Connect::default()
            };
            let id: EndpointId = hub.connect_endpoint(&actor, form).await.unwrap();
            keys.push(hub.make_endpoint_key(&actor, &id).await.unwrap().0);
        }
        installation.agents(&urls[0], FOLDER, PEOPLE, [("harbor", &keys[0]), ("beacon", &keys[1])]).await;
        let harbor = hub.endpoint_of_key(&keys[0]).await.unwrap().expect("it was just made");
        let open = async |path: &str| {
            SqlitePool::connect(&format!("sqlite:{}", installation.path(path).display())).await.unwrap()
        };
        let (served, fetching) = (open("demo/beacon.db").await, open("agents/beacon.db").await);
        Self { installation, usher, endpoints, hub, actor, harbor, served, fetching }
    }

    /// Kills Usher and starts it again.
    pub async fn restart_usher(&mut self) {
        self.usher.crash().await;
        self.usher = self.installation.serve().await;
    }

    /// The same for an endpoint that is served.
    pub async fn restart_endpoint(&mut self, name: &str) {
        let endpoint = if name == "harbor" { &mut self.endpoints.harbor } else { &mut self.endpoints.beacon };
        endpoint.crash().await;
        *endpoint = self.installation.serve_endpoint(name).await;
    }

    /// Changes the people of Harbor, where it is served and where its agent sends.
    pub async fn change_harbor(&self, changes: &[String]) {
        for folder in ["demo", FOLDER] {
            let url = format!("sqlite:{}", self.installation.path(&format!("{folder}/harbor.db")).display());
            let harbor = SqlitePool::connect(&url).await.unwrap();
            for change in changes {
                sqlx::query(sqlx::AssertSqlSafe(change.clone())).execute(&harbor).await.unwrap();
            }
            harbor.close().await;
        }
    }

    /// The consumer's own.
    pub fn database(&self, destination: &str) -> &SqlitePool {
        if destination == "Beacon Mail" { &self.served } else { &self.fetching }
    }

    pub fn start(&self, name: &str) -> Child {
        self.installation.agent(FOLDER, name, false).spawn().unwrap()
    }

    /// Lets an agent do what there is to do.
    pub async fn once(&self, name: &str) -> Option<i32> {
        let ended = tokio::time::timeout(PATIENCE, self.installation.agent(FOLDER, name, true).status()).await;
        ended.expect("it ends").unwrap().code()
    }

    async fn everybody_of(&self, endpoint: &str) -> Option<AudienceId> {
        let query = AudienceQuery { text: format!("{endpoint} all customers"), page: 1, ..AudienceQuery::default() };
        let page = self.hub.audiences(&self.actor, &query).await.unwrap();
        page.items.into_iter().find(|audience| audience.endpoint_name == endpoint).map(|audience| audience.id)
    }

    pub async fn share(&self, way: Way, segment: &str, mode: Mode) -> RunId {
        let share = self.prepare(way, segment, mode).await;
        self.hub.share_now(&self.actor, &share).await.unwrap()
    }

    pub async fn prepare(&self, way: Way, segment: &str, mode: Mode) -> ShareId {
        let audience = self.everybody_of(way.source).await.expect("it has declared its audiences");
        let share = self.hub.start_share(&self.actor, &audience).await.unwrap();
        let choices = self.hub.destinations(&self.actor, &share).await.unwrap();
        let choice = choices.into_iter().find(|choice| choice.name == way.destination).expect("it takes audiences");
        let known = self.hub.existing_segments(&self.actor, &choice.id).await.unwrap();
        let segment = match known.into_iter().find(|known| known.name == segment) {
            Some(known) => DestinationSegment::Existing { id: known.id, name: known.name },
            None => DestinationSegment::New { name: segment.to_owned() },
        };
        let choice = ChooseDestination { endpoint_id: choice.id.to_string(), segment, mode };
        let view = self.hub.choose_destination(&self.actor, &share, choice).await.unwrap();
        let fields = view.destination.expect("just chosen").fields;
        let links = suggest(&view.fields, &fields, &view.mapping, &[]).into_iter().map(|suggestion| suggestion.link);
        self.hub.save_mapping(&self.actor, &share, Mapping { links: links.collect() }).await.unwrap();
        self.hub.set_shrink_limit(&self.actor, &share, 100).await.unwrap();
        share
    }

    pub async fn until(&self, run: &RunId, what: &str, reached: impl Fn(&RunView) -> bool) -> RunView {
        let mut view = self.hub.run(&self.actor, run).await.unwrap();
        let waiting = async {
            while !reached(&view) {
                tokio::time::sleep(Duration::from_millis(5)).await;
                view = self.hub.run(&self.actor, run).await.unwrap();
            }
        };
        let in_time = tokio::time::timeout(PATIENCE, waiting).await;
        assert!(in_time.is_ok(), "{what}: {view:#?}");
        view
    }

    /// The export that waits for the producing agent, once it is there.
    async fn export(&self) -> HostedJob {
        let query = JobQuery { limit: 1, ..JobQuery::default() };
        let waiting = async {
            loop {
                let jobs = self.hub.hosted_jobs(&self.harbor, &query, Duration::from_secs(30)).await.unwrap();
                if let Some(job) = jobs.items.into_iter().next() {
                    return job;
                }
            }
        };
        tokio::time::timeout(PATIENCE, waiting).await.expect("a job is made for it")
    }

    pub async fn receipt(&self, run: &RunId) -> Receipt {
        let end = self.until(run, "it ends", |view| view.summary.state.is_final()).await;
        assert_eq!(end.summary.state, RunState::CompleteWithRejects, "{end:#?}");
        let receipt = self.hub.receipt(&self.actor, run).await.unwrap();
        receipt.check().unwrap();
        receipt
    }

    async fn members(&self, destination: &str, segment: &str) -> Vec<String> {
        sqlx::query_scalar(
            "select person_key from list_members join lists on lists.id = segment_id where lists.name = $1 order by person_key",
        )
        .bind(segment)
        .fetch_all(self.database(destination))
        .await
        .unwrap()
    }
}

pub const SERVED: Way = Way { source: "Harbor CRM", destination: "Beacon Mail" };
pub const SENDING: Way = Way { source: "Harbor agent", destination: "Beacon Mail" };
pub const FETCHING: Way = Way { source: "Harbor CRM", destination: "Beacon agent" };
pub const BOTH: Way = Way { source: "Harbor agent", destination: "Beacon agent" };

#[tokio::test]
async fn the_same_people_arrive_whichever_way_each_side_moves_data() {
    let scene = Scene::new().await;
    assert_eq!(
        (scene.once("harbor").await, scene.once("beacon").await),
        (Some(0), Some(0)),
        "they introduce themselves"
    );
    let _agents = [scene.start("harbor"), scene.start("beacon")];
    for mode in [Mode::Add, Mode::Replace, Mode::Remove, Mode::Mirror] {
        let mut outcomes = Vec::new();
        for way in [SERVED, SENDING, FETCHING, BOTH] {
            let run = scene.share(way, "Whichever way", mode).await;
            let receipt = scene.receipt(&run).await;
            let members = scene.members(way.destination, "Whichever way").await;
            assert_eq!(members.is_empty(), mode == Mode::Remove, "{way:?} {mode:?}");
            outcomes.push((members, receipt.counts.read, receipt.counts.acknowledged, receipt.sha256));
        }
        for outcome in &outcomes {
            assert_eq!(*outcome, outcomes[0], "{mode:?}");
        }
    }
}

#[tokio::test]
async fn a_mirror_removes_who_left_whichever_way_each_side_moves_data() {
    let scene = Scene::new().await;
    assert_eq!((scene.once("harbor").await, scene.once("beacon").await), (Some(0), Some(0)));
    let _agents = [scene.start("harbor"), scene.start("beacon")];
    let mut shares = Vec::new();
    for (number, way) in [SERVED, SENDING, FETCHING, BOTH].into_iter().enumerate() {
        let share = scene.prepare(way, &format!("Mirrored {number}"), Mode::Mirror).await;
        let run = scene.hub.share_now(&scene.actor, &share).await.unwrap();
        scene.receipt(&run).await;
        shares.push((number, way, share));
    }
    scene
        .change_harbor(&[
            "delete from people where customer_id in (select customer_id from people order by customer_id limit 300)"
                .to_owned(),
            "update people set first_name = 'Renamed' where customer_id in \
             (select customer_id from people order by customer_id desc limit 300)"
                .to_owned(),
        ])
        .await;
    let mut outcomes = Vec::new();
    for (number, way, share) in &shares {
        let before = scene.members(way.destination, &format!("Mirrored {number}")).await.len();
        let run = scene.hub.share_now(&scene.actor, share).await.unwrap();
        let receipt = scene.receipt(&run).await;
        let changes = receipt.counts.changes.unwrap();
        let members = scene.members(way.destination, &format!("Mirrored {number}")).await;
        assert!(changes.removed > 200 && changes.changed > 200 && changes.added < 300, "{way:?} {changes:?}");
        assert!(members.len() < before, "{way:?}");
        outcomes.push((way, members, changes));
    }
    for (way, members, changes) in &outcomes {
        assert!(*members == outcomes[0].1, "{way:?}: the same members");
        assert_eq!(*changes, outcomes[0].2, "{way:?}");
    }
}

#[tokio::test]
async fn agents_that_are_killed_again_and_again_finish_and_double_nobody() {
    let scene = Scene::new().await;
    assert_eq!((scene.once("harbor").await, scene.once("beacon").await), (Some(0), Some(0)));
    let run = scene.share(SERVED, "Undisturbed", Mode::Add).await;
    let undisturbed = scene.receipt(&run).await.sha256;
    let expected = scene.members("Beacon Mail", "Undisturbed").await;

    let run = scene.share(BOTH, "Disturbed", Mode::Add).await;
    // The producer: as soon as it lives, and as soon as it is heard of.
    let job = scene.export().await;
    scene.start("harbor").kill().await.unwrap();
    let mut producer = scene.start("harbor");
    let waiting = async {
        loop {
            let now = scene.hub.hosted_job(&scene.harbor, &job.job.id, Duration::from_secs(30)).await.unwrap();
            if now.job.status != JobStatus::Pending {
                return;
            }
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.expect("it begins to send");
    producer.kill().await.unwrap();
    assert_eq!(scene.once("harbor").await, Some(0));
    scene.until(&run, "all was read", |view| view.summary.state >= RunState::Delivering).await;
    let parts = scene.until(&run, "parts are there", |view| view.parts > 10).await.parts;
    for taken in [1, parts / 3, parts / 2, parts - 1] {
        let mut consumer = scene.start("beacon");
        scene.until(&run, "some parts were taken", |view| view.parts_acknowledged >= taken).await;
        consumer.kill().await.unwrap();
    }
    assert_eq!(scene.once("beacon").await, Some(0));
    assert_eq!(scene.receipt(&run).await.sha256, undisturbed);
    assert_eq!(scene.members("Beacon agent", "Disturbed").await, expected);
}

#[tokio::test]
async fn an_agent_says_by_its_exit_code_what_stopped_it() {
    let scene = Scene::new().await;
    let config = scene.installation.path(FOLDER).join("harbor.toml");
    let good = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, good.replace("usher_key_", "usher_key_0")).unwrap();
    assert_eq!(scene.once("harbor").await, Some(3), "the key is refused");
    std::fs::write(&config, good.replace("endpoint_key =", "endpoint_kee =")).unwrap();
    assert_eq!(scene.once("harbor").await, Some(2), "the configuration can't be used");
    std::fs::write(&config, &good).unwrap();
    assert_eq!(scene.once("harbor").await, Some(0), "there is nothing to do");

    // A job that can't be done: the table behind the audience is gone.
    let served = scene.installation.agent(FOLDER, "beacon", true).status().await.unwrap();
    assert_eq!(served.code(), Some(0));
    scene.share(BOTH, "Never", Mode::Add).await;
    scene.export().await;
    let harbor = format!("sqlite:{}", scene.installation.path("agents/harbor.db").display());
    let harbor = SqlitePool::connect(&harbor).await.unwrap();
    let table: String = sqlx::query_scalar("select name from sqlite_master where type = 'table' order by name limit 1")
        .fetch_one(&harbor)
        .await
        .unwrap();
    sqlx::query(sqlx::AssertSqlSafe(format!("alter table {table} rename to gone"))).execute(&harbor).await.unwrap();
    let code = scene.once("harbor").await;
    assert!(matches!(code, Some(2 | 5)), "{code:?}");
}
