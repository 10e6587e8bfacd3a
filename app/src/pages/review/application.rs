//! One application under review: what differs from the approved version, its Test Drive, and the decision.

use leptos::{prelude::*, server_fn::ServerFn};
use model::application::{ApplicationPage as Page, VersionState};

use crate::{
    components::{
        button::{ButtonKind, SubmitButton},
        count::counted,
        field::TextArea,
        icon::{Icon, IconName},
        notice::Trouble,
        page::PageHead,
        skeleton::Skeleton,
    },
    error::AppError,
    flash::{Form, FormState},
    pages::{
        address_part,
        applications::{ApplicationHead, DriveReportView, History, WhatItSays},
    },
};

const FIELDS: &[(&str, &str)] =
    &[("comment", "Comment"), ("reason", "Reason"), ("retire_reason", "Reason for retiring")];

/// All of the page, and how often the version had been saved.
#[server(endpoint = "review_of_application", protocol = crate::Called)]
pub async fn review_page(id: String) -> Result<(Page, u32), AppError> {
    let actor = crate::session::actor().await?;
    let found =
        async { crate::session::hub()?.review_page(&actor, &crate::pages::parse_id(&id, "application")?).await };
    crate::session::answer(found.await).await
}

/// Approves or rejects what is in review, retires an application or puts it back.
#[server(endpoint = "decide_application", protocol = crate::Called)]
pub async fn decide_application(
    id: String,
    #[server(default)] decision: String,
    #[server(default)] changes: u32,
    #[server(default)] comment: String,
    #[server(default)] reason: String,
    #[server(default)] retire_reason: String,
) -> Result<(), AppError> {
    use model::error::{FieldProblem, HubError};
    let (hub, actor) = (crate::session::hub()?, crate::session::actor().await?);
    let page = format!("/review/{id}");
    let decided = async {
        let id = crate::pages::parse_id(&id, "application")?;
        match decision.as_str() {
            "approve" => {
                hub.approve_application(&actor, &id, changes, &comment).await?;
                Ok("It is approved, and in the gallery of every account.")
            }
            "reject" => {
                hub.reject_application(&actor, &id, changes, &reason).await?;
                Ok("It is rejected. Its provider sees your reason.")
            }
            "retire" => {
                // The hub's word for it is that of a rejection; here both stand on one page.
                let renamed = |error| match error {
                    HubError::Invalid { problems } => HubError::Invalid {
                        problems: problems
                            .into_iter()
                            .map(|problem: FieldProblem| FieldProblem::new("retire_reason", problem.message))
                            .collect(),
                    },
                    other => other,
                };
                hub.retire_application(&actor, &id, &retire_reason).await.map_err(renamed)?;
                Ok("It is retired. What is connected keeps working.")
            }
            "restore" => {
                hub.restore_application(&actor, &id).await?;
                Ok("It can be connected again.")
            }
            _ => Err(HubError::invalid("form", "The form is incomplete. Reload the page.")),
        }
    };
    match decided.await {
        Ok(notice) => {
            let flash = crate::flash::Flash { notice: Some(notice.to_owned()), ..crate::flash::Flash::default() };
            crate::flash::leave(&page, flash).await?;
            leptos_axum::redirect(&page);
            Ok(())
        }
        Err(error) => {
            let typed =
                [("comment", comment.as_str()), ("reason", reason.as_str()), ("retire_reason", retire_reason.as_str())];
            Err(crate::flash::fail(&page, &typed, error).await)
        }
    }
}

/// The page.
#[component]
pub fn ReviewApplicationPage() -> impl IntoView {
    let id = address_part("id");
    let found = crate::answers::ask(move || id.get(), review_page);
    let form = Form::new(move || format!("/review/{}", id.get()), Signal::derive(|| None));
    view! {
        <Suspense fallback=|| view! { <Skeleton /> }>
            {move || Suspend::new(async move {
                let form = form.state().await;
                match found.await {
                    Ok((page, changes)) => view! { <Loaded page changes form /> }.into_any(),
                    Err(error) => view! { <PageHead title="Review" /><Trouble error /> }.into_any(),
                }
            })}
        </Suspense>
    }
}

#[component]
fn Loaded(page: Page, changes: u32, form: FormState) -> impl IntoView {
    let entry = page.entry.clone();
    let id = entry.id.to_string();
    let provider = entry.provider.clone().unwrap_or_else(|| "this installation".to_owned());
    let decision =
        (entry.state == VersionState::InReview).then(|| view! { <Decision id=id.clone() changes form=form.clone() /> });
    let rejected = page
        .reason
        .clone()
        .map(|reason| view! { <p><strong>"Rejected: "</strong><span class="says">{reason}</span></p> });
    let (drive, _) = signal(page.drive.clone());
    let drive = page.drive.as_ref().map(|_| {
        view! {
            <section class="report" aria-labelledby="drive">
                <h2 id="drive">"Test Drive"</h2>
                <DriveReportView drive />
            </section>
        }
    });
    let retire = entry.approved_version.map(|_| view! { <Retire id page=page.clone() form=form.clone() /> });
    view! {
        <ApplicationHead entry above=("/review", "Review") lead=format!("Provided by {provider}.") form fields=FIELDS />
        {rejected}
        {decision}
        <WhatItSays page=page.clone() />
        {drive}
        <History history=page.history />
        {retire}
    }
}

#[component]
fn Decision(id: String, changes: u32, form: FormState) -> impl IntoView {
    view! {
        <div class="beside decision">
            <form class="form" method="post" action=DecideApplication::url()>
                <input type="hidden" name="id" value=id.clone() />
                <input type="hidden" name="changes" value=changes.to_string() />
                <TextArea form=form.clone() name="comment" label="Comment" rows=3 help="For its provider, if there is something to say." />
                <SubmitButton kind=ButtonKind::Primary name="decision" value="approve">"Approve"</SubmitButton>
            </form>
            <form class="form" method="post" action=DecideApplication::url()>
                <input type="hidden" name="id" value=id />
                <input type="hidden" name="changes" value=changes.to_string() />
                <TextArea form name="reason" label="Reason" rows=3 help="What has to be mended, so that it can be approved. Its provider sees it." />
                <SubmitButton kind=ButtonKind::Danger name="decision" value="reject">"Reject"</SubmitButton>
            </form>
        </div>
    }
}

/// Out of the gallery, or back into it.
#[component]
fn Retire(id: String, page: Page, form: FormState) -> impl IntoView {
    let affected = page.affected;
    let numbers = format!(
        "{} {} {} of it, with {} from or to them.",
        counted(affected.accounts, "account", "accounts"),
        if affected.accounts == 1 { "has" } else { "have" },
        counted(affected.endpoints, "endpoint", "endpoints"),
        counted(affected.shares, "share", "shares")
    );
    if page.entry.retired_at.is_some() {
        let because = page.retired_because.unwrap_or_default();
        return view! {
            <section class="retire" aria-labelledby="retire">
                <h2 id="retire">"Retired"</h2>
                <div class="notice warn"><Icon name=IconName::Warning /><p class="says">{because}</p></div>
                <p>{numbers}" They keep working."</p>
                <form method="post" action=DecideApplication::url()>
                    <input type="hidden" name="id" value=id />
                    <SubmitButton name="decision" value="restore">"Put it back into the gallery"</SubmitButton>
                </form>
            </section>
        }
        .into_any();
    }
    view! {
        <section class="retire" aria-labelledby="retire">
            <h2 id="retire">"Retire"</h2>
            <p>{numbers}" They keep working; nobody can connect it any more. It can be put back."</p>
            <form class="form" method="post" action=DecideApplication::url()>
                <input type="hidden" name="id" value=id />
                <TextArea form name="retire_reason" label="Reason for retiring" rows=2 />
                <SubmitButton kind=ButtonKind::Danger name="decision" value="retire">"Retire it"</SubmitButton>
            </form>
        </section>
    }
    .into_any()
}
