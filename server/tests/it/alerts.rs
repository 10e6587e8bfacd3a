//! People are told by the program as it is run: mail by a real mail server, messages to a program that verifies them with a library that Usher does
//! not use itself; once when a run fails, once when it is well again, also when Usher is killed in between.

use std::{path::PathBuf, process::Stdio};

use axum::{
    Router,
    body::Bytes,
    http::{HeaderMap, StatusCode},
    routing::post,
};
use model::{
    alert::{AlertEvent, AlertEventKind, Condition},
    run::RunState,
};
use serde::Deserialize;
use tokio::{
    io::{AsyncBufReadExt, BufReader, Lines},
    process::{Child, ChildStdout, Command},
    sync::mpsc::{UnboundedReceiver, unbounded_channel},
};

use crate::installation::{DEMO_EMAIL, DEMO_PASSWORD, Installation, PATIENCE, demo_actor, demo_run};

const USER: &str = "usher-of-the-tests";
const MAIL_PASSWORD: &str = "a password of the mail server";

/// A mail as the server took it.
#[derive(Debug, Deserialize)]
struct Mail {
    from: String,
    to: Vec<String>,
    subject: String,
    message_id: String,
    auto_submitted: String,
    text: String,
}

/// A mail server that wants to be signed in to. `./setup.sh test` installs what it is made of.
struct Sink {
    port: String,
    lines: Lines<BufReader<ChildStdout>>,
    _child: Child,
}

impl Sink {
    async fn start() -> Self {
        let python = match std::env::var_os("USHER_TEST_PYTHON") {
            Some(path) => PathBuf::from(path),
            None => PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../end2end/schemathesis/.venv/bin/python"),
        };
        assert!(
            python.exists(),
            "{} is not there. Run ./setup.sh test, or set USHER_TEST_PYTHON to a Python with the package aiosmtpd",
            python.display()
        );
        let program = concat!(env!("CARGO_MANIFEST_DIR"), "/../end2end/mail/sink.py");
        let mut child = Command::new(python)
            .args([program, "--user", USER, "--password", MAIL_PASSWORD])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let first = tokio::time::timeout(PATIENCE, lines.next_line()).await.expect("it starts in time").unwrap();
        let first = first.expect("it says where it listens");
        let (_, port) = first.rsplit_once(':').expect("an address");
        Self { port: port.to_owned(), lines, _child: child }
    }

    async fn next(&mut self) -> Mail {
        let line = tokio::time::timeout(PATIENCE, self.lines.next_line()).await.expect("a mail comes in time").unwrap();
        serde_json::from_str(&line.expect("it runs")).unwrap()
    }
}

/// A program that takes every message but the first.
async fn receive(listener: tokio::net::TcpListener) -> UnboundedReceiver<(HeaderMap, Bytes)> {
    let (sender, receiver) = unbounded_channel();
    let first = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(true));
    let take = async move |headers: HeaderMap, body: Bytes| {
        sender.send((headers, body)).unwrap();
        let is_first = first.swap(false, std::sync::atomic::Ordering::SeqCst);
        if is_first { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::NO_CONTENT }
    };
    tokio::spawn(async move { axum::serve(listener, Router::new().route("/alerts", post(take))).await.unwrap() });
    receiver
}

async fn next(messages: &mut UnboundedReceiver<(HeaderMap, Bytes)>) -> (HeaderMap, Bytes) {
    tokio::time::timeout(PATIENCE, messages.recv()).await.expect("a message comes in time").unwrap()
}

#[tokio::test]
async fn people_and_programs_are_told_once_that_it_fails_and_once_that_it_is_well_again() {
    let mut sink = Sink::start().await;
    let installation = Installation::new()
        .with("USHER_SMTP_HOST", "127.0.0.1")
        .with("USHER_SMTP_PORT", &sink.port)
        .with("USHER_SMTP_TLS", "none")
        .with("USHER_SMTP_USER", USER)
        .with("USHER_SMTP_PASSWORD_FILE", "mail.password")
        .with("USHER_MAIL_FROM", "Usher <usher@usher.example>")
        .with("USHER_PUBLIC_URL", "https://usher.example")
        .with("USHER_SECURE_COOKIES", "false")
        .with("USHER_RETRY_MAX_RETRIES", "1");
    std::fs::write(installation.path("mail.password"), format!("{MAIL_PASSWORD}\n")).unwrap();
    let mut endpoints = installation.endpoints(50).await;
    let mut usher = installation.serve().await;
    installation.make_demo(&endpoints).await;
    let hub = installation.hub().await;
    let actor = demo_actor(&hub).await;

    // In the browser, without any program in the page.
    let browser = usher.browser();
    let origin = [("origin", "https://usher.example")];
    browser.sign_in(DEMO_EMAIL, DEMO_PASSWORD).await;
    let person = [("user_id", actor.user_id.as_str()), ("is_told", "true")];
    assert!(browser.post("/api/mail_alerts_to", &origin, &person).await.status().is_success());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/alerts", listener.local_addr().unwrap());
    let mut messages = receive(listener).await;
    assert!(browser.post("/api/add_alert_webhook", &origin, &[("url", &url)]).await.status().is_success());
    let webhook = hub.alert_settings(&actor).await.unwrap().webhooks.remove(0);
    let secret = browser.post(&format!("/account/alerts/webhooks/{}/secret", webhook.id), &origin, &[]).await;
    assert_eq!(secret.headers()["content-disposition"], "attachment; filename=\"usher-alerts.secret\"");
    let secret = secret.text().await.unwrap();
    let page = browser.get("/account/alerts").await.text().await.unwrap();
    assert!(page.contains(&url) && page.contains("Is told"), "{page}");
    assert!(!page.contains(secret.trim()) && !page.contains(MAIL_PASSWORD), "what is secret is on no page");

    let test = [("channel", "email"), ("receiver", actor.user_id.as_str())];
    assert!(browser.post("/api/test_alerts", &origin, &test).await.status().is_success());
    let mail = sink.next().await;
    assert_eq!((mail.from.as_str(), mail.to.as_slice()), ("usher@usher.example", &[DEMO_EMAIL.to_owned()][..]));
    assert_eq!((mail.subject.as_str(), mail.auto_submitted.as_str()), ("Test message from Usher", "auto-generated"));

    // The source is away, and Usher is killed as soon as the run has failed.
    endpoints.harbor.crash().await;
    let run = demo_run(&hub, &actor).await;
    let failed = async {
        while hub.run(&actor, &run).await.unwrap().summary.state != RunState::Failed {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, failed).await.expect("it fails in time");
    usher.crash().await;
    let usher = installation.serve().await;
    let mail = sink.next().await;
    assert!(mail.subject.starts_with("Failing: ") && mail.subject.ends_with(" to Beacon Mail"), "{}", mail.subject);
    assert!(mail.text.contains(&format!("https://usher.example/runs/{run}")), "{}", mail.text);
    assert!(!mail.text.contains('@'), "nobody's address is in it: {}", mail.text);
    let verifier = standardwebhooks::Webhook::new(secret.trim()).unwrap();
    let (headers, body) = next(&mut messages).await;
    let (again, _) = next(&mut messages).await;
    verifier.verify(&body, &headers).unwrap();
    assert_eq!(headers["webhook-id"], again["webhook-id"], "it was not taken at first, and comes again as the same");
    assert_eq!(mail.message_id, format!("<{}@usher.example>", headers["webhook-id"].to_str().unwrap()));
    let opened: AlertEvent = serde_json::from_slice(&body).unwrap();
    assert_eq!((opened.kind, opened.data.condition), (AlertEventKind::Opened, Some(Condition::Failed)));
    assert_eq!(opened.data.run_id, Some(run.clone()));

    // The bell, as the server writes it.
    let browser = browser.at(&usher);
    let page = browser.get("/alerts").await.text().await.unwrap();
    assert!(page.contains("Alerts, 1 not read") && page.contains("Failing"), "{page}");

    endpoints.harbor = installation.serve_endpoint("harbor").await;
    hub.retry_run(&actor, &run).await.unwrap();
    let mail = sink.next().await;
    assert!(mail.subject.starts_with("Well again (failing): "), "{}", mail.subject);
    let (headers, body) = next(&mut messages).await;
    verifier.verify(&body, &headers).unwrap();
    let recovered: AlertEvent = serde_json::from_slice(&body).unwrap();
    assert_eq!((recovered.kind, recovered.data.alert_id), (AlertEventKind::Recovered, opened.data.alert_id));
    let nothing_more = tokio::time::timeout(std::time::Duration::from_millis(1500), sink.lines.next_line()).await;
    assert!(nothing_more.is_err(), "nothing more is told: {nothing_more:?}");
}

#[tokio::test]
async fn settings_of_mail_that_can_not_work_are_refused_at_the_start() {
    for (settings, reason) in [
        (&[("USHER_SMTP_HOST", "mail.example")][..], "--mail-from"),
        (&[("USHER_SMTP_HOST", "mail.example"), ("USHER_MAIL_FROM", "nobody")][..], "mails can't come from"),
        (
            &[("USHER_SMTP_HOST", "mail.example"), ("USHER_MAIL_FROM", "a@b.example"), ("USHER_SMTP_USER", "ann")][..],
            "without a password",
        ),
        (
            &[
                ("USHER_SMTP_HOST", "mail.example"),
                ("USHER_MAIL_FROM", "a@b.example"),
                ("USHER_SMTP_USER", "ann"),
                ("USHER_SMTP_PASSWORD_FILE", "not-there"),
            ][..],
            "can't be read from not-there",
        ),
    ] {
        let mut installation = Installation::new();
        for (name, value) in settings {
            installation = installation.with(name, value);
        }
        let ended =
            tokio::time::timeout(PATIENCE, installation.usher(&["serve"]).output()).await.expect("ends").unwrap();
        let said = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert!(!ended.status.success() && said.contains(reason), "{reason}: {said}");
    }
}
