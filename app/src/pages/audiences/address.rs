//! The catalogue's address: the whole of a search stands in it, so that it can be kept, sent and gone back to.

use leptos_router::params::ParamsMap;
use model::catalogue::{AudienceQuery, AudienceSort, Freshness, IdentifierKind, SharedTo, SizeBand};

use crate::components::search_box::escaped;

const PATH: &str = "/audiences";

/// What an address asks for. Words that no version knows are passed over.
pub(super) fn asked(query: &ParamsMap) -> AudienceQuery {
    fn all<T>(query: &ParamsMap, name: &str, parse: impl Fn(&str) -> Option<T>) -> Vec<T> {
        query.get_all(name).unwrap_or_default().iter().filter_map(|word| parse(word)).collect()
    }
    AudienceQuery {
        text: query.get("q").unwrap_or_default(),
        endpoints: all(query, "endpoint", |id| id.parse().ok()),
        identifiers: all(query, "has", IdentifierKind::parse),
        sizes: all(query, "size", SizeBand::parse),
        freshness: all(query, "fresh", Freshness::parse),
        tags: all(query, "tag", |tag| (!tag.is_empty()).then(|| tag.to_owned())),
        shared_to: all(query, "to", SharedTo::parse),
        vanished: query.get("gone").is_some_and(|word| word == "1"),
        sort: query.get("sort").and_then(|word| AudienceSort::parse(&word)).unwrap_or_default(),
        page: query.get("page").and_then(|page| page.parse().ok()).unwrap_or(1),
    }
}

/// The parameters of a search, but for its words and its page.
pub(super) fn parameters(query: &AudienceQuery) -> Vec<(&'static str, String)> {
    let mut parameters: Vec<(&'static str, String)> = Vec::new();
    parameters.extend(query.endpoints.iter().map(|id| ("endpoint", id.to_string())));
    parameters.extend(query.identifiers.iter().map(|kind| ("has", kind.as_str().to_owned())));
    parameters.extend(query.sizes.iter().map(|band| ("size", band.as_str().to_owned())));
    parameters.extend(query.freshness.iter().map(|fresh| ("fresh", fresh.as_str().to_owned())));
    parameters.extend(query.tags.iter().map(|tag| ("tag", tag.clone())));
    parameters.extend(query.shared_to.iter().map(|to| ("to", to.as_str().to_owned())));
    if query.vanished {
        parameters.push(("gone", "1".to_owned()));
    }
    if query.sort != AudienceSort::default() {
        parameters.push(("sort", query.sort.as_str().to_owned()));
    }
    parameters
}

/// The address of a search.
pub(super) fn address(query: &AudienceQuery) -> String {
    let mut parameters = parameters(query);
    if !query.text.is_empty() {
        parameters.insert(0, ("q", query.text.clone()));
    }
    if query.page > 1 {
        parameters.push(("page", query.page.to_string()));
    }
    let mut address = PATH.to_owned();
    for (number, (name, value)) in parameters.iter().enumerate() {
        let sign = if number == 0 { '?' } else { '&' };
        address.push_str(&format!("{sign}{name}={}", escaped(value)));
    }
    address
}

/// The address of the same search on its first page, changed.
pub(super) fn changed(query: &AudienceQuery, change: impl FnOnce(&mut AudienceQuery)) -> String {
    let mut query = AudienceQuery { page: 1, ..query.clone() };
    change(&mut query);
    address(&query)
}

/// Puts a value in that is not there, or takes it out.
pub(super) fn toggle<T: PartialEq>(values: &mut Vec<T>, value: T) {
    match values.iter().position(|known| *known == value) {
        Some(place) => drop(values.remove(place)),
        None => values.push(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_asks_for_what_it_was_made_of() {
        let query = AudienceQuery {
            text: "José & co".to_owned(),
            endpoints: vec!["ep_1".parse().expect("an id"), "ep_2".parse().expect("an id")],
            identifiers: vec![IdentifierKind::Email],
            sizes: vec![SizeBand::Empty, SizeBand::Millions],
            freshness: vec![Freshness::Week],
            tags: vec!["opt-in".to_owned(), "a=b&c".to_owned()],
            shared_to: vec![SharedTo::Nowhere],
            vanished: true,
            sort: AudienceSort::Largest,
            page: 3,
        };
        let mut map = ParamsMap::new();
        let address = address(&query);
        let (path, parameters) = address.split_once('?').expect("has parameters");
        assert_eq!(path, "/audiences");
        for (name, value) in parameters.split('&').filter_map(|pair| pair.split_once('=')) {
            // The map unescapes what it is given.
            map.insert(name.to_owned(), value.to_owned());
        }
        assert_eq!(asked(&map), query);
        assert_eq!(super::address(&AudienceQuery { page: 1, ..AudienceQuery::default() }), "/audiences");
    }
}
