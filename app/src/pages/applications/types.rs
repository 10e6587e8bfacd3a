//! Second step: how data moves.

use std::sync::Arc;

use leptos::{prelude::*, server_fn::ServerFn};
use model::{application::ApplicationDraft, contract::Movement};

use super::steps::{Step, StepInputs, step_page};
use crate::{
    components::{
        button::{ButtonKind, SubmitButton},
        stale::Seen,
    },
    error::AppError,
    flash::FormState,
};

/// Saves the step.
#[server(endpoint = "save_application_types", protocol = crate::Called)]
pub async fn save_application_types(
    id: String,
    #[server(default)] producer: String,
    #[server(default)] consumer: String,
    #[server(default)] seen: Seen,
) -> Result<(), AppError> {
    use model::application::form::{Change, TypesForm};
    let form = TypesForm { producer, consumer };
    // A word for nothing, so that it is told from what was not chosen yet.
    let typed = vec![("producer", form.producer.as_str()), ("consumer", form.consumer.as_str())];
    super::steps::save(&id, Step::Types, Change::Types(form.clone()), Some(&seen), typed, None).await
}

/// The page.
#[component]
pub fn TypesPage() -> impl IntoView {
    let lead = "An application offers audiences, or takes them, or both.";
    step_page(
        Step::Types,
        lead,
        &[("producer", "Does it offer audiences?"), ("consumer", "Does it take audiences?")],
        Arc::new(body),
    )
}

fn body(draft: ApplicationDraft, form: FormState) -> AnyView {
    let definition = draft.definition.clone();
    let offers = [
        ("", "No", "It offers none."),
        (
            "PULL",
            "Yes, Usher fetches them (PULL)",
            "Usher asks for its audiences and fetches exports. It needs an address that Usher can reach.",
        ),
        (
            "PUSH",
            "Yes, it sends them itself (PUSH)",
            "It declares its audiences to Usher and sends exports when it is asked to. It needs no address.",
        ),
    ];
    let takes = [
        ("", "No", "It takes none."),
        (
            "PUSH",
            "Yes, Usher sends them (PUSH)",
            "Usher announces a job and sends the rows part by part. It needs an address that Usher can reach.",
        ),
        (
            "PULL",
            "Yes, it fetches them itself (PULL)",
            "It asks Usher for its jobs and fetches the parts. It needs no address.",
        ),
    ];
    view! {
        <form class="form wide" method="post" action=SaveApplicationTypes::url() novalidate>
            <StepInputs draft form=form.clone() step=Step::Types />
            <Choice form=form.clone() name="producer" legend="Does it offer audiences?" choices=offers chosen=definition.producer />
            <Choice form name="consumer" legend="Does it take audiences?" choices=takes chosen=definition.consumer />
            <SubmitButton kind=ButtonKind::Primary>"Save and continue"</SubmitButton>
        </form>
    }
    .into_any()
}

#[component]
fn Choice(
    form: FormState,
    name: &'static str,
    legend: &'static str,
    choices: [(&'static str, &'static str, &'static str); 3],
    #[prop(optional_no_strip)] chosen: Option<Movement>,
) -> impl IntoView {
    let problem = form.problem(name);
    let known = match chosen {
        None => "",
        Some(Movement::Pull) => "PULL",
        Some(Movement::Push) => "PUSH",
    };
    let chosen = if form.is_typed() { form.value(name) } else { known.to_owned() };
    let choices: Vec<_> = choices
        .into_iter()
        .map(|(value, label, help)| {
            view! {
                <label class="choice">
                    <input type="radio" name=name value=value checked=value == chosen />
                    <span class="choice-text"><strong>{label}</strong><span>{help}</span></span>
                </label>
            }
        })
        .collect();
    view! {
        <fieldset class="modes" id=name aria-describedby=format!("{name}-problem")>
            <legend>{legend}</legend>
            <p class="problem" id=format!("{name}-problem") hidden=move || problem.with(Option::is_none)>{move || problem.get()}</p>
            {choices}
        </fieldset>
    }
}
