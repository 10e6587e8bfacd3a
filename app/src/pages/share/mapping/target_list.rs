//! The right column: the destination's fields, each with the select that says what feeds it, and with what is done on the way.

use leptos::prelude::*;
use model::{
    field::{Field, FieldKind},
    mapping::{Finding, Link, Severity, Source, why_not},
    suggestion::Suggestion,
};

use super::{
    carry::Side,
    editor::{Edit, Editor},
    filter_box,
    form::{Act, CONSTANT, ChosenSource, JOINED, chosen_source, source_value},
    handle::Handle,
    list_class,
    steps::sentence,
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
    let filter = filter_box(work, Side::Destination, fields.len());
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
            <div class=list_class(work) id="target-list" role="group" tabindex="0" aria-labelledby="target-heading">
                {groups}
            </div>
        </section>
    }
}

#[component]
fn TargetRow(work: Work, index: usize, field: Field) -> impl IntoView {
    let place = target_place(index);
    let name = StoredValue::new(field.name.clone());
    let link = work
        .turns
        .follow(place, move || work.mapping.with(|mapping| name.with_value(|name| mapping.link(name).cloned())));
    let findings = work.turns.follow(place, move || {
        work.findings.with(|findings| {
            let is_of_this = |finding: &&Finding| name.with_value(|name| finding.target.as_deref() == Some(name));
            findings.iter().filter(is_of_this).cloned().collect::<Vec<_>>()
        })
    });
    let standing = work.turns.follow(place, move || work.standing(place));
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
    let is_open = RwSignal::new(work.opened == Some(index));
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
                <SourceSelect work index field=field.clone() link is_open />
                <SuggestionChip work index name link label />
                <StepsForm work index field=field.clone() link is_open />
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

/// The id of what says which field of the audience feeds the one at this place.
pub fn source_of(index: usize) -> String {
    format!("source-of-{index}")
}

/// The base control: which field of the audience feeds this one.
#[component]
fn SourceSelect(
    work: Work,
    index: usize,
    field: Field,
    link: Memo<Option<Link>>,
    is_open: RwSignal<bool>,
) -> impl IntoView {
    let name = StoredValue::new(field.name.clone());
    let id = source_of(index);
    let value = move || link.with(|link| select_value(link.as_ref()));
    let is_wanted = RwSignal::new(false);
    let list = Memo::new(move |before: Option<&List>| {
        let before = before.copied().unwrap_or(work.first_list);
        match (is_wanted.get(), work.short_lists.get() > index) {
            (true, _) if before == List::Short => List::Whole,
            (true, _) | (_, false) => before,
            (false, true) => List::Short,
        }
    });
    let options = {
        let field = field.clone();
        move || match list.get() {
            List::Rendered => String::new(),
            List::Whole => {
                let chosen = untrack(value);
                work.board.with_value(|board| options(&board.source, &field, &chosen))
            }
            List::Short => {
                let chosen = value();
                let is_chosen = |field: &&Field| source_value(&field.name) == chosen;
                work.board.with_value(|board| options(board.source.iter().find(is_chosen), &field, &chosen))
            }
        }
    };
    let change = move |event: leptos::ev::Event| {
        let (target, value) = (name.get_value(), event_target_value(&event));
        match chosen_source(&value) {
            None => work.unlink(&target),
            Some(ChosenSource::Joined) => {
                let names = link.with_untracked(|link| {
                    link.iter().flat_map(|link| link.source.fields()).map(str::to_owned).collect()
                });
                work.edit(&Edit::Joined { target, names, separator: " ".to_owned() });
                // More fields are chosen there.
                is_open.set(true);
            }
            Some(ChosenSource::Constant) => {
                work.edit(&Edit::Constant { target, value: String::new() });
                is_open.set(true);
            }
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
            on:pointerenter=move |_| is_wanted.set(true)
            on:pointerdown=move |_| is_wanted.set(true)
            on:focusin=move |_| is_wanted.set(true)
            on:change=change
        ></select>
    }
}

/// What stands in a source select. 200 lists of 200 options each would be nine tenths of the page, and each thing that is done in it would cost the browser a
/// walk through them all. So where there are many fields (`LONG`), a list has its options while a person is at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum List {
    /// All options, as the server has sent them.
    Rendered,
    /// All options.
    Whole,
    /// The one that is chosen.
    Short,
}

/// The options of a source select, as HTML: what may be linked, and what is linked already.
fn options<'a>(source: impl IntoIterator<Item = &'a Field> + Clone, target: &Field, chosen: &str) -> String {
    let mut html = String::new();
    let mut option = |value: &str, text: &str| {
        let selected = if value == chosen { " selected" } else { "" };
        let (value, text) = (html_escape::encode_double_quoted_attribute(value), html_escape::encode_text(text));
        html.push_str(&format!("<option value=\"{value}\"{selected}>{text}</option>"));
    };
    option("", "Not mapped");
    for field in source.clone() {
        let value = source_value(&field.name);
        if value == chosen || why_not(field, target).is_none() {
            option(&value, field.display_name());
        }
    }
    if chosen == JOINED || target.kind == FieldKind::Attribute {
        option(JOINED, "Several fields, joined …");
    }
    option(CONSTANT, "The same for everyone …");
    if let Some(ChosenSource::Field(name)) = chosen_source(chosen)
        && !source.into_iter().any(|field| field.name == name)
    {
        option(chosen, &format!("{name} (gone)"));
    }
    html
}

/// What is done to the value on its way. The steps themselves are only there while they are looked at: a mapping may have hundreds of links.
#[component]
fn StepsForm(
    work: Work,
    index: usize,
    field: Field,
    link: Memo<Option<Link>>,
    is_open: RwSignal<bool>,
) -> impl IntoView {
    let target = StoredValue::new(field.clone());
    let constant = move || {
        link.with(|link| match link.as_ref().map(|link| &link.source) {
            Some(Source::Constant { value }) => value.clone(),
            _ => String::new(),
        })
    };
    let first_constant = untrack(constant);
    let details = NodeRef::<leptos::html::Details>::new();
    // What was opened before the program ran is open.
    Effect::new(move |_| {
        if let Some(details) = details.get() {
            is_open.set(details.open());
        }
    });
    let label = field.display_name().to_owned();
    let id = format!("constant-{index}");
    let chain = move || {
        let field = target.get_value();
        is_open.get().then(|| work.show_steps.show(|show| show(work, index, field, link)))
    };
    let remove = link.with_untracked(Option::is_some);
    let open_with_a_form = (remove && !is_open.get_untracked()).then(|| {
        view! {
            <button type="submit" class="button quiet without-program" name="act" value=Act::Open(index).value()>
                "Change the steps"
            </button>
        }
    });
    view! {
        <details
            class="steps-of-link"
            node_ref=details
            open=is_open.get_untracked()
            prop:open=move || is_open.get()
            // Whoever points at them is likely to open them.
            on:pointerenter=move |_| work.show_steps.load()
            on:focusin=move |_| work.show_steps.load()
            on:toggle=move |event| {
                let details: leptos::web_sys::HtmlDetailsElement = event_target(&event);
                is_open.set(details.open());
            }
        >
            <summary>
                <span class="visually-hidden">{format!("What is done for {label}: ")}</span>
                <span class="steps-said">{move || link.with(|link| said(link.as_ref()))}</span>
            </summary>
            <div class="steps-form">
                <div class="field constant-field">
                    <label for=id.clone()>"The value for everyone"</label>
                    <input
                        id=id
                        name=format!("links[{index}][constant]")
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
                {chain}
                {open_with_a_form}
                <button
                    type="button"
                    class="button quiet needs-program remove-link"
                    on:click=move |_| target.with_value(|target| work.unlink(&target.name))
                >
                    <Icon name=IconName::Close />
                    "Remove the link"
                </button>
            </div>
        </details>
    }
    .into_any()
}

/// What is done, in a word or two, as the row shows it.
fn said(link: Option<&Link>) -> String {
    match link {
        None => "Constant".to_owned(),
        Some(Link { source: Source::Constant { value }, transforms, .. }) if transforms.is_empty() => {
            format!("“{value}” for everyone")
        }
        Some(Link { source: Source::Constant { value }, transforms, .. }) => {
            format!("“{value}” for everyone → {}", sentence(transforms))
        }
        Some(Link { source: Source::Joined { names, .. }, transforms, .. }) => {
            let fields = if names.len() == 1 { "field" } else { "fields" };
            format!("{} {fields} joined → {}", names.len(), sentence(transforms))
        }
        Some(link) => sentence(&link.transforms),
    }
}

/// A suggestion that was not accepted yet. Its place is always there: with hundreds of fields, to take its button out of the form, or to put one in, costs
/// the browser a walk through all of the page for each.
#[component]
fn SuggestionChip(
    work: Work,
    index: usize,
    name: StoredValue<String>,
    link: Memo<Option<Link>>,
    label: String,
) -> impl IntoView {
    let suggestion = work.turns.follow(target_place(index), move || {
        let is_of_this = |suggestion: &&Suggestion| name.with_value(|name| suggestion.link.target == *name);
        work.suggestions.with(|suggestions| suggestions.iter().find(is_of_this).cloned())
    });
    let from = Memo::new(move |_| {
        suggestion.with(|suggestion| match &suggestion.as_ref()?.link.source {
            Source::Field { name } => {
                work.board.with_value(|board| board.source_field(name).map(|field| field.display_name().to_owned()))
            }
            Source::Constant { .. } | Source::Joined { .. } => None,
        })
    });
    let of_it = move |say: fn(&Suggestion) -> String| {
        move || suggestion.with(|suggestion| suggestion.as_ref().map(say).unwrap_or_default())
    };
    let reason = of_it(|suggestion| suggestion.reason.clone());
    let said = move || from.with(|from| format!("Accept {} for {label}", from.as_deref().unwrap_or_default()));
    let accept = move |event: leptos::ev::MouseEvent| {
        event.prevent_default();
        let accepted = suggestion.get_untracked();
        work.accept(accepted.into_iter().collect());
        // The button is gone; whoever came by key goes on where the field is now said.
        super::dom::focus_soon(&source_of(index));
    };
    let button = work.may_edit.then(|| {
        view! {
            <button type="submit" class="button quiet" name="accept" value=name.get_value() aria-label=said on:click=accept>
                "Accept"
            </button>
        }
    });
    view! {
        <p class="suggestion" hidden=move || from.with(Option::is_none) || link.with(Option::is_some)>
            <span class="suggested">
                <span class="suggested-field">{move || from.get()}</span>
                <span class="confidence">{of_it(|suggestion| format!("{}\u{202f}%", suggestion.confidence))}</span>
                <span class="reason" title=reason>{reason}</span>
            </span>
            {button}
        </p>
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
    use model::field::FieldType;

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
