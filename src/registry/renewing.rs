//! Consents that are renewed before they end, whether anybody shares meanwhile or not. With many authorisation servers the end moves with each renewal: such
//! a consent goes on for as long as Usher does this, and nobody has to be told of its end. How a token is renewed stands in `credentials`.

use futures::{StreamExt, stream};
use model::id::{AccountId, ApplicationId, EndpointId};
use sqlx::{Row, any::AnyRow};

use super::parsed_id;
use crate::{
    hub::{Hub, Result, internal},
    store::StoreError,
};

const DAY_MS: i64 = 86_400_000;
/// How long before its end a consent is renewed.
const SOON_MS: i64 = 14 * DAY_MS;
/// An end that was told anew and differs by less has not moved: servers count in seconds, and answers take some.
const MOVED_MS: i64 = 60_000;
/// Consents that are renewed in one look at most; the others come with the next.
const MOST: i64 = 200;
/// Of these so many at once: a server that does not answer must not keep the others from being asked.
const AT_ONCE: usize = 8;

impl Hub {
    /// Renews the consents that end soon: once a day, and more often when less than two days are left.
    pub(crate) async fn renew_ending_consents(&self) -> std::result::Result<(), StoreError> {
        let now = self.now_ms();
        let rows = sqlx::query(
            "select id, account_id, application_id, application_version, credential_ends_at from endpoint
             where disconnected_at is null and credential is not null and credential_ends_at > $1 and credential_ends_at <= $2
                and (renewal_tried_at is null or $1 - renewal_tried_at >= $3 or 2 * ($1 - renewal_tried_at) >= credential_ends_at - renewal_tried_at)
             order by credential_ends_at, id limit $4",
        )
        .bind(now)
        .bind(now + SOON_MS)
        .bind(DAY_MS)
        .bind(MOST)
        .fetch_all(self.database().reader())
        .await?;
        let renewals = stream::iter(rows).map(|row| async move {
            // One that can't be read must not keep the others from being renewed.
            if let Err(error) = self.renew_consent(&row).await {
                let id = row.try_get::<String, _>("id").unwrap_or_default();
                tracing::error!(endpoint.id = id, %error, "a consent that ends soon could not be renewed");
            }
        });
        renewals.buffer_unordered(AT_ONCE).collect::<()>().await;
        Ok(())
    }

    async fn renew_consent(&self, row: &AnyRow) -> Result<()> {
        let (account_id, id): (AccountId, EndpointId) =
            (parsed_id(row, "account_id").map_err(internal)?, parsed_id(row, "id").map_err(internal)?);
        let application_id: ApplicationId = parsed_id(row, "application_id").map_err(internal)?;
        let version: i64 = row.try_get("application_version").map_err(internal)?;
        let ends_at: i64 = row.try_get("credential_ends_at").map_err(internal)?;
        let kept = self.kept(&account_id, &id).await.map_err(internal)?;
        let Some(shown) = kept.as_ref().and_then(super::credentials::Kept::renewable) else { return Ok(()) };
        let version = u32::try_from(version).map_err(internal)?;
        let application = self.application_at(&application_id, version).await?;
        let sql = "update endpoint set renewal_tried_at = $1 where id = $2 and account_id = $3";
        sqlx::query(sql)
            .bind(self.now_ms())
            .bind(id.as_str())
            .bind(account_id.as_str())
            .execute(self.database().writer())
            .await
            .map_err(internal)?;
        if let Err(error) = self.good_token(&account_id, &id, &application, Some(shown)).await {
            // That it was refused is noted with the credential, and told; another failure may pass.
            tracing::warn!(endpoint.id = %id, %error, "a consent that ends soon was not renewed");
            return Ok(());
        }
        let sql = "update endpoint set credential_slides = case when credential_ends_at > $1 then 1 else 0 end where id = $2 and account_id = $3";
        sqlx::query(sql)
            .bind(ends_at + MOVED_MS)
            .bind(id.as_str())
            .bind(account_id.as_str())
            .execute(self.database().writer())
            .await
            .map_err(internal)?;
        Ok(())
    }
}
