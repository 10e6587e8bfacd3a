//! How an endpoint that calls Usher is let in, and told of its jobs: its keys and its webhook's secret, which come as files, once.

use leptos::prelude::*;
use model::{
    contract::{Webhook, WebhookState},
    view::{EndpointKeyView, EndpointView},
};

use super::{ChangeEndpoint, uses::dependants};
use crate::{
    actions::{ActionForm, ServerAction},
    answers::look_again_soon,
    components::{
        button::{ButtonKind, ButtonLink, SubmitButton},
        time::Time,
    },
    pages::may_connect,
};

/// Keys that may be valid at a time.
const MOST_KEYS: usize = 2;

/// Says how the endpoint calls, and makes and revokes keys. A key comes as the server's own answer to the form, so that no page ever holds it.
#[component]
pub(super) fn EndpointKeys(
    /// The endpoint.
    endpoint: EndpointView,
    /// The key that is to be revoked, once that is confirmed.
    revoke: String,
    /// Asks for that.
    action: ServerAction<ChangeEndpoint>,
    /// A key is being made: there will be another one soon.
    on_made: Callback<()>,
) -> impl IntoView {
    let body = view! { <Keys endpoint=endpoint.clone() revoke=revoke.clone() action on_made /> };
    if endpoint.registers {
        let toolkit = endpoint.steps.is_none();
        let lead = match (endpoint.keys.is_empty(), endpoint.summary.checked_at.is_some()) {
            (true, _) if !toolkit => "It registers itself with a key to show.",
            (false, false) if !toolkit => "It has a key, and has not registered yet.",
            (false, true) if !toolkit => "It registers itself with its key, each time something about it changes.",
            (true, _) => "This endpoint calls Usher by itself, so it works behind a firewall. It needs a key to show.",
            (false, false) => "It has a key, and has not called yet. Start it, and it will say what it is.",
            (false, true) => "It calls Usher by itself, and shows its key each time.",
        };
        view! {
            <section class="endpoint-key" aria-labelledby="endpoint-key">
                <h2 id="endpoint-key">"Endpoint keys"</h2>
                <p>{lead}</p>
                {body}
                {toolkit
                    .then(|| {
                        view! {
                            <p class="soft">
                                "For " <code>"usher-toolkit agent"</code> " name the file in its configuration: "
                                <code>"[usher] endpoint_key_file = \"usher-endpoint.key\""</code>
                                ". Any other program sends it as " <code>"Authorization: Bearer"</code> " to the paths below " <code>"/v1/"</code>
                                ", which " <a href="/docs" rel="external">"the API's page"</a> " describes."
                            </p>
                        }
                    })}
            </section>
        }
        .into_any()
    } else {
        // Few send by themselves: so it is folded.
        view! {
            <section class="endpoint-key">
                <details open=!endpoint.keys.is_empty()>
                    <summary>"Endpoint keys, for an endpoint that sends by itself"</summary>
                    <p>
                        "Usher fetches what this endpoint offers. It may send its exports to Usher instead, with a key to show; "
                        <a href="/docs" rel="external">"the API’s page"</a>" says how."
                    </p>
                    {body}
                </details>
            </section>
        }
        .into_any()
    }
}

#[component]
fn Keys(
    endpoint: EndpointView,
    revoke: String,
    action: ServerAction<ChangeEndpoint>,
    on_made: Callback<()>,
) -> impl IntoView {
    let id = endpoint.summary.id.to_string();
    let may_change = may_connect();
    let many = endpoint.keys.len();
    let rows: Vec<_> = endpoint
        .keys
        .iter()
        .map(|key| {
            let revoke = may_change.then(|| {
                let href = format!("/endpoints/{id}?revoke={}#revoke", key.id);
                let name = named(key);
                view! { <ButtonLink href kind=ButtonKind::Quiet>"Revoke" <span class="visually-hidden">" the key " {name}</span></ButtonLink> }
            });
            view! {
                <tr>
                    <th scope="row" data-label="Key"><code>{named(key)}</code></th>
                    <td data-label="Made"><span><Time at=key.created_at.clone() /> {key.created_by.clone().map(|name| format!(" by {name}"))}</span></td>
                    <td data-label="Last used">
                        {match key.last_used_at.clone() {
                            Some(at) => view! { <Time at /> }.into_any(),
                            None => "never".into_any(),
                        }}
                    </td>
                    <td>{revoke}</td>
                </tr>
            }
        })
        .collect();
    let table = (!rows.is_empty()).then(|| {
        view! {
            <table class="list">
                <thead>
                    <tr>
                        <th scope="col">"Key"</th>
                        <th scope="col">"Made"</th>
                        <th scope="col">"Last used"</th>
                        <th scope="col"><span class="visually-hidden">"Revoke"</span></th>
                    </tr>
                </thead>
                <tbody>{rows}</tbody>
            </table>
        }
    });
    let asked = endpoint.keys.iter().find(|key| key.id.as_str() == revoke).filter(|_| may_change);
    let asked = asked.map(|key| revocation(&endpoint, key, action));
    let form = (may_change && many < MOST_KEYS).then(|| {
        let (words, class) = if many == 0 { ("Make a key", "button primary") } else { ("Make a second key", "button") };
        let remark = if many == 0 {
            "The key comes as a file, this once: Usher keeps only a hash of it."
        } else {
            "To exchange the key without a gap: make a second one, give it to the endpoint, and revoke the first as soon as the second is used. It \
             comes as a file, this once."
        };
        view! {
            <form method="post" action=format!("/endpoints/{id}/key") on:submit=move |_| on_made.run(())>
                <button type="submit" class=class>{words}</button>
            </form>
            <p class="soft">{remark}</p>
        }
    });
    let enough = (may_change && many >= MOST_KEYS)
        .then(|| view! { <p class="soft">"Two keys are valid at a time. Revoke the one that is not used any more, to make another."</p> });
    view! { {table} {asked} {form} {enough} }
}

/// What a key is called.
fn named(key: &EndpointKeyView) -> String {
    match &key.hint {
        Some(hint) => format!("usher_key_…{hint}"),
        None => "usher_key_…".to_owned(),
    }
}

/// Asks again before a key is revoked, with what depends on it.
fn revocation(endpoint: &EndpointView, key: &EndpointKeyView, action: ServerAction<ChangeEndpoint>) -> AnyView {
    let id = endpoint.summary.id.to_string();
    let is_only = endpoint.keys.len() == 1;
    let effect = if is_only {
        "It is the only key: the endpoint can’t call Usher until it is given another."
    } else {
        "The other key stays valid."
    };
    let used = key.last_used_at.clone().map_or_else(
        || view! { "It was never used. " }.into_any(),
        |at| view! { "It was last used " <Time at /> ". " }.into_any(),
    );
    let depends = is_only.then(|| view! { <p>{dependants(endpoint)}</p> });
    let (page, name, key_id) = (format!("/endpoints/{id}"), named(key), key.id.to_string());
    view! {
        <div class="notice warn" id="revoke">
            <div>
                <p><strong>"Revoke " <code>{name}</code> "?"</strong></p>
                <p>{used} {effect}</p>
                {depends}
                <ActionForm action=action>
                    <input type="hidden" name="what" value="revoke_key" />
                    <input type="hidden" name="id" value=id />
                    <input type="hidden" name="key" value=key_id />
                    <div class="actions">
                        <SubmitButton kind=ButtonKind::Danger pending=action.pending()>"Revoke it"</SubmitButton>
                        <ButtonLink href=page>"Keep it"</ButtonLink>
                    </div>
                </ActionForm>
            </div>
        </div>
    }
    .into_any()
}
/// Says whether the endpoint is told of its jobs, and makes the secret that messages are signed with.
#[component]
pub(super) fn WebhookSecret(
    /// The endpoint.
    id: String,
    /// What it declared.
    webhook: Option<Webhook>,
    /// Has the page look again.
    looked: RwSignal<u32>,
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
    let form = may_connect().then(|| {
        view! {
            <form method="post" action=format!("/endpoints/{id}/webhook-secret") on:submit=move |_| look_again_soon(looked)>
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
