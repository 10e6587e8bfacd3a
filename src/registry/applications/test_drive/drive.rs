//! The course of a Test Drive: its steps, what is called in each, and what is written down of it as it happens.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use bytes::Bytes;
use model::{
    application::{Credentials, DriveCall, DriveReport, DriveState, DriveStep, Verdict},
    contract::{EndpointDescription, Health, JobMode, Movement},
    id::AccountId,
};
use reqwest::Method;
use serde::de::DeserializeOwned;
use url::Url;

use super::{super::mode_word, Application, Grant, Start};
use crate::{
    hub::Hub,
    outbound::{Ask, CallError, Probe, Reply},
    registry::connection::sentence,
};

/// Bytes of a JSON answer at most.
const MOST_JSON: usize = 4 * 1024 * 1024;
/// Characters of an answer that are told.
const TOLD: usize = 600;
/// Calls of one step that are told; a list may have many pages.
const MOST_CALLS: usize = 12;

/// What a step found: what it hands on and what to say; or what is wrong and how to mend it.
pub(super) type Found<T> = Result<(T, String), String>;

/// A Test Drive under way.
pub(super) struct Drive {
    pub(super) hub: Hub,
    pub(super) account_id: AccountId,
    pub(super) application: Application,
    pub(super) report: DriveReport,
    id: String,
    start: Option<Start>,
    probe: Option<Probe>,
    current: usize,
    /// The slowest answer so far: which call, and how long.
    slowest: Option<(String, Duration)>,
}

pub(super) const TOKEN: &str = "Get an access token";
pub(super) const REACH: &str = "Reach it";
pub(super) const WRONG_KEY: &str = "Refuse a wrong key";
pub(super) const DESCRIBE: &str = "Describe itself";
const IN_TIME: &str = "Answer in time";

/// What will be tried of an application with these sides.
fn plan(application: &Application) -> Vec<&'static str> {
    let definition = &application.definition;
    let mut names = Vec::new();
    let has_tokens =
        matches!(definition.credentials, Credentials::ClientCredentials { .. } | Credentials::AuthorizationCode { .. });
    if definition.is_called() {
        names.extend(has_tokens.then_some(TOKEN));
        names.extend([REACH, WRONG_KEY, DESCRIBE]);
    }
    if definition.producer == Some(Movement::Pull) {
        names.extend(super::producer::STEPS);
    }
    if definition.consumer == Some(Movement::Push) {
        names.extend(super::consumer::steps(definition));
    }
    if definition.is_called() {
        names.push(IN_TIME);
    }
    if definition.calls_usher() {
        names.extend(super::trial::steps(definition));
    }
    names
}

impl Drive {
    pub(super) fn new(
        hub: Hub,
        account_id: AccountId,
        application: Application,
        id: String,
        start: Option<Start>,
    ) -> Self {
        let steps = plan(&application)
            .into_iter()
            .map(|name| DriveStep {
                name: name.to_owned(),
                verdict: Verdict::Waiting,
                detail: String::new(),
                calls: Vec::new(),
            })
            .collect();
        let report = DriveReport { steps };
        Self { hub, account_id, application, report, id, start, probe: None, current: 0, slowest: None }
    }

    /// The name and id that things made for this drive have.
    pub(super) fn label(&self) -> String {
        self.id.trim_start_matches("msg_").chars().filter(char::is_ascii_alphanumeric).take(32).collect()
    }

    /// All steps, to the end.
    pub(super) async fn run(mut self) {
        if let Some(start) = self.start.take()
            && let Some(probe) = self.get_in(start).await
        {
            self.probe = Some(probe.clone());
            let ready = self.introduce().await;
            if let Some(description) = ready {
                if self.application.definition.producer == Some(Movement::Pull) {
                    self.try_producer().await;
                }
                if self.application.definition.consumer == Some(Movement::Push) {
                    self.try_consumer(&description).await;
                }
                self.begin(IN_TIME).await;
                let found = self.in_time(&probe);
                self.end(found).await;
            }
        }
        if self.application.definition.calls_usher() {
            self.look_at_trial().await;
        }
        for step in &mut self.report.steps {
            if step.verdict == Verdict::Waiting {
                step.verdict = Verdict::Skipped;
                step.detail = "Not tried, because an earlier step failed.".to_owned();
            }
        }
        let failed = self.report.steps.iter().any(|step| {
            step.verdict == Verdict::Failed
                || (step.verdict == Verdict::Skipped && step.detail.starts_with("Not tried"))
        });
        self.write_down(if failed { DriveState::Failed } else { DriveState::Passed }).await;
        tracing::info!(application.id = %self.application.id, failed, "test drive ended");
    }

    /// What the application is called with; first a token, when it takes one.
    async fn get_in(&mut self, start: Start) -> Option<Probe> {
        match start {
            Start::Ready(probe) => Some(probe),
            Start::Granted { base, fields, grant } => {
                self.begin(TOKEN).await;
                let found = self.granted(base, &fields, &grant).await;
                self.end(found).await
            }
        }
    }

    async fn granted(&mut self, base: Url, fields: &BTreeMap<String, String>, grant: &Grant) -> Found<Probe> {
        let (begun, outbound) = (Instant::now(), self.hub.outbound());
        let (server, kind, answer) = match grant {
            Grant::Client(server) => (server, "client_credentials", outbound.token_for_client(server).await),
            Grant::Code { server, code, verifier, redirect } => {
                let answer = outbound.token_for_code(server, code, verifier, redirect).await;
                (server, "authorization_code", answer)
            }
        };
        let took = begun.elapsed();
        let token = answer.map_err(|error| sentence(&error))?;
        let lasts = match token.lasts_seconds {
            Some(seconds) => format!("which lasts {seconds}\u{a0}s"),
            None => "which has no end".to_owned(),
        };
        let mut address = server.token_url.clone();
        address.set_query(None);
        self.note_call(DriveCall {
            request: format!("POST {address}").chars().take(200).collect(),
            sent: Some(format!("grant_type={kind}")),
            status: Some(200),
            answer: format!("An access token, {lasts}."),
            duration_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        });
        let secrets = [Some(token.access_token.clone()), token.refresh_token, server.client_secret.clone()];
        let authorization = format!("Bearer {}", token.access_token);
        let secrets = secrets.into_iter().flatten().collect();
        let probe = self.hub.probe_of(&self.application, base, fields, &authorization, secrets)?;
        Ok((probe, format!("Its authorisation server gave one, {lasts}.")))
    }

    async fn introduce(&mut self) -> Option<EndpointDescription> {
        self.begin(REACH).await;
        let found = self.reach().await;
        self.end(found).await?;
        self.begin(WRONG_KEY).await;
        let found = self.wrong_key().await;
        // Who lets anybody in is told so, and the rest is looked at all the same.
        self.end(found).await;
        self.begin(DESCRIBE).await;
        let found = self.describe().await;
        self.end(found).await
    }

    async fn reach(&mut self) -> Found<()> {
        let reply = self.call(get(&["v1", "health"])).await?;
        match reply.status {
            404 => Ok(((), "It answers. It has no v1/health, which is optional.".to_owned())),
            200 => {
                let health: Health = self.parsed(&reply)?;
                if health.status == "ok" {
                    return Ok(((), "It answers, and says that it is well.".to_owned()));
                }
                let status = self.told(&health.status);
                Err(format!("It says of itself: {status}. When all is well, answer {{\"status\": \"ok\"}}."))
            }
            401 | 403 => Err(format!(
                "It refused the credentials ({}). Enter those with which Usher is to call it.",
                reply.status
            )),
            status => Err(format!(
                "v1/health answered {status}. Answer 200 with {{\"status\": \"ok\"}}, or 404 when there is none."
            )),
        }
    }

    async fn wrong_key(&mut self) -> Found<()> {
        let reply = self
            .call(Ask { authorization: Some("Bearer usher-test-drive-wrong-key"), ..get(&["v1", "endpoint"]) })
            .await?;
        match reply.status {
            401 => Ok(((), "It refused a wrong key with 401.".to_owned())),
            200..=299 => Err(format!(
                "It answered {} to a wrong key: anybody could read what it holds. Answer 401 to every request whose Authorization header is not right.",
                reply.status
            )),
            status => Err(format!(
                "It answered {status} to a wrong key. Answer 401, so that admins are told to mend the key."
            )),
        }
    }

    async fn describe(&mut self) -> Found<EndpointDescription> {
        let reply = self.ok(get(&["v1", "endpoint"]), &[200]).await?;
        let description: EndpointDescription = self.parsed(&reply)?;
        if let Some(mismatch) = self.application.mismatch(&description) {
            return Err(format!("{mismatch} Make v1/endpoint and what is defined here say the same."));
        }
        let definition = &self.application.definition;
        if definition.producer == Some(Movement::Pull) && description.producer.is_none() {
            return Err(
                "It does not say that it offers audiences. Add \"producer\": {\"movement\": \"PULL\"} to v1/endpoint."
                    .to_owned(),
            );
        }
        if definition.consumer != Some(Movement::Push) {
            return Ok((description, "It says what it is, as defined here.".to_owned()));
        }
        let Some(consumer) = &description.consumer else {
            return Err("It does not say that it takes audiences. Add \"consumer\" to v1/endpoint.".to_owned());
        };
        let declared: &[JobMode] = definition.delivery.as_ref().map_or(&[], |delivery| &delivery.modes);
        if let Some(mode) = declared.iter().find(|mode| !consumer.delivery.modes.contains(mode)) {
            return Err(format!(
                "It is defined to take {}, but v1/endpoint does not list that mode. Make both say the same.",
                mode_word(*mode)
            ));
        }
        let is_listed = |name: &str| consumer.fields.iter().any(|field| field.name == name);
        if let Some(field) = definition.fields.iter().find(|field| !is_listed(&field.name)) {
            return Err(format!(
                "The field “{}” is defined, but v1/endpoint does not list it. Make both say the same.",
                field.name
            ));
        }
        let required = consumer.fields.iter().find(|field| {
            field.required
                && !definition.fields.is_empty()
                && !definition.fields.iter().any(|known| known.name == field.name)
        });
        if let Some(field) = required {
            return Err(format!(
                "v1/endpoint requires the field “{}”, which is not defined here. Add it at the step Fields.",
                self.told(&field.name)
            ));
        }
        if consumer.fields.is_empty() {
            return Err("It takes no field. List at least one identifier in v1/endpoint.".to_owned());
        }
        let detail = format!("It says what it is, as defined here, with {} fields.", consumer.fields.len());
        Ok((description, detail))
    }

    fn in_time(&self, probe: &Probe) -> Found<()> {
        // People wait for some of these answers.
        let limit = probe.patience() / 4;
        match &self.slowest {
            Some((request, took)) if *took > limit => Err(format!(
                "{request} took {:.1} s. People wait for these answers: give each within {:.1} s, and do what takes longer after a job was taken.",
                took.as_secs_f64(),
                limit.as_secs_f64()
            )),
            Some((request, took)) => Ok(((), format!("The slowest answer took {} ms: {request}.", took.as_millis()))),
            None => Ok(((), "Nothing was called.".to_owned())),
        }
    }

    /// Begins a step.
    pub(super) async fn begin(&mut self, name: &str) {
        self.current = self.report.steps.iter().position(|step| step.name == name).unwrap_or_default();
        if let Some(step) = self.report.steps.get_mut(self.current) {
            step.verdict = Verdict::Running;
        }
        self.write_down(DriveState::Running).await;
    }

    /// Ends the step that was begun.
    pub(super) async fn end<T>(&mut self, found: Found<T>) -> Option<T> {
        let (value, verdict, detail) = match found {
            Ok((value, detail)) => (Some(value), Verdict::Passed, detail),
            Err(detail) => (None, Verdict::Failed, detail),
        };
        if let Some(step) = self.report.steps.get_mut(self.current) {
            step.verdict = verdict;
            step.detail = detail;
        }
        self.write_down(DriveState::Running).await;
        value
    }

    /// There is nothing to try in this step.
    pub(super) async fn pass_over(&mut self, name: &str, because: &str) {
        if let Some(step) = self.report.steps.iter_mut().find(|step| step.name == name) {
            step.verdict = Verdict::Skipped;
            step.detail = because.to_owned();
        }
        self.write_down(DriveState::Running).await;
    }

    /// Calls the application and writes the call down. No answer at all is an error.
    pub(super) async fn call(&mut self, ask: Ask<'_>) -> Result<Reply, String> {
        let is_data = ask.path.get(3) == Some(&"data");
        let Some(probe) = self.probe.clone() else { return Err("There is nothing to call.".to_owned()) };
        let request = request_line(&ask);
        let sent = ask.body.as_ref().map(|body| {
            let rows = || format!("{} bytes of CSV", body.len());
            std::str::from_utf8(body).ok().filter(|_| !is_data).map_or_else(rows, |text| probe.told(text, TOLD))
        });
        let (reply, took) = probe.call(&ask).await;
        if self.slowest.as_ref().is_none_or(|(_, slowest)| took > *slowest) {
            self.slowest = Some((request.clone(), took));
        }
        let (status, answer) = match &reply {
            Ok(reply) if is_data && reply.status < 300 && ask.method == Method::GET => {
                (Some(reply.status), format!("{} bytes of data", reply.body.len()))
            }
            Ok(reply) => (Some(reply.status), probe.told(&String::from_utf8_lossy(&reply.body), TOLD)),
            Err(error) => (None, sentence(error)),
        };
        let call = DriveCall {
            request,
            sent,
            status,
            answer,
            duration_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        };
        self.note_call(call);
        self.write_down(DriveState::Running).await;
        reply.map_err(|error| match error {
            CallError::Timeout => format!(
                "It did not answer {} within {} s. Answer at once, and do what takes longer after a job was taken.",
                request_line(&ask),
                probe.patience().as_secs()
            ),
            CallError::Unreachable => "It can’t be reached. Is it running, and is the address right?".to_owned(),
            error => sentence(&error),
        })
    }

    fn note_call(&mut self, call: DriveCall) {
        if let Some(step) = self.report.steps.get_mut(self.current) {
            step.calls.push(call);
            if step.calls.len() > MOST_CALLS {
                step.calls.remove(1);
            }
        }
    }

    /// As `call`, when only these statuses are right.
    pub(super) async fn ok(&mut self, ask: Ask<'_>, right: &[u16]) -> Result<Reply, String> {
        let request = request_line(&ask);
        let reply = self.call(ask).await?;
        if right.contains(&reply.status) {
            return Ok(reply);
        }
        let wanted: Vec<String> = right.iter().map(u16::to_string).collect();
        Err(match reply.status {
            401 | 403 => format!("{request} answered {}: it refused the credentials.", reply.status),
            300..=399 => format!("{request} redirects elsewhere ({}). Give the final address.", reply.status),
            status => format!("{request} answered {status}. The contract asks for {}.", wanted.join(" or ")),
        })
    }

    /// The JSON of an answer.
    pub(super) fn parsed<T: DeserializeOwned>(&self, reply: &Reply) -> Result<T, String> {
        serde_json::from_slice(&reply.body).map_err(|error| match error.classify() {
            serde_json::error::Category::Data => format!(
                "Its JSON is not of the contract’s shape (line {}, column {}). Compare it with the API’s document.",
                error.line(),
                error.column()
            ),
            _ => format!("Its answer is not JSON (line {}, column {}).", error.line(), error.column()),
        })
    }

    /// The application's own words, for a sentence of ours.
    pub(super) fn told(&self, text: &str) -> String {
        self.probe.as_ref().map_or_else(String::new, |probe| probe.told(text, 120))
    }

    /// What can't be written down is looked up in vain by a page; the drive goes on.
    async fn write_down(&self, state: DriveState) {
        let now = self.hub.now_ms();
        let Ok(report) = serde_json::to_string(&self.report) else { return };
        let sql = "update test_drive set state = $1, report = $2, alive_at = $3, finished_at = $4
            where application_id = $5 and version = $6 and id = $7";
        let written = sqlx::query(sql)
            .bind(state.as_str())
            .bind(report)
            .bind(now)
            .bind(Some(now).filter(|_| state != DriveState::Running))
            .bind(self.application.id.as_str())
            .bind(i64::from(self.application.version))
            .bind(self.id.as_str())
            .execute(self.hub.database().writer())
            .await;
        if let Err(error) = written {
            tracing::warn!(application.id = %self.application.id, %error, "a test drive could not be written down");
        }
    }
}

/// `GET v1/segments?limit=1`.
fn request_line(ask: &Ask<'_>) -> String {
    let query: Vec<String> = ask.query.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let query = if query.is_empty() { String::new() } else { format!("?{}", query.join("&")) };
    let line = format!("{} {}{query}", ask.method, ask.path.join("/"));
    line.chars().map(|c| if c.is_control() { ' ' } else { c }).take(200).collect()
}

pub(super) fn get<'a>(path: &[&'a str]) -> Ask<'a> {
    Ask {
        method: Method::GET,
        path: path.to_vec(),
        query: Vec::new(),
        headers: Vec::new(),
        body: None,
        authorization: None,
        most: MOST_JSON,
    }
}

/// A request with JSON.
pub(super) fn json<'a>(method: Method, path: &[&'a str], body: &impl serde::Serialize) -> Ask<'a> {
    Ask {
        method,
        headers: vec![("content-type", "application/json".to_owned())],
        // Of plain data, which can always be written.
        body: Some(Bytes::from(serde_json::to_vec(body).unwrap_or_default())),
        ..get(path)
    }
}
