//! The connection test of Click to Connect: real calls, step by step, before anything is saved.

use std::{future::Future, time::Instant};

use model::{
    application::Credentials,
    contract::{EndpointDescription, Segment},
    view::{ConnectionReport, ConnectionStep},
};

use super::{applications::Application, credentials::Kept, endpoints::Address};
use crate::{
    hub::Hub,
    outbound::{Access, CallError, EndpointClient, Side},
};

/// Why an endpoint is not well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ailment {
    /// As a person is told it.
    pub(super) sentence: String,
    /// Somebody has to give anew what Usher shows it.
    pub(super) wants_credentials: bool,
}

impl Ailment {
    fn of(sentence: impl Into<String>) -> Self {
        Self { sentence: sentence.into(), wants_credentials: false }
    }
}

impl From<&CallError> for Ailment {
    fn from(error: &CallError) -> Self {
        Self { sentence: sentence(error), wants_credentials: error.wants_credentials() }
    }
}

/// What a passed test learned, so that it need not be asked again.
pub(super) struct Learned {
    pub(super) description: EndpointDescription,
    /// With the first access token, where there are such.
    pub(super) kept: Kept,
}

/// Runs all steps against the endpoint.
pub(super) async fn test(
    hub: &Hub,
    application: &Application,
    address: &Address,
) -> (ConnectionReport, Option<Learned>) {
    let mut steps = Steps::default();
    let credentials = &application.definition.credentials;
    let granted = async { hub.first_access(application, address.kept.clone()).await.map_err(|error| sentence(&error)) };
    let ready = match credentials {
        Credentials::ClientCredentials { .. } | Credentials::AuthorizationCode { .. } => {
            let given = async { Ok((Ok(granted.await?), "Its authorisation server gave one.".to_owned())) };
            steps.take("Get an access token", given).await
        }
        Credentials::Key | Credentials::Basic | Credentials::Instructions { .. } => Some(granted.await),
    };
    let reached = steps
        .after(ready, "Reach it", async |ready: Result<(Access, Kept), String>| {
            let (access, kept) = ready?;
            let urls = application.urls(address.base_url.clone(), &kept.values()).map_err(|error| error.to_string())?;
            let client = hub.outbound().endpoint_at(urls, access).map_err(|error| sentence(&error))?;
            let answer = well(&client).await.map_err(|ailment| ailment.sentence)?;
            Ok(((client, kept), answer.to_owned()))
        })
        .await;
    let (client, kept) = reached.unzip();
    let is_key = *credentials == Credentials::Key;
    let name = if is_key { "Accept the key" } else { "Accept the credentials" };
    let description = steps
        .after(client.as_ref(), name, async |client: &EndpointClient| {
            described(client, is_key).await.map_err(|ailment| ailment.sentence)
        })
        .await;
    let description = steps
        .after(description, "Describe itself", async |description: EndpointDescription| {
            match application.mismatch(&description) {
                Some(mismatch) => Err(mismatch),
                None => {
                    let text = sides(&description);
                    Ok((description, text))
                }
            }
        })
        .await;
    let segments = description.as_ref().zip(client.as_ref());
    let name = "List its audiences";
    let listed = match (&description, application.definition.producer, application.definition.consumer) {
        (Some(description), ..) if description.producer.is_none() => {
            let lists = description.consumer.as_ref().is_some_and(|consumer| consumer.delivery.existing_segment);
            if lists { steps.after(segments, "Say which segments it has", list).await } else { Some(()) }
        }
        (None, None, Some(_)) => steps.after(segments, "Say which segments it has", list).await,
        _ => steps.after(segments, name, list).await,
    };
    let learned = listed.and(description).zip(kept).map(|(description, kept)| Learned { description, kept });
    (ConnectionReport { steps: steps.0 }, learned)
}

/// Looks at an endpoint that is connected already: whether it is well, and what it says of itself. Else a sentence that says why not.
pub(super) async fn look(client: &EndpointClient, application: &Application) -> Result<EndpointDescription, Ailment> {
    well(client).await?;
    let (description, _) = described(client, application.definition.credentials == Credentials::Key).await?;
    match application.mismatch(&description) {
        Some(mismatch) => Err(Ailment::of(mismatch)),
        None => Ok(description),
    }
}

/// The same for one that can't be called: what it said of itself last is looked at.
pub(super) fn compare(application: &Application, description: &EndpointDescription) -> ConnectionReport {
    let said = description.producer.is_some() || description.consumer.is_some();
    let (passed, detail) = match application.mismatch(description).filter(|_| said) {
        Some(mismatch) => (false, mismatch),
        None if said => (true, sides(description)),
        None => (true, "It has not said yet what it is.".to_owned()),
    };
    let name = "Compare what it said of itself".to_owned();
    ConnectionReport { steps: vec![ConnectionStep { name, passed: Some(passed), detail, duration_ms: 0 }] }
}

async fn well(client: &EndpointClient) -> Result<&'static str, Ailment> {
    match client.health().await {
        Ok(Some(health)) if health.status == "ok" => Ok("It answers, and says that it is well."),
        Ok(Some(health)) => Err(Ailment::of(format!("It answers, but says of itself: {}.", bounded(&health.status)))),
        // A refused key is an answer: the next step says more.
        Ok(None) | Err(CallError::KeyRefused) => Ok("It answers."),
        Err(error) => Err(Ailment::from(&error)),
    }
}

async fn described(client: &EndpointClient, is_key: bool) -> Result<(EndpointDescription, String), Ailment> {
    let error = match client.describe().await {
        Ok(description) if is_key => return Ok((description, "The authentication key is accepted.".to_owned())),
        Ok(description) => return Ok((description, "They are accepted.".to_owned())),
        Err(error) => error,
    };
    let sentence = match &error {
        CallError::KeyRefused if is_key => {
            "It refused the authentication key (401). Copy the key again, without spaces before or after it.".to_owned()
        }
        CallError::KeyRefused => "It refused the credentials (401). Enter them again.".to_owned(),
        error => sentence(error),
    };
    Err(Ailment { sentence, wants_credentials: error.wants_credentials() })
}

async fn list((description, client): (&EndpointDescription, &EndpointClient)) -> Result<((), String), String> {
    let side = if description.producer.is_some() { Side::Producer } else { Side::Consumer };
    let segments = client.segments(side).await.map_err(|error| sentence(&error))?;
    if description.producer.is_some()
        && let Some(segment) = segments.iter().find(|segment| segment.fields.is_empty())
    {
        return Err(format!(
            "The audience “{}” has no fields, so that nothing of it could be shared.",
            bounded(&segment.name)
        ));
    }
    Ok(((), found(&segments, description.producer.is_some())))
}

fn found(segments: &[Segment], audiences: bool) -> String {
    let what = if audiences { "audience" } else { "segment" };
    match segments {
        [] => format!("It has no {what} yet."),
        [only] => format!("It has one {what}: {}.", bounded(&only.name)),
        [first, second] => format!("It has 2 {what}s: {} and {}.", bounded(&first.name), bounded(&second.name)),
        [first, second, ..] => format!(
            "It has {} {what}s, among them {} and {}.",
            segments.len(),
            bounded(&first.name),
            bounded(&second.name)
        ),
    }
}

fn sides(description: &EndpointDescription) -> String {
    let name = bounded(&description.name);
    match (&description.producer, &description.consumer) {
        (Some(_), Some(consumer)) => {
            format!("{name} offers audiences, and takes them with {} fields.", consumer.fields.len())
        }
        (Some(_), None) => format!("{name} offers audiences."),
        (None, Some(consumer)) => format!("{name} takes audiences with {} fields.", consumer.fields.len()),
        (None, None) => name,
    }
}

/// An error as a sentence that begins with a capital letter.
pub(super) fn sentence(error: &CallError) -> String {
    let text = error.to_string();
    let mut letters = text.chars();
    let first = letters.next().map(|letter| letter.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}.", letters.as_str().trim_end_matches('.'))
}

/// The endpoint's own words, for a sentence of ours.
fn bounded(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(80).collect()
}

#[derive(Default)]
struct Steps(Vec<ConnectionStep>);

impl Steps {
    async fn take<T>(&mut self, name: &str, step: impl Future<Output = Result<(T, String), String>>) -> Option<T> {
        let begun = Instant::now();
        let (passed, detail, value) = match step.await {
            Ok((value, detail)) => (true, detail, Some(value)),
            Err(detail) => (false, detail, None),
        };
        let duration_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.0.push(ConnectionStep { name: name.to_owned(), passed: Some(passed), detail, duration_ms });
        value
    }

    /// As `take`, when the step before it went well; else it is listed as not tried.
    async fn after<I, T, F>(&mut self, before: Option<I>, name: &str, step: impl FnOnce(I) -> F) -> Option<T>
    where
        F: Future<Output = Result<(T, String), String>>,
    {
        match before {
            Some(input) => self.take(name, step(input)).await,
            None => {
                let detail = "Not tried, because an earlier step failed.".to_owned();
                self.0.push(ConnectionStep { name: name.to_owned(), passed: None, detail, duration_ms: 0 });
                None
            }
        }
    }
}
