//! The interface of Usher: pages, the components that they are made of, and the server functions that stand beside them.
//!
//! It compiles twice: into the server (`ssr`), which renders every page whole, and into the browser (`hydrate`), which takes the rendered page
//! over. It reaches the hub only inside server functions, through the one `Hub` handle in context: authorise, call, map the error. It holds no SQL
//! and opens no connection to an endpoint.
#![recursion_limit = "256"]

pub mod actions;
#[cfg(feature = "ssr")]
pub mod address;
pub mod answers;
pub mod bundles;
mod calls;
pub mod components;
mod cookie;
pub mod door;
pub mod error;
pub mod flash;
#[cfg(feature = "hydrate")]
mod letters;
#[cfg(feature = "ssr")]
pub mod markdown;
pub mod pages;
pub mod phones;
mod pieces;
mod reading;
pub mod session;
mod theme;
mod zone;

use leptos::prelude::*;
use leptos_meta::{MetaTags, Stylesheet, Title, provide_meta_context};
use leptos_router::{
    SsrMode,
    components::{ParentRoute, Route, Router, Routes},
    path,
};

pub use calls::Called;

use bundles::{
    Account, Alerts, Anew, Applications, Audience, Audiences, Checking, Defining, Door, Endpoint, Endpoints, Home,
    Mapping, Mappings, Review, Run, Runs, Schedule, Shares, Sharing, Timing,
};
use components::frame::Frame;
use pages::not_found::NotFound;

/// The document around the app, as the server sends it.
pub fn shell(options: LeptosOptions) -> impl IntoView {
    let theme = theme::of_request();
    view! {
        <!DOCTYPE html>
        <html lang="en" data-theme=theme>
            <head>
                <meta charset="utf-8" />
                <meta name="viewport" content="width=device-width, initial-scale=1" />
                <meta name="color-scheme" content="light dark" />
                <link rel="icon" type="image/svg+xml" href="/favicon.svg" />
                <Stylesheet id="usher" href="/pkg/usher.css" />
                <AutoReload options=options.clone() />
                // The page is read and used before its program has come: what it looks like comes first.
                <HydrationScripts options defer=true />
                <MetaTags />
            </head>
            <body>
                <App />
            </body>
        </html>
    }
}

/// The app: every page and its address, and the bundle that brings it. All pages are rendered whole before they are sent, so that they can be read
/// and used before the program has loaded.
#[component]
pub fn App() -> impl IntoView {
    provide_meta_context();
    // Tests, and the hints that speak of loading, wait for this.
    Effect::new(|_| {
        if let Some(root) = document().document_element() {
            let _ = root.set_attribute("data-hydrated", "");
        }
        zone::tell();
    });
    view! {
        <Title formatter=|title: String| if title.is_empty() { "Usher".to_owned() } else { format!("{title} · Usher") } />
        <Router>
            <Routes fallback=|| view! { <NotFound /> }>
                <Route path=path!("/sign-in") view=Door::SignInPage ssr=SsrMode::Async />
                <Route path=path!("/sign-in/identity") view=Door::IdentityPage ssr=SsrMode::Async />
                <Route path=path!("/sign-up") view=Door::SignUpPage ssr=SsrMode::Async />
                <Route path=path!("/invitation/:token") view=Door::InvitationPage ssr=SsrMode::Async />
                <ParentRoute path=path!("") view=Frame ssr=SsrMode::Async>
                    <Route path=path!("/") view=Home::HomePage ssr=SsrMode::Async />
                    <Route path=path!("/audiences") view=Audiences::AudiencesPage ssr=SsrMode::Async />
                    <Route path=path!("/audiences/:id") view=Audience::AudiencePage ssr=SsrMode::Async />
                    <Route path=path!("/shares") view=Shares::SharesPage ssr=SsrMode::Async />
                    <Route path=path!("/shares/:id") view=Shares::ShareOverviewPage ssr=SsrMode::Async />
                    <Route path=path!("/templates") view=Mappings::TemplatesPage ssr=SsrMode::Async />
                    <Route path=path!("/shares/:id/audience") view=Sharing::AudienceStepPage ssr=SsrMode::Async />
                    <Route path=path!("/shares/:id/versions") view=Mappings::VersionsPage ssr=SsrMode::Async />
                    <Route path=path!("/shares/:id/templates") view=Mappings::ShareTemplatesPage ssr=SsrMode::Async />
                    <Route path=path!("/shares/:id/changes") view=Mappings::ChangesPage ssr=SsrMode::Async />
                    <Route path=path!("/endpoints/:id/share") view=Sharing::ShareToPage ssr=SsrMode::Async />
                    <Route path=path!("/shares/:id/destination") view=Sharing::DestinationPage ssr=SsrMode::Async />
                    <Route path=path!("/shares/:id/mapping") view=Mapping::MappingPage ssr=SsrMode::Async />
                    <Route path=path!("/shares/:id/when") view=Timing::WhenPage ssr=SsrMode::Async />
                    <Route path=path!("/shares/:id/review") view=Checking::ReviewPage ssr=SsrMode::Async />
                    <Route path=path!("/schedule") view=Schedule::SchedulePage ssr=SsrMode::Async />
                    <Route path=path!("/schedule/blackouts") view=Schedule::BlackoutsPage ssr=SsrMode::Async />
                    <Route path=path!("/schedule/:share/:slot") view=Schedule::OccurrencePage ssr=SsrMode::Async />
                    <Route path=path!("/runs") view=Runs::RunsPage ssr=SsrMode::Async />
                    <Route path=path!("/runs/:id") view=Run::RunPage ssr=SsrMode::Async />
                    <Route path=path!("/endpoints") view=Endpoints::EndpointsPage ssr=SsrMode::Async />
                    <Route path=path!("/endpoints/:id") view=Endpoint::EndpointPage ssr=SsrMode::Async />
                    <Route path=path!("/endpoints/:id/disconnect") view=Endpoint::DisconnectPage ssr=SsrMode::Async />
                    <Route path=path!("/endpoints/:id/credentials") view=Anew::CredentialsPage ssr=SsrMode::Async />
                    <Route path=path!("/endpoints/:id/version") view=Anew::VersionPage ssr=SsrMode::Async />
                    <Route path=path!("/connect") view=Endpoints::ConnectPage ssr=SsrMode::Async />
                    <Route path=path!("/connect/:application") view=Endpoints::ConnectApplicationPage ssr=SsrMode::Async />
                    <Route path=path!("/account") view=Account::AccountPage ssr=SsrMode::Async />
                    <Route path=path!("/people") view=Account::PeoplePage ssr=SsrMode::Async />
                    <Route path=path!("/people/invitations/:id") view=Account::InvitationLinkPage ssr=SsrMode::Async />
                    <Route path=path!("/profile") view=Account::ProfilePage ssr=SsrMode::Async />
                    <Route path=path!("/account/alerts") view=Alerts::AlertSettingsPage ssr=SsrMode::Async />
                    <Route path=path!("/alerts") view=Alerts::AlertsPage ssr=SsrMode::Async />
                    <Route path=path!("/shares/:id/alerts") view=Alerts::ShareAlertsPage ssr=SsrMode::Async />
                    <Route path=path!("/applications") view=Applications::ApplicationsPage ssr=SsrMode::Async />
                    <Route path=path!("/applications/:id") view=Applications::ApplicationPage ssr=SsrMode::Async />
                    <Route path=path!("/applications/:id/about") view=Defining::AboutPage ssr=SsrMode::Async />
                    <Route path=path!("/applications/:id/types") view=Defining::TypesPage ssr=SsrMode::Async />
                    <Route path=path!("/applications/:id/addresses") view=Defining::UrlsPage ssr=SsrMode::Async />
                    <Route path=path!("/applications/:id/fields") view=Defining::FieldsPage ssr=SsrMode::Async />
                    <Route path=path!("/applications/:id/delivery") view=Defining::DeliveryPage ssr=SsrMode::Async />
                    <Route path=path!("/applications/:id/credentials") view=Defining::CredentialsPage ssr=SsrMode::Async />
                    <Route path=path!("/applications/:id/test-drive") view=Applications::TestDrivePage ssr=SsrMode::Async />
                    <Route path=path!("/applications/:id/submit") view=Applications::SubmitPage ssr=SsrMode::Async />
                    <Route path=path!("/review") view=Review::ReviewPage ssr=SsrMode::Async />
                    <Route path=path!("/review/:id") view=Review::ReviewApplicationPage ssr=SsrMode::Async />
                </ParentRoute>
            </Routes>
        </Router>
    }
}

/// Every page, for the server's router.
#[cfg(feature = "ssr")]
pub fn routes() -> Vec<leptos_axum::AxumRouteListing> {
    leptos_axum::generate_route_list(App)
}

/// The address of every server function.
#[cfg(feature = "ssr")]
pub fn server_functions() -> Vec<&'static str> {
    leptos::server_fn::axum::server_fn_paths().map(|(path, _)| path).collect()
}

/// Takes the rendered page over, in the browser.
#[cfg(feature = "hydrate")]
#[wasm_bindgen::prelude::wasm_bindgen]
pub async fn hydrate() {
    console_error_panic_hook::set_once();
    letters::ask_the_browser();
    if bundles::load_those_of_the_page().await.is_err() || !pieces::load_those_of_the_page().await {
        return;
    }
    // What the server has rendered with the plans can't be taken over without them. Until then the page works as it does without the program.
    if phones::are_needed_at_once() {
        phones::ready().await;
    }
    leptos::mount::hydrate_body(App);
}
