//! Many runs at once: when each has ended, counted from when it was asked for, and how long pages take meanwhile.

use std::time::Duration;

use anyhow::Context;
use chrono::DateTime;
use model::run::RunState;

use crate::{
    Arguments,
    browserless::{Connected, Visitor},
};

/// Pages that somebody looks at while the runs are under way.
const PAGES: [&str; 3] = ["", "runs", "audiences"];

/// Shares everything at once, and tells the figures.
pub async fn measure(visitor: &Visitor, connected: &Connected, arguments: &Arguments) -> anyhow::Result<Vec<String>> {
    let mut shares = Vec::new();
    for number in 1..=arguments.runs {
        let segment = format!("Everybody {number}");
        shares.push(visitor.prepare_share(connected, &segment, arguments.treatment(), arguments.mode.word()).await?);
    }
    let idle = look(visitor, 20).await?;
    let asked = futures::future::try_join_all(shares.iter().map(|share| visitor.share_now(share)));
    let mut runs = asked.await?;
    let mut looked = Vec::new();
    let mut took = Vec::new();
    while let Some(run) = runs.pop() {
        let view = visitor.run(&run).await?;
        if !view.summary.state.is_final() {
            runs.insert(0, run);
            looked.extend(look(visitor, 1).await?);
            tokio::time::sleep(Duration::from_millis(20)).await;
            continue;
        }
        let rows = view.summary.counts.acknowledged;
        anyhow::ensure!(
            view.summary.state == RunState::Complete && rows == arguments.rows,
            "a run ended as {:?} with {rows} rows acknowledged: {:?}",
            view.summary.state,
            view.failure
        );
        let from = DateTime::parse_from_rfc3339(&view.summary.created_at)?;
        let to = DateTime::parse_from_rfc3339(view.summary.finished_at.as_deref().context("it has ended")?)?;
        took.push((to - from).to_std()?);
    }
    Ok(vec![
        figures(&format!("{} runs of {} rows", arguments.runs, arguments.rows), took),
        figures("pages while nothing runs", idle),
        figures("pages meanwhile", looked),
    ])
}

async fn look(visitor: &Visitor, times: u32) -> anyhow::Result<Vec<Duration>> {
    let mut took = Vec::new();
    for _ in 0..times {
        for page in PAGES {
            took.push(visitor.page(page).await?);
        }
    }
    Ok(took)
}

fn figures(what: &str, mut took: Vec<Duration>) -> String {
    took.sort_unstable();
    let at = |percent: usize| {
        let place = (took.len() * percent / 100).min(took.len().saturating_sub(1));
        took.get(place).copied().unwrap_or_default().as_millis()
    };
    format!("{what}: median {} ms, p95 {} ms, p99 {} ms, longest {} ms", at(50), at(95), at(99), at(100))
}
