//! Catalogue: the audiences that producers offer, kept fresh, searchable, with a few sealed sample rows each.
//!
//! `refresh` asks producers through `outbound` and `declared` is told by those that call; both hand what they learn to `noting`, the one place
//! that writes audiences and what changed in them. `index` and `words` find them, `indexes` keeps each account's index as the database is,
//! `search` and `audience` make what the pages show, `sample` takes a look at the rows. It knows no share beyond where each audience goes,
//! which the sharing room tells it.

mod audience;
mod declared;
mod index;
mod indexes;
mod noting;
mod refresh;
mod sample;
mod search;
mod shown;
mod words;

pub(crate) use audience::AudienceRow;
pub(crate) use indexes::Indexes;
pub(crate) use sample::SEALED;

/// What is written on an audience's label.
fn label_texts(label: &model::contract::SegmentLabel) -> Vec<String> {
    let texts = [&label.provenance, &label.refresh_cadence, &label.consent_basis, &label.owner];
    texts.into_iter().flatten().cloned().collect()
}
