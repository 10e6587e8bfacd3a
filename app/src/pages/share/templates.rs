//! Templates for a share: mapping it as one says, and keeping its mapping as one.

use leptos::prelude::*;
use model::view::{ShareView, TemplateFit};
use serde::{Deserialize, Serialize};

use super::above;
use crate::{
    actions::{ActionForm, Newest, ServerAction, newest},
    components::{
        button::{ButtonKind, ButtonLink, SubmitButton},
        count::counted,
        empty_state::EmptyState,
        field::{ErrorSummary, TextField},
        notice::{Done, Trouble},
        page::PageHead,
        skeleton::Skeleton,
    },
    error::AppError,
    flash::{Form, FormState},
    pages::address_part,
};

/// What the page shows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ShareTemplatesData {
    share: ShareView,
    templates: Vec<TemplateFit>,
}

/// All of the page.
#[server(endpoint = "share_templates", protocol = crate::Called)]
pub async fn share_templates(share_id: String) -> Result<ShareTemplatesData, AppError> {
    let (hub, actor) = (crate::session::hub()?, crate::session::actor().await?);
    let found = async {
        let id = crate::pages::parse_id(&share_id, "share")?;
        Ok(ShareTemplatesData {
            share: hub.share(&actor, &id).await?,
            templates: hub.templates_for(&actor, &id).await?,
        })
    };
    crate::session::answer(found.await).await
}

/// Maps the share as a template says, and leads to the mapping.
#[server(endpoint = "apply_template", protocol = crate::Called)]
pub async fn apply_template(
    share_id: String,
    template_id: String,
    #[server(default)] replace: String,
) -> Result<(), AppError> {
    let (hub, actor) = (crate::session::hub()?, crate::session::actor().await?);
    let applied = async {
        let id = crate::pages::parse_id(&share_id, "share")?;
        let template = crate::pages::parse_id(&template_id, "template")?;
        hub.apply_template(&actor, &id, &template, !replace.is_empty()).await
    };
    match applied.await {
        Ok(share) => {
            leptos_axum::redirect(&format!("/shares/{}/mapping", share.id));
            Ok(())
        }
        Err(error) => Err(crate::flash::fail(&format!("/shares/{share_id}/templates"), &[], error).await),
    }
}

/// Keeps the share's mapping as a template.
#[server(endpoint = "save_template", protocol = crate::Called)]
pub async fn save_template(share_id: String, #[server(default)] name: String) -> Result<String, AppError> {
    let (hub, actor) = (crate::session::hub()?, crate::session::actor().await?);
    let path = format!("/shares/{share_id}/templates");
    let saved = async { hub.save_template(&actor, &crate::pages::parse_id(&share_id, "share")?, &name).await };
    match saved.await {
        Ok(_) => {
            let notice = format!("“{}” is kept, for shares between the same two applications.", name.trim());
            if crate::flash::is_plain_form_post().await {
                let flash = crate::flash::Flash { notice: Some(notice.clone()), ..crate::flash::Flash::default() };
                crate::flash::leave(&path, flash).await?;
                leptos_axum::redirect(&path);
            }
            Ok(notice)
        }
        Err(error) => Err(crate::flash::fail(&path, &[("name", &name)], error).await),
    }
}

/// The page.
#[component]
pub fn ShareTemplatesPage() -> impl IntoView {
    let id = address_part("id");
    let (apply, save) = (ServerAction::<ApplyTemplate>::new(), ServerAction::<SaveTemplate>::new());
    let newest = newest([save.call(), apply.call()]);
    let data = crate::answers::ask(move || (id.get(), save.version().get()), |(id, _)| share_templates(id));
    let form = Form::new(move || format!("/shares/{}/templates", id.get()), newest.problem());
    view! {
        <Transition fallback=|| view! { <Skeleton /> }>
            {move || Suspend::new(async move {
                let form = form.state().await;
                match data.await {
                    Ok(data) => view! { <Loaded data form apply save newest /> }.into_any(),
                    Err(error) => view! { <PageHead title="Templates" /><Trouble error /> }.into_any(),
                }
            })}
        </Transition>
    }
}

#[component]
fn Loaded(
    data: ShareTemplatesData,
    form: FormState,
    apply: ServerAction<ApplyTemplate>,
    save: ServerAction<SaveTemplate>,
    newest: Newest,
) -> impl IntoView {
    let ShareTemplatesData { share, templates } = data;
    let may_share = crate::pages::may_share();
    let share_id = share.id.to_string();
    let (source, destination) = (
        share.audience.endpoint_name.clone(),
        share.destination.as_ref().map(|destination| destination.endpoint_name.clone()).unwrap_or_default(),
    );
    let lead = format!("Mappings kept by name, for shares between the applications of {source} and {destination}.");
    let notice = form.notice().map(|text| view! { <Done text /> });
    let outcome = move || newest.notice().map(|text| view! { <Done text /> });
    let can_save = may_share && !share.mapping.links.is_empty();
    let list = if templates.is_empty() {
        view! { <EmptyState text="There is no template for these two applications yet." /> }.into_any()
    } else {
        let items: Vec<_> = templates
            .into_iter()
            .map(|fit| {
                let share_id = share_id.clone();
                view! { <Fit fit share_id may_share apply /> }
            })
            .collect();
        view! { <ul class="template-fits">{items}</ul> }.into_any()
    };
    let save_id = share.id.to_string();
    view! {
        <PageHead title="Templates" above=above(&share) lead>
            <ButtonLink href="/templates">"All templates"</ButtonLink>
            <ButtonLink href=format!("/shares/{}/mapping", share.id)>"Back to the mapping"</ButtonLink>
        </PageHead>
        <ErrorSummary form=form.clone() fields=&[("name", "Name")] />
        {notice}
        {outcome}
        {(!may_share).then(|| view! { <p class="soft">"You can look at templates; a member or an admin of this account can use and change them."</p> })}
        <section aria-labelledby="start">
            <h2 id="start">"Start from a template"</h2>
            {list}
        </section>
        {can_save
            .then(|| {
                view! {
                    <section aria-labelledby="keep">
                        <h2 id="keep">"Keep this mapping as a template"</h2>
                        <ActionForm action=save attr:class="form" attr:novalidate="">
                            <input type="hidden" name="share_id" value=save_id />
                            <TextField form name="name" label="Name" help="One of this name for the same two applications is replaced." />
                            <div class="form-actions">
                                <SubmitButton pending=save.pending()>"Keep it"</SubmitButton>
                            </div>
                        </ActionForm>
                    </section>
                }
            })}
    }
}

/// One template, with what of it fits.
#[component]
fn Fit(fit: TemplateFit, share_id: String, may_share: bool, apply: ServerAction<ApplyTemplate>) -> impl IntoView {
    let TemplateFit { template, fitting, mapped_already, misfits } = fit;
    let all = fitting.len() + misfits.len();
    let title = format!("{} of {} fit", fitting.len(), counted(all as u64, "field", "fields"));
    let does_fit = !fitting.is_empty();
    let misfits: Vec<_> = misfits
        .into_iter()
        .map(|misfit| view! { <li><strong>{misfit.field}</strong>": "{misfit.reason}</li> })
        .collect();
    let has_misfits = !misfits.is_empty();
    let id = template.id.to_string();
    let label = format!("Use “{}”", template.name);
    view! {
        <li class="card">
            <h3>{template.name}</h3>
            <p class="soft">{title}</p>
            {does_fit.then(|| view! { <p>"It maps "{fitting.join(", ")}"."</p> })}
            {has_misfits.then(|| view! { <p>"It can't map here:"</p><ul>{misfits}</ul> })}
            {(may_share && does_fit)
                .then(|| {
                    view! {
                        <ActionForm action=apply>
                            <input type="hidden" name="share_id" value=share_id />
                            <input type="hidden" name="template_id" value=id />
                            {(mapped_already > 0)
                                .then(|| {
                                    view! {
                                        <label class="proposal">
                                            <input type="checkbox" name="replace" value="yes" />
                                            <span>
                                                {format!(
                                                    "Also change the {} mapped already; without this they stay as they are.",
                                                    counted(u64::from(mapped_already), "field that is", "fields that are"),
                                                )}
                                            </span>
                                        </label>
                                    }
                                })}
                            <SubmitButton kind=ButtonKind::Primary pending=apply.pending()>{label}</SubmitButton>
                        </ActionForm>
                    }
                })}
        </li>
    }
}
