//! Endpoints that call Usher by themselves: a PUSH producer and a PULL consumer, played by the test over the contract's API.

use base64::{Engine, engine::general_purpose::STANDARD};
use hub::Hub;
use model::{
    contract::{
        ConsumerSide, DeliveryOptions, EndpointDescription, HostedJob, JobMode, JobPart, JobStatus, Movement, Page,
        PartResult, ProducerSide, Refusal, RegisteredEndpoint, Segment, StatusReport,
    },
    field::{Field, FieldKind, FieldType},
    id::{EndpointId, RunId, ShareId},
    mapping::{Link, Mapping, Source},
    run::{Mode, RunState},
    view::{Actor, AudienceQuery, ChooseDestination, Connect, DestinationSegment, RunView, SignIn},
};
use reqwest::{Client, Method, RequestBuilder, Response};
use sha2::{Digest, Sha256};

use crate::installation::{Installation, PASSWORD, PATIENCE, Process};

/// A program of an endpoint's provider.
pub struct Provider {
    pub client: Client,
    pub url: String,
    pub key: String,
    pub id: String,
}

fn field(name: &str, field_type: FieldType) -> Field {
    Field::new(name, FieldKind::Identifier, field_type)
}

fn description(name: &str) -> EndpointDescription {
    EndpointDescription {
        name: name.to_owned(),
        description: None,
        producer: Some(ProducerSide { movement: Movement::Push }),
        consumer: Some(ConsumerSide {
            movement: Movement::Pull,
            delivery: DeliveryOptions {
                modes: vec![JobMode::Add, JobMode::Replace, JobMode::Remove],
                new_segment: true,
                existing_segment: true,
                rows_per_part: Some(3),
                rows_per_second: None,
                member_lifetime_days: None,
            },
            fields: vec![field("email", FieldType::Email)],
        }),
    }
}

fn everybody() -> Segment {
    Segment {
        id: "everybody".to_owned(),
        name: "Everybody".to_owned(),
        description: None,
        size: Some(5),
        size_is_estimate: false,
        updated_at: None,
        fields: vec![field("email", FieldType::Email), field("phone", FieldType::Phone)],
        tags: vec![],
        label: None,
        statistics: None,
    }
}

fn digest(bytes: &[u8]) -> String {
    format!("sha-256=:{}:", STANDARD.encode(Sha256::digest(bytes)))
}

pub async fn said<T: serde::de::DeserializeOwned>(response: Response) -> T {
    let status = response.status();
    let text = response.text().await.unwrap();
    assert!(status.is_success(), "{status}: {text}");
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error} in {text}"))
}

/// The status and the code of a problem.
async fn problem(response: Response) -> (u16, String) {
    let status = response.status().as_u16();
    assert_eq!(response.headers()["content-type"], "application/problem+json");
    let body: serde_json::Value = response.json().await.unwrap();
    assert_eq!(body["status"], status);
    assert!(body["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{body}");
    (status, body["code"].as_str().unwrap().to_owned())
}

impl Provider {
    /// An endpoint of the account, with a key of its own, that has said what it is.
    async fn connect(usher: &Process, hub: &Hub, actor: &Actor, name: &str) -> Self {
        let form = Connect {
            application_id: "app_toolkit_agent".to_owned(),
            name: name.to_owned(),
            base_url: String::new(),
            authentication_key: String::new(),
            ..Connect::default()
        };
        let id: EndpointId = hub.connect_endpoint(actor, form).await.unwrap();
        let key = hub.make_endpoint_key(actor, &id).await.unwrap().0;
        let client = Client::builder().timeout(PATIENCE).build().unwrap();
        let provider = Self { client, url: usher.url.clone(), key, id: id.to_string() };
        let known: RegisteredEndpoint = said(provider.put("/v1/endpoint", &description(name)).await).await;
        assert_eq!((known.id.as_str(), &known.description), (id.as_str(), &description(name)));
        provider
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.url)).bearer_auth(&self.key)
    }

    pub async fn get(&self, path: &str) -> Response {
        self.request(Method::GET, path).send().await.unwrap()
    }

    pub async fn put(&self, path: &str, body: &impl serde::Serialize) -> Response {
        self.request(Method::PUT, path).json(body).send().await.unwrap()
    }

    async fn declare(&self, segment: &Segment) -> Response {
        let path = format!("/v1/endpoint/{}/segments", self.id);
        self.request(Method::POST, &path).json(segment).send().await.unwrap()
    }

    /// Its next job, as soon as there is one.
    pub async fn next_job(&self) -> HostedJob {
        let waiting = self.request(Method::GET, "/v1/jobs").header("prefer", "wait=30").send().await.unwrap();
        let page: Page<HostedJob> = said(waiting).await;
        page.items.into_iter().next().expect("a job comes in time")
    }

    pub async fn send(&self, job: &str, part: u32, body: Vec<u8>, headers: &[(&str, &str)]) -> Response {
        let request = self.request(Method::PUT, &format!("/v1/jobs/{job}/data/{part}"));
        let request = request.header("content-type", "text/csv; charset=utf-8; header=present").body(body);
        headers.iter().fold(request, |request, (name, value)| request.header(*name, *value)).send().await.unwrap()
    }

    pub async fn report(&self, job: &str, report: &StatusReport) -> Response {
        self.put(&format!("/v1/jobs/{job}/status"), report).await
    }
}

/// Usher with somebody in it, and two endpoints that call.
pub struct Stage {
    pub installation: Installation,
    pub usher: Process,
    pub hub: Hub,
    pub actor: Actor,
    pub producer: Provider,
    pub consumer: Provider,
}

impl Stage {
    async fn new() -> Self {
        Self::within(Installation::new()).await
    }

    /// In an installation with settings of its own.
    pub async fn within(installation: Installation) -> Self {
        let usher = installation.serve().await;
        usher.newcomer("tess@example.org").await;
        let hub = installation.hub().await;
        let form = SignIn { email: "tess@example.org".to_owned(), password: PASSWORD.to_owned() };
        let actor = hub.sign_in(form, None).await.unwrap();
        let producer = Provider::connect(&usher, &hub, &actor, "Own shop").await;
        let consumer = Provider::connect(&usher, &hub, &actor, "Own mail").await;
        assert_eq!(producer.declare(&everybody()).await.status(), 201);
        Self { installation, usher, hub, actor, producer, consumer }
    }

    async fn share(&self, segment: DestinationSegment, mode: Mode) -> ShareId {
        self.share_with(&self.consumer, segment, mode).await
    }

    pub async fn share_with(&self, consumer: &Provider, segment: DestinationSegment, mode: Mode) -> ShareId {
        let audiences =
            self.hub.audiences(&self.actor, &AudienceQuery { page: 1, ..Default::default() }).await.unwrap();
        let share = self.hub.start_share(&self.actor, &audiences.items[0].id).await.unwrap();
        let choice = ChooseDestination { endpoint_id: consumer.id.clone(), segment, mode };
        self.hub.choose_destination(&self.actor, &share, choice).await.unwrap();
        let link = Link {
            target: "email".to_owned(),
            source: Source::Field { name: "email".to_owned() },
            transforms: vec![model::transform::Transform::NormaliseEmail],
        };
        self.hub.save_mapping(&self.actor, &share, Mapping { links: vec![link] }).await.unwrap();
        share
    }

    pub async fn run(&self) -> RunId {
        let share = self.share(DestinationSegment::New { name: "Our people".to_owned() }, Mode::Add).await;
        self.hub.share_now(&self.actor, &share).await.unwrap()
    }

    /// The producer's job, with this sent and complete.
    async fn sent(&self, parts: &[&str]) {
        let job = self.producer.next_job().await.job.id;
        self.sent_for(&job, parts).await;
    }

    /// One of the producer's jobs, with this sent and complete.
    pub async fn sent_for(&self, job: &str, parts: &[&str]) {
        let mut rows = 0;
        for (number, csv) in (1..).zip(parts) {
            let part: JobPart = said(self.producer.send(job, number, csv.as_bytes().to_vec(), &[]).await).await;
            rows += part.rows.unwrap();
        }
        let report = StatusReport::complete(u32::try_from(parts.len()).unwrap(), rows);
        let told: HostedJob = said(self.producer.report(job, &report).await).await;
        assert_eq!(told.job.status, JobStatus::Complete);
    }

    pub async fn until(&self, run: &RunId, condition: impl Fn(&RunView) -> bool) -> RunView {
        let waiting = async {
            loop {
                let view = self.hub.run(&self.actor, run).await.unwrap();
                if condition(&view) {
                    return view;
                }
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(PATIENCE, waiting).await.expect("it comes about in time")
    }

    pub async fn end(&self, run: &RunId) -> RunView {
        self.until(run, |view| view.summary.state.is_final()).await
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn what_a_producer_sends_reaches_a_consumer_that_fetches_and_every_row_is_accounted_for() {
    let stage = Stage::new().await;
    let run = stage.run().await;
    let export = stage.producer.next_job().await;
    assert_eq!(export.job.status, JobStatus::WaitingToReceiveData);
    assert_eq!(export.job.segment.id.as_deref(), Some("everybody"));
    let asked: Vec<&str> = export.fields.iter().map(|field| field.name.as_str()).collect();
    assert_eq!(asked, ["email"], "only what is mapped leaves the source");
    let job = export.job.id;

    // In any order, packed in any way, and one of them twice.
    let second = zstd::encode_all(&b"email\r\ncid@example.org\r\nnobody\r\n"[..], 3).unwrap();
    let third = b"email,more\r\n\"DAN@example.org\",\"a, b\"\r\n".to_vec();
    let first = gzip(b"email\r\nann@example.org\r\nbob@example.org\r\n");
    let (of_second, of_first) = (digest(&second), digest(&first));
    let zstd_headers = [("content-encoding", "zstd"), ("content-digest", of_second.as_str())];
    let gzip_headers = [("content-encoding", "gzip"), ("content-digest", of_first.as_str())];
    let sent = tokio::join!(
        stage.producer.send(&job, 2, second.clone(), &zstd_headers),
        stage.producer.send(&job, 1, first, &gzip_headers),
    );
    let (two, one): (JobPart, JobPart) = (said(sent.0).await, said(sent.1).await);
    assert_eq!((one.rows, two.rows), (Some(2), Some(2)));
    assert_eq!(said::<JobPart>(stage.producer.send(&job, 2, second, &[("content-encoding", "zstd")]).await).await, two);
    // A header that differs is found before anything is sent.
    let third_again = b"email\r\n\"DAN@example.org\"\r\n".to_vec();
    assert_eq!(problem(stage.producer.send(&job, 2, third.clone(), &[]).await).await, (409, "part_differs".to_owned()));
    let arrived: Page<JobPart> = said(stage.producer.get(&format!("/v1/jobs/{job}/data?limit=1")).await).await;
    assert_eq!((arrived.items, arrived.next.as_deref()), (vec![one.clone()], Some("1")));
    let rest: Page<JobPart> = said(stage.producer.get(&format!("/v1/jobs/{job}/data?cursor=1")).await).await;
    assert_eq!((rest.items, rest.next), (vec![two], None));
    let view = stage.hub.run(&stage.actor, &run).await.unwrap();
    assert_eq!(view.summary.state, RunState::Exporting);
    assert!(view.waiting.is_some_and(|waiting| waiting.contains("Own shop")));

    // Totals that disagree end nothing: what is missing can still be sent.
    for (parts, rows) in [(3, 5), (1, 4), (2, 5)] {
        let answer = stage.producer.report(&job, &StatusReport::complete(parts, rows)).await;
        assert_eq!(problem(answer).await, (422, "totals_disagree".to_owned()), "{parts} parts, {rows} rows");
    }
    said::<JobPart>(stage.producer.send(&job, 3, third_again, &[]).await).await;
    for _ in 0..2 {
        let told: HostedJob = said(stage.producer.report(&job, &StatusReport::complete(3, 5)).await).await;
        assert_eq!(told.job.status, JobStatus::Complete, "a report whose answer was lost comes again");
    }

    let import = stage.consumer.next_job().await;
    assert_eq!((import.job.status, import.job.mode), (JobStatus::Pending, Some(JobMode::Add)));
    assert_eq!(import.job.segment.name, "Our people");
    let rows: Vec<u64> = import.job.parts.iter().map(|part| part.rows.unwrap()).collect();
    assert_eq!(rows, [3, 1], "no more rows in a part than the consumer wants");
    let path = format!("/v1/jobs/{}/data/1", import.job.id);
    let whole = stage.consumer.get(&path).await;
    let (tag, carried) = (whole.headers()["etag"].clone(), whole.headers()["content-digest"].clone());
    let csv = whole.bytes().await.unwrap();
    assert_eq!(csv, &b"email\r\nann@example.org\r\nbob@example.org\r\ncid@example.org\r\n"[..]);
    assert_eq!(carried, digest(&csv).as_str());
    assert_eq!(import.job.parts[0].sha256, Some(hex::encode(Sha256::digest(&csv))));
    let again = stage.consumer.request(Method::GET, &path).header("if-none-match", &tag).send().await.unwrap();
    assert_eq!((again.status().as_u16(), &again.headers()["etag"]), (304, &tag), "what it has is not sent again");
    assert!(again.bytes().await.unwrap().is_empty());
    let rest = stage.consumer.request(Method::GET, &path).header("range", "bytes=20-").header("if-range", &tag);
    let rest = rest.send().await.unwrap();
    assert_eq!(rest.status(), 206);
    assert_eq!(rest.headers()["content-range"], format!("bytes 20-{}/{}", csv.len() - 1, csv.len()));
    assert_eq!(rest.bytes().await.unwrap(), csv.slice(20..));

    let refusal = Refusal {
        row: 2,
        code: "unsubscribed".to_owned(),
        field: Some("email".to_owned()),
        // Longer than what is kept of it, and in lines.
        reason: format!("Unsubscribed.\nLong ago{}.", ", long ago".repeat(50)),
    };
    let result = PartResult { part: 1, received: 3, accepted: 2, refusals: vec![refusal] };
    let mut report = StatusReport { status: JobStatus::Running, results: vec![result], ..StatusReport::complete(0, 0) };
    for _ in 0..2 {
        said::<HostedJob>(stage.consumer.report(&import.job.id, &report).await).await;
    }
    stage.until(&run, |view| view.summary.counts.acknowledged == 2).await;
    report.results[0].accepted = 3;
    report.results[0].refusals.clear();
    let changed = stage.consumer.report(&import.job.id, &report).await;
    assert_eq!(problem(changed).await, (422, "results_disagree".to_owned()));
    let end = StatusReport { segment_id: Some("segment-7".to_owned()), ..StatusReport::complete(2, 4) };
    said::<HostedJob>(stage.consumer.report(&import.job.id, &end).await).await;

    let view = stage.end(&run).await;
    assert_eq!(view.summary.state, RunState::CompleteWithRejects, "{:?}", view.failure);
    let receipt = stage.hub.receipt(&stage.actor, &run).await.unwrap();
    receipt.check().unwrap();
    let counts = receipt.counts;
    assert_eq!((counts.declared, counts.read, counts.valid, counts.rejected), (Some(5), 5, 4, 1));
    assert_eq!((counts.sent, counts.acknowledged, counts.refused), (4, 3, 1));
    // The segment that it made is where the next run goes.
    let share = stage.hub.share(&stage.actor, &view.summary.share_id).await.unwrap();
    let known = DestinationSegment::Existing { id: "segment-7".to_owned(), name: "Our people".to_owned() };
    assert_eq!(share.destination.unwrap().segment, known);
    let endpoint = stage.consumer.id.parse().unwrap();
    let offered = stage.hub.existing_segments(&stage.actor, &endpoint).await.unwrap();
    assert_eq!(offered.iter().map(|segment| segment.id.as_str()).collect::<Vec<_>>(), ["segment-7"]);
}

#[tokio::test]
async fn a_part_can_be_refused_row_by_row_however_many_rows_it_has() {
    let stage = Stage::new().await;
    let mut patient = description("Own mail");
    patient.consumer.as_mut().unwrap().delivery.rows_per_part = None;
    said::<RegisteredEndpoint>(stage.consumer.put("/v1/endpoint", &patient).await).await;
    let run = stage.run().await;
    let rows: String = (0..50_000).map(|number| format!("p{number}@example.org\r\n")).collect();
    stage.sent(&[&format!("email\r\n{rows}")]).await;
    let import = stage.consumer.next_job().await;
    assert_eq!(import.job.parts.iter().map(|part| part.rows).collect::<Vec<_>>(), [Some(50_000)]);
    let refusal = |row| Refusal {
        row,
        code: "invalid_value".to_owned(),
        field: Some("email".to_owned()),
        reason: "Expected an e-mail address of a domain that this list takes, such as name@example.com.".to_owned(),
    };
    let result = PartResult { part: 1, received: 50_000, accepted: 0, refusals: (1..=50_000).map(refusal).collect() };
    let end = StatusReport { results: vec![result], ..StatusReport::complete(1, 50_000) };
    said::<HostedJob>(stage.consumer.report(&import.job.id, &end).await).await;
    let view = stage.end(&run).await;
    assert_eq!(view.summary.state, RunState::CompleteWithRejects, "{:?}", view.failure);
    assert_eq!(view.summary.counts.refused, 50_000);
}

#[tokio::test]
async fn a_key_opens_only_its_own_endpoint_and_an_old_one_nothing() {
    let stage = Stage::new().await;
    stage.run().await;
    let job = stage.producer.next_job().await.job.id;
    let Stage { producer, consumer, .. } = &stage;
    for path in
        [format!("/v1/jobs/{job}"), format!("/v1/jobs/{job}/data"), format!("/v1/endpoint/{}/segments", producer.id)]
    {
        assert_eq!(problem(consumer.get(&path).await).await, (404, "not_found".to_owned()), "{path}");
    }
    let sent = consumer.send(&job, 1, b"email\r\n".to_vec(), &[]).await;
    assert_eq!(problem(sent).await.0, 404);
    let canceled = StatusReport::ended(JobStatus::Canceled, "mine");
    assert_eq!(problem(consumer.report(&job, &canceled).await).await.0, 404);
    let page: Page<HostedJob> = said(consumer.get("/v1/jobs").await).await;
    assert!(page.items.is_empty());

    for key in ["", "Bearer", "Bearer usher_key_0", "Basic YTpi"] {
        let answer =
            producer.client.get(format!("{}/v1/endpoint", producer.url)).header("authorization", key).send().await;
        let answer = answer.unwrap();
        assert_eq!(answer.headers()["www-authenticate"], "Bearer");
        assert_eq!(problem(answer).await, (401, "key_refused".to_owned()), "{key}");
    }
    let id = producer.id.parse().unwrap();
    let first = stage.hub.endpoint(&stage.actor, &id).await.unwrap().keys.remove(0);
    let second = stage.hub.make_endpoint_key(&stage.actor, &id).await.unwrap().0;
    let with_second = producer.client.get(format!("{}/v1/endpoint", producer.url)).bearer_auth(&second);
    assert_eq!(with_second.send().await.unwrap().status(), 200, "two are valid at a time");
    assert_eq!(producer.get("/v1/endpoint").await.status(), 200);
    stage.hub.revoke_endpoint_key(&stage.actor, &id, &first.id).await.unwrap();
    assert_eq!(problem(producer.get("/v1/endpoint").await).await.0, 401, "a revoked key opens nothing");
}

#[tokio::test]
async fn what_a_key_was_shown_for_is_logged_without_a_value() {
    let stage = Stage::new().await;
    let producer = &stage.producer;
    let path = format!("/v1/endpoint/{}/segments/ann@example.org?limit=7", producer.id);
    assert_eq!(problem(producer.get(&path).await).await.0, 404);
    assert_eq!(producer.get("/v1/jobs?category=SEGMENT_EXPORT").await.status(), 200);
    let id = producer.id.parse().unwrap();
    let until = tokio::time::Instant::now() + PATIENCE;
    let calls = loop {
        // The server writes them down by itself.
        let calls = stage.hub.endpoint(&stage.actor, &id).await.unwrap().calls;
        if calls.iter().any(|call| call.path == "v1/jobs") {
            break calls;
        }
        assert!(tokio::time::Instant::now() < until, "{calls:?}");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    };
    let unknown = calls.iter().find(|call| call.path == "v1/endpoint/{endpoint}/segments/{segment}").unwrap();
    assert_eq!((unknown.by_usher, unknown.method.as_str(), unknown.status), (false, "GET", Some(404)));
    let kept = format!("{calls:?}");
    assert!(!kept.contains("ann@") && !kept.contains("limit") && !kept.contains("SEGMENT_EXPORT"), "{kept}");
}

#[tokio::test]
async fn a_part_that_is_not_what_it_should_be_is_refused_and_says_why() {
    let stage = Stage::new().await;
    stage.run().await;
    let producer = &stage.producer;
    let job = producer.next_job().await.job.id;
    let good = b"email\r\nann@example.org\r\n";
    let mut long = b"email\r\n".to_vec();
    long.resize(12 * 1024 * 1024, b'x');
    let mut many = b"email\r\n".to_vec();
    many.extend(b"a@example.org\r\n".repeat(50_001));
    let bomb = gzip(&vec![b'\n'; 64 * 1024 * 1024]);
    assert!(bomb.len() < 1024 * 1024);
    let zstd_bomb = zstd::encode_all(&vec![b'\n'; 64 * 1024 * 1024][..], 3).unwrap();
    assert!(zstd_bomb.len() < 1024 * 1024);
    // It is small, but to unpack it would take 128 MiB at once.
    let mut wide_window = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
    wide_window.window_log(27).unwrap();
    std::io::Write::write_all(&mut wide_window, good).unwrap();
    let wide_window = wide_window.finish().unwrap();
    let columns: Vec<String> = (0..10_000).map(|number| format!("c{number}")).collect();
    let columns = format!("email,{}\r\n", columns.join(",")).into_bytes();
    let line = [&b"email\r\n"[..], &vec![b'x'; 2 * 1024 * 1024], b"\r\n"].concat();
    let other = digest(b"other");
    type Case<'a> = (Vec<u8>, Vec<(&'a str, &'a str)>, u16, &'a str);
    let cases: Vec<Case<'_>> = vec![
        (good.to_vec(), vec![("content-digest", other.as_str())], 422, "digest_mismatch"),
        (good.to_vec(), vec![("content-digest", "sha-256=nonsense")], 400, "digest_unreadable"),
        (good.to_vec(), vec![("content-encoding", "gzip")], 415, "undecodable"),
        (good.to_vec(), vec![("content-encoding", "br")], 415, "undecodable"),
        (gzip(good)[..20].to_vec(), vec![("content-encoding", "gzip")], 415, "undecodable"),
        (bomb, vec![("content-encoding", "gzip")], 413, "part_too_large"),
        (zstd_bomb, vec![("content-encoding", "zstd")], 413, "part_too_large"),
        (wide_window, vec![("content-encoding", "zstd")], 415, "undecodable"),
        (columns, vec![], 422, "unreadable_csv"),
        (line, vec![], 422, "unreadable_csv"),
        (long, vec![], 413, "part_too_large"),
        (many, vec![], 413, "part_too_large"),
        (b"".to_vec(), vec![], 422, "unreadable_csv"),
        (b"email,name\r\nann@example.org,\"Ann".to_vec(), vec![], 422, "unreadable_csv"),
        (b"mail\r\nann@example.org\r\n".to_vec(), vec![], 422, "missing_column"),
    ];
    for (body, headers, status, code) in cases {
        let answer = producer.send(&job, 1, body, &headers).await;
        assert_eq!(problem(answer).await, (status, code.to_owned()), "{headers:?}");
    }
    let json =
        producer.request(Method::PUT, &format!("/v1/jobs/{job}/data/1")).json(&everybody()).send().await.unwrap();
    assert_eq!(problem(json).await, (415, "not_csv".to_owned()));
    for path in ["/v1/nothing", "/v1/jobs/job_none", "/v1/jobs/other"] {
        assert_eq!(problem(producer.get(path).await).await, (404, "not_found".to_owned()), "{path}");
    }
    let nonsense = producer
        .request(Method::PUT, &format!("/v1/jobs/{job}/status"))
        .body("{")
        .header("content-type", "application/json");
    assert_eq!(problem(nonsense.send().await.unwrap()).await.1, "invalid");
    let page: Page<JobPart> = said(producer.get(&format!("/v1/jobs/{job}/data")).await).await;
    assert!(page.items.is_empty(), "nothing of all that was kept");
    let running = StatusReport { status: JobStatus::Running, ..StatusReport::complete(0, 0) };
    assert_eq!(problem(producer.report(&job, &running).await).await, (409, "wrong_step".to_owned()));

    // What is sent after the end is too late.
    said::<JobPart>(producer.send(&job, 1, good.to_vec(), &[]).await).await;
    said::<HostedJob>(producer.report(&job, &StatusReport::complete(1, 1)).await).await;
    assert_eq!(problem(producer.send(&job, 2, good.to_vec(), &[]).await).await, (409, "job_ended".to_owned()));
    said::<JobPart>(producer.send(&job, 1, good.to_vec(), &[]).await).await;
    let canceled = StatusReport::ended(JobStatus::Canceled, "late");
    assert_eq!(problem(producer.report(&job, &canceled).await).await, (409, "job_ended".to_owned()));
}

#[tokio::test]
async fn a_producer_that_gives_up_is_quoted_and_the_run_can_be_tried_again() {
    let stage = Stage::new().await;
    let run = stage.run().await;
    let first = stage.producer.next_job().await.job.id;
    said::<JobPart>(stage.producer.send(&first, 1, b"email\r\nann@example.org\r\n".to_vec(), &[]).await).await;
    let failed = StatusReport::ended(JobStatus::Failed, "The database is away.");
    said::<HostedJob>(stage.producer.report(&first, &failed).await).await;
    let view = stage.end(&run).await;
    assert_eq!(view.summary.state, RunState::Failed);
    let failure = view.failure.unwrap();
    assert!(failure.message.contains("The database is away") && failure.retryable, "{failure:?}");

    stage.hub.retry_run(&stage.actor, &run).await.unwrap();
    let second = stage.producer.next_job().await.job.id;
    assert_ne!(first, second);
    stage.sent(&["email\r\nbob@example.org\r\n"]).await;
    let import = stage.consumer.next_job().await;
    // The consumer gives up too; a retry offers it the same parts again.
    let failed = StatusReport::ended(JobStatus::Failed, "No room.");
    said::<HostedJob>(stage.consumer.report(&import.job.id, &failed).await).await;
    let view = stage.end(&run).await;
    assert!(view.failure.unwrap().message.contains("No room"));
    stage.hub.retry_run(&stage.actor, &run).await.unwrap();
    let again = stage.consumer.next_job().await;
    assert_eq!(again.job.parts, import.job.parts);
    said::<HostedJob>(stage.consumer.report(&again.job.id, &StatusReport::complete(1, 1)).await).await;
    let view = stage.end(&run).await;
    assert_eq!((view.summary.state, view.summary.counts.acknowledged), (RunState::Complete, 1));
}

#[tokio::test]
async fn runs_that_wait_hold_nobody_up_and_can_be_called_off() {
    let stage = Stage::new().await;
    let mut runs = Vec::new();
    // More than there are workers.
    for number in 0..5 {
        let segment = DestinationSegment::New { name: format!("Segment {number}") };
        let share = stage.share(segment, Mode::Add).await;
        runs.push(stage.hub.share_now(&stage.actor, &share).await.unwrap());
    }
    for run in &runs {
        stage.until(run, |view| view.summary.state == RunState::Exporting && view.waiting.is_some()).await;
    }
    let page: Page<HostedJob> = said(stage.producer.get("/v1/jobs?category=SEGMENT_EXPORT&limit=3").await).await;
    assert_eq!((page.items.len(), page.next.is_some()), (3, true));
    let path = format!("/v1/jobs?cursor={}", page.next.unwrap());
    let rest: Page<HostedJob> = said(stage.producer.get(&path).await).await;
    assert_eq!((rest.items.len(), rest.next), (2, None));
    for run in &runs {
        stage.hub.cancel_run(&stage.actor, run).await.unwrap();
    }
    for run in &runs {
        assert_eq!(stage.end(run).await.summary.state, RunState::Canceled);
    }
    let page: Page<HostedJob> = said(stage.producer.get("/v1/jobs").await).await;
    assert!(page.items.is_empty());
    let job: HostedJob = said(stage.producer.get(&format!("/v1/jobs/{}", rest.items[0].job.id)).await).await;
    assert_eq!(job.job.status, JobStatus::Canceled);
}

#[tokio::test]
async fn audiences_are_declared_changed_and_withdrawn() {
    let stage = Stage::new().await;
    let path = format!("/v1/endpoint/{}/segments", stage.producer.id);
    let names = async || -> Vec<String> {
        let page = stage.hub.audiences(&stage.actor, &AudienceQuery { page: 1, ..Default::default() }).await.unwrap();
        page.items.into_iter().map(|audience| audience.name).collect()
    };
    assert_eq!(names().await, ["Everybody"]);
    let changed = Segment { name: "All of them".to_owned(), ..everybody() };
    let answer = stage.producer.put(&format!("{path}/everybody"), &changed).await;
    assert_eq!(said::<Segment>(answer).await, changed);
    assert_eq!(names().await, ["All of them"]);
    let odd = Segment { id: "a/b c?".to_owned(), name: "Odd id".to_owned(), ..everybody() };
    assert_eq!(stage.producer.declare(&odd).await.status(), 201);
    let answer = stage.producer.get(&format!("{path}/a%2Fb%20c%3F")).await;
    assert_eq!(said::<Segment>(answer).await, odd);
    let page: Page<Segment> = said(stage.producer.get(&format!("{path}?limit=1")).await).await;
    assert_eq!((page.items, page.next.as_deref()), (vec![odd], Some("a/b c?")));
    let page: Page<Segment> = said(stage.producer.get(&format!("{path}?cursor=a%2Fb%20c%3F")).await).await;
    assert_eq!((page.items, page.next), (vec![changed], None));

    let withdrawn = stage.producer.request(Method::DELETE, &format!("{path}/everybody")).send().await.unwrap();
    assert_eq!(withdrawn.status(), 204);
    assert_eq!(names().await, ["Odd id"]);
    assert_eq!(problem(stage.producer.get(&format!("{path}/everybody")).await).await.0, 404);

    let unnamed = Segment { name: " ".to_owned(), ..everybody() };
    assert_eq!(problem(stage.producer.declare(&unnamed).await).await, (422, "invalid".to_owned()));
    let other = stage.producer.put(&format!("{path}/other"), &everybody()).await;
    assert_eq!(problem(other).await, (422, "invalid".to_owned()));
    // What the application is not can't be declared.
    let mut pulled = description("Own shop");
    pulled.producer = Some(ProducerSide { movement: Movement::Pull });
    assert_eq!(problem(stage.producer.put("/v1/endpoint", &pulled).await).await, (422, "invalid".to_owned()));
}

#[tokio::test]
async fn a_write_with_an_idempotency_key_is_carried_out_once() {
    let stage = Stage::new().await;
    let producer = &stage.producer;
    let path = format!("/v1/endpoint/{}/segments", producer.id);
    let declare = async |key: &str, segment: &Segment| {
        producer.request(Method::POST, &path).header("idempotency-key", key).json(segment).send().await.unwrap()
    };
    let named = |name: &str| Segment { id: "new".to_owned(), name: name.to_owned(), ..everybody() };
    let first = declare("\"key-1\"", &named("New")).await;
    assert_eq!((first.status().as_u16(), first.headers().get("idempotency-replayed")), (201, None));
    let first: Segment = said(first).await;
    // It was changed since; the repeat changes nothing, and is answered as it was.
    said::<Segment>(producer.put(&format!("{path}/new"), &named("Changed since")).await).await;
    let repeat = declare("key-1", &named("New")).await;
    assert_eq!((repeat.status().as_u16(), repeat.headers()["idempotency-replayed"].to_str().unwrap()), (201, "true"));
    assert_eq!(repeat.headers()["content-type"], "application/json");
    assert_eq!(said::<Segment>(repeat).await, first);
    let now: Segment = said(producer.get(&format!("{path}/new")).await).await;
    assert_eq!(now.name, "Changed since");

    let reused = declare("key-1", &named("Another")).await;
    assert_eq!(problem(reused).await, (422, "idempotency_key_reused".to_owned()));
    let elsewhere = stage.consumer.request(Method::POST, &format!("/v1/endpoint/{}/segments", stage.consumer.id));
    let elsewhere = elsewhere.header("idempotency-key", "key-1").json(&named("Another")).send().await.unwrap();
    assert_eq!(elsewhere.status(), 201, "another endpoint's keys are its own");
    for unfit in ["", "\"", &"k".repeat(256)] {
        let answer = declare(unfit, &named("New")).await;
        assert_eq!(problem(answer).await, (400, "idempotency_key_unreadable".to_owned()), "{unfit}");
    }
    let two = producer.request(Method::POST, &path).header("idempotency-key", "a").header("idempotency-key", "b");
    assert_eq!(problem(two.json(&everybody()).send().await.unwrap()).await.0, 400);
    let nobody = producer.client.post(format!("{}{path}", producer.url)).header("idempotency-key", "key-1");
    assert_eq!(problem(nobody.json(&named("New")).send().await.unwrap()).await.0, 401);

    // A refusal is an answer too; and a withdrawal whose answer was lost is not told that there is nothing.
    for _ in 0..2 {
        let answer = declare("key-2", &named(" ")).await;
        assert_eq!(problem(answer).await, (422, "invalid".to_owned()));
        let withdraw = producer.request(Method::DELETE, &format!("{path}/new")).header("idempotency-key", "key-3");
        assert_eq!(withdraw.send().await.unwrap().status(), 204);
    }
    let large = producer.request(Method::POST, &path).header("idempotency-key", "key-4");
    let large = large.header("content-type", "application/json").body(vec![b' '; 5 * 1024 * 1024]);
    assert_eq!(problem(large.send().await.unwrap()).await, (413, "body_too_large".to_owned()));
    let wrong = producer.request(Method::PATCH, &path).send().await.unwrap();
    assert_eq!(wrong.headers()["allow"], "GET,HEAD,POST");
    assert_eq!(problem(wrong).await, (405, "method_not_allowed".to_owned()));
}

#[tokio::test]
async fn a_repeat_finds_the_answer_of_a_caller_that_hung_up_even_after_a_restart() {
    let mut stage = Stage::new().await;
    let path = format!("/v1/endpoint/{}/segments", stage.producer.id);
    let segment = Segment { id: "new".to_owned(), name: "New".to_owned(), ..everybody() };
    let body = serde_json::to_vec(&segment).unwrap();
    // Sends everything, and leaves before the answer.
    let address = stage.producer.url.strip_prefix("http://").unwrap().to_owned();
    let mut connection = tokio::net::TcpStream::connect(&address).await.unwrap();
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {}\r\nidempotency-key: lost\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n",
        stage.producer.key,
        body.len()
    );
    tokio::io::AsyncWriteExt::write_all(&mut connection, &[head.as_bytes(), &body].concat()).await.unwrap();
    let declared = async {
        while stage.producer.get(&format!("{path}/new")).await.status() != 200 {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, declared).await.expect("it is declared");
    drop(connection);

    let repeat = async |stage: &Stage| {
        let request = stage.producer.request(Method::POST, &path).header("idempotency-key", "lost");
        request.header("content-type", "application/json").body(body.clone()).send().await.unwrap()
    };
    let answered = async {
        loop {
            let answer = repeat(&stage).await;
            if answer.status() != 409 {
                return answer;
            }
            assert_eq!(answer.headers()["retry-after"], "1");
            assert_eq!(problem(answer).await.1, "request_under_way");
        }
    };
    let answer = tokio::time::timeout(PATIENCE, answered).await.expect("it is answered");
    assert_eq!((answer.status().as_u16(), answer.headers().contains_key("idempotency-replayed")), (201, true));

    stage.usher.crash().await;
    stage.usher = stage.installation.serve().await;
    stage.producer.url = stage.usher.url.clone();
    let answer = repeat(&stage).await;
    assert_eq!((answer.status().as_u16(), answer.headers().contains_key("idempotency-replayed")), (201, true));
    assert_eq!(said::<Segment>(answer).await, segment);
}

#[tokio::test]
async fn every_answer_says_how_many_requests_are_left_and_one_too_many_when_to_come_again() {
    let installation = Installation::new().with("USHER_REQUESTS_PER_MINUTE", "3");
    let usher = installation.serve().await;
    let client = Client::new();
    let ask = async |key: &str| client.get(format!("{}/v1/jobs", usher.url)).bearer_auth(key).send().await.unwrap();
    let header = |answer: &Response, name: &str| -> u64 { answer.headers()[name].to_str().unwrap().parse().unwrap() };
    for left in [2, 1, 0] {
        let answer = ask("nobody's").await;
        assert_eq!((header(&answer, "ratelimit-limit"), header(&answer, "ratelimit-remaining")), (3, left));
        assert_eq!(problem(answer).await, (401, "key_refused".to_owned()));
    }
    let answer = ask("nobody's").await;
    assert!((1..=61).contains(&header(&answer, "retry-after")));
    assert_eq!(problem(answer).await, (429, "slow_down".to_owned()));
    let otherwise = client.get(format!("{}/v1/jobs", usher.url)).header("authorization", "bEARER  nobody's ");
    assert_eq!(otherwise.send().await.unwrap().status(), 429, "however it is written");
    assert_eq!(ask("another").await.status(), 401, "each key has its own");

    let document: serde_json::Value =
        client.get(format!("{}/openapi.json", usher.url)).send().await.unwrap().json().await.unwrap();
    assert!(document["paths"]["/v1/jobs/{job}/data/{part}"]["put"].is_object());
    let page = client.get(format!("{}/docs", usher.url)).send().await.unwrap();
    assert_eq!(page.status(), 200);
    assert!(page.text().await.unwrap().contains("/v1/jobs/{job}/data/{part}"));
}
