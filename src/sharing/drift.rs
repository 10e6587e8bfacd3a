//! Drift: shares whose fields changed on either side. Those that break are held, which means that no run of theirs starts, until a person mends the
//! mapping or the fields are as they were; the others go on.

use model::{
    contract::{ConsumerSide, EndpointDescription},
    error::HubError,
    field::Field,
    id::{AccountId, EndpointId, ShareId},
    mapping::{BothFields, Drift, drift, mended},
    view::{Actor, BrokenShare, MappingCause, Role, ShareState, ShareView},
};

use sqlx::{Any, query::Query};

use super::{
    shares::ShareRow,
    versions::{Change, json},
};
use crate::{
    hub::{Hub, Result, internal},
    registry::{parsed_id, require},
    store::StoreError,
};

/// Fields named in the one line that lists show.
const MOST_NAMED: usize = 3;

impl Hub {
    /// Looks at every share from or to an endpoint whose fields may have changed: holds those that break, and frees those that are well again. What
    /// can't be looked at now is logged; it is looked at again with the next change, and before each run.
    pub(crate) async fn follow_fields(&self, account_id: &AccountId, endpoint_id: &EndpointId) {
        let sql = "select s.id from share s join audience a on a.id = s.audience_id
            where s.account_id = $1 and s.state = 'active' and (a.endpoint_id = $2 or s.destination_endpoint_id = $2)";
        let query = sqlx::query(sql).bind(account_id.as_str()).bind(endpoint_id.as_str());
        self.follow(account_id, endpoint_id, query).await;
    }

    /// The same of the shares of one audience, when nothing else of its endpoint may have changed.
    pub(crate) async fn follow_segment(&self, account_id: &AccountId, endpoint_id: &EndpointId, segment_id: &str) {
        let sql = "select s.id from share s join audience a on a.id = s.audience_id
            where s.account_id = $1 and s.state = 'active' and a.endpoint_id = $2 and a.segment_id = $3";
        let query = sqlx::query(sql).bind(account_id.as_str()).bind(endpoint_id.as_str()).bind(segment_id);
        self.follow(account_id, endpoint_id, query).await;
    }

    async fn follow(
        &self,
        account_id: &AccountId,
        endpoint_id: &EndpointId,
        shares: Query<'_, Any, sqlx::any::AnyArguments>,
    ) {
        let followed = async {
            for row in &shares.fetch_all(self.database().reader()).await.map_err(internal)? {
                let id: ShareId = parsed_id(row, "id").map_err(internal)?;
                self.follow_share(account_id, &id).await?;
            }
            Ok::<_, HubError>(())
        };
        if let Err(error) = followed.await {
            tracing::warn!(endpoint.id = %endpoint_id, %error, "shares could not be looked at after a change of fields");
        }
    }

    /// Holds or frees one share, as its fields are now.
    pub(super) async fn follow_share(&self, account_id: &AccountId, id: &ShareId) -> Result<()> {
        let share = self.share_row_of(account_id, id).await?;
        let because = match share.state {
            ShareState::Draft => None,
            ShareState::Active => self.obstacle_to_runs(account_id, &share).await?,
        };
        // Mostly nothing is another than before: nobody has to wait for the writer then.
        if because == share.held_because {
            return Ok(());
        }
        let sql = "update share set held_because = $1, held_at = case when $1 is null then null else coalesce(held_at, $2) end
            where id = $3 and account_id = $4 and coalesce(held_because, '') <> coalesce($1, '')";
        let now = self.now_ms();
        let changed = async {
            let mut transaction = self.database().begin().await?;
            let done = sqlx::query(sql)
                .bind(because.as_deref())
                .bind(now)
                .bind(id.as_str())
                .bind(account_id.as_str())
                .execute(&mut *transaction)
                .await?;
            let changed = done.rows_affected() == 1;
            if changed {
                crate::telling::look(&mut transaction, now, account_id, id).await?;
                transaction.commit().await?;
            }
            Ok::<_, StoreError>(changed)
        };
        if changed.await.map_err(internal)? {
            tracing::info!(share.id = %id, held = because.is_some(), "a share follows a change of fields");
        }
        Ok(())
    }

    /// Why no run of a share can start, in one line; none when one can.
    async fn obstacle_to_runs(&self, account_id: &AccountId, share: &ShareRow) -> Result<Option<String>> {
        let audience = self.audience_row(account_id, &share.audience_id).await?;
        if audience.withdrawn {
            return Ok(Some(format!("{} no longer offers the audience", audience.summary.endpoint_name)));
        }
        let Some(endpoint_id) = &share.destination_endpoint_id else { return Ok(None) };
        let endpoint = self.connected_endpoint(account_id, endpoint_id).await?;
        if endpoint.is_disconnected {
            return Ok(Some(format!("{} takes nothing any more", endpoint.name)));
        }
        let Some(consumer) = endpoint.description.consumer else {
            return Ok(Some(format!("{} takes no audiences any more", endpoint.name)));
        };
        let now = BothFields { source: audience.fields, destination: consumer.fields };
        let drift = drift(&share.mapping, share.known_fields.as_ref(), &now);
        if drift.breaks.is_empty() {
            return Ok(None);
        }
        let names: Vec<&str> = drift
            .breaks
            .iter()
            .filter_map(|broken| broken.target.as_deref())
            .map(|target| {
                let known = share.known_fields.as_ref().map(|known| known.destination.as_slice()).unwrap_or_default();
                let mut fields = now.destination.iter().chain(known);
                fields.find(|field| field.name == target).map_or(target, Field::display_name)
            })
            .collect();
        let more = names.len().saturating_sub(MOST_NAMED);
        let mut named = names.into_iter().take(MOST_NAMED).collect::<Vec<_>>().join(", ");
        if more > 0 {
            named.push_str(&format!(" and {more} more"));
        }
        let what = if drift.changes.is_empty() { "Its mapping is incomplete" } else { "Its fields changed" };
        Ok(Some(if named.is_empty() { what.to_owned() } else { format!("{what}: {named}") }))
    }

    /// The shares from and to an endpoint that could not run any more, if this were what it says of itself; not those that can't run as it is.
    pub(crate) async fn shares_broken_by(
        &self,
        actor: &Actor,
        id: &EndpointId,
        present: &EndpointDescription,
        described: &EndpointDescription,
    ) -> Result<Vec<BrokenShare>> {
        let mut broken = Vec::new();
        for summary in self.shares_with_endpoint(actor, id).await? {
            if summary.state != ShareState::Active {
                continue;
            }
            let share = self.share_row(actor, &summary.id).await?;
            let audience = self.audience_row(&actor.account_id, &share.audience_id).await?;
            let is_from = audience.summary.endpoint_id == *id;
            let is_to = share.destination_endpoint_id.as_ref() == Some(id);
            let why = |description: &EndpointDescription| {
                let mut because = Vec::new();
                if is_from && description.producer.is_none() {
                    because.push("It would not offer the audience any more.".to_owned());
                }
                if is_to {
                    because.extend(refusals(&share, &audience.fields, description.consumer.as_ref()));
                }
                because
            };
            let before = why(present);
            let because: Vec<String> = why(described).into_iter().filter(|reason| !before.contains(reason)).collect();
            if !because.is_empty() {
                let to = summary.destination_name.map(|name| format!(" to {name}")).unwrap_or_default();
                broken.push(BrokenShare { id: summary.id, name: format!("{}{to}", summary.audience_name), because });
            }
        }
        Ok(broken)
    }

    /// Puts the proposals for these destination fields in place, as a new version of the mapping.
    pub async fn accept_remapping(&self, actor: &Actor, id: &ShareId, accepted: &[String]) -> Result<ShareView> {
        require(actor, Role::Member)?;
        let share = self.share(actor, id).await?;
        if accepted.is_empty() {
            return Err(HubError::invalid(
                "accept",
                "Choose at least one of the proposals, or mend the mapping by hand.",
            ));
        }
        let mapping = mended(&share.mapping, &share.drift.breaks, accepted);
        let left: Vec<&String> = accepted
            .iter()
            .filter(|target| !share.drift.breaks.iter().any(|broken| broken.target.as_ref() == Some(*target)))
            .collect();
        if !left.is_empty() {
            let message = "The fields have changed again since you opened this page. Reload it.".to_owned();
            return Err(HubError::Conflict { message });
        }
        let change = Change { seen: Some(share.mapping_version), ..Change::of(MappingCause::Remapped) };
        self.put_mapping(actor, id, &mapping, &share.both_fields(), change).await?;
        self.share(actor, id).await
    }

    /// A person has seen what changed; it is not mentioned any more.
    pub async fn note_changes_seen(&self, actor: &Actor, id: &ShareId) -> Result<()> {
        require(actor, Role::Member)?;
        let share = self.share(actor, id).await?;
        sqlx::query("update share set known_fields = $1 where id = $2 and account_id = $3")
            .bind(json(&share.both_fields()).map_err(internal)?)
            .bind(id.as_str())
            .bind(actor.account_id.as_str())
            .execute(self.database().writer())
            .await
            .map_err(internal)?;
        self.follow_share(&actor.account_id, id).await
    }
}

/// Why a destination like this could not take what a share sends.
fn refusals(share: &ShareRow, offered: &[Field], consumer: Option<&ConsumerSide>) -> Vec<String> {
    let Some(consumer) = consumer else { return vec!["It would not take audiences any more.".to_owned()] };
    let now = BothFields { source: offered.to_vec(), destination: consumer.fields.clone() };
    let drift = drift(&share.mapping, share.known_fields.as_ref(), &now);
    let mode = share.mode.filter(|mode| !mode.is_possible(&consumer.delivery.modes));
    let mode = mode.map(|mode| format!("It would not take the mode “{}” any more.", mode.label()));
    drift.breaks.into_iter().map(|broken| broken.message).chain(mode).collect()
}

/// What the change of fields means for a share, for its pages. A draft breaks nothing: it is not done yet, and its review says what is missing.
pub(super) fn drift_of(share: &ShareRow, now: &BothFields) -> Drift {
    let mut drift = drift(&share.mapping, share.known_fields.as_ref(), now);
    if share.state == ShareState::Draft && !drift.breaks.is_empty() {
        drift = Drift::default();
    }
    drift
}
