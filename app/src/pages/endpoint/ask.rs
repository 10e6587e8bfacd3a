//! What people ask of an endpoint, as one function: each is a button of its page, which is gone back to.

use leptos::prelude::*;

use crate::error::AppError;

/// Changes an endpoint. `what` is one of `pause`, `resume`, `revoke_key`; `key` is the id of a key, never the key.
#[server(endpoint = "change_endpoint", protocol = crate::Called)]
pub async fn change_endpoint(what: String, id: String, #[server(default)] key: String) -> Result<String, AppError> {
    use model::{error::HubError, id::EndpointId};
    let (hub, actor) = (crate::session::hub()?, crate::session::actor().await?);
    let changed = async {
        let endpoint: EndpointId = crate::pages::parse_id(&id, "endpoint")?;
        match what.as_str() {
            "pause" => hub
                .pause_schedules(&actor, Some(&endpoint))
                .await
                .map(|()| "It is paused: no run from or to it begins."),
            "resume" => hub.resume_schedules(&actor, Some(&endpoint)).await.map(|()| "It goes on."),
            "revoke_key" => {
                let key = crate::pages::parse_id(&key, "endpoint key")?;
                hub.revoke_endpoint_key(&actor, &endpoint, &key)
                    .await
                    .map(|()| "The key is revoked. It opens nothing any more.")
            }
            _ => Err(HubError::invalid("what", "The form is incomplete. Reload the page and fill it in again.")),
        }
    };
    let path = format!("/endpoints/{id}");
    match changed.await {
        Ok(notice) => crate::flash::done(&path, notice.to_owned()).await,
        Err(error) => Err(crate::flash::fail(&path, &[], error).await),
    }
}
