//! Which audience is shared: chosen for a destination that was chosen first, or another one for a draft.

use leptos::prelude::*;
use leptos_router::hooks::use_query_map;
use model::view::{AudienceChoice, AudienceChoices, ShareState, ShareView};
use serde::{Deserialize, Serialize};

use super::{
    above,
    steps::{Step, Steps},
};
use crate::{
    actions::{ActionForm, ServerAction},
    components::{
        badge::{Badge, Tone},
        button::ButtonLink,
        count::{Count, counted},
        empty_state::EmptyState,
        field::ErrorSummary,
        icon::{Icon, IconName},
        notice::Trouble,
        page::PageHead,
        search_box::escaped,
        skeleton::Skeleton,
    },
    error::AppError,
    flash::{Form, FormState},
    pages::address_part,
};

/// What the page shows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AudienceChoiceData {
    /// The draft, when there is one already.
    share: Option<ShareView>,
    /// The endpoint that it is to go to: id and name.
    destination: Option<(String, String)>,
    choices: AudienceChoices,
}

/// All of the page, for a draft (`share_id`) or for an endpoint (`endpoint_id`).
#[server(endpoint = "audience_step", protocol = crate::Called)]
pub async fn audience_step(
    #[server(default)] share_id: String,
    #[server(default)] endpoint_id: String,
    #[server(default)] text: String,
    #[server(default)] page: String,
) -> Result<AudienceChoiceData, AppError> {
    let (hub, actor) = (crate::session::hub()?, crate::session::actor().await?);
    let found = async {
        let share = if share_id.is_empty() {
            None
        } else {
            Some(hub.share(&actor, &crate::pages::parse_id(&share_id, "share")?).await?)
        };
        let endpoint = match &share {
            Some(share) => share.destination_endpoint.clone(),
            None => Some(crate::pages::parse_id(&endpoint_id, "endpoint")?),
        };
        let destination = match &endpoint {
            Some(id) => Some((id.to_string(), hub.endpoint(&actor, id).await?.summary.name)),
            None => None,
        };
        let page = page.parse().unwrap_or(1);
        let choices = hub.audience_choices(&actor, endpoint.as_ref(), &text, page).await?;
        Ok(AudienceChoiceData { share, destination, choices })
    };
    crate::session::answer(found.await).await
}

/// Chooses the audience: begins a draft to an endpoint, or changes the one that there is.
#[server(endpoint = "choose_audience", protocol = crate::Called)]
pub async fn choose_audience(
    #[server(default)] share_id: String,
    #[server(default)] endpoint_id: String,
    #[server(default)] audience_id: String,
) -> Result<(), AppError> {
    let (hub, actor) = (crate::session::hub()?, crate::session::actor().await?);
    let chosen = async {
        let audience = crate::pages::parse_id(&audience_id, "audience")?;
        if share_id.is_empty() {
            let endpoint = crate::pages::parse_id(&endpoint_id, "endpoint")?;
            return hub.start_share_to(&actor, &audience, &endpoint).await;
        }
        let id = crate::pages::parse_id(&share_id, "share")?;
        hub.change_audience(&actor, &id, &audience).await.map(|share| share.id)
    };
    match chosen.await {
        Ok(id) => {
            leptos_axum::redirect(&format!("/shares/{id}/destination"));
            Ok(())
        }
        Err(error) => Err(crate::flash::fail(&path(&share_id, &endpoint_id), &[], error).await),
    }
}

fn path(share_id: &str, endpoint_id: &str) -> String {
    if share_id.is_empty() { format!("/endpoints/{endpoint_id}/share") } else { format!("/shares/{share_id}/audience") }
}

/// The page for a draft.
#[component]
pub fn AudienceStepPage() -> impl IntoView {
    let id = address_part("id");
    view! { <Choosing share=id endpoint=Signal::stored(String::new()) /> }
}

/// The page for an endpoint: "Send an audience here".
#[component]
pub fn ShareToPage() -> impl IntoView {
    let id = address_part("id");
    view! { <Choosing share=Signal::stored(String::new()) endpoint=id /> }
}

#[component]
fn Choosing(share: Signal<String>, endpoint: Signal<String>) -> impl IntoView {
    let query = use_query_map();
    let text = Memo::new(move |_| query.with(|query| query.get("q").unwrap_or_default()));
    let page = Memo::new(move |_| query.with(|query| query.get("page").unwrap_or_default()));
    let action = ServerAction::<ChooseAudience>::new();
    let live = action.problem();
    let data = crate::answers::ask(
        move || (share.get(), endpoint.get(), text.get(), page.get()),
        |(share, endpoint, text, page)| audience_step(share, endpoint, text, page),
    );
    let form = Form::new(move || path(&share.get(), &endpoint.get()), live);
    view! {
        <Transition fallback=|| view! { <Skeleton /> }>
            {move || Suspend::new(async move {
                let form = form.state().await;
                match data.await {
                    Ok(data) => {
                        let address = path(&share.get_untracked(), &endpoint.get_untracked());
                        view! { <Loaded data form action address text=text.get_untracked() /> }.into_any()
                    }
                    Err(error) => view! { <PageHead title="Choose an audience" /><Trouble error /> }.into_any(),
                }
            })}
        </Transition>
    }
}

#[component]
fn Loaded(
    data: AudienceChoiceData,
    form: FormState,
    action: ServerAction<ChooseAudience>,
    address: String,
    text: String,
) -> impl IntoView {
    let AudienceChoiceData { share, destination, choices } = data;
    let may_share = crate::pages::may_share();
    let has_run = share.as_ref().is_some_and(|share| share.state == ShareState::Active);
    let may_choose = may_share && !has_run;
    let (endpoint_id, name) = destination.unzip();
    let lead = match &name {
        Some(name) => format!("Choose who is sent to {name}. Audiences that it can't take say why."),
        None => "Choose who is sent.".to_owned(),
    };
    let (head, share_id) = match &share {
        Some(share) => {
            let head = view! {
                <PageHead title="Audience" above=above(share) lead />
                <Steps share=share.clone() current=Step::Audience />
            };
            (head.into_any(), share.id.to_string())
        }
        None => {
            let up = format!("/endpoints/{}", endpoint_id.clone().unwrap_or_default());
            let above = vec![("/endpoints".to_owned(), "Endpoints".to_owned()), (up, name.clone().unwrap_or_default())];
            (view! { <PageHead title="Choose an audience" above lead /> }.into_any(), String::new())
        }
    };
    let chosen = share.as_ref().map(|share| share.audience.id.clone());
    let notice = if !may_share {
        view! { <p class="notice">"You can look at audiences; a member or an admin of this account can share them."</p> }.into_any()
    } else if has_run {
        let id = share_id.clone();
        view! {
            <p class="notice">
                <span>"This share has run, and goes on with its audience. To send another one, "<a href=format!("/shares/{id}")>"share again like this"</a>"."</span>
            </p>
        }
        .into_any()
    } else {
        ().into_any()
    };
    let total = choices.total;
    let pages: Vec<_> = [
        (choices.page > 1).then(|| (choices.page - 1, "Earlier")),
        (choices.page < choices.pages).then(|| (choices.page + 1, "More")),
    ]
    .into_iter()
    .flatten()
    .map(|(page, word)| {
        let href = format!("{address}?q={}&page={page}", escaped(&text));
        view! { <ButtonLink href>{word}</ButtonLink> }
    })
    .collect();
    let rows: Vec<_> = choices
        .items
        .into_iter()
        .map(|choice| {
            let is_chosen = chosen.as_ref() == Some(&choice.audience.id);
            view! { <Row choice is_chosen may_choose /> }
        })
        .collect();
    let list = if rows.is_empty() {
        let words = if text.is_empty() {
            "No endpoint offers audiences yet. Connect one that does.".to_owned()
        } else {
            format!("No audience has all of “{text}”. Try fewer or other words.")
        };
        view! { <EmptyState text=words /> }.into_any()
    } else {
        view! {
            <ActionForm action>
                <ErrorSummary form />
                <input type="hidden" name="share_id" value=share_id />
                <input type="hidden" name="endpoint_id" value=endpoint_id.unwrap_or_default() />
                <ul class="audience-choices">{rows}</ul>
            </ActionForm>
        }
        .into_any()
    };
    view! {
        {head}
        {notice}
        <form class="search-box" role="search" method="get" action=address.clone()>
            <label class="visually-hidden" for="audience-words">"Find an audience"</label>
            <Icon name=IconName::Search />
            <input id="audience-words" name="q" type="search" placeholder="Find an audience" value=text autocomplete="off" />
            <button type="submit" class="button quiet">"Search"</button>
        </form>
        <p class="result-count" role="status">{counted(total, "audience", "audiences")}</p>
        {list}
        {(!pages.is_empty()).then(|| view! { <nav class="form-actions" aria-label="Pages">{pages}</nav> })}
    }
}

/// One audience to choose.
#[component]
fn Row(choice: AudienceChoice, is_chosen: bool, may_choose: bool) -> impl IntoView {
    let AudienceChoice { audience, obstacle } = choice;
    let id = audience.id.to_string();
    let named = format!("audience-{id}");
    let labelled = format!("choose-{id} {named}");
    let button_id = format!("choose-{id}");
    let people = match audience.size {
        Some(number) => view! { <Count number estimate=audience.size_is_estimate />{if number == 1 { " person" } else { " people" }} }.into_any(),
        None => "people not counted".into_any(),
    };
    let action = match (&obstacle, is_chosen) {
        (Some(_), _) => ().into_any(),
        (None, true) => view! { <Badge tone=Tone::Good text="Chosen" /> }.into_any(),
        (None, false) if may_choose => view! {
            <button type="submit" class="button" id=button_id name="audience_id" value=id aria-labelledby=labelled>"Choose"</button>
        }
        .into_any(),
        (None, false) => ().into_any(),
    };
    let is_impossible = obstacle.is_some();
    view! {
        <li class="card" class:disabled=is_impossible>
            <div>
                <strong id=named>{audience.name}</strong>
                <p class="soft">{audience.endpoint_name}" · "{people}" · "{audience.identifiers.join(", ")}</p>
                {obstacle.map(|obstacle| view! { <p class="obstacle"><Badge tone=Tone::Neutral text="Not possible" />" "{obstacle}</p> })}
            </div>
            {action}
        </li>
    }
}
