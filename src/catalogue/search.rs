//! Search: what of an account's catalogue fits some words and what narrows them, page by page.

use model::{
    catalogue::{AudienceQuery, Elsewhere, Facet, Facets, Freshness, IdentifierKind, Place, SharedTo, SizeBand},
    id::EndpointId,
    view::{Actor, AudiencePage, AudienceSummary},
};

use super::{
    audience::AudienceRow,
    index::{Counts, Source},
    words::Marker,
};
use crate::{
    hub::{Hub, Result},
    registry::ConnectedEndpoint,
};

/// Places beside name, description and endpoint that are shown for a hit.
const MOST_ELSEWHERE: usize = 3;

impl Hub {
    /// The audiences that have all the words.
    pub async fn audiences(&self, actor: &Actor, query: &AudienceQuery) -> Result<AudiencePage> {
        let account_id = &actor.account_id;
        let index = self.account_index(account_id).await?;
        let sources: Vec<Source> = self.connected_endpoints(account_id).await?.into_iter().map(source).collect();
        let (now_ms, asked) = (self.now_ms(), query.clone());
        let (found, sources) = index
            .read(move |index| {
                let found = index.search(&asked, &sources, now_ms);
                (found, sources)
            })
            .await?;
        let rows = self.audience_rows(account_id, &found.ids).await?;
        let read_at = self.sources_read(account_id).await?;
        let marker = Marker::new(found.words, found.near);
        let mut items = Vec::with_capacity(rows.len());
        for row in rows {
            let application = sources.iter().find(|source| source.id == row.summary.endpoint_id);
            let mut item = marked(&marker, row, application.map_or("", |source| source.application.as_str()));
            read_at.note_seen(&mut item);
            items.push(item);
        }
        self.add_shared_to(account_id, &mut items).await?;
        Ok(AudiencePage {
            items,
            total: found.total,
            page: found.page,
            pages: found.pages,
            facets: facets(query, found.counts, &sources),
            corrections: found.corrections,
            nothing: found.nothing,
            stale: read_at.stale(&sources),
            producers: u32::try_from(sources.iter().filter(|source| source.is_producer).count()).unwrap_or(u32::MAX),
        })
    }

    /// The first audiences of an endpoint, by name.
    pub(crate) async fn audiences_of_endpoint(&self, actor: &Actor, id: &EndpointId) -> Result<Vec<AudienceSummary>> {
        let query = AudienceQuery { endpoints: vec![id.clone()], page: 1, ..AudienceQuery::default() };
        Ok(self.audiences(actor, &query).await?.items)
    }
}

fn source(endpoint: ConnectedEndpoint) -> Source {
    Source {
        is_producer: endpoint.description.producer.is_some(),
        id: endpoint.id,
        name: endpoint.name,
        application: endpoint.application,
    }
}

/// The hit with the words marked; each that stands in no place that a list shows, in the first other place that has it.
fn marked(marker: &Marker, row: AudienceRow, application: &str) -> AudienceSummary {
    let AudienceRow { mut summary, fields, label, .. } = row;
    let mut found = vec![false; marker.words()];
    summary.marks.name = marker.mark(&summary.name, &mut found);
    summary.marks.description = marker.mark(summary.description.as_deref().unwrap_or_default(), &mut found);
    summary.marks.endpoint = marker.mark(&summary.endpoint_name, &mut found);
    let tags = summary.tags.iter().map(|tag| (Place::Tag, tag.clone()));
    let fields = fields.iter().flat_map(|field| {
        let label = field.label.as_ref().filter(|label| **label != field.name);
        [Some(field.name.clone()), label.cloned()].into_iter().flatten().map(|text| (Place::Field, text))
    });
    let labels = label.iter().flat_map(super::label_texts).map(|text| (Place::Label, text));
    let application = std::iter::once((Place::Application, application.to_owned()));
    for (place, text) in tags.chain(fields).chain(application).chain(labels) {
        if found.iter().all(|found| *found) || summary.marks.elsewhere.len() == MOST_ELSEWHERE {
            break;
        }
        let mut found_here = vec![false; marker.words()];
        let marks = marker.mark(&text, &mut found_here);
        let is_new = found.iter().zip(&found_here).any(|(before, here)| !before && *here);
        if is_new {
            summary.marks.elsewhere.push(Elsewhere { place, text, marks });
            found.iter_mut().zip(found_here).for_each(|(found, here)| *found |= here);
        }
    }
    summary
}

fn facets(query: &AudienceQuery, counts: Counts, sources: &[Source]) -> Facets {
    let endpoint = |hits: Option<&u64>, source: &Source, is_chosen: bool| {
        let hits = hits.copied().unwrap_or(0);
        (hits > 0 || is_chosen).then(|| (source.id.clone(), source.name.clone(), hits))
    };
    let endpoints = sources.iter().filter_map(|source| {
        let (value, label, hits) =
            endpoint(counts.endpoints.get(&source.id), source, query.endpoints.contains(&source.id))?;
        Some(Facet { value, label, hits })
    });
    let identifiers = counts.identifiers.iter().filter(|(kind, hits)| *hits > 0 || query.identifiers.contains(kind));
    let sizes = counts.sizes.iter().filter(|(band, hits)| *hits > 0 || query.sizes.contains(band));
    let freshness = counts.freshness.iter().filter(|(fresh, hits)| *hits > 0 || query.freshness.contains(fresh));
    let mut tags: Vec<Facet<String>> =
        counts.tags.iter().map(|(tag, hits)| Facet { value: tag.clone(), label: tag.clone(), hits: *hits }).collect();
    for tag in &query.tags {
        if !tags.iter().any(|known| super::words::folded(&known.value) == super::words::folded(tag)) {
            tags.push(Facet { value: tag.clone(), label: tag.clone(), hits: 0 });
        }
    }
    let destinations = sources.iter().filter_map(|source| {
        let value = SharedTo::Destination(source.id.clone());
        let (_, label, hits) = endpoint(counts.shared_to.get(&source.id), source, query.shared_to.contains(&value))?;
        Some(Facet { value, label, hits })
    });
    let destinations: Vec<Facet<SharedTo>> = destinations.collect();
    let nowhere = Facet { value: SharedTo::Nowhere, label: "Not shared yet".to_owned(), hits: counts.nowhere };
    let shared_to = if destinations.is_empty() && !query.shared_to.contains(&SharedTo::Nowhere) {
        // Where nothing is shared there is nothing to tell apart.
        Vec::new()
    } else {
        std::iter::once(nowhere).chain(destinations).collect()
    };
    Facets {
        endpoints: endpoints.collect(),
        identifiers: identifiers.map(|(kind, hits)| facet(*kind, IdentifierKind::label(*kind), *hits)).collect(),
        sizes: sizes.map(|(band, hits)| facet(*band, SizeBand::label(*band), *hits)).collect(),
        freshness: freshness.map(|(fresh, hits)| facet(*fresh, Freshness::label(*fresh), *hits)).collect(),
        tags,
        shared_to,
        vanished: counts.other_state,
    }
}

fn facet<T>(value: T, label: &str, hits: u64) -> Facet<T> {
    Facet { value, label: label.to_owned(), hits }
}
