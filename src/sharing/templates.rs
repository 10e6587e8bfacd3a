//! Templates: mappings kept by name, to be used again between the same two applications.

use model::{
    error::HubError,
    field::Field,
    id::{EndpointId, ShareId, TemplateId},
    mapping::{BothFields, Link, Mapping, Severity, check},
    view::{Actor, MappingCause, MappingTemplate, Misfit, Role, ShareView, TemplateFit},
};
use sqlx::{AssertSqlSafe, Row, any::AnyRow};

use super::versions::{Change, json};
use crate::{
    hub::{Hub, Result, internal},
    registry::{ConnectedEndpoint, parsed_id, require, undecodable},
    store::{StoreError, clock::rfc3339, new_id},
};

const LONGEST_NAME: usize = 100;
/// Templates of an account that are listed.
const MOST_LISTED: u32 = 500;

const COLUMNS: &str = "id, name, source_application_id, source_application, destination_application_id, destination_application, mapping, fields,
    changed_by, updated_at";

/// A template as it is kept.
struct TemplateRow {
    view: MappingTemplate,
    mapping: Mapping,
    /// Those that it was made with, so that what does not fit can be called by its name.
    fields: BothFields,
}

/// Which two applications a share is between.
struct Pair {
    source: ConnectedEndpoint,
    destination: ConnectedEndpoint,
}

impl Hub {
    /// The account's templates, by name.
    pub async fn templates(&self, actor: &Actor) -> Result<Vec<MappingTemplate>> {
        let sql = AssertSqlSafe(format!(
            "select {COLUMNS} from mapping_template where account_id = $1
             order by name, source_application, destination_application, id limit {MOST_LISTED}"
        ));
        let rows = sqlx::query(sql)
            .bind(actor.account_id.as_str())
            .fetch_all(self.database().reader())
            .await
            .map_err(internal)?;
        rows.iter().map(|row| template_row(row).map(|template| template.view).map_err(internal)).collect()
    }

    /// The templates for the two applications of a share, each with what of it fits the share's fields and what does not.
    pub async fn templates_for(&self, actor: &Actor, id: &ShareId) -> Result<Vec<TemplateFit>> {
        let share = self.share(actor, id).await?;
        let Some(pair) = self.pair(actor, &share).await? else { return Ok(Vec::new()) };
        let sql = AssertSqlSafe(format!(
            "select {COLUMNS} from mapping_template
             where account_id = $1 and source_application_id = $2 and destination_application_id = $3 order by name limit {MOST_LISTED}"
        ));
        let rows = sqlx::query(sql)
            .bind(actor.account_id.as_str())
            .bind(pair.source.application_id.as_str())
            .bind(pair.destination.application_id.as_str())
            .fetch_all(self.database().reader())
            .await
            .map_err(internal)?;
        let fields = share.both_fields();
        let fit = |row: &AnyRow| {
            let template = template_row(row)?;
            let (fitting, misfits) = fitting(&template, &fields);
            let kept = fitting.iter().filter(|link| share.mapping.link(&link.target).is_some()).count();
            Ok(TemplateFit {
                template: template.view,
                fitting: fitting.iter().map(|link| display_name(&fields.destination, &link.target)).collect(),
                mapped_already: u32::try_from(kept).unwrap_or(u32::MAX),
                misfits,
            })
        };
        rows.iter().map(|row| fit(row).map_err(|error: StoreError| internal(error))).collect()
    }

    /// Keeps the share's mapping as a template; one of that name for the same two applications is replaced.
    pub async fn save_template(&self, actor: &Actor, id: &ShareId, name: &str) -> Result<TemplateId> {
        require(actor, Role::Member)?;
        let name = checked_name(name)?;
        let share = self.share(actor, id).await?;
        if share.mapping.links.is_empty() {
            let message = "Nothing is mapped yet, so there is nothing to keep. Map fields first.".to_owned();
            return Err(HubError::Conflict { message });
        }
        let pair = self
            .pair(actor, &share)
            .await?
            .ok_or_else(|| HubError::Conflict { message: "Choose a destination first.".to_owned() })?;
        let new: TemplateId = new_id(TemplateId::PREFIX);
        let sql = "insert into mapping_template (id, account_id, name, source_application_id, source_application, destination_application_id,
                destination_application, mapping, fields, changed_by, updated_at)
            values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
            on conflict (account_id, source_application_id, destination_application_id, name) do update set mapping = excluded.mapping,
                fields = excluded.fields, changed_by = excluded.changed_by, updated_at = excluded.updated_at
            returning id";
        let row = sqlx::query(sql)
            .bind(new.as_str())
            .bind(actor.account_id.as_str())
            .bind(name)
            .bind(pair.source.application_id.as_str())
            .bind(pair.source.application.as_str())
            .bind(pair.destination.application_id.as_str())
            .bind(pair.destination.application.as_str())
            .bind(json(&share.mapping).map_err(internal)?)
            .bind(json(&share.both_fields()).map_err(internal)?)
            .bind(actor.user_name.as_str())
            .bind(self.now_ms())
            .fetch_one(self.database().writer())
            .await
            .map_err(internal)?;
        parsed_id(&row, "id").map_err(internal)
    }

    /// Maps a share as a template says, as far as it fits. What is mapped already stays, unless `replace` says otherwise.
    pub async fn apply_template(
        &self,
        actor: &Actor,
        id: &ShareId,
        template_id: &TemplateId,
        replace: bool,
    ) -> Result<ShareView> {
        require(actor, Role::Member)?;
        let share = self.share(actor, id).await?;
        let Some(destination) = &share.destination else {
            return Err(HubError::Conflict { message: "Choose a destination first.".to_owned() });
        };
        let template = self.template_row(actor, template_id).await?;
        let fields = share.both_fields();
        let (fitting, _) = fitting(&template, &fields);
        let mut mapping = share.mapping.clone();
        for link in fitting {
            match mapping.links.iter_mut().find(|had| had.target == link.target) {
                Some(had) if replace => *had = link,
                Some(_) => {}
                None => mapping.links.push(link),
            }
        }
        let order = |link: &Link| destination.fields.iter().position(|field| field.name == link.target);
        mapping.links.sort_by_key(order);
        let change = Change {
            cause: MappingCause::Template,
            note: Some(&template.view.name),
            seen: Some(share.mapping_version),
        };
        self.put_mapping(actor, id, &mapping, &fields, change).await?;
        self.share(actor, id).await
    }

    /// Gives a template another name.
    pub async fn rename_template(&self, actor: &Actor, id: &TemplateId, name: &str) -> Result<()> {
        require(actor, Role::Member)?;
        let name = checked_name(name)?;
        let sql =
            "update mapping_template set name = $1, changed_by = $2, updated_at = $3 where id = $4 and account_id = $5";
        let done = sqlx::query(sql)
            .bind(name)
            .bind(actor.user_name.as_str())
            .bind(self.now_ms())
            .bind(id.as_str())
            .bind(actor.account_id.as_str())
            .execute(self.database().writer())
            .await;
        match done.map_err(StoreError::from) {
            Ok(done) if done.rows_affected() == 1 => Ok(()),
            Ok(_) => Err(HubError::not_found("template")),
            Err(StoreError::Duplicate) => Err(HubError::invalid(
                "name",
                "Another template for these two applications has this name. Choose another name.",
            )),
            Err(error) => Err(internal(error)),
        }
    }

    /// Throws a template away. Shares that were mapped with it stay as they are.
    pub async fn delete_template(&self, actor: &Actor, id: &TemplateId) -> Result<()> {
        require(actor, Role::Member)?;
        let done = sqlx::query("delete from mapping_template where id = $1 and account_id = $2")
            .bind(id.as_str())
            .bind(actor.account_id.as_str())
            .execute(self.database().writer())
            .await
            .map_err(internal)?;
        if done.rows_affected() == 1 { Ok(()) } else { Err(HubError::not_found("template")) }
    }

    /// How many templates there are for the applications of two endpoints.
    pub(super) async fn template_count(
        &self,
        actor: &Actor,
        source: &EndpointId,
        destination: &ConnectedEndpoint,
    ) -> Result<u32> {
        let source = self.connected_endpoint(&actor.account_id, source).await?;
        let sql = "select count(*) as many from mapping_template
            where account_id = $1 and source_application_id = $2 and destination_application_id = $3";
        let row = sqlx::query(sql)
            .bind(actor.account_id.as_str())
            .bind(source.application_id.as_str())
            .bind(destination.application_id.as_str())
            .fetch_one(self.database().reader())
            .await
            .map_err(internal)?;
        Ok(u32::try_from(row.try_get::<i64, _>("many").map_err(internal)?).unwrap_or(u32::MAX))
    }

    async fn pair(&self, actor: &Actor, share: &ShareView) -> Result<Option<Pair>> {
        let Some(destination) = &share.destination else { return Ok(None) };
        Ok(Some(Pair {
            source: self.connected_endpoint(&actor.account_id, &share.audience.endpoint_id).await?,
            destination: self.connected_endpoint(&actor.account_id, &destination.endpoint_id).await?,
        }))
    }

    async fn template_row(&self, actor: &Actor, id: &TemplateId) -> Result<TemplateRow> {
        let sql = AssertSqlSafe(format!("select {COLUMNS} from mapping_template where account_id = $1 and id = $2"));
        let row = sqlx::query(sql)
            .bind(actor.account_id.as_str())
            .bind(id.as_str())
            .fetch_optional(self.database().reader())
            .await
            .map_err(internal)?;
        let row = row.ok_or_else(|| HubError::not_found("template"))?;
        template_row(&row).map_err(internal)
    }
}

fn checked_name(name: &str) -> Result<&str> {
    let name = name.trim();
    if name.is_empty() {
        Err(HubError::invalid("name", "Name the template, so that it can be found again."))
    } else if name.chars().count() > LONGEST_NAME || name.chars().any(char::is_control) {
        Err(HubError::invalid("name", format!("Use at most {LONGEST_NAME} ordinary characters.")))
    } else {
        Ok(name)
    }
}

/// The links of a template that can stand between these fields without an error; and why the others can't.
fn fitting(template: &TemplateRow, fields: &BothFields) -> (Vec<Link>, Vec<Misfit>) {
    let (mut fitting, mut misfits) = (Vec::new(), Vec::new());
    for link in &template.mapping.links {
        let name = display_name(&template.fields.destination, &link.target);
        let missing_source = link.source.fields().find(|name| !fields.source.iter().any(|field| field.name == *name));
        let reason = if !fields.destination.iter().any(|field| field.name == link.target) {
            Some("The destination has no such field.".to_owned())
        } else if let Some(name) = missing_source {
            Some(format!("The audience has no field “{}”.", display_name(&template.fields.source, name)))
        } else {
            let alone = Mapping { links: vec![link.clone()] };
            let wrong = check(&alone, &fields.source, &fields.destination).into_iter().find(|finding| {
                finding.severity == Severity::Error && finding.target.as_deref() == Some(link.target.as_str())
            });
            wrong.map(|finding| finding.message)
        };
        match reason {
            Some(reason) => misfits.push(Misfit { field: name, reason }),
            None => fitting.push(link.clone()),
        }
    }
    (fitting, misfits)
}

fn display_name(fields: &[Field], name: &str) -> String {
    fields.iter().find(|field| field.name == name).map_or(name, Field::display_name).to_owned()
}

fn template_row(row: &AnyRow) -> std::result::Result<TemplateRow, StoreError> {
    let mapping: Mapping = serde_json::from_str(&row.try_get::<String, _>("mapping")?).map_err(undecodable)?;
    Ok(TemplateRow {
        view: MappingTemplate {
            id: parsed_id(row, "id")?,
            name: row.try_get("name")?,
            source_application: row.try_get("source_application")?,
            destination_application: row.try_get("destination_application")?,
            links: u32::try_from(mapping.links.len()).unwrap_or(u32::MAX),
            changed_by: row.try_get("changed_by")?,
            updated_at: rfc3339(row.try_get("updated_at")?),
        },
        mapping,
        fields: serde_json::from_str(&row.try_get::<String, _>("fields")?).map_err(undecodable)?,
    })
}
