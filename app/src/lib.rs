//! The interface of Usher: pages, the components that they are made of, and the server functions that stand beside them.
//!
//! It compiles twice: into the server (`ssr`), which renders every page whole, and into the browser (`hydrate`), which takes the rendered page
//! over. It reaches the hub only inside server functions, through the one `Hub` handle in context: authorise, call, map the error. It holds no SQL
//! and opens no connection to an endpoint.
#![recursion_limit = "256"]

pub mod components;
mod cookie;
pub mod door;
pub mod error;
pub mod flash;
#[cfg(feature = "ssr")]
pub mod markdown;
pub mod pages;
pub mod phones;
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

use components::frame::Frame;
use pages::{
    account::AccountPage, audience::AudiencePage, audiences::AudiencesPage, connect::ConnectPage,
    connect_application::ConnectApplicationPage, endpoint::EndpointPage, endpoints::EndpointsPage, home::HomePage,
    not_found::NotFound, share_overview::ShareOverviewPage, shares::SharesPage, sign_in::SignInPage,
    sign_up::SignUpPage,
};

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
                <HydrationScripts options />
                <MetaTags />
            </head>
            <body>
                <App />
            </body>
        </html>
    }
}

/// The app: every page and its address. All pages are rendered whole before they are sent, so that they can be read and used before the
/// program has loaded.
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
                <Route path=path!("/sign-in") view=SignInPage ssr=SsrMode::Async />
                <Route path=path!("/sign-up") view=SignUpPage ssr=SsrMode::Async />
                <ParentRoute path=path!("") view=Frame ssr=SsrMode::Async>
                    <Route path=path!("/") view=HomePage ssr=SsrMode::Async />
                    <Route path=path!("/audiences") view=AudiencesPage ssr=SsrMode::Async />
                    <Route path=path!("/audiences/:id") view=AudiencePage ssr=SsrMode::Async />
                    <Route path=path!("/shares") view=SharesPage ssr=SsrMode::Async />
                    <Route path=path!("/shares/:id") view=ShareOverviewPage ssr=SsrMode::Async />
                    <Route path=path!("/templates") view=pages::templates::TemplatesPage ssr=SsrMode::Async />
                    <Route path=path!("/shares/:id/audience") view=pages::share::AudienceStepPage ssr=SsrMode::Async />
                    <Route path=path!("/shares/:id/versions") view=pages::share::VersionsPage ssr=SsrMode::Async />
                    <Route path=path!("/shares/:id/templates") view=pages::share::ShareTemplatesPage ssr=SsrMode::Async />
                    <Route path=path!("/shares/:id/changes") view=pages::share::ChangesPage ssr=SsrMode::Async />
                    <Route path=path!("/endpoints/:id/share") view=pages::share::ShareToPage ssr=SsrMode::Async />
                    <Route path=path!("/shares/:id/destination") view=pages::share::DestinationPage ssr=SsrMode::Async />
                    <Route path=path!("/shares/:id/mapping") view=pages::share::MappingPage ssr=SsrMode::Async />
                    <Route path=path!("/shares/:id/when") view=pages::share::WhenPage ssr=SsrMode::Async />
                    <Route path=path!("/shares/:id/review") view=pages::share::ReviewPage ssr=SsrMode::Async />
                    <Route path=path!("/schedule") view=pages::schedule::SchedulePage ssr=SsrMode::Async />
                    <Route path=path!("/schedule/blackouts") view=pages::schedule::BlackoutsPage ssr=SsrMode::Async />
                    <Route path=path!("/schedule/:share/:slot") view=pages::schedule::OccurrencePage ssr=SsrMode::Async />
                    <Route path=path!("/runs") view=pages::runs::RunsPage ssr=SsrMode::Async />
                    <Route path=path!("/runs/:id") view=pages::runs::RunPage ssr=SsrMode::Async />
                    <Route path=path!("/endpoints") view=EndpointsPage ssr=SsrMode::Async />
                    <Route path=path!("/endpoints/:id") view=EndpointPage ssr=SsrMode::Async />
                    <Route path=path!("/endpoints/:id/disconnect") view=pages::endpoint::DisconnectPage ssr=SsrMode::Async />
                    <Route path=path!("/connect") view=ConnectPage ssr=SsrMode::Async />
                    <Route path=path!("/connect/:application") view=ConnectApplicationPage ssr=SsrMode::Async />
                    <Route path=path!("/account") view=AccountPage ssr=SsrMode::Async />
                    <Route path=path!("/applications") view=pages::applications::ApplicationsPage ssr=SsrMode::Async />
                    <Route path=path!("/applications/:id") view=pages::applications::ApplicationPage ssr=SsrMode::Async />
                    <Route path=path!("/applications/:id/about") view=pages::applications::AboutPage ssr=SsrMode::Async />
                    <Route path=path!("/applications/:id/types") view=pages::applications::TypesPage ssr=SsrMode::Async />
                    <Route path=path!("/applications/:id/addresses") view=pages::applications::UrlsPage ssr=SsrMode::Async />
                    <Route path=path!("/applications/:id/fields") view=pages::applications::FieldsPage ssr=SsrMode::Async />
                    <Route path=path!("/applications/:id/delivery") view=pages::applications::DeliveryPage ssr=SsrMode::Async />
                    <Route path=path!("/applications/:id/credentials") view=pages::applications::CredentialsPage ssr=SsrMode::Async />
                    <Route path=path!("/applications/:id/test-drive") view=pages::applications::TestDrivePage ssr=SsrMode::Async />
                    <Route path=path!("/applications/:id/submit") view=pages::applications::SubmitPage ssr=SsrMode::Async />
                    <Route path=path!("/review") view=pages::review::ReviewPage ssr=SsrMode::Async />
                    <Route path=path!("/review/:id") view=pages::review::ReviewApplicationPage ssr=SsrMode::Async />
                </ParentRoute>
            </Routes>
        </Router>
    }
}

/// Takes the rendered page over, in the browser.
#[cfg(feature = "hydrate")]
#[wasm_bindgen::prelude::wasm_bindgen]
pub async fn hydrate() {
    console_error_panic_hook::set_once();
    // What the server has rendered with the plans can't be taken over without them. Until then the page works as it does without the program.
    if phones::are_needed_at_once() {
        phones::ready().await;
    }
    leptos::mount::hydrate_body(App);
}
