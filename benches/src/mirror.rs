//! A mirror's ledger: everybody for the first time, then the same audience in another order of which one in a hundred has changed, has left, and is new.
//! Time is that of all threads of the process together, as though there were one core.

use std::time::Duration;

use hub::exchange::measure::Mirror;
use model::mapping::RowBuffer;

use crate::{
    cost::{peak_resident, processor_time},
    line,
};

/// Rows that are made before the clock runs.
const AT_ONCE: u64 = 10_000;

/// Mirrors twice, and prints what each step costs and the most memory that was held.
pub fn measure(rows: u64) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let folder = tempfile::Builder::new().prefix("usher-mirror-").tempdir()?;
    let mut mirror = Mirror::new(folder.path(), runtime.handle().clone()).map_err(anyhow::Error::msg)?;
    for (name, changed) in [("everybody is new", false), ("one in a hundred changed, left, and came", true)] {
        line(&format!("{name}:"));
        let mut collecting = Duration::ZERO;
        let mut made = Vec::new();
        for start in (0..rows).step_by(usize::try_from(AT_ONCE)?) {
            made.clear();
            made.extend((start..rows.min(start + AT_ONCE)).map(|place| person(place, rows, changed)));
            let begun = processor_time("self")?;
            for row in &made {
                mirror.add(row.row()).map_err(anyhow::Error::msg)?;
            }
            collecting += processor_time("self")?.saturating_sub(begun);
        }
        told("sorted and put aside", rows, collecting);
        let begun = processor_time("self")?;
        let changes = mirror.compare().map_err(anyhow::Error::msg)?;
        let compared = processor_time("self")?;
        told("merged and compared with the ledger", rows, compared.saturating_sub(begun));
        let members = mirror.settle().map_err(anyhow::Error::msg)?;
        let settled = processor_time("self")?;
        told("the ledger made anew", rows, settled.saturating_sub(compared));
        anyhow::ensure!(members == rows, "the ledger has {members} members");
        let found = (changes.added, changes.changed, changes.removed);
        let expected = if changed { (rows / 100, rows / 100, rows / 100) } else { (rows, 0, 0) };
        anyhow::ensure!(found == expected, "found {changes:?}");
    }
    line(&format!("peak resident: {} MB", peak_resident("self")? / 1_000_000));
    Ok(())
}

fn told(step: &str, rows: u64, took: Duration) {
    #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
    let pace = rows as f64 / took.as_secs_f64();
    line(&format!("  {step}: {:.2} s, {pace:.0} rows/s", took.as_secs_f64()));
}

/// The row at a place: in the second audience those at the multiples of 100 are new, those after them have changed, and all stand elsewhere.
fn person(place: u64, rows: u64, changed: bool) -> RowBuffer {
    let number = if changed { rows - 1 - place } else { place };
    let (who, city) = match number % 100 {
        0 if changed => (number + rows, 0),
        1 if changed => (number, 1),
        _ => (number, 0),
    };
    let values = [
        format!("person.{who}@example-{}.org", who % 977),
        format!("+4930{:08}", who % 100_000_000),
        format!("Zoë {}", who % 40_000),
        format!("O'Neill-{}", who % 90_000),
        format!("Stadt am Fluß {city}"),
        format!("{:05}", who % 99_999),
        "DE".to_owned(),
        "2024-11-03".to_owned(),
    ];
    values.iter().collect()
}
