//! The index of one account's catalogue, in memory: which words stand in which audience, and what audiences are narrowed by.
//!
//! It holds numbers and folded words; what a page shows of the hits is read from the database. It is only ever added to: a changed audience gets
//! a new number and its old one is struck out, until so many are that it is made anew. It knows no SQL and no other account.

use std::collections::{HashMap, HashSet};

use model::{
    catalogue::{AudienceQuery, AudienceSort, Correction, Freshness, IdentifierKind, NothingFound, SharedTo, SizeBand},
    field::{Field, FieldKind},
    id::{AudienceId, EndpointId},
};

use super::words::{self, Fit, SearchWord};

/// Audiences on a page.
pub(super) const PAGE: u32 = 50;
/// Tags to narrow by that are offered.
const TAGS_OFFERED: usize = 12;
/// Words of a description that it is found by.
const DESCRIPTION_WORDS: usize = 200;

/// An audience as the index takes it.
pub(super) struct Entry<'r> {
    pub(super) id: &'r str,
    pub(super) endpoint_id: &'r EndpointId,
    pub(super) name: &'r str,
    pub(super) description: Option<&'r str>,
    /// The texts of its label.
    pub(super) label: Vec<String>,
    pub(super) tags: Vec<String>,
    /// Its fields as JSON: audiences with the same ones share them.
    pub(super) fields: &'r str,
    pub(super) size: Option<u64>,
    pub(super) updated_at_ms: Option<i64>,
    pub(super) is_vanished: bool,
}

/// An endpoint by its names as they are now; not kept in the index.
pub(super) struct Source {
    pub(super) id: EndpointId,
    pub(super) name: String,
    pub(super) application: String,
    pub(super) is_producer: bool,
}

/// Where a word stands; the better, the greater its scores.
#[derive(Clone, Copy)]
#[repr(u8)]
enum At {
    Name,
    Tag,
    /// In the description or on the label.
    Text,
}

/// What a word is worth in a place, by how it fits (near, inside, begin, whole): the name before all, and what is only near at the very end.
const NAME: [u8; 4] = [12, 60, 80, 100];
const TAG: [u8; 4] = [10, 30, 50, 70];
const ENDPOINT: [u8; 4] = [8, 26, 45, 55];
const FIELD: [u8; 4] = [6, 18, 32, 40];
const TEXT: [u8; 4] = [4, 8, 16, 24];
/// What it is worth when the name as a whole is what was typed, begins with it, or holds it in one piece.
const NAME_IS: u32 = 4_000;
const NAME_BEGINS: u32 = 2_000;
const NAME_HOLDS: u32 = 500;

const NO_SIZE: u64 = u64::MAX;
const NO_TIME: i64 = i64::MIN;

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Offered,
    Vanished,
    StruckOut,
}

struct Audience {
    size: u64,
    updated_at_ms: i64,
    shape: u32,
    /// Where its tags end in `tags_of`; they begin where those of the one before end.
    tags_end: u32,
    endpoint: u16,
    state: State,
}

/// The fields of one audience or of many.
struct Shape {
    words: Box<[u32]>,
    identifiers: u8,
}

/// Texts, one behind the other.
#[derive(Default)]
struct Texts {
    text: String,
    ends: Vec<usize>,
}

impl Texts {
    fn push(&mut self, text: &str) {
        self.text.push_str(text);
        self.ends.push(self.text.len());
    }

    fn get(&self, number: usize) -> &str {
        let from = if number == 0 { 0 } else { self.ends.get(number - 1).copied().unwrap_or(0) };
        let to = self.ends.get(number).copied().unwrap_or(from);
        self.text.get(from..to).unwrap_or_default()
    }

    fn len(&self) -> usize {
        self.ends.len()
    }

    fn bytes(&self) -> usize {
        self.text.capacity() + self.ends.capacity() * size_of::<usize>()
    }
}

/// The index.
#[derive(Default)]
pub(super) struct Index {
    /// The catalogue's version that it shows.
    pub(super) version: Option<i64>,
    audiences: Vec<Audience>,
    ids: Texts,
    /// Names as nothing but their words.
    names: Texts,
    /// Where each stands when all are sorted by name.
    ranks: Vec<u32>,
    endpoints: Vec<EndpointId>,
    shapes: Vec<Shape>,
    shape_numbers: HashMap<[u8; 16], u32>,
    tags: Vec<String>,
    tag_numbers: HashMap<String, u32>,
    tags_of: Vec<u32>,
    vocabulary: Texts,
    letters: Vec<u32>,
    word_numbers: HashMap<Box<str>, u32>,
    /// For each word: where it stands; an audience's number and the place in one.
    standing: Vec<Vec<u32>>,
    /// The destinations of each audience that is shared, by the audience's number.
    shared: HashMap<u32, Vec<EndpointId>>,
    /// The shares as they were taken in, to tell whether they have changed.
    shares: HashMap<AudienceId, Vec<EndpointId>>,
    pub(super) shares_stamp: Option<(i64, i64)>,
    struck_out: usize,
}

/// What a search finds.
#[derive(Default)]
pub(super) struct Found {
    /// Of the page.
    pub(super) ids: Vec<AudienceId>,
    pub(super) total: u64,
    pub(super) page: u32,
    pub(super) pages: u32,
    pub(super) counts: Counts,
    pub(super) corrections: Vec<Correction>,
    pub(super) nothing: Option<NothingFound>,
    pub(super) words: Vec<SearchWord>,
    /// For each word whether it was searched for by its neighbours.
    pub(super) near: Vec<bool>,
}

/// How many audiences there are with each value, among those that fit everything else.
#[derive(Default)]
pub(super) struct Counts {
    pub(super) endpoints: HashMap<EndpointId, u64>,
    pub(super) identifiers: Vec<(IdentifierKind, u64)>,
    pub(super) sizes: Vec<(SizeBand, u64)>,
    pub(super) freshness: Vec<(Freshness, u64)>,
    pub(super) tags: Vec<(String, u64)>,
    pub(super) nowhere: u64,
    pub(super) shared_to: HashMap<EndpointId, u64>,
    /// Those in the other state: no longer offered, or offered when those are shown that are not.
    pub(super) other_state: u64,
}

impl Index {
    /// Takes audiences in; those that were there before under the same id are struck out.
    pub(super) fn take_in(&mut self, entries: &[Entry<'_>]) {
        if !self.audiences.is_empty() {
            let changed: HashSet<&str> = entries.iter().map(|entry| entry.id).collect();
            for number in 0..self.audiences.len() {
                if changed.contains(self.ids.get(number)) && self.audiences[number].state != State::StruckOut {
                    self.audiences[number].state = State::StruckOut;
                    self.struck_out += 1;
                }
            }
        }
        for entry in entries {
            self.add(entry);
        }
    }

    /// Sorts what was taken in. To be called once after all of [`Self::take_in`].
    pub(super) fn settle(&mut self) {
        let mut order: Vec<u32> = (0..u32::try_from(self.audiences.len()).unwrap_or(u32::MAX)).collect();
        let key = |number: &u32| (self.names.get(*number as usize), self.ids.get(*number as usize));
        order.sort_unstable_by(|left, right| key(left).cmp(&key(right)));
        self.ranks = vec![0; order.len()];
        for (rank, number) in (0..).zip(&order) {
            self.ranks[*number as usize] = rank;
        }
        self.place_shares();
    }

    /// So much was struck out that it is better made anew.
    pub(super) fn is_worn(&self) -> bool {
        self.struck_out > 1_000 + self.audiences.len() / 3
    }

    /// Where each audience is shared.
    pub(super) fn set_shares(&mut self, shares: HashMap<AudienceId, Vec<EndpointId>>, stamp: (i64, i64)) {
        self.shares = shares;
        self.shares_stamp = Some(stamp);
        self.place_shares();
    }

    fn place_shares(&mut self) {
        self.shared.clear();
        if self.shares.is_empty() {
            return;
        }
        let by_id: HashMap<&str, &Vec<EndpointId>> = self.shares.iter().map(|(id, to)| (id.as_str(), to)).collect();
        for number in 0..self.audiences.len() {
            if self.audiences[number].state != State::StruckOut
                && let Some(to) = by_id.get(self.ids.get(number))
            {
                self.shared.insert(u32::try_from(number).unwrap_or(u32::MAX), (*to).clone());
            }
        }
    }

    /// Bytes that it takes, nearly.
    pub(super) fn bytes(&self) -> usize {
        let standing: usize = self.standing.iter().map(|places| places.capacity() * 4 + size_of::<Vec<u32>>()).sum();
        let shapes: usize = self.shapes.iter().map(|shape| shape.words.len() * 4 + size_of::<Shape>() + 32).sum();
        let words: usize = self.vocabulary.text.len() + self.vocabulary.len() * 40;
        self.audiences.capacity() * size_of::<Audience>()
            + self.ids.bytes()
            + self.names.bytes()
            + self.vocabulary.bytes()
            + words
            + standing
            + shapes
            + (self.ranks.capacity() + self.letters.capacity() + self.tags_of.capacity()) * 4
            + self.tags.len() * 120
            + self.shares.len() * 300
    }

    /// How many audiences each endpoint offers.
    pub(super) fn offered(&self) -> HashMap<EndpointId, u64> {
        let mut offered = vec![0_u64; self.endpoints.len()];
        for audience in self.audiences.iter().filter(|audience| audience.state == State::Offered) {
            offered[usize::from(audience.endpoint)] += 1;
        }
        self.endpoints.iter().cloned().zip(offered).filter(|(_, offered)| *offered > 0).collect()
    }

    fn add(&mut self, entry: &Entry<'_>) {
        let Some(endpoint) = self.endpoint_number(entry.endpoint_id) else { return };
        let number = u32::try_from(self.audiences.len()).unwrap_or(u32::MAX);
        let shape = self.shape_number(entry.fields);
        for tag in &entry.tags {
            let key = words::folded(tag);
            let tag_number = match self.tag_numbers.get(&key) {
                Some(known) => *known,
                None => {
                    let new = u32::try_from(self.tags.len()).unwrap_or(u32::MAX);
                    self.tags.push(tag.clone());
                    self.tag_numbers.insert(key, new);
                    new
                }
            };
            self.tags_of.push(tag_number);
        }
        self.audiences.push(Audience {
            size: entry.size.unwrap_or(NO_SIZE),
            updated_at_ms: entry.updated_at_ms.unwrap_or(NO_TIME),
            shape,
            tags_end: u32::try_from(self.tags_of.len()).unwrap_or(u32::MAX),
            endpoint,
            state: if entry.is_vanished { State::Vanished } else { State::Offered },
        });
        self.ids.push(entry.id);
        self.names.push(&words::plain(entry.name));
        self.stand(entry.name, number, At::Name, usize::MAX);
        for tag in &entry.tags {
            self.stand(tag, number, At::Tag, usize::MAX);
        }
        if let Some(description) = entry.description {
            self.stand(description, number, At::Text, DESCRIPTION_WORDS);
        }
        for text in &entry.label {
            self.stand(text, number, At::Text, DESCRIPTION_WORDS);
        }
    }

    fn stand(&mut self, text: &str, number: u32, at: At, most: usize) {
        let mut left = most;
        words::each_word(text, |word| {
            if left == 0 {
                return;
            }
            left -= 1;
            let word_number = self.word_number(word);
            let place = number << 2 | at as u32;
            let standing = &mut self.standing[word_number as usize];
            if standing.last() != Some(&place) {
                standing.push(place);
            }
        });
    }

    fn word_number(&mut self, word: &str) -> u32 {
        if let Some(known) = self.word_numbers.get(word) {
            return *known;
        }
        let new = u32::try_from(self.vocabulary.len()).unwrap_or(u32::MAX);
        self.vocabulary.push(word);
        self.letters.push(words::letters(word));
        self.standing.push(Vec::new());
        self.word_numbers.insert(word.into(), new);
        new
    }

    /// None for more endpoints than an account can have.
    fn endpoint_number(&mut self, id: &EndpointId) -> Option<u16> {
        let known = self.endpoints.iter().position(|known| known == id);
        let number = known.unwrap_or_else(|| {
            self.endpoints.push(id.clone());
            self.endpoints.len() - 1
        });
        u16::try_from(number).ok()
    }

    fn shape_number(&mut self, fields: &str) -> u32 {
        let digest = blake3::hash(fields.as_bytes());
        let mut key = [0; 16];
        key.copy_from_slice(&digest.as_bytes()[..16]);
        if let Some(known) = self.shape_numbers.get(&key) {
            return *known;
        }
        // What can't be read here can't be read for its page either, and is said there.
        let fields: Vec<Field> = serde_json::from_str(fields).unwrap_or_default();
        let mut numbers = Vec::new();
        let mut identifiers = 0;
        for field in &fields {
            for text in [Some(field.name.as_str()), field.label.as_deref()].into_iter().flatten() {
                words::each_word(text, |word| {
                    let number = self.word_number(word);
                    if !numbers.contains(&number) {
                        numbers.push(number);
                    }
                });
            }
            if field.kind == FieldKind::Identifier {
                identifiers |= identifier_bit(IdentifierKind::of(field.field_type));
            }
        }
        let number = u32::try_from(self.shapes.len()).unwrap_or(u32::MAX);
        self.shapes.push(Shape { words: numbers.into_boxed_slice(), identifiers });
        self.shape_numbers.insert(key, number);
        number
    }

    /// Searches. `sources` are the account's endpoints as they are now: audiences of others are not there any more.
    pub(super) fn search(&self, query: &AudienceQuery, sources: &[Source], now_ms: i64) -> Found {
        let words = words::search_words(&query.text);
        let sources = self.sources(sources);
        let mut looked: Vec<Looked> = words.iter().map(|word| self.look(word, &sources, false)).collect();
        let mut near = vec![false; words.len()];
        // A word that stands nowhere is taken for its neighbours.
        for (number, word) in words.iter().enumerate() {
            if looked[number].is_empty {
                looked[number] = self.look(word, &sources, true);
                near[number] = !looked[number].is_empty;
            }
        }
        let mut scores = self.scores(&looked);
        let is_known = looked.iter().all(|word| !word.is_empty);
        if is_known && words.len() > 1 && !self.any(&scores, &sources) {
            // Each word stands somewhere, but nowhere all of them: perhaps one was mistyped into another.
            let wider: Vec<Looked> = words.iter().map(|word| self.look(word, &sources, true)).collect();
            let wide = self.scores(&wider);
            if self.any(&wide, &sources) {
                (looked, scores) = (wider, wide);
                near = looked.iter().map(|word| word.correction.is_some()).collect();
            }
        }
        self.add_whole_names(&words, &mut scores);
        let corrections = words.iter().zip(&looked).zip(&near).filter(|(_, near)| **near);
        let corrections = corrections
            .filter_map(|((word, looked), _)| {
                Some(Correction { typed: word.typed.clone(), found: looked.correction.clone()? })
            })
            .collect();

        let mut gathered = Gathered::new(self, query, &sources, now_ms);
        for (number, score) in (0..).zip(&scores) {
            if *score > 0 {
                gathered.look_at(number, *score);
            }
        }
        let mut found = gathered.found();
        if found.total == 0 {
            let unknown = |empty: bool| {
                let of = words.iter().zip(&looked).filter(move |(_, looked)| looked.is_empty == empty);
                of.map(|(word, _)| word.typed.clone()).collect::<Vec<_>>()
            };
            let without_narrowing = if query.is_narrowed() {
                let mut wide = Gathered::new(self, &query.widened(), &sources, now_ms);
                (0..)
                    .zip(&scores)
                    .filter(|(_, score)| **score > 0)
                    .for_each(|(number, score)| wide.look_at(number, *score));
                wide.hits.len() as u64
            } else {
                0
            };
            found.nothing =
                Some(NothingFound { unknown_words: unknown(true), known_words: unknown(false), without_narrowing });
        }
        found.corrections = corrections;
        found.words = words;
        found.near = near;
        found
    }

    /// The sources by the numbers that their audiences bear; an endpoint that is gone has none.
    fn sources<'s>(&self, sources: &'s [Source]) -> Vec<Option<&'s Source>> {
        let by_id: HashMap<&EndpointId, &Source> = sources.iter().map(|source| (&source.id, source)).collect();
        self.endpoints.iter().map(|id| by_id.get(id).copied()).collect()
    }

    fn any(&self, scores: &[u32], sources: &[Option<&Source>]) -> bool {
        self.audiences.iter().zip(scores).any(|(audience, score)| {
            *score > 0 && audience.state != State::StruckOut && sources[usize::from(audience.endpoint)].is_some()
        })
    }

    /// What each audience is worth for one word: that of its joined form, or that of its least piece.
    fn look(&self, word: &SearchWord, sources: &[Option<&Source>], near: bool) -> Looked {
        let mut pieces = word.pieces.iter().map(|piece| self.look_for(piece, sources, near));
        let mut looked = pieces.next().unwrap_or_else(|| Looked::empty(self.audiences.len()));
        for piece in pieces {
            looked.scores.iter_mut().zip(&piece.scores).for_each(|(score, other)| *score = (*score).min(*other));
            looked.is_empty |= piece.is_empty;
            looked.correction = match (looked.correction, piece.correction) {
                (Some(first), Some(second)) => Some(format!("{first} {second}")),
                (first, second) => first.or(second),
            };
        }
        if let Some(joined) = &word.joined {
            let joined = self.look_for(joined, sources, near);
            looked.scores.iter_mut().zip(&joined.scores).for_each(|(score, other)| *score = (*score).max(*other));
            looked.is_empty &= joined.is_empty;
        }
        looked
    }

    fn look_for(&self, typed: &str, sources: &[Option<&Source>], near: bool) -> Looked {
        // How well each word of the vocabulary fits; 0 when it does not.
        let mut fits = vec![0_u8; self.vocabulary.len()];
        let set = words::letters(typed);
        let mut fitting = Vec::new();
        for (number, letters) in self.letters.iter().enumerate() {
            if set & !letters == 0
                && let Some(fit) = words::fit(typed, self.vocabulary.get(number))
            {
                fits[number] = fit as u8;
                fitting.push(number);
            }
        }
        let mut correction: Option<(u32, usize, &str)> = None;
        let most = if near { words::forgiven(typed) } else { 0 };
        if most > 0 {
            for (number, letters) in self.letters.iter().enumerate() {
                if fits[number] != 0 || (set & !letters).count_ones() > most {
                    continue;
                }
                let word = self.vocabulary.get(number);
                if let Some(slips) = words::slips(typed, word) {
                    fits[number] = Fit::Near as u8;
                    fitting.push(number);
                    let better = correction.is_none_or(|(least, often, _)| {
                        (slips, std::cmp::Reverse(self.standing[number].len())) < (least, std::cmp::Reverse(often))
                    });
                    if better {
                        correction = Some((slips, self.standing[number].len(), word));
                    }
                }
            }
        }
        let mut endpoints = vec![0_u8; self.endpoints.len()];
        let mut nearest_of_endpoint: Option<String> = None;
        for (worth, source) in endpoints.iter_mut().zip(sources) {
            let Some(source) = source else { continue };
            for text in [&source.name, &source.application] {
                words::each_word(text, |word| {
                    let fit = words::fit(typed, word)
                        .or_else(|| (most > 0 && words::slips(typed, word).is_some()).then_some(Fit::Near));
                    if let Some(fit) = fit {
                        *worth = (*worth).max(ENDPOINT[fit as usize - 1]);
                        if fit == Fit::Near {
                            nearest_of_endpoint.get_or_insert_with(|| word.to_owned());
                        }
                    }
                });
            }
        }
        let shapes: Vec<u8> = self
            .shapes
            .iter()
            .map(|shape| {
                let best = shape.words.iter().map(|word| fits[*word as usize]).max().unwrap_or(0);
                if best == 0 { 0 } else { FIELD[usize::from(best) - 1] }
            })
            .collect();
        let mut scores: Vec<u8> = self
            .audiences
            .iter()
            .map(|audience| shapes[audience.shape as usize].max(endpoints[usize::from(audience.endpoint)]))
            .collect();
        for number in &fitting {
            let fit = usize::from(fits[*number]) - 1;
            let worth = [NAME[fit], TAG[fit], TEXT[fit], 0];
            for place in &self.standing[*number] {
                let score = &mut scores[(place >> 2) as usize];
                *score = (*score).max(worth[(place & 3) as usize]);
            }
        }
        let is_empty = fitting.is_empty() && endpoints.iter().all(|worth| *worth == 0);
        let correction = correction.map(|(_, _, word)| word.to_owned()).or(nearest_of_endpoint);
        Looked { scores, is_empty, correction }
    }

    /// What each audience is worth for all words together; 0 when one of them does not stand in it.
    fn scores(&self, looked: &[Looked]) -> Vec<u32> {
        let Some((first, others)) = looked.split_first() else { return vec![1; self.audiences.len()] };
        let mut scores: Vec<u32> = first.scores.iter().map(|score| u32::from(*score)).collect();
        for word in others {
            for (score, more) in scores.iter_mut().zip(&word.scores) {
                *score = if *score == 0 || *more == 0 { 0 } else { *score + u32::from(*more) };
            }
        }
        scores
    }

    fn add_whole_names(&self, words: &[SearchWord], scores: &mut [u32]) {
        if words.is_empty() {
            return;
        }
        let phrase = words.iter().flat_map(|word| &word.pieces).map(String::as_str).collect::<Vec<_>>().join(" ");
        for (number, score) in scores.iter_mut().enumerate().filter(|(_, score)| **score > 0) {
            let name = self.names.get(number);
            if let Some(at) = name.find(&phrase) {
                *score += match at {
                    0 if name.len() == phrase.len() => NAME_IS,
                    0 => NAME_BEGINS,
                    at if name.as_bytes()[at - 1] == b' ' => NAME_HOLDS,
                    _ => 0,
                };
            }
        }
    }

    fn tags_of(&self, number: usize) -> &[u32] {
        let from = if number == 0 { 0 } else { self.audiences[number - 1].tags_end as usize };
        &self.tags_of[from..self.audiences[number].tags_end as usize]
    }
}

fn identifier_bit(kind: IdentifierKind) -> u8 {
    1 << IdentifierKind::ALL.iter().position(|known| *known == kind).unwrap_or(0)
}

/// What a word is worth.
struct Looked {
    scores: Vec<u8>,
    /// It stands nowhere in the catalogue.
    is_empty: bool,
    /// The word of the catalogue that comes nearest.
    correction: Option<String>,
}

impl Looked {
    fn empty(audiences: usize) -> Self {
        Self { scores: vec![0; audiences], is_empty: true, correction: None }
    }
}

/// What an audience may fail of; one bit each.
mod fails {
    pub(super) const ENDPOINT: u8 = 1;
    pub(super) const IDENTIFIERS: u8 = 2;
    pub(super) const SIZE: u8 = 4;
    pub(super) const FRESHNESS: u8 = 8;
    pub(super) const TAGS: u8 = 16;
    pub(super) const SHARED: u8 = 32;
}

/// Hits and counts, as they are gathered in one pass over what fits the words.
struct Gathered<'i> {
    index: &'i Index,
    query: AudienceQuery,
    /// By the endpoint's number: whether it is there, and whether it is wanted.
    sources: Vec<(bool, bool)>,
    identifiers: u8,
    /// None when one of the tags stands nowhere.
    tags: Option<Vec<u32>>,
    now_ms: i64,
    hits: Vec<(u64, u32, u32)>,
    endpoints: Vec<u64>,
    identifier_counts: [u64; IdentifierKind::ALL.len()],
    size_counts: [u64; SizeBand::ALL.len()],
    freshness_counts: [u64; Freshness::ALL.len()],
    tag_counts: Vec<u64>,
    nowhere: u64,
    shared_to: HashMap<&'i EndpointId, u64>,
    other_state: u64,
}

impl<'i> Gathered<'i> {
    fn new(index: &'i Index, query: &AudienceQuery, sources: &[Option<&Source>], now_ms: i64) -> Self {
        let wanted = |id: &EndpointId| query.endpoints.is_empty() || query.endpoints.contains(id);
        let tags = query.tags.iter().map(|tag| index.tag_numbers.get(&words::folded(tag)).copied()).collect();
        let sources = sources.iter().map(|source| (source.is_some(), source.is_some_and(|source| wanted(&source.id))));
        Self {
            sources: sources.collect(),
            identifiers: query.identifiers.iter().fold(0, |bits, kind| bits | identifier_bit(*kind)),
            tags,
            now_ms,
            hits: Vec::new(),
            endpoints: vec![0; index.endpoints.len()],
            identifier_counts: Default::default(),
            size_counts: Default::default(),
            freshness_counts: Default::default(),
            tag_counts: vec![0; index.tags.len()],
            nowhere: 0,
            shared_to: HashMap::new(),
            other_state: 0,
            index,
            query: query.clone(),
        }
    }

    fn look_at(&mut self, number: u32, score: u32) {
        let place = number as usize;
        let audience = &self.index.audiences[place];
        let (is_there, is_wanted) = self.sources[usize::from(audience.endpoint)];
        if audience.state == State::StruckOut || !is_there {
            return;
        }
        let size = SizeBand::of((audience.size != NO_SIZE).then_some(audience.size));
        let age = (audience.updated_at_ms != NO_TIME).then(|| self.now_ms.saturating_sub(audience.updated_at_ms));
        let freshness = Freshness::of(age);
        let identifiers = self.index.shapes[audience.shape as usize].identifiers;
        let tags = self.index.tags_of(place);
        let shared = self.index.shared.get(&number);
        let mut fails = 0;
        if !is_wanted {
            fails |= fails::ENDPOINT;
        }
        if self.identifiers & !identifiers != 0 {
            fails |= fails::IDENTIFIERS;
        }
        if !self.query.sizes.is_empty() && !self.query.sizes.contains(&size) {
            fails |= fails::SIZE;
        }
        if !self.query.freshness.is_empty() && !self.query.freshness.contains(&freshness) {
            fails |= fails::FRESHNESS;
        }
        if self.tags.as_ref().is_none_or(|wanted| wanted.iter().any(|tag| !tags.contains(tag))) {
            fails |= fails::TAGS;
        }
        let goes = |wanted: &SharedTo| match wanted {
            SharedTo::Nowhere => shared.is_none(),
            SharedTo::Destination(id) => shared.is_some_and(|to| to.contains(id)),
        };
        if !self.query.shared_to.is_empty() && !self.query.shared_to.iter().any(goes) {
            fails |= fails::SHARED;
        }
        if (audience.state == State::Vanished) != self.query.vanished {
            self.other_state += u64::from(fails == 0);
            return;
        }
        // Values that widen each other are counted as if none of theirs were chosen.
        if fails & !fails::ENDPOINT == 0 {
            self.endpoints[usize::from(audience.endpoint)] += 1;
        }
        if fails & !fails::SIZE == 0 {
            self.size_counts[size as usize] += 1;
        }
        if fails & !fails::FRESHNESS == 0 {
            self.freshness_counts[freshness as usize] += 1;
        }
        if fails & !fails::SHARED == 0 {
            match shared {
                None => self.nowhere += 1,
                Some(to) => to.iter().for_each(|id| *self.shared_to.entry(id).or_default() += 1),
            }
        }
        if fails != 0 {
            return;
        }
        for (bit, count) in self.identifier_counts.iter_mut().enumerate() {
            *count += u64::from(identifiers >> bit & 1);
        }
        for tag in tags {
            self.tag_counts[*tag as usize] += 1;
        }
        let rank = self.index.ranks[place];
        let key = match self.query.sort {
            AudienceSort::Match => u64::from(u32::MAX - score),
            AudienceSort::Name => 0,
            // Those whose size or time nobody knows come last.
            AudienceSort::Largest if audience.size == NO_SIZE => u64::MAX,
            AudienceSort::Largest => NO_SIZE - 1 - audience.size.min(NO_SIZE - 1),
            AudienceSort::Freshest if audience.updated_at_ms == NO_TIME => u64::MAX,
            AudienceSort::Freshest => u64::try_from(i64::MAX - audience.updated_at_ms.max(0)).unwrap_or(0),
        };
        self.hits.push((key, rank, number));
    }

    fn found(mut self) -> Found {
        let total = self.hits.len();
        let pages = u32::try_from(total.div_ceil(PAGE as usize).max(1)).unwrap_or(u32::MAX);
        let page = self.query.page.clamp(1, pages);
        let from = (page - 1) as usize * PAGE as usize;
        let to = (from + PAGE as usize).min(total);
        // Only the page itself is sorted through.
        if to < total {
            self.hits.select_nth_unstable(to);
            self.hits.truncate(to);
        }
        if from > 0 && from < self.hits.len() {
            self.hits.select_nth_unstable(from);
        }
        let shown = self.hits.get_mut(from..to).unwrap_or_default();
        shown.sort_unstable();
        let ids = shown.iter().filter_map(|(_, _, number)| self.index.ids.get(*number as usize).parse().ok()).collect();
        let mut tags: Vec<(u32, u64)> =
            (0..).zip(&self.tag_counts).filter(|(_, count)| **count > 0).map(|(tag, count)| (tag, *count)).collect();
        tags.sort_unstable_by(|left, right| {
            let name = |tag: u32| &self.index.tags[tag as usize];
            right.1.cmp(&left.1).then_with(|| name(left.0).cmp(name(right.0)))
        });
        let chosen = self.tags.unwrap_or_default();
        let offered = tags.iter().enumerate().filter(|(place, (tag, _))| *place < TAGS_OFFERED || chosen.contains(tag));
        let tags = offered.map(|(_, (tag, count))| (self.index.tags[*tag as usize].clone(), *count)).collect();
        let counts = Counts {
            endpoints: self
                .index
                .endpoints
                .iter()
                .cloned()
                .zip(self.endpoints)
                .filter(|(_, count)| *count > 0)
                .collect(),
            identifiers: IdentifierKind::ALL.into_iter().zip(self.identifier_counts).collect(),
            sizes: SizeBand::ALL.into_iter().zip(self.size_counts).collect(),
            freshness: Freshness::ALL.into_iter().zip(self.freshness_counts).collect(),
            tags,
            nowhere: self.nowhere,
            shared_to: self.shared_to.into_iter().map(|(id, count)| (id.clone(), count)).collect(),
            other_state: self.other_state,
        };
        Found { ids, total: total as u64, page, pages, counts, ..Found::default() }
    }
}
