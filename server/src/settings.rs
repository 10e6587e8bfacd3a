//! What an installation can set, on the command line or in the environment, and the checks that need no database.
//!
//! Defaults suit one machine: everything in `.usher/`, listening on loopback only.

use std::{
    net::{IpAddr, SocketAddr},
    num::NonZeroU32,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::Context;
use clap::{Args, ValueEnum};
use hub::{
    Hub, HubSettings,
    exchange::ExchangeSettings,
    outbound::{MailSettings, MailTls, OpenIdSettings, RetryPolicy, Timeouts},
    registry::SignInSettings,
    sharing::SchedulingSettings,
    store::{SystemClock, sealing::MasterKeys},
};
use ipnet::IpNet;

use crate::master_key::{self, MasterKey};

/// Where everything is kept and how runs are carried out: what every subcommand needs to open the hub.
#[derive(Debug, Clone, Args)]
pub(crate) struct HubOptions {
    /// The database: `sqlite:FILE` or `postgres://...`
    #[arg(long, env = "DATABASE_URL", default_value = "sqlite:.usher/usher.db", hide_env_values = true)]
    database_url: String,
    /// The folder in which parts and rejects wait, sealed
    #[arg(long, env = "USHER_PAYLOADS", default_value = ".usher/payloads")]
    payloads: PathBuf,
    /// The file with the key that seals everything at rest (64 hexadecimal digits); made when it is not there
    #[arg(long, env = "USHER_MASTER_KEY_FILE", default_value = ".usher/master.key")]
    master_key_file: PathBuf,
    /// The key itself, where there is no file for it
    #[arg(long, env = "USHER_MASTER_KEY", hide_env_values = true, conflicts_with = "master_key_file")]
    master_key: Option<MasterKey>,
    /// Files with other master keys, which only open: what the key was, or will be, while it is being changed
    #[arg(long, env = "USHER_OTHER_MASTER_KEY_FILES", value_delimiter = ',')]
    other_master_key_files: Vec<PathBuf>,
    /// The same without files
    #[arg(long, env = "USHER_OTHER_MASTER_KEYS", value_delimiter = ',', hide_env_values = true)]
    other_master_keys: Vec<MasterKey>,
    /// Private networks in which endpoints may live, e.g. `127.0.0.0/8,10.1.0.0/16`
    #[arg(long, env = "USHER_ALLOW_NETWORKS", value_delimiter = ',')]
    allow_networks: Vec<IpNet>,
    /// Call public addresses without TLS (http://), too; private networks that are allowed are called either way
    #[arg(long, env = "USHER_ALLOW_HTTP")]
    allow_http: bool,
    /// Runs that this process carries out at once
    #[arg(long, env = "USHER_WORKER_SLOTS", default_value_t = ExchangeSettings::default().worker_slots)]
    worker_slots: usize,
    /// Places besides, for runs of up to 50,000 rows, so that long ones do not keep them waiting
    #[arg(long, env = "USHER_SMALL_RUN_SLOTS", default_value_t = ExchangeSettings::default().small_run_slots)]
    small_run_slots: usize,
    /// Runs at most that call one endpoint at once
    #[arg(long, env = "USHER_RUNS_PER_ENDPOINT", default_value_t = ExchangeSettings::default().runs_per_endpoint, value_parser = clap::value_parser!(u32).range(1..))]
    runs_per_endpoint: u32,
    /// Seconds after which a run is taken over from a worker that gives no sign of life
    #[arg(long, env = "USHER_LEASE_SECONDS", default_value_t = ExchangeSettings::default().lease.as_secs(), value_parser = clap::value_parser!(u64).range(1..))]
    lease_seconds: u64,
    /// Minutes that the runs of one share are apart at least
    #[arg(long, env = "USHER_MINIMUM_INTERVAL_MINUTES", default_value_t = SchedulingSettings::default().minimum_interval.as_secs() / 60)]
    minimum_interval_minutes: u64,
    /// Rows of a part at most
    #[arg(long, env = "USHER_PART_ROWS", default_value_t = ExchangeSettings::default().part_rows, value_parser = clap::value_parser!(u64).range(1..))]
    part_rows: u64,
    /// Days for which the rejects of a run, and the parts of a failed one, are kept after its end
    #[arg(long, env = "USHER_RETENTION_DAYS", default_value_t = 7, value_parser = clap::value_parser!(u64).range(..=3650))]
    retention_days: u64,
    #[command(flatten)]
    retry: RetryOptions,
    #[command(flatten)]
    mail: MailOptions,
    #[command(flatten)]
    sign_in: SignInOptions,
}

/// How people sign in: with passwords, at an OpenID provider, or with either.
#[derive(Debug, Clone, Args)]
struct SignInOptions {
    /// The OpenID provider at which people can sign in, as it calls itself, e.g. `https://login.example.com/realms/people`
    #[arg(long, env = "USHER_OPENID_ISSUER")]
    openid_issuer: Option<String>,
    /// As which client Usher is known there
    #[arg(long, env = "USHER_OPENID_CLIENT_ID")]
    openid_client_id: Option<String>,
    /// The file with the client's secret
    #[arg(long, env = "USHER_OPENID_CLIENT_SECRET_FILE")]
    openid_client_secret_file: Option<PathBuf>,
    /// The secret itself, where a file will not do; not on the command line, which others on the machine can see
    #[arg(long, env = "USHER_OPENID_CLIENT_SECRET", hide_env_values = true, hide = true)]
    openid_client_secret: Option<Secret>,
    /// What people call the provider: “Sign in with …”; without it, its host
    #[arg(long, env = "USHER_OPENID_NAME")]
    openid_name: Option<String>,
    /// Whether people can sign in and up with a password; without, there has to be a provider
    #[arg(long, env = "USHER_PASSWORDS", default_value_t = true, action = clap::ArgAction::Set)]
    passwords: bool,
    /// Who can sign up
    #[arg(long, env = "USHER_SIGN_UP", value_enum, default_value = "open")]
    sign_up: SignUps,
}

/// Who can sign up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum SignUps {
    /// Everybody, with an account of their own.
    Open,
    /// Those who have an invitation; and whoever comes first.
    Invited,
}

impl SignInOptions {
    fn settings(&self) -> anyhow::Result<SignInSettings> {
        // Compose files pass variables on that are empty.
        let set = |option: &Option<String>| option.clone().filter(|text| !text.trim().is_empty());
        let secret = secret_of(
            self.openid_client_secret_file.as_deref(),
            self.openid_client_secret.as_ref().filter(|secret| !secret.0.is_empty()),
            "secret of the OpenID client",
        )?;
        let provider = match (set(&self.openid_issuer), set(&self.openid_client_id), secret) {
            (None, None, None) => None,
            (Some(issuer), Some(client_id), Some(secret)) => {
                let settings = OpenIdSettings::new(&issuer, &client_id, &secret, self.openid_name.as_deref());
                Some(settings.context("the OpenID provider can't be used (USHER_OPENID_…)")?)
            }
            (issuer, client_id, secret) => {
                let missing: Vec<_> = [
                    (issuer.is_none(), "USHER_OPENID_ISSUER"),
                    (client_id.is_none(), "USHER_OPENID_CLIENT_ID"),
                    (secret.is_none(), "USHER_OPENID_CLIENT_SECRET_FILE (or USHER_OPENID_CLIENT_SECRET)"),
                ]
                .into_iter()
                .filter_map(|(is_missing, name)| is_missing.then_some(name))
                .collect();
                anyhow::bail!(
                    "the OpenID provider is set only half: {} is missing. Set all three, or none",
                    missing.join(" and ")
                )
            }
        };
        if provider.is_none() && !self.passwords {
            anyhow::bail!(
                "USHER_PASSWORDS=false leaves no way to sign in: set an OpenID provider (USHER_OPENID_ISSUER) first"
            );
        }
        Ok(SignInSettings { provider, passwords: self.passwords, open_sign_up: self.sign_up == SignUps::Open })
    }
}

/// A secret from a file, or as it was given.
fn secret_of(file: Option<&Path>, given: Option<&Secret>, what: &str) -> anyhow::Result<Option<String>> {
    match file.filter(|file| !file.as_os_str().is_empty()) {
        Some(file) => {
            let text = std::fs::read_to_string(file)
                .with_context(|| format!("the {what} can't be read from {}", file.display()))?;
            Ok(Some(text.trim_end_matches(['\r', '\n']).to_owned()))
        }
        None => Ok(given.map(|secret| secret.0.clone())),
    }
}

/// The mail server that alerts are handed to; without one, none are mailed.
#[derive(Debug, Clone, Args)]
struct MailOptions {
    /// The mail server (SMTP) through which alerts are mailed, e.g. `mail.example.com`; without it no mail is sent
    #[arg(long, env = "USHER_SMTP_HOST", requires = "mail_from")]
    smtp_host: Option<String>,
    /// Its port; 587, 465 or 25 by how it is reached, unless set
    #[arg(long, env = "USHER_SMTP_PORT")]
    smtp_port: Option<u16>,
    /// How the way to it is sealed
    #[arg(long, env = "USHER_SMTP_TLS", value_enum, default_value = "starttls")]
    smtp_tls: SmtpTls,
    /// Who signs in there
    #[arg(long, env = "USHER_SMTP_USER")]
    smtp_user: Option<String>,
    /// The file with the password for it
    #[arg(long, env = "USHER_SMTP_PASSWORD_FILE")]
    smtp_password_file: Option<PathBuf>,
    /// The password itself, where a file will not do; not on the command line, which others on the machine can see
    #[arg(long, env = "USHER_SMTP_PASSWORD", hide_env_values = true, hide = true)]
    smtp_password: Option<Secret>,
    /// What mails come from, e.g. `Usher <usher@example.com>`
    #[arg(long, env = "USHER_MAIL_FROM")]
    mail_from: Option<String>,
}

/// How the way to the mail server is sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum SmtpTls {
    /// Begins in the open and is sealed before anything is said; a server that can't is refused.
    Starttls,
    /// Sealed from the first byte.
    Tls,
    /// In the open: only for a server on the same machine or network.
    None,
}

/// A password or another secret, which never prints.
#[derive(Clone)]
struct Secret(String);

impl std::str::FromStr for Secret {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.to_owned()))
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret")
    }
}

impl MailOptions {
    fn settings(&self) -> anyhow::Result<Option<MailSettings>> {
        let (Some(host), Some(from)) = (&self.smtp_host, &self.mail_from) else { return Ok(None) };
        let (file, given) = (self.smtp_password_file.as_deref(), self.smtp_password.as_ref());
        let password = secret_of(file, given, "password of the mail server")?;
        let credentials = match (&self.smtp_user, password) {
            (None, None) => None,
            (Some(user), Some(password)) => Some((user.clone(), password)),
            (Some(_), None) => anyhow::bail!(
                "USHER_SMTP_USER is set without a password; set USHER_SMTP_PASSWORD_FILE or USHER_SMTP_PASSWORD"
            ),
            (None, Some(_)) => anyhow::bail!("a password of the mail server is set without USHER_SMTP_USER"),
        };
        let tls = match self.smtp_tls {
            SmtpTls::Starttls => MailTls::StartTls,
            SmtpTls::Tls => MailTls::Tls,
            SmtpTls::None => MailTls::None,
        };
        Ok(Some(MailSettings { host: host.clone(), port: self.smtp_port, tls, credentials, from: from.clone() }))
    }
}

/// How calls to endpoints are tried again.
#[derive(Debug, Clone, Args)]
struct RetryOptions {
    /// Milliseconds before the first repeat of a failed call to an endpoint; each next one waits longer
    #[arg(long, env = "USHER_RETRY_BASE_MS", default_value_t = milliseconds(RetryPolicy::default().base))]
    retry_base_ms: u64,
    /// Milliseconds that Usher waits at most before a repeat
    #[arg(long, env = "USHER_RETRY_MAX_DELAY_MS", default_value_t = milliseconds(RetryPolicy::default().max_delay))]
    retry_max_delay_ms: u64,
    /// Milliseconds that an endpoint is granted at most when it asks to be called later
    #[arg(long, env = "USHER_RETRY_MAX_RETRY_AFTER_MS", default_value_t = milliseconds(RetryPolicy::default().max_retry_after))]
    retry_max_retry_after_ms: u64,
    /// Repeats of one call at most
    #[arg(long, env = "USHER_RETRY_MAX_RETRIES", default_value_t = RetryPolicy::default().max_retries)]
    retry_max_retries: u32,
    /// Milliseconds that the repeats of one call may take in all
    #[arg(long, env = "USHER_RETRY_MAX_ELAPSED_MS", default_value_t = milliseconds(RetryPolicy::default().max_elapsed))]
    retry_max_elapsed_ms: u64,
}

/// What the web server needs besides.
#[derive(Debug, Clone, Args)]
pub(crate) struct ServeOptions {
    /// Where to listen; port 0 takes a free one
    #[arg(long, env = "USHER_LISTEN", default_value = "127.0.0.1:3000")]
    pub(crate) listen: SocketAddr,
    /// The folder of the built site: the browser's half, styles and images
    #[arg(long, env = "USHER_SITE", default_value = "target/site")]
    pub(crate) site: PathBuf,
    /// Where people reach this Usher, e.g. `https://usher.example.com`, when a proxy stands before it
    #[arg(long, env = "USHER_PUBLIC_URL", value_parser = parse_origin)]
    pub(crate) public_url: Option<Origin>,
    /// Proxies that stand before this Usher, e.g. `127.0.0.1,10.1.0.0/16`: who asks is read from what they add to `X-Forwarded-For`
    #[arg(long, env = "USHER_TRUSTED_PROXIES", value_delimiter = ',', value_parser = parse_network)]
    pub(crate) trusted_proxies: Vec<IpNet>,
    /// Requests that an endpoint key may make in a minute
    #[arg(long, env = "USHER_REQUESTS_PER_MINUTE", default_value = "3000")]
    pub(crate) requests_per_minute: NonZeroU32,
    /// Whether cookies travel over HTTPS only; without it, they do where the public URL is `https`, or, without that, unless listening
    /// on loopback
    #[arg(long, env = "USHER_SECURE_COOKIES")]
    secure_cookies: Option<bool>,
}

/// A scheme and an authority, as browsers write them in the `Origin` header: `https://usher.example.com`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Origin(String);

/// How the log is written.
#[derive(Debug, Clone, Args)]
pub(crate) struct LogOptions {
    /// What to log, e.g. `info` or `usher=debug,hub=debug,warn`
    #[arg(long = "log", env = "USHER_LOG", default_value = "info", global = true)]
    pub(crate) filter: String,
    /// How to write the log (to standard error)
    #[arg(long = "log-format", env = "USHER_LOG_FORMAT", value_enum, default_value = "text", global = true)]
    pub(crate) format: LogFormat,
}

/// The log's form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// One JSON object per line.
    Json,
}

impl ServeOptions {
    /// Whether cookies are `Secure`, and browsers are told to come over HTTPS only.
    pub(crate) fn secure(&self) -> bool {
        let by_address = || match &self.public_url {
            Some(origin) => origin.0.starts_with("https:"),
            None => !self.listen.ip().is_loopback(),
        };
        self.secure_cookies.unwrap_or_else(by_address)
    }
}

impl Origin {
    /// As in the header.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// A network, or a single address.
fn parse_network(text: &str) -> Result<IpNet, &'static str> {
    let text = text.trim();
    let network = text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
    network.map_err(|_| "it must be an address like 127.0.0.1, or a network like 10.1.0.0/16")
}

fn parse_origin(text: &str) -> Result<Origin, &'static str> {
    const SHAPE: &str = "it must look like https://usher.example.com, without a path";
    let url = url::Url::parse(text).map_err(|_| SHAPE)?;
    let is_bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none() && url.username().is_empty();
    if !matches!(url.scheme(), "http" | "https") || !is_bare {
        return Err(SHAPE);
    }
    Ok(Origin(url.origin().ascii_serialization()))
}

impl HubOptions {
    /// Makes the folders and the master key when they are not there, and opens the hub, which migrates the database.
    pub(crate) async fn open(&self) -> anyhow::Result<Hub> {
        if let Some(file) = sqlite_file(&self.database_url) {
            make_parent(file)?;
        }
        let defaults = RetryPolicy::default();
        let settings = HubSettings {
            database_url: self.database_url.clone(),
            payload_folder: self.payloads.clone(),
            master_keys: self.master_keys()?,
            allowed_networks: self.allow_networks.clone(),
            allow_http: self.allow_http,
            timeouts: Timeouts::default(),
            exchange: ExchangeSettings {
                worker_slots: self.worker_slots,
                small_run_slots: self.small_run_slots,
                runs_per_endpoint: self.runs_per_endpoint,
                lease: Duration::from_secs(self.lease_seconds),
                retention: Duration::from_secs(self.retention_days * 24 * 3600),
                part_rows: self.part_rows,
                retry: RetryPolicy {
                    base: Duration::from_millis(self.retry.retry_base_ms),
                    max_delay: Duration::from_millis(self.retry.retry_max_delay_ms),
                    max_retry_after: Duration::from_millis(self.retry.retry_max_retry_after_ms),
                    max_retries: self.retry.retry_max_retries,
                    max_elapsed: Duration::from_millis(self.retry.retry_max_elapsed_ms),
                    ..defaults
                },
                ..ExchangeSettings::default()
            },
            scheduling: SchedulingSettings {
                minimum_interval: Duration::from_secs(self.minimum_interval_minutes.saturating_mul(60)),
                ..SchedulingSettings::default()
            },
            mail: self.mail.settings()?,
            sign_in: self.sign_in.settings()?,
        };
        Hub::open(settings, Arc::new(SystemClock)).await.context("Usher can't open its data")
    }
}

impl HubOptions {
    fn master_keys(&self) -> anyhow::Result<MasterKeys> {
        let current = match &self.master_key {
            Some(key) => key.bytes()?,
            None => {
                make_parent(&self.master_key_file)?;
                master_key::read_or_make(&self.master_key_file)?
            }
        };
        let mut others = self.other_master_keys.iter().map(MasterKey::bytes).collect::<anyhow::Result<Vec<_>>>()?;
        for file in &self.other_master_key_files {
            others.push(master_key::read(file)?);
        }
        others.retain(|key| *key != current);
        Ok(MasterKeys { current, others })
    }
}

/// The file of a SQLite URL.
fn sqlite_file(url: &str) -> Option<&Path> {
    let rest = url.strip_prefix("sqlite:")?;
    let rest = rest.strip_prefix("//").unwrap_or(rest);
    let file = rest.split('?').next().unwrap_or(rest);
    (!file.is_empty() && file != ":memory:").then(|| Path::new(file))
}

fn make_parent(file: &Path) -> anyhow::Result<()> {
    match file.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        Some(folder) => std::fs::create_dir_all(folder).with_context(|| {
            format!("the folder {} can't be made; check the path and its permissions", folder.display())
        }),
        None => Ok(()),
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_of_a_sqlite_url_is_found_in_every_spelling() {
        assert_eq!(sqlite_file("sqlite:.usher/usher.db"), Some(Path::new(".usher/usher.db")));
        assert_eq!(sqlite_file("sqlite:///var/usher.db?mode=rwc"), Some(Path::new("/var/usher.db")));
        assert_eq!(sqlite_file("sqlite::memory:"), None);
        assert_eq!(sqlite_file("postgres://localhost/usher"), None);
    }

    #[test]
    fn cookies_are_secure_by_the_public_url_or_unless_on_loopback_or_as_set() {
        let secure = |listen: &str, public_url: Option<&str>, secure_cookies| {
            let options = ServeOptions {
                trusted_proxies: Vec::new(),
                requests_per_minute: NonZeroU32::MIN,
                listen: listen.parse().expect("an address"),
                site: PathBuf::new(),
                public_url: public_url.map(|url| parse_origin(url).expect("an origin")),
                secure_cookies,
            };
            options.secure()
        };
        assert!(!secure("127.0.0.1:3000", None, None));
        assert!(secure("0.0.0.0:3000", None, None));
        assert!(secure("127.0.0.1:3000", Some("https://usher.example"), None));
        assert!(!secure("0.0.0.0:3000", Some("http://usher.example"), None));
        assert!(secure("127.0.0.1:3000", None, Some(true)));
        assert!(!secure("0.0.0.0:3000", Some("https://usher.example"), Some(false)));
    }

    #[test]
    fn a_public_url_is_taken_as_browsers_write_origins() {
        let origin = |text| parse_origin(text).map(|origin| origin.0);
        assert_eq!(origin("https://Usher.Example:443/"), Ok("https://usher.example".to_owned()));
        assert_eq!(origin("http://usher.example:8080"), Ok("http://usher.example:8080".to_owned()));
        for wrong in
            ["usher.example", "ftp://usher.example", "https://usher.example/usher", "https://ada@usher.example"]
        {
            assert!(origin(wrong).is_err(), "{wrong}");
        }
    }
}
