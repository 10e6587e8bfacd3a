//! `usher-catalogue`: how long a search takes in a large catalogue. Ten applications on real sockets offer the audiences; the hub reads them as it
//! always does, and is then asked what people ask: words, beginnings of words, slips of the finger, narrowed, sorted, far down the pages.
//!
//! Prints p50, p95 and p99 of each kind, over a warm index; what making the index costs; and what a refresh costs that finds nothing new.

mod endpoint;

use std::{path::PathBuf, sync::Arc, time::Instant};

use anyhow::Context;
use clap::Parser;
use hub::{
    Hub, HubSettings,
    registry::SignInSettings,
    store::{SystemClock, sealing::MasterKeys},
};
use model::{
    catalogue::{AudienceQuery, AudienceSort, Freshness, IdentifierKind, SizeBand},
    contract::{Segment, SegmentLabel},
    field::{Field, FieldKind, FieldType},
    view::{Actor, Connect, SignUp},
};
use rand::{RngExt, SeedableRng, rngs::StdRng, seq::IndexedRandom};

/// As in the `usher` program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const ENDPOINTS: usize = 10;

/// What to measure.
#[derive(Parser)]
#[command(name = "usher-catalogue", about = "Searches a made-up catalogue and prints how long it took")]
struct Arguments {
    /// How many audiences, over ten endpoints; at most 10,000 each.
    #[arg(long, default_value_t = 100_000)]
    audiences: usize,
    /// Searches of each kind.
    #[arg(long, default_value_t = 200)]
    searches: usize,
    /// An empty PostgreSQL database; a new SQLite file when absent.
    #[arg(long)]
    database: Option<String>,
}

const FIRST: [&str; 24] = [
    "Newsletter",
    "Loyal",
    "Lapsed",
    "High-value",
    "New",
    "Returning",
    "Premium",
    "Seasonal",
    "Lisbon",
    "São Paulo",
    "München",
    "Kraków",
    "Autumn",
    "Winter",
    "Summer",
    "Birthday",
    "Cart",
    "Win-back",
    "Mobile",
    "Retail",
    "Wholesale",
    "Student",
    "Family",
    "Dormant",
];
const SECOND: [&str; 16] = [
    "subscribers",
    "customers",
    "members",
    "visitors",
    "buyers",
    "accounts",
    "leads",
    "prospects",
    "households",
    "travellers",
    "readers",
    "donors",
    "players",
    "drivers",
    "guests",
    "patients",
];
const WORDS: [&str; 40] = [
    "people",
    "who",
    "bought",
    "opened",
    "clicked",
    "within",
    "the",
    "last",
    "thirty",
    "days",
    "and",
    "have",
    "not",
    "unsubscribed",
    "since",
    "from",
    "shop",
    "store",
    "online",
    "campaign",
    "email",
    "phone",
    "consent",
    "marketing",
    "region",
    "north",
    "south",
    "spent",
    "more",
    "than",
    "hundred",
    "euros",
    "category",
    "shoes",
    "garden",
    "kitchen",
    "insurance",
    "trial",
    "renewal",
    "churn",
];

fn fields(kind: usize) -> Vec<Field> {
    let mut fields = vec![
        Field::new("customer_id", FieldKind::Identifier, FieldType::CustomerId),
        Field::new("email", FieldKind::Identifier, FieldType::Email),
    ];
    if kind.is_multiple_of(2) {
        fields.push(Field::new("phone", FieldKind::Identifier, FieldType::Phone));
    }
    for number in 0..10 + kind % 7 {
        let mut field = Field::new(format!("attribute_{kind}_{number}"), FieldKind::Attribute, FieldType::String);
        field.label = Some(format!("Attribute {number}"));
        fields.push(field);
    }
    fields
}

/// Made-up audiences, always the same.
fn segments(endpoint: usize, many: usize) -> Vec<Segment> {
    let mut random = StdRng::seed_from_u64(endpoint as u64);
    let mut pick = |of: &[&str]| (*of.choose(&mut random).unwrap_or(&"")).to_owned();
    let mut made = Vec::with_capacity(many);
    for number in 0..many {
        let description: Vec<String> = (0..12).map(|_| pick(&WORDS)).collect();
        made.push((pick(&FIRST), pick(&SECOND), description.join(" "), pick(&WORDS), pick(&SECOND), number));
    }
    let mut random = StdRng::seed_from_u64(1_000 + endpoint as u64);
    let segment =
        |(first, second, description, tag, other, number): (String, String, String, String, String, usize)| Segment {
            id: number.to_string(),
            name: format!("{first} {second} {endpoint}{number:05}"),
            description: Some(format!("{description} ref{number:05}x{endpoint}")),
            size: random.random_bool(0.9).then(|| 10_u64.pow(random.random_range(0..7)) * random.random_range(1..10)),
            size_is_estimate: false,
            updated_at: Some(format!(
                "2026-{:02}-{:02}T00:00:00Z",
                random.random_range(1..12),
                random.random_range(1..29)
            )),
            fields: fields(number % 40),
            tags: vec![tag, other],
            label: Some(SegmentLabel { owner: Some(format!("Team {}", number % 30)), ..SegmentLabel::default() }),
            statistics: None,
        };
    made.into_iter().map(segment).collect()
}

/// A slip of the finger in the middle of a word.
fn slipped(word: &str, random: &mut StdRng) -> String {
    let mut letters: Vec<char> = word.chars().collect();
    if letters.len() > 4 {
        let at = random.random_range(1..letters.len() - 2);
        match random.random_range(0..3) {
            0 => letters.swap(at, at + 1),
            1 => drop(letters.remove(at)),
            _ => letters.insert(at, 'x'),
        }
    }
    letters.into_iter().collect()
}

type Asked = Box<dyn FnMut(&mut StdRng) -> AudienceQuery>;

fn kinds() -> Vec<(&'static str, Asked)> {
    fn one(of: &[&str], random: &mut StdRng) -> String {
        (*of.choose(random).unwrap_or(&"")).to_owned()
    }
    fn words(text: String) -> AudienceQuery {
        AudienceQuery { text, page: 1, ..AudienceQuery::default() }
    }
    vec![
        ("everything", Box::new(|_| words(String::new()))),
        ("one word", Box::new(|random| words(one(&SECOND, random)))),
        (
            "as one types",
            Box::new(|random| {
                let text = format!("{} {}", one(&FIRST, random), one(&SECOND, random));
                let typed = random.random_range(1..=text.chars().count());
                words(text.chars().take(typed).collect())
            }),
        ),
        (
            "three words",
            Box::new(|random| {
                words(format!("{} {} {}", one(&FIRST, random), one(&SECOND, random), one(&WORDS, random)))
            }),
        ),
        (
            "with a slip",
            Box::new(|random| {
                let slip = slipped(&one(&SECOND, random), random);
                words(format!("{} {slip}", one(&FIRST, random)))
            }),
        ),
        (
            "slips in both",
            Box::new(|random| {
                let (first, second) = (one(&FIRST, random), one(&SECOND, random));
                words(format!("{} {}", slipped(&first, random), slipped(&second, random)))
            }),
        ),
        (
            "nothing to find",
            Box::new(|random| words(format!("{} zzzqqqxx{}", one(&FIRST, random), random.random_range(0..99)))),
        ),
        (
            "one of a kind",
            Box::new(|random| {
                words(format!("ref{:05}x{}", random.random_range(0..5_000), random.random_range(0..ENDPOINTS)))
            }),
        ),
        (
            "narrowed",
            Box::new(|random| AudienceQuery {
                sizes: vec![SizeBand::Thousands, SizeBand::Millions],
                identifiers: vec![IdentifierKind::Email, IdentifierKind::Phone],
                freshness: vec![Freshness::Older],
                tags: vec![one(&WORDS, random)],
                ..words(one(&SECOND, random))
            }),
        ),
        (
            "sorted, deep page",
            Box::new(|random| AudienceQuery {
                sort: if random.random_bool(0.5) { AudienceSort::Largest } else { AudienceSort::Freshest },
                page: random.random_range(1..1_900),
                ..words(String::new())
            }),
        ),
        (
            "words, deep page",
            Box::new(|random| AudienceQuery { page: random.random_range(1..100), ..words(one(&SECOND, random)) }),
        ),
    ]
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let folder = tempfile::Builder::new().prefix("usher-catalogue-").tempdir()?;
    let url = arguments.database.clone().unwrap_or_else(|| format!("sqlite:{}/usher.db", folder.path().display()));
    let settings = || -> anyhow::Result<HubSettings> {
        Ok(HubSettings {
            database_url: url.clone(),
            payload_folder: PathBuf::from(folder.path()).join("payloads"),
            master_keys: MasterKeys::only([7; 32]),
            allowed_networks: vec!["127.0.0.1/32".parse()?],
            allow_http: false,
            timeouts: hub::outbound::Timeouts::default(),
            exchange: hub::exchange::ExchangeSettings::default(),
            scheduling: hub::sharing::SchedulingSettings::default(),
            mail: None,
            sign_in: SignInSettings::default(),
        })
    };
    let hub = Hub::open(settings()?, Arc::new(SystemClock)).await?;
    let form = SignUp {
        account_name: "Bench".to_owned(),
        user_name: "Bench".to_owned(),
        email: format!("bench-{}@example.org", std::process::id()),
        password: "correct horse battery".to_owned(),
    };
    let actor = hub.sign_up(form).await?;
    let before = resident()?;
    let begun = Instant::now();
    let mut endpoints = Vec::new();
    for endpoint in 0..ENDPOINTS {
        let connect = Connect {
            application_id: "app_toolkit_endpoint".to_owned(),
            name: format!("Application {endpoint}"),
            base_url: endpoint::serve(segments(endpoint, arguments.audiences / ENDPOINTS)).await?,
            authentication_key: endpoint::KEY.to_owned(),
            ..Connect::default()
        };
        endpoints.push(hub.connect_endpoint(&actor, connect).await.context("connecting")?);
    }
    say(&format!(
        "{}: {} audiences connected and read in {:.1} s",
        kind(&url),
        arguments.audiences,
        begun.elapsed().as_secs_f64()
    ));
    let begun = Instant::now();
    let report = hub.refresh_audiences(&actor, &endpoints[0]).await?;
    say(&format!("one endpoint refreshed, nothing new: {:.0} ms ({})", milliseconds(begun), report.sentence()));

    // As a process that has just started.
    drop(hub);
    let hub = Hub::open(settings()?, Arc::new(SystemClock)).await?;
    let cold = resident()?;
    let begun = Instant::now();
    let found = hub.audiences(&actor, &AudienceQuery::default()).await?;
    say(&format!("first search, which makes the index: {:.0} ms, {} found", milliseconds(begun), found.total));
    say(&format!(
        "resident memory: {before:.0} MB at the start, {cold:.0} MB before the index, {:.0} MB after",
        resident()?
    ));
    say(&format!("{:<20}{:>8}{:>8}{:>8}{:>8}{:>10}", "milliseconds", "p50", "p95", "p99", "most", "hits"));
    let mut all = Vec::new();
    for (name, mut ask) in kinds() {
        let (mut took, hits) = measure(&hub, &actor, arguments.searches, &mut ask).await?;
        all.extend_from_slice(&took);
        line(name, &mut took, hits);
    }
    line("all of them", &mut all, 0);
    hub.close().await;
    Ok(())
}

async fn measure(hub: &Hub, actor: &Actor, searches: usize, ask: &mut Asked) -> anyhow::Result<(Vec<f64>, u64)> {
    let mut random = StdRng::seed_from_u64(99);
    let (mut took, mut hits) = (Vec::with_capacity(searches), 0);
    for _ in 0..searches {
        let query = ask(&mut random);
        let begun = Instant::now();
        hits += hub.audiences(actor, &query).await?.total;
        took.push(milliseconds(begun));
    }
    Ok((took, hits / searches.max(1) as u64))
}

fn line(name: &str, took: &mut [f64], hits: u64) {
    took.sort_by(f64::total_cmp);
    let at = |share: f64| {
        took.get(((took.len() as f64 * share) as usize).min(took.len().saturating_sub(1))).copied().unwrap_or(0.0)
    };
    say(&format!("{name:<20}{:>8.1}{:>8.1}{:>8.1}{:>8.1}{hits:>10}", at(0.5), at(0.95), at(0.99), at(1.0)));
}

#[expect(clippy::print_stdout, reason = "the figures are this program's output")]
fn say(text: &str) {
    println!("{text}");
}

fn milliseconds(begun: Instant) -> f64 {
    begun.elapsed().as_secs_f64() * 1_000.0
}

fn kind(url: &str) -> &str {
    url.split(':').next().unwrap_or(url)
}

/// Megabytes of this process in memory.
fn resident() -> anyhow::Result<f64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
    Ok(line.trim().trim_end_matches("kB").trim().parse::<f64>()? / 1_024.0)
}
