//! One application, as its provider sees it: where it is in its life, what to do next, and what happened.

use leptos::{prelude::*, server_fn::ServerFn};
use model::application::{ApplicationPage as Page, VersionState};

use super::{
    lines::{ApplicationHead, History, WhatItSays},
    steps::{Rejected, Step},
};
use crate::{
    components::{
        button::{ButtonKind, ButtonLink, SubmitButton},
        count::counted,
        icon::{Icon, IconName},
        notice::Trouble,
        page::PageHead,
        skeleton::Skeleton,
    },
    error::AppError,
    flash::{Form, FormState},
    pages::address_part,
};

/// All of the page.
#[server(endpoint = "page_of_application", protocol = crate::Called)]
pub async fn page_of_application(id: String) -> Result<Page, AppError> {
    let actor = crate::session::actor().await?;
    let found =
        async { crate::session::hub()?.application_page(&actor, &crate::pages::parse_id(&id, "application")?).await };
    crate::session::answer(found.await).await
}

/// Begins a new version, takes one back from review, or deletes a draft.
#[server(endpoint = "move_application", protocol = crate::Called)]
pub async fn move_application(id: String, #[server(default)] what: String) -> Result<(), AppError> {
    let (hub, actor) = (crate::session::hub()?, crate::session::actor().await?);
    let page = format!("/applications/{id}");
    let moved = async {
        let id = crate::pages::parse_id(&id, "application")?;
        match what.as_str() {
            "begin" => hub.begin_version(&actor, &id).await.map(|()| (format!("/applications/{id}/about"), None)),
            "withdraw" => hub
                .withdraw_application(&actor, &id)
                .await
                .map(|()| (page.clone(), Some("It was taken back. You can change it again."))),
            "discard" => {
                let was_approved = hub.application_page(&actor, &id).await?.entry.approved_version.is_some();
                let to = if was_approved { page.clone() } else { "/applications".to_owned() };
                hub.discard_draft(&actor, &id).await.map(|()| (to, Some("The draft was deleted.")))
            }
            _ => Err(model::error::HubError::invalid("form", "The form is incomplete. Reload the page.")),
        }
    };
    match moved.await {
        Ok((path, notice)) => {
            if let Some(notice) = notice {
                let flash = crate::flash::Flash { notice: Some(notice.to_owned()), ..crate::flash::Flash::default() };
                crate::flash::leave(&path, flash).await?;
            }
            leptos_axum::redirect(&path);
            Ok(())
        }
        Err(error) => Err(crate::flash::fail(&page, &[], error).await),
    }
}

/// The page.
#[component]
pub fn ApplicationPage() -> impl IntoView {
    let id = address_part("id");
    let found = crate::answers::ask(move || id.get(), page_of_application);
    let form = Form::new(move || format!("/applications/{}", id.get()), Signal::derive(|| None));
    view! {
        <Suspense fallback=|| view! { <Skeleton /> }>
            {move || Suspend::new(async move {
                let form = form.state().await;
                match found.await {
                    Ok(page) => view! { <Loaded page form /> }.into_any(),
                    Err(error) => view! { <PageHead title="Application" /><Trouble error /> }.into_any(),
                }
            })}
        </Suspense>
    }
}

#[component]
fn Loaded(page: Page, form: FormState) -> impl IntoView {
    let entry = page.entry.clone();
    let id = entry.id.to_string();
    let may_change = crate::pages::may_connect();
    let act = |what: &'static str, words: &'static str, kind: ButtonKind| {
        view! {
            <form method="post" action=MoveApplication::url()>
                <input type="hidden" name="id" value=id.clone() />
                <SubmitButton kind name="what" value=what>{words}</SubmitButton>
            </form>
        }
        .into_any()
    };
    let is_editable = matches!(entry.state, VersionState::Draft | VersionState::Rejected);
    let actions: Vec<AnyView> = match entry.state {
        _ if !may_change => Vec::new(),
        VersionState::Draft | VersionState::Rejected => {
            let first = page.missing.first().and_then(|missing| Step::of_word(&missing.step)).unwrap_or(Step::Submit);
            let (href, words) = if entry.state == VersionState::Rejected {
                (Step::About.path(&id), "Mend it")
            } else {
                (first.path(&id), "Go on")
            };
            vec![view! { <ButtonLink href kind=ButtonKind::Primary>{words}</ButtonLink> }.into_any()]
        }
        VersionState::InReview => vec![act("withdraw", "Take it back", ButtonKind::Secondary)],
        VersionState::Approved => vec![act("begin", "Begin a new version", ButtonKind::Primary)],
    };
    let gallery = match (entry.approved_version, &entry.retired_at) {
        (None, _) => "Not in the gallery: no version was approved yet.".to_owned(),
        (Some(version), Some(_)) => {
            format!("Retired: version {version} can’t be connected any more. What is connected keeps working.")
        }
        (Some(version), None) => format!("Version {version} can be connected by every account."),
    };
    let used = match page.affected.endpoints {
        0 => "Nobody has connected it yet.".to_owned(),
        endpoints => format!(
            "{} in {} {} it; each keeps to the version that it was connected to.",
            counted(endpoints, "endpoint", "endpoints"),
            counted(page.affected.accounts, "account", "accounts"),
            if endpoints == 1 { "uses" } else { "use" }
        ),
    };
    let retired = page.retired_because.clone().map(|reason| {
        view! {
            <div class="notice warn">
                <Icon name=IconName::Warning />
                <p><strong>"Retired: "</strong><span class="says">{reason}</span></p>
            </div>
        }
    });
    let rejected = page.reason.clone().map(|reason| view! { <Rejected reason /> });
    let missing = (is_editable && !page.missing.is_empty()).then(|| {
        let items: Vec<_> = page.missing.iter().map(|missing| view! { <li>{missing.message.clone()}</li> }).collect();
        view! {
            <section aria-labelledby="missing">
                <h2 id="missing">"Before it can be submitted"</h2>
                <ul class="bullets">{items}</ul>
            </section>
        }
    });
    let discard = (is_editable && may_change).then(|| {
        let words = if entry.approved_version.is_some() {
            "The draft of the new version goes; the approved one stays as it is."
        } else {
            "The application goes with everything that was entered. This can’t be undone."
        };
        view! {
            <details class="discard">
                <summary>"Delete the draft"</summary>
                <p>{words}</p>
                {act("discard", "Delete the draft", ButtonKind::Danger)}
            </details>
        }
    });
    view! {
        <ApplicationHead entry above=("/applications", "Integration Manager") lead=gallery form actions />
        {rejected}
        {retired}
        {missing}
        <p class="used-by">{used}</p>
        <WhatItSays page=page.clone() />
        <History history=page.history />
        {discard}
    }
}
