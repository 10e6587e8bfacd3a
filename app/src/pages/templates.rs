//! Templates: every mapping of the account that is kept by name, to be renamed or deleted. They are used and made at a share (`share::templates`).

use leptos::prelude::*;
use model::view::MappingTemplate;

use crate::{
    actions::{ActionForm, ServerAction},
    components::{
        button::{ButtonKind, ButtonLink, SubmitButton},
        count::counted,
        empty_state::EmptyState,
        field::ErrorSummary,
        notice::{Done, Trouble},
        page::PageHead,
        skeleton::Skeleton,
        time::Time,
    },
    error::AppError,
    flash::{Form, FormState},
};

const PATH: &str = "/templates";

/// All of them, by name.
#[server(endpoint = "templates", protocol = crate::Called)]
pub async fn templates() -> Result<Vec<MappingTemplate>, AppError> {
    let actor = crate::session::actor().await?;
    crate::session::answer(crate::session::hub()?.templates(&actor).await).await
}

/// Renames a template, or deletes it when `what` says so.
#[server(endpoint = "change_template", protocol = crate::Called)]
pub async fn change_template(
    template_id: String,
    #[server(default)] name: String,
    #[server(default)] what: String,
) -> Result<String, AppError> {
    let (hub, actor) = (crate::session::hub()?, crate::session::actor().await?);
    let changed = async {
        let id = crate::pages::parse_id(&template_id, "template")?;
        if what == "delete" {
            hub.delete_template(&actor, &id).await?;
            return Ok("The template is deleted. Shares that were mapped with it stay as they are.".to_owned());
        }
        hub.rename_template(&actor, &id, &name).await?;
        Ok(format!("It is called “{}” now.", name.trim()))
    };
    match changed.await {
        Ok(notice) => {
            if crate::flash::is_plain_form_post().await {
                let flash = crate::flash::Flash { notice: Some(notice.clone()), ..crate::flash::Flash::default() };
                crate::flash::leave(PATH, flash).await?;
                leptos_axum::redirect(PATH);
            }
            Ok(notice)
        }
        Err(error) => Err(crate::flash::fail(PATH, &[], error).await),
    }
}

/// The page.
#[component]
pub fn TemplatesPage() -> impl IntoView {
    let action = ServerAction::<ChangeTemplate>::new();
    let live = action.problem();
    let found = crate::answers::ask(move || action.version().get(), |_| templates());
    let form = Form::new(|| PATH.to_owned(), live);
    let outcome = move || {
        action.value().with(|value| match value {
            Some(Ok(notice)) => Some(view! { <Done text=notice.clone() /> }),
            _ => None,
        })
    };
    view! {
        <PageHead
            title="Templates"
            above=vec![("/shares".to_owned(), "Shares".to_owned())]
            lead="Mappings kept by name, to be used again between the same two applications."
        />
        {outcome}
        <Transition fallback=|| view! { <Skeleton /> }>
            {move || Suspend::new(async move {
                let form = form.state().await;
                match found.await {
                    Ok(templates) => view! { <Content templates form action /> }.into_any(),
                    Err(error) => view! { <Trouble error /> }.into_any(),
                }
            })}
        </Transition>
    }
}

#[component]
fn Content(templates: Vec<MappingTemplate>, form: FormState, action: ServerAction<ChangeTemplate>) -> impl IntoView {
    let notice = form.notice().map(|text| view! { <Done text /> });
    if templates.is_empty() {
        return view! {
            {notice}
            {(!super::may_share()).then(|| view! { <p class="soft">"A member or an admin of this account can keep mappings as templates."</p> })}
            <EmptyState text="No mapping is kept as a template yet. Open a share, and keep its mapping under a name.">
                <ButtonLink href="/shares">"Go to the shares"</ButtonLink>
            </EmptyState>
        }
        .into_any();
    }
    let may_share = super::may_share();
    let rows: Vec<_> = templates
        .into_iter()
        .map(|template| {
            let change = may_share.then(|| change_form(&template, action));
            let between = format!("{} to {}", template.source_application, template.destination_application);
            view! {
                <li class="card">
                    <div>
                        <h2>{template.name}</h2>
                        <p class="soft">
                            {between}" · "{counted(u64::from(template.links), "field", "fields")}" · "{template.changed_by}", "
                            <Time at=template.updated_at />
                        </p>
                    </div>
                    {change}
                </li>
            }
        })
        .collect();
    view! {
        {notice}
        <ErrorSummary form fields=&[] />
        {(!may_share).then(|| view! { <p class="soft">"You can look at templates; a member or an admin of this account can change them."</p> })}
        <ul class="templates">{rows}</ul>
    }
    .into_any()
}

/// Renaming and deleting one template; nothing else hangs on it, so that deleting asks nothing.
fn change_form(template: &MappingTemplate, action: ServerAction<ChangeTemplate>) -> impl IntoView + use<> {
    let id = template.id.to_string();
    let input = format!("name-{id}");
    let label = format!("New name of “{}”", template.name);
    let name = template.name.clone();
    view! {
        <details>
            <summary>"Change"</summary>
            <ActionForm action attr:class="change-template">
                <input type="hidden" name="template_id" value=id />
                <div class="field">
                    <label for=input.clone()>{label}</label>
                    <input id=input name="name" type="text" autocomplete="off" value=name.clone() />
                </div>
                <div class="form-actions">
                    <SubmitButton pending=action.pending()>"Rename"</SubmitButton>
                    <SubmitButton kind=ButtonKind::Danger name="what" value="delete" pending=action.pending()>
                        {format!("Delete “{name}”")}
                    </SubmitButton>
                </div>
            </ActionForm>
        </details>
    }
}
