//! A run's page: how far it is, where every row went, what happened when, and its receipt.

use leptos::prelude::*;
use model::{
    run::{Changes, LeftEmpty, Mode, RunState},
    view::{BesideRun, RunView},
};

use super::{
    details::{Details, follow_details, run_details},
    funnel::Funnel,
    held::{DecideRun, Held},
    list::milliseconds,
    live::follow,
};
use crate::{
    actions::{ActionForm, ServerAction},
    components::{
        badge::RunBadge,
        button::{ButtonKind, ButtonLink, SubmitButton},
        count::{bytes, counted, grouped},
        dialog::Dialog,
        field::ErrorSummary,
        icon::{Icon, IconName},
        notice::Trouble,
        page::PageHead,
        progress::Progress,
        skeleton::Skeleton,
        time::{Time, clock_time},
    },
    error::AppError,
    flash::{Form, FormState},
    pages::address_part,
};

/// The run.
#[server(endpoint = "run", protocol = crate::Called)]
pub async fn run(id: String) -> Result<RunView, AppError> {
    let actor = crate::session::actor().await?;
    let found = async { crate::session::hub()?.run(&actor, &crate::pages::parse_id(&id, "run")?).await };
    crate::session::answer(found.await).await
}

/// Calls it off.
#[server(endpoint = "cancel_run", protocol = crate::Called)]
pub async fn cancel_run(run_id: String) -> Result<(), AppError> {
    let actor = crate::session::actor().await?;
    let done = async { crate::session::hub()?.cancel_run(&actor, &crate::pages::parse_id(&run_id, "run")?).await };
    crate::session::answer(done.await).await?;
    leptos_axum::redirect(&format!("/runs/{run_id}"));
    Ok(())
}

/// Lets it rest, or go on.
#[server(endpoint = "pause_run", protocol = crate::Called)]
pub async fn pause_run(run_id: String, pause: bool) -> Result<(), AppError> {
    let actor = crate::session::actor().await?;
    let done = async {
        let id = crate::pages::parse_id(&run_id, "run")?;
        if pause {
            crate::session::hub()?.pause_run(&actor, &id).await
        } else {
            crate::session::hub()?.resume_run(&actor, &id).await
        }
    };
    crate::session::answer(done.await).await?;
    leptos_axum::redirect(&format!("/runs/{run_id}"));
    Ok(())
}

/// Tries it again.
#[server(endpoint = "retry_run", protocol = crate::Called)]
pub async fn retry_run(run_id: String) -> Result<(), AppError> {
    let actor = crate::session::actor().await?;
    let done = async { crate::session::hub()?.retry_run(&actor, &crate::pages::parse_id(&run_id, "run")?).await };
    crate::session::answer(done.await).await?;
    leptos_axum::redirect(&format!("/runs/{run_id}"));
    Ok(())
}

/// The page.
#[component]
pub fn RunPage() -> impl IntoView {
    let id = address_part("id");
    let retry = ServerAction::<RetryRun>::new();
    let cancel = ServerAction::<CancelRun>::new();
    let pause = ServerAction::<PauseRun>::new();
    let decide = ServerAction::<DecideRun>::new();
    let refused = decide.problem();
    let form = Form::new(move || format!("/runs/{}", id.get()), refused);
    let found = crate::answers::ask(
        move || {
            // A decision that was refused changes nothing, and what was typed stays.
            let decided = decide.value().with(|value| matches!(value, Some(Ok(()))));
            (id.get(), retry.version().get(), cancel.version().get(), pause.version().get(), decided)
        },
        |(id, ..)| run(id),
    );
    let beside = crate::answers::ask(move || id.get(), run_details);
    view! {
        <Suspense fallback=|| view! { <Skeleton /> }>
            {move || Suspend::new(async move {
                let state = form.state().await;
                match (found.await, beside.await) {
                    (Ok(first), Ok(details)) => view! { <Content first details retry cancel pause decide form=state /> }.into_any(),
                    (Err(error), _) | (_, Err(error)) => view! { <PageHead title="Run" /><Trouble error /> }.into_any(),
                }
            })}
        </Suspense>
    }
}

/// How far it is, 0 to 100; none while that can't be told.
fn percent(run: &RunView) -> Option<u8> {
    let counts = &run.summary.counts;
    let part = |done: u64, of: u64| u8::try_from((done * 100).checked_div(of)?.min(100)).ok();
    match run.summary.state {
        RunState::Reading => part(counts.read, counts.declared?).map(|read| read / 2),
        RunState::Delivering => part(u64::from(run.parts_acknowledged), u64::from(run.parts)).map(|sent| 50 + sent / 2),
        RunState::Completing => Some(100),
        _ => None,
    }
}

/// Why it does not go on just now, when it does not.
fn stopped(run: &RunView) -> Option<String> {
    if run.paused { Some("Paused. It goes on when somebody resumes it.".to_owned()) } else { run.waiting.clone() }
}

/// What is going on, as a sentence.
fn going_on(run: &RunView) -> String {
    let (counts, summary) = (&run.summary.counts, &run.summary);
    match summary.state {
        RunState::Queued => "Waiting for its turn.".to_owned(),
        RunState::Exporting => format!("Waiting for {} to prepare the data.", summary.source_name),
        RunState::Reading => match counts.declared {
            Some(declared) => {
                format!("Reading from {}: {} of {} rows.", summary.source_name, grouped(counts.read), grouped(declared))
            }
            None => format!("Reading from {}: {}.", summary.source_name, counted(counts.read, "row", "rows")),
        },
        RunState::Held => "Nothing was sent. It goes on when somebody approves it.".to_owned(),
        RunState::Delivering => format!(
            "Sending to {}: {} of {} rows, {} of {} parts.",
            summary.destination_name,
            grouped(counts.acknowledged + counts.refused),
            grouped(counts.to_send()),
            run.parts_acknowledged,
            run.parts
        ),
        RunState::Completing => format!("Waiting for {} to finish.", summary.destination_name),
        RunState::Complete => match counts.changes {
            Some(changes) if counts.to_send() == 0 => {
                format!("Nothing has changed: {} as before.", counted(changes.unchanged, "person", "people"))
            }
            Some(changes) => format!(
                "{} delivered; {} unchanged.",
                if counts.acknowledged == 1 {
                    "The one change was".to_owned()
                } else {
                    format!("All {} were", counted(counts.acknowledged, "change", "changes"))
                },
                counted(changes.unchanged, "person is", "people are")
            ),
            None if counts.acknowledged == 1 => "The one row was delivered.".to_owned(),
            None => format!("All {} were delivered.", counted(counts.acknowledged, "row", "rows")),
        },
        RunState::CompleteWithRejects => {
            let left_out = grouped(counts.rejected + counts.refused);
            match counts.changes {
                Some(changes) => format!(
                    "{} delivered, {} unchanged, {left_out} left out with a reason.",
                    counted(counts.acknowledged, "change", "changes"),
                    counted(changes.unchanged, "person", "people"),
                ),
                None => format!(
                    "{} delivered, {left_out} left out with a reason.",
                    counted(counts.acknowledged, "row", "rows")
                ),
            }
        }
        RunState::Failed => "It could not go on.".to_owned(),
        RunState::Canceled => "It was called off.".to_owned(),
        RunState::Checked => format!(
            "Nothing was sent. {} would be sent to {}.",
            counted(counts.to_send(), "row", "rows"),
            summary.destination_name
        ),
    }
}

/// Rows each second since it was taken up, and the time left at that pace.
fn pace(run: &RunView) -> Option<String> {
    let (first, last) = (run.summary.started_at.as_deref()?, run.timeline.last()?);
    let state = run.summary.state;
    if !matches!(state, RunState::Complete | RunState::CompleteWithRejects) {
        return None;
    }
    let end = run.summary.finished_at.as_deref().unwrap_or(&last.at);
    let took = milliseconds(end)?.checked_sub(milliseconds(first)?)?.max(1);
    Some(format!("{} rows a second", grouped(run.summary.counts.read * 1_000 / took)))
}

#[component]
fn Content(
    first: RunView,
    details: BesideRun,
    retry: ServerAction<RetryRun>,
    cancel: ServerAction<CancelRun>,
    pause: ServerAction<PauseRun>,
    decide: ServerAction<DecideRun>,
    form: FormState,
) -> impl IntoView {
    let summary = first.summary.clone();
    let id = summary.id.to_string();
    let live = follow(first);
    let view = live.view;
    let details = RwSignal::new(details);
    follow_details(view, details);
    let retryable = Memo::new(move |_| view.with(|view| view.failure.as_ref().map(|failure| failure.retryable)));
    let state = Memo::new(move |_| view.with(|view| view.summary.state));
    let may_share = crate::pages::may_share();
    let arrow = match summary.mode {
        Mode::Add => "to",
        Mode::Replace => "replaces",
        Mode::Remove => "removed from",
        Mode::Mirror => "mirrored in",
    };
    let lead = format!(
        "{} of {}, {arrow} “{}” in {}",
        summary.audience_name, summary.source_name, summary.destination_segment, summary.destination_name
    );
    let trouble = move || {
        let failed = live.error.get();
        let failed = failed.or_else(|| retry.error());
        let failed = failed.or_else(|| cancel.error());
        let failed = failed.or_else(|| pause.error());
        failed.map(|error| view! { <Trouble error /> })
    };
    let repair_form = form.clone();
    let asking = RwSignal::new(false);
    let hold = Memo::new(move |_| view.with(|view| view.hold));
    let summary_held = summary.clone();
    let (run_to_retry, run_to_cancel, run_to_cancel_plain) = (id.clone(), id.clone(), id.clone());
    let (run_to_pause, run_to_resume) = (id.clone(), id.clone());
    let paused = Memo::new(move |_| view.with(|view| view.paused));
    let share_href = format!("/shares/{}", summary.share_id);
    let review_again = format!("/shares/{}/review", summary.share_id);
    let review_href = format!("/shares/{}/review", summary.share_id);
    let destination = summary.destination_name.clone();
    view! {
        <PageHead title=format!("Run of {}", summary.audience_name) above=vec![("/runs".to_owned(), "Runs".to_owned())] lead=lead>
            <ButtonLink href=share_href>"Open the share"</ButtonLink>
            {may_share
                .then(|| {
                    view! {
                        <div hidden=move || retryable.get() != Some(true)>
                            <ActionForm action=retry>
                                <input type="hidden" name="run_id" value=run_to_retry />
                                <SubmitButton kind=ButtonKind::Primary pending=retry.pending()>"Try again"</SubmitButton>
                            </ActionForm>
                        </div>
                        <div hidden=move || state.get() != RunState::Checked>
                            <ButtonLink href=review_again kind=ButtonKind::Primary>"Back to the review"</ButtonLink>
                        </div>
                        // What has to be changed first would only fail again.
                        <div hidden=move || retryable.get() != Some(false)>
                            <ButtonLink href=review_href kind=ButtonKind::Primary>"Share again"</ButtonLink>
                        </div>
                        <div hidden=move || !state.get().is_workable() || paused.get()>
                            <ActionForm action=pause>
                                <input type="hidden" name="run_id" value=run_to_pause />
                                <input type="hidden" name="pause" value="true" />
                                <SubmitButton pending=pause.pending()>"Pause"</SubmitButton>
                            </ActionForm>
                        </div>
                        <div hidden=move || !paused.get()>
                            <ActionForm action=pause>
                                <input type="hidden" name="run_id" value=run_to_resume />
                                <input type="hidden" name="pause" value="false" />
                                <SubmitButton kind=ButtonKind::Primary pending=pause.pending()>"Resume"</SubmitButton>
                            </ActionForm>
                        </div>
                        <div class="needs-program" hidden=move || !state.get().is_workable()>
                            <button type="button" class="button danger" on:click=move |_| asking.set(true)>"Cancel"</button>
                        </div>
                        <noscript>
                            <form method="post" action="/api/cancel_run" hidden=!state.get_untracked().is_workable()>
                                <input type="hidden" name="run_id" value=run_to_cancel_plain />
                                <button type="submit" class="button danger">"Cancel this run"</button>
                            </form>
                        </noscript>
                    }
                })}
        </PageHead>
        {trouble}
        <section class="run-now" aria-labelledby="now">
            <h2 id="now" class="visually-hidden">"How far it is"</h2>
            <div class="run-state">
                <p role="status">
                    {move || view! { <RunBadge state=state.get() /> }} " "
                    <span>{move || view.with(stopped)}</span>
                </p>
                // Apart from the state, which is read out at each change: this changes every second.
                <p hidden=move || view.with(|view| stopped(view).is_some())>{move || view.with(going_on)}</p>
            </div>
            <p class="run-pace soft" hidden=move || live.pace.with(Option::is_none)>{move || live.pace.get()}</p>
            <p class="soft" role="status">
                {move || {
                    live.is_lost
                        .get()
                        .then_some("The connection to Usher was lost. The run goes on by itself; this is how it was, and is asked for again.")
                }}
            </p>
            <div hidden=move || !state.get().is_workable()>
                <Progress label="Progress of the run" percent=Signal::derive(move || view.with(percent)) />
            </div>
            {move || view.with(|view| view.failure.clone()).map(|failure| view! {
                <div class="notice bad" role="status"><Icon name=IconName::Failed /><p>{failure.message}</p></div>
            })}
            {(!may_share)
                .then(|| view! { <p class="soft">"You can look at runs; a member or an admin of this account can cancel them, try them again and share."</p> })}
            <noscript><p><a href=format!("/runs/{id}")>"Refresh"</a></p></noscript>
        </section>
        {move || {
            let held = hold.get()?;
            Some(view! { <Held hold=held summary=summary_held.clone() state=form.clone() action=decide /> })
        }}
        <section aria-labelledby="rows">
            <h2 id="rows">"Where the rows went"</h2>
            <WhatChanged view />
            <Funnel run=view details />
            <p class="soft">"These are rows delivered, not people matched: how many of them the destination knows is its own matter."</p>
            <p class="rejects-line" hidden=move || !view.with(|view| view.has_rejects)>
                <a class="button" href=format!("/runs/{}/rejects.csv", summary.id) rel="external" download="">
                    <Icon name=IconName::Download />
                    "Download rejects"
                </a>
                {move || view.with(|view| view.kept_until.clone()).map(|at| view! { <span class="soft">"Kept until "<Time at /></span> })}
            </p>
            {may_share.then(|| view! { <RepairForm run_id=summary.id.to_string() form=repair_form state view /> })}
            <LeftEmptyValues view />
        </section>
        <Figures view />
        <Details view details />
        <section aria-labelledby="timeline">
            <h2 id="timeline">"What happened"</h2>
            <ol class="timeline">
                {move || {
                    view.with(|view| {
                        view.timeline
                            .iter()
                            .map(|entry| {
                                let at = entry.at.clone();
                                view! { <li><time datetime=at.clone() title=at.clone()>{clock_time(&at)}</time><span>{entry.message.clone()}</span></li> }
                            })
                            .collect::<Vec<_>>()
                    })
                }}
            </ol>
            <p class="soft">"Times of day are in UTC."</p>
        </section>
        <section aria-labelledby="receipt" hidden=move || view.with(|view| view.receipt_sha256.is_none())>
            <h2 id="receipt">"Receipt"</h2>
            <p>
                {move || {
                    if view.with(|view| view.summary.counts.changes.is_some()) {
                        "Every row is accounted for: declared is read; read is valid and rejected; valid is new, changed and unchanged; sent is new, changed and left; sent is acknowledged and refused."
                    } else {
                        "Every row is accounted for: declared is read; read is valid and rejected; valid is sent; sent is acknowledged and refused."
                    }
                }}
            </p>
            <dl class="facts digest-facts">
                <div><dt>"SHA-256 of what was delivered"</dt><dd><code class="digest">{move || view.with(|view| view.receipt_sha256.clone())}</code></dd></div>
            </dl>
            <a class="button" href=format!("/runs/{}/receipt.json", summary.id) rel="external" download="">
                <Icon name=IconName::Download />
                "Download the receipt"
            </a>
            <p class="soft">"It is signed by this installation; "<a href="/account">"the account’s page"</a>" tells later whether a receipt is genuine."</p>
        </section>
        <Dialog open=asking title="Cancel this run?">
            <p>
                {format!("What was sent stays with {destination} when rows were added or removed; a replacement that has not finished does not happen. What is on its way may still arrive.")}
            </p>
            <div class="actions">
                <button type="button" class="button" on:click=move |_| asking.set(false)>"Let it run"</button>
                <ActionForm action=cancel on:submit=move |_| asking.set(false)>
                    <input type="hidden" name="run_id" value=run_to_cancel />
                    <SubmitButton kind=ButtonKind::Danger pending=cancel.pending()>"Cancel the run"</SubmitButton>
                </ActionForm>
            </div>
        </Dialog>
    }
}

/// Sends the rejects again, once they are repaired. Posted by the browser itself: a file may be large.
#[component]
fn RepairForm(run_id: String, form: FormState, state: Memo<RunState>, view: ReadSignal<RunView>) -> impl IntoView {
    let problem = form.problem("file");
    let is_possible = move || state.get() == RunState::CompleteWithRejects && view.with(|view| view.has_rejects);
    let is_wrong = form.error().with_untracked(Option::is_some);
    view! {
        <details class="repair" hidden=move || !is_possible() open=is_wrong>
            <summary>"Repair the rejects and send them again"</summary>
            <p>
                "Download the rejects, mend the values, and upload the file: only its rows are sent, to the same segment with the same mapping. The columns with the reasons may stay."
            </p>
            <ErrorSummary form fields=&[("file", "Repaired rows")] />
            <form class="form" method="post" enctype="multipart/form-data" action=format!("/runs/{run_id}/repair")>
                <div class="field" class:wrong=move || problem.with(Option::is_some)>
                    <label for="file">"Repaired rows (CSV)"</label>
                    <input
                        id="file"
                        name="file"
                        type="file"
                        accept=".csv,text/csv"
                        required
                        aria-describedby="file-problem"
                        aria-invalid=move || problem.with(Option::is_some).to_string()
                    />
                    <p class="problem" id="file-problem" role="alert" hidden=move || problem.with(Option::is_none)>{move || problem.get()}</p>
                </div>
                <div class="actions">
                    <button type="submit" class="button">"Send the repaired rows"</button>
                </div>
            </form>
        </details>
    }
}

/// What a mirror found, compared with what its share had sent before.
#[component]
fn WhatChanged(view: ReadSignal<RunView>) -> impl IntoView {
    let changes = Memo::new(move |_| view.with(|view| view.summary.counts.changes));
    let count = move |of: fn(&Changes) -> u64| move || grouped(changes.get().as_ref().map_or(0, of));
    view! {
        <dl class="changes" hidden=move || changes.with(Option::is_none)>
            <div><dt>"New"</dt><dd class="count">{count(|changes| changes.added)}</dd><dd class="soft">"added"</dd></div>
            <div><dt>"Changed"</dt><dd class="count">{count(|changes| changes.changed)}</dd><dd class="soft">"sent again"</dd></div>
            <div><dt>"Left"</dt><dd class="count">{count(|changes| changes.removed)}</dd><dd class="soft">"removed"</dd></div>
            <div><dt>"Unchanged"</dt><dd class="count">{count(|changes| changes.unchanged)}</dd><dd class="soft">"not sent again"</dd></div>
        </dl>
    }
}

/// Values that were sent empty although their rows were fit to be sent.
#[component]
fn LeftEmptyValues(view: ReadSignal<RunView>) -> impl IntoView {
    let groups = Memo::new(move |_| view.with(|view| view.left_empty.clone()));
    let listed = move || {
        let item = |group: LeftEmpty| view! { <li><strong>{grouped(group.rows)}</strong>" · "{group.reason}</li> };
        groups.get().into_iter().map(item).collect::<Vec<_>>()
    };
    view! {
        <div class="values-left-empty" hidden=move || groups.with(Vec::is_empty)>
            <h3>"Values left empty"</h3>
            <p class="soft">"These people were sent, without a value that did not fit. The mapping says so: “Leave empty when invalid”."</p>
            <ul>{listed}</ul>
        </div>
    }
}

#[component]
fn Figures(view: ReadSignal<RunView>) -> impl IntoView {
    let (summary, version) = view.with_untracked(|view| (view.summary.clone(), view.mapping_version));
    let versions = format!("/shares/{}/versions#version-{version}", summary.share_id);
    view! {
        <dl class="facts">
            <div><dt>"Asked for"</dt><dd><Time at=summary.created_at /></dd></div>
            <div><dt>"Read"</dt><dd>{move || view.with(|view| bytes(view.summary.counts.bytes_read))}</dd></div>
            <div><dt>"Sent"</dt><dd>{move || view.with(|view| bytes(view.summary.counts.bytes_sent))}</dd></div>
            <div><dt>"Parts"</dt><dd>{move || view.with(|view| format!("{} of {} acknowledged", view.parts_acknowledged, view.parts))}</dd></div>
            <div><dt>"Calls tried again"</dt><dd>{move || view.with(|view| view.retries)}</dd></div>
            <div><dt>"Mapping version"</dt><dd><a href=versions>{version}</a></dd></div>
            <div hidden=move || view.with(|view| pace(view).is_none())><dt>"Pace"</dt><dd>{move || view.with(pace)}</dd></div>
        </dl>
    }
}
