//! What Usher is measured against: the same bytes fetched from the producer into a file, and sent from there to a listener that writes them into
//! another. Each file is on the disk before the next step begins, as Usher's and the endpoints' are. No parsing, no mapping, no database.

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use anyhow::Context;
use axum::{Router, body::Body, http::StatusCode, routing::put};
use futures::StreamExt;
use model::contract::{Job, JobCategory, JobRequest, JobSegment, JobStatus, StatusReport};
use tokio::io::AsyncWriteExt;

/// What the plain copy took.
pub struct PlainCopy {
    /// Bytes of CSV.
    pub bytes: u64,
    /// Until the producer had the export ready.
    pub export_seconds: f64,
    /// From the producer to a file.
    pub download_seconds: f64,
    /// From the file to a listener, into another file.
    pub upload_seconds: f64,
}

/// Exports, downloads and uploads the audience `people` of the producer once.
pub async fn download_and_upload(producer: &str, key: &str) -> anyhow::Result<PlainCopy> {
    let client = reqwest::Client::builder().no_proxy().build()?;
    let job = JobRequest {
        id: "job_plaincopy".to_owned(),
        category: JobCategory::SegmentExport,
        segment: JobSegment { id: Some("people".to_owned()), name: "People".to_owned() },
        mode: None,
        fields: crate::processes::fields(),
        limit: None,
    };
    let begun = Instant::now();
    let answer = client.post(format!("{producer}v1/jobs")).bearer_auth(key).json(&job).send().await?;
    anyhow::ensure!(answer.status().is_success(), "the producer answered {} to the export job", answer.status());
    let mut state: Job = answer.json().await?;
    let mut poll = tokio::time::interval(Duration::from_millis(20));
    while !state.status.is_final() {
        poll.tick().await;
        state = client.get(format!("{producer}v1/jobs/{}", job.id)).bearer_auth(key).send().await?.json().await?;
    }
    anyhow::ensure!(state.status == JobStatus::Complete, "the export ended as {:?}", state.status);
    let export_seconds = begun.elapsed().as_secs_f64();

    let file = tempfile::NamedTempFile::new()?;
    let begun = Instant::now();
    let mut bytes = 0_u64;
    let mut target = tokio::fs::File::create(file.path()).await?;
    let mut stream = client
        .get(format!("{producer}v1/jobs/{}/data", job.id))
        .bearer_auth(key)
        .send()
        .await?
        .error_for_status()?
        .bytes_stream();
    while let Some(chunk) = stream.next().await {
        let chunk = chunk?;
        bytes += u64::try_from(chunk.len())?;
        target.write_all(&chunk).await?;
    }
    target.flush().await?;
    target.sync_all().await?;
    let download_seconds = begun.elapsed().as_secs_f64();
    let done = StatusReport::complete(1, state.counts.rows);
    client.put(format!("{producer}v1/jobs/{}/status", job.id)).bearer_auth(key).json(&done).send().await?;

    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let arrived = tempfile::NamedTempFile::new()?;
    let place = arrived.path().to_owned();
    let sink = Router::new().route("/", put(move |body: Body| keep(body, place)));
    let server = tokio::spawn(async move { axum::serve(listener, sink).await });
    let begun = Instant::now();
    let source = tokio::fs::File::open(file.path()).await?;
    let body = reqwest::Body::wrap_stream(futures::stream::try_unfold(source, |mut source| async move {
        let mut buffer = vec![0_u8; 256 * 1024];
        let read = tokio::io::AsyncReadExt::read(&mut source, &mut buffer).await?;
        buffer.truncate(read);
        Ok::<_, std::io::Error>((read > 0).then_some((buffer, source)))
    }));
    let answer = client.put(format!("http://{address}/")).body(body).send().await?.error_for_status()?.text().await?;
    let upload_seconds = begun.elapsed().as_secs_f64();
    server.abort();
    anyhow::ensure!(
        answer.parse::<u64>().context("the listener's count")? == bytes,
        "the listener counted {answer} of {bytes} bytes"
    );
    Ok(PlainCopy { bytes, export_seconds, download_seconds, upload_seconds })
}

/// Writes a body into a file; how many bytes that were.
async fn keep(body: Body, file: PathBuf) -> Result<String, (StatusCode, String)> {
    let kept = async {
        let mut target = tokio::fs::File::create(file).await?;
        let mut stream = body.into_data_stream();
        let mut bytes = 0_u64;
        while let Some(chunk) = stream.next().await {
            let chunk = chunk.map_err(std::io::Error::other)?;
            bytes += chunk.len() as u64;
            target.write_all(&chunk).await?;
        }
        target.flush().await?;
        target.sync_all().await?;
        Ok::<u64, std::io::Error>(bytes)
    };
    kept.await.map(|bytes| bytes.to_string()).map_err(|error| (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))
}
