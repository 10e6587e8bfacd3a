//! `cargo xtask demo`: Usher with the demo's two applications, as three processes that live as long as this one.

use std::{
    net::{SocketAddr, TcpListener},
    path::Path,
    time::Duration,
};

use anyhow::{Context, bail};
use tokio::{
    process::Command,
    signal::unix::{SignalKind, signal},
};

use crate::{Profile, programs, service::Service, site, step::Step};

const USHER: &str = "127.0.0.1:3000";
const HARBOR: &str = "127.0.0.1:4010";
const BEACON: &str = "127.0.0.1:4020";
/// Good for endpoints that listen on loopback and hold made-up people only.
const HARBOR_KEY: &str = "harbor-demo-key-for-this-machine-only";
const BEACON_KEY: &str = "beacon-demo-key-for-this-machine-only";

/// Builds, starts everything, says where to go, and waits for Ctrl-C.
pub async fn run(root: &Path) -> anyhow::Result<()> {
    let listen = std::env::var("USHER_LISTEN").unwrap_or_else(|_| USHER.to_owned());
    check_free("Usher", &listen, "or set USHER_LISTEN to another address, e.g. USHER_LISTEN=127.0.0.1:3001 make run")?;
    check_free("Harbor CRM", HARBOR, "the demo needs this port")?;
    check_free("Beacon Mail", BEACON, "the demo needs this port")?;
    site::build(root, Profile::Release).await?;
    programs::build(root, Profile::Release).await?;

    // Before anything is started, so that no signal leaves a process behind.
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut services = Vec::new();
    let outcome = tokio::select! {
        _ = interrupt.recv() => Ok(()),
        _ = terminate.recv() => Ok(()),
        outcome = serve(root, &listen, &mut services) => outcome,
    };
    println!("Ending ...");
    // The last first: Usher hands its runs back while its endpoints still answer.
    while let Some(service) = services.pop() {
        service.end().await?;
    }
    outcome
}

/// Starts everything and returns only when something goes wrong.
async fn serve(root: &Path, listen: &str, services: &mut Vec<Service>) -> anyhow::Result<()> {
    let (data, logs) = (root.join(".usher/demo"), root.join(".usher/logs"));
    std::fs::create_dir_all(&logs).with_context(|| format!("{} can't be made", logs.display()))?;
    let usher = |subcommand: &str| {
        let mut command = Command::new(programs::path(root, Profile::Release, "usher"));
        command.arg(subcommand).current_dir(root).env("USHER_LISTEN", listen).env("USHER_SITE", site::folder(root));
        if std::env::var_os("USHER_ALLOW_NETWORKS").is_none() {
            command.env("USHER_ALLOW_NETWORKS", "127.0.0.0/8");
        }
        command
    };
    let toolkit = || {
        let mut command = Command::new(programs::path(root, Profile::Release, "usher-toolkit"));
        command.current_dir(root);
        command
    };
    let step = Step {
        name: "make the demo's people and lists",
        limit: Duration::from_secs(120),
        advice: "Delete .usher/demo and try again.",
    };
    let mut make = toolkit();
    make.arg("demo").arg("--folder").arg(&data);
    make.args([
        "--harbor-listen",
        HARBOR,
        "--harbor-key",
        HARBOR_KEY,
        "--beacon-listen",
        BEACON,
        "--beacon-key",
        BEACON_KEY,
    ]);
    step.run(&mut make).await?;
    for (name, file) in [("Harbor CRM", "harbor"), ("Beacon Mail", "beacon")] {
        let mut serve = toolkit();
        serve.arg("serve").arg("--config").arg(data.join(file).with_extension("toml"));
        services.push(Service::start(name, &mut serve, &logs.join(file).with_extension("log")).await?);
    }
    let urls: Vec<String> = services.iter().map(|service| service.url.clone()).collect();
    services.push(Service::start("Usher", &mut usher("serve"), &logs.join("usher.log")).await?);

    let step = Step {
        name: "make the demo's account",
        limit: Duration::from_secs(60),
        advice: "The logs are in .usher/logs. To start afresh, delete .usher and try again.",
    };
    println!();
    let mut account = usher("demo");
    account.args(["--harbor-url", &urls[0], "--beacon-url", &urls[1]]);
    // In the environment, not among the arguments, which every user of the machine can see.
    account.env("USHER_DEMO_HARBOR_KEY", HARBOR_KEY).env("USHER_DEMO_BEACON_KEY", BEACON_KEY).env("USHER_LOG", "warn");
    step.run(&mut account).await?;
    println!("\nUsher is ready: {}\nData and logs are in .usher/. Ctrl-C ends everything.\n", services[2].url);

    let [harbor, beacon, usher] = services.as_mut_slice() else { bail!("something was not started") };
    let (name, status, log) = tokio::select! {
        status = harbor.ended() => (harbor.name, status?, harbor.end_of_log()),
        status = beacon.ended() => (beacon.name, status?, beacon.end_of_log()),
        status = usher.ended() => (usher.name, status?, usher.end_of_log()),
    };
    bail!("{name} ended by itself ({status}). The end of its log:\n{log}")
}

/// Says so before the long build, not after it.
fn check_free(name: &str, address: &str, advice: &str) -> anyhow::Result<()> {
    let address: SocketAddr = address.parse().with_context(|| format!("{address:?} is no address like {USHER}"))?;
    match TcpListener::bind(address) {
        Ok(_) => Ok(()),
        Err(error) => bail!(
            "{name} can't listen on {address}: {error}. Is `make run` running already? End what is there; {advice}."
        ),
    }
}
