//! What waits for review, and every other application of the installation.

use leptos::prelude::*;
use model::application::{ApplicationEntry, VersionState};

use crate::{
    components::{
        empty_state::EmptyState,
        notice::{Done, Trouble},
        page::PageHead,
        skeleton::Skeleton,
    },
    error::AppError,
    flash::Form,
    pages::applications::ApplicationTable,
};

const PATH: &str = "/review";

/// All of them.
#[server(endpoint = "applications_to_review", protocol = crate::Called)]
pub async fn applications_to_review() -> Result<Vec<ApplicationEntry>, AppError> {
    let actor = crate::session::actor().await?;
    crate::session::answer(crate::session::hub()?.applications_to_review(&actor).await).await
}

/// The page.
#[component]
pub fn ReviewPage() -> impl IntoView {
    let found = crate::answers::ask(|| (), |()| applications_to_review());
    let form = Form::new(|| PATH.to_owned(), Signal::derive(|| None));
    view! {
        <PageHead
            title="Review"
            lead="Applications of this installation. You see what they say and how many use them, never whose audiences are shared."
        />
        <Suspense fallback=|| view! { <Skeleton /> }>
            {move || Suspend::new(async move {
                let notice = form.state().await.notice().map(|text| view! { <Done text /> });
                match found.await {
                    Ok(entries) => {
                        let (waiting, others): (Vec<_>, Vec<_>) =
                            entries.into_iter().partition(|entry| entry.state == VersionState::InReview);
                        let waiting = if waiting.is_empty() {
                            view! { <EmptyState text="Nothing waits for review." /> }.into_any()
                        } else {
                            view! { <ApplicationTable entries=waiting below=PATH with_provider=true /> }.into_any()
                        };
                        view! {
                            {notice}
                            <section aria-labelledby="waiting">
                                <h2 id="waiting">"Waiting for review"</h2>
                                {waiting}
                            </section>
                            <section aria-labelledby="others">
                                <h2 id="others">"Decided"</h2>
                                <ApplicationTable entries=others below=PATH with_provider=true />
                            </section>
                        }
                            .into_any()
                    }
                    Err(error) => view! { <Trouble error /> }.into_any(),
                }
            })}
        </Suspense>
    }
}
