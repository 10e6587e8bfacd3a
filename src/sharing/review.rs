//! Review, and sharing now: the check of everything, and the plan that a run is given.

use model::{
    error::{FieldProblem, HubError},
    id::{RunId, ShareId},
    mapping::{Plan, Severity, check},
    view::{Actor, Role, ShareReview},
};

use crate::{
    exchange::{self, NewRun, RunPlan},
    hub::{Hub, Result, internal},
    registry::require,
    store::StoreError,
};

impl Hub {
    /// All of a share before it is shared: what it does, what speaks against it, and how the sample's rows fare.
    pub async fn review(&self, actor: &Actor, id: &ShareId) -> Result<ShareReview> {
        let share = self.share(actor, id).await?;
        let Some(destination) = &share.destination else {
            return Err(HubError::Conflict { message: "Choose a destination first.".to_owned() });
        };
        let findings = check(&share.mapping, &share.fields, &destination.fields);
        let (mut sample_rows, mut sample_valid) = (0, 0);
        // A viewer sees no sample; the counts are then simply not there.
        if actor.role >= Role::Member {
            let sample = self.sample(actor, &share.audience.id).await?;
            if let Ok(plan) = Plan::new(&share.mapping, &sample.columns, &destination.fields) {
                for row in &sample.rows {
                    sample_rows += 1;
                    sample_valid += u32::from(plan.preview(row).reject.is_none());
                }
            }
        }
        Ok(ShareReview { findings, sample_rows, sample_valid, share })
    }

    /// Shares: asks for a run. One run of a share at a time.
    pub async fn share_now(&self, actor: &Actor, id: &ShareId) -> Result<RunId> {
        self.ask(actor, id, false).await
    }

    /// Asks for a run that only finds out what would happen: the source is read and everything is checked, and nothing is sent.
    pub async fn pre_flight(&self, actor: &Actor, id: &ShareId) -> Result<RunId> {
        self.ask(actor, id, true).await
    }

    async fn ask(&self, actor: &Actor, id: &ShareId, is_pre_flight: bool) -> Result<RunId> {
        require(actor, Role::Member)?;
        let share = self.share(actor, id).await?;
        let row = self.share_row(actor, id).await?;
        let audience = self.audience_row(&actor.account_id, &row.audience_id).await?;
        if audience.withdrawn {
            let message = format!("{} no longer offers this audience.", audience.summary.endpoint_name);
            return Err(HubError::Conflict { message });
        }
        let destination = share
            .destination
            .ok_or_else(|| HubError::Conflict { message: "Choose a destination first.".to_owned() })?;
        let problems: Vec<FieldProblem> = check(&share.mapping, &share.fields, &destination.fields)
            .into_iter()
            .filter(|finding| finding.severity == Severity::Error)
            .map(|finding| FieldProblem::new(finding.target.unwrap_or_else(|| "mapping".to_owned()), finding.message))
            .collect();
        if !problems.is_empty() {
            return Err(HubError::Invalid { problems });
        }
        let run = NewRun {
            account_id: actor.account_id.clone(),
            share_id: id.clone(),
            mapping_version: share.mapping_version,
            plan: RunPlan {
                source_endpoint_id: audience.summary.endpoint_id,
                source_name: audience.summary.endpoint_name,
                segment_id: audience.segment_id,
                audience_id: row.audience_id,
                audience_name: audience.summary.name,
                source_fields: audience.fields,
                expected_rows: audience.summary.size,
                mode: destination.mode,
                shrink_limit: share.shrink_limit,
                duplicates: share.duplicates,
                destination,
                mapping: share.mapping,
                is_pre_flight,
                repairs: None,
            },
        };
        let run_id = self.ask_for_run(actor, id, run).await.map_err(internal)?;
        let run_id = run_id.ok_or_else(|| HubError::Conflict {
            message: "A run of this share is under way. Wait until it has ended, or cancel it.".to_owned(),
        })?;
        self.wake_workers();
        Ok(run_id)
    }

    /// None when a run of the share is under way.
    async fn ask_for_run(
        &self,
        actor: &Actor,
        id: &ShareId,
        run: NewRun,
    ) -> std::result::Result<Option<RunId>, StoreError> {
        let now = self.now_ms();
        let mut transaction = self.database().begin().await?;
        // Changing the share's row first makes two who share at once come one after the other, on PostgreSQL too.
        let text = if run.plan.is_pre_flight {
            "update share set updated_at = $1 where id = $2 and account_id = $3"
        } else {
            "update share set state = 'active', updated_at = $1 where id = $2 and account_id = $3"
        };
        sqlx::query(text)
            .bind(now)
            .bind(id.as_str())
            .bind(actor.account_id.as_str())
            .execute(&mut *transaction)
            .await?;
        if exchange::is_under_way(&mut transaction, &actor.account_id, id).await? {
            return Ok(None);
        }
        let run_id = exchange::enqueue(&mut transaction, now, run).await?;
        transaction.commit().await?;
        Ok(Some(run_id))
    }
}
