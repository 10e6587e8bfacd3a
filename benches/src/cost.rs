//! What a process has cost so far, as Linux tells it (proc(5)).

use std::time::Duration;

use anyhow::Context;

/// Processor time of a process, all of its threads together, in ticks of 10 ms. `process` is its id, or `self`.
pub fn processor_time(process: &str) -> anyhow::Result<Duration> {
    let text = std::fs::read_to_string(format!("/proc/{process}/stat"))?;
    let after_name = text.rsplit(')').next().unwrap_or_default();
    let ticks = |place: usize| after_name.split_whitespace().nth(place).and_then(|word| word.parse::<u64>().ok());
    let (Some(user), Some(system)) = (ticks(11), ticks(12)) else {
        anyhow::bail!("/proc/{process}/stat is not as expected")
    };
    Ok(Duration::from_millis((user + system) * 10))
}

/// The most memory that a process held at once (`VmHWM`), in bytes.
pub fn peak_resident(process: &str) -> anyhow::Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).context("no VmHWM in /proc")?;
    let kibibytes: u64 = line.split_whitespace().nth(1).context("an empty VmHWM")?.parse()?;
    Ok(kibibytes * 1024)
}
