//! Endpoint keys: what an endpoint that calls Usher by itself shows with every request (contract, "Conventions"). Only a hash is kept. Two may be
//! valid at a time, so that one can be exchanged for another without a gap.

use model::{
    contract::Movement,
    error::HubError,
    id::{AccountId, EndpointId, KeyId},
    view::{Actor, EndpointKey, EndpointKeyView, Role},
};
use rand::RngExt;
use sha2::{Digest, Sha256};
use sqlx::Row;

use super::{
    endpoints::{Standing, parsed_id},
    require,
};
use crate::{
    hub::{Hub, Result, internal},
    store::{StoreError, clock::rfc3339, new_id},
};

/// What every key begins with, so that one that went astray is recognised.
const PREFIX: &str = "usher_key_";
/// 256 bits, so that a plain hash of the key is safe.
const SECRET_BYTES: usize = 32;
/// Keys of one endpoint that are valid at a time.
const MOST_KEYS: i64 = 2;
/// Characters at its end by which a key is told from others.
const HINT: usize = 4;
/// The use of a key is noted at most this often.
const NOTE_USE_EVERY_MS: i64 = 10_000;

/// An endpoint that showed its key. Whatever it asks for is its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndpointActor {
    /// Whose endpoint it is.
    pub account_id: AccountId,
    /// Which one.
    pub endpoint_id: EndpointId,
}

impl Hub {
    /// Makes a key for an endpoint that calls Usher, or may. It can't be shown again. One that is valid already stays so.
    pub async fn make_endpoint_key(&self, actor: &Actor, id: &EndpointId) -> Result<EndpointKey> {
        require(actor, Role::Admin)?;
        let Standing { endpoint, application, .. } = self.standing_endpoint(&actor.account_id, id).await?;
        let producer = endpoint.description.producer.as_ref().map(|side| side.movement);
        // A producer that is called may send its exports by itself.
        if !application.registers() && producer != Some(Movement::Pull) {
            let message = "Usher calls this endpoint, with the authentication key that was entered.".to_owned();
            return Err(HubError::Conflict { message });
        }
        let secret: [u8; SECRET_BYTES] = rand::rng().random();
        let key = format!("{PREFIX}{}", hex::encode(secret));
        if !self.insert_key(actor, id, &key).await.map_err(internal)? {
            let message =
                "Two keys of this endpoint are valid already. Revoke the one that is not used any more first.";
            return Err(HubError::Conflict { message: message.to_owned() });
        }
        tracing::info!(endpoint.id = %id, "endpoint key made");
        Ok(EndpointKey(key))
    }

    /// False when there are enough.
    async fn insert_key(&self, actor: &Actor, id: &EndpointId, key: &str) -> std::result::Result<bool, StoreError> {
        let mut transaction = self.database().begin().await?;
        // Two who make one at once come one after the other.
        sqlx::query("update endpoint set name = name where id = $1 and account_id = $2")
            .bind(id.as_str())
            .bind(actor.account_id.as_str())
            .execute(&mut *transaction)
            .await?;
        let sql = "select count(*) as many from endpoint_key where endpoint_id = $1 and account_id = $2";
        let row =
            sqlx::query(sql).bind(id.as_str()).bind(actor.account_id.as_str()).fetch_one(&mut *transaction).await?;
        if row.try_get::<i64, _>("many")? >= MOST_KEYS {
            return Ok(false);
        }
        let key_id: KeyId = new_id(KeyId::PREFIX);
        let sql = "insert into endpoint_key (id, account_id, endpoint_id, key_hash, hint, created_by, created_at)
            values ($1, $2, $3, $4, $5, $6, $7)";
        sqlx::query(sql)
            .bind(key_id.as_str())
            .bind(actor.account_id.as_str())
            .bind(id.as_str())
            .bind(hash(key))
            .bind(&key[key.len() - HINT..])
            .bind(actor.user_name.as_str())
            .bind(self.now_ms())
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// Ends a key at once.
    pub async fn revoke_endpoint_key(&self, actor: &Actor, id: &EndpointId, key_id: &KeyId) -> Result<()> {
        require(actor, Role::Admin)?;
        let sql = "delete from endpoint_key where id = $1 and endpoint_id = $2 and account_id = $3";
        let done = sqlx::query(sql)
            .bind(key_id.as_str())
            .bind(id.as_str())
            .bind(actor.account_id.as_str())
            .execute(self.database().writer())
            .await
            .map_err(internal)?;
        if done.rows_affected() == 0 {
            return Err(HubError::not_found("endpoint key"));
        }
        tracing::info!(endpoint.id = %id, key.id = %key_id, "endpoint key revoked");
        Ok(())
    }

    /// The keys of an endpoint that are valid, the oldest first.
    pub(super) async fn keys_of_endpoint(
        &self,
        account_id: &AccountId,
        id: &EndpointId,
    ) -> Result<Vec<EndpointKeyView>> {
        let sql = "select id, hint, created_by, created_at, last_used_at from endpoint_key
            where account_id = $1 and endpoint_id = $2 order by created_at, id";
        let rows = sqlx::query(sql)
            .bind(account_id.as_str())
            .bind(id.as_str())
            .fetch_all(self.database().reader())
            .await
            .map_err(internal)?;
        let view = |row: &sqlx::any::AnyRow| -> std::result::Result<_, StoreError> {
            Ok(EndpointKeyView {
                id: parsed_id(row, "id")?,
                hint: Some(row.try_get::<String, _>("hint")?).filter(|hint| !hint.is_empty()),
                created_by: Some(row.try_get::<String, _>("created_by")?).filter(|name| !name.is_empty()),
                created_at: rfc3339(row.try_get("created_at")?),
                last_used_at: row.try_get::<Option<i64>, _>("last_used_at")?.map(rfc3339),
            })
        };
        rows.iter().map(|row| view(row).map_err(internal)).collect()
    }

    /// Whose key it is; none when it is nobody's.
    pub async fn endpoint_of_key(&self, key: &str) -> Result<Option<EndpointActor>> {
        let sql = "select k.id, k.endpoint_id, k.account_id, k.last_used_at from endpoint_key k
            join endpoint e on e.id = k.endpoint_id and e.account_id = k.account_id
            where k.key_hash = $1 and e.disconnected_at is null";
        let row = sqlx::query(sql).bind(hash(key)).fetch_optional(self.database().reader()).await.map_err(internal)?;
        let Some(row) = row else { return Ok(None) };
        let endpoint = EndpointActor {
            account_id: parsed_id(&row, "account_id").map_err(internal)?,
            endpoint_id: parsed_id(&row, "endpoint_id").map_err(internal)?,
        };
        let now = self.now_ms();
        let used: Option<i64> = row.try_get("last_used_at").map_err(internal)?;
        if used.is_none_or(|used| used <= now - NOTE_USE_EVERY_MS) {
            let id: KeyId = parsed_id(&row, "id").map_err(internal)?;
            let noted = sqlx::query("update endpoint_key set last_used_at = $1 where id = $2 and account_id = $3")
                .bind(now)
                .bind(id.as_str())
                .bind(endpoint.account_id.as_str())
                .execute(self.database().writer())
                .await;
            if let Err(error) = noted {
                tracing::warn!(key.id = %id, %error, "the use of a key could not be noted");
            }
        }
        self.note_contact(&endpoint.endpoint_id).await;
        Ok(Some(endpoint))
    }
}

fn hash(key: &str) -> String {
    hex::encode(Sha256::digest(key.as_bytes()))
}
