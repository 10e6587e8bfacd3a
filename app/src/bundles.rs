//! The bundles: what the browser loads of the program, and when. What every page needs (the frame, the router, what most pages are made of) it loads
//! at once; the pages themselves come in bundles, each with the pages that people go through one after the other.
//!
//! On the server a bundle is nothing but its pages' functions. The browser's half is cut into files along `bundles!` by the builder
//! (`xtask/src/split.rs`); what several bundles share comes in files of its own, with whichever of them is loaded first. The server names what a page
//! needs in its head, so that the browser loads it beside the program, and it is there before the page is taken over: all of it packed in one file
//! (`xtask/src/pack.rs`).

use leptos::prelude::*;
#[cfg(not(feature = "hydrate"))]
use leptos_meta::Link;
use leptos_router::ChooseView;

#[cfg(feature = "hydrate")]
use crate::components::{
    icon::{Icon, IconName},
    page::PageHead,
};

/// Declares bundles: the name, the file's name, and the pages by their places below `pages`. A route names a page as `Name::Page`.
macro_rules! bundles {
    ($($(#[$about:meta])* $name:ident($file:ident) { $($module:ident::$page:ident),+ $(,)? })+) => {
        $(
            $(#[$about])*
            #[derive(Debug, Clone, Copy, PartialEq, Eq)]
            pub enum $name {
                $(
                    #[doc = concat!("The page that stands in `pages::", stringify!($module), "`.")]
                    $page,
                )+
            }

            impl $name {
                fn page(self) -> AnyView {
                    match self {
                        $(Self::$page => crate::pages::$module::$page().into_any(),)+
                    }
                }
            }

            impl ChooseView for $name {
                async fn choose(self) -> AnyView {
                    #[cfg(feature = "hydrate")]
                    return $file::page(self).await.unwrap_or_else(|_| view! { <NotLoaded /> }.into_any());
                    #[cfg(not(feature = "hydrate"))]
                    {
                        name_in_the_head(stringify!($file));
                        self.page()
                    }
                }

                async fn preload(&self) {
                    // When it can't be had, `choose` says so.
                    #[cfg(feature = "hydrate")]
                    let _ = $file::load().await;
                }
            }

            #[cfg(feature = "hydrate")]
            mod $file {
                use leptos::{prelude::AnyView, wasm_split::SplitLoaderError};

                #[leptos::wasm_split::wasm_split($file, wasm_split_path = ::leptos::wasm_split, preload(load), fallible)]
                pub(super) fn page(page: super::$name) -> Result<AnyView, SplitLoaderError> {
                    Ok(page.page())
                }
            }
        )+

        /// Loads the bundles that the server named in the page's head. Until then the page works as it does without the program; so it goes on doing when
        /// one of them can't be had.
        ///
        /// # Errors
        /// When one of them can't be had.
        #[cfg(feature = "hydrate")]
        pub async fn load_those_of_the_page() -> Result<(), leptos::wasm_split::SplitLoaderError> {
            $(
                if is_named_in_the_head(stringify!($file)) {
                    $file::load().await?;
                }
            )+
            Ok(())
        }
    };
}

bundles! {
    /// For those who are not signed in.
    Door(door) { sign_in::SignInPage, sign_up::SignUpPage, invitation::InvitationPage, identity::IdentityPage }

    /// Where one begins.
    Home(home) { home::HomePage }

    /// Finding audiences.
    Audiences(audiences) { audiences::AudiencesPage }

    /// One audience.
    Audience(audience) { audience::AudiencePage }

    /// Shares as they are.
    Shares(shares) { shares::SharesPage, share_overview::ShareOverviewPage }

    /// Mappings that were kept, and how they have changed.
    Mappings(mappings) { templates::TemplatesPage, share::VersionsPage, share::ShareTemplatesPage, share::ChangesPage }

    /// Beginning a share: what goes where.
    Sharing(sharing) { share::AudienceStepPage, share::ShareToPage, share::DestinationPage }

    /// When and how a share is run.
    Timing(timing) { share::WhenPage }

    /// All that a share says, before it is let go.
    Checking(checking) { share::ReviewPage }

    /// The mapping, which is as large as all others together.
    Mapping(mapping) { share::MappingPage }

    /// What has run and will run.
    Schedule(schedule) { schedule::SchedulePage, schedule::BlackoutsPage, schedule::OccurrencePage }

    /// All runs.
    Runs(runs) { runs::RunsPage }

    /// One run.
    Run(run) { runs::RunPage }

    /// Endpoints, and connecting them.
    Endpoints(endpoints) { endpoints::EndpointsPage, connect::ConnectPage, connect_application::ConnectApplicationPage }

    /// One endpoint.
    Endpoint(endpoint) { endpoint::EndpointPage, endpoint::DisconnectPage }

    /// Connecting an endpoint anew: with other credentials, or to a newer version.
    Anew(anew) { endpoint::CredentialsPage, endpoint::VersionPage }

    /// The account, and the people in it.
    Account(account) { account::AccountPage, people::PeoplePage, people::InvitationLinkPage, profile::ProfilePage }

    /// What is the matter with shares, and who is told.
    Alerts(alerts) { alerts::AlertsPage, alerts::AlertSettingsPage, alerts::ShareAlertsPage }

    /// Applications, and having them accepted.
    Applications(applications) {
        applications::ApplicationsPage,
        applications::ApplicationPage,
        applications::TestDrivePage,
        applications::SubmitPage,
    }

    /// What an application says of itself, step by step.
    Defining(defining) {
        applications::AboutPage,
        applications::TypesPage,
        applications::UrlsPage,
        applications::FieldsPage,
        applications::DeliveryPage,
        applications::CredentialsPage,
    }

    /// Reviewing them.
    Review(review) { review::ReviewPage, review::ReviewApplicationPage }
}

/// Names the bundle's files in the head of the page that is being rendered; in one, where the builder has packed them. Leptos' own way of doing so looks for the page when it is finished, on
/// whatever thread that may be, and then finds none, or another one.
#[cfg(not(feature = "hydrate"))]
pub(crate) fn name_in_the_head(bundle: &str) {
    // Without a built site there is no list.
    let Some(list) = use_context::<leptos::WasmSplitManifest>() else { return };
    list.0.with_value(|(folder, needed, loader)| {
        let pack = format!("page_{bundle}");
        // What a piece shares with its page comes with the page.
        let is_of_page = |file: &String| {
            let page = needed
                .iter()
                .find(|(page, _)| bundle.strip_prefix(page.as_str()).is_some_and(|rest| rest.starts_with('_')));
            page.is_some_and(|(_, files)| files.contains(file))
        };
        let files: Vec<String> = if needed.contains_key(&pack) {
            vec![format!("{folder}/{pack}.pack")]
        } else {
            let files = needed.get(bundle).into_iter().flatten().filter(|file| !is_of_page(file));
            files.map(|file| format!("{folder}/{file}.wasm")).collect()
        };
        // As the program itself: after what the page looks like (`shell`).
        let links = files
            .into_iter()
            .map(|href| view! { <Link rel="preload" href as_="fetch" crossorigin="" fetchpriority="low" /> });
        // What stands in the head is noted when it is rendered; in its own place there is nothing.
        links.for_each(|link| drop(link.to_html()));
        let href = format!("{folder}/{loader}");
        drop(view! { <Link rel="modulepreload" href crossorigin="" fetchpriority="low" /> }.to_html());
    });
}

#[cfg(feature = "hydrate")]
pub(crate) fn is_named_in_the_head(file: &str) -> bool {
    let selector = format!("head link:is([href$='/page_{file}.pack'], [href$='/split_{file}.wasm'])");
    document().query_selector(&selector).ok().flatten().is_some()
}

/// Stands where the page would, when its bundle could not be loaded: the network was away, or Usher was updated meanwhile.
#[cfg(feature = "hydrate")]
#[component]
fn NotLoaded() -> impl IntoView {
    view! {
        <PageHead title="Not loaded" />
        <div class="notice bad" role="alert">
            <Icon name=IconName::Failed />
            <p>"This page could not be loaded. Nothing was lost. "<a href="" rel="external">"Load it again"</a></p>
        </div>
    }
}
