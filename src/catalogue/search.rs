//! Search: audiences of an account by words, endpoint and page; and the one place where an audience's row is read.

use std::collections::HashMap;

use model::{
    error::HubError,
    field::{Field, FieldKind},
    id::{AccountId, AudienceId, EndpointId},
    view::{Actor, AudiencePage, AudienceQuery, AudienceSummary, AudienceView, EndpointFacet},
};
use sqlx::{AssertSqlSafe, Row, any::AnyRow};
use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

use crate::{
    hub::{Hub, Result, internal},
    registry::{parsed_id, undecodable},
    store::{StoreError, clock::rfc3339},
};

const PAGE: u32 = 50;
/// More words than a person types; each costs a comparison for each audience.
const MOST_WORDS: usize = 12;

const COLUMNS: &str = "a.id, a.endpoint_id, a.segment_id, a.name, a.description, a.size, a.size_is_estimate, a.fields, a.tags, a.updated_at,
    a.seen_at, a.withdrawn_at, e.name as endpoint_name";

/// An audience as it is kept.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct AudienceRow {
    pub(crate) summary: AudienceSummary,
    pub(crate) segment_id: String,
    pub(crate) fields: Vec<Field>,
    /// Its producer no longer lists it.
    pub(crate) withdrawn: bool,
}

/// Lower case, without accents, other marks and U+0000 (which PostgreSQL takes as no text): how texts and words are compared.
pub(crate) fn folded(text: &str) -> String {
    text.nfkd().filter(|letter| !is_combining_mark(*letter) && *letter != '\0').flat_map(char::to_lowercase).collect()
}

impl Hub {
    /// The audiences that have all the words, by name.
    pub async fn audiences(&self, actor: &Actor, query: &AudienceQuery) -> Result<AudiencePage> {
        let patterns: Vec<String> = folded(&query.text).split_whitespace().take(MOST_WORDS).map(pattern).collect();
        let facets = self.facets(&actor.account_id, &patterns).await.map_err(internal)?;
        let total: u64 = facets
            .iter()
            .filter(|facet| query.endpoint.as_ref().is_none_or(|id| *id == facet.id))
            .map(|facet| facet.hits)
            .sum();
        let pages = u32::try_from(total.div_ceil(u64::from(PAGE)).max(1)).unwrap_or(u32::MAX);
        let page = query.page.clamp(1, pages);
        let mut sql = format!("select {COLUMNS} {}", from_matching(patterns.len()));
        if query.endpoint.is_some() {
            sql.push_str(&format!(" and a.endpoint_id = ${}", patterns.len() + 2));
        }
        sql.push_str(&format!(" order by a.name, a.id limit {PAGE} offset {}", u64::from(page - 1) * u64::from(PAGE)));
        let mut statement = sqlx::query(AssertSqlSafe(sql)).bind(actor.account_id.as_str());
        for pattern in &patterns {
            statement = statement.bind(pattern.as_str());
        }
        if let Some(endpoint) = &query.endpoint {
            statement = statement.bind(endpoint.as_str());
        }
        let rows = statement.fetch_all(self.database().reader()).await.map_err(internal)?;
        let mut items = Vec::new();
        for row in &rows {
            items.push(audience_row(row).map_err(internal)?.summary);
        }
        self.add_shared_to(&actor.account_id, &mut items).await?;
        Ok(AudiencePage { items, total, page, pages, endpoints: facets })
    }

    async fn facets(
        &self,
        account_id: &AccountId,
        patterns: &[String],
    ) -> std::result::Result<Vec<EndpointFacet>, StoreError> {
        let sql = format!(
            "select e.id, e.name, count(*) as hits {} group by e.id, e.name order by e.name",
            from_matching(patterns.len())
        );
        let mut statement = sqlx::query(AssertSqlSafe(sql)).bind(account_id.as_str());
        for pattern in patterns {
            statement = statement.bind(pattern.as_str());
        }
        let rows = statement.fetch_all(self.database().reader()).await?;
        rows.iter()
            .map(|row| {
                let hits: i64 = row.try_get("hits")?;
                Ok(EndpointFacet {
                    id: parsed_id(row, "id")?,
                    name: row.try_get("name")?,
                    hits: u64::try_from(hits).unwrap_or(0),
                })
            })
            .collect()
    }

    /// One audience.
    pub async fn audience(&self, actor: &Actor, id: &AudienceId) -> Result<AudienceView> {
        let row = self.audience_row(&actor.account_id, id).await?;
        let mut summaries = vec![row.summary];
        self.add_shared_to(&actor.account_id, &mut summaries).await?;
        let shares = self.shares_of_audience(actor, id).await?;
        let summary = summaries.pop().ok_or_else(|| HubError::not_found("audience"))?;
        Ok(AudienceView { summary, fields: row.fields, shares })
    }

    /// One of the account's audiences, as other rooms need it.
    pub(crate) async fn audience_row(&self, account_id: &AccountId, id: &AudienceId) -> Result<AudienceRow> {
        let sql = AssertSqlSafe(format!(
            "select {COLUMNS} from audience a join endpoint e on e.id = a.endpoint_id where a.account_id = $1 and a.id = $2"
        ));
        let row =
            sqlx::query(sql).bind(account_id.as_str()).bind(id.as_str()).fetch_optional(self.database().reader()).await;
        let row = row.map_err(internal)?.ok_or_else(|| HubError::not_found("audience"))?;
        audience_row(&row).map_err(internal)
    }

    /// The first 50 audiences of an endpoint.
    pub(crate) async fn audiences_of_endpoint(&self, actor: &Actor, id: &EndpointId) -> Result<Vec<AudienceSummary>> {
        let query = AudienceQuery { text: String::new(), endpoint: Some(id.clone()), page: 1 };
        Ok(self.audiences(actor, &query).await?.items)
    }

    /// How many audiences each endpoint offers.
    pub(crate) async fn audience_counts(&self, account_id: &AccountId) -> Result<HashMap<EndpointId, u64>> {
        let facets = self.facets(account_id, &[]).await.map_err(internal)?;
        Ok(facets.into_iter().map(|facet| (facet.id, facet.hits)).collect())
    }

    async fn add_shared_to(&self, account_id: &AccountId, items: &mut [AudienceSummary]) -> Result<()> {
        if items.is_empty() {
            return Ok(());
        }
        let mut destinations = self.destinations_by_audience(account_id).await?;
        for item in items {
            item.shared_to = destinations.remove(&item.id).unwrap_or_default();
        }
        Ok(())
    }
}

/// `$1` is the account, the words follow.
fn from_matching(words: usize) -> String {
    let mut sql =
        "from audience a join endpoint e on e.id = a.endpoint_id where a.account_id = $1 and a.withdrawn_at is null"
            .to_owned();
    for word in 0..words {
        sql.push_str(&format!(" and a.search like ${} escape '!'", word + 2));
    }
    sql
}

fn pattern(word: &str) -> String {
    format!("%{}%", word.replace('!', "!!").replace('%', "!%").replace('_', "!_"))
}

fn audience_row(row: &AnyRow) -> std::result::Result<AudienceRow, StoreError> {
    let fields: Vec<Field> = serde_json::from_str(&row.try_get::<String, _>("fields")?).map_err(undecodable)?;
    let identifiers =
        fields.iter().filter(|field| field.kind == FieldKind::Identifier).map(|field| field.display_name().to_owned());
    let size: Option<i64> = row.try_get("size")?;
    let withdrawn: Option<i64> = row.try_get("withdrawn_at")?;
    Ok(AudienceRow {
        summary: AudienceSummary {
            id: parsed_id(row, "id")?,
            name: row.try_get("name")?,
            description: row.try_get("description")?,
            endpoint_id: parsed_id(row, "endpoint_id")?,
            endpoint_name: row.try_get("endpoint_name")?,
            size: size.and_then(|size| u64::try_from(size).ok()),
            size_is_estimate: row.try_get::<i64, _>("size_is_estimate")? != 0,
            identifiers: identifiers.collect(),
            field_count: u32::try_from(fields.len()).unwrap_or(u32::MAX),
            tags: serde_json::from_str(&row.try_get::<String, _>("tags")?).map_err(undecodable)?,
            updated_at: row.try_get("updated_at")?,
            seen_at: rfc3339(row.try_get("seen_at")?),
            shared_to: Vec::new(),
        },
        segment_id: row.try_get("segment_id")?,
        fields,
        withdrawn: withdrawn.is_some(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folding_forgets_case_accents_and_width() {
        assert_eq!(folded("José ÅNGSTRÖM"), "jose angstrom");
        assert_eq!(folded("Ｆｕｌｌ"), "full");
        assert_eq!(pattern("50%_off!"), "%50!%!_off!!%");
    }
}
