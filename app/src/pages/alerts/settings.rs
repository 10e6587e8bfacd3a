//! The account's alerts: what is told, who is told by mail, which programs are told, and what became of each message.

use leptos::prelude::*;
use model::alert::{AlertForm, AlertSettingsView, AlertWebhook, Channel, Delivery, DeliveryState, ToldPerson};

use super::rules_form::{FIELDS, RuleInputs};
use crate::{
    actions::{ActionForm, Newest, ServerAction, newest},
    answers::look_again_soon,
    components::{
        badge::{Badge, Tone},
        button::{ButtonKind, SubmitButton},
        empty_state::EmptyState,
        field::{ErrorSummary, TextField},
        notice::{Done, Trouble},
        page::PageHead,
        skeleton::Skeleton,
        time::Time,
    },
    error::AppError,
    flash::{Form, FormState},
};

const PATH: &str = "/account/alerts";

/// What is told in the account.
#[server(endpoint = "alert_settings", protocol = crate::Called)]
pub async fn alert_settings() -> Result<AlertSettingsView, AppError> {
    let actor = crate::session::actor().await?;
    crate::session::answer(crate::session::hub()?.alert_settings(&actor).await).await
}

/// Sets what is told.
#[server(endpoint = "set_alert_rules", protocol = crate::Called)]
pub async fn set_alert_rules(rules: AlertForm) -> Result<String, AppError> {
    let (hub, actor) = (crate::session::hub()?, crate::session::actor().await?);
    match hub.set_alert_rules(&actor, &rules).await {
        Ok(()) => crate::flash::done(PATH, "Saved. Every share is looked at by the new rules.".to_owned()).await,
        Err(error) => Err(crate::flash::fail(PATH, &super::rules_form::typed(&rules), error).await),
    }
}

/// Has alerts mailed to a person, or not any more.
#[server(endpoint = "mail_alerts_to", protocol = crate::Called)]
pub async fn mail_alerts_to(user_id: String, is_told: bool) -> Result<String, AppError> {
    let (hub, actor) = (crate::session::hub()?, crate::session::actor().await?);
    let set = async { hub.mail_alerts_to(&actor, &crate::pages::parse_id(&user_id, "person")?, is_told).await };
    match set.await {
        Ok(()) if is_told => crate::flash::done(PATH, "Alerts are mailed from now on.".to_owned()).await,
        Ok(()) => crate::flash::done(PATH, "Alerts are not mailed there any more.".to_owned()).await,
        Err(error) => Err(crate::flash::fail(PATH, &[], error).await),
    }
}

/// Adds a program that is told.
#[server(endpoint = "add_alert_webhook", protocol = crate::Called)]
pub async fn add_alert_webhook(#[server(default)] url: String) -> Result<String, AppError> {
    let (hub, actor) = (crate::session::hub()?, crate::session::actor().await?);
    match hub.add_alert_webhook(&actor, &url).await {
        Ok(_) => {
            let notice = "Added. Now make its secret, and give it to the program there.".to_owned();
            crate::flash::done(PATH, notice).await
        }
        Err(error) => Err(crate::flash::fail(PATH, &[("url", &url)], error).await),
    }
}

/// Removes a program that is told, or turns it on again.
#[server(endpoint = "change_alert_webhook", protocol = crate::Called)]
pub async fn change_alert_webhook(id: String, change: String) -> Result<String, AppError> {
    let (hub, actor) = (crate::session::hub()?, crate::session::actor().await?);
    let changed = async {
        let id = crate::pages::parse_id(&id, "webhook")?;
        match change.as_str() {
            "remove" => hub.remove_alert_webhook(&actor, &id).await.map(|()| "Removed."),
            "on" => hub.turn_alert_webhook_on(&actor, &id).await.map(|()| "It is told again from now on."),
            _ => Err(model::error::HubError::invalid("change", "Remove it, or turn it on again.")),
        }
    };
    match changed.await {
        Ok(notice) => crate::flash::done(PATH, notice.to_owned()).await,
        Err(error) => Err(crate::flash::fail(PATH, &[], error).await),
    }
}

/// Sends a test message.
#[server(endpoint = "test_alerts", protocol = crate::Called)]
pub async fn test_alerts(channel: String, receiver: String) -> Result<String, AppError> {
    let (hub, actor) = (crate::session::hub()?, crate::session::actor().await?);
    let tested = async {
        let channel = Channel::parse(&channel)
            .ok_or_else(|| model::error::HubError::invalid("channel", "Choose mail or a webhook."))?;
        hub.test_alerts(&actor, channel, &receiver).await
    };
    match tested.await {
        Ok(()) => {
            let notice = "A test message is on its way; the log below says what becomes of it.".to_owned();
            crate::flash::done(PATH, notice).await
        }
        Err(error) => Err(crate::flash::fail(PATH, &[], error).await),
    }
}

/// The forms of the page.
#[derive(Clone, Copy)]
struct Actions {
    rules: ServerAction<SetAlertRules>,
    mail: ServerAction<MailAlertsTo>,
    add: ServerAction<AddAlertWebhook>,
    change: ServerAction<ChangeAlertWebhook>,
    test: ServerAction<TestAlerts>,
}

impl Actions {
    /// What the last of them came to.
    fn newest(self) -> Newest {
        newest([self.rules.call(), self.mail.call(), self.add.call(), self.change.call(), self.test.call()])
    }
}

/// The page.
#[component]
pub fn AlertSettingsPage() -> impl IntoView {
    let actions = Actions {
        rules: ServerAction::new(),
        mail: ServerAction::new(),
        add: ServerAction::new(),
        change: ServerAction::new(),
        test: ServerAction::new(),
    };
    let newest = actions.newest();
    let live = newest.problem();
    let form = Form::new(|| PATH.to_owned(), live);
    let beat = RwSignal::new(0_u32);
    // Asked for again once something was taken, and not when it could not be: what was typed stays.
    let taken = Memo::new(move |before: Option<&u32>| {
        let before = before.copied().unwrap_or_default();
        live.with(|live| if matches!(live, Some(Ok(()))) { before + 1 } else { before })
    });
    let found = crate::answers::ask(move || (taken.get(), beat.get()), |_| alert_settings());
    // While a message is on its way for the first time, the log looks again every second.
    Effect::new(move |_| {
        let is_under_way = found.get().is_some_and(|found| {
            found.is_ok_and(|found| {
                found
                    .deliveries
                    .iter()
                    .any(|delivery| delivery.state == DeliveryState::Waiting && delivery.attempts <= 1)
            })
        });
        if is_under_way {
            set_timeout(move || beat.update(|beat| *beat = beat.wrapping_add(1)), std::time::Duration::from_secs(1));
        }
    });
    let done = move || newest.notice().map(|text| view! { <Done text /> });
    view! {
        <PageHead
            title="What is told"
            above=vec![("/account".to_owned(), "Account".to_owned())]
            lead="Alerts are always on the page behind the bell. They can be mailed to people, and sent to programs, besides."
        />
        {done}
        <Transition fallback=|| view! { <Skeleton /> }>
            {move || Suspend::new(async move {
                let state = form.state().await;
                match found.await {
                    Ok(settings) => view! { <Loaded settings form=state actions beat /> }.into_any(),
                    Err(error) => view! { <Trouble error /> }.into_any(),
                }
            })}
        </Transition>
    }
}

#[component]
fn Loaded(settings: AlertSettingsView, form: FormState, actions: Actions, beat: RwSignal<u32>) -> impl IntoView {
    let notice = form.notice().map(|text| view! { <Done text /> });
    let is_admin = crate::pages::may_connect();
    let AlertSettingsView { rules, changed, can_mail, people, webhooks, deliveries } = settings;
    let changed = match changed {
        Some((by, at)) => view! { <p class="soft">{format!("Set by {by}, ")}<Time at />"."</p> }.into_any(),
        None => view! { <p class="soft">"This is what comes with Usher; the account has set nothing."</p> }.into_any(),
    };
    let of_rules = form.clone();
    let inputs = if is_admin {
        view! {
            <ActionForm action=actions.rules attr:class="form rules-form" attr:novalidate=true>
                <RuleInputs rules form=of_rules with_credentials=true />
                <SubmitButton kind=ButtonKind::Primary pending=actions.rules.pending()>"Save"</SubmitButton>
            </ActionForm>
        }
        .into_any()
    } else {
        let phrases: Vec<_> =
            rules.phrases().into_iter().map(|phrase| view! { <li>{format!("When {phrase}.")}</li> }).collect();
        view! {
            <ul>{phrases}</ul>
            <p class="soft">"An admin of this account can change it."</p>
        }
        .into_any()
    };
    view! {
        {notice}
        <ErrorSummary form=form.clone() fields=FIELDS />
        <section aria-labelledby="rules">
            <h2 id="rules">"Of every share"</h2>
            <p>"Each share can have its own in place of these; its page says so."</p>
            {changed}
            {inputs}
        </section>
        <People people can_mail actions />
        {is_admin.then(|| view! { <Webhooks webhooks form actions beat /><Log deliveries /> })}
    }
}

#[component]
fn People(people: Vec<ToldPerson>, can_mail: bool, actions: Actions) -> impl IntoView {
    let rows: Vec<_> = people
        .into_iter()
        .map(|person| {
            let id = person.id.to_string();
            let (words, label) = if person.is_told {
                ("Stop", format!("Stop mailing alerts to {}", person.name))
            } else {
                ("Mail alerts", format!("Mail alerts to {}", person.name))
            };
            let receiver = id.clone();
            let test = (person.is_told && can_mail).then(|| {
                let label = format!("Send a test mail to {}", person.name);
                view! {
                    <ActionForm action=actions.test>
                        <input type="hidden" name="channel" value=Channel::Email.as_str() />
                        <input type="hidden" name="receiver" value=receiver />
                        <button type="submit" class="button quiet" aria-label=label>"Test"</button>
                    </ActionForm>
                }
            });
            view! {
                <tr>
                    <th scope="row" data-label="Person">{person.name}</th>
                    <td data-label="Address">{person.email}</td>
                    <td data-label="Mail">{if person.is_told { "Alerts are mailed" } else { "Not mailed" }}</td>
                    <td>
                        <div class="row-actions">
                            <ActionForm action=actions.mail>
                                <input type="hidden" name="user_id" value=id.clone() />
                                <input type="hidden" name="is_told" value=(!person.is_told).to_string() />
                                <button type="submit" class="button quiet" aria-label=label>{words}</button>
                            </ActionForm>
                            {test}
                        </div>
                    </td>
                </tr>
            }
        })
        .collect();
    view! {
        <section aria-labelledby="people">
            <h2 id="people">"By mail"</h2>
            {(!can_mail)
                .then(|| {
                    view! {
                        <p class="soft">
                            "This installation has no mail server yet, so nothing is mailed. Whoever runs it sets "<code>"USHER_SMTP_HOST"</code>" and "
                            <code>"USHER_MAIL_FROM"</code>"."
                        </p>
                    }
                })}
            <table class="list mailed">
                <thead>
                    <tr>
                        <th scope="col">"Person"</th>
                        <th scope="col">"Address"</th>
                        <th scope="col">"Mail"</th>
                        <th scope="col"><span class="visually-hidden">"Change"</span></th>
                    </tr>
                </thead>
                <tbody>{rows}</tbody>
            </table>
        </section>
    }
}

#[component]
fn Webhooks(webhooks: Vec<AlertWebhook>, form: FormState, actions: Actions, beat: RwSignal<u32>) -> impl IntoView {
    let cards: Vec<_> = webhooks.into_iter().map(|webhook| view! { <Webhook webhook actions beat /> }).collect();
    view! {
        <section aria-labelledby="webhooks">
            <h2 id="webhooks">"To programs"</h2>
            <p>
                "Usher posts each message to these addresses, signed by the "
                <a href="https://www.standardwebhooks.com" rel="external noreferrer">"Standard Webhooks"</a>
                " specification, and again until it is taken, for three days."
            </p>
            {(!cards.is_empty()).then(|| view! { <ul class="plain-list webhooks">{cards}</ul> })}
            <ActionForm action=actions.add attr:class="form add-webhook" attr:novalidate=true>
                <TextField
                    form
                    name="url"
                    label="Address"
                    kind="url"
                    help="It begins with https://. A private address must be allowed by whoever runs this installation."
                />
                <SubmitButton pending=actions.add.pending()>"Add a webhook"</SubmitButton>
            </ActionForm>
        </section>
    }
}

#[component]
fn Webhook(webhook: AlertWebhook, actions: Actions, beat: RwSignal<u32>) -> impl IntoView {
    let id = webhook.id.to_string();
    let (tone, state) = match (webhook.has_secret, &webhook.failure) {
        (_, Some(_)) => (Tone::Bad, "Turned off"),
        (false, None) => (Tone::Warn, "No secret yet"),
        (true, None) => (Tone::Good, "Is told"),
    };
    let is_off = webhook.failure.is_some();
    let can_be_tested = webhook.has_secret && !is_off;
    let secret_words = if webhook.has_secret { "Make a new secret" } else { "Make its secret" };
    let secret_help = if webhook.has_secret {
        "It comes as a file, this once. Messages are signed with the present one, too, for a day, so that the program there can be changed over in between."
    } else {
        "It comes as a file, this once. Give it to the program there: it tells by it that a message is from Usher."
    };
    let one = |change: &'static str, words: &'static str| {
        let (id, label) = (id.clone(), format!("{words}: {}", webhook.url));
        view! {
            <ActionForm action=actions.change>
                <input type="hidden" name="id" value=id />
                <input type="hidden" name="change" value=change />
                <button type="submit" class="button quiet" aria-label=label>{words}</button>
            </ActionForm>
        }
    };
    let remove = one("remove", "Remove");
    let on = is_off.then(|| one("on", "Turn on again"));
    let (label, receiver) = (format!("Send a test message to {}", webhook.url), id.clone());
    let test = can_be_tested.then(|| {
        view! {
            <ActionForm action=actions.test>
                <input type="hidden" name="channel" value=Channel::Webhook.as_str() />
                <input type="hidden" name="receiver" value=receiver />
                <button type="submit" class="button quiet" aria-label=label>"Test"</button>
            </ActionForm>
        }
    });
    let look = move |_| look_again_soon(beat);
    view! {
        <li class="card webhook">
            <p class="alert-head"><Badge tone text=state /><code>{webhook.url.clone()}</code></p>
            {webhook.failure.clone().map(|failure| view! { <p>{failure}" What comes meanwhile is not told there."</p> })}
            {webhook.old_secret_until.clone().map(|at| view! { <p class="soft">"Signed with the secret before, too, for one day: its time is over "<Time at />"."</p> })}
            <div class="row-actions">
                <form method="post" action=format!("/account/alerts/webhooks/{id}/secret") on:submit=look>
                    <button type="submit" class="button">{secret_words}</button>
                </form>
                {test}
                {on}
                {remove}
            </div>
            <p class="soft">{secret_help}</p>
        </li>
    }
}

#[component]
fn Log(deliveries: Vec<Delivery>) -> impl IntoView {
    let rows: Vec<_> = deliveries
        .into_iter()
        .map(|delivery| {
            let (tone, state) = match delivery.state {
                DeliveryState::Sent => (Tone::Good, "Taken"),
                DeliveryState::Waiting => (Tone::Active, "On its way"),
                DeliveryState::GivenUp => (Tone::Bad, "Given up"),
            };
            let again = delivery.due_at.filter(|_| delivery.attempts > 0 && delivery.detail.is_some());
            view! {
                <tr>
                    <td data-label="State"><Badge tone text=state /></td>
                    <th scope="row" data-label="Message">
                        {delivery.about}
                        {delivery.detail.map(|detail| view! { <span class="soft one-line">{detail}</span> })}
                    </th>
                    <td data-label="To">{delivery.receiver}</td>
                    <td data-label="Attempts" class="number">{delivery.attempts}</td>
                    <td data-label="When">
                        <Time at=delivery.attempted_at.unwrap_or(delivery.created_at) />
                        {again.map(|at| view! { <span class="soft one-line">"Again "<Time at /></span> })}
                    </td>
                </tr>
            }
        })
        .collect();
    let table = if rows.is_empty() {
        view! { <EmptyState text="Nothing was mailed or sent yet." /> }.into_any()
    } else {
        view! {
            <table class="list">
                <thead>
                    <tr>
                        <th scope="col">"State"</th>
                        <th scope="col">"Message"</th>
                        <th scope="col">"To"</th>
                        <th scope="col" class="number">"Attempts"</th>
                        <th scope="col">"When"</th>
                    </tr>
                </thead>
                <tbody>{rows}</tbody>
            </table>
        }
        .into_any()
    };
    view! {
        <section aria-labelledby="log">
            <h2 id="log">"What was sent"</h2>
            {table}
        </section>
    }
}
