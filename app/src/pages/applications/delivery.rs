//! Fifth step: what it can do as a destination.
#![expect(clippy::too_many_arguments, reason = "a server function has one for each input of its form")]

use std::sync::Arc;

use leptos::{prelude::*, server_fn::ServerFn};
use model::{application::ApplicationDraft, contract::JobMode};

use super::steps::{Step, StepInputs, step_page};
use crate::{
    components::{
        button::{ButtonKind, ButtonLink, SubmitButton},
        field::{CheckField, TextField},
        stale::Seen,
    },
    error::AppError,
    flash::FormState,
};

const FIELDS: &[(&str, &str)] = &[
    ("add", "Add people"),
    ("replace", "Replace the members"),
    ("remove", "Remove people"),
    ("new_segment", "New segments"),
    ("existing_segment", "Existing segments"),
    ("rows_per_part", "Rows per part"),
    ("rows_per_second", "Rows per second"),
    ("member_lifetime_days", "Days that members are kept"),
];

/// Saves the step.
#[server(endpoint = "save_application_delivery", protocol = crate::Called)]
pub async fn save_application_delivery(
    id: String,
    #[server(default)] add: String,
    #[server(default)] replace: String,
    #[server(default)] remove: String,
    #[server(default)] new_segment: String,
    #[server(default)] existing_segment: String,
    #[server(default)] rows_per_part: String,
    #[server(default)] rows_per_second: String,
    #[server(default)] member_lifetime_days: String,
    #[server(default)] seen: Seen,
) -> Result<(), AppError> {
    use model::application::form::{Change, DeliveryForm};
    let form = DeliveryForm {
        add,
        replace,
        remove,
        new_segment,
        existing_segment,
        rows_per_part,
        rows_per_second,
        member_lifetime_days,
    };
    let typed = vec![
        ("add", form.add.as_str()),
        ("replace", form.replace.as_str()),
        ("remove", form.remove.as_str()),
        ("new_segment", form.new_segment.as_str()),
        ("existing_segment", form.existing_segment.as_str()),
        ("rows_per_part", form.rows_per_part.as_str()),
        ("rows_per_second", form.rows_per_second.as_str()),
        ("member_lifetime_days", form.member_lifetime_days.as_str()),
    ];
    super::steps::save(&id, Step::Delivery, Change::Delivery(form.clone()), Some(&seen), typed, None).await
}

/// The page.
#[component]
pub fn DeliveryPage() -> impl IntoView {
    let lead = "How it lets its segments be changed. People can choose nothing else when they share.";
    step_page(Step::Delivery, lead, FIELDS, Arc::new(body))
}

fn body(draft: ApplicationDraft, form: FormState) -> AnyView {
    if draft.definition.consumer.is_none() {
        return view! {
            <p class="soft">"It takes no audiences, so that there is nothing to say here."</p>
            <ButtonLink href=Step::Credentials.path(draft.id.as_str()) kind=ButtonKind::Primary>"Continue"</ButtonLink>
        }
        .into_any();
    }
    let known = draft.definition.delivery.clone();
    let has = |mode: JobMode| known.as_ref().is_some_and(|delivery| delivery.modes.contains(&mode));
    let (add, replace, remove) = (has(JobMode::Add), has(JobMode::Replace), has(JobMode::Remove));
    let (new, existing) =
        known.as_ref().map_or((false, false), |delivery| (delivery.new_segment, delivery.existing_segment));
    let number = |number: Option<u64>| number.map(|number| number.to_string()).unwrap_or_default();
    let rows_per_part = number(known.as_ref().and_then(|delivery| delivery.rows_per_part));
    let rows_per_second = number(known.as_ref().and_then(|delivery| delivery.rows_per_second));
    let days = number(known.as_ref().and_then(|delivery| delivery.member_lifetime_days).map(u64::from));
    view! {
        <form class="form" method="post" action=SaveApplicationDelivery::url() novalidate>
            <StepInputs draft form=form.clone() step=Step::Delivery />
            <fieldset class="boxes">
                <legend>"Changes of a segment"</legend>
                <CheckField form=form.clone() name="add" label="Add people" initial=add />
                <CheckField form=form.clone() name="replace" label="Replace the members" help="All at once when the job is complete; a job that fails changes nothing." initial=replace />
                <CheckField form=form.clone() name="remove" label="Remove people" initial=remove />
            </fieldset>
            <fieldset class="boxes">
                <legend>"Which segments"</legend>
                <CheckField form=form.clone() name="new_segment" label="New segments, named by who shares" initial=new />
                <CheckField form=form.clone() name="existing_segment" label="Existing segments" help="It then answers GET v1/segments." initial=existing />
            </fieldset>
            <TextField form=form.clone() name="rows_per_part" label="Rows per part" initial=rows_per_part help="At most; 50 000 when empty." />
            <TextField form=form.clone() name="rows_per_second" label="Rows per second" initial=rows_per_second help="Usher sends no faster; as fast as it goes when empty." />
            <TextField
                form
                name="member_lifetime_days"
                label="Days that members are kept"
                initial=days
                help="After which it forgets a member that was not sent again; for ever when empty."
            />
            <SubmitButton kind=ButtonKind::Primary>"Save and continue"</SubmitButton>
        </form>
    }
    .into_any()
}
