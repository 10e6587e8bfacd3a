//! `usher-schedules`: how late runs are queued where many schedules are active. A share is made and scheduled as a person does it, and copied in the
//! database as often as wanted, each copy with its own moment of the hour; then as many processes' worth of the scheduler as wanted look after it on the
//! machine's clock. Nobody works on the runs: what is measured is that each slot becomes one run in time.
//!
//! A slot counts as decided when the pass that decided it has ended, so that the figures are upper bounds.

mod endpoint;

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use anyhow::Context;
use clap::Parser;
use hub::{
    Hub, HubSettings,
    registry::SignInSettings,
    sharing::SchedulingSettings,
    store::{SystemClock, sealing::MasterKeys},
};
use model::{
    contract::Segment,
    field::{Field, FieldKind, FieldType},
    id::ShareId,
    mapping::{Link, Mapping, Source},
    recurrence::{Ends, InBlackout, Missed, Overlap, Schedule, ScheduleForm, Unit, When},
    run::Mode,
    view::{Actor, AudienceQuery, ChooseDestination, Connect, DestinationSegment, SignUp},
};
use sqlx::{AnyPool, Row};

/// As in the `usher` program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What to measure.
#[derive(Parser)]
#[command(name = "usher-schedules", about = "Keeps many schedules and prints how late their runs are queued")]
struct Arguments {
    /// How many schedules are active.
    #[arg(long, default_value_t = 100_000)]
    schedules: u32,
    /// How many minutes lie between two runs of each; their moments are spread evenly over it.
    #[arg(long, default_value_t = 60)]
    every: u32,
    /// So many more fall due in one and the same moment, half-way.
    #[arg(long, default_value_t = 200)]
    together: u32,
    /// How long it is looked at.
    #[arg(long, default_value_t = 120)]
    seconds: u32,
    /// How many look after the same database at once.
    #[arg(long, default_value_t = 2)]
    nodes: u32,
    /// An empty PostgreSQL database; a new SQLite file when absent.
    #[arg(long)]
    database: Option<String>,
}

fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let folder = tempfile::Builder::new().prefix("usher-schedules-").tempdir()?;
    let url = arguments.database.clone().unwrap_or_else(|| format!("sqlite:{}/usher.db", folder.path().display()));
    let mut nodes = Vec::new();
    for _ in 0..arguments.nodes.max(1) {
        let settings = HubSettings {
            database_url: url.clone(),
            payload_folder: PathBuf::from(folder.path()).join("payloads"),
            master_keys: MasterKeys::only([7; 32]),
            allowed_networks: vec!["127.0.0.1/32".parse()?],
            allow_http: false,
            timeouts: hub::outbound::Timeouts::default(),
            exchange: hub::exchange::ExchangeSettings::default(),
            scheduling: SchedulingSettings::default(),
            mail: None,
            sign_in: SignInSettings::default(),
        };
        nodes.push(Hub::open(settings, Arc::new(SystemClock)).await?);
    }
    let share = scheduled_share(nodes.first().context("no node")?).await?;
    let pool = AnyPool::connect(&url).await?;
    copy_shares(&pool, &share, &arguments).await?;
    let begins = now_ms() + scheduling_takes(&arguments);
    copy_schedules(&pool, &share, &arguments, begins).await?;
    anyhow::ensure!(now_ms() < begins, "copying took longer than was thought; ask for fewer schedules");
    tokio::time::sleep(Duration::from_millis(u64::try_from(begins - now_ms()).unwrap_or(0))).await;

    let stop = Arc::new(AtomicBool::new(false));
    let looking: Vec<_> = nodes.iter().map(|hub| tokio::spawn(look(hub.clone(), stop.clone()))).collect();
    tokio::time::sleep(Duration::from_secs(arguments.seconds.into())).await;
    let ended = now_ms();
    stop.store(true, Ordering::Relaxed);
    let mut passes = Vec::new();
    for looking in looking {
        passes.extend(looking.await??);
    }
    report(&pool, &arguments, &url, ended, &passes).await?;
    for hub in nodes {
        hub.close().await;
    }
    Ok(())
}

/// How long the copies of the schedule are given before the first of them is due, in milliseconds.
fn scheduling_takes(arguments: &Arguments) -> i64 {
    10_000 + i64::from(arguments.schedules + arguments.together) / 4
}

/// As `Hub::keep_schedules`; gives when each pass that decided something began and ended.
async fn look(hub: Hub, stop: Arc<AtomicBool>) -> anyhow::Result<Vec<(i64, i64)>> {
    let mut passes = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let begun = now_ms();
        if hub.run_due().await? > 0 {
            passes.push((begun, now_ms()));
        }
        tokio::time::sleep(SchedulingSettings::default().poll).await;
    }
    Ok(passes)
}

async fn scheduled_share(hub: &Hub) -> anyhow::Result<ShareId> {
    let form = SignUp {
        account_name: "Bench".to_owned(),
        user_name: "Bench".to_owned(),
        email: format!("bench-{}@example.org", std::process::id()),
        password: "correct horse battery".to_owned(),
    };
    let actor: Actor = hub.sign_up(form).await?;
    let segment = Segment {
        id: "1".to_owned(),
        name: "Everybody".to_owned(),
        description: None,
        size: Some(1_000),
        size_is_estimate: false,
        updated_at: None,
        fields: vec![Field::new("email", FieldKind::Identifier, FieldType::Email)],
        tags: Vec::new(),
        label: None,
        statistics: None,
    };
    let connect = Connect {
        application_id: "app_toolkit_endpoint".to_owned(),
        name: "Application".to_owned(),
        base_url: endpoint::serve(vec![segment]).await?,
        authentication_key: endpoint::KEY.to_owned(),
        ..Connect::default()
    };
    let connected = hub.connect_endpoint(&actor, connect).await.context("connecting")?;
    let query = AudienceQuery { page: 1, ..AudienceQuery::default() };
    let audience = hub.audiences(&actor, &query).await?.items.pop().context("the audience is not there")?;
    let share = hub.start_share(&actor, &audience.id).await?;
    let choice = ChooseDestination {
        endpoint_id: connected.to_string(),
        segment: DestinationSegment::New { name: "Everybody".to_owned() },
        mode: Mode::Add,
    };
    hub.choose_destination(&actor, &share, choice).await?;
    let source = Source::Field { name: "email".to_owned() };
    let link = Link { target: "email".to_owned(), source, transforms: Vec::new() };
    hub.save_mapping(&actor, &share, Mapping { links: vec![link] }).await?;
    // Not before tomorrow by itself: only its copies are measured.
    let tomorrow = chrono::Utc::now().date_naive() + chrono::Days::new(1);
    let form =
        ScheduleForm { starts_day: tomorrow.to_string(), kind: "repeats".to_owned(), ..ScheduleForm::fresh("UTC") };
    hub.save_schedule(&actor, &share, &form).await?;
    hub.start_schedule(&actor, &share).await?;
    Ok(share)
}

/// The number of the first copy, so that all ids are of one length.
const FIRST: i64 = 1_000_000_000_000_000_000;
/// Schedules that are written in one statement.
const AT_ONCE: u32 = 500;

fn id_of(number: u32) -> String {
    format!("{}_{}", ShareId::PREFIX, FIRST + i64::from(number))
}

/// The columns of a table but some.
async fn columns(pool: &AnyPool, table: &str, but: &[&str]) -> anyhow::Result<String> {
    let row = sqlx::query(sqlx::AssertSqlSafe(format!("select * from {table} limit 1"))).fetch_one(pool).await?;
    let names = row.columns().iter().map(|column| sqlx::Column::name(column).to_owned());
    Ok(names.filter(|name| !but.contains(&name.as_str())).collect::<Vec<_>>().join(", "))
}

/// Copies the share with its mapping's version.
async fn copy_shares(pool: &AnyPool, share: &ShareId, arguments: &Arguments) -> anyhow::Result<()> {
    let many = arguments.schedules + arguments.together;
    for (table, id) in [("share", "id"), ("mapping_version", "share_id")] {
        let others = columns(pool, table, &[id]).await?;
        let text = format!(
            "with recursive copy (number) as (select cast(0 as bigint) union all select number + 1 from copy where number + 1 < $1)
             insert into {table} ({id}, {others})
             select '{}_' || cast({FIRST} + copy.number as text), {others} from {table}, copy where {table}.{id} = $2",
            ShareId::PREFIX
        );
        let copied = sqlx::query(sqlx::AssertSqlSafe(text)).bind(i64::from(many)).bind(share.as_str());
        let copied = copied.execute(pool).await?.rows_affected();
        anyhow::ensure!(copied == u64::from(many), "{copied} rows of {table} were copied instead of {many}");
    }
    Ok(())
}

/// Copies the schedule, each time with another moment.
async fn copy_schedules(pool: &AnyPool, share: &ShareId, arguments: &Arguments, begins: i64) -> anyhow::Result<()> {
    let others = columns(pool, "schedule", &["share_id", "rule", "next_slot", "next_due"]).await?;
    let spread = i64::from(arguments.every) * 60_000;
    let moment = |number: u32| {
        if number < arguments.schedules {
            begins + i64::from(number) * spread / i64::from(arguments.schedules)
        } else {
            begins + i64::from(arguments.seconds) * 500
        }
    };
    let many = arguments.schedules + arguments.together;
    let mut transaction = pool.begin().await?;
    for first in (0..many).step_by(AT_ONCE as usize) {
        let numbers: Vec<u32> = (first..many.min(first + AT_ONCE)).collect();
        let places: Vec<String> = (0..numbers.len())
            .map(|row| row * 3 + 2)
            .map(|at| format!("(${at}, ${}, cast(${} as bigint))", at + 1, at + 2))
            .collect();
        let text = format!(
            "insert into schedule (share_id, rule, next_slot, next_due, {others})
             select copy.column1, copy.column2, copy.column3, copy.column3, {others} from schedule, (values {}) as copy
             where schedule.share_id = $1",
            places.join(", ")
        );
        let mut insert = sqlx::query(sqlx::AssertSqlSafe(text)).bind(share.as_str());
        for number in numbers {
            let slot = moment(number);
            let rule = Schedule {
                when: When::Every { count: arguments.every, unit: Unit::Minutes },
                zone: "UTC".to_owned(),
                starts: chrono::DateTime::from_timestamp_millis(slot).context("no moment")?.naive_utc(),
                ends: Ends::Never,
                jitter_minutes: 0,
                overlap: Overlap::default(),
                missed: Missed::default(),
                in_blackout: InBlackout::default(),
                depends_on: None,
            };
            insert = insert.bind(id_of(number)).bind(serde_json::to_string(&rule)?).bind(slot);
        }
        insert.execute(&mut *transaction).await?;
    }
    transaction.commit().await?;
    Ok(())
}

async fn report(
    pool: &AnyPool,
    arguments: &Arguments,
    url: &str,
    ended: i64,
    passes: &[(i64, i64)],
) -> anyhow::Result<()> {
    let rows = sqlx::query("select slot, state, decided_at, run_id from occurrence where decided_at is not null")
        .fetch_all(pool)
        .await?;
    let mut late = Vec::with_capacity(rows.len());
    let mut started = 0_u32;
    for row in &rows {
        let (slot, decided): (i64, i64) = (row.try_get("slot")?, row.try_get("decided_at")?);
        started += u32::from(row.try_get::<String, _>("state")? == "started");
        // The database rounds its clock.
        let within = |(begun, end): &&(i64, i64)| (begun - 2..=end + 2).contains(&decided);
        let by = passes.iter().filter(within).map(|(_, end)| *end).max();
        late.push(by.context("a slot was decided outside of every pass")? - slot);
    }
    let many = |text: &'static str, at: i64| async move {
        let row = sqlx::query(text).bind(at).fetch_one(pool).await?;
        anyhow::Ok(row.try_get::<i64, _>("many")?)
    };
    let runs = many("select count(*) as many from run where created_at <= $1", i64::MAX).await?;
    let open = many("select count(*) as many from schedule where next_due <= $1", ended - 2_000).await?;
    late.sort_unstable();
    let at = |share: f64| late.get(((late.len() as f64 * share) as usize).min(late.len().saturating_sub(1))).copied();
    say(&format!(
        "{}: {} schedules every {} minutes, and {} in one moment; {} nodes, {} s",
        url.split(':').next().unwrap_or(url),
        arguments.schedules,
        arguments.every,
        arguments.together,
        arguments.nodes,
        arguments.seconds
    ));
    say(&format!(
        "{} slots decided, {started} started, {runs} runs queued; {open} due for over 2 s at the end",
        rows.len()
    ));
    for (name, share) in [("p50", 0.5), ("p95", 0.95), ("p99", 0.99), ("most", 1.0)] {
        say(&format!("late, {name}: {} ms", at(share).unwrap_or_default()));
    }
    Ok(())
}

#[expect(clippy::print_stdout, reason = "the figures are this program's output")]
fn say(text: &str) {
    println!("{text}");
}
