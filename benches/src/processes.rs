//! The three programs under load, each a process of its own with fresh data: a producer, a consumer and `usher`.

use std::{
    path::Path,
    process::Stdio,
    time::{Duration, Instant},
};

use anyhow::Context;
use model::field::{Field, FieldKind, FieldType};
use tokio::process::{Child, Command};

use crate::cost::{peak_resident, processor_time};

/// The authentication key of both endpoints.
pub const KEY: &str = "load-driver-key-0123456789";

/// The ten columns of the audience.
pub fn fields() -> Vec<Field> {
    let identifier = |name: &str, field_type| Field::new(name, FieldKind::Identifier, field_type);
    let attribute = |name: &str, field_type| Field::new(name, FieldKind::Attribute, field_type);
    vec![
        identifier("customer_id", FieldType::CustomerId),
        identifier("email", FieldType::Email),
        identifier("phone", FieldType::Phone),
        attribute("first_name", FieldType::String),
        attribute("last_name", FieldType::String),
        attribute("city", FieldType::String),
        attribute("postal_code", FieldType::PostalCode),
        attribute("country", FieldType::Country),
        attribute("lifetime_value", FieldType::Decimal),
        attribute("last_purchase", FieldType::Date),
    ]
}

/// What the endpoints are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// SQLite databases.
    Databases,
    /// One PostgreSQL database, at this address.
    Server(String),
    /// Folders of CSV files.
    Folders,
}

/// The running programs. Dropped, they are killed.
pub struct Stack {
    /// Where the producer listens, with a slash at the end.
    pub producer_url: String,
    /// Where the consumer listens.
    pub consumer_url: String,
    /// Where `usher` listens.
    pub usher_url: String,
    children: Vec<(&'static str, Child)>,
}

impl Stack {
    /// Starts all three and waits until each answers.
    pub async fn start(programs: &Path, folder: &Path, hash: bool, kind: &Kind) -> anyhow::Result<Self> {
        let (producer, consumer, usher) = (free_port()?, free_port()?, free_port()?);
        if *kind == Kind::Folders {
            std::fs::create_dir_all(folder.join("contacts"))?;
        }
        std::fs::write(folder.join("producer.toml"), producer_configuration(producer, kind))?;
        std::fs::write(folder.join("consumer.toml"), consumer_configuration(consumer, hash, kind))?;
        let mut children = Vec::new();
        for name in ["producer", "consumer"] {
            let child = Command::new(programs.join("usher-toolkit"))
                .args(["serve", "--config"])
                .arg(folder.join(format!("{name}.toml")))
                .env("USHER_TOOLKIT_LOG", "warn")
                .stdout(Stdio::null())
                .kill_on_drop(true)
                .spawn()
                .with_context(|| {
                    format!("starting {} (built for release?)", programs.join("usher-toolkit").display())
                })?;
            children.push((name, child));
        }
        let child = Command::new(programs.join("usher"))
            .env("USHER_LISTEN", format!("127.0.0.1:{usher}"))
            .env("DATABASE_URL", format!("sqlite:{}", folder.join("usher.db").display()))
            .env("USHER_PAYLOADS", folder.join("payloads"))
            .env("USHER_MASTER_KEY_FILE", folder.join("master.key"))
            .env("USHER_ALLOW_NETWORKS", "127.0.0.0/8")
            .env("USHER_LOG", "warn")
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("starting {} (built for release?)", programs.join("usher").display()))?;
        children.push(("usher", child));
        let stack = Self {
            producer_url: format!("http://127.0.0.1:{producer}/"),
            consumer_url: format!("http://127.0.0.1:{consumer}/"),
            usher_url: format!("http://127.0.0.1:{usher}/"),
            children,
        };
        answers(&format!("{}v1/health", stack.producer_url)).await?;
        answers(&format!("{}v1/health", stack.consumer_url)).await?;
        answers(&format!("{}healthz", stack.usher_url)).await?;
        Ok(stack)
    }

    /// What each process has cost so far: its processor time, and the most memory that it held at once, in bytes.
    pub fn costs(&self) -> anyhow::Result<Vec<(&'static str, Duration, u64)>> {
        self.children
            .iter()
            .map(|(name, child)| {
                let id = child.id().with_context(|| format!("{name} has ended"))?.to_string();
                Ok((*name, processor_time(&id)?, peak_resident(&id)?))
            })
            .collect()
    }

    /// Ends all three.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        for (_, child) in &mut self.children {
            child.kill().await?;
        }
        Ok(())
    }
}

fn free_port() -> anyhow::Result<u16> {
    Ok(std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

async fn answers(url: &str) -> anyhow::Result<()> {
    let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(2)).build()?;
    let begun = Instant::now();
    let mut poll = tokio::time::interval(Duration::from_millis(50));
    loop {
        poll.tick().await;
        // The key is not needed to see that the program is there: a refusal is an answer.
        if client.get(url).bearer_auth(KEY).send().await.is_ok() {
            return Ok(());
        }
        anyhow::ensure!(begun.elapsed() < Duration::from_secs(30), "{url} did not answer within 30 s");
    }
}

fn field_tables(section: &str, form_of_email: &str) -> String {
    fields()
        .iter()
        .map(|field| {
            let kind = serde_json::to_value(field.kind).unwrap_or_default();
            let field_type = serde_json::to_value(field.field_type).unwrap_or_default();
            let form = if field.name == "email" { form_of_email } else { "raw" };
            format!(
                "[[{section}.fields]]\nname = \"{}\"\nkind = {kind}\ntype = {field_type}\nform = \"{form}\"\n",
                field.name
            )
        })
        .collect()
}

fn producer_configuration(port: u16, kind: &Kind) -> String {
    let table = "table = \"people\"\nkey = \"customer_id\"";
    let (place, data) = match kind {
        Kind::Databases => ("database = \"sqlite:people.db\"".to_owned(), table),
        Kind::Server(url) => (format!("database = \"{url}\"\nschema = \"producer\""), table),
        Kind::Folders => ("folder = \"audiences\"".to_owned(), "file = \"people.csv\""),
    };
    format!(
        "listen = \"127.0.0.1:{port}\"\nauthentication_key = \"{KEY}\"\nname = \"Load producer\"\n{place}\n\
         state = \"producer-state\"\n{}\n[[producer.segments]]\nid = \"people\"\nname = \"People\"\n{data}\n",
        field_tables("producer", "raw")
    )
}

fn consumer_configuration(port: u16, hash: bool, kind: &Kind) -> String {
    let form = if hash { "sha256_hex" } else { "raw" };
    let tables = "table = \"contacts\"\nsegments_table = \"lists\"\nmembers_table = \"list_members\"";
    let (place, tables) = match kind {
        Kind::Databases => ("database = \"sqlite:contacts.db\"".to_owned(), tables),
        Kind::Server(url) => (format!("database = \"{url}\""), tables),
        Kind::Folders => ("folder = \"contacts\"".to_owned(), ""),
    };
    format!(
        "listen = \"127.0.0.1:{port}\"\nauthentication_key = \"{KEY}\"\nname = \"Load consumer\"\n{place}\n\
         state = \"consumer-state\"\n[consumer]\nkey = \"customer_id\"\n{tables}\n{}",
        field_tables("consumer", form)
    )
}
