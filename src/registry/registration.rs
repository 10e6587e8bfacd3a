//! Registration: what an endpoint says of itself with its key (`/v1/endpoint`), so that a change of its fields or its address needs no person. It
//! stays within what its application is.

use model::{
    application::Credentials,
    contract::{EndpointRegistration, RegisteredEndpoint},
    error::{FieldProblem, HubError},
};
use url::Url;

use super::{EndpointActor, credentials::Kept, endpoints};
use crate::hub::{Hub, Result, internal};

impl Hub {
    /// `GET /v1/endpoint`: what the endpoint said of itself.
    pub async fn registered_endpoint(&self, endpoint: &EndpointActor) -> Result<RegisteredEndpoint> {
        let (known, _, url) = self.registered(endpoint).await?;
        Ok(RegisteredEndpoint { id: known.id.to_string(), description: known.description, url })
    }

    /// `PUT /v1/endpoint`: the endpoint says what it is, and where it is called. A new address is tried right away, once this is answered.
    pub async fn register_endpoint(
        &self,
        endpoint: &EndpointActor,
        registration: impl Into<EndpointRegistration>,
    ) -> Result<RegisteredEndpoint> {
        let EndpointRegistration { description, url, authentication_key } = registration.into();
        let (_, application, known_url) = self.registered(endpoint).await?;
        if let Some(mismatch) = application.mismatch(&description) {
            return Err(HubError::invalid("producer", mismatch));
        }
        endpoints::check_description(&description)?;
        if url.is_none() && authentication_key.is_none() {
            self.keep_description(&endpoint.account_id, &endpoint.endpoint_id, &description).await?;
            return self.registered_endpoint(endpoint).await;
        }
        if !application.definition.is_called() {
            let message = format!("{} calls Usher, and is not called. Leave it out.", application.definition.name);
            return Err(HubError::invalid(if url.is_some() { "url" } else { "authentication_key" }, message));
        }
        if !matches!(application.definition.credentials, Credentials::Key | Credentials::Instructions { .. }) {
            let message = "Its address and credentials are given where it is connected. Leave them out.";
            return Err(HubError::invalid(if url.is_some() { "url" } else { "authentication_key" }, message));
        }
        let mut problems = Vec::new();
        let known = known_url.as_deref().and_then(|url| Url::parse(url).ok());
        let address = match (&url, &known) {
            (Some(url), _) => match self.registered_url(url) {
                Ok(url) => Some(url),
                Err(message) => {
                    problems.push(FieldProblem::new("url", message));
                    None
                }
            },
            (None, Some(known)) => Some(known.clone()),
            (None, None) => {
                problems.push(FieldProblem::new("url", "Say where Usher calls the endpoint, too."));
                None
            }
        };
        let moves = address.as_ref().zip(known.as_ref()).is_none_or(|(now, before)| now.origin() != before.origin());
        match &authentication_key {
            Some(key) => problems.extend(endpoints::check_authentication_key(key).err()),
            // Else whoever has an endpoint key could have the other sent to them.
            None if moves => problems.push(FieldProblem::new(
                "authentication_key",
                "Another host wants another key: say what Usher shows it, too.",
            )),
            None => {}
        }
        let Some(address) = address.filter(|_| problems.is_empty()) else {
            return Err(HubError::Invalid { problems });
        };
        let credential = match authentication_key {
            None => None,
            Some(key) => {
                let kept = self.kept(&endpoint.account_id, &endpoint.endpoint_id).await.map_err(internal)?;
                let kept = kept.map_or_else(|| Kept::key(key.trim()), |kept| kept.with_key(key.trim()));
                Some(self.seal_kept(&endpoint.endpoint_id, &kept)?)
            }
        };
        let sql = "update endpoint set base_url = $1, credential = coalesce($2, credential),
                credential_ends_at = case when $2 is null then credential_ends_at else null end
            where id = $3 and account_id = $4";
        sqlx::query(sql)
            .bind(address.as_str())
            .bind(credential)
            .bind(endpoint.endpoint_id.as_str())
            .bind(endpoint.account_id.as_str())
            .execute(self.database().writer())
            .await
            .map_err(internal)?;
        self.keep_description(&endpoint.account_id, &endpoint.endpoint_id, &description).await?;
        // After the answer: an endpoint that registers as it starts may not answer before.
        let (hub, caller) = (self.clone(), endpoint.clone());
        tokio::spawn(async move { hub.look_at_new_address(&caller.account_id, &caller.endpoint_id).await });
        self.registered_endpoint(endpoint).await
    }

    fn registered_url(&self, text: &str) -> std::result::Result<Url, String> {
        let url = endpoints::parse_base_url(text)?;
        self.outbound().may_call(&url).map_err(|error| format!("Usher may not call it: {error}."))?;
        Ok(url)
    }
}
