//! Fourth step: the identifiers and attributes that it takes, one by one or from a file.
#![expect(clippy::too_many_arguments, reason = "a server function has one for each input of its form")]

use std::sync::Arc;

use leptos::{prelude::*, server_fn::ServerFn};
use leptos_router::hooks::use_query_map;
use model::{
    application::ApplicationDraft,
    field::{Field, FieldForm, FieldKind, FieldType},
};

use super::steps::{Step, step_page};
use crate::{
    components::{
        button::{ButtonKind, ButtonLink, SubmitButton},
        count::counted,
        empty_state::EmptyState,
        field::{SelectField, TextField},
        search_box::escaped,
    },
    error::AppError,
    flash::FormState,
};

const FIELDS: &[(&str, &str)] = &[
    ("field_name", "Column"),
    ("label", "Label"),
    ("kind", "What it says"),
    ("field_type", "Type"),
    ("need", "Need"),
    ("form", "Form of its values"),
    ("field_description", "Description"),
    ("example", "Example"),
    ("file", "File"),
];

/// Adds a field, or changes one.
#[server(endpoint = "save_application_field", protocol = crate::Called)]
pub async fn save_application_field(
    id: String,
    #[server(default)] before: String,
    #[server(default)] field_name: String,
    #[server(default)] label: String,
    #[server(default)] kind: String,
    #[server(default)] field_type: String,
    #[server(default)] need: String,
    #[server(default)] form: String,
    #[server(default)] field_description: String,
    #[server(default)] example: String,
) -> Result<(), AppError> {
    use model::application::form::{Change, FieldForm};
    let stay = format!("The field “{}” was saved.", field_name.trim());
    let form = FieldForm {
        before,
        name: field_name,
        label,
        kind,
        field_type,
        need,
        form,
        description: field_description,
        example,
    };
    let typed = vec![
        ("before", form.before.as_str()),
        ("field_name", form.name.as_str()),
        ("label", form.label.as_str()),
        ("kind", form.kind.as_str()),
        ("field_type", form.field_type.as_str()),
        ("need", form.need.as_str()),
        ("form", form.form.as_str()),
        ("field_description", form.description.as_str()),
        ("example", form.example.as_str()),
    ];
    super::steps::save(&id, Step::Fields, Change::Field(form.clone()), None, typed, Some(stay)).await
}

/// Removes a field; all of them, when none is named.
#[server(endpoint = "remove_application_field", protocol = crate::Called)]
pub async fn remove_application_field(id: String, #[server(default)] field_name: String) -> Result<(), AppError> {
    use model::application::form::Change;
    let (change, stay) = if field_name.is_empty() {
        (Change::RemoveFields, "All fields were removed.".to_owned())
    } else {
        (Change::RemoveField(field_name.clone()), format!("The field “{field_name}” was removed."))
    };
    super::steps::save(&id, Step::Fields, change, None, Vec::new(), Some(stay)).await
}

/// The page.
#[component]
pub fn FieldsPage() -> impl IntoView {
    let lead = "What every endpoint of it takes: identifiers say who somebody is, attributes what is known of them. Without any, each endpoint says it by itself.";
    let query = use_query_map();
    let edited = Signal::derive(move || query.with(|query| query.get("edit")).unwrap_or_default());
    step_page(Step::Fields, lead, FIELDS, Arc::new(move |draft, form| body(draft, form, edited)))
}

fn body(draft: ApplicationDraft, form: FormState, edited: Signal<String>) -> AnyView {
    if draft.definition.consumer.is_none() {
        return view! {
            <p class="soft">"It takes no audiences, so that there is nothing to say here. What an audience has as fields, its producer tells with it."</p>
            <ButtonLink href=Step::Credentials.path(draft.id.as_str()) kind=ButtonKind::Primary>"Continue"</ButtonLink>
        }
        .into_any();
    }
    let (id, fields) = (draft.id.to_string(), draft.definition.fields.clone());
    let next = Step::Delivery.path(&id);
    let list = if fields.is_empty() {
        view! { <EmptyState text="No field yet. Add one below, or upload the header of a CSV file." /> }.into_any()
    } else {
        view! { <FieldTable id=id.clone() fields=fields.clone() /> }.into_any()
    };
    let (file_id, edit_form, file_form) = (id.clone(), form.clone(), form);
    // Which field is edited stands in the address; what was typed and refused knows it too.
    let typed = edit_form.clone();
    let edited = move || if typed.is_typed() { typed.value("before") } else { edited.get() };
    let editor = move |before: String| {
        let known = fields.iter().find(|field| field.name == before).cloned();
        view! { <FieldEditor id=id.clone() form=edit_form.clone() known /> }
    };
    view! {
        {list}
        <div class="beside">
            // Another field has inputs of its own, so that what was typed for one is never saved as the other's.
            <For each=move || [edited()] key=String::clone children=editor />
            <FieldsFile id=file_id form=file_form />
        </div>
        <div class="form-actions">
            <ButtonLink href=next kind=ButtonKind::Primary>"Continue"</ButtonLink>
        </div>
    }
    .into_any()
}

#[component]
fn FieldTable(id: String, fields: Vec<Field>) -> impl IntoView {
    let caption = counted(fields.len() as u64, "field", "fields");
    let page = Step::Fields.path(&id);
    let rows: Vec<_> = fields
        .into_iter()
        .map(|field| {
            let kind = match field.kind {
                FieldKind::Identifier => "Identifier",
                FieldKind::Attribute => "Attribute",
            };
            let need = match (field.required, field.recommended) {
                (true, _) => "Required",
                (false, true) => "Recommended",
                (false, false) => "Optional",
            };
            let edit = format!("{page}?edit={}#edit", escaped(&field.name));
            let (edit_label, remove_label) = (format!("Edit {}", field.name), format!("Remove {}", field.name));
            let label = field.label.clone().map(|label| view! { <span class="soft one-line">{label}</span> });
            view! {
                <tr>
                    <th scope="row" data-label="Column"><code>{field.name.clone()}</code>{label}</th>
                    <td data-label="What it says">{kind}</td>
                    <td data-label="Type">{field.field_type.label()}</td>
                    <td data-label="Need">{need}</td>
                    <td data-label="Example" class="soft">{field.example}</td>
                    <td data-label="">
                        <div class="row-actions">
                            <a class="button quiet" href=edit aria-label=edit_label>"Edit"</a>
                            <form method="post" action=RemoveApplicationField::url()>
                                <input type="hidden" name="id" value=id.clone() />
                                <input type="hidden" name="field_name" value=field.name />
                                <button type="submit" class="button quiet" aria-label=remove_label>"Remove"</button>
                            </form>
                        </div>
                    </td>
                </tr>
            }
        })
        .collect();
    view! {
        <table class="list">
            <caption class="visually-hidden">{caption}</caption>
            <thead>
                <tr>
                    <th scope="col">"Column"</th>
                    <th scope="col">"What it says"</th>
                    <th scope="col">"Type"</th>
                    <th scope="col">"Need"</th>
                    <th scope="col">"Example"</th>
                    <th scope="col"><span class="visually-hidden">"Change"</span></th>
                </tr>
            </thead>
            <tbody>{rows}</tbody>
        </table>
    }
}

#[component]
fn FieldEditor(id: String, form: FormState, #[prop(optional_no_strip)] known: Option<Field>) -> impl IntoView {
    let pairs = |pairs: &[(&str, &str)]| {
        pairs.iter().map(|(value, text)| ((*value).to_owned(), (*text).to_owned())).collect::<Vec<_>>()
    };
    let kinds =
        pairs(&[("identifier", "Who somebody is (identifier)"), ("attribute", "What is known of them (attribute)")]);
    let needs = pairs(&[
        ("", "Optional"),
        ("recommended", "Recommended"),
        ("required", "Required: rows without it are refused"),
    ]);
    let forms = pairs(&[
        ("raw", "As people write them"),
        ("sha256_hex", "SHA-256, hexadecimal"),
        ("sha256_base64", "SHA-256, Base64"),
    ]);
    let types = FieldType::NAMED
        .iter()
        .map(|(word, field_type)| ((*word).to_owned(), field_type.label().to_owned()))
        .collect::<Vec<_>>();
    let heading = match &known {
        Some(field) => format!("Edit “{}”", field.name),
        None => "Add a field".to_owned(),
    };
    let cancel = known.is_some().then(|| view! { <ButtonLink href=Step::Fields.path(&id)>"Cancel"</ButtonLink> });
    let is_known = known.is_some();
    let known = known.unwrap_or_else(|| Field::new("", FieldKind::Identifier, FieldType::Email));
    let type_word = FieldType::NAMED
        .iter()
        .find(|(_, known_type)| *known_type == known.field_type)
        .map_or("string", |(word, _)| word);
    let kind = match known.kind {
        FieldKind::Identifier => "identifier",
        FieldKind::Attribute => "attribute",
    };
    let need = match (known.required, known.recommended) {
        (true, _) => "required",
        (false, true) => "recommended",
        (false, false) => "",
    };
    let value_form = match known.form {
        FieldForm::Raw => "raw",
        FieldForm::Sha256Hex => "sha256_hex",
        FieldForm::Sha256Base64 => "sha256_base64",
    };
    view! {
        <section aria-labelledby="edit">
            <h2 id="edit">{heading}</h2>
            <form class="form" method="post" action=SaveApplicationField::url() novalidate>
                <input type="hidden" name="id" value=id />
                <input type="hidden" name="before" value=known.name.clone() />
                <TextField form=form.clone() name="field_name" label="Column" initial=known.name help="As it stands in the CSV header." />
                <TextField form=form.clone() name="label" label="Label" initial=known.label.unwrap_or_default() help="The name for people; the column’s when empty." />
                <SelectField form=form.clone() name="kind" label="What it says" options=kinds initial=kind />
                <SelectField form=form.clone() name="field_type" label="Type" options=types initial=type_word />
                <SelectField form=form.clone() name="need" label="Need" options=needs initial=need />
                <SelectField form=form.clone() name="form" label="Form of its values" options=forms initial=value_form />
                <TextField form=form.clone() name="field_description" label="Description" initial=known.description.unwrap_or_default() />
                <TextField
                    form
                    name="example"
                    label="Example"
                    initial=known.example.unwrap_or_default()
                    help="A made-up value. The Test Drive sends it for attributes of which only certain values are taken."
                />
                <div class="actions">
                    <SubmitButton>{if is_known { "Save the field" } else { "Add the field" }}</SubmitButton>
                    {cancel}
                </div>
            </form>
        </section>
    }
}

/// A form of its own: a file is no field of a server function.
#[component]
fn FieldsFile(id: String, form: FormState) -> impl IntoView {
    let problem = form.problem("file");
    let action = format!("/applications/{id}/fields-file");
    view! {
        <section aria-labelledby="fields-file">
            <h2 id="fields-file">"From a file"</h2>
            <form class="form" method="post" enctype="multipart/form-data" action=action>
                <div class="field" class:wrong=move || problem.with(Option::is_some)>
                    <label for="file">"File"</label>
                    <input
                        id="file"
                        name="file"
                        type="file"
                        accept=".csv,.json,text/csv,application/json"
                        aria-describedby="file-problem file-help"
                        aria-invalid=move || problem.with(Option::is_some).to_string()
                    />
                    <p class="problem" id="file-problem" hidden=move || problem.with(Option::is_none)>{move || problem.get()}</p>
                    <p class="help" id="file-help">
                        "The header of a CSV file, whose columns’ types are guessed from their names; or JSON with a list of fields as the contract writes them."
                    </p>
                </div>
                <div class="field check">
                    <label><input type="checkbox" name="in_place" value="yes" /><span>"In place of all fields that are there"</span></label>
                </div>
                <SubmitButton>"Read the file"</SubmitButton>
            </form>
        </section>
    }
}
