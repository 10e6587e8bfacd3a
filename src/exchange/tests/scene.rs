//! A hub with a worker, a producer and a consumer, all on this machine: the stage of most tests of this room.

use std::{net::SocketAddr, path::Path, sync::Arc, time::Duration};

use futures::TryStreamExt;
use model::{
    id::{EndpointId, RunId, ShareId},
    run::{Mode, Receipt},
    view::{Actor, Connect, RunView, SignUp},
};
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::{
    consumer::{Consumer, Temper},
    plans,
    producer::{Manner, Producer},
    served::Served,
};
use crate::{
    exchange::{ExchangeSettings, NewRun, RejectFilter, RunPlan, enqueue},
    hub::{Hub, HubSettings},
    outbound::{RetryPolicy, Timeouts},
    registry::{EndpointActor, SignInSettings},
    sharing::SchedulingSettings,
    store::{Clock, SystemClock, new_id, sealing::MasterKeys},
};

/// Longer than anything takes that goes well.
const PATIENCE: Duration = Duration::from_secs(30);

pub(super) struct Scene {
    pub(super) hub: Hub,
    pub(super) actor: Actor,
    pub(super) producer: Producer,
    pub(super) consumer: Consumer,
    pub(super) producer_id: EndpointId,
    consumer_id: EndpointId,
    producer_served: Option<Served>,
    consumer_served: Option<Served>,
    consumer_address: SocketAddr,
    folder: TempDir,
    database_url: String,
    worker: Option<(JoinHandle<()>, CancellationToken)>,
}

/// So many people, header and CRLF.
pub(super) fn people_csv(rows: usize) -> Vec<u8> {
    let mut csv = b"email,name\r\n".to_vec();
    for number in 1..=rows {
        csv.extend_from_slice(format!("person{number}@example.org,Person {number}\r\n").as_bytes());
    }
    csv
}

pub(super) fn settings(lease: Duration) -> ExchangeSettings {
    ExchangeSettings {
        lease,
        retry: RetryPolicy::fast(),
        idle_poll: Duration::from_millis(20),
        job_poll: Duration::from_millis(2),
        progress: Duration::from_millis(10),
        ..ExchangeSettings::default()
    }
}

/// What lies in a folder, in order; nothing when it is not there.
fn names_in(folder: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut names: Vec<String> =
        entries.map(|entry| entry.expect("can be read").file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// A hub on this database and the payload store in this folder.
async fn open(database_url: &str, folder: &Path, exchange: ExchangeSettings, clock: Arc<dyn Clock>) -> Hub {
    let settings = HubSettings {
        database_url: database_url.to_owned(),
        payload_folder: folder.join("payload"),
        master_keys: MasterKeys::only([7; 32]),
        allowed_networks: vec!["127.0.0.0/8".parse().expect("a network")],
        allow_http: false,
        timeouts: Timeouts {
            connect: Duration::from_secs(5),
            call: Duration::from_millis(1500),
            idle: Duration::from_millis(700),
        },
        exchange,
        scheduling: SchedulingSettings::default(),
        mail: None,
        sign_in: SignInSettings::default(),
    };
    Hub::open(settings, clock).await.expect("opens")
}

async fn connect(hub: &Hub, actor: &Actor, name: &str, url: &str) -> EndpointId {
    let form = Connect {
        application_id: "app_toolkit_endpoint".to_owned(),
        name: name.to_owned(),
        base_url: url.to_owned(),
        authentication_key: "a-key-for-tests".to_owned(),
        ..Connect::default()
    };
    hub.connect_endpoint(actor, form).await.expect("connects")
}

impl Scene {
    pub(super) async fn new(manner: Manner, temper: Temper) -> Self {
        Self::with_settings(manner, temper, settings(Duration::from_secs(10))).await
    }

    pub(super) async fn with_lease(manner: Manner, temper: Temper, lease: Duration) -> Self {
        Self::with_settings(manner, temper, settings(lease)).await
    }

    /// Calls are tried again for as long as the test lasts.
    pub(super) async fn patient(manner: Manner, temper: Temper) -> Self {
        let mut settings = settings(Duration::from_secs(3600));
        settings.retry.max_retries = u32::MAX;
        Self::with_settings(manner, temper, settings).await
    }

    /// On a database of the caller's choice.
    pub(super) async fn on(database_url: &str, manner: Manner, temper: Temper) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        Self::in_folder(folder, database_url.to_owned(), manner, temper, settings(Duration::from_secs(10))).await
    }

    pub(super) async fn with_settings(manner: Manner, temper: Temper, settings: ExchangeSettings) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let database_url = format!("sqlite:{}/usher.db", folder.path().display());
        Self::in_folder(folder, database_url, manner, temper, settings).await
    }

    async fn in_folder(
        folder: TempDir,
        database_url: String,
        manner: Manner,
        temper: Temper,
        settings: ExchangeSettings,
    ) -> Self {
        let hub = open(&database_url, folder.path(), settings, Arc::new(SystemClock)).await;
        let form = SignUp {
            account_name: "Example".to_owned(),
            user_name: "Ann".to_owned(),
            email: "ann@example.org".to_owned(),
            password: "correct horse battery".to_owned(),
        };
        let actor = hub.sign_up(form).await.expect("signs up");
        let (producer, consumer) = (Producer::new(manner), Consumer::new(temper));
        let (producer_served, consumer_served) = (producer.serve().await, consumer.serve().await);
        let mut scene = Self {
            producer_id: connect(&hub, &actor, "Harbor CRM", &producer_served.url()).await,
            consumer_id: connect(&hub, &actor, "Beacon Mail", &consumer_served.url()).await,
            consumer_address: consumer_served.address(),
            producer_served: Some(producer_served),
            consumer_served: Some(consumer_served),
            hub,
            actor,
            producer,
            consumer,
            folder,
            database_url,
            worker: None,
        };
        scene.work();
        scene
    }

    /// The producer, as one that calls by itself.
    pub(super) async fn producer_actor(&self) -> EndpointActor {
        let key = self.hub.make_endpoint_key(&self.actor, &self.producer_id).await.expect("is made").0;
        self.hub.endpoint_of_key(&key).await.expect("answers").expect("is known")
    }

    /// Another consumer, and the plan of a run to it.
    pub(super) async fn another_consumer(&self, name: &str, mode: Mode) -> (Consumer, Served, RunPlan) {
        let consumer = Consumer::new(Temper::default());
        let served = consumer.serve().await;
        let id = connect(&self.hub, &self.actor, name, &served.url()).await;
        (consumer, served, plans::plan(&self.producer_id, &id, mode))
    }

    fn work(&mut self) {
        let stop = CancellationToken::new();
        let (hub, token) = (self.hub.clone(), stop.clone());
        self.worker = Some((tokio::spawn(async move { hub.work(token).await }), stop));
    }

    /// As a signal to end would.
    pub(super) async fn stop_worker(&mut self) {
        if let Some((worker, stop)) = self.worker.take() {
            stop.cancel();
            worker.await.expect("ends in order");
        }
    }

    /// As `kill -9` would: nothing is handed back, nothing is written any more.
    pub(super) async fn kill_worker(&mut self) {
        if let Some((worker, _)) = self.worker.take() {
            worker.abort();
            assert!(worker.await.expect_err("was killed").is_cancelled());
        }
    }

    /// Another process on the same database and folder.
    pub(super) async fn start_worker(&mut self, lease: Duration) {
        self.start_worker_with(settings(lease)).await;
    }

    pub(super) async fn start_worker_with(&mut self, settings: ExchangeSettings) {
        self.hub = self.another_hub(settings).await;
        self.work();
    }

    /// The same, by a clock of its own.
    pub(super) async fn start_worker_at(&mut self, settings: ExchangeSettings, clock: Arc<dyn Clock>) {
        self.hub = self.another_hub_at(settings, clock).await;
        self.work();
    }

    /// What another process would have.
    pub(super) async fn another_hub(&self, settings: ExchangeSettings) -> Hub {
        self.another_hub_at(settings, Arc::new(SystemClock)).await
    }

    /// The same, by a clock of its own.
    pub(super) async fn another_hub_at(&self, settings: ExchangeSettings, clock: Arc<dyn Clock>) -> Hub {
        open(&self.database_url, self.folder.path(), settings, clock).await
    }

    pub(super) fn stop_producer(&mut self) {
        self.producer_served = None;
    }

    pub(super) fn stop_consumer(&mut self) {
        self.consumer_served = None;
    }

    pub(super) async fn start_consumer(&mut self) {
        self.consumer_served = Some(Served::at(self.consumer_address, self.consumer.router()).await);
    }

    pub(super) fn plan(&self, mode: Mode) -> RunPlan {
        plans::plan(&self.producer_id, &self.consumer_id, mode)
    }

    pub(super) async fn enqueue(&self, plan: RunPlan) -> RunId {
        self.enqueue_for(new_id(ShareId::PREFIX), plan).await
    }

    /// Another run of a share.
    pub(super) async fn enqueue_for(&self, share_id: ShareId, plan: RunPlan) -> RunId {
        let run =
            NewRun { account_id: self.actor.account_id.clone(), share_id, mapping_version: 1, plan, reason: None };
        let mut transaction = self.hub.database().begin().await.expect("begins");
        let run_id = enqueue(&mut transaction, self.hub.now_ms(), run).await.expect("enqueues");
        transaction.commit().await.expect("commits");
        self.hub.wake_workers();
        run_id
    }

    pub(super) async fn view(&self, run_id: &RunId) -> RunView {
        self.hub.run(&self.actor, run_id).await.expect("is there")
    }

    /// The run at its end.
    pub(super) async fn settle(&self, run_id: &RunId) -> RunView {
        self.wait_until(PATIENCE, async || self.view(run_id).await.summary.state.is_final()).await;
        self.view(run_id).await
    }

    pub(super) async fn share_and_settle(&self, mode: Mode) -> RunView {
        self.settle(&self.enqueue(self.plan(mode)).await).await
    }

    pub(super) async fn retry_and_settle(&self, run_id: &RunId) -> RunView {
        self.hub.retry_run(&self.actor, run_id).await.expect("may be tried again");
        self.settle(run_id).await
    }

    pub(super) async fn receipt(&self, run_id: &RunId) -> Receipt {
        self.hub.receipt(&self.actor, run_id).await.expect("has a receipt")
    }

    pub(super) async fn rejects(&self, run_id: &RunId) -> Vec<u8> {
        let stream = self.hub.rejects(&self.actor, run_id, RejectFilter::default()).await.expect("has rejects");
        let chunks: Vec<bytes::Bytes> = stream.try_collect().await.expect("opens");
        chunks.concat()
    }

    /// Whether anything of the run lies in the payload folder.
    pub(super) fn has_payload(&self, run_id: &RunId) -> bool {
        self.folder.path().join("payload/runs").join(run_id.as_str()).exists()
    }

    /// Which runs have something in the payload folder.
    pub(super) fn runs_with_payload(&self) -> Vec<String> {
        names_in(&self.folder.path().join("payload/runs"))
    }

    /// The kinds of what lies there of a run.
    pub(super) fn payload_kinds(&self, run_id: &RunId) -> Vec<String> {
        names_in(&self.folder.path().join("payload/runs").join(run_id.as_str()))
    }

    /// Waits for a condition; fails the test when it does not come.
    pub(super) async fn wait_until(&self, most: Duration, condition: impl AsyncFn() -> bool) {
        let waiting = async {
            while !condition().await {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        tokio::time::timeout(most, waiting).await.expect("it comes about in time");
    }
}
