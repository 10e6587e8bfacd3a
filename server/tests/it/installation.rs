//! An installation of Usher for one test: its processes, its folder, and people's browsers.

use std::{
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    sync::Arc,
    time::Duration,
};

use hub::{
    Hub, HubSettings,
    exchange::ExchangeSettings,
    outbound::Timeouts,
    registry::SignInSettings,
    sharing::SchedulingSettings,
    store::{SystemClock, sealing::MasterKeys},
};
use model::{
    id::{RunId, ShareId},
    mapping::Mapping,
    run::Mode,
    suggestion::suggest,
    view::{Actor, AudienceQuery, ChooseDestination, DestinationSegment, SignIn},
};
use reqwest::{Client, Response, redirect::Policy};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
};

/// Longer than anything here takes, even on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(60);
pub const PASSWORD: &str = "correct horse battery";

/// A folder with all data of one installation.
pub struct Installation {
    folder: TempDir,
    settings: Vec<(String, String)>,
    /// Bytes of the largest file that Usher can write, in KiB; as large as it likes when none.
    largest_file: Option<u64>,
}

/// A process that says where it listens.
pub struct Process {
    pub url: String,
    child: Child,
}

impl Installation {
    /// Empty, on SQLite.
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let pkg = folder.path().join("site/pkg");
        std::fs::create_dir_all(&pkg).unwrap();
        // Long enough to be compressed.
        std::fs::write(pkg.join("usher.js"), "export default function () {}\n".repeat(50)).unwrap();
        Self { folder, settings: Vec::new(), largest_file: None }
    }

    /// With one more setting, as a variable of the environment.
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.settings.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With a limit on files, beyond which the system refuses to write. It can be lifted while Usher runs.
    pub fn with_largest_file(self, kib: u64) -> Self {
        Self { largest_file: Some(kib), ..self }
    }

    /// The files below a folder.
    pub fn files_below(&self, folder: &str) -> Vec<String> {
        let mut files = Vec::new();
        let mut folders = vec![self.path(folder)];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
                match entry.file_type().unwrap().is_dir() {
                    true => folders.push(entry.path()),
                    false => files.push(entry.path().display().to_string()),
                }
            }
        }
        files
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn database_url(&self) -> String {
        let set = self.settings.iter().find(|(name, _)| name == "DATABASE_URL");
        set.map_or_else(|| format!("sqlite:{}", self.path("usher.db").display()), |(_, url)| url.clone())
    }

    /// The same on a new database of the PostgreSQL that `make test` starts.
    pub async fn on_postgres(self) -> Self {
        let server = std::env::var("USHER_TEST_POSTGRES_URL")
            .expect("USHER_TEST_POSTGRES_URL: `make test` starts a PostgreSQL and sets it; for one test, name a server of your own");
        let name = format!("usher_served_{:016x}", rand::random::<u64>());
        let mut connection = PgConnection::connect(&server).await.unwrap();
        connection.execute(AssertSqlSafe(format!("create database {name}"))).await.unwrap();
        connection.close().await.unwrap();
        let (base, _) = server.rsplit_once('/').expect("a URL with a database name");
        self.with("DATABASE_URL", &format!("{base}/{name}"))
    }

    /// `usher`, with this installation's settings and no others.
    pub fn usher(&self, arguments: &[&str]) -> Command {
        let mut command = match self.largest_file {
            None => Command::new(env!("CARGO_BIN_EXE_usher")),
            Some(kib) => {
                let mut shell = Command::new("/bin/bash");
                // To be refused, and not ended by a signal, as on a full disk. The shell becomes the program.
                let text = format!("trap '' XFSZ; ulimit -S -f {kib}; exec \"$0\" \"$@\"");
                shell.args(["-c", &text, env!("CARGO_BIN_EXE_usher")]);
                // Its log is on the same disk.
                shell.stderr(std::fs::File::create(self.path("usher.log")).unwrap());
                shell
            }
        };
        command.args(arguments).current_dir(self.folder.path()).env_clear().kill_on_drop(true);
        command
            .env("DATABASE_URL", self.database_url())
            .env("USHER_PAYLOADS", "payloads")
            .env("USHER_MASTER_KEY_FILE", "master.key");
        command.env("USHER_LISTEN", "127.0.0.1:0").env("USHER_SITE", "site").env("USHER_ALLOW_NETWORKS", "127.0.0.0/8");
        command.env("USHER_RETRY_BASE_MS", "20").env("USHER_LEASE_SECONDS", "2").env("USHER_LOG", "warn");
        command.envs(self.settings.iter().map(|(name, value)| (name, value)));
        command
    }

    pub async fn serve(&self) -> Process {
        Process::start(self.usher(&["serve"])).await
    }

    /// The same, with everything that it logs in a file.
    pub async fn serve_logging_to(&self, file: &str, filter: &str) -> Process {
        let mut command = self.usher(&["serve"]);
        let log = std::fs::OpenOptions::new().create(true).append(true).open(self.path(file)).unwrap();
        Process::start({
            command.env("USHER_LOG", filter).stderr(log);
            command
        })
        .await
    }

    /// The demo's two applications, served on free ports.
    pub async fn endpoints(&self, people: u32) -> Endpoints {
        let folder = self.path("demo");
        let mut make = toolkit();
        make.arg("demo").arg("--folder").arg(&folder).args(["--people", &people.to_string()]);
        make.args(["--harbor-listen", &free_address(), "--harbor-key", HARBOR_KEY]);
        make.args(["--beacon-listen", &free_address(), "--beacon-key", BEACON_KEY]);
        let made = make.output().await.unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        Endpoints { harbor: self.serve_endpoint("harbor").await, beacon: self.serve_endpoint("beacon").await }
    }

    /// One of the two, once they were made; after it has ended it is served again at the same address.
    pub async fn serve_endpoint(&self, name: &str) -> Process {
        self.serve_endpoint_at(&self.path("demo").join(name).with_extension("toml")).await
    }

    /// Any endpoint, by its configuration.
    pub async fn serve_endpoint_at(&self, config: &Path) -> Process {
        let mut serve = toolkit();
        serve.arg("serve").arg("--config").arg(config);
        Process::start(serve).await
    }

    /// Makes the demo's databases once more in a folder of this name, with configurations for agents that call this Usher with these keys.
    pub async fn agents(&self, usher_url: &str, folder: &str, people: u32, keys: [(&str, &str); 2]) {
        let folder = self.path(folder);
        let mut make = toolkit();
        make.arg("demo").arg("--folder").arg(&folder).args(["--people", &people.to_string()]);
        let made = make.output().await.unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        for (name, key) in keys {
            let path = folder.join(name).with_extension("toml");
            let served = std::fs::read_to_string(&path).unwrap();
            let lines =
                served.lines().filter(|line| !line.starts_with("listen") && !line.starts_with("authentication_key"));
            let text: Vec<&str> = lines.collect();
            let usher = format!("[usher]\nurl = \"{}\"\nendpoint_key = \"{key}\"\n", usher_url);
            std::fs::write(&path, format!("{}\n\n{usher}", text.join("\n"))).unwrap();
        }
    }

    /// One of these agents. It goes on until it is killed, or does what there is to do and ends.
    pub fn agent(&self, folder: &str, name: &str, once: bool) -> Command {
        self.agent_at(&self.path(folder).join(name).with_extension("toml"), once)
    }

    /// Any agent, by its configuration.
    pub fn agent_at(&self, config: &Path, once: bool) -> Command {
        let mut agent = toolkit();
        agent.arg("agent").arg("--config").arg(config);
        if once {
            agent.arg("--once");
        }
        agent.env("USHER_TOOLKIT_LOG", "warn").stdin(Stdio::null());
        agent
    }

    /// Runs `usher demo`; what it printed.
    pub async fn make_demo(&self, endpoints: &Endpoints) -> String {
        self.make_demo_at(&endpoints.harbor.url, &endpoints.beacon.url).await
    }

    /// The same with the endpoints at other addresses than their own.
    pub async fn make_demo_at(&self, harbor_url: &str, beacon_url: &str) -> String {
        let mut demo = self.usher(&["demo", "--harbor-url", harbor_url, "--beacon-url", beacon_url]);
        demo.env("USHER_DEMO_HARBOR_KEY", HARBOR_KEY).env("USHER_DEMO_BEACON_KEY", BEACON_KEY);
        let made = demo.output().await.unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        String::from_utf8(made.stdout).unwrap()
    }

    /// The hub on the same data, for what a test needs to be there. It carries out no runs.
    pub async fn hub(&self) -> Hub {
        let mut master_key = [0; 32];
        hex::decode_to_slice(std::fs::read_to_string(self.path("master.key")).unwrap().trim(), &mut master_key)
            .unwrap();
        let settings = HubSettings {
            database_url: self.database_url(),
            payload_folder: self.path("payloads"),
            master_keys: MasterKeys::only(master_key),
            allowed_networks: vec!["127.0.0.0/8".parse().unwrap()],
            allow_http: false,
            timeouts: Timeouts::default(),
            exchange: ExchangeSettings::default(),
            scheduling: SchedulingSettings::default(),
            mail: None,
            sign_in: SignInSettings::default(),
        };
        Hub::open(settings, Arc::new(SystemClock)).await.unwrap()
    }
}

/// Harbor CRM and Beacon Mail.
pub struct Endpoints {
    pub harbor: Process,
    pub beacon: Process,
}

pub const HARBOR_KEY: &str = "a-key-of-harbor-for-tests";
pub const BEACON_KEY: &str = "a-key-of-beacon-for-tests";
pub const DEMO_EMAIL: &str = "ada@usher.example";
pub const DEMO_PASSWORD: &str = "northwind-demo-only";

/// An address that nobody listens on. Its port is none of those that the system gives away, so that it stays free while a program that
/// was killed is started again.
pub fn free_address() -> String {
    loop {
        let address = format!("127.0.0.1:{}", rand::random_range(20_000..32_000));
        if std::net::TcpListener::bind(&address).is_ok() {
            return address;
        }
    }
}

fn toolkit() -> Command {
    let program = Path::new(env!("CARGO_BIN_EXE_usher")).with_file_name("usher-toolkit");
    assert!(program.exists(), "{} is not built: cargo build -p usher-toolkit", program.display());
    let mut command = Command::new(program);
    command.kill_on_drop(true);
    command
}

impl Process {
    /// A command that serves, once it says where.
    pub async fn start(mut command: Command) -> Self {
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let announced = async {
            loop {
                let line = lines.next_line().await.unwrap().expect("it starts; its log is above");
                if let Some((_, url)) = line.split_once(" listens on ") {
                    return url.trim().to_owned();
                }
            }
        };
        let url = tokio::time::timeout(PATIENCE, announced).await.expect("it says where it listens");
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Self { url, child }
    }

    /// Tells it to end and waits until it has.
    pub async fn end(mut self) -> ExitStatus {
        let id = self.child.id().expect("it runs").to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().await.unwrap().success());
        tokio::time::timeout(PATIENCE, self.child.wait()).await.expect("it ends when told to").unwrap()
    }

    /// The system's number of it.
    pub fn id(&self) -> u32 {
        self.child.id().expect("it runs")
    }

    /// Ends it without a word, as a crash would.
    pub async fn crash(&mut self) {
        self.child.kill().await.unwrap();
    }

    /// A browser with no cookies yet, which shows every answer as it came.
    pub fn browser(&self) -> Browser {
        let client = Client::builder().cookie_store(true).redirect(Policy::none()).timeout(PATIENCE).build().unwrap();
        Browser { client, url: self.url.clone() }
    }

    /// Somebody who has just signed up, in an account of their own.
    pub async fn newcomer(&self, email: &str) -> Browser {
        let browser = self.browser();
        let answer = browser.sign_up(email).await;
        assert!(answer.status().is_success(), "{} {:?}", answer.status(), answer.text().await);
        browser
    }
}

/// A person's browser.
pub struct Browser {
    client: Client,
    url: String,
}

impl Browser {
    /// The same person with the same cookies, of another process.
    pub fn at(self, process: &Process) -> Self {
        Self { url: process.url.clone(), ..self }
    }

    pub async fn get(&self, path: &str) -> Response {
        self.request(path, &[]).await
    }

    pub async fn request(&self, path: &str, headers: &[(&str, &str)]) -> Response {
        let request = self.client.get(format!("{}{path}", self.url));
        headers.iter().fold(request, |request, (name, value)| request.header(*name, *value)).send().await.unwrap()
    }

    pub async fn post(&self, path: &str, headers: &[(&str, &str)], form: &[(&str, &str)]) -> Response {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let request = self.client.post(format!("{}{path}", self.url)).body(body);
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        headers.iter().fold(request, |request, (name, value)| request.header(*name, *value)).send().await.unwrap()
    }

    /// Posts a text of this media type.
    pub async fn post_text(&self, path: &str, media_type: &str, text: String) -> Response {
        let request = self.client.post(format!("{}{path}", self.url)).header("content-type", media_type);
        request.header("accept", "application/json").body(text).send().await.unwrap()
    }

    /// Posts a form with one file.
    pub async fn send_file(&self, path: &str, field: &'static str, name: &str, text: &str) -> Response {
        let boundary = "a-line-that-is-not-in-the-file";
        let head =
            format!("--{boundary}\r\ncontent-disposition: form-data; name=\"{field}\"; filename=\"{name}\"\r\n\r\n");
        let request =
            self.client.post(format!("{}{path}", self.url)).body(format!("{head}{text}\r\n--{boundary}--\r\n"));
        let request = request.header("content-type", format!("multipart/form-data; boundary={boundary}"));
        request.send().await.unwrap()
    }

    pub async fn sign_up(&self, email: &str) -> Response {
        self.post("/api/sign_up", &[], &sign_up_form(email)).await
    }

    pub async fn sign_in(&self, email: &str, password: &str) {
        let answer = self.post("/api/sign_in", &[], &[("email", email), ("password", password)]).await;
        assert!(answer.status().is_success(), "{} {:?}", answer.status(), answer.text().await);
    }

    /// Whether the server knows who this is: no run is called so, but only those who are signed in are told.
    pub async fn is_signed_in(&self) -> bool {
        match self.get("/runs/run_none/receipt.json").await.status().as_u16() {
            404 => true,
            401 => false,
            other => panic!("unexpected status {other}"),
        }
    }
}

pub fn sign_up_form(email: &str) -> [(&str, &str); 4] {
    [("account_name", "A test"), ("user_name", "Tess"), ("email", email), ("password", PASSWORD)]
}

/// Who the demo's person is.
pub async fn demo_actor(hub: &Hub) -> Actor {
    let form = SignIn { email: DEMO_EMAIL.to_owned(), password: DEMO_PASSWORD.to_owned() };
    hub.sign_in(form, None).await.unwrap()
}

/// A share of Harbor's largest audience with a new segment of Beacon, mapped as suggested.
pub async fn demo_share(hub: &Hub, actor: &Actor) -> ShareId {
    share_with_beacon(hub, actor, DestinationSegment::New { name: "Everybody".to_owned() }, Mode::Add).await
}

/// A share of Harbor's largest audience with a segment of Beacon, mapped as suggested.
pub async fn share_with_beacon(hub: &Hub, actor: &Actor, segment: DestinationSegment, mode: Mode) -> ShareId {
    let query = AudienceQuery { page: 1, ..AudienceQuery::default() };
    let audiences = hub.audiences(actor, &query).await.unwrap().items;
    let largest = audiences.into_iter().max_by_key(|audience| audience.size).expect("Harbor has audiences");
    let share = hub.start_share(actor, &largest.id).await.unwrap();
    let choices = hub.destinations(actor, &share).await.unwrap();
    let beacon = choices.into_iter().find(|choice| choice.name == "Beacon Mail").expect("Beacon is connected");
    let choice = ChooseDestination { endpoint_id: beacon.id.to_string(), segment, mode };
    let view = hub.choose_destination(actor, &share, choice).await.unwrap();
    let fields = view.destination.expect("just chosen").fields;
    let suggestions = suggest(&view.fields, &fields, &view.mapping, &[]);
    let links = suggestions.into_iter().map(|suggestion| suggestion.link).collect();
    hub.save_mapping(actor, &share, Mapping { links }).await.unwrap();
    share
}

/// Asks for a run of such a share.
pub async fn demo_run(hub: &Hub, actor: &Actor) -> RunId {
    let share = demo_share(hub, actor).await;
    hub.share_now(actor, &share).await.unwrap()
}
