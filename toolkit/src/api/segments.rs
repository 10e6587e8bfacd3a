//! What the endpoint says of itself and of its segments.
//!
//! Segments of both sides come from one address, as the contract has it. Where an endpoint has both sides, `?side=` keeps to one.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use model::contract::{EndpointDescription, Health, Page, Segment};
use serde::Deserialize;

use super::{Endpoint, Inner};
use crate::fault::{Code, Fault};

const USUAL_LIMIT: usize = 50;
const MOST: usize = 500;

#[derive(Debug, Deserialize)]
pub struct Listing {
    limit: Option<usize>,
    cursor: Option<String>,
    side: Option<Side>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Side {
    Producer,
    Consumer,
}

/// Where a page starts: behind the segment of this id. The empty id is before all.
#[derive(Debug, Clone)]
enum Cursor {
    Producer(String),
    Consumer(String),
}

impl Cursor {
    fn parse(text: &str) -> Result<Self, Fault> {
        match text.split_once(':') {
            Some(("p", id)) => Some(Self::Producer(id.to_owned())),
            Some(("c", id)) => Some(Self::Consumer(id.to_owned())),
            _ => None,
        }
        .ok_or_else(|| {
            Fault::new(Code::INVALID_REQUEST, "`cursor` is not one that a page of this list gave as `next`.")
        })
    }

    fn write(&self) -> String {
        match self {
            Self::Producer(id) => format!("p:{id}"),
            Self::Consumer(id) => format!("c:{id}"),
        }
    }
}

pub async fn health(State(endpoint): State<Endpoint>) -> Result<Json<Health>, Fault> {
    endpoint
        .blocking(|inner| {
            if let Some((producer, _)) = &inner.offering {
                producer.ping()?;
            }
            inner.consumer.as_ref().map_or(Ok(()), |consumer| consumer.ping())
        })
        .await?;
    Ok(Json(Health { status: "ok".to_owned() }))
}

pub async fn endpoint(State(endpoint): State<Endpoint>) -> Json<EndpointDescription> {
    Json(endpoint.description())
}

pub async fn list(
    State(endpoint): State<Endpoint>,
    listing: Result<Query<Listing>, QueryRejection>,
) -> Result<Json<Page<Segment>>, Fault> {
    let Query(listing) = listing.map_err(|_| {
        Fault::new(Code::INVALID_REQUEST, "`limit` is a number, and `side` is \"producer\" or \"consumer\".")
    })?;
    let limit = listing.limit.unwrap_or(USUAL_LIMIT);
    if !(1..=MOST).contains(&limit) {
        return Err(Fault::new(Code::INVALID_REQUEST, format!("`limit` is between 1 and {MOST}.")));
    }
    let start = match (listing.cursor.as_deref().map(Cursor::parse).transpose()?, listing.side) {
        (Some(cursor), _) => cursor,
        (None, Some(Side::Consumer)) => Cursor::Consumer(String::new()),
        (None, _) => Cursor::Producer(String::new()),
    };
    endpoint.blocking(move |inner| page(inner, start, listing.side, limit)).await.map(Json)
}

fn page(inner: &Inner, start: Cursor, side: Option<Side>, limit: usize) -> Result<Page<Segment>, Fault> {
    let mut items = Vec::new();
    let mut at = start;
    if let Cursor::Producer(after) = &at {
        let ids = inner.offering.as_ref().map_or(Ok(Vec::new()), |(producer, _)| producer.ids())?;
        // Files come and go between pages; those of a folder are listed by id.
        let from = match ids.iter().position(|id| id == after) {
            Some(place) => place + 1,
            None => ids.partition_point(|id| id <= after),
        };
        if let Some((producer, _)) = &inner.offering {
            for id in ids.iter().skip(from).take(limit) {
                items.extend(producer.segment(id)?);
            }
        }
        let next = from + limit;
        if next < ids.len() {
            return Ok(Page { items, next: Some(Cursor::Producer(ids[next - 1].clone()).write()) });
        }
        at = Cursor::Consumer(String::new());
    }
    let wants_taken = side != Some(Side::Producer);
    if let (Cursor::Consumer(after), Some(consumer), true) = (at, &inner.consumer, wants_taken)
        && consumer.config().delivery.existing_segment
    {
        let room = limit - items.len();
        // One more than there is room for tells whether there is a next page.
        let mut more = consumer.segments(&after, room + 1)?;
        let has_next = more.len() > room;
        more.truncate(room);
        let last = more.last().map_or(after, |segment| segment.id.clone());
        items.append(&mut more);
        return Ok(Page { items, next: has_next.then(|| Cursor::Consumer(last).write()) });
    }
    Ok(Page { items, next: None })
}

pub async fn detail(State(endpoint): State<Endpoint>, Path(id): Path<String>) -> Result<Json<Segment>, Fault> {
    let segment = endpoint
        .blocking(move |inner| {
            if let Some((producer, _)) = &inner.offering
                && let Some(segment) = producer.segment(&id)?
            {
                return Ok(Some(segment));
            }
            match &inner.consumer {
                Some(consumer) if consumer.config().delivery.existing_segment => consumer.segment(&id),
                _ => Ok(None),
            }
        })
        .await?;
    segment.map(Json).ok_or_else(|| {
        Fault::new(Code::NO_SUCH_SEGMENT, "This endpoint has no segment of this id; GET v1/segments lists them.")
    })
}
