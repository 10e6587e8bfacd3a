//! First step: what the application is, and its logo.

use std::sync::Arc;

use leptos::{prelude::*, server_fn::ServerFn};
use model::application::{ApplicationDraft, Category, logo_path};

use super::steps::{Step, StepInputs, step_page};
use crate::{
    components::{
        button::{ButtonKind, SubmitButton},
        field::{SelectField, TextArea, TextField},
        stale::Seen,
    },
    error::AppError,
    flash::FormState,
};

const FIELDS: &[(&str, &str)] = &[
    ("name", "Name"),
    ("description", "Description"),
    ("category", "Category"),
    ("support", "Support contact"),
    ("logo", "Logo"),
];

/// Saves the step.
#[server(endpoint = "save_application_about", protocol = crate::Called)]
pub async fn save_application_about(
    id: String,
    #[server(default)] name: String,
    #[server(default)] description: String,
    #[server(default)] category: String,
    #[server(default)] support: String,
    #[server(default)] seen: Seen,
) -> Result<(), AppError> {
    use model::application::form::{AboutForm, Change};
    let form = AboutForm { name, description, category, support };
    let typed = vec![
        ("name", form.name.as_str()),
        ("description", form.description.as_str()),
        ("category", form.category.as_str()),
        ("support", form.support.as_str()),
    ];
    super::steps::save(&id, Step::About, Change::About(form.clone()), Some(&seen), typed, None).await
}

/// Removes the logo. What else was typed in the step stays, and is saved with it.
#[server(endpoint = "remove_application_logo", protocol = crate::Called)]
pub async fn remove_application_logo(
    id: String,
    #[server(default)] name: String,
    #[server(default)] description: String,
    #[server(default)] category: String,
    #[server(default)] support: String,
) -> Result<(), AppError> {
    use model::application::form::Change;
    let notice = "The logo was removed.".to_owned();
    let typed = [("name", name), ("description", description), ("category", category), ("support", support)];
    let handed_back = typed.iter().map(|(name, value)| (*name, value.as_str())).collect();
    super::steps::save(&id, Step::About, Change::RemoveLogo, None, handed_back, Some(notice.clone())).await?;
    let values = typed.map(|(name, value)| (name.to_owned(), value)).into();
    let flash = crate::flash::Flash { values, notice: Some(notice), ..crate::flash::Flash::default() };
    crate::flash::leave(&Step::About.path(&id), flash).await
}

/// The page.
#[component]
pub fn AboutPage() -> impl IntoView {
    let lead = "What people see in the gallery. Each step is saved when you continue.";
    step_page(Step::About, lead, FIELDS, Arc::new(body))
}

fn body(draft: ApplicationDraft, form: FormState) -> AnyView {
    let definition = draft.definition.clone();
    let categories =
        Category::ALL.into_iter().map(|category| (category.as_str().to_owned(), category.label().to_owned())).collect();
    let logo = view! { <Logo draft=draft.clone() form=form.clone() /> };
    view! {
        <form class="form" method="post" action=SaveApplicationAbout::url() novalidate>
            <StepInputs draft form=form.clone() step=Step::About />
            <TextField form=form.clone() name="name" label="Name" initial=definition.name />
            <TextArea
                form=form.clone()
                name="description"
                label="Description"
                initial=definition.description
                help="What it is and what audiences it offers or takes, in a sentence or two."
            />
            <SelectField
                form=form.clone()
                name="category"
                label="Category"
                options=categories
                initial=definition.category.as_str()
            />
            <TextField
                form
                name="support"
                label="Support contact"
                initial=definition.support.unwrap_or_default()
                help="An e-mail address, or the address of a page, for admins who need help."
            />
            <SubmitButton kind=ButtonKind::Primary>"Save and continue"</SubmitButton>
            {logo}
        </form>
    }
    .into_any()
}

/// Within the step's form, so that what was typed there goes along and comes back; with addresses of its own: a file is no field of a server function.
#[component]
fn Logo(draft: ApplicationDraft, form: FormState) -> impl IntoView {
    let problem = form.problem("logo");
    let action = format!("/applications/{}/logo", draft.id);
    let alt = format!("Logo of {}", draft.definition.name);
    let present = draft.definition.logo.as_deref().map(logo_path).map(|src| {
        view! {
            <div class="present-logo">
                <img class="logo" src=src alt=alt width="64" height="64" />
                <button type="submit" class="button" formaction=RemoveApplicationLogo::url()>"Remove the logo"</button>
            </div>
        }
    });
    view! {
        <section aria-labelledby="logo-heading">
            <h2 id="logo-heading">"Logo"</h2>
            {present}
            <div class="field" class:wrong=move || problem.with(Option::is_some)>
                <label for="logo">"Picture"</label>
                <input
                    id="logo"
                    name="logo"
                    type="file"
                    accept="image/png,image/jpeg,image/webp"
                    aria-describedby="logo-problem logo-help"
                    aria-invalid=move || problem.with(Option::is_some).to_string()
                />
                <p class="problem" id="logo-problem" hidden=move || problem.with(Option::is_none)>{move || problem.get()}</p>
                <p class="help" id="logo-help">"PNG, JPEG or WebP, at most 2 MiB. It is made to fit into a square of 128 pixels."</p>
            </div>
            <button type="submit" class="button" formaction=action formenctype="multipart/form-data">"Upload the logo"</button>
        </section>
    }
}
