//! Starting the program in a folder of its own, and talking to it.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use model::contract::{
    Job, JobCategory, JobMode, JobRequest, JobSegment, JobStatus, PartResult, Problem, StatusReport,
};
use model::field::{Field, FieldKind, FieldType};
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use rusqlite::Connection;
use serde_json::json;
use sha2::{Digest, Sha256};
use tempfile::TempDir;

/// The key of every program that is started here.
pub const KEY: &str = "the-key-of-these-tests";

/// A folder with a configuration, and what may be running in it, over a database, a folder of files or a server.
pub struct Folder {
    folder: TempDir,
    server: Option<Server>,
}

impl Folder {
    /// A folder whose configuration has these sections, over a database.
    pub fn new(sections: &str) -> Self {
        Self::over("database = \"sqlite:test.db\"", sections)
    }

    /// A folder whose configuration has these sections, over a folder of CSV files that is there.
    pub fn of_files(sections: &str) -> Self {
        let folder = Self::over("folder = \"files\"", sections);
        std::fs::create_dir(folder.path("files")).unwrap();
        folder
    }

    /// A folder whose configuration has these sections, over an empty database of the PostgreSQL of these tests.
    pub fn of_server(sections: &str) -> Self {
        let server = Server::new();
        let mut folder = Self::over("database_file = \"address\"", sections);
        std::fs::write(folder.path("address"), format!("{}\n", server.address)).unwrap();
        folder.server = Some(server);
        folder
    }

    /// The server's database.
    pub fn server(&self) -> &Server {
        self.server.as_ref().unwrap()
    }

    /// A folder whose configuration has these sections, over this.
    pub fn over(store: &str, sections: &str) -> Self {
        let listen = format!("listen = \"127.0.0.1:0\"\nauthentication_key = \"{KEY}\"\n");
        Self::configured(&format!("{listen}{store}\n"), sections)
    }

    /// A folder whose configuration has these sections, over this, for an agent that calls the Usher at this address.
    pub fn calling(url: &str, store: &str, sections: &str) -> Self {
        let usher = format!("[usher]\nurl = \"{url}\"\nendpoint_key = \"{KEY}\"\n");
        Self::configured(&format!("{store}\n"), &(usher + sections))
    }

    fn configured(head: &str, sections: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let text = format!("{head}name = \"Test\"\nstate = \"state\"\n{sections}");
        std::fs::write(folder.path().join("test.toml"), text).unwrap();
        Self { folder, server: None }
    }

    /// Writes a CSV file as a careful program does.
    pub fn put(&self, name: &str, content: impl AsRef<[u8]>) {
        std::fs::write(self.path("written.tmp"), content).unwrap();
        std::fs::rename(self.path("written.tmp"), self.path("files").join(name)).unwrap();
    }

    /// The text of a CSV file.
    pub fn file(&self, name: &str) -> String {
        std::fs::read_to_string(self.path("files").join(name)).unwrap()
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The database, as another program sees it.
    pub fn database(&self) -> Connection {
        let connection = Connection::open(self.path("test.db")).unwrap();
        connection.busy_timeout(std::time::Duration::from_secs(20)).unwrap();
        connection
    }

    /// The rows of a query, each value as text.
    pub fn rows(&self, sql: &str) -> Vec<Vec<Option<String>>> {
        if let Some(server) = &self.server {
            return server.rows(sql);
        }
        let connection = self.database();
        let mut statement = connection.prepare(sql).unwrap();
        let width = statement.column_count();
        let rows = statement.query_map([], |row| (0..width).map(|index| row.get(index)).collect()).unwrap();
        rows.collect::<rusqlite::Result<_>>().unwrap()
    }

    /// The one number that a query gives.
    pub fn number(&self, sql: &str) -> i64 {
        if let Some(server) = &self.server {
            return server.rows(sql)[0][0].as_ref().unwrap().parse().unwrap();
        }
        self.database().query_row(sql, [], |row| row.get(0)).unwrap()
    }

    /// Changes the database, as another program does.
    pub fn change(&self, sql: &str) {
        match &self.server {
            Some(server) => drop(server.rows(sql)),
            None => self.database().execute_batch(sql).unwrap(),
        }
    }

    /// The names of the files in the folder of exports.
    pub fn exports(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.path("state/exports")).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    /// Starts the program here and waits until it listens.
    pub fn start(&self) -> Program {
        Program::start(&self.path("test.toml"))
    }

    /// What the program says when it cannot start.
    pub fn start_error(&self) -> String {
        let mut serve = command(&["serve", "--config"]);
        let mut child =
            serve.arg(self.path("test.toml")).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        if !line.is_empty() {
            child.kill().unwrap();
            panic!("the program should not have started");
        }
        let output = child.wait_with_output().unwrap();
        assert!(!output.status.success());
        String::from_utf8(output.stderr).unwrap()
    }
}

/// A database of its own in the PostgreSQL of these tests; removed when it is dropped.
pub struct Server {
    pub address: String,
}

impl Server {
    fn new() -> Self {
        let of_tests = std::mem::ManuallyDrop::new(Self { address: Self::of_tests() });
        let name = format!("toolkit_test_{:x}", rand::random::<u64>());
        of_tests.rows(&format!("create database {name} template template0 encoding 'UTF8' locale 'C'"));
        let (base, _) = of_tests.address.rsplit_once('/').unwrap();
        let address = format!("{base}/{name}");
        Self { address }
    }

    fn of_tests() -> String {
        std::env::var("USHER_TEST_POSTGRES_URL").expect(
            "USHER_TEST_POSTGRES_URL: `make test` starts a PostgreSQL and sets it; for one test, name a server of your own",
        )
    }

    /// Uses a connection of another program.
    pub fn connected<T: Send>(&self, work: impl FnOnce(&mut postgres::Client) -> T + Send) -> T {
        // A client waits, which a thread of an asynchronous test must not.
        std::thread::scope(|scope| {
            let working = scope.spawn(|| {
                let mut client = postgres::Client::connect(&self.address, postgres::NoTls).unwrap();
                work(&mut client)
            });
            working.join().unwrap()
        })
    }

    /// The rows of a query, each value as text.
    pub fn rows(&self, sql: &str) -> Vec<Vec<Option<String>>> {
        let messages = self.connected(|client| client.simple_query(sql).unwrap());
        let row = |message: &postgres::SimpleQueryMessage| match message {
            postgres::SimpleQueryMessage::Row(row) => {
                Some((0..row.len()).map(|index| row.get(index).map(str::to_owned)).collect())
            }
            _ => None,
        };
        messages.iter().filter_map(row).collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let (_, name) = self.address.rsplit_once('/').unwrap();
        let of_tests = std::mem::ManuallyDrop::new(Self { address: Self::of_tests() });
        of_tests.rows(&format!("drop database if exists {name} with (force)"));
    }
}

pub fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_usher-toolkit"));
    command.args(arguments).env_remove("USHER_TOOLKIT_AUTHENTICATION_KEY").env_remove("USHER_TOOLKIT_DATABASE");
    command
}

/// A running program; killed when it is dropped.
pub struct Program {
    child: Child,
    base: String,
    client: reqwest::Client,
}

impl Program {
    pub fn start(configuration: &Path) -> Self {
        Self::start_with(configuration, Stdio::null())
    }

    /// Starts it with somewhere for its log.
    pub fn start_with(configuration: &Path, log: Stdio) -> Self {
        let mut child =
            command(&["serve", "--config"]).arg(configuration).stdout(Stdio::piped()).stderr(log).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let (_, base) = line.trim().split_once(" listens on ").unwrap_or_else(|| panic!("it did not start: {line:?}"));
        Self { child, base: base.to_owned(), client: reqwest::Client::new() }
    }

    /// `kill -9`.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGTERM, and how it ended.
    pub fn terminate(mut self) -> ExitStatus {
        assert!(Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().unwrap().success());
        self.child.wait().unwrap()
    }

    pub fn without_key(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.base))
    }

    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.without_key(method, path).bearer_auth(KEY)
    }

    pub async fn get(&self, path: &str) -> Response {
        self.request(Method::GET, path).send().await.unwrap()
    }

    pub async fn announce(&self, request: &JobRequest) -> Response {
        self.request(Method::POST, "/v1/jobs").json(request).send().await.unwrap()
    }

    /// Announces a job that is taken.
    pub async fn announced(&self, request: &JobRequest) -> Job {
        let response = self.announce(request).await;
        let status = response.status();
        assert_eq!(status, StatusCode::CREATED, "{}", response.text().await.unwrap());
        response.json().await.unwrap()
    }

    pub async fn job(&self, id: &str) -> Job {
        self.get(&format!("/v1/jobs/{id}")).await.json().await.unwrap()
    }

    /// Waits until an export is no longer being made.
    pub async fn ended(&self, id: &str) -> Job {
        loop {
            let request =
                self.request(Method::GET, &format!("/v1/jobs/{id}")).header("Prefer", "respond-async, wait=30");
            let job: Job = request.send().await.unwrap().json().await.unwrap();
            if job.status != JobStatus::Running {
                return job;
            }
        }
    }

    pub fn part(&self, job: &str, part: u32, csv: &[u8]) -> RequestBuilder {
        self.request(Method::PUT, &format!("/v1/jobs/{job}/data/{part}"))
            .header("Content-Type", "text/csv; charset=utf-8; header=present")
            .header("Content-Digest", content_digest(csv))
            .body(csv.to_owned())
    }

    pub async fn send_part(&self, job: &str, part: u32, csv: &str) -> Response {
        self.part(job, part, csv.as_bytes()).send().await.unwrap()
    }

    /// Sends a part that is taken.
    pub async fn sent_part(&self, job: &str, part: u32, csv: &str) -> PartResult {
        let response = self.send_part(job, part, csv).await;
        let status = response.status();
        assert_eq!(status, StatusCode::OK, "{}", response.text().await.unwrap());
        response.json().await.unwrap()
    }

    pub async fn report(&self, job: &str, status: JobStatus, parts: u32, rows: u64) -> Response {
        let report = StatusReport { status, ..StatusReport::complete(parts, rows) };
        self.request(Method::PUT, &format!("/v1/jobs/{job}/status")).json(&report).send().await.unwrap()
    }

    /// Reports what is taken.
    pub async fn reported(&self, job: &str, status: JobStatus, parts: u32, rows: u64) -> Job {
        let response = self.report(job, status, parts, rows).await;
        assert_eq!(response.status(), StatusCode::OK);
        response.json().await.unwrap()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // Already ended programs are fine.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn content_digest(bytes: &[u8]) -> String {
    format!("sha-256=:{}:", STANDARD.encode(Sha256::digest(bytes)))
}

/// The code of an error answer, after looking at its form.
pub async fn problem(response: Response) -> (u16, String, String) {
    let status = response.status().as_u16();
    assert_eq!(response.headers()["content-type"], "application/problem+json");
    let problem: Problem = response.json().await.unwrap();
    assert_eq!(problem.status, status);
    (status, problem.code.unwrap(), problem.detail.unwrap())
}

/// Asserts that an answer is the problem with this status and code, and gives its sentence.
pub async fn refused(response: Response, status: u16, code: &str) -> String {
    let (got_status, got_code, detail) = problem(response).await;
    assert_eq!((got_status, got_code.as_str()), (status, code), "{detail}");
    detail
}

/// A field as it is announced; e-mail, phone and id are identifiers.
pub fn field(name: &str) -> Field {
    match name {
        "email" => Field::new(name, FieldKind::Identifier, FieldType::Email),
        "phone" => Field::new(name, FieldKind::Identifier, FieldType::Phone),
        "id" => Field::new(name, FieldKind::Identifier, FieldType::CustomerId),
        _ => Field::new(name, FieldKind::Attribute, FieldType::String),
    }
}

pub fn export(id: &str, segment: &str, fields: &[&str]) -> JobRequest {
    JobRequest {
        id: id.to_owned(),
        category: JobCategory::SegmentExport,
        segment: JobSegment { id: Some(segment.to_owned()), name: segment.to_owned() },
        mode: None,
        fields: fields.iter().map(|name| field(name)).collect(),
        limit: None,
    }
}

/// An import into the segment of this id, or into a new one of this name.
pub fn import(id: &str, mode: JobMode, segment: Result<&str, &str>, fields: &[&str]) -> JobRequest {
    let segment = match segment {
        Ok(id) => JobSegment { id: Some(id.to_owned()), name: id.to_owned() },
        Err(name) => JobSegment { id: None, name: name.to_owned() },
    };
    JobRequest {
        id: id.to_owned(),
        category: JobCategory::SegmentImport,
        segment,
        mode: Some(mode),
        fields: fields.iter().map(|name| field(name)).collect(),
        limit: None,
    }
}

/// JSON that is none of the messages of the contract.
pub fn nonsense() -> serde_json::Value {
    json!({"id": "job_1", "category": "DANCE"})
}
