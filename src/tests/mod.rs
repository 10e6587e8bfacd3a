//! Tests of the rooms around the exchange, through the hub's handle: on both databases, with an application on a real socket.

mod application;
mod applications;
mod calls;
mod catalogue;
mod connecting;
mod credentials;
mod endpoint_life;
mod expiry;
mod identities;
mod isolation;
mod memberships;
mod people;
mod provider;
mod reconnecting;
mod registration;
mod repeats;
mod resealing;
mod sampling;
mod scheduling;
mod share_flow;
mod sharing;
mod telling;
mod webhooks;

use std::{path::Path, sync::Arc, time::Duration};

use model::{
    id::EndpointId,
    view::{Actor, Connect, SignUp},
};

use crate::{
    exchange::ExchangeSettings,
    hub::{Hub, HubSettings},
    outbound::Timeouts,
    registry::SignInSettings,
    sharing::SchedulingSettings,
    store::{ManualClock, sealing::MasterKeys, testing::ScratchDatabase, testing::scratch_databases},
};

/// 2026-11-23T12:00:00Z.
const NOON: i64 = 1_795_435_200_000;

/// A hub on a database of its own, with a clock that stands still.
struct Stage {
    hub: Hub,
    clock: Arc<ManualClock>,
    database: ScratchDatabase,
    folder: tempfile::TempDir,
}

/// One stage on SQLite, one on PostgreSQL.
async fn stages() -> Vec<Stage> {
    let mut stages = Vec::new();
    for database in scratch_databases().await {
        let folder = tempfile::tempdir().expect("a folder");
        let clock = Arc::new(ManualClock::at(NOON));
        let hub = node(&database, folder.path(), clock.clone()).await;
        stages.push(Stage { hub, clock, database, folder });
    }
    stages
}

/// One process of an installation.
async fn node(database: &ScratchDatabase, folder: &Path, clock: Arc<ManualClock>) -> Hub {
    Hub::open(settings(database, folder), clock).await.expect("opens")
}

fn settings(database: &ScratchDatabase, folder: &Path) -> HubSettings {
    HubSettings {
        database_url: database.url().to_owned(),
        payload_folder: folder.join("payloads"),
        master_keys: MasterKeys::only([7; 32]),
        allowed_networks: vec!["127.0.0.1/32".parse().expect("a network")],
        allow_http: false,
        timeouts: Timeouts {
            connect: Duration::from_secs(5),
            call: Duration::from_secs(5),
            idle: Duration::from_secs(5),
        },
        exchange: ExchangeSettings::default(),
        scheduling: SchedulingSettings::default(),
        mail: None,
        sign_in: SignInSettings::default(),
    }
}

impl Stage {
    /// Another process of the same installation.
    async fn another(&self) -> Hub {
        node(&self.database, self.folder.path(), self.clock.clone()).await
    }
}

fn sign_up_form(email: &str) -> SignUp {
    SignUp {
        account_name: format!("Account of {email}"),
        user_name: "Ann".to_owned(),
        email: email.to_owned(),
        password: "correct horse battery".to_owned(),
    }
}

async fn admin(hub: &Hub, email: &str) -> Actor {
    hub.sign_up(sign_up_form(email)).await.expect("signs up")
}

fn connect_form(name: &str, url: &str) -> Connect {
    Connect {
        application_id: "app_toolkit_endpoint".to_owned(),
        name: name.to_owned(),
        base_url: url.to_owned(),
        authentication_key: application::KEY.to_owned(),
        ..Connect::default()
    }
}

async fn connected(hub: &Hub, actor: &Actor, name: &str, url: &str) -> EndpointId {
    hub.connect_endpoint(actor, connect_form(name, url)).await.expect("connects")
}
