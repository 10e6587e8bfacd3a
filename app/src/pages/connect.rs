//! Click to Connect, first step: the gallery of applications, searched by words and narrowed by category. Both stand in the address.

use leptos::prelude::*;
use leptos_router::{hooks::use_query_map, params::ParamsMap};
use model::{
    application::{Category, logo_path},
    view::ApplicationView,
};

use super::endpoints::syndication;
use crate::{
    components::{
        badge::{Badge, Tone},
        button::ButtonLink,
        choices::{Choice, choices, chosen_ones},
        count::counted,
        empty_state::EmptyState,
        notice::Trouble,
        page::PageHead,
        search_box::{SearchBox, escaped},
        skeleton::Skeleton,
    },
    error::AppError,
};

const PATH: &str = "/connect";

/// All applications that can be connected.
#[server(endpoint = "applications", protocol = crate::Called)]
pub async fn applications() -> Result<Vec<ApplicationView>, AppError> {
    let actor = crate::session::actor().await?;
    crate::session::answer(crate::session::hub()?.applications(&actor).await).await
}

/// What the gallery is asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Wanted {
    text: String,
    categories: Vec<Category>,
}

impl Wanted {
    /// What an address asks for. Words that no category has are passed over.
    fn of(query: &ParamsMap) -> Self {
        let words = query.get_all("category").unwrap_or_default();
        Self {
            text: query.get("q").unwrap_or_default(),
            categories: words.iter().filter_map(|word| Category::parse(word)).collect(),
        }
    }

    fn address(&self) -> String {
        let text = (!self.text.is_empty()).then(|| format!("q={}", escaped(&self.text)));
        let categories = self.categories.iter().map(|category| format!("category={}", category.as_str()));
        let parameters: Vec<String> = text.into_iter().chain(categories).collect();
        if parameters.is_empty() { PATH.to_owned() } else { format!("{PATH}?{}", parameters.join("&")) }
    }

    /// The same with this category, or without it when it has it.
    fn toggled(&self, category: Category) -> Self {
        let mut changed = self.clone();
        match changed.categories.iter().position(|chosen| *chosen == category) {
            Some(place) => drop(changed.categories.remove(place)),
            None => changed.categories.push(category),
        }
        changed
    }

    fn has_words(&self, application: &ApplicationView) -> bool {
        let said = format!("{} {} {}", application.name, application.description, application.category.label());
        let said = said.to_lowercase();
        self.text.to_lowercase().split_whitespace().all(|word| said.contains(word))
    }

    fn has_category(&self, application: &ApplicationView) -> bool {
        self.categories.is_empty() || self.categories.contains(&application.category)
    }

    /// Those that are asked for.
    fn among(&self, applications: Vec<ApplicationView>) -> Vec<ApplicationView> {
        applications.into_iter().filter(|found| self.has_words(found) && self.has_category(found)).collect()
    }

    /// The categories of what has the words, with how many of it each has.
    fn choices(&self, applications: &[ApplicationView]) -> Vec<Choice> {
        let choice = |category: Category| {
            let with = applications.iter().filter(|found| found.category == category && self.has_words(found));
            Choice {
                label: category.label().to_owned(),
                hits: with.count() as u64,
                href: self.toggled(category).address(),
                is_chosen: self.categories.contains(&category),
            }
        };
        Category::ALL.into_iter().map(choice).filter(|choice| choice.hits > 0 || choice.is_chosen).collect()
    }
}

/// The page.
#[component]
pub fn ConnectPage() -> impl IntoView {
    let found = crate::answers::ask(|| (), |()| applications());
    // A consent that led nowhere comes back here.
    let form = crate::flash::Form::new(|| PATH.to_owned(), Signal::derive(|| None));
    let query = use_query_map();
    let wanted = Memo::new(move |_| query.with(Wanted::of));
    let initial = wanted.get_untracked();
    let keep = initial.categories.iter().map(|category| ("category", category.as_str().to_owned())).collect();
    view! {
        <PageHead
            title="Connect an application"
            above=vec![("/endpoints".to_owned(), "Endpoints".to_owned())]
            lead="Choose the application. It says what it needs."
        />
        <Suspense>
            {move || Suspend::new(async move {
                let failed = form.state().await.error();
                move || failed.get().map(|error| view! { <Trouble error /> })
            })}
        </Suspense>
        <SearchBox action=PATH label="Search applications" text=initial.text keep />
        // Stays where it is while what it says changes, so that readers hear it.
        <p class="result-count" role="status">
            <Transition fallback=|| ()>
                {move || {
                    let wanted = wanted.get();
                    Suspend::new(async move {
                        let found = wanted.among(found.await.ok()?);
                        Some(counted(found.len() as u64, "application", "applications"))
                    })
                }}
            </Transition>
        </p>
        <div class="catalogue">
            <input type="checkbox" id="narrow" class="narrow-switch" />
            <label for="narrow" class="button narrow-label">"Categories"</label>
            <aside class="narrowing" aria-label="Narrow the list">
                <Transition fallback=|| ()>
                    {move || {
                        let wanted = wanted.get();
                        Suspend::new(async move {
                            let all = found.await.ok()?;
                            choices("Category", "facet-category", wanted.choices(&all))
                        })
                    }}
                </Transition>
            </aside>
            <div class="hits-found">
                <Transition fallback=|| view! { <Skeleton /> }>
                    {move || {
                        let wanted = wanted.get();
                        Suspend::new(async move {
                            match found.await {
                                Ok(applications) => gallery(&wanted, wanted.among(applications)),
                                Err(error) => view! { <Trouble error /> }.into_any(),
                            }
                        })
                    }}
                </Transition>
            </div>
        </div>
    }
}

fn gallery(wanted: &Wanted, found: Vec<ApplicationView>) -> AnyView {
    let chosen = wanted.categories.iter();
    let chosen = chosen.map(|category| (category.label().to_owned(), wanted.toggled(*category).address())).collect();
    let everywhere = Wanted { categories: Vec::new(), ..wanted.clone() };
    let chosen = chosen_ones(chosen, everywhere.address());
    if found.is_empty() {
        let narrowed = !wanted.categories.is_empty() && !wanted.text.trim().is_empty();
        let text = if wanted.text.trim().is_empty() {
            "No application has this category.".to_owned()
        } else if narrowed {
            format!("No application matches. None of {} says “{}”.", in_words(&wanted.categories), wanted.text.trim())
        } else {
            format!("No application matches. None says “{}”.", wanted.text.trim())
        };
        return view! {
            {chosen}
            <EmptyState text>
                <div class="ways-out">
                    {narrowed.then(|| view! { <ButtonLink href=everywhere.address()>"Search all categories"</ButtonLink> })}
                    <ButtonLink href=PATH>"Show all applications"</ButtonLink>
                </div>
            </EmptyState>
        }
        .into_any();
    }
    let cards: Vec<_> = found.into_iter().map(|application| view! { <Card application /> }).collect();
    view! {
        {chosen}
        <ul class="cards">{cards}</ul>
    }
    .into_any()
}

/// "CRM and Mail".
fn in_words(categories: &[Category]) -> String {
    let labels: Vec<&str> = categories.iter().map(|category| category.label()).collect();
    match labels.split_last() {
        Some((last, before)) if !before.is_empty() => format!("{} and {last}", before.join(", ")),
        Some((only, _)) => (*only).to_owned(),
        None => String::new(),
    }
}

#[component]
fn Card(application: ApplicationView) -> impl IntoView {
    let connected = match application.endpoints {
        0 => None,
        1 => Some("Connected".to_owned()),
        many => Some(format!("Connected {many} times")),
    };
    let logo = application.logo.as_deref().map(logo_path);
    view! {
        <li class="card">
            <p class="card-top">
                <span class="soft">{application.category.label()}</span>
                {connected.map(|text| view! { <Badge tone=Tone::Good text /> })}
            </p>
            <h2 class="with-logo">
                {logo.map(|src| view! { <img class="logo" src=src alt="" width="32" height="32" /> })}
                <a href=format!("/connect/{}", application.id)>{application.name}</a>
            </h2>
            <p class="says">{application.description}</p>
            <p class="soft">{syndication(application.producer, application.consumer)}</p>
        </li>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_gallery_is_asked_for_stands_in_its_address() {
        let asked = Wanted { text: "e mail".to_owned(), categories: vec![Category::Mail] };
        assert_eq!(asked.address(), "/connect?q=e%20mail&category=mail");
        assert_eq!(asked.toggled(Category::Crm).address(), "/connect?q=e%20mail&category=mail&category=crm");
        assert_eq!(asked.toggled(Category::Mail).address(), "/connect?q=e%20mail");
        assert_eq!(Wanted::default().address(), "/connect");
        let mut query = ParamsMap::new();
        for (name, value) in [("q", "x"), ("category", "crm"), ("category", "no such"), ("category", "mail")] {
            query.insert(name, value.to_owned());
        }
        let read = Wanted::of(&query);
        assert_eq!(read, Wanted { text: "x".to_owned(), categories: vec![Category::Crm, Category::Mail] });
        assert_eq!(in_words(&read.categories), "CRM and Mail");
    }
}
