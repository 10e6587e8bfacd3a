//! The applications that the account provides.

use leptos::{prelude::*, server_fn::ServerFn};
use model::application::ApplicationEntry;

use super::lines::StateBadge;
use crate::{
    components::{
        button::{ButtonKind, SubmitButton},
        count::Count,
        empty_state::EmptyState,
        field::{ErrorSummary, TextField},
        notice::{Done, Trouble},
        page::PageHead,
        skeleton::Skeleton,
        time::Time,
    },
    error::AppError,
    flash::Form,
};

const PATH: &str = "/applications";

/// All of them.
#[server(endpoint = "own_applications", protocol = crate::Called)]
pub async fn own_applications() -> Result<Vec<ApplicationEntry>, AppError> {
    let actor = crate::session::actor().await?;
    crate::session::answer(crate::session::hub()?.own_applications(&actor).await).await
}

/// Begins one, and leads to its first step.
#[server(endpoint = "begin_application", protocol = crate::Called)]
pub async fn begin_application(#[server(default)] name: String) -> Result<(), AppError> {
    let (hub, actor) = (crate::session::hub()?, crate::session::actor().await?);
    match hub.begin_application(&actor, &name).await {
        Ok(id) => {
            leptos_axum::redirect(&format!("{PATH}/{id}/about"));
            Ok(())
        }
        Err(error) => Err(crate::flash::fail(PATH, &[("name", &name)], error).await),
    }
}

/// The page.
#[component]
pub fn ApplicationsPage() -> impl IntoView {
    let found = crate::answers::ask(|| (), |()| own_applications());
    let form = Form::new(|| PATH.to_owned(), Signal::derive(|| None));
    let may_change = crate::pages::may_connect();
    view! {
        <PageHead
            title="Integration Manager"
            lead="Applications that your organisation provides. Once one is approved, every account of this Usher can connect it."
        />
        <Suspense fallback=|| view! { <Skeleton /> }>
            {move || Suspend::new(async move {
                let form = form.state().await;
                let notice = form.notice().map(|text| view! { <Done text /> });
                let list = match found.await {
                    Ok(entries) if entries.is_empty() => {
                        let text = "Your account provides no application yet.";
                        view! { <EmptyState text /> }.into_any()
                    }
                    Ok(entries) => view! { <ApplicationTable entries below=PATH /> }.into_any(),
                    Err(error) => view! { <Trouble error /> }.into_any(),
                };
                let begin = if may_change {
                    view! {
                        <section class="begin" aria-labelledby="begin">
                            <h2 id="begin">"Define an application"</h2>
                            <form class="form" method="post" action=BeginApplication::url() novalidate>
                                <ErrorSummary form=form.clone() fields=&[("name", "Name")] />
                                <TextField
                                    form
                                    name="name"
                                    label="Name"
                                    help="As people will find it in the gallery. Everything is saved as you go; nobody else sees it until you submit it."
                                />
                                <SubmitButton kind=ButtonKind::Primary>"Begin"</SubmitButton>
                            </form>
                        </section>
                    }
                        .into_any()
                } else {
                    view! { <p class="soft">"An admin of your account can define applications."</p> }.into_any()
                };
                view! {
                    {notice}
                    {list}
                    {begin}
                }
            })}
        </Suspense>
    }
}

/// A table of applications, each of which leads to its page below an address.
#[component]
pub fn ApplicationTable(
    /// The applications.
    entries: Vec<ApplicationEntry>,
    /// Above the id in the address.
    below: &'static str,
    /// Whose they are is worth telling.
    #[prop(optional)]
    with_provider: bool,
) -> impl IntoView {
    let rows: Vec<_> = entries
        .into_iter()
        .map(|entry| {
            let logo = entry.logo.as_deref().map(model::application::logo_path);
            let provider = with_provider.then(|| {
                let name = entry.provider.clone().unwrap_or_else(|| "This installation".to_owned());
                view! { <td data-label="Provider">{name}</td> }
            });
            let approved = match (entry.approved_version, &entry.retired_at) {
                (Some(version), None) => format!("Version {version}"),
                (Some(version), Some(_)) => format!("Version {version}, retired"),
                (None, _) => "none".to_owned(),
            };
            view! {
                <tr>
                    <th scope="row" data-label="Application">
                        <span class="with-logo">
                            {logo.map(|src| view! { <img class="logo" src=src alt="" width="24" height="24" /> })}
                            <a href=format!("{below}/{}", entry.id)>{entry.name}</a>
                        </span>
                        <span class="soft one-line">{entry.category.label()}</span>
                    </th>
                    {provider}
                    <td data-label="Newest version">
                        <StateBadge state=entry.state /><span class="soft">{format!(" version {}", entry.version)}</span>
                    </td>
                    <td data-label="In the gallery">{approved}</td>
                    <td data-label="Endpoints" class="number"><Count number=entry.endpoints /></td>
                    <td data-label="Changed"><Time at=entry.updated_at /></td>
                </tr>
            }
        })
        .collect();
    view! {
        <table class="list">
            <thead>
                <tr>
                    <th scope="col">"Application"</th>
                    {with_provider.then(|| view! { <th scope="col">"Provider"</th> })}
                    <th scope="col">"Newest version"</th>
                    <th scope="col">"In the gallery"</th>
                    <th scope="col" class="number">"Endpoints"</th>
                    <th scope="col">"Changed"</th>
                </tr>
            </thead>
            <tbody>{rows}</tbody>
        </table>
    }
}
