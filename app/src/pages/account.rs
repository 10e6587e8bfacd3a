//! The account: how long rows of its people are kept, and whether a receipt is genuine.

use leptos::prelude::*;
use model::view::{KeptRows, RetentionView};

use crate::{
    actions::{ActionForm, ServerAction},
    components::{
        button::{ButtonKind, SubmitButton},
        count::{counted, grouped},
        field::{ErrorSummary, TextField},
        notice::{Done, Trouble},
        page::PageHead,
        skeleton::Skeleton,
        time::Time,
    },
    error::AppError,
    flash::{Form, FormState},
};

const PATH: &str = "/account";

/// The account's policy.
#[server(endpoint = "retention", protocol = crate::Called)]
pub async fn retention() -> Result<RetentionView, AppError> {
    let actor = crate::session::actor().await?;
    crate::session::answer(crate::session::hub()?.retention(&actor).await).await
}

/// Sets how long rows are kept; an empty number goes back to the installation's. What was done, in a sentence.
#[server(endpoint = "set_retention", protocol = crate::Called)]
pub async fn set_retention(#[server(default)] retention_days: String) -> Result<String, AppError> {
    let (hub, actor) = (crate::session::hub()?, crate::session::actor().await?);
    let wrong = || model::error::HubError::invalid("retention_days", "Enter a whole number of days, or nothing.");
    let set = async {
        let days = match retention_days.trim() {
            "" => None,
            days => Some(days.parse().map_err(|_| wrong())?),
        };
        hub.set_retention(&actor, days).await?;
        hub.retention(&actor).await
    };
    match set.await {
        Ok(retention) => {
            let days = counted(u64::from(retention.days), "day", "days");
            let notice = match retention.days {
                0 => "Saved. Rows of runs are kept no longer than the run.".to_owned(),
                _ => format!("Saved. Rows of runs are kept for {days} after the end of the run."),
            };
            if crate::flash::is_plain_form_post().await {
                let flash = crate::flash::Flash { notice: Some(notice.clone()), ..crate::flash::Flash::default() };
                crate::flash::leave(PATH, flash).await?;
                leptos_axum::redirect(PATH);
            }
            Ok(notice)
        }
        Err(error) => Err(crate::flash::fail(PATH, &[("retention_days", &retention_days)], error).await),
    }
}

/// The page.
#[component]
pub fn AccountPage() -> impl IntoView {
    let action = ServerAction::<SetRetention>::new();
    let live = action.problem();
    let form = Form::new(|| PATH.to_owned(), live);
    // Asked for again once it was saved, and not when it could not be: what was typed stays.
    let saved = Memo::new(move |before: Option<&u32>| {
        let before = before.copied().unwrap_or_default();
        action.value().with(|value| if matches!(value, Some(Ok(_))) { before + 1 } else { before })
    });
    let policy = crate::answers::ask(move || saved.get(), |_| retention());
    let done = move || {
        action.value().with(|value| match value {
            Some(Ok(notice)) => Some(view! { <Done text=notice.clone() /> }),
            _ => None,
        })
    };
    view! {
        <Transition fallback=|| view! { <Skeleton /> }>
            {move || Suspend::new(async move {
                let state = form.state().await;
                match policy.await {
                    Ok(policy) => {
                        let notice = state.notice().map(|text| view! { <Done text /> });
                        view! {
                            <PageHead title="Account" lead="What holds for everybody in this account." />
                            {notice}
                            {done}
                            <ErrorSummary form=state.clone() fields=&[("retention_days", "Days"), ("receipt", "Receipt")] />
                            <Retention policy form=state.clone() action />
                            <section aria-labelledby="alerts">
                                <h2 id="alerts">"Alerts"</h2>
                                <p>"When a run fails, waits or is late, people can be told without looking: by mail, and through other programs."</p>
                                <a class="button" href="/account/alerts">"What is told, and to whom"</a>
                            </section>
                            <CheckReceipt form=state />
                        }
                            .into_any()
                    }
                    Err(error) => view! { <PageHead title="Account" /><Trouble error /> }.into_any(),
                }
            })}
        </Transition>
    }
}

#[component]
fn Retention(policy: RetentionView, form: FormState, action: ServerAction<SetRetention>) -> impl IntoView {
    let default = counted(u64::from(policy.default_days), "day", "days");
    let when = match policy.days {
        0 => "As soon as the run has ended".to_owned(),
        days => format!("{} after its end", counted(u64::from(days), "day", "days")),
    };
    let (own, changed) = match policy.changed {
        Some((by, at)) => {
            (policy.days.to_string(), view! { <p class="soft">{format!("Set by {by}, ")}<Time at />"."</p> }.into_any())
        }
        None => (
            String::new(),
            view! { <p class="soft">"This is the installation’s; the account has set nothing."</p> }.into_any(),
        ),
    };
    let kept = policy.kept.map(|KeptRows { runs, oldest_at }| {
        let of = format!(
            "Something is kept of {} {}; the oldest ended ",
            grouped(runs),
            if runs == 1 { "run" } else { "runs" }
        );
        view! { <p>{of}<Time at=oldest_at />"."</p> }
    });
    let body = if crate::pages::may_connect() {
        view! {
            <ActionForm action attr:class="form">
                <TextField
                    form
                    name="retention_days"
                    label="Days"
                    initial=own
                    help=format!("From 0 to 365; empty for the installation’s {default}. A shorter time holds at once, for runs that have ended too: what is older is destroyed within minutes, and can’t be brought back.")
                />
                <SubmitButton kind=ButtonKind::Primary pending=action.pending()>"Save"</SubmitButton>
            </ActionForm>
        }
        .into_any()
    } else {
        view! { <p class="soft">"An admin of this account can change it."</p> }.into_any()
    };
    view! {
        <section aria-labelledby="retention">
            <h2 id="retention">"How long rows are kept"</h2>
            <p>
                "What is left of a run – the rows that were rejected, and the parts of one that failed – waits for somebody to repair them or to try again. "
                <strong>{when}</strong>
                " the run’s key is destroyed and the files go. Receipts stay."
            </p>
            {kept}
            {changed}
            {body}
        </section>
    }
}

/// Posted by the browser itself: a file is no field of a server function.
#[component]
fn CheckReceipt(form: FormState) -> impl IntoView {
    let problem = form.problem("receipt");
    view! {
        <section aria-labelledby="check-receipt">
            <h2 id="check-receipt">"Check a receipt"</h2>
            <p>
                "Every run that ended well has a receipt, signed by this installation. Choose one to see whether it is as it was written."
            </p>
            <form class="form" method="post" enctype="multipart/form-data" action="/receipts/check">
                <div class="field" class:wrong=move || problem.with(Option::is_some)>
                    <label for="receipt">"Receipt (JSON)"</label>
                    <input
                        id="receipt"
                        name="receipt"
                        type="file"
                        accept=".json,application/json"
                        required
                        aria-describedby="receipt-problem"
                        aria-invalid=move || problem.with(Option::is_some).to_string()
                    />
                    <p class="problem" id="receipt-problem" hidden=move || problem.with(Option::is_none)>{move || problem.get()}</p>
                </div>
                <button type="submit" class="button">"Check"</button>
            </form>
            <p class="soft">
                "Without Usher: "<code>"usher verify-receipt FILE --key KEY"</code>", with "<a href="/receipt-key" rel="external">"the installation’s public key"</a>"."
            </p>
        </section>
    }
}
