//! Blackouts: times of the account at which nothing runs by itself; typed, or read from a calendar file.

use leptos::prelude::*;
use model::{
    calendar::BlackoutView,
    recurrence::{BlackoutForm, WEEKDAY_WORDS},
};

use crate::{
    actions::{ActionForm, ServerAction, newest},
    components::{
        button::{ButtonKind, SubmitButton},
        empty_state::EmptyState,
        field::{ErrorSummary, TextField},
        notice::{Done, Trouble},
        page::PageHead,
        skeleton::Skeleton,
    },
    error::AppError,
    flash::{Form, FormState},
};

/// The page's path.
const PATH: &str = "/schedule/blackouts";

/// The account's blackouts, and the viewer's time zone.
#[server(endpoint = "blackouts", protocol = crate::Called)]
pub async fn blackouts() -> Result<(Vec<BlackoutView>, String), AppError> {
    let (hub, actor) = (crate::session::hub()?, crate::session::actor().await?);
    let found = crate::session::answer(hub.blackouts(&actor).await).await?;
    Ok((found, crate::zone::of_request()))
}

/// Adds a blackout.
#[server(endpoint = "add_blackout", protocol = crate::Called)]
pub async fn add_blackout(
    name: String,
    #[server(default)] zone: String,
    #[server(default)] first: String,
    #[server(default)] last: String,
    #[server(default)] from: String,
    #[server(default)] until: String,
    #[server(default)] days: BlackoutForm,
) -> Result<String, AppError> {
    let (hub, actor) = (crate::session::hub()?, crate::session::actor().await?);
    let form = BlackoutForm { name, zone, first, last, from, until, ..days };
    match hub.add_blackout(&actor, &form).await {
        Ok(()) => crate::flash::done(PATH, format!("“{}” was added.", form.name.trim())).await,
        Err(error) => {
            let values = [
                ("name", form.name.as_str()),
                ("kind", &form.kind),
                ("zone", &form.zone),
                ("first", &form.first),
                ("last", &form.last),
                ("from", &form.from),
                ("until", &form.until),
                ("mon", &form.mon),
                ("tue", &form.tue),
                ("wed", &form.wed),
                ("thu", &form.thu),
                ("fri", &form.fri),
                ("sat", &form.sat),
                ("sun", &form.sun),
            ];
            Err(crate::flash::fail(PATH, &values, error).await)
        }
    }
}

/// Removes a blackout.
#[server(endpoint = "remove_blackout", protocol = crate::Called)]
pub async fn remove_blackout(id: String) -> Result<String, AppError> {
    let (hub, actor) = (crate::session::hub()?, crate::session::actor().await?);
    let removed = async { hub.remove_blackout(&actor, &crate::pages::parse_id(&id, "blackout")?).await };
    match removed.await {
        Ok(()) => crate::flash::done(PATH, "The blackout was removed.".to_owned()).await,
        Err(error) => Err(crate::flash::fail(PATH, &[], error).await),
    }
}

/// The page.
#[component]
pub fn BlackoutsPage() -> impl IntoView {
    let (add, remove) = (ServerAction::<AddBlackout>::new(), ServerAction::<RemoveBlackout>::new());
    let newest = newest([add.call(), remove.call()]);
    let form = Form::new(|| PATH.to_owned(), newest.problem());
    let outcome = move || newest.notice().map(|text| view! { <Done text /> });
    let found = crate::answers::ask(move || (add.version().get(), remove.version().get()), |_| blackouts());
    view! {
        <PageHead
            title="Blackouts"
            above=vec![("/schedule".to_owned(), "Schedule".to_owned())]
            lead="Times at which no run begins by itself. Each schedule says whether its run then waits, is skipped, or comes all the same."
        />
        {outcome}
        <Transition fallback=|| view! { <Skeleton /> }>
            {move || Suspend::new(async move {
                let form = form.state().await;
                match found.await {
                    Ok((found, zone)) => view! { <Loaded found zone form add remove /> }.into_any(),
                    Err(error) => view! { <Trouble error /> }.into_any(),
                }
            })}
        </Transition>
    }
}

#[component]
fn Loaded(
    found: Vec<BlackoutView>,
    zone: String,
    form: FormState,
    add: ServerAction<AddBlackout>,
    remove: ServerAction<RemoveBlackout>,
) -> impl IntoView {
    let may_share = crate::pages::may_share();
    let rows: Vec<_> = found
        .into_iter()
        .map(|blackout| {
            let button = may_share.then(|| {
                let label = format!("Remove {}", blackout.name);
                view! {
                    <ActionForm action=remove>
                        <input type="hidden" name="id" value=blackout.id.to_string() />
                        <button type="submit" class="button quiet" aria-label=label>"Remove"</button>
                    </ActionForm>
                }
            });
            view! {
                <tr>
                    <th scope="row" data-label="Name">{blackout.name}</th>
                    <td data-label="When">{blackout.words}</td>
                    <td>{button}</td>
                </tr>
            }
        })
        .collect();
    let list = if rows.is_empty() {
        view! { <EmptyState text="There is no blackout: runs begin at any time." /> }.into_any()
    } else {
        view! {
            <table class="list">
                <thead><tr><th scope="col">"Name"</th><th scope="col">"When"</th><th scope="col"><span class="visually-hidden">"Remove"</span></th></tr></thead>
                <tbody>{rows}</tbody>
            </table>
        }
        .into_any()
    };
    let notice = form.notice().map(|text| view! { <Done text /> });
    let is_weekly = form.value("kind") == "weekly";
    let days: Vec<_> = WEEKDAY_WORDS
        .into_iter()
        .map(|(_, word, name)| {
            view! {
                <label class="day-choice">
                    <input type="checkbox" name=format!("days[{word}]") value="on" checked=!form.value(word).is_empty() />
                    <span>{name}</span>
                </label>
            }
        })
        .collect();
    let problem = form.problem("days");
    let file_problem = form.problem("file");
    let summary = form.clone();
    let forms = may_share.then(|| {
        let file_zone = zone.clone();
        view! {
            <section aria-labelledby="add">
                <h2 id="add">"Add a blackout"</h2>
                <ActionForm action=add attr:class="form blackout-form" attr:novalidate="">
                    <TextField form=form.clone() name="name" label="What it is for" />
                    <fieldset>
                        <legend>"When"</legend>
                        <label class="choice"><input type="radio" name="days[kind]" value="span" checked=!is_weekly /><span>"On some days"</span></label>
                        <label class="choice"><input type="radio" name="days[kind]" value="weekly" checked=is_weekly /><span>"In every week"</span></label>
                    </fieldset>
                    <div class="line for-days">
                        <TextField form=form.clone() name="first" label="First day" kind="date" />
                        <TextField form=form.clone() name="last" label="Last day" kind="date" help="Empty: one day only" />
                    </div>
                    <fieldset class="for-week days" id="days">
                        <legend>"On"</legend>
                        {days}
                        <p class="problem" hidden=move || problem.with(Option::is_none)>{move || problem.get()}</p>
                    </fieldset>
                    <div class="line">
                        <TextField form=form.clone() name="from" label="From" kind="time" help="Empty: midnight" />
                        <TextField form=form.clone() name="until" label="Until" kind="time" help="Empty: midnight" />
                    </div>
                    <TextField form=form.clone() name="zone" label="Time zone" initial=zone.clone() />
                    <SubmitButton kind=ButtonKind::Primary pending=add.pending()>"Add"</SubmitButton>
                </ActionForm>
            </section>
            <section aria-labelledby="read">
                <h2 id="read">"Holidays from a calendar file"</h2>
                <p class="soft">"Each event of the file becomes a blackout; those that are there already are passed over. Events that repeat are left out."</p>
                <form class="form" method="post" action="/schedule/blackouts/file" enctype="multipart/form-data">
                    <input type="hidden" name="zone" value=file_zone />
                    <div class="field" class:wrong=move || file_problem.with(Option::is_some)>
                        <label for="file">"Calendar file (.ics)"</label>
                        <input id="file" name="file" type="file" accept=".ics,text/calendar" />
                        <p class="problem" hidden=move || file_problem.with(Option::is_none)>{move || file_problem.get()}</p>
                    </div>
                    <button type="submit" class="button">"Add its events"</button>
                </form>
            </section>
        }
    });
    view! {
        {notice}
        <ErrorSummary
            form=summary
            fields=&[("name", "What it is for"), ("first", "First day"), ("last", "Last day"), ("days", "Days of the week"), ("from", "From"), ("until", "Until"), ("zone", "Time zone"), ("file", "Calendar file")]
        />
        {list}
        {forms}
    }
}
