//! What a run that only looked has found, on the review: counts, reasons, what would change, how long it takes. It follows such a run that is under way.

use leptos::prelude::*;
use model::{
    reject::RejectCode,
    run::{Mode, RunState},
    view::{PreFlight, RunView},
};

use crate::{
    components::{
        badge::RunBadge,
        count::{Count, counted},
        notice::Trouble,
    },
    error::AppError,
};

/// So long until it is looked at again, in the browser.
const POLL: std::time::Duration = std::time::Duration::from_millis(1500);
/// Reasons on the review; all are on the run's page.
const REASONS: usize = 6;

/// What was found last, when nothing was shared since.
#[server(endpoint = "pre_flight_result", protocol = crate::Called)]
pub async fn pre_flight_result(share_id: String) -> Result<Option<PreFlight>, AppError> {
    let (hub, actor) = (crate::session::hub()?, crate::session::actor().await?);
    let found = async { hub.pre_flight_result(&actor, &crate::pages::parse_id(&share_id, "share")?).await };
    crate::session::answer(found.await).await
}

/// What was found. `newest` is told of the run, so that the form knows the newest one that the page shows; `asked` counts how often it was asked for.
#[component]
pub fn PreFlightPanel(
    /// The share.
    share_id: String,
    /// The newest run of the share that the page shows.
    newest: RwSignal<String>,
    /// It is being found out.
    looking: RwSignal<bool>,
    /// Counts up when it is asked for.
    #[prop(into)]
    asked: Signal<usize>,
) -> impl IntoView {
    let looks = RwSignal::new(0_u32);
    let page = format!("/shares/{share_id}/review#pre-flight");
    let found = crate::answers::ask(move || (asked.get(), looks.get()), move |_| pre_flight_result(share_id.clone()));
    let waiting = StoredValue::new(None::<TimeoutHandle>);
    Effect::new(move |_| {
        let Some(Ok(Some(result))) = found.get() else { return };
        let is_under_way = !result.run.summary.state.is_final();
        newest.set(result.run.summary.id.to_string());
        looking.set(is_under_way);
        if is_under_way {
            waiting.set_value(set_timeout_with_handle(move || looks.update(|looks| *looks += 1), POLL).ok());
        }
    });
    on_cleanup(move || {
        if let Some(Some(handle)) = waiting.try_update_value(Option::take) {
            handle.clear();
        }
    });
    view! {
        <section class="card pre-flight" id="pre-flight" aria-labelledby="pre-flight-heading">
            <h2 id="pre-flight-heading">"What would happen"</h2>
            <Transition>
                {move || {
                    let page = page.clone();
                    Suspend::new(async move {
                        match found.await {
                            Ok(Some(result)) => view! { <Found result page /> }.into_any(),
                            Ok(None) => {
                                view! {
                                    <p class="soft">
                                        "Nobody has looked yet since it was last shared. “See what would happen” reads and checks every row, compares, and sends nothing."
                                    </p>
                                }
                                    .into_any()
                            }
                            Err(error) => view! { <Trouble error /> }.into_any(),
                        }
                    })
                }}
            </Transition>
        </section>
    }
}

#[component]
fn Found(result: PreFlight, page: String) -> impl IntoView {
    let PreFlight { run, is_current } = result;
    let state = run.summary.state;
    let run_path = format!("/runs/{}", run.summary.id);
    let body = match state {
        RunState::Checked => checked(&run).into_any(),
        RunState::Failed => {
            let why = run.failure.as_ref().map(|failure| failure.message.clone()).unwrap_or_default();
            view! { <p>{why}</p> }.into_any()
        }
        RunState::Canceled => view! { <p>"It was called off before it had found out."</p> }.into_any(),
        _ => {
            let read = counted(run.summary.counts.read, "row", "rows");
            let waiting = run.waiting.clone();
            view! {
                <p>{format!("{read} read so far. Nothing is sent.")}" "{waiting}</p>
                <p class="without-program"><a href=page rel="external">"Look again"</a></p>
            }
            .into_any()
        }
    };
    view! {
        <p class="pre-flight-state" role="status"><RunBadge state /></p>
        {(!is_current)
            .then(|| view! { <p class="notice warn">"The share was changed since. These numbers are of how it was before; look again."</p> })}
        {body}
        <p><a href=run_path>"All that was found"</a></p>
    }
}

/// The numbers of a look that came to its end.
fn checked(run: &RunView) -> impl IntoView + use<> {
    let summary = &run.summary;
    let counts = summary.counts;
    let duplicates: u64 =
        run.left_out.iter().filter(|group| group.code == RejectCode::Duplicate).map(|group| group.rows).sum();
    let mut figures = vec![
        ("Rows read", counts.read),
        ("Would be sent", counts.to_send()),
        ("Would be left out", counts.rejected),
        ("Of these, the same person again", duplicates),
    ];
    match counts.changes {
        Some(changes) => figures.extend([
            ("New", changes.added),
            ("Changed", changes.changed),
            ("Removed", changes.removed),
            ("Unchanged, not sent again", changes.unchanged),
        ]),
        None => match summary.mode {
            Mode::Add => figures.push(("Added, or added anew", counts.to_send())),
            Mode::Replace => figures.push(("Members afterwards, at most", counts.to_send())),
            Mode::Remove => figures.push(("Removed, at most", counts.to_send())),
            Mode::Mirror => {}
        },
    }
    let figures: Vec<_> = figures
        .into_iter()
        .map(|(name, number)| view! { <div><dt>{name}</dt><dd><Count number /></dd></div> })
        .collect();
    let more = run.left_out.len().saturating_sub(REASONS);
    let reasons: Vec<_> = run
        .left_out
        .iter()
        .take(REASONS)
        .map(|group| view! { <li><Count number=group.rows />" "{group.reason.clone()}</li> })
        .collect();
    let empties: Vec<_> = run
        .left_empty
        .iter()
        .take(REASONS)
        .map(|left| view! { <li><Count number=left.rows />" "{left.field.clone()}" left empty: "{left.reason.clone()}</li> })
        .collect();
    // What it would be held for, and how long sending takes, is told in the run's own sentences; the first only says that it was asked for.
    let told: Vec<_> = run.timeline.iter().skip(1).map(|entry| view! { <li>{entry.message.clone()}</li> }).collect();
    let has_reasons = !reasons.is_empty() || !empties.is_empty();
    view! {
        <dl class="facts pre-flight-figures">{figures}</dl>
        {has_reasons
            .then(|| {
                view! {
                    <h3>"Why rows are left out, or values"</h3>
                    <ul class="reasons">{reasons} {empties} {(more > 0).then(|| view! { <li>{format!("and {more} more reasons")}</li> })}</ul>
                }
            })}
        <ul class="told">{told}</ul>
    }
}
