//! Plans for tests: people with an e-mail address and a name, from one endpoint to another.

use model::{
    contract::{DeliveryOptions, JobMode},
    field::{Field, FieldKind, FieldType},
    id::{AccountId, EndpointId, ShareId},
    mapping::{Link, Mapping, Source},
    run::{Duplicates, Mode, ShrinkLimit},
    view::{Destination, DestinationSegment},
};

use crate::{
    exchange::{NewRun, RunPlan},
    store::new_id,
};

pub(super) fn fields() -> Vec<Field> {
    vec![
        Field::new("email", FieldKind::Identifier, FieldType::Email).required(),
        Field::new("name", FieldKind::Attribute, FieldType::String),
    ]
}

/// The source's column of the same name, as it is.
pub(super) fn as_is(name: &str) -> Link {
    Link { target: name.to_owned(), source: Source::Field { name: name.to_owned() }, transforms: Vec::new() }
}

pub(super) fn plan(source: &EndpointId, destination: &EndpointId, mode: Mode) -> RunPlan {
    RunPlan {
        expected_rows: None,
        source_endpoint_id: source.clone(),
        source_name: "Harbor CRM".to_owned(),
        segment_id: "customers".to_owned(),
        audience_id: new_id("aud_"),
        audience_name: "Newsletter readers".to_owned(),
        source_fields: fields(),
        destination: Destination {
            endpoint_id: destination.clone(),
            endpoint_name: "Beacon Mail".to_owned(),
            segment: DestinationSegment::Existing { id: "seg-1".to_owned(), name: "Readers".to_owned() },
            mode,
            fields: fields(),
            delivery: DeliveryOptions {
                modes: vec![JobMode::Add, JobMode::Replace, JobMode::Remove],
                new_segment: true,
                existing_segment: true,
                rows_per_part: None,
                rows_per_second: None,
                member_lifetime_days: None,
            },
        },
        mapping: Mapping { links: vec![as_is("email"), as_is("name")] },
        mode,
        shrink_limit: ShrinkLimit::new(100).expect("a percentage"),
        duplicates: Duplicates::Keep,
        is_pre_flight: false,
        repairs: None,
    }
}

pub(super) fn new_run(account_id: &AccountId, mode: Mode) -> NewRun {
    let share_id: ShareId = new_id("shr_");
    NewRun {
        account_id: account_id.clone(),
        share_id,
        mapping_version: 3,
        plan: plan(&new_id("ep_"), &new_id("ep_"), mode),
        reason: None,
    }
}
