//! How an endpoint that calls Usher is let in, and told of its jobs: its key and its webhook's secret, which come as files, once.

use leptos::prelude::*;
use model::contract::{Webhook, WebhookState};

/// Says how the endpoint calls, and makes a key. The file is the server's own answer to the form, so that no page ever holds the key.
#[component]
pub fn EndpointKey(
    /// The endpoint.
    id: String,
    /// It has a key.
    has_key: bool,
    /// It has called.
    has_called: bool,
) -> impl IntoView {
    let lead = match (has_key, has_called) {
        (false, _) => "This endpoint calls Usher by itself, so it works behind a firewall. It needs a key to show.",
        (true, false) => "It has a key, and has not called yet. Start it, and it will say what it is.",
        (true, true) => "It calls Usher by itself, and shows its key each time.",
    };
    let form = super::may_connect().then(|| {
        let (words, class) = if has_key { ("Make a new key", "button") } else { ("Make a key", "button primary") };
        let remark = if has_key {
            "The present key stops working at once. The new one comes as a file, this once."
        } else {
            "The key comes as a file, this once: Usher keeps only a hash of it."
        };
        view! {
            <form method="post" action=format!("/endpoints/{id}/key")>
                <button type="submit" class=class>{words}</button>
            </form>
            <p class="soft">{remark}</p>
        }
    });
    view! {
        <section class="endpoint-key" aria-labelledby="endpoint-key">
            <h2 id="endpoint-key">"Endpoint key"</h2>
            <p>{lead}</p>
            {form}
            <p class="soft">
                "For " <code>"usher-toolkit agent"</code> " name the file in its configuration: "
                <code>"[usher] endpoint_key_file = \"usher-endpoint.key\""</code>
                ". Any other program sends it as " <code>"Authorization: Bearer"</code> " to the paths below " <code>"/v1/"</code>
                ", which " <a href="/docs" rel="external">"the API's page"</a> " describes."
            </p>
        </section>
    }
}

/// Makes a key for an endpoint that Usher calls, should it rather send its exports by itself. Few do: so it is folded.
#[component]
pub fn SendingKey(
    /// The endpoint.
    id: String,
    /// It has a key.
    has_key: bool,
) -> impl IntoView {
    let form = super::may_connect().then(|| {
        let words = if has_key { "Make a new key" } else { "Make a key" };
        view! {
            <form method="post" action=format!("/endpoints/{id}/key")>
                <button type="submit" class="button">{words}</button>
            </form>
            <p class="soft">"The key comes as a file, this once, and ends the one before: Usher keeps only a hash of it."</p>
        }
    });
    view! {
        <section class="endpoint-key">
            <details>
                <summary>"Endpoint key, for an endpoint that sends by itself"</summary>
                <p>
                    "Usher fetches what this endpoint offers. It may send its exports to Usher instead, with a key to show; "
                    <a href="/docs" rel="external">"the API’s page"</a>" says how."
                </p>
                {form}
            </details>
        </section>
    }
}

/// Says whether the endpoint is told of its jobs, and makes the secret that messages are signed with.
#[component]
pub fn WebhookSecret(
    /// The endpoint.
    id: String,
    /// What it declared.
    webhook: Option<Webhook>,
) -> impl IntoView {
    let lead = match webhook.as_ref().map(|webhook| webhook.state) {
        None => "It has declared no webhook. It asks for its jobs by itself, which always works.".to_owned(),
        Some(WebhookState::Active) => "Usher tells it of each job at the address below.".to_owned(),
        Some(WebhookState::NoSecret) => {
            "It wants to be told of its jobs at the address below. Make a secret, and give it to the program there: messages are signed with it.".to_owned()
        }
        Some(WebhookState::Disabled) => {
            let failure = webhook.as_ref().and_then(|webhook| webhook.failure.clone()).unwrap_or_default();
            format!("Turned off, because messages were not taken for too long: {failure}. Mend it, then have the endpoint declare its webhook again, or make a new secret. Jobs wait all the same.")
        }
    };
    let address = webhook.map(|webhook| view! { <p><code>{without_query(&webhook.url)}</code></p> });
    let form = super::may_connect().then(|| {
        view! {
            <form method="post" action=format!("/endpoints/{id}/webhook-secret")>
                <button type="submit" class="button">"Make a webhook secret"</button>
            </form>
            <p class="soft">"It comes as a file, this once, and ends the one before. Keep it where the program that is told can read it."</p>
        }
    });
    view! {
        <section class="endpoint-key" aria-labelledby="webhook">
            <h2 id="webhook">"Webhook"</h2>
            <p>{lead}</p>
            {address}
            {form}
        </section>
    }
}

/// What follows may be a secret of the receiver's.
fn without_query(url: &str) -> String {
    url.split('?').next().unwrap_or_default().to_owned()
}
