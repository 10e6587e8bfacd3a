//! A visitor without a browser: signs up, connects, maps and shares through the same server functions that the pages call.

use std::time::{Duration, Instant};

use anyhow::Context;
use model::{
    field::FieldForm,
    mapping::{Link, Mapping, Source, default_transforms},
    view::{AudiencePage, RunView, ShareReview},
};
use reqwest::{Response, header::LOCATION, redirect::Policy};
use serde::de::IgnoredAny;
use serde_json::json;

use crate::{
    Treatment,
    processes::{KEY, Stack, fields},
};

/// Somebody who is signed in.
pub struct Visitor {
    http: reqwest::Client,
    url: String,
}

/// What a visitor has connected.
pub struct Connected {
    audience_id: String,
    consumer_id: String,
}

impl Visitor {
    /// Makes an account and signs in.
    pub async fn sign_up(url: &str) -> anyhow::Result<Self> {
        let http = reqwest::Client::builder().no_proxy().cookie_store(true).redirect(Policy::none()).build()?;
        let visitor = Self { http, url: url.to_owned() };
        let form = [
            ("account_name", "Load"),
            ("user_name", "Load driver"),
            ("email", "load@example.org"),
            ("password", "load driver passphrase"),
        ];
        visitor.post("sign_up", &form).await?;
        Ok(visitor)
    }

    /// Connects both endpoints.
    pub async fn connect(&self, stack: &Stack) -> anyhow::Result<Connected> {
        for (name, base_url) in [("Load producer", &stack.producer_url), ("Load consumer", &stack.consumer_url)] {
            let form = [
                ("application_id", "app_toolkit_endpoint"),
                ("name", name),
                ("base_url", base_url),
                ("authentication_key", KEY),
                ("intent", "connect"),
            ];
            self.post("connect", &form).await?;
        }
        let search = self.http.post(format!("{}api/search_audiences", self.url)).json(&json!({ "query": {} }));
        let found: AudiencePage = succeeded(search.send().await?).await?.json().await?;
        let audience = found.items.first().context("the producer's audience is not in the catalogue")?;
        let endpoints = self.http.get(format!("{}endpoints", self.url)).send().await?.text().await?;
        let consumer = consumer_id(&endpoints).context("the consumer is not among the endpoints")?;
        Ok(Connected { audience_id: audience.id.to_string(), consumer_id: consumer.to_owned() })
    }

    /// Makes a share of everybody with a new segment of this name, ready to be shared; its id.
    pub async fn prepare_share(
        &self,
        connected: &Connected,
        segment_name: &str,
        treatment: Treatment,
        mode: &str,
    ) -> anyhow::Result<String> {
        let begun = self.post("start_share", &[("audience_id", connected.audience_id.as_str())]).await?;
        let page = begun.headers().get(LOCATION).context("no way to the destination")?.to_str()?;
        let share = page.split('/').nth(2).context("no share in the way to the destination")?.to_owned();
        let choice = [
            ("share_id", share.as_str()),
            ("endpoint_id", connected.consumer_id.as_str()),
            ("segment_choice", "new"),
            ("segment_name", segment_name),
            ("segment_id", ""),
            ("mode", mode),
        ];
        self.post("choose_destination", &choice).await?;
        let saved = self
            .http
            .post(format!("{}api/save_mapping", self.url))
            .json(&json!({ "share_id": share, "mapping": mapping(treatment) }))
            .send()
            .await?;
        succeeded(saved).await?;
        Ok(share)
    }

    /// How long a page takes to come whole.
    pub async fn page(&self, path: &str) -> anyhow::Result<Duration> {
        let begun = Instant::now();
        let answer = self.http.get(format!("{}{path}", self.url)).send().await?.error_for_status()?;
        answer.bytes().await?;
        Ok(begun.elapsed())
    }

    /// Confirms what the review warns of, and shares; the run's id.
    pub async fn share_now(&self, share: &str) -> anyhow::Result<String> {
        let (review, _): (ShareReview, IgnoredAny) =
            self.post("review_page", &[("share_id", share)]).await?.json().await?;
        let names: Vec<String> = (0..review.warnings.len()).map(|index| format!("confirmed[{index}]")).collect();
        let mut form = vec![("share_id", share)];
        form.extend(names.iter().map(String::as_str).zip(review.warnings.iter().map(|warning| warning.name.as_str())));
        let shared = self.post("share_now", &form).await?;
        let page = shared.headers().get(LOCATION).context("no way to the run")?.to_str()?;
        Ok(page.split('/').nth(2).context("no run in the way to it")?.to_owned())
    }

    /// Waits until the run has ended.
    pub async fn wait_for_the_end(&self, run: &str) -> anyhow::Result<RunView> {
        let mut poll = tokio::time::interval(Duration::from_millis(50));
        loop {
            poll.tick().await;
            let view = self.run(run).await?;
            if view.summary.state.is_final() {
                return Ok(view);
            }
        }
    }

    /// The run as it is now.
    pub async fn run(&self, run: &str) -> anyhow::Result<RunView> {
        Ok(self.post("run", &[("id", run)]).await?.json().await?)
    }

    async fn post(&self, function: &str, form: &[(&str, &str)]) -> anyhow::Result<Response> {
        let mut body = String::new();
        for (name, value) in form {
            if !body.is_empty() {
                body.push('&');
            }
            body.push_str(name);
            body.push('=');
            body.extend(value.bytes().map(|byte| match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => char::from(byte).to_string(),
                _ => format!("%{byte:02X}"),
            }));
        }
        let post = self
            .http
            .post(format!("{}api/{function}", self.url))
            .header("content-type", "application/x-www-form-urlencoded")
            .header("accept", "application/json")
            .body(body);
        succeeded(post.send().await?).await.with_context(|| format!("calling {function}"))
    }
}

async fn succeeded(response: Response) -> anyhow::Result<Response> {
    let status = response.status();
    if status.is_success() || status.is_redirection() {
        return Ok(response);
    }
    anyhow::bail!("usher answered {status}: {}", response.text().await?)
}

/// The link to the endpoint of that name on the page of endpoints.
fn consumer_id(page: &str) -> Option<&str> {
    let end = page.find(">Load consumer<")?;
    let start = page[..end].rfind("/endpoints/")? + "/endpoints/".len();
    page[start..end].split('"').next()
}

fn mapping(treatment: Treatment) -> Mapping {
    let links = fields().into_iter().map(|source| {
        let mut target = source.clone();
        if treatment == Treatment::Hashed && target.name == "email" {
            target.form = FieldForm::Sha256Hex;
        }
        let transforms = match treatment {
            Treatment::AsIs => Vec::new(),
            Treatment::Recommended | Treatment::Hashed => default_transforms(&source, &target),
        };
        Link { target: target.name, source: Source::Field { name: source.name }, transforms }
    });
    Mapping { links: links.collect() }
}
