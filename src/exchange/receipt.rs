//! The receipt: the final account of a run, written only when it adds up.

use model::run::{FailureCode, Receipt, RunEvent};
use sha2::{Digest, Sha256};

use super::{
    carrier::{Carrier, count_ended},
    ledger::book,
    records::{PartRow, left_empty, left_out, parts},
    runs::HeldError,
    stop::Stop,
};
use crate::store::clock::rfc3339;

/// SHA-256 over the parts' digests in order, lower-case hexadecimal; none when a part's digest is not one.
fn digest_of(parts: &[PartRow]) -> Option<String> {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update(hex::decode(&part.sha256).ok()?);
    }
    Some(hex::encode(hasher.finalize()))
}

impl Carrier {
    /// Writes the receipt and ends the run well, or fails it when the account does not add up.
    pub(super) async fn finish(&mut self) -> Result<(), Stop> {
        let database = self.hub.database();
        let sent = parts(database, &self.run.id, None).await.map_err(|error| self.store_failed(error))?;
        let left_out = left_out(database, &self.run.id).await.map_err(|error| self.store_failed(error))?;
        let left_empty = left_empty(database, &self.run.id).await.map_err(|error| self.store_failed(error))?;
        let sha256 = digest_of(&sent).ok_or_else(|| self.internal("a part's digest can't be read"))?;
        let settled = self.settle_finished().await?;
        let plan = &self.run.plan;
        let mut change = self.held.begin().await?;
        let counts = change.counts().await?;
        let receipt = Receipt {
            run_id: self.run.id.to_string(),
            share_id: self.run.share_id.to_string(),
            source: format!("{} ({})", plan.audience_name, plan.source_name),
            destination: format!("{} ({})", plan.destination.segment.name(), plan.destination.endpoint_name),
            mode: plan.mode,
            mapping_version: self.run.mapping_version,
            started_at: rfc3339(self.run.started_at.unwrap_or(self.run.created_at)),
            finished_at: rfc3339(change.now),
            counts,
            left_out,
            left_empty,
            parts: self.run.parts,
            sha256: sha256.clone(),
        };
        if let Err(gap) = receipt.check() {
            let code = match gap.left_name.as_str() {
                "declared" | "read" => FailureCode::SourceMismatch,
                _ => FailureCode::AcknowledgementMismatch,
            };
            drop(change);
            return Err(self.failed(code, &format!("The account does not add up: {gap}."), false));
        }
        let rejects = counts.rejected + counts.refused;
        let text = serde_json::to_string(&receipt).map_err(|error| self.internal(&error.to_string()))?;
        change.set_receipt(&text, &sha256).await?;
        let (event, word) = match rejects {
            0 => (RunEvent::Finished, "Complete.".to_owned()),
            1 => (RunEvent::FinishedWithRejects, "Complete; 1 row was left out and is in the rejects.".to_owned()),
            more => {
                (RunEvent::FinishedWithRejects, format!("Complete; {more} rows were left out and are in the rejects."))
            }
        };
        change.note(&word).await?;
        if let Some(settled) = &settled {
            book::replace(&mut change.transaction, settled, change.now).await.map_err(HeldError::Store)?;
        }
        change.ledger_told().await?;
        let state = change.step(event).await?;
        change.commit().await?;
        if let Some(settled) = &settled {
            self.ledger_replaced(settled).await;
        }
        self.run.state = state;
        self.run.counts = counts;
        count_ended(state);
        tracing::info!(
            run.id = %self.run.id,
            state = state.as_str(),
            rows_read = counts.read,
            rows_acknowledged = counts.acknowledged,
            rows_left_out = rejects,
            parts = self.run.parts,
            "run ended"
        );
        Ok(())
    }
}
