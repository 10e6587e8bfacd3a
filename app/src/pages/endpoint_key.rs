//! How an endpoint that calls Usher is let in: its key, which comes as a file, once.

use leptos::prelude::*;

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
