//! A page: its title, where it stands, and its one main action.

use leptos::{html, prelude::*};
use leptos_meta::Title;

use super::arrival::Arrival;

/// The head of a page.
#[component]
pub fn PageHead(
    /// The heading, and the document's title.
    #[prop(into)]
    title: String,
    /// Where it stands: address and name of the pages above it.
    #[prop(optional)]
    above: Vec<(String, String)>,
    /// A sentence below the heading.
    #[prop(optional, into)]
    lead: Option<String>,
    /// The main action, and others before it.
    #[prop(optional)]
    children: Option<Children>,
) -> impl IntoView {
    let heading = NodeRef::<html::H1>::new();
    if let Some(arrival) = use_context::<Arrival>() {
        arrival.is_told_by(heading);
    }
    let crumbs = (!above.is_empty()).then(|| {
        let items: Vec<_> = above.into_iter().map(|(href, name)| view! { <li><a href=href>{name}</a></li> }).collect();
        view! {
            <nav class="breadcrumbs" aria-label="Breadcrumbs">
                <ol>{items}</ol>
            </nav>
        }
    });
    view! {
        <Title text=title.clone() />
        <header class="page-head">
            {crumbs}
            <div class="page-title">
                <h1 node_ref=heading>{title}</h1>
                {children.map(|children| view! { <div class="actions">{children()}</div> })}
            </div>
            {lead.map(|lead| view! { <p class="lead">{lead}</p> })}
        </header>
    }
}
