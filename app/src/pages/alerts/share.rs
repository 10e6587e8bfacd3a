//! What is told of one share: a few words on its page, and the page where it gets rules of its own.

use leptos::prelude::*;
use model::alert::{AlertForm, ShareAlertsView};

use super::{
    list::AlertItem,
    rules_form::{FIELDS, RuleInputs},
};
use crate::{
    actions::{ActionForm, ServerAction},
    components::{
        button::{ButtonKind, SubmitButton},
        field::ErrorSummary,
        notice::{Done, Trouble},
        page::PageHead,
        skeleton::Skeleton,
        time::Time,
    },
    error::AppError,
    flash::{Form, FormState},
    pages::address_part,
};

/// What is told of a share.
#[server(endpoint = "share_alerts", protocol = crate::Called)]
pub async fn share_alerts(id: String) -> Result<ShareAlertsView, AppError> {
    let actor = crate::session::actor().await?;
    let found = async { crate::session::hub()?.share_alerts(&actor, &crate::pages::parse_id(&id, "share")?).await };
    crate::session::answer(found.await).await
}

/// Sets what is told of a share; `own` empty lets the account's rules hold again.
#[server(endpoint = "set_share_alert_rules", protocol = crate::Called)]
pub async fn set_share_alert_rules(
    share_id: String,
    #[server(default)] own: String,
    #[server(default)] rules: AlertForm,
) -> Result<String, AppError> {
    let (hub, actor) = (crate::session::hub()?, crate::session::actor().await?);
    let path = format!("/shares/{share_id}/alerts");
    let set = async {
        let id = crate::pages::parse_id(&share_id, "share")?;
        hub.set_share_alert_rules(&actor, &id, (!own.is_empty()).then_some(&rules)).await
    };
    match set.await {
        Ok(()) if own.is_empty() => crate::flash::done(&path, "The account’s rules hold again.".to_owned()).await,
        Ok(()) => crate::flash::done(&path, "Saved. These rules hold for this share only.".to_owned()).await,
        Err(error) => Err(crate::flash::fail(&path, &super::rules_form::typed(&rules), error).await),
    }
}

/// What is the matter with a share and what would be told, on its page.
#[component]
pub fn AlertsOfShare(
    /// The share's id.
    share_id: String,
    /// What is told of it.
    alerts: ShareAlertsView,
) -> impl IntoView {
    let open: Vec<_> = alerts.open.into_iter().map(|alert| view! { <AlertItem alert /> }).collect();
    let phrases = alerts.rules.phrases();
    let whose = if alerts.changed.is_some() { "By rules of its own" } else { "By the account’s rules" };
    let words = match phrases.split_last() {
        None => format!("{whose}, nothing is told of it."),
        Some((only, [])) => format!("{whose}, people are told when {only}."),
        Some((last, before)) => format!("{whose}, people are told when {}, and when {last}.", before.join(", ")),
    };
    view! {
        <section aria-labelledby="alerts">
            <div class="section-head">
                <h2 id="alerts">"Alerts"</h2>
                <p class="ways"><a href=format!("/shares/{share_id}/alerts")>"What is told of this share"</a></p>
            </div>
            {(!open.is_empty()).then(|| view! { <ul class="alerts">{open}</ul> })}
            <p class="soft">{words}</p>
        </section>
    }
}

/// The page.
#[component]
pub fn ShareAlertsPage() -> impl IntoView {
    let id = address_part("id");
    let action = ServerAction::<SetShareAlertRules>::new();
    let live = action.problem();
    let form = Form::new(move || format!("/shares/{}/alerts", id.get()), live);
    let taken = Memo::new(move |before: Option<&u32>| {
        let before = before.copied().unwrap_or_default();
        action.value().with(|value| if matches!(value, Some(Ok(_))) { before + 1 } else { before })
    });
    let found = crate::answers::ask(move || (id.get(), taken.get()), |(id, _)| share_alerts(id));
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
                match found.await {
                    Ok(alerts) => {
                        let above = vec![
                            ("/shares".to_owned(), "Shares".to_owned()),
                            (format!("/shares/{}", id.get_untracked()), alerts.name.clone()),
                        ];
                        view! {
                            <PageHead title="What is told of this share" above lead="In place of what is told in the whole account." />
                            {state.notice().map(|text| view! { <Done text /> })}
                            {done}
                            <Loaded share_id=id.get_untracked() alerts form=state action />
                        }
                            .into_any()
                    }
                    Err(error) => view! { <PageHead title="What is told of this share" /><Trouble error /> }.into_any(),
                }
            })}
        </Transition>
    }
}

#[component]
fn Loaded(
    share_id: String,
    alerts: ShareAlertsView,
    form: FormState,
    action: ServerAction<SetShareAlertRules>,
) -> impl IntoView {
    let may_share = crate::pages::may_share();
    let is_own = alerts.changed.is_some();
    let changed = match alerts.changed {
        Some((by, at)) => view! { <p>{format!("This share has its own, set by {by}, ")}<Time at />"."</p> }.into_any(),
        None => view! { <p>"The account’s rules hold: "<a href="/account/alerts">"see them"</a>". What you save here is for this share only."</p> }.into_any(),
    };
    let id = share_id.clone();
    let inputs = if may_share {
        view! {
            <ErrorSummary form=form.clone() fields=FIELDS />
            <ActionForm action attr:class="form rules-form" attr:novalidate=true>
                <input type="hidden" name="share_id" value=share_id />
                <input type="hidden" name="own" value="1" />
                <RuleInputs rules=alerts.rules form with_credentials=false />
                <SubmitButton kind=ButtonKind::Primary pending=action.pending()>"Save for this share"</SubmitButton>
            </ActionForm>
        }
        .into_any()
    } else {
        let phrases: Vec<_> =
            alerts.rules.phrases().into_iter().map(|phrase| view! { <li>{format!("When {phrase}.")}</li> }).collect();
        view! {
            <ul>{phrases}</ul>
            <p class="soft">"A member or an admin of this account can change it."</p>
        }
        .into_any()
    };
    view! {
        {changed}
        {inputs}
        {(is_own && may_share)
            .then(|| {
                view! {
                    <ActionForm action>
                        <input type="hidden" name="share_id" value=id />
                        <SubmitButton pending=action.pending()>"Use the account’s again"</SubmitButton>
                    </ActionForm>
                }
            })}
    }
}
