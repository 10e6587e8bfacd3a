//! Review, and sharing now: the check of everything, and the plan that a run is given.

use model::{
    error::{FieldProblem, HubError},
    id::{AccountId, RunId, ShareId},
    mapping::{BothFields, Finding, Plan, Severity, check},
    run::Mode,
    view::{
        Actor, Confirmation, Destination, DestinationSegment, EndpointHealth, PreFlight, ReviewWarning, Reviewed, Role,
        ShareReview, ShareState, ShareSummary, ShareView,
    },
};

use sqlx::{Any, Transaction};

use super::{
    shares::ShareRow,
    versions::{json, note_used},
};
use crate::{
    exchange::{self, NewRun, RunPlan},
    hub::{Hub, Result, internal},
    registry::{disconnected, require},
    store::{StoreError, clock::rfc3339},
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
        let others = self.shares_of_audience(actor, &share.audience.id).await?;
        let other_shares: Vec<ShareSummary> = others
            .into_iter()
            .filter(|other| other.id != share.id && other.state == ShareState::Active)
            .filter(|other| other.destination_name.as_deref() == Some(destination.endpoint_name.as_str()))
            .collect();
        let mut warnings = warnings(&share, destination, &findings, &other_shares);
        let endpoint = self.connected_endpoint(&actor.account_id, &destination.endpoint_id).await?;
        if endpoint.health == EndpointHealth::Failing {
            let message =
                format!("The last call to {} failed. A run waits for it, and fails if it stays so.", endpoint.name);
            warnings.push(warning(format!("failing.{}", endpoint.id), message, None));
        }
        if sample_rows > 0 && sample_valid * 2 < sample_rows {
            let message =
                format!("Of {sample_rows} sample rows only {sample_valid} would be sent; the others are left out.");
            warnings.push(warning("sample".to_owned(), message, Some("mapping")));
        }
        let row = self.share_row(actor, id).await?;
        for warning in &mut warnings {
            warning.confirmed = row.confirmed.iter().find(|confirmed| confirmed.name == warning.name).cloned();
        }
        Ok(ShareReview { findings, sample_rows, sample_valid, warnings, other_shares, share })
    }

    /// What the share's newest run found, when it was only to look and nothing was shared since.
    pub async fn pre_flight_result(&self, actor: &Actor, id: &ShareId) -> Result<Option<PreFlight>> {
        let share = self.share(actor, id).await?;
        let newest = exchange::newest_plan(self.database(), &actor.account_id, id).await.map_err(internal)?;
        let Some((run_id, plan, version)) = newest.filter(|(_, plan, _)| plan.is_pre_flight) else { return Ok(None) };
        let is_current = version == share.mapping_version
            && plan.shrink_limit == share.shrink_limit
            && plan.duplicates == share.duplicates
            && share.destination.as_ref().is_some_and(|now| {
                now.mode == plan.mode
                    && now.segment == plan.destination.segment
                    && now.endpoint_id == plan.destination.endpoint_id
            });
        Ok(Some(PreFlight { run: self.run(actor, &run_id).await?, is_current }))
    }

    /// Shares, when everything that the review warns of is confirmed by its name, now or before. What is confirmed stays so for later runs. With `seen` only
    /// what the person has reviewed is shared: nothing, when somebody has changed the share meanwhile.
    pub async fn share_confirmed(
        &self,
        actor: &Actor,
        id: &ShareId,
        confirmed: &[String],
        seen: Option<&Reviewed>,
    ) -> Result<RunId> {
        self.share_row(actor, id).await?.as_reviewed(actor, seen)?;
        self.confirm(actor, id, confirmed).await?;
        self.ask(actor, id, false, seen).await
    }

    /// Confirms warnings of the review by their names; refused while one of those that there are is not confirmed.
    pub async fn confirm(&self, actor: &Actor, id: &ShareId, confirmed: &[String]) -> Result<()> {
        require(actor, Role::Member)?;
        let review = self.review(actor, id).await?;
        let (mut kept, mut problems) = (Vec::new(), Vec::new());
        for warning in review.warnings {
            match warning.confirmed {
                Some(confirmation) => kept.push(confirmation),
                None if confirmed.contains(&warning.name) => kept.push(Confirmation {
                    name: warning.name,
                    by: actor.user_name.clone(),
                    at: rfc3339(self.now_ms()),
                }),
                None => problems.push(FieldProblem::new("confirmed", format!("Confirm: {}", warning.message))),
            }
        }
        // What can't be shared at all is said before what is to be confirmed.
        let can_run = !review.findings.iter().any(|finding| finding.severity == Severity::Error);
        if can_run && !problems.is_empty() {
            return Err(HubError::Invalid { problems });
        }
        sqlx::query("update share set confirmed = $1 where id = $2 and account_id = $3")
            .bind(json(&kept).map_err(internal)?)
            .bind(id.as_str())
            .bind(actor.account_id.as_str())
            .execute(self.database().writer())
            .await
            .map_err(internal)?;
        Ok(())
    }

    /// Shares: asks for a run. One run of a share at a time.
    pub async fn share_now(&self, actor: &Actor, id: &ShareId) -> Result<RunId> {
        self.ask(actor, id, false, None).await
    }

    /// Asks for a run that only finds out what would happen: the source is read and everything is checked, and nothing is sent.
    pub async fn pre_flight(&self, actor: &Actor, id: &ShareId) -> Result<RunId> {
        self.ask(actor, id, true, None).await
    }

    async fn ask(&self, actor: &Actor, id: &ShareId, is_pre_flight: bool, seen: Option<&Reviewed>) -> Result<RunId> {
        require(actor, Role::Member)?;
        let share = self.share_row(actor, id).await?;
        // Of the very row that the run is made of.
        share.as_reviewed(actor, seen)?;
        let run = self.new_run(&actor.account_id, share, is_pre_flight).await?;
        self.paused_endpoint(&run).await?;
        let run_id = self.ask_for_run(actor, id, run).await.map_err(internal)?;
        let run_id = run_id.ok_or_else(|| HubError::Conflict {
            message: "A run of this share is under way. Wait until it has ended, or cancel it.".to_owned(),
        })?;
        self.wake_workers();
        Ok(run_id)
    }

    /// The run that a share would be given now; an error says why it can't be shared.
    pub(super) async fn new_run(&self, account_id: &AccountId, share: ShareRow, is_pre_flight: bool) -> Result<NewRun> {
        let audience = self.audience_row(account_id, &share.audience_id).await?;
        if audience.withdrawn {
            let message = format!("{} no longer offers this audience.", audience.summary.endpoint_name);
            return Err(HubError::Conflict { message });
        }
        let destination = self.destination_of(account_id, &share).await?;
        let destination =
            destination.ok_or_else(|| HubError::Conflict { message: "Choose a destination first.".to_owned() })?;
        let endpoint = self.connected_endpoint(account_id, &destination.endpoint_id).await?;
        if endpoint.is_disconnected {
            return Err(HubError::Conflict { message: disconnected(&endpoint.name) });
        }
        let problems: Vec<FieldProblem> = check(&share.mapping, &audience.fields, &destination.fields)
            .into_iter()
            .filter(|finding| finding.severity == Severity::Error)
            .map(|finding| FieldProblem::new(finding.target.unwrap_or_else(|| "mapping".to_owned()), finding.message))
            .collect();
        if !problems.is_empty() {
            return Err(HubError::Invalid { problems });
        }
        Ok(NewRun {
            account_id: account_id.clone(),
            share_id: share.id.clone(),
            mapping_version: share.mapping_version,
            plan: RunPlan {
                source_endpoint_id: audience.summary.endpoint_id,
                source_name: audience.summary.endpoint_name,
                segment_id: audience.segment_id,
                audience_id: share.audience_id,
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
            reason: None,
        })
    }

    /// Refuses a run that a person asks for while one of its endpoints rests.
    async fn paused_endpoint(&self, run: &NewRun) -> Result<()> {
        let plan = &run.plan;
        let sides = [
            (&plan.source_endpoint_id, &plan.source_name),
            (&plan.destination.endpoint_id, &plan.destination.endpoint_name),
        ];
        for (id, name) in sides {
            if let Some(by) = self.pause_of_endpoint(&run.account_id, id).await.map_err(internal)? {
                let message = format!("{name} was paused by {}. Resume it on its page first.", by.name);
                return Err(HubError::Conflict { message });
            }
        }
        Ok(())
    }

    /// The run that a share's schedule would be given now: none while a person has to look at the share first.
    pub(super) async fn scheduled_run(&self, account_id: &AccountId, id: &ShareId) -> Result<NewRun> {
        let share = self.share_row_of(account_id, id).await?;
        if let Some(reason) = &share.held_because {
            return Err(HubError::Conflict {
                message: format!("The share is held until somebody has looked at it: {reason}"),
            });
        }
        self.new_run(account_id, share, false).await
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
            "update share set state = 'active', updated_at = $1, held_at = null, held_because = null where id = $2 and account_id = $3"
        };
        sqlx::query(text)
            .bind(now)
            .bind(id.as_str())
            .bind(actor.account_id.as_str())
            .execute(&mut *transaction)
            .await?;
        know_fields(&mut transaction, &run).await?;
        if exchange::is_under_way(&mut transaction, &actor.account_id, id).await? {
            return Ok(None);
        }
        note_used(&mut transaction, now, &actor.account_id, id, run.mapping_version).await?;
        let run_id = exchange::enqueue(&mut transaction, now, run).await?;
        transaction.commit().await?;
        Ok(Some(run_id))
    }
}

/// The fields are fit for the mapping as they are; what changes from now on is told from these.
pub(super) async fn know_fields(
    transaction: &mut Transaction<'_, Any>,
    run: &NewRun,
) -> std::result::Result<(), StoreError> {
    let fields =
        BothFields { source: run.plan.source_fields.clone(), destination: run.plan.destination.fields.clone() };
    sqlx::query("update share set known_fields = $1 where id = $2 and account_id = $3 and known_fields is null")
        .bind(json(&fields)?)
        .bind(run.share_id.as_str())
        .bind(run.account_id.as_str())
        .execute(&mut **transaction)
        .await?;
    Ok(())
}

/// What has to be confirmed, but for what has to be asked of others.
fn warnings(
    share: &ShareView,
    destination: &Destination,
    findings: &[Finding],
    other_shares: &[ShareSummary],
) -> Vec<ReviewWarning> {
    let of_mapping = findings.iter().filter(|finding| finding.severity == Severity::Warning).map(|finding| {
        // The name says what was confirmed: should the sentence change, it is to be confirmed anew.
        let digest = blake3::hash(finding.message.as_bytes()).to_hex();
        let target = finding.target.as_deref().unwrap_or("whole");
        let page =
            finding.target.as_ref().map_or_else(|| "mapping".to_owned(), |target| format!("mapping#field-{target}"));
        warning(format!("mapping.{target}.{}", &digest[..8]), finding.message.clone(), Some(&page))
    });
    let mut warnings: Vec<ReviewWarning> = of_mapping.collect();
    let (name, segment) = (&destination.endpoint_name, destination.segment.name());
    if let DestinationSegment::Existing { id, .. } = &destination.segment {
        let message = match destination.mode {
            Mode::Replace => {
                Some(format!("Whoever is in “{segment}” of {name} and not in the audience is taken out of it."))
            }
            Mode::Remove => Some(format!("The people of the audience are taken out of “{segment}” of {name}.")),
            Mode::Add | Mode::Mirror => None,
        };
        let mode = destination.mode.as_str();
        warnings.extend(
            message.map(|message| warning(format!("{mode}.{}.{id}", destination.endpoint_id), message, Some("when"))),
        );
    }
    for other in other_shares.iter().filter(|other| other.destination_segment.as_deref() == Some(segment)) {
        let message = format!(
            "Another share sends “{}” to “{segment}” of {name} already; both would change the same segment.",
            share.audience.name
        );
        warnings.push(warning(format!("same-segment.{}", other.id), message, Some("destination")));
    }
    if share.audience.size == Some(0) {
        let message = format!(
            "“{}” is empty now; {} says that nobody is in it.",
            share.audience.name, share.audience.endpoint_name
        );
        warnings.push(warning("empty".to_owned(), message, None));
    }
    warnings
}

fn warning(name: String, message: String, page: Option<&str>) -> ReviewWarning {
    ReviewWarning { name, message, page: page.map(str::to_owned), confirmed: None }
}
