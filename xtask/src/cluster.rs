//! A PostgreSQL that belongs to one run of the tests: made in a temporary folder, ended with it.

use std::{
    net::TcpListener,
    path::{Path, PathBuf},
    process::Stdio,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use tokio::process::Command;

use crate::step::{Step, done};

const ADVICE: &str = "Run ./setup.sh test, which installs PostgreSQL (Debian), or install it yourself: its initdb and pg_ctl have to be on the PATH.";

/// A running PostgreSQL.
#[derive(Debug)]
pub struct Cluster {
    folder: tempfile::TempDir,
    programs: PathBuf,
    port: u16,
}

impl Cluster {
    /// Makes and starts one on a free port of loopback.
    pub async fn start() -> anyhow::Result<Self> {
        let started = Instant::now();
        let programs = programs()?;
        let folder = tempfile::Builder::new().prefix("usher-postgresql-").tempdir()?;
        if is_root() {
            // PostgreSQL does not run as root.
            let step = Step { name: "give PostgreSQL its folder", limit: Duration::from_secs(10), advice: ADVICE };
            if !step.status(Command::new("chown").arg("postgres").arg(folder.path())).await?.success() {
                bail!("there is no user `postgres`, and PostgreSQL does not run as root. {ADVICE}");
            }
        }
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let cluster = Self { folder, programs, port };
        cluster
            .run(
                "make a PostgreSQL",
                "initdb",
                &["--auth=trust", "--username=postgres", "--encoding=UTF8", "--no-sync", "--no-locale"],
            )
            .await?;
        // The data is thrown away with the folder: nothing has to reach the disk.
        let options = format!(
            "-p {port} -k {socket} -c listen_addresses=127.0.0.1 -c max_connections=200 -c fsync=off -c synchronous_commit=off -c full_page_writes=off",
            socket = cluster.folder.path().display()
        );
        let log = cluster.folder.path().join("server.log");
        let log = log.to_string_lossy();
        cluster
            .run("start a PostgreSQL", "pg_ctl", &["start", "-w", "-t", "60", "-l", log.as_ref(), "-o", &options])
            .await?;
        done(format!("start a PostgreSQL on port {port}"), started);
        Ok(cluster)
    }

    /// For `USHER_TEST_POSTGRES_URL`.
    pub fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    /// Ends it at once, whoever is still connected.
    pub async fn end(self) -> anyhow::Result<()> {
        self.run("end the PostgreSQL", "pg_ctl", &["stop", "-w", "-m", "immediate"]).await
    }

    async fn run(&self, name: &'static str, program: &str, arguments: &[&str]) -> anyhow::Result<()> {
        let program = self.programs.join(program);
        let mut command = if is_root() {
            let mut command = Command::new("runuser");
            command.args(["-u", "postgres", "--"]).arg(program);
            command
        } else {
            Command::new(program)
        };
        command.arg("-D").arg(self.folder.path().join("data")).args(arguments);
        // What they write goes to a file: the server inherits it, and a pipe would stay open as long as it runs.
        let said = self.folder.path().join("programs.log");
        let file = std::fs::File::options().create(true).append(true).open(&said)?;
        command.current_dir(self.folder.path()).stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file);
        // A signal for all of our processes (Ctrl-C) is not for these: ending the server is what follows it.
        command.process_group(0);
        let status = Step { name, limit: Duration::from_secs(90), advice: ADVICE }.status(&mut command).await?;
        if !status.success() {
            let text = [&said, &self.folder.path().join("server.log")]
                .map(|log| std::fs::read_to_string(log).unwrap_or_default());
            bail!("could not {name} ({status}):\n{}\n{ADVICE}", text.join("\n"));
        }
        Ok(())
    }
}

/// The folder with `initdb` and `pg_ctl`: on the PATH, or where Debian puts them (the newest).
fn programs() -> anyhow::Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let mut debian: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .map(|entries| entries.flatten().map(|entry| entry.path().join("bin")).collect())
        .unwrap_or_default();
    debian.sort_by_key(|folder| version(folder));
    folders.extend(debian.into_iter().rev());
    folders
        .into_iter()
        .find(|folder| folder.join("initdb").exists() && folder.join("pg_ctl").exists())
        .context(format!("PostgreSQL is not installed. {ADVICE}"))
}

/// `15` of `/usr/lib/postgresql/15/bin`.
fn version(bin: &Path) -> Option<u32> {
    bin.parent()?.file_name()?.to_str()?.parse().ok()
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}
