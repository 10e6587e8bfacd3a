//! The destination of a share: which endpoints can take the audience, which segments they have, and choosing one.

use std::time::Instant;

use model::{
    contract::{DeliveryOptions, Movement},
    error::{FieldProblem, HubError},
    field::{Field, FieldKind},
    id::{EndpointId, ShareId},
    mapping::why_not,
    run::Mode,
    view::{
        Actor, ChooseDestination, DestinationChoice, DestinationSegment, EndpointHealth, ExistingSegment, MappingCause,
        Role, ShareView,
    },
};

use sqlx::{Row, any::AnyRow};

use super::versions::{Change, json, note_version};
use crate::{
    hub::{Hub, Result, internal},
    outbound::Side,
    registry::{ConnectedEndpoint, disconnected, require},
    store::StoreError,
};

const LONGEST_NAME: usize = 200;
/// How often a choice is saved anew when the mapping was changed in between.
const SAVES_TRIED: u32 = 5;

impl Hub {
    /// The account's endpoints; those that can't take the share's audience say why, and come last.
    pub async fn destinations(&self, actor: &Actor, id: &ShareId) -> Result<Vec<DestinationChoice>> {
        let share = self.share_row(actor, id).await?;
        let audience = self.audience_row(&actor.account_id, &share.audience_id).await?;
        let endpoints = self.connected_endpoints(&actor.account_id).await?;
        let nothing = || DeliveryOptions {
            modes: Vec::new(),
            new_segment: false,
            existing_segment: false,
            rows_per_part: None,
            rows_per_second: None,
            member_lifetime_days: None,
        };
        let mut choices: Vec<DestinationChoice> = endpoints
            .into_iter()
            .map(|endpoint| DestinationChoice {
                obstacle: obstacle(&endpoint, &audience.fields),
                trouble: (endpoint.health == EndpointHealth::Failing)
                    .then(|| "Its last call failed. A run waits for it, and fails if it stays so.".to_owned()),
                id: endpoint.id,
                name: endpoint.name,
                application: endpoint.application,
                delivery: endpoint.description.consumer.map_or_else(nothing, |consumer| consumer.delivery),
            })
            .collect();
        choices.sort_by_key(|choice| choice.obstacle.is_some());
        Ok(choices)
    }

    /// The segments that a destination has already, by name; asked of it now.
    pub async fn existing_segments(&self, actor: &Actor, id: &EndpointId) -> Result<Vec<ExistingSegment>> {
        let endpoint = self.connected_endpoint(&actor.account_id, id).await?;
        let lists = endpoint.description.consumer.as_ref().is_some_and(|consumer| consumer.delivery.existing_segment);
        if !lists {
            return Ok(Vec::new());
        }
        if endpoint.description.consumer.as_ref().is_some_and(|consumer| consumer.movement == Movement::Pull) {
            return self.segments_made(actor, id).await;
        }
        let client = self.endpoint_client(&actor.account_id, id).await?;
        let begun = Instant::now();
        let answer = client.segments(Side::Consumer).await;
        self.note_call(id, answer.as_ref().map(|_| begun.elapsed()).map_err(Clone::clone)).await;
        let segments = answer.map_err(|error| HubError::Endpoint {
            message: format!(
                "{} could not be asked for its segments: {error}. Try again, or name a new segment.",
                endpoint.name
            ),
        })?;
        let mut segments: Vec<ExistingSegment> = segments
            .into_iter()
            .filter(|segment| !segment.id.is_empty() && !segment.id.chars().any(char::is_control))
            .map(|segment| {
                let name = segment.name.chars().filter(|letter| !letter.is_control()).take(LONGEST_NAME).collect();
                ExistingSegment { id: segment.id, name, size: segment.size }
            })
            .collect();
        segments.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(segments)
    }

    /// The segments that shares have made at a destination that can't be asked for its own.
    async fn segments_made(&self, actor: &Actor, id: &EndpointId) -> Result<Vec<ExistingSegment>> {
        let sql = "select segment_id, max(segment_name) as name from share
            where account_id = $1 and destination_endpoint_id = $2 and segment_id is not null group by segment_id order by 2";
        let rows = sqlx::query(sql)
            .bind(actor.account_id.as_str())
            .bind(id.as_str())
            .fetch_all(self.database().reader())
            .await
            .map_err(internal)?;
        let segment = |row: &AnyRow| {
            Ok(ExistingSegment { id: row.try_get("segment_id")?, name: row.try_get("name")?, size: None })
        };
        rows.iter().map(|row| segment(row).map_err(|error: sqlx::Error| internal(error))).collect()
    }

    /// Chooses where a share goes and how it changes the segment there.
    pub async fn choose_destination(
        &self,
        actor: &Actor,
        id: &ShareId,
        choice: ChooseDestination,
    ) -> Result<ShareView> {
        self.choose_destination_over(actor, id, choice, None).await
    }

    /// The same, unless somebody has chosen otherwise since it was the version `seen`.
    pub async fn choose_destination_over(
        &self,
        actor: &Actor,
        id: &ShareId,
        choice: ChooseDestination,
        seen: Option<u32>,
    ) -> Result<ShareView> {
        require(actor, Role::Member)?;
        let share = self.share_row(actor, id).await?;
        let audience = self.audience_row(&actor.account_id, &share.audience_id).await?;
        let endpoint_id: EndpointId =
            choice.endpoint_id.parse().map_err(|_| HubError::invalid("endpoint_id", "Choose a destination."))?;
        let endpoint = self.connected_endpoint(&actor.account_id, &endpoint_id).await?;
        let mut problems = Vec::new();
        if let Some(obstacle) = obstacle(&endpoint, &audience.fields) {
            problems.push(FieldProblem::new("endpoint_id", obstacle));
        }
        let Some(consumer) = &endpoint.description.consumer else {
            return Err(HubError::invalid("endpoint_id", format!("{} does not take audiences.", endpoint.name)));
        };
        if !choice.mode.is_possible(&consumer.delivery.modes) {
            problems.push(FieldProblem::new("mode", format!("{} does not offer this. Choose another.", endpoint.name)));
        }
        let segment = match choice.segment {
            DestinationSegment::New { name } => {
                let name = name.trim().to_owned();
                if !consumer.delivery.new_segment {
                    problems.push(FieldProblem::new(
                        "segment",
                        format!("{} takes no new segments. Choose one that it has.", endpoint.name),
                    ));
                } else if name.is_empty() {
                    problems.push(FieldProblem::new("segment_name", "Name the new segment."));
                } else if name.chars().count() > LONGEST_NAME || name.chars().any(char::is_control) {
                    problems.push(FieldProblem::new(
                        "segment_name",
                        format!("Use at most {LONGEST_NAME} ordinary characters."),
                    ));
                }
                if choice.mode == Mode::Remove {
                    problems.push(FieldProblem::new(
                        "mode",
                        "A new segment has nobody to remove. Choose an existing segment, or add to it.",
                    ));
                }
                DestinationSegment::New { name }
            }
            DestinationSegment::Existing { id, .. } => {
                if !consumer.delivery.existing_segment {
                    problems.push(FieldProblem::new(
                        "segment",
                        format!("{} takes only new segments. Name one.", endpoint.name),
                    ));
                }
                // The name is the destination's own, whatever the form said.
                match self.existing_segments(actor, &endpoint.id).await?.into_iter().find(|segment| segment.id == id) {
                    Some(segment) => DestinationSegment::Existing { id: segment.id, name: segment.name },
                    None => {
                        problems.push(FieldProblem::new(
                            "segment_id",
                            format!("{} has no such segment. Choose one from the list.", endpoint.name),
                        ));
                        DestinationSegment::Existing { id, name: String::new() }
                    }
                }
            }
        };
        if !problems.is_empty() {
            return Err(HubError::Invalid { problems });
        }
        let (segment_id, segment_name) = match &segment {
            DestinationSegment::New { name } => (None, name.as_str()),
            DestinationSegment::Existing { id, name } => (Some(id.as_str()), name.as_str()),
        };
        // The destination may have taken a while to answer: the mapping is what it is now, and stays if it is changed meanwhile.
        for _ in 0..SAVES_TRIED {
            let share = self.share_row(actor, id).await?;
            // Links to fields that the new destination does not have would only be in the way.
            let mut kept = share.mapping.clone();
            kept.links.retain(|link| consumer.fields.iter().any(|field| field.name == link.target));
            let version = share.mapping_version + u32::from(kept != share.mapping);
            let is_same = share.segment.as_ref() == Some(&segment)
                && share.destination_endpoint_id.as_ref() == Some(&endpoint.id)
                && share.mode == Some(choice.mode);
            if seen.is_some_and(|seen| seen != share.destination_version) && !is_same {
                let now = match (&share.destination_endpoint_id, &share.segment) {
                    (Some(endpoint_id), Some(segment)) => {
                        let chosen = self.connected_endpoint(&actor.account_id, endpoint_id).await?;
                        format!("It now goes to “{}” of {}.", segment.name(), chosen.name)
                    }
                    _ => String::new(),
                };
                return Err(share.outdated(actor, "Destination", &now));
            }
            let chosen = async {
                let (now, text) = (self.now_ms(), json(&kept)?);
                let mut transaction = self.database().begin().await?;
                let sql = "update share set destination_endpoint_id = $1, segment_id = $2, segment_name = $3, mode = $4, mapping = $5,
                        mapping_version = $6, updated_at = $7, changed_by = $8, destination_version = destination_version + 1
                    where id = $9 and account_id = $10 and mapping_version = $11 and destination_version = $12";
                let done = sqlx::query(sql)
                    .bind(endpoint.id.as_str())
                    .bind(segment_id)
                    .bind(segment_name)
                    .bind(choice.mode.as_str())
                    .bind(text.as_str())
                    .bind(i64::from(version))
                    .bind(now)
                    .bind(actor.user_name.as_str())
                    .bind(id.as_str())
                    .bind(actor.account_id.as_str())
                    .bind(i64::from(share.mapping_version))
                    .bind(i64::from(share.destination_version))
                    .execute(&mut *transaction)
                    .await?;
                if done.rows_affected() == 0 {
                    return Ok(false);
                }
                if version != share.mapping_version {
                    let change = Change { note: Some(&endpoint.name), ..Change::of(MappingCause::Destination) };
                    note_version(&mut transaction, now, actor, id, i64::from(version), &text, change).await?;
                }
                transaction.commit().await?;
                Ok::<_, StoreError>(true)
            };
            if chosen.await.map_err(internal)? {
                self.follow_share(&actor.account_id, id).await?;
                return self.share(actor, id).await;
            }
        }
        let message = "The mapping is being changed at the same time. Try again in a moment.".to_owned();
        Err(HubError::Conflict { message })
    }
}

/// Why an endpoint can't take an audience with these fields.
pub(super) fn obstacle(endpoint: &ConnectedEndpoint, source: &[Field]) -> Option<String> {
    let name = &endpoint.name;
    if endpoint.is_disconnected {
        return Some(disconnected(name));
    }
    let Some(consumer) = &endpoint.description.consumer else {
        return Some(if endpoint.description.producer.is_some() {
            format!("{name} only offers audiences; it takes none.")
        } else {
            format!("{name} has not said yet what it takes. It does when it first calls Usher.")
        });
    };
    if !Mode::ALL.into_iter().any(|mode| mode.is_possible(&consumer.delivery.modes)) {
        return Some(format!("{name} offers no way to change its segments."));
    }
    if !consumer.delivery.new_segment && !consumer.delivery.existing_segment {
        return Some(format!("{name} lets no segment be chosen, neither a new one nor one that it has."));
    }
    let linkable = |target: &Field| source.iter().any(|field| why_not(field, target).is_none());
    let identifiers: Vec<&Field> = consumer.fields.iter().filter(|field| field.kind == FieldKind::Identifier).collect();
    if !identifiers.is_empty() && !identifiers.iter().any(|field| linkable(field)) {
        let names: Vec<&str> = identifiers.iter().map(|field| field.display_name()).collect();
        return Some(format!(
            "The audience has none of the identifiers by which {} knows people: {}.",
            endpoint.name,
            names.join(", ")
        ));
    }
    // A required attribute can be a constant; who somebody is can't.
    let impossible = identifiers.iter().find(|field| field.required && !linkable(field));
    impossible.map(|field| {
        format!("{name} requires “{}”, and the audience has nothing that could feed it.", field.display_name())
    })
}
