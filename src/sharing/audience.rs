//! The audience of a share: which audiences a destination can take, beginning with the destination, and choosing another audience for a draft.

use model::{
    error::HubError,
    id::{AudienceId, EndpointId, ShareId},
    mapping::BothFields,
    view::{Actor, AudienceChoice, AudienceChoices, AudienceQuery, MappingCause, Role, ShareState, ShareView},
};

use super::{destination::obstacle, versions::Change};
use crate::{
    hub::{Hub, Result, internal},
    registry::require,
};

impl Hub {
    /// The audiences that have all the words; those that the destination, when it is known, can't take say why.
    pub async fn audience_choices(
        &self,
        actor: &Actor,
        destination: Option<&EndpointId>,
        text: &str,
        page: u32,
    ) -> Result<AudienceChoices> {
        let endpoint = match destination {
            Some(id) => Some(self.connected_endpoint(&actor.account_id, id).await?),
            None => None,
        };
        let query = AudienceQuery { text: text.to_owned(), page, ..AudienceQuery::default() };
        let found = self.audiences(actor, &query).await?;
        let mut items = Vec::new();
        for audience in found.items {
            let obstacle = match &endpoint {
                Some(endpoint) => obstacle(endpoint, &self.audience_row(&actor.account_id, &audience.id).await?.fields),
                None => None,
            };
            items.push(AudienceChoice { obstacle, audience });
        }
        Ok(AudienceChoices { items, total: found.total, page: found.page, pages: found.pages })
    }

    /// Begins a share of an audience to an endpoint, as a draft; the segment there is still to be chosen.
    pub async fn start_share_to(
        &self,
        actor: &Actor,
        audience_id: &AudienceId,
        destination: &EndpointId,
    ) -> Result<ShareId> {
        require(actor, Role::Member)?;
        let endpoint = self.connected_endpoint(&actor.account_id, destination).await?;
        let audience = self.audience_row(&actor.account_id, audience_id).await?;
        if audience.withdrawn {
            let message = format!("{} no longer offers this audience.", audience.summary.endpoint_name);
            return Err(HubError::Conflict { message });
        }
        if let Some(obstacle) = obstacle(&endpoint, &audience.fields) {
            return Err(HubError::invalid("audience_id", obstacle));
        }
        self.insert_draft(actor, audience_id, Some(destination)).await
    }

    /// Chooses another audience for a draft. Of the mapping stays what the new audience has the fields for.
    pub async fn change_audience(&self, actor: &Actor, id: &ShareId, audience_id: &AudienceId) -> Result<ShareView> {
        require(actor, Role::Member)?;
        let share = self.share(actor, id).await?;
        if share.state != ShareState::Draft {
            let message = "This share has run, and goes on with its audience. Share again like this, and choose another audience there.";
            return Err(HubError::Conflict { message: message.to_owned() });
        }
        let audience = self.audience_row(&actor.account_id, audience_id).await?;
        if audience.withdrawn {
            let message = format!("{} no longer offers this audience.", audience.summary.endpoint_name);
            return Err(HubError::Conflict { message });
        }
        if let Some(endpoint_id) = &share.destination_endpoint {
            let endpoint = self.connected_endpoint(&actor.account_id, endpoint_id).await?;
            if let Some(obstacle) = obstacle(&endpoint, &audience.fields) {
                return Err(HubError::invalid("audience_id", obstacle));
            }
        }
        sqlx::query("update share set audience_id = $1, changed_by = $2, updated_at = $3 where id = $4 and account_id = $5 and state = 'draft'")
            .bind(audience_id.as_str())
            .bind(actor.user_name.as_str())
            .bind(self.now_ms())
            .bind(id.as_str())
            .bind(actor.account_id.as_str())
            .execute(self.database().writer())
            .await
            .map_err(internal)?;
        let mut kept = share.mapping.clone();
        kept.links
            .retain(|link| link.source.fields().all(|name| audience.fields.iter().any(|field| field.name == name)));
        if kept != share.mapping {
            let fields = BothFields { source: audience.fields, destination: share.both_fields().destination };
            self.put_mapping(actor, id, &kept, &fields, Change::of(MappingCause::Audience)).await?;
        }
        self.share(actor, id).await
    }
}
