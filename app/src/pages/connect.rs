//! Click to Connect, first step: the gallery of applications.

use leptos::prelude::*;
use leptos_router::hooks::use_query_map;
use model::view::ApplicationView;

use super::endpoints::syndication;
use crate::{
    components::{empty_state::EmptyState, notice::Trouble, page::PageHead, search_box::SearchBox, skeleton::Skeleton},
    error::AppError,
};

/// All applications that can be connected.
#[server(endpoint = "applications", protocol = crate::Called)]
pub async fn applications() -> Result<Vec<ApplicationView>, AppError> {
    let actor = crate::session::actor().await?;
    crate::session::answer(crate::session::hub()?.applications(&actor).await).await
}

/// The page.
#[component]
pub fn ConnectPage() -> impl IntoView {
    let found = crate::answers::ask(|| (), |()| applications());
    // A consent that led nowhere comes back here.
    let form = crate::flash::Form::new(|| "/connect".to_owned(), Signal::derive(|| None));
    let query = use_query_map();
    let text = move || query.with(|query| query.get("q").unwrap_or_default());
    let initial = untrack(text);
    view! {
        <PageHead
            title="Connect an application"
            above=vec![("/endpoints".to_owned(), "Endpoints".to_owned())]
            lead="Choose the application. It says what it needs."
        />
        <Suspense>
            {move || Suspend::new(async move {
                let failed = form.state().await.error();
                move || failed.get().map(|error| view! { <Trouble error=AppError::Hub(error) /> })
            })}
        </Suspense>
        <SearchBox action="/connect" label="Search applications" text=initial />
        <Transition fallback=|| view! { <Skeleton /> }>
            {move || Suspend::new(async move {
                let wanted = text().to_lowercase();
                match found.await {
                    Ok(applications) => {
                        let cards: Vec<_> = applications
                            .into_iter()
                            .filter(|application| {
                                format!("{} {} {}", application.name, application.description, application.category.label())
                                    .to_lowercase()
                                    .contains(wanted.trim())
                            })
                            .map(|application| view! { <Card application /> })
                            .collect();
                        if cards.is_empty() {
                            view! { <EmptyState text="No application matches. Try another word." /> }.into_any()
                        } else {
                            view! { <ul class="cards">{cards}</ul> }.into_any()
                        }
                    }
                    Err(error) => view! { <Trouble error /> }.into_any(),
                }
            })}
        </Transition>
    }
}

#[component]
fn Card(application: ApplicationView) -> impl IntoView {
    let connected = match application.endpoints {
        0 => None,
        1 => Some("Connected once".to_owned()),
        many => Some(format!("Connected {many} times")),
    };
    view! {
        <li class="card">
            <p class="soft">{application.category.label()}</p>
            <h2><a href=format!("/connect/{}", application.id)>{application.name}</a></h2>
            <p>{application.description}</p>
            <p class="soft">{syndication(application.producer, application.consumer)}</p>
            {connected.map(|text| view! { <p class="soft">{text}</p> })}
        </li>
    }
}
