//! Disconnecting an endpoint, for good: its credentials and keys are forgotten, its audiences leave the catalogue, the shares that need it are held.
//! What was done through it (runs, receipts, the shares themselves) stays.

use model::{
    error::HubError,
    id::{AccountId, EndpointId},
    view::{Actor, Role},
};
use sqlx::{Any, Row, Transaction};

use super::{ConnectedEndpoint, require};
use crate::{
    exchange,
    hub::{Hub, Result, internal},
    sharing,
    store::{StoreError, clock::rfc3339},
};

impl Hub {
    /// Disconnects an endpoint. `name` is its name as the person typed it, because this can't be undone.
    pub async fn disconnect_endpoint(&self, actor: &Actor, id: &EndpointId, name: &str) -> Result<()> {
        require(actor, Role::Admin)?;
        let endpoint = self.standing_endpoint(&actor.account_id, id).await?.endpoint;
        if name.trim() != endpoint.name {
            let message = format!("Type the endpoint's name as it is written here: {}", endpoint.name);
            return Err(HubError::invalid("name", message));
        }
        match self.forget_connection(actor, &endpoint).await.map_err(internal)? {
            0 => {}
            runs => {
                let runs = if runs == 1 { "A run with it is".to_owned() } else { format!("{runs} runs with it are") };
                let message = format!("{runs} under way. Wait until they have ended, or cancel them.");
                return Err(HubError::Conflict { message });
            }
        }
        tracing::info!(endpoint.id = %id, "endpoint disconnected");
        // Should this not come to its end, the next refresh makes up for it.
        self.forget_audiences(&actor.account_id, id).await.map_err(internal)?;
        Ok(())
    }

    /// Says how many runs are in the way, and does nothing when there are any.
    async fn forget_connection(
        &self,
        actor: &Actor,
        endpoint: &ConnectedEndpoint,
    ) -> std::result::Result<i64, StoreError> {
        let (account_id, id, now) = (&actor.account_id, &endpoint.id, self.now_ms());
        let mut transaction = self.database().begin().await?;
        // Another may be connected under the name.
        let name = free_name(&mut transaction, account_id, &endpoint.name, now).await?;
        let sql = "update endpoint set name = $1, disconnected_at = $2, disconnected_by = $3, credential = null, refreshed_at = null,
                last_failure = null
            where id = $4 and account_id = $5 and disconnected_at is null";
        sqlx::query(sql)
            .bind(name)
            .bind(now)
            .bind(actor.user_name.as_str())
            .bind(id.as_str())
            .bind(account_id.as_str())
            .execute(&mut *transaction)
            .await?;
        let runs = exchange::runs_with_endpoint(&mut *transaction, account_id, id).await?;
        if runs > 0 {
            return Ok(runs);
        }
        sqlx::query("delete from endpoint_key where endpoint_id = $1 and account_id = $2")
            .bind(id.as_str())
            .bind(account_id.as_str())
            .execute(&mut *transaction)
            .await?;
        sharing::forget_pause(&mut transaction, account_id, id).await?;
        transaction.commit().await?;
        Ok(0)
    }
}

/// The name that a disconnected endpoint goes on under, in the shares and audiences that were its own.
async fn free_name(
    transaction: &mut Transaction<'_, Any>,
    account_id: &AccountId,
    name: &str,
    now: i64,
) -> std::result::Result<String, StoreError> {
    let day: String = rfc3339(now).chars().take(10).collect();
    let sql = "select count(*) as many from endpoint where account_id = $1 and name = $2";
    let mut number = 1;
    loop {
        let repeat = if number == 1 { String::new() } else { format!(", {number}") };
        let free = format!("{name} (disconnected {day}{repeat})");
        let row = sqlx::query(sql).bind(account_id.as_str()).bind(free.as_str()).fetch_one(&mut **transaction).await?;
        if row.try_get::<i64, _>("many")? == 0 {
            return Ok(free);
        }
        number += 1;
    }
}
