//! Refresh: asking producers which audiences they have, in the background and when a person wants it. An endpoint that does not answer keeps
//! what is known of it.

use std::time::{Duration, Instant};

use futures::{StreamExt, stream};
use model::{
    catalogue::RefreshReport,
    contract::Movement,
    error::HubError,
    id::{AccountId, AudienceId, EndpointId},
    view::{Actor, Role},
};
use tokio_util::sync::CancellationToken;

use crate::{
    hub::{Hub, Result, internal},
    outbound::Side,
    registry::require,
    store::StoreError,
};

const REFRESH_AFTER: Duration = Duration::from_secs(15 * 60);
const LOOK_EVERY: Duration = Duration::from_secs(60);
/// Producers that are asked side by side, so that a slow one does not hold up the others.
const AT_ONCE: usize = 8;

impl Hub {
    /// Asks the producer for its audiences again; what that found.
    pub async fn refresh_audiences(&self, actor: &Actor, id: &EndpointId) -> Result<RefreshReport> {
        require(actor, Role::Member)?;
        self.connected_endpoint(&actor.account_id, id).await?;
        self.note_refresh(id).await.map_err(internal)?;
        self.refresh_endpoint(&actor.account_id, id).await
    }

    /// Asks the producer of an audience for its audiences again.
    pub async fn refresh_audience(&self, actor: &Actor, id: &AudienceId) -> Result<RefreshReport> {
        require(actor, Role::Member)?;
        let audience = self.audience_row(&actor.account_id, id).await?;
        self.refresh_audiences(actor, &audience.summary.endpoint_id).await
    }

    /// Asks all producers of the account that can be asked. One that does not answer is named, and does not hold up the others.
    pub async fn refresh_catalogue(&self, actor: &Actor) -> Result<RefreshReport> {
        require(actor, Role::Member)?;
        let mut asked = Vec::new();
        for endpoint in self.connected_endpoints(&actor.account_id).await? {
            if endpoint.description.producer.as_ref().is_some_and(|side| side.movement == Movement::Pull) {
                asked.push(endpoint);
            }
        }
        let reports = stream::iter(asked)
            .map(async |endpoint| match self.refresh_audiences(actor, &endpoint.id).await {
                Ok(report) => Ok(report),
                Err(HubError::Endpoint { .. }) => {
                    Ok(RefreshReport { failed: vec![endpoint.name], ..RefreshReport::default() })
                }
                Err(error) => Err(error),
            })
            .buffered(AT_ONCE)
            .collect::<Vec<_>>()
            .await;
        let reports: Result<Vec<RefreshReport>> = reports.into_iter().collect();
        Ok(reports?.into_iter().fold(RefreshReport::default(), RefreshReport::and))
    }

    /// Keeps the catalogue fresh until `stop` is cancelled: each producer is asked again every quarter of an hour.
    pub async fn keep_audiences_fresh(&self, stop: CancellationToken) {
        let keep_on = async {
            loop {
                self.refresh_due(REFRESH_AFTER).await;
                tokio::time::sleep(LOOK_EVERY).await;
            }
        };
        // An answer that is still awaited is given up: what was known is kept, and nothing is half noted.
        stop.run_until_cancelled(keep_on).await;
    }

    /// Refreshes the producers that were not asked for longer than `age`, at most one process each.
    pub async fn refresh_due(&self, age: Duration) {
        let before = self.now_ms() - i64::try_from(age.as_millis()).unwrap_or(i64::MAX);
        let claimed = match self.claim_refresh(before).await {
            Ok(claimed) => claimed,
            Err(error) => return tracing::error!(%error, "endpoints due for a refresh could not be claimed"),
        };
        stream::iter(claimed)
            .for_each_concurrent(AT_ONCE, |(account_id, endpoint_id)| async move {
                if let Err(error) = self.look_again(&account_id, &endpoint_id).await {
                    tracing::warn!(endpoint.id = %endpoint_id, %error, "an endpoint could not be asked what it is");
                }
                if let Err(error) = self.refresh_endpoint(&account_id, &endpoint_id).await {
                    tracing::warn!(endpoint.id = %endpoint_id, %error, "an endpoint could not be refreshed");
                }
            })
            .await;
    }

    /// An endpoint said where it is: asks it there what it is and what it offers. Its page says how that went.
    pub(crate) async fn look_at_new_address(&self, account_id: &AccountId, id: &EndpointId) {
        let looked = async {
            self.note_refresh(id).await.map_err(internal)?;
            self.look_again(account_id, id).await?;
            self.refresh_endpoint(account_id, id).await
        };
        if let Err(error) = looked.await {
            tracing::warn!(endpoint.id = %id, %error, "an endpoint could not be asked at its new address");
        }
    }

    /// An endpoint was disconnected: nothing of it is offered any more.
    pub(crate) async fn forget_audiences(
        &self,
        account_id: &AccountId,
        id: &EndpointId,
    ) -> std::result::Result<RefreshReport, StoreError> {
        let report = self.note_all(account_id, id, &[]).await?;
        self.follow_fields(account_id, id).await;
        Ok(report)
    }

    async fn refresh_endpoint(&self, account_id: &AccountId, id: &EndpointId) -> Result<RefreshReport> {
        let endpoint = self.connected_endpoint(account_id, id).await?;
        if endpoint.is_disconnected {
            return self.forget_audiences(account_id, id).await.map_err(internal);
        }
        match endpoint.description.producer.as_ref().map(|side| side.movement) {
            None => return Ok(RefreshReport::default()),
            // It declares its audiences by itself, and can't be asked.
            Some(Movement::Push) => {
                let offered = self.audience_counts(account_id).await?.get(id).copied().unwrap_or(0);
                return Ok(RefreshReport { offered, ..RefreshReport::default() });
            }
            Some(Movement::Pull) => {}
        }
        let client = self.endpoint_client(account_id, id).await?;
        let begun = Instant::now();
        let answer = client.segments(Side::Producer).await;
        self.note_call(id, answer.as_ref().map(|_| begun.elapsed()).map_err(Clone::clone)).await;
        match answer {
            Ok(segments) => {
                let count = self.note_all(account_id, id, &segments).await.map_err(internal)?;
                self.follow_fields(account_id, id).await;
                Ok(count)
            }
            Err(error) => {
                self.note_unread(account_id, id).await.map_err(internal)?;
                let name = &endpoint.name;
                let message =
                    format!("{name} could not be asked for its audiences: {error}. What was known before is kept.");
                Err(HubError::Endpoint { message })
            }
        }
    }
}
