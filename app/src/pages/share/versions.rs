//! The versions of a share's mapping: who changed what when, and putting an earlier one in place again.

use leptos::prelude::*;
use model::view::{MappingCause, MappingVersion, ShareView};
use serde::{Deserialize, Serialize};

use super::above;
use crate::{
    actions::{ActionForm, ServerAction},
    components::{
        badge::{Badge, Tone},
        button::{ButtonLink, SubmitButton},
        empty_state::EmptyState,
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

/// What the page shows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VersionsData {
    share: ShareView,
    versions: Vec<MappingVersion>,
}

/// All of the page.
#[server(endpoint = "versions_page", protocol = crate::Called)]
pub async fn versions_page(share_id: String) -> Result<VersionsData, AppError> {
    let (hub, actor) = (crate::session::hub()?, crate::session::actor().await?);
    let found = async {
        let id = crate::pages::parse_id(&share_id, "share")?;
        Ok(VersionsData { share: hub.share(&actor, &id).await?, versions: hub.mapping_versions(&actor, &id).await? })
    };
    crate::session::answer(found.await).await
}

/// Puts a version in place again.
#[server(endpoint = "restore_mapping", protocol = crate::Called)]
pub async fn restore_mapping(share_id: String, version: u32) -> Result<String, AppError> {
    let (hub, actor) = (crate::session::hub()?, crate::session::actor().await?);
    let path = format!("/shares/{share_id}/versions");
    let restored = async { hub.restore_mapping(&actor, &crate::pages::parse_id(&share_id, "share")?, version).await };
    match restored.await {
        Ok(share) => {
            let notice = format!(
                "Version {version} is in place again, as version {}. The next run uses it.",
                share.mapping_version
            );
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
pub fn VersionsPage() -> impl IntoView {
    let id = address_part("id");
    let action = ServerAction::<RestoreMapping>::new();
    let live = action.problem();
    let data = crate::answers::ask(move || (id.get(), action.version().get()), |(id, _)| versions_page(id));
    let form = Form::new(move || format!("/shares/{}/versions", id.get()), live);
    view! {
        <Transition fallback=|| view! { <Skeleton /> }>
            {move || Suspend::new(async move {
                let form = form.state().await;
                match data.await {
                    Ok(data) => view! { <Loaded data form action /> }.into_any(),
                    Err(error) => view! { <PageHead title="Versions of the mapping" /><Trouble error /> }.into_any(),
                }
            })}
        </Transition>
    }
}

#[component]
fn Loaded(data: VersionsData, form: FormState, action: ServerAction<RestoreMapping>) -> impl IntoView {
    let VersionsData { share, versions } = data;
    let lead = format!("Who changed the mapping of “{}”, when, and what.", share.audience.name);
    let present = share.mapping_version;
    let notice = form.notice().map(|text| view! { <Done text /> });
    let outcome = move || {
        action.value().with(|value| match value {
            Some(Ok(notice)) => Some(view! { <Done text=notice.clone() /> }),
            _ => None,
        })
    };
    let mapping_path = format!("/shares/{}/mapping", share.id);
    let list = if versions.is_empty() {
        let href = mapping_path.clone();
        view! {
            <EmptyState text="Nothing has been mapped yet.">
                <ButtonLink href>"Map fields"</ButtonLink>
            </EmptyState>
        }
        .into_any()
    } else {
        let share_id = share.id.to_string();
        let items: Vec<_> = versions
            .into_iter()
            .map(|version| {
                let share_id = share_id.clone();
                view! { <Version version share_id present action /> }
            })
            .collect();
        view! { <ol class="versions" reversed>{items}</ol> }.into_any()
    };
    view! {
        <PageHead title="Versions of the mapping" above=above(&share) lead>
            <ButtonLink href=mapping_path>"Open the mapping"</ButtonLink>
        </PageHead>
        <ErrorSummary form />
        {notice}
        {outcome}
        {(!crate::pages::may_share())
            .then(|| view! { <p class="soft">"You can look at versions; a member or an admin of this account can put one in place again."</p> })}
        {list}
    }
}

fn cause(version: &MappingVersion) -> String {
    let note = version.note.clone().unwrap_or_default();
    match version.cause {
        MappingCause::Edited => "Mapped".to_owned(),
        MappingCause::Destination => format!("{note} was chosen as destination, and lacks some of the fields"),
        MappingCause::Audience => "Another audience was chosen, which lacks some of the fields".to_owned(),
        MappingCause::Template => format!("Template “{note}” was applied"),
        MappingCause::Restored => format!("Version {note} was put in place again"),
        MappingCause::Remapped => "What was proposed after fields had changed was accepted".to_owned(),
        MappingCause::Copied => format!("Came with the share of “{note}” that this one began as"),
    }
}

#[component]
fn Version(
    version: MappingVersion,
    share_id: String,
    present: u32,
    action: ServerAction<RestoreMapping>,
) -> impl IntoView {
    let number = version.version;
    let is_present = number == present;
    let why = cause(&version);
    let by = if version.changed_by.is_empty() { String::new() } else { format!(" by {}", version.changed_by) };
    let sentences: Vec<_> = version.changes.into_iter().map(|sentence| view! { <li>{sentence}</li> }).collect();
    let restoring: Vec<_> = version.restoring.into_iter().map(|sentence| view! { <li>{sentence}</li> }).collect();
    let differs = !restoring.is_empty();
    let restore = (!is_present && differs && crate::pages::may_share()).then(|| {
        view! {
            <details>
                <summary>{format!("Put version {number} in place again")}</summary>
                <p>"This would change what is there now:"</p>
                <ul>{restoring}</ul>
                <ActionForm action>
                    <input type="hidden" name="share_id" value=share_id />
                    <input type="hidden" name="version" value=number.to_string() />
                    <SubmitButton pending=action.pending()>{format!("Restore version {number}")}</SubmitButton>
                </ActionForm>
            </details>
        }
    });
    view! {
        <li class="card version" id=format!("version-{number}")>
            <h2>
                {format!("Version {number}")}
                {is_present.then(|| view! { <Badge tone=Tone::Good text="In place now" /> })}
                {version.is_used.then(|| view! { <Badge tone=Tone::Neutral text="Used by a run" /> })}
            </h2>
            <p class="soft">{why}{by}", "<Time at=version.changed_at /></p>
            {if sentences.is_empty() {
                view! { <p>"The same as the version before."</p> }.into_any()
            } else {
                view! { <ul>{sentences}</ul> }.into_any()
            }}
            {(!is_present && !differs).then(|| view! { <p class="soft">"The same as what is there now."</p> })}
            {restore}
        </li>
    }
}
