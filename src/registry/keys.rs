//! Endpoint keys: what an endpoint that calls Usher by itself shows with every request (contract, "Conventions"). Only a hash is kept.

use model::{
    contract::{EndpointDescription, Movement, RegisteredEndpoint},
    error::HubError,
    id::{AccountId, EndpointId},
    view::{Actor, EndpointKey, Role},
};
use rand::RngExt;
use sha2::{Digest, Sha256};

use super::{endpoints::parsed_id, require};
use crate::hub::{Hub, Result, internal};

/// What every key begins with, so that one that went astray is recognised.
const PREFIX: &str = "usher_key_";
/// 256 bits, so that a plain hash of the key is safe.
const SECRET_BYTES: usize = 32;

/// An endpoint that showed its key. Whatever it asks for is its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndpointActor {
    /// Whose endpoint it is.
    pub account_id: AccountId,
    /// Which one.
    pub endpoint_id: EndpointId,
}

impl Hub {
    /// Makes a key for an endpoint that calls Usher, or may, and ends the one that it had. It can't be shown again.
    pub async fn renew_endpoint_key(&self, actor: &Actor, id: &EndpointId) -> Result<EndpointKey> {
        require(actor, Role::Admin)?;
        let endpoint = self.endpoint(actor, id).await?;
        // A producer that is called may send its exports by itself.
        if !endpoint.calls_usher && endpoint.summary.producer != Some(Movement::Pull) {
            let message = "Usher calls this endpoint, with the authentication key that was entered.".to_owned();
            return Err(HubError::Conflict { message });
        }
        let secret: [u8; SECRET_BYTES] = rand::rng().random();
        let key = format!("{PREFIX}{}", hex::encode(secret));
        sqlx::query("update endpoint set key_hash = $1 where id = $2 and account_id = $3")
            .bind(hash(&key))
            .bind(id.as_str())
            .bind(actor.account_id.as_str())
            .execute(self.database().writer())
            .await
            .map_err(internal)?;
        tracing::info!(endpoint.id = %id, "endpoint key made");
        Ok(EndpointKey(key))
    }

    /// Whose key it is; none when it is nobody's.
    pub async fn endpoint_of_key(&self, key: &str) -> Result<Option<EndpointActor>> {
        let sql = "select id, account_id from endpoint where key_hash = $1";
        let row = sqlx::query(sql).bind(hash(key)).fetch_optional(self.database().reader()).await.map_err(internal)?;
        let Some(row) = row else { return Ok(None) };
        let endpoint = EndpointActor {
            account_id: parsed_id(&row, "account_id").map_err(internal)?,
            endpoint_id: parsed_id(&row, "id").map_err(internal)?,
        };
        self.note_contact(&endpoint.endpoint_id).await;
        Ok(Some(endpoint))
    }

    /// `GET /v1/endpoint`: what the endpoint said of itself.
    pub async fn registered_endpoint(&self, endpoint: &EndpointActor) -> Result<RegisteredEndpoint> {
        let known = self.connected_endpoint(&endpoint.account_id, &endpoint.endpoint_id).await?;
        Ok(RegisteredEndpoint { id: known.id.to_string(), description: known.description })
    }

    /// `PUT /v1/endpoint`: the endpoint says what it is, within what its application is.
    pub async fn describe_endpoint(
        &self,
        endpoint: &EndpointActor,
        description: EndpointDescription,
    ) -> Result<RegisteredEndpoint> {
        let application = self.application_of(&endpoint.account_id, &endpoint.endpoint_id).await?;
        if let Some(mismatch) = application.mismatch(&description) {
            return Err(HubError::invalid("producer", mismatch));
        }
        super::endpoints::check_description(&description)?;
        self.keep_description(&endpoint.account_id, &endpoint.endpoint_id, &description).await?;
        self.registered_endpoint(endpoint).await
    }
}

fn hash(key: &str) -> String {
    hex::encode(Sha256::digest(key.as_bytes()))
}
