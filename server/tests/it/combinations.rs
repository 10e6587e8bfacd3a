//! The contract, cell by cell: each way of moving data on each side, over each kind of store on each side, in each mode, with Usher on each of its
//! databases. The programs are real; what is in the consumer's store after each step is compared with a naive model, value by value.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
};

use hub::Hub;
use model::{
    id::{AudienceId, EndpointId, RunId, ShareId},
    mapping::{Link, Mapping, Source},
    run::{Mode, RunState},
    transform::Transform,
    view::{Actor, AudienceQuery, ChooseDestination, Connect, DestinationSegment, SignIn},
};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, PgPool, Row, SqlitePool};
use tokio::process::Child;

use crate::installation::{Installation, PASSWORD, PATIENCE, Process, free_address};

/// People by their address, with their name.
type People = BTreeMap<String, String>;

const KEY: &str = "a-key-of-the-combinations";

/// Where an application keeps its people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Kind {
    Sqlite,
    Postgres,
    Files,
}

/// Who calls whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Calls {
    /// Usher calls it: PULL producer, PUSH consumer.
    Served,
    /// It calls Usher: PUSH producer, PULL consumer.
    Agent,
}

#[derive(Debug, Clone)]
enum Store {
    Sqlite(SqlitePool),
    Postgres(PgPool),
    Files(std::path::PathBuf),
}

/// One application with both sides, and its process.
struct Application {
    kind: Kind,
    calls: Calls,
    endpoint: EndpointId,
    store: Store,
    _served: Option<Process>,
    _agent: Option<Child>,
}

/// One combination of source and destination, named in what a failure says.
struct Cell<'a> {
    from: &'a Application,
    to: &'a Application,
    segment: String,
}

impl fmt::Display for Cell<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let producer = if self.from.calls == Calls::Served { "PULL" } else { "PUSH" };
        let consumer = if self.to.calls == Calls::Served { "PUSH" } else { "PULL" };
        write!(f, "{producer} producer over {:?} -> {consumer} consumer over {:?}", self.from.kind, self.to.kind)
    }
}

const AUDIENCES: [&str; 3] = ["everybody", "joiners", "leavers"];

/// What each audience holds. Names are as nasty as real ones.
fn audience(name: &str, later: bool) -> People {
    let nasty = ["O'Brien", "Zoë, \"Z\"", "two\nlines", "=1+1", " padded ", "", "名前", "a;b|c\td"];
    let person = |number: usize| (format!("person{number}@example.org"), nasty[number % nasty.len()].to_owned());
    match (name, later) {
        ("everybody", false) => (0..40).map(person).collect(),
        // Who left, who stayed, who changed, who is new.
        ("everybody", true) => (10..50)
            .map(person)
            .map(|(email, name)| if email.contains("person2") { (email, "Renamed".to_owned()) } else { (email, name) })
            .collect(),
        ("joiners", _) => (35..45).map(|number| (person(number).0, "Joined".to_owned())).collect(),
        _ => (0..10).map(person).chain((90..95).map(person)).collect(),
    }
}

impl Store {
    async fn run(&self, text: String) {
        match self {
            Self::Sqlite(pool) => drop(pool.execute(AssertSqlSafe(text)).await.unwrap()),
            Self::Postgres(pool) => drop(pool.execute(AssertSqlSafe(text)).await.unwrap()),
            Self::Files(_) => panic!("files are written"),
        }
    }

    /// Makes an audience what it should be, all at once, with a row that is fit for nobody.
    async fn offer(&self, name: &str, people: &People) {
        let rows = people.iter().map(|(email, name)| (email.as_str(), name.as_str())).chain([("nobody", "No")]);
        if let Self::Files(folder) = self {
            let mut csv = csv::Writer::from_writer(Vec::new());
            csv.write_record(["email", "given_name"]).unwrap();
            rows.for_each(|(email, name)| csv.write_record([email, name]).unwrap());
            std::fs::write(folder.join("new.partial"), csv.into_inner().unwrap()).unwrap();
            return std::fs::rename(folder.join("new.partial"), folder.join(format!("{name}.csv"))).unwrap();
        }
        let quoted = |text: &str| format!("'{}'", text.replace('\'', "''"));
        let values: Vec<String> = rows.map(|(email, name)| format!("({}, {})", quoted(email), quoted(name))).collect();
        self.run(format!(
            "create table if not exists {name} (email text primary key, given_name text not null);
             delete from {name}; insert into {name} values {}",
            values.join(", ")
        ))
        .await;
    }

    /// Who is in a segment.
    async fn members(&self, segment: &str) -> People {
        let text = format!(
            "select person_key, given_name from list_members join lists on lists.id = segment_id
             join contacts on contacts.email = person_key where lists.name = '{segment}'"
        );
        let pair = |email: String, name: Option<String>| (email, name.unwrap_or_default());
        match self {
            Self::Sqlite(pool) => {
                let rows = sqlx::query(AssertSqlSafe(text)).fetch_all(pool).await.unwrap();
                rows.iter().map(|row| pair(row.get(0), row.get(1))).collect()
            }
            Self::Postgres(pool) => {
                let rows = sqlx::query(AssertSqlSafe(text)).fetch_all(pool).await.unwrap();
                rows.iter().map(|row| pair(row.get(0), row.get(1))).collect()
            }
            Self::Files(folder) => {
                let mut reader = csv::Reader::from_path(folder.join(format!("{segment}.csv"))).unwrap();
                let rows = reader.records().map(Result::unwrap);
                rows.map(|row| pair(row[0].to_owned(), Some(row[1].to_owned()))).collect()
            }
        }
    }
}

/// All applications around one Usher.
struct Stage {
    hub: Hub,
    actor: Actor,
    applications: Vec<Application>,
    _usher: Process,
    _installation: Installation,
}

impl Stage {
    async fn on(installation: Installation) -> Self {
        let settings = [
            ("USHER_WORKER_SLOTS", "6"),
            ("USHER_SMALL_RUN_SLOTS", "6"),
            ("USHER_RUNS_PER_ENDPOINT", "12"),
            ("USHER_PART_ROWS", "16"),
            ("USHER_REQUESTS_PER_MINUTE", "1000000"),
        ];
        let installation = settings.iter().fold(installation, |all, (name, value)| all.with(name, value));
        let usher = installation.serve().await;
        usher.newcomer("tess@example.org").await;
        let hub = installation.hub().await;
        let form = SignIn { email: "tess@example.org".to_owned(), password: PASSWORD.to_owned() };
        let actor = hub.sign_in(form, None).await.unwrap();
        let mut stage = Self { hub, actor, applications: Vec::new(), _usher: usher, _installation: installation };
        for kind in [Kind::Sqlite, Kind::Postgres, Kind::Files] {
            for calls in [Calls::Served, Calls::Agent] {
                let application = stage.application(kind, calls).await;
                stage.applications.push(application);
            }
        }
        stage
    }

    async fn application(&self, kind: Kind, calls: Calls) -> Application {
        let (installation, name) = (&self._installation, format!("{kind:?} {calls:?}"));
        let folder = installation.path(&name);
        std::fs::create_dir_all(folder.join("files")).unwrap();
        let (place, store) = match kind {
            Kind::Sqlite => {
                let url = format!("sqlite:{}?mode=rwc", folder.join("people.db").display());
                ("database = \"sqlite:people.db\"".to_owned(), Store::Sqlite(SqlitePool::connect(&url).await.unwrap()))
            }
            Kind::Postgres => {
                let server =
                    std::env::var("USHER_TEST_POSTGRES_URL").expect("USHER_TEST_POSTGRES_URL: see `make test`");
                let database = format!("usher_people_{:016x}", rand::random::<u64>());
                let mut connection = PgConnection::connect(&server).await.unwrap();
                connection.execute(AssertSqlSafe(format!("create database {database}"))).await.unwrap();
                let url = format!("{}/{database}", server.rsplit_once('/').unwrap().0);
                (format!("database = \"{url}\""), Store::Postgres(PgPool::connect(&url).await.unwrap()))
            }
            Kind::Files => ("folder = \"files\"".to_owned(), Store::Files(folder.join("files"))),
        };
        for audience_name in AUDIENCES {
            store.offer(audience_name, &audience(audience_name, false)).await;
        }
        let (meeting, mut endpoint) = match calls {
            Calls::Served => {
                let address = free_address();
                (format!("listen = \"{address}\"\nauthentication_key = \"{KEY}\""), Err(format!("http://{address}/")))
            }
            Calls::Agent => {
                let id = self.connect(&name, "app_toolkit_agent", "").await;
                let key = self.hub.make_endpoint_key(&self.actor, &id).await.unwrap().0;
                (format!("[usher]\nurl = \"{}\"\nendpoint_key = \"{key}\"", self._usher.url), Ok(id))
            }
        };
        let of_files = kind == Kind::Files;
        let offered: Vec<String> = AUDIENCES
            .iter()
            .map(|name| {
                let from = if of_files { format!("file = \"{name}.csv\"") } else { format!("table = \"{name}\"") };
                format!("[[producer.segments]]\nid = \"{name}\"\nname = \"{name}\"\n{from}\n")
            })
            .collect();
        let tables = "table = \"contacts\"\nsegments_table = \"lists\"\nmembers_table = \"list_members\"\n";
        let text = format!(
            "name = \"{name}\"\n{place}\nstate = \"state\"\n{served}\n[producer]\n{offered}\n[consumer]\n{tables}key = \"email\"\n\
             [[consumer.fields]]\nname = \"email\"\nrequired = true\n[[consumer.fields]]\nname = \"given_name\"\n{agent}\n",
            served = if calls == Calls::Served { meeting.as_str() } else { "" },
            agent = if calls == Calls::Agent { meeting.as_str() } else { "" },
            offered = offered.join("\n"),
            tables = if of_files { "" } else { tables },
        );
        std::fs::write(folder.join("toolkit.toml"), text).unwrap();
        let (mut served, mut agent) = (None, None);
        match calls {
            Calls::Served => served = Some(installation.serve_endpoint_at(&folder.join("toolkit.toml")).await),
            Calls::Agent => {
                let once = installation.agent_at(&folder.join("toolkit.toml"), true).status().await.unwrap();
                assert!(once.success(), "{name} introduces itself: {once}");
                agent = Some(installation.agent_at(&folder.join("toolkit.toml"), false).spawn().unwrap());
            }
        }
        if let Err(url) = endpoint {
            let id = self.connect(&name, "app_toolkit_endpoint", &url).await;
            self.hub.refresh_audiences(&self.actor, &id).await.unwrap();
            endpoint = Ok(id);
        }
        let endpoint = endpoint.expect("either way");
        Application { kind, calls, endpoint, store, _served: served, _agent: agent }
    }

    async fn connect(&self, name: &str, application: &str, url: &str) -> EndpointId {
        let form = Connect {
            application_id: application.to_owned(),
            name: name.to_owned(),
            base_url: url.to_owned(),
            authentication_key: if url.is_empty() { String::new() } else { KEY.to_owned() },
            ..Connect::default()
        };
        self.hub.connect_endpoint(&self.actor, form).await.unwrap()
    }

    /// The ids of the audiences by endpoint and name.
    async fn audiences(&self) -> HashMap<(String, String), AudienceId> {
        let query = AudienceQuery { page: 1, ..AudienceQuery::default() };
        let page = self.hub.audiences(&self.actor, &query).await.unwrap();
        page.items.into_iter().map(|audience| ((audience.endpoint_name, audience.name), audience.id)).collect()
    }

    async fn share(&self, cell: &Cell<'_>, audience: &AudienceId, mode: Mode, segment: &str) -> ShareId {
        let share = self.hub.start_share(&self.actor, audience).await.unwrap();
        let known = self.hub.existing_segments(&self.actor, &cell.to.endpoint).await.unwrap();
        let segment = match known.into_iter().find(|known| known.name == segment) {
            Some(known) => DestinationSegment::Existing { id: known.id, name: known.name },
            None => DestinationSegment::New { name: segment.to_owned() },
        };
        let choice = ChooseDestination { endpoint_id: cell.to.endpoint.to_string(), segment, mode };
        self.hub.choose_destination(&self.actor, &share, choice).await.unwrap();
        let link = |name: &str, transforms| Link {
            target: name.to_owned(),
            source: Source::Field { name: name.to_owned() },
            transforms,
        };
        let links = vec![link("email", vec![Transform::NormaliseEmail]), link("given_name", Vec::new())];
        self.hub.save_mapping(&self.actor, &share, Mapping { links }).await.unwrap();
        self.hub.set_shrink_limit(&self.actor, &share, 100).await.unwrap();
        share
    }

    /// Waits for the run's end, and compares what is in the segment with what has to be.
    async fn check(&self, what: &str, cell: &Cell<'_>, run: &RunId, segment: &str, expected: &People) {
        let ended = async {
            loop {
                let view = self.hub.run(&self.actor, run).await.unwrap();
                if view.summary.state.is_final() {
                    return view;
                }
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        };
        let view = tokio::time::timeout(PATIENCE * 3, ended).await;
        let view = view.unwrap_or_else(|_| panic!("{what}, {cell}: it ends"));
        assert_eq!(view.summary.state, RunState::CompleteWithRejects, "{what}, {cell}: {view:#?}");
        self.hub.receipt(&self.actor, run).await.unwrap().check().unwrap();
        assert_eq!(view.summary.counts.rejected, 1, "{what}, {cell}: nobody's row is left out");
        assert_eq!(&cell.to.store.members(segment).await, expected, "{what}, {cell}");
    }
}

/// What each step is, and what it makes of the segment.
async fn every_cell(installation: Installation) {
    let stage = Stage::on(installation).await;
    let audiences = stage.audiences().await;
    let mut cells = Vec::new();
    for from in &stage.applications {
        for to in &stage.applications {
            cells.push(Cell { from, to, segment: format!("cell-{}", cells.len()) });
        }
    }
    assert_eq!(cells.len(), 36, "four combinations of ways over nine of stores");
    let id = |cell: &Cell<'_>, name: &str| {
        audiences[&(format!("{:?} {:?}", cell.from.kind, cell.from.calls), name.to_owned())].clone()
    };
    let mut truth = People::new();
    for (what, mode, name) in [
        ("add to a new segment", Mode::Add, "everybody"),
        ("add to an existing segment", Mode::Add, "joiners"),
        ("replace", Mode::Replace, "everybody"),
        ("remove", Mode::Remove, "leavers"),
    ] {
        let people = audience(name, false);
        match mode {
            Mode::Add => truth.extend(people),
            Mode::Replace => truth = people,
            Mode::Remove => truth.retain(|email, _| !people.contains_key(email)),
            Mode::Mirror => {}
        }
        let mut runs = Vec::new();
        for cell in &cells {
            let share = stage.share(cell, &id(cell, name), mode, &cell.segment).await;
            runs.push(stage.hub.share_now(&stage.actor, &share).await.unwrap());
        }
        for (cell, run) in cells.iter().zip(&runs) {
            stage.check(what, cell, run, &cell.segment, &truth).await;
        }
    }
    let mut shares = Vec::new();
    for cell in &cells {
        shares.push(stage.share(cell, &id(cell, "everybody"), Mode::Mirror, &format!("{}-mirror", cell.segment)).await);
    }
    for (what, later) in [("mirror, first", false), ("mirror, again", true)] {
        for application in &stage.applications {
            application.store.offer("everybody", &audience("everybody", later)).await;
        }
        let mut runs = Vec::new();
        for share in &shares {
            runs.push(stage.hub.share_now(&stage.actor, share).await.unwrap());
        }
        for (cell, run) in cells.iter().zip(&runs) {
            stage.check(what, cell, run, &format!("{}-mirror", cell.segment), &audience("everybody", later)).await;
            let changes = stage.hub.run(&stage.actor, run).await.unwrap().summary.counts.changes.unwrap();
            let found = (changes.added, changes.changed, changes.removed, changes.unchanged);
            let expected = if later { (10, 10, 10, 20) } else { (40, 0, 0, 0) };
            assert_eq!(found, expected, "{what}, {cell}");
        }
    }
}

#[tokio::test]
async fn every_way_over_every_store_in_every_mode_with_usher_on_sqlite() {
    every_cell(Installation::new()).await;
}

#[tokio::test]
async fn every_way_over_every_store_in_every_mode_with_usher_on_postgres() {
    every_cell(Installation::new().on_postgres().await).await;
}
