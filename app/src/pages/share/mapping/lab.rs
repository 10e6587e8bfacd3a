//! The identifier lab: what the platforms' rules make of the sample, raw -> normalised -> hashed, and what looks wrong with it as a whole. It is only
//! there while it is looked at.

use super::{
    editor::Board,
    mask::{masked, shortened},
    steps::sentence,
    work::Work,
};
use crate::components::icon::{Icon, IconName};
use leptos::prelude::*;
use model::{
    field::{Field, FieldForm, FieldType},
    lab::{Examination, Examined, examine},
    mapping::Mapping,
    preset::Preset,
    profile::Profile,
    suggestion::{Meaning, meaning},
    transform::Transform,
};

/// What is looked at, as the page's address says it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// The lab is open.
    pub is_open: bool,
    /// The audience's field; empty for the first.
    pub field: String,
    /// Whose rules; empty for what the destination asks for.
    pub rules: String,
    /// For telephone numbers: two letters, or nothing.
    pub country: String,
}

/// What can be tried in the lab: a field of the audience with what it is about.
fn tried(work: Work) -> Vec<(Field, Meaning)> {
    work.board.with_value(|board| {
        let about = |field: &Field| meaning(field).or_else(|| meaning_by_values(work, &field.name));
        let identifies = |meaning: &Meaning| Preset::ALL.iter().any(|preset| preset.hash(*meaning).is_some());
        let fields = board.source.iter().filter_map(|field| Some((field.clone(), about(field)?)));
        fields.filter(|(_, meaning)| identifies(meaning)).collect()
    })
}

fn meaning_by_values(work: Work, name: &str) -> Option<Meaning> {
    let profile = work.sample.with_value(|sample| Profile::of_sample(sample, [name]).pop())?;
    let looks_like = |field_type| profile.percent(field_type).is_some_and(|percent| percent >= 80);
    if looks_like(FieldType::Email) {
        return Some(Meaning::Email);
    }
    looks_like(FieldType::Phone).then_some(Meaning::Phone)
}

/// The rules to begin with: those that a destination's field asks for, else plain ones, or those of UID2 where it takes Base64.
fn first_rules(board: &Board) -> Preset {
    let asked = board.destination.iter().find_map(|field| field.preset);
    let takes = |form| board.destination.iter().any(|field| field.form == form);
    asked.unwrap_or(if takes(FieldForm::Sha256Base64) {
        Preset::Uid2
    } else if takes(FieldForm::Sha256Hex) {
        Preset::Meta
    } else {
        Preset::Plain
    })
}

/// The country in which the mapping reads telephone numbers.
fn country_of(mapping: &Mapping) -> String {
    let steps = mapping.links.iter().flat_map(|link| &link.transforms);
    let mut countries = steps.filter_map(|step| match step {
        Transform::PhoneE164 { default_country } => default_country.clone(),
        _ => None,
    });
    countries.next().unwrap_or_default()
}

/// The lab.
#[component]
pub fn Lab(
    /// The page's state.
    work: Work,
    /// What the address asks for.
    wanted: Wanted,
) -> impl IntoView {
    if work.sample.with_value(|sample| sample.rows.is_empty()) {
        return ().into_any();
    }
    let is_open = RwSignal::new(wanted.is_open);
    let first_open = wanted.is_open;
    let details = NodeRef::<leptos::html::Details>::new();
    // What was opened before the program ran is open.
    Effect::new(move |_| {
        if let Some(details) = details.get() {
            is_open.set(details.open());
        }
    });
    let bench = move || is_open.get().then(|| work.show_lab.show(|show| show(work, wanted.clone())));
    // It finds telephone numbers in any field.
    Effect::new(move |_| {
        if is_open.get() {
            work.read_numbers();
        }
    });
    view! {
        <details
            class="lab"
            node_ref=details
            open=first_open
            // Whoever points at it is likely to open it.
            on:pointerenter=move |_| work.show_lab.load()
            on:focusin=move |_| work.show_lab.load()
            on:toggle=move |event| {
                let details: leptos::web_sys::HtmlDetailsElement = event_target(&event);
                is_open.set(details.open());
            }
        >
            <summary>
                <h2>"Identifier lab"</h2>
                <span class="lab-lead">"What each platform’s rules make of the sample, before anything is sent"</span>
            </summary>
            {bench}
            {(!first_open)
                .then(|| {
                    view! {
                        <button type="submit" class="button without-program" form="lab" name="lab" value="open">"Open the lab"</button>
                    }
                })}
        </details>
    }
    .into_any()
}

/// What shows the inside of the lab: of the page, and what the address asks for.
pub type ShowLab = fn(Work, Wanted) -> AnyView;

/// Shows it.
pub fn show_lab(work: Work, wanted: Wanted) -> AnyView {
    view! { <Bench work wanted /> }.into_any()
}

#[component]
fn Bench(work: Work, wanted: Wanted) -> impl IntoView {
    let fields = tried(work);
    let Some((first, _)) = fields.first().cloned() else {
        let text =
            "No field of the audience says who somebody is by e-mail address, telephone number, name or address.";
        return view! { <p class="help">{text}</p> }.into_any();
    };
    let is_known = fields.iter().any(|(field, _)| field.name == wanted.field);
    let field = RwSignal::new(if is_known { wanted.field } else { first.name });
    let rules = Preset::of_word(&wanted.rules).unwrap_or_else(|| work.board.with_value(first_rules));
    let rules = RwSignal::new(rules);
    // Until a person says otherwise, the country is that of the mapping.
    let said_country = RwSignal::new(Some(wanted.country).filter(|country| !country.is_empty()));
    let country = Memo::new(move |_| {
        said_country.get().unwrap_or_else(|| work.mapping.with(country_of)).trim().to_ascii_uppercase()
    });
    let meanings = StoredValue::new(fields.clone());
    let about = move || {
        let name = field.get();
        meanings.with_value(|all| all.iter().find(|(field, _)| field.name == name).map(|(_, meaning)| *meaning))
    };
    // In the browser the plans come apart. (The server has them, and so has the browser where the server rendered the lab.)
    let is_waiting = move || {
        work.numbers_are_read.track();
        about() == Some(Meaning::Phone) && !crate::phones::were_awaited()
    };
    let found = Memo::new(move |_| {
        let meaning = about().filter(|_| !is_waiting())?;
        let country = country.get();
        let country = Some(country.as_str()).filter(|country| model::phone::is_country(country));
        work.sample.with_value(|sample| {
            let position = sample.columns.iter().position(|column| field.with(|name| column == name))?;
            let values = sample.rows.iter().filter_map(|row| row.get(position).map(String::as_str));
            Some(examine(values, meaning, rules.get(), country))
        })
    });
    let options: Vec<_> = fields
        .into_iter()
        .map(|(of, _)| {
            let is_chosen = field.with_untracked(|chosen| *chosen == of.name);
            view! { <option value=of.name.clone() selected=is_chosen>{of.display_name().to_owned()}</option> }
        })
        .collect();
    let presets: Vec<_> = Preset::ALL
        .into_iter()
        .map(|preset| {
            let is_chosen = rules.get_untracked() == preset;
            view! { <option value=preset.as_str() selected=is_chosen>{preset.label()}</option> }
        })
        .collect();
    let is_phone = move || about() == Some(Meaning::Phone);
    let first_country = country.get_untracked();
    view! {
        <div class="lab-choice">
            <input type="hidden" form="lab" name="lab" value="open" />
            <div class="field">
                <label for="lab-field">"Field"</label>
                <select id="lab-field" form="lab" name="lab_field" on:change=move |event| field.set(event_target_value(&event))>
                    {options}
                </select>
            </div>
            <div class="field">
                <label for="lab-rules">"Rules"</label>
                <select
                    id="lab-rules"
                    form="lab"
                    name="lab_rules"
                    on:change=move |event| {
                        if let Some(preset) = Preset::of_word(&event_target_value(&event)) {
                            rules.set(preset);
                        }
                    }
                >
                    {presets}
                </select>
            </div>
            <div class="field" hidden=move || !is_phone()>
                <label for="lab-country">"Country of numbers without +"</label>
                <input
                    id="lab-country"
                    form="lab"
                    name="lab_country"
                    type="text"
                    list="countries"
                    maxlength="2"
                    placeholder="DE"
                    autocomplete="off"
                    value=first_country
                    prop:value=move || country.get()
                    on:input=move |event| said_country.set(Some(event_target_value(&event)))
                />
            </div>
            <button type="submit" class="button without-program" form="lab">"Try"</button>
        </div>
        <p class="help">{move || rules.get().help()}</p>
        {move || is_waiting().then(|| view! { <p class="help" role="status">"The numbering plans of telephones are on their way …"</p> })}
        <div aria-live="polite">{move || found.with(|found| found.as_ref().map(warnings))}</div>
        {move || {
            let is_masked = !work.show_values.get();
            found.with(|found| found.as_ref().map(|found| table(found, is_masked)))
        }}
    }
    .into_any()
}

fn warnings(found: &Examination) -> AnyView {
    if found.warnings.is_empty() {
        return view! { <p class="lab-fine"><Icon name=IconName::Done />"Nothing looks wrong with the sample."</p> }
            .into_any();
    }
    let items: Vec<_> = found
        .warnings
        .iter()
        .map(|warning| view! { <li><Icon name=IconName::Warning /><span>{warning.clone()}</span></li> })
        .collect();
    view! { <ul class="lab-warnings" aria-label="Warnings">{items}</ul> }.into_any()
}

fn table(found: &Examination, is_masked: bool) -> AnyView {
    let hash = found.hash.clone();
    let normalises = sentence(&found.steps);
    let hashes = hash.as_ref().map(|hash| sentence(std::slice::from_ref(hash)));
    let has_hash = hashes.is_some();
    let rows: Vec<_> =
        found.values.iter().enumerate().map(|(index, value)| row(index + 1, value, has_hash, is_masked)).collect();
    view! {
        <div class="table-scroll" role="region" aria-label="The sample in the lab" tabindex="0">
            <table class="preview-table lab-table">
                <thead>
                    <tr>
                        <th scope="col">"Row"</th>
                        <th scope="col">"As it came"</th>
                        <th scope="col">"Normalised"<span class="lab-how">{normalises}</span></th>
                        <th scope="col">
                            "Hashed"
                            <span class="lab-how">{hashes.unwrap_or_else(|| "These rules send it readable".to_owned())}</span>
                        </th>
                    </tr>
                </thead>
                <tbody>{rows}</tbody>
            </table>
        </div>
    }
    .into_any()
}

fn row(number: usize, value: &Examined, has_hash: bool, is_masked: bool) -> AnyView {
    let shown = |value: &str| match (value.is_empty(), is_masked) {
        (true, _) => view! { <span class="raw nothing">"empty"</span> }.into_any(),
        (false, true) => view! { <span class="raw">{masked(value)}</span> }.into_any(),
        (false, false) => view! { <span class="raw" title=value.to_owned()>{shortened(value)}</span> }.into_any(),
    };
    let normalised = match &value.normalised {
        Ok(normalised) => shown(normalised),
        Err(problem) => view! { <span class="lab-problem">{format!("The value {problem}.")}</span> }.into_any(),
    };
    let hashed = match (&value.normalised, has_hash) {
        (Err(_), _) => ().into_any(),
        (Ok(_), false) => view! { <span class="raw nothing">"not hashed"</span> }.into_any(),
        (Ok(_), true) => shown(&value.hashed),
    };
    view! {
        <tr>
            <th scope="row">{number}</th>
            <td>{shown(&value.raw)}</td>
            <td>{normalised}</td>
            <td>{hashed}</td>
        </tr>
    }
    .into_any()
}
