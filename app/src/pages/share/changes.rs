//! What changed in the fields of a share: what that breaks, how it could be mended, and what does no harm.

use leptos::prelude::*;
use model::{mapping::Break, view::ShareView};

use super::{above, display_name};
use crate::{
    actions::{ActionForm, ServerAction},
    components::{
        button::{ButtonKind, ButtonLink, SubmitButton},
        field::ErrorSummary,
        notice::{Done, Trouble},
        page::PageHead,
        skeleton::Skeleton,
        time::Time,
    },
    error::AppError,
    flash::{Form, FormState},
    pages::{address_part, share_overview::share},
};

/// In `what`, when the person only notes what changed.
const NOTED: &str = "noted";

/// Puts what was accepted in place, or notes that the changes were seen.
#[server(endpoint = "answer_changes", protocol = crate::Called)]
pub async fn answer_changes(
    share_id: String,
    #[server(default)] accept: Vec<String>,
    #[server(default)] what: String,
) -> Result<String, AppError> {
    let (hub, actor) = (crate::session::hub()?, crate::session::actor().await?);
    let path = format!("/shares/{share_id}/changes");
    let done = async {
        let id = crate::pages::parse_id(&share_id, "share")?;
        if what == NOTED {
            hub.note_changes_seen(&actor, &id).await?;
            return Ok("Noted. These changes are not mentioned any more.".to_owned());
        }
        let share = hub.accept_remapping(&actor, &id, &accept).await?;
        Ok(match share.held_because {
            None => "The mapping is mended. Runs of this share start again.".to_owned(),
            Some(_) => "What you accepted is in place. The rest is still to be mended.".to_owned(),
        })
    };
    match done.await {
        Ok(notice) => {
            if crate::flash::is_plain_form_post().await {
                let flash = crate::flash::Flash { notice: Some(notice.clone()), ..crate::flash::Flash::default() };
                crate::flash::leave(&path, flash).await?;
                leptos_axum::redirect(&path);
            }
            Ok(notice)
        }
        Err(error) => Err(crate::flash::fail(&path, &[], error).await),
    }
}

/// The page.
#[component]
pub fn ChangesPage() -> impl IntoView {
    let id = address_part("id");
    let action = ServerAction::<AnswerChanges>::new();
    let live = action.problem();
    let data = crate::answers::ask(move || (id.get(), action.version().get()), |(id, _)| share(id));
    let form = Form::new(move || format!("/shares/{}/changes", id.get()), live);
    view! {
        <Transition fallback=|| view! { <Skeleton /> }>
            {move || Suspend::new(async move {
                let form = form.state().await;
                match data.await {
                    Ok(share) => view! { <Loaded share form action /> }.into_any(),
                    Err(error) => view! { <PageHead title="What changed" /><Trouble error /> }.into_any(),
                }
            })}
        </Transition>
    }
}

#[component]
fn Loaded(share: ShareView, form: FormState, action: ServerAction<AnswerChanges>) -> impl IntoView {
    let may_share = crate::pages::may_share();
    let breaks = share.drift.breaks.clone();
    let proposals = breaks.iter().any(|broken| broken.proposal.is_some());
    let is_fine = share.held_because.is_none() && breaks.is_empty();
    let mapping_path = format!("/shares/{}/mapping", share.id);
    let outcome = move || {
        action.value().with(|value| match value {
            Some(Ok(notice)) => Some(view! { <Done text=notice.clone() /> }),
            _ => None,
        })
    };
    let notice = form.notice().map(|text| view! { <Done text /> });
    let state = if is_fine {
        view! { <p>"The mapping can be carried out as it is; runs of this share start."</p> }.into_any()
    } else {
        let because = share.held_because.clone().map(|because| format!("{because}. ")).unwrap_or_default();
        let since = share.held_at.clone().map(|at| view! { <span class="soft">" Since "<Time at />"."</span> });
        view! {
            <p class="notice warn">
                <span>{because}"No run of this share starts until it is mended, or the fields are as they were. Nothing was sent meanwhile."{since}</span>
            </p>
        }
        .into_any()
    };
    let items: Vec<_> = breaks
        .into_iter()
        .enumerate()
        .map(|(index, broken)| {
            let share = share.clone();
            view! { <BrokenField broken index share may_share /> }
        })
        .collect();
    let changes: Vec<_> = share.drift.changes.iter().cloned().map(|change| view! { <li>{change}</li> }).collect();
    let (has_breaks, has_changes) = (!items.is_empty(), !changes.is_empty());
    let (accept_id, noted_id) = (share.id.to_string(), share.id.to_string());
    view! {
        <PageHead title="What changed" above=above(&share) lead=format!("In the fields of “{}” and of its destination.", share.audience.name) />
        <ErrorSummary form fields=&[("accept", "Proposals")] />
        {notice}
        {outcome}
        {state}
        {(!may_share).then(|| view! { <p class="soft">"You can look at this; a member or an admin of this account can mend the mapping."</p> })}
        {has_breaks
            .then(|| {
                view! {
                    <section aria-labelledby="broken">
                        <h2 id="broken">"What no longer fits"</h2>
                        <ActionForm action attr:class="changes-form">
                            <input type="hidden" name="share_id" value=accept_id />
                            <ul class="broken-fields" id="accept">{items}</ul>
                            {may_share
                                .then(|| {
                                    view! {
                                        <div class="form-actions">
                                            <ButtonLink href=mapping_path>"Mend it by hand"</ButtonLink>
                                            {proposals
                                                .then(|| {
                                                    view! {
                                                        <SubmitButton kind=ButtonKind::Primary pending=action.pending()>"Accept what is ticked"</SubmitButton>
                                                    }
                                                })}
                                        </div>
                                    }
                                })}
                        </ActionForm>
                    </section>
                }
            })}
        <section aria-labelledby="all-changes">
            <h2 id="all-changes">"Everything that changed"</h2>
            {if has_changes {
                view! { <ul>{changes}</ul> }.into_any()
            } else {
                view! { <p class="soft">"Nothing since somebody last looked at the mapping."</p> }.into_any()
            }}
            {(has_changes && !has_breaks && may_share)
                .then(|| {
                    view! {
                        <ActionForm action>
                            <input type="hidden" name="share_id" value=noted_id />
                            <SubmitButton name="what" value=NOTED pending=action.pending()>"I have seen this"</SubmitButton>
                        </ActionForm>
                    }
                })}
        </section>
    }
}

/// One field that no longer fits, with what is proposed.
#[component]
fn BrokenField(broken: Break, index: usize, share: ShareView, may_share: bool) -> impl IntoView {
    let destination = share.both_fields().destination;
    let name = broken
        .target
        .as_deref()
        .map_or_else(|| "The mapping as a whole".to_owned(), |target| display_name(&destination, target));
    let target = broken.target.unwrap_or_default();
    let proposal = match broken.proposal {
        Some(proposal) if may_share => view! {
            <label class="proposal">
                <input type="checkbox" name=format!("accept[{index}]") value=target checked />
                <span>{proposal.message}</span>
            </label>
        }
        .into_any(),
        Some(proposal) => view! { <p>"Proposed: "{proposal.message}</p> }.into_any(),
        None => view! { <p class="soft">"Nothing can be proposed for it; map it by hand."</p> }.into_any(),
    };
    view! {
        <li class="card">
            <h3>{name}</h3>
            <p>{broken.message}</p>
            {proposal}
        </li>
    }
}
