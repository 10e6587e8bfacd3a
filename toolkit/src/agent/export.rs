//! Sending an export: the file is made as when Usher fetches it, cut into parts, and sent as far as it has not arrived yet.

use std::collections::HashMap;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures::{StreamExt, TryStreamExt};
use model::contract::{HostedJob, JobPart, JobRequest, JobStatus, PART_BYTES, PART_ROWS, StatusReport};
use sha2::{Digest, Sha256};
use tokio::sync::mpsc;

use super::JobError;
use super::progress::Progress;
use super::usher::Usher;
use crate::fault::{Code, Fault};
use crate::producer::exports::Exports;

/// Parts that are on their way at the same time.
const IN_FLIGHT: usize = 4;
/// How long to wait for the file before looking again.
const PATIENCE: Duration = Duration::from_secs(60);

/// A part that is cut.
struct Cut {
    number: u32,
    rows: u64,
    csv: Vec<u8>,
}

/// Does an export job, from wherever it is.
pub async fn send(usher: &Usher, exports: &Exports, job: &HostedJob) -> Result<(), JobError> {
    let id = &job.job.id;
    let request = JobRequest {
        id: id.clone(),
        category: job.job.category,
        segment: job.job.segment.clone(),
        mode: None,
        fields: job.fields.clone(),
        limit: None,
    };
    let outcome = async {
        let mut made = exports.announce(request).await?;
        while !made.status.is_final() {
            if let Some(export) = exports.wait(id, PATIENCE).await? {
                made = export.to_job();
            }
        }
        if let Some(problem) = made.problem {
            return Err(Fault::new(Code::WRONG_STATUS, problem.detail.unwrap_or(problem.title)).into());
        }
        let (file, path) = exports.file(id).await?;
        let progress = Progress::begin("sending", id, file.rows);
        let (parts, rows) = send_file(usher, id, path, &progress).await?;
        drop(progress);
        if rows != file.rows {
            let detail = format!("The file has {} rows, but {rows} were cut into parts.", file.rows);
            return Err(Fault::new(Code::INTERNAL, detail).into());
        }
        usher.report(id, &StatusReport::complete(parts, rows)).await?;
        tracing::info!(job.id = id, parts, rows, "an export was sent");
        Ok::<_, JobError>(())
    };
    let outcome = outcome.await;
    // The file is needed no more once Usher has all, or wants nothing of it.
    let over = match &outcome {
        Ok(()) => Some(JobStatus::Complete),
        Err(JobError::Call(error)) if !error.is_refusal() => None,
        Err(_) => Some(JobStatus::Canceled),
    };
    if let Some(status) = over
        && let Err(fault) = exports.report(id, StatusReport::ended(status, "")).await
    {
        tracing::debug!(job.id = id, error = %fault, "the export's file stays until it is swept away");
    }
    outcome
}

/// How many parts and rows there are, once all have arrived.
async fn send_file(usher: &Usher, job: &str, path: PathBuf, progress: &Progress) -> Result<(u32, u64), JobError> {
    let arrived: HashMap<u32, JobPart> =
        usher.arrived(job).await?.into_iter().map(|part| (part.number, part)).collect();
    let (cuts_in, cuts) = mpsc::channel::<Cut>(1);
    let cutting = tokio::task::spawn_blocking(move || cut(&path, |cut| cuts_in.blocking_send(cut).is_ok()));
    let arrived = &arrived;
    let sent = futures::stream::unfold(cuts, |mut cuts| async move { cuts.recv().await.map(|cut| (cut, cuts)) })
        .map(|cut| async move { send_cut(usher, job, arrived.get(&cut.number), cut).await })
        .buffer_unordered(IN_FLIGHT)
        .try_fold((0, 0), |(parts, rows), sent| async move {
            progress.add(sent);
            Ok((parts + 1, rows + sent))
        })
        .await;
    cutting.await??;
    sent
}

async fn send_cut(usher: &Usher, job: &str, arrived: Option<&JobPart>, cut: Cut) -> Result<u64, JobError> {
    let sha256 = hex::encode(Sha256::digest(&cut.csv));
    let part = match arrived {
        Some(part) => part.clone(),
        None => usher.send_part(job, cut.number, &cut.csv).await?,
    };
    if part.sha256.as_deref() != Some(sha256.as_str()) || part.rows != Some(cut.rows) {
        let detail = format!("Part {} arrived with other content than it has here. Share again.", cut.number);
        return Err(Fault::new(Code::PART_DIFFERS, detail).into());
    }
    tracing::debug!(job.id = job, part = cut.number, rows = cut.rows, "a part has arrived");
    Ok(cut.rows)
}

/// Cuts a file at rows: the same file always gives the same parts. Ends early when nobody wants more.
fn cut(path: &Path, mut hand_over: impl FnMut(Cut) -> bool) -> Result<(), Fault> {
    let broken = |error: csv::Error| Fault::internal("Reading the export's file", error);
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(BufReader::new(File::open(path)?));
    let header = reader.byte_headers().map_err(broken)?.clone();
    let mut row = csv::ByteRecord::new();
    let (mut number, mut rows) = (0, 0);
    let begin = || -> Result<csv::Writer<Vec<u8>>, Fault> {
        let mut writer =
            csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).flexible(true).from_writer(Vec::new());
        writer.write_byte_record(&header).map_err(broken)?;
        Ok(writer)
    };
    let mut writer = begin()?;
    let mut bytes: u64 = 0;
    let mut finish = |writer: csv::Writer<Vec<u8>>, rows: u64| -> Result<bool, Fault> {
        number += 1;
        let csv = writer.into_inner().map_err(|error| Fault::internal("Writing a part", error.into_error()))?;
        Ok(hand_over(Cut { number, rows, csv }))
    };
    while reader.read_byte_record(&mut row).map_err(broken)? {
        // As it is written: quotes within are doubled, quotes around and separators come on top. The limit is Usher's, which leaves room for one more row.
        let quotes = row.as_slice().iter().filter(|byte| **byte == b'"').count();
        let length = u64::try_from(row.as_slice().len() + quotes + row.len() * 3).unwrap_or(u64::MAX);
        if rows > 0 && (rows == PART_ROWS || bytes + length > PART_BYTES) {
            if !finish(std::mem::replace(&mut writer, begin()?), rows)? {
                return Ok(());
            }
            (rows, bytes) = (0, 0);
        }
        writer.write_byte_record(&row).map_err(broken)?;
        rows += 1;
        bytes += length;
    }
    if rows > 0 {
        finish(writer, rows)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use model::contract::MAX_ROW_BYTES;

    use super::*;

    #[test]
    fn a_file_is_cut_at_rows_and_nothing_is_lost() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("all.csv");
        let mut csv = "email,note\r\n".to_owned();
        for number in 0..120_001 {
            csv.push_str(&format!("p{number}@example.org,\"a, b\r\nc\"\r\n"));
        }
        std::fs::write(&path, &csv).unwrap();
        let mut cuts = Vec::new();
        cut(&path, |cut| {
            cuts.push(cut);
            true
        })
        .unwrap();
        assert_eq!(
            cuts.iter().map(|cut| (cut.number, cut.rows)).collect::<Vec<_>>(),
            [(1, 50_000), (2, 50_000), (3, 20_001)]
        );
        let joined: Vec<u8> =
            cuts.iter().flat_map(|cut| cut.csv.strip_prefix(b"email,note\r\n").unwrap()).copied().collect();
        assert_eq!(joined, csv.strip_prefix("email,note\r\n").unwrap().as_bytes());
    }

    #[test]
    fn no_part_is_larger_than_usher_takes_however_many_quotes_there_are() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("all.csv");
        let json = r#"{""a"":""1"",""b"":""2"",""c"":""3""},"#.repeat(10);
        let mut csv = "email,note\r\n".to_owned();
        for number in 0..60_000 {
            csv.push_str(&format!("p{number}@example.org,\"[{json}]\"\r\n"));
        }
        std::fs::write(&path, &csv).unwrap();
        let (mut rows, mut largest) = (0, 0);
        cut(&path, |cut| {
            rows += cut.rows;
            largest = largest.max(cut.csv.len());
            true
        })
        .unwrap();
        assert_eq!(rows, 60_000);
        assert!(largest <= usize::try_from(PART_BYTES).unwrap() + MAX_ROW_BYTES, "{largest}");
    }

    #[test]
    fn an_empty_audience_has_no_part() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("none.csv");
        std::fs::write(&path, "email\r\n").unwrap();
        cut(&path, |_| panic!("there is none")).unwrap();
    }
}
