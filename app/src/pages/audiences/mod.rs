//! The catalogue: one search box over everything that the account's endpoints offer, with what it can be narrowed by.
//!
//! The whole search stands in the address; `address` reads and writes it. Every choice is a link, so that all of it works before the page's
//! program runs; the program adds that the list follows what is typed.

mod address;
mod narrow;
mod results;

use leptos::prelude::*;
use leptos_router::hooks::use_query_map;
use model::{catalogue::AudienceQuery, view::AudiencePage as Found};

use self::{
    address::{asked, parameters},
    narrow::{Chosen, Narrowing},
    results::Results,
};
use crate::{
    actions::{ActionForm, ServerAction},
    components::{
        button::SubmitButton,
        count::counted,
        notice::{Done, Trouble},
        page::PageHead,
        search_box::SearchBox,
        skeleton::Skeleton,
    },
    error::AppError,
};

const PATH: &str = "/audiences";

/// One page of what matches.
#[server(endpoint = "search_audiences", protocol = crate::Called)]
pub async fn search_audiences(query: AudienceQuery) -> Result<Found, AppError> {
    let actor = crate::session::actor().await?;
    crate::session::answer(crate::session::hub()?.audiences(&actor, &query).await).await
}

/// Asks all producers that can be asked for their audiences again.
#[server(endpoint = "refresh_catalogue", protocol = crate::Called)]
pub async fn refresh_catalogue() -> Result<String, AppError> {
    let actor = crate::session::actor().await?;
    match crate::session::hub()?.refresh_catalogue(&actor).await {
        Ok(report) => {
            let mut notice = format!("Read again: {}", report.sentence());
            if !report.failed.is_empty() {
                notice.push_str(&format!(" Could not be read: {}.", report.failed.join(", ")));
            }
            crate::flash::done(PATH, notice).await
        }
        Err(error) => Err(crate::flash::fail(PATH, &[], error).await),
    }
}

/// The page.
#[component]
pub fn AudiencesPage() -> impl IntoView {
    let query = use_query_map();
    let asked = Memo::new(move |_| query.with(asked));
    let refresh = ServerAction::<RefreshCatalogue>::new();
    let live = refresh.problem();
    let form = crate::flash::Form::new(|| PATH.to_owned(), live);
    let found =
        crate::answers::ask(move || (asked.get(), refresh.version().get()), |(query, _)| search_audiences(query));
    let (text, keep) = asked.with_untracked(|query| (query.text.clone(), parameters(query)));
    let (is_searching, set_searching) = signal(false);
    // Only in the browser: at the server another thread would write while the page reads, and a page is sent when nothing is awaited any more.
    let set_searching = SignalSetter::map(move |is| {
        if cfg!(feature = "hydrate") {
            set_searching.set(is);
        }
    });
    let refreshed = move || {
        refresh.value().with(|value| match value {
            Some(Ok(notice)) => Some(view! { <Done text=notice.clone() /> }),
            _ => None,
        })
    };
    view! {
        <PageHead title="Audiences" lead="Every group of people that your endpoints offer. Open one to see it, or to share it.">
            {super::may_share()
                .then(|| {
                    view! {
                        <ActionForm action=refresh>
                            <SubmitButton pending=refresh.pending()>"Refresh"</SubmitButton>
                        </ActionForm>
                    }
                })}
        </PageHead>
        {refreshed}
        <Transition fallback=|| ()>
            {move || Suspend::new(async move {
                let state = form.state().await;
                let failed = state.error();
                view! {
                    {state.notice().map(|text| view! { <Done text /> })}
                    {move || failed.get().map(|error| view! { <Trouble error /> })}
                }
            })}
        </Transition>
        <SearchBox action=PATH label="Search names, descriptions, endpoints, fields and tags" text keep />
        // Stays where it is while what it says changes, so that readers hear it.
        <p class="result-count" role="status">
            <Transition fallback=|| ()>
                {move || Suspend::new(async move { found.await.ok().map(|found| counted(found.total, "audience", "audiences")) })}
            </Transition>
        </p>
        <div class="catalogue">
            <input type="checkbox" id="narrow" class="narrow-switch" />
            <label for="narrow" class="button narrow-label">"Filters"</label>
            <aside class="narrowing" aria-label="Narrow the list">
                <Transition fallback=|| ()>
                    {move || Suspend::new(async move {
                        let facets = found.await.ok()?.facets;
                        Some(view! { <Narrowing query=asked.get_untracked() facets /> })
                    })}
                </Transition>
            </aside>
            <div class="hits-found" aria-busy=move || is_searching.get().to_string()>
                <Transition fallback=|| view! { <Skeleton /> } set_pending=set_searching>
                    {move || Suspend::new(async move {
                        let query = asked.get();
                        match found.await {
                            Ok(found) => {
                                view! {
                                    <Chosen query=query.clone() facets=found.facets.clone() />
                                    <Results found query />
                                }
                                    .into_any()
                            }
                            Err(error) => view! { <Trouble error /> }.into_any(),
                        }
                    })}
                </Transition>
            </div>
        </div>
    }
}
