//! The right column: the destination's fields, each with the select that says what feeds it, and with what is done on the way.

use leptos::prelude::*;
use model::{
    field::{Field, FieldForm},
    mapping::{Finding, Link, Severity, Source, why_not},
};

use super::{
    editor::{Edit, Editor},
    filter_box,
    form::{CONSTANT, ChosenSource, JOINED, chosen_source, source_value},
    handle::Handle,
    steps::{Hashing, KEEP, RECOMMENDED, Steps, Writing, sentence},
    title, type_mark,
    work::{Group, Work, target_place},
};
use crate::components::icon::{Icon, IconName};

/// The destination's fields.
#[component]
pub fn TargetList(
    /// The page's state.
    work: Work,
    /// Where they are sent.
    #[prop(into)]
    to: String,
) -> impl IntoView {
    let fields = work.board.with_value(|board| board.destination.clone());
    let filter = filter_box("Filter the destination's fields", fields.len(), work.target_filter);
    let groups: Vec<_> = Group::ALL
        .into_iter()
        .filter_map(|group| {
            let rows: Vec<_> = fields.iter().enumerate().filter(|(_, field)| Group::of(field) == group).collect();
            if rows.is_empty() {
                return None;
            }
            let count = rows.len();
            let rows: Vec<_> =
                rows.into_iter().map(|(index, field)| view! { <TargetRow work index field=field.clone() /> }).collect();
            let id = format!("group-{}", group.name());
            Some(view! {
                <h3 class="group-head" id=id.clone()>
                    {group.name()}
                    " "
                    <span class="group-count">{count}</span>
                </h3>
                <ul aria-labelledby=id>{rows}</ul>
            })
        })
        .collect();
    view! {
        <section class="side target-side" aria-labelledby="target-heading">
            <header class="side-head">
                <h2 id="target-heading">"Destination"</h2>
                <span class="side-of">{to}</span>
                {filter}
            </header>
            // It scrolls, also for those who can't put the focus into it.
            <div class="side-list" id="target-list" role="group" tabindex="0" aria-labelledby="target-heading">
                {groups}
            </div>
        </section>
    }
}

#[component]
fn TargetRow(work: Work, index: usize, field: Field) -> impl IntoView {
    let place = target_place(index);
    let name = StoredValue::new(field.name.clone());
    let link = Memo::new(move |_| work.mapping.with(|mapping| name.with_value(|name| mapping.link(name).cloned())));
    let findings = Memo::new(move |_| {
        work.findings.with(|findings| {
            let is_of_this = |finding: &&Finding| name.with_value(|name| finding.target.as_deref() == Some(name));
            findings.iter().filter(is_of_this).cloned().collect::<Vec<_>>()
        })
    });
    let standing = Memo::new(move |_| work.standing(place));
    let is_shown = Memo::new(move |_| work.shown.with(|shown| shown.destination.contains(&index)));
    let is_lit = Memo::new(move |_| name.with_value(|name| work.is_lit(name)));
    // One string: a class that is set apart from it would be lost when it changes.
    let class = move || {
        let mut class = format!("field-row target-row {}", standing.get().class());
        let constant = link.with(|link| is_constant(link.as_ref()));
        for (is_so, name) in [(link.with(Option::is_some), " linked"), (constant, " constant"), (is_lit.get(), " lit")]
        {
            if is_so {
                class.push_str(name);
            }
        }
        class
    };
    let label = field.display_name().to_owned();
    let technical = (label != field.name).then(|| field.name.clone());
    let title = title(&field);
    view! {
        <li
            class=class
            hidden=move || !is_shown.get()
            id=format!("field-{}", field.name)
            data-target=index.to_string()
            on:pointerenter=move |_| work.hovered.set(Some(name.get_value()))
            on:pointerleave=move |_| work.hovered.set(None)
            on:focusin=move |_| work.selected.set(Some(name.get_value()))
        >
            <div class="row-line">
                <Handle work place label=label.clone() />
                <div class="grip" title=title>
                    <span class="field-name">
                        <span class="label">{label.clone()}</span>
                        {technical.map(|name| view! { <code>{name}</code> })}
                    </span>
                    {type_mark(&field)}
                </div>
                <SourceSelect work index field=field.clone() link />
                <SuggestionChip work name label />
                <StepsForm work index field=field.clone() link />
            </div>
            <FindingLines findings />
        </li>
    }
}

fn is_constant(link: Option<&Link>) -> bool {
    matches!(link, Some(Link { source: Source::Constant { .. }, .. }))
}

/// What the source select shows for a link.
fn select_value(link: Option<&Link>) -> String {
    match link.map(|link| &link.source) {
        None => String::new(),
        Some(Source::Constant { .. }) => CONSTANT.to_owned(),
        Some(Source::Joined { .. }) => JOINED.to_owned(),
        Some(Source::Field { name }) => source_value(name),
    }
}

/// The base control: which field of the audience feeds this one.
#[component]
fn SourceSelect(work: Work, index: usize, field: Field, link: Memo<Option<Link>>) -> impl IntoView {
    let name = StoredValue::new(field.name.clone());
    let id = format!("source-of-{index}");
    let value = move || link.with(|link| select_value(link.as_ref()));
    let first = link.with_untracked(|link| select_value(link.as_ref()));
    let options = work.board.with_value(|board| options(&board.source, &field, &first));
    let change = move |event: leptos::ev::Event| {
        let (target, value) = (name.get_value(), event_target_value(&event));
        match chosen_source(&value) {
            None => work.unlink(&target),
            Some(ChosenSource::Joined) => {}
            Some(ChosenSource::Constant) => work.edit(&Edit::Constant { target, value: String::new() }),
            Some(ChosenSource::Field(source)) => work.edit(&Edit::Link { target, source: source.to_owned() }),
        }
    };
    view! {
        <input type="hidden" name=format!("links[{index}][target]") value=field.name.clone() />
        <label class="visually-hidden" for=id.clone()>{format!("Source of {}", field.display_name())}</label>
        // With many fields on both sides the options are the bulk of the page; as text they cost nothing to take over.
        <select
            class="source-select"
            id=id
            name=format!("links[{index}][source]")
            aria-required=field.required.then_some("true")
            inner_html=options
            prop:value=value
            on:change=change
        ></select>
    }
}

/// The options of a source select, as HTML: what may be linked, and what is linked already.
fn options(source: &[Field], target: &Field, chosen: &str) -> String {
    let mut html = String::new();
    let mut option = |value: &str, text: &str| {
        let selected = if value == chosen { " selected" } else { "" };
        let (value, text) = (html_escape::encode_double_quoted_attribute(value), html_escape::encode_text(text));
        html.push_str(&format!("<option value=\"{value}\"{selected}>{text}</option>"));
    };
    option("", "Not mapped");
    for field in source {
        let value = source_value(&field.name);
        if value == chosen || why_not(field, target).is_none() {
            option(&value, field.display_name());
        }
    }
    if chosen == JOINED {
        option(JOINED, "Several fields, joined …");
    }
    option(CONSTANT, "The same for everyone …");
    if let Some(ChosenSource::Field(name)) = chosen_source(chosen)
        && !source.iter().any(|field| field.name == name)
    {
        option(chosen, &format!("{name} (gone)"));
    }
    html
}

/// What is done to the value on its way.
#[component]
fn StepsForm(work: Work, index: usize, field: Field, link: Memo<Option<Link>>) -> impl IntoView {
    let target = StoredValue::new(field.clone());
    let input_name = move |part: &str| format!("links[{index}][{part}]");
    let input_id = move |part: &str| format!("{part}-{index}");
    let steps =
        Memo::new(move |_| link.with(|link| link.as_ref().map(|link| Steps::of(&link.transforms)).unwrap_or_default()));
    let change = move |change: &dyn Fn(Steps) -> Steps| {
        let changed = change(steps.get_untracked());
        work.edit(&Edit::Steps { target: target.with_value(|target| target.name.clone()), steps: changed });
    };
    let source = move || {
        link.with_untracked(|link| match link.as_ref().map(|link| &link.source) {
            Some(Source::Field { name }) => work.board.with_value(|board| board.source_field(name).cloned()),
            _ => None,
        })
    };
    let first = steps.get_untracked();
    // Without a link there is nothing to show yet; a posted form then gets what is recommended.
    let first_word = if link.with_untracked(Option::is_some) { first.writing.word() } else { RECOMMENDED };
    let word = move || if link.with(Option::is_some) { steps.with(|steps| steps.writing.word()) } else { RECOMMENDED };
    let keeps = matches!(first.writing, Writing::Other(_));
    let writings: Vec<_> = Writing::CHOICES
        .into_iter()
        .map(|(word, text)| view! { <option value=word selected=word == first_word>{text}</option> })
        .collect();
    let hashings: Vec<_> = Hashing::ALL
        .into_iter()
        .map(|hashing| view! { <option value=hashing.word() selected=hashing == first.hashing>{hashing.label()}</option> })
        .collect();
    let constant = move || {
        link.with(|link| match link.as_ref().map(|link| &link.source) {
            Some(Source::Constant { value }) => value.clone(),
            _ => String::new(),
        })
    };
    let first_constant = untrack(constant);
    let label = field.display_name().to_owned();
    let takes = match field.form {
        FieldForm::Raw => None,
        FieldForm::Sha256Hex => Some("The destination takes SHA-256 hashes in hexadecimal."),
        FieldForm::Sha256Base64 => Some("The destination takes SHA-256 hashes in Base64."),
    };
    view! {
        <details class="steps-of-link">
            <summary>
                <span class="visually-hidden">{format!("What is done for {label}: ")}</span>
                <span class="steps-said">{move || link.with(|link| said(link.as_ref()))}</span>
            </summary>
            <div class="steps-form">
                <div class="field constant-field">
                    <label for=input_id("constant")>"The value for everyone"</label>
                    <input
                        id=input_id("constant")
                        name=input_name("constant")
                        type="text"
                        autocomplete="off"
                        maxlength="1000"
                        value=first_constant
                        prop:value=constant
                        on:input=move |event| {
                            let target = target.with_value(|target| target.name.clone());
                            work.edit(&Edit::Constant { target, value: event_target_value(&event) });
                        }
                        on:change=move |_| work.editor.update(Editor::end_typing)
                    />
                </div>
                <div class="field">
                    <label for=input_id("writing")>"Written"</label>
                    <select
                        id=input_id("writing")
                        name=input_name("writing")
                        prop:value=word
                        on:change=move |event| {
                            let word = event_target_value(&event);
                            change(&|steps| target.with_value(|target| steps.with_writing(&word, source().as_ref(), Some(target))));
                        }
                    >
                        <option value=RECOMMENDED selected=first_word == RECOMMENDED>"As recommended"</option>
                        {writings}
                        {keeps.then(|| view! { <option value=KEEP selected>"As set elsewhere"</option> })}
                    </select>
                </div>
                <div class="field country-field" class:unused=move || steps.with(|steps| steps.writing != Writing::Phone)>
                    <label for=input_id("country")>"Default country"</label>
                    <input
                        id=input_id("country")
                        name=input_name("country")
                        type="text"
                        list="countries"
                        maxlength="2"
                        placeholder="DE"
                        autocomplete="off"
                        value=first.country
                        prop:value=move || steps.with(|steps| steps.country.clone())
                        on:input=move |event| {
                            let country = event_target_value(&event).to_ascii_uppercase();
                            change(&|steps| Steps { country: country.clone(), ..steps });
                        }
                    />
                </div>
                <div class="field">
                    <label for=input_id("hash")>"Hash"</label>
                    <select
                        id=input_id("hash")
                        name=input_name("hash")
                        prop:value=move || steps.with(|steps| steps.hashing.word())
                        on:change=move |event| {
                            let hashing = Hashing::of_word(&event_target_value(&event));
                            change(&|steps| Steps { hashing, ..steps });
                        }
                    >
                        {hashings}
                    </select>
                </div>
                <div class="field default-field">
                    <label for=input_id("default")>"When empty, send"</label>
                    <input
                        id=input_id("default")
                        name=input_name("default")
                        type="text"
                        placeholder="Nothing"
                        autocomplete="off"
                        maxlength="1000"
                        value=first.default
                        prop:value=move || steps.with(|steps| steps.default.clone())
                        on:input=move |event| {
                            let default = event_target_value(&event);
                            change(&|steps| Steps { default: default.clone(), ..steps });
                        }
                        on:change=move |_| work.editor.update(Editor::end_typing)
                    />
                </div>
                {(!field.required)
                    .then(|| {
                        view! {
                            <label class="misfit">
                                <input
                                    type="checkbox"
                                    name=input_name("misfit")
                                    value="empty"
                                    checked=first.empty_when_invalid
                                    prop:checked=move || steps.with(|steps| steps.empty_when_invalid)
                                    on:change=move |event| {
                                        let empty_when_invalid = event_target_checked(&event);
                                        change(&|steps| Steps { empty_when_invalid, ..steps });
                                    }
                                />
                                "Leave it empty when a value does not fit, instead of leaving the row out"
                            </label>
                        }
                    })}
                <button
                    type="button"
                    class="button quiet needs-program"
                    on:click=move |_| target.with_value(|target| work.unlink(&target.name))
                >
                    <Icon name=IconName::Close />
                    "Remove the link"
                </button>
                {takes.map(|takes| view! { <p class="help">{takes}</p> })}
            </div>
        </details>
    }
}

/// What is done, in a word or two, as the row shows it.
fn said(link: Option<&Link>) -> String {
    match link {
        None => "Constant, and what is done to the value".to_owned(),
        Some(Link { source: Source::Constant { value }, transforms, .. }) if transforms.is_empty() => {
            format!("“{value}” for everyone")
        }
        Some(Link { source: Source::Constant { value }, transforms, .. }) => {
            format!("“{value}” for everyone → {}", sentence(transforms))
        }
        Some(link) => sentence(&link.transforms),
    }
}

/// A suggestion that was not accepted yet.
#[component]
fn SuggestionChip(work: Work, name: StoredValue<String>, label: String) -> impl IntoView {
    let suggestion = Memo::new(move |_| {
        work.suggestions.with(|suggestions| {
            suggestions.iter().find(|suggestion| name.with_value(|name| suggestion.link.target == *name)).cloned()
        })
    });
    move || {
        let suggestion = suggestion.get()?;
        let from = match &suggestion.link.source {
            Source::Field { name } => {
                work.board.with_value(|board| board.source_field(name).map(|field| field.display_name().to_owned()))
            }
            Source::Constant { .. } | Source::Joined { .. } => None,
        }?;
        let said = format!("Accept {from} for {label}");
        let (confidence, reason) = (suggestion.confidence, suggestion.reason.clone());
        Some(view! {
            <p class="suggestion">
                <span class="suggested">
                    <span class="suggested-field">{from}</span>
                    <span class="confidence">{format!("{confidence}\u{202f}%")}</span>
                    <span class="reason" title=reason.clone()>{reason.clone()}</span>
                </span>
                {work
                    .may_edit
                    .then(|| {
                        view! {
                            <button
                                type="submit"
                                class="button quiet"
                                name="accept"
                                value=name.get_value()
                                aria-label=said
                                on:click=move |event| {
                                    event.prevent_default();
                                    work.accept(vec![suggestion.clone()]);
                                }
                            >
                                "Accept"
                            </button>
                        }
                    })}
            </p>
        })
    }
}

/// What speaks against a link.
#[component]
fn FindingLines(findings: Memo<Vec<Finding>>) -> impl IntoView {
    move || {
        findings
            .get()
            .into_iter()
            .map(|finding| {
                let (class, icon, word) = match finding.severity {
                    Severity::Error => ("finding error", IconName::Failed, "Error: "),
                    Severity::Warning => ("finding warning", IconName::Warning, "Warning: "),
                };
                view! {
                    <p class=class>
                        <Icon name=icon />
                        <span><span class="visually-hidden">{word}</span>{finding.message}</span>
                    </p>
                }
            })
            .collect::<Vec<_>>()
    }
}

#[cfg(test)]
mod tests {
    use model::field::{FieldKind, FieldType};

    use super::*;

    #[test]
    fn options_are_what_may_be_linked_and_are_escaped() {
        let source = [
            Field {
                label: Some("Mail & <more>".to_owned()),
                ..Field::new("ma\"il", FieldKind::Identifier, FieldType::Email)
            },
            Field::new("age", FieldKind::Attribute, FieldType::Integer),
        ];
        let target = Field::new("email", FieldKind::Identifier, FieldType::Email);
        let html = options(&source, &target, "ma\"il");
        assert!(html.contains("<option value=\"ma&quot;il\" selected>Mail &amp; &lt;more&gt;</option>"), "{html}");
        assert!(!html.contains("age"));
        assert!(
            options(&source, &target, "age").contains("<option value=\"age\" selected>age</option>"),
            "what is linked stays"
        );
        assert!(options(&source, &target, "lost").contains("<option value=\"lost\" selected>lost (gone)</option>"));
    }
}
