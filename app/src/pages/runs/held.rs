//! A run that is held for approval: what it would do, and a person's decision with the reason.

use leptos::prelude::*;
use model::{run::Hold, view::RunSummary};

use crate::{
    actions::{ActionForm, ServerAction},
    components::{
        button::{ButtonKind, SubmitButton},
        count::grouped,
        field::{ErrorSummary, TextField},
    },
    error::AppError,
    flash::FormState,
};

/// Lets a held run go on (`decision` is `approve`) or ends it (`decline`).
#[server(endpoint = "decide_run", protocol = crate::Called)]
pub async fn decide_run(run_id: String, reason: String, decision: String) -> Result<(), AppError> {
    let actor = crate::session::actor().await?;
    let page = format!("/runs/{run_id}");
    let decided = async {
        let hub = crate::session::hub()?;
        let id = crate::pages::parse_id(&run_id, "run")?;
        match decision.as_str() {
            "approve" => hub.approve_run(&actor, &id, &reason).await,
            "decline" => hub.decline_run(&actor, &id, &reason).await,
            _ => Err(model::error::HubError::invalid("decision", "Approve the run, or decline it.")),
        }
    };
    match decided.await {
        Ok(()) => {
            leptos_axum::redirect(&page);
            Ok(())
        }
        Err(error) => Err(crate::flash::fail(&page, &[("reason", &reason)], error).await),
    }
}

const FIELDS: &[(&str, &str)] = &[("reason", "Reason")];

/// The numbers, and the two answers for those who may give one.
#[component]
pub fn Held(
    /// What it would do.
    hold: Hold,
    /// The run.
    summary: RunSummary,
    /// The form's state.
    state: FormState,
    /// Posts the form.
    action: ServerAction<DecideRun>,
) -> impl IntoView {
    let (destination, segment) = (summary.destination_name, summary.destination_segment);
    let percent = hold.lost().saturating_mul(100).checked_div(hold.before).unwrap_or(0);
    let decision = if crate::pages::may_share() {
        view! {
            <ActionForm action=action attr:class="form" attr:novalidate=true>
                <ErrorSummary form=state.clone() fields=FIELDS />
                <input type="hidden" name="run_id" value=summary.id.to_string() />
                <TextField form=state name="reason" label="Reason" help="Kept in the run's timeline, for those who ask later." />
                <div class="actions">
                    <SubmitButton kind=ButtonKind::Primary name="decision" value="approve" pending=action.pending()>"Approve and send"</SubmitButton>
                    <SubmitButton kind=ButtonKind::Danger name="decision" value="decline" pending=action.pending()>"Decline"</SubmitButton>
                </div>
            </ActionForm>
        }
        .into_any()
    } else {
        view! { <p class="soft">"A member or an admin of your account can approve or decline it."</p> }.into_any()
    };
    view! {
        <section class="held" aria-labelledby="held">
            <h2 id="held">"Held for approval"</h2>
            <p>
                {format!("“{segment}” in {destination} has ")}
                <strong>{grouped(hold.before)}</strong>
                {if hold.before == 1 { " member" } else { " members" }}
                ". This run would leave "
                <strong>{grouped(hold.after)}</strong>
                {format!(
                    ", so that {} of them ({percent}\u{a0}%) would go. The share's limit is {}\u{a0}%. Nothing was sent.",
                    grouped(hold.lost()),
                    hold.limit.percent(),
                )}
            </p>
            {decision}
        </section>
    }
}
