//! What is done to a link's value, step by step: a list in which steps are added, told, moved and taken away, with each one's type. Its buttons also
//! work as those of a plain form.

use leptos::prelude::*;
use model::{
    field::Field,
    mapping::{Link, Source},
    preset::Preset,
    transform::{Shape, Transform},
};

use super::{
    dom,
    editor::{Edit, Editor},
    form::{Act, RECOMMENDED},
    steps::{Change, Control, OFFERED, Parameter, changed, fresh, help, parameters, place_of_new, told, value, word},
    work::Work,
};
use crate::components::icon::{Icon, IconName};

/// One line's editor: what its parts share.
#[derive(Clone, Copy)]
struct Line {
    work: Work,
    /// The place of the destination's field.
    index: usize,
    target: StoredValue<Field>,
    link: Memo<Option<Link>>,
    steps: Memo<Vec<Transform>>,
}

impl Line {
    fn target_name(self) -> String {
        self.target.with_value(|target| target.name.clone())
    }

    fn change(self, change: &Change) {
        // What is typed goes on as one change; what a button does is one of its own.
        if !matches!(change, Change::Tell(..)) {
            self.work.editor.update(Editor::end_typing);
        }
        let steps = self.steps.with_untracked(|steps| changed(steps, change));
        self.work.edit(&Edit::Steps { target: self.target_name(), steps });
        if !matches!(change, Change::Tell(..)) {
            self.work.editor.update(Editor::end_typing);
        }
    }

    fn id(self, part: &str) -> String {
        format!("{part}-{}", self.index)
    }

    fn id_at(self, part: &str, at: usize) -> String {
        format!("{part}-{}-{at}", self.index)
    }

    fn name(self, part: &str) -> String {
        format!("links[{}][{part}]", self.index)
    }

    /// What the value is in front of the step at `at`; none while that is not known.
    fn shape_before(self, at: usize) -> Option<Shape> {
        let origin = self
            .link
            .with(|link| link.as_ref().map(|link| self.work.board.with_value(|board| board.origin(&link.source))))?;
        // A constant is what the destination takes, as it was typed.
        let first = match origin {
            Some(field) => Shape::of(&field),
            None => Shape { form: model::field::FieldForm::Raw, ..self.target.with_value(Shape::of) },
        };
        Some(self.steps.with(|steps| steps.iter().take(at).fold(first, |shape, step| step.gives(shape))))
    }
}

/// What shows the steps of the link of one destination field: of the page, the field's place, the field, its link.
pub type ShowSteps = fn(Work, usize, Field, Memo<Option<Link>>) -> AnyView;

/// Shows them.
pub fn show_steps(work: Work, index: usize, field: Field, link: Memo<Option<Link>>) -> AnyView {
    view! { <ChainEditor work index field link /> }.into_any()
}

/// The steps of the link of one destination field.
#[component]
fn ChainEditor(
    /// The page's state.
    work: Work,
    /// The place of the destination's field.
    index: usize,
    /// It.
    field: Field,
    /// Its link.
    link: Memo<Option<Link>>,
) -> impl IntoView {
    let steps =
        Memo::new(move |_| link.with(|link| link.as_ref().map(|link| link.transforms.clone()).unwrap_or_default()));
    let line = Line { work, index, target: StoredValue::new(field), link, steps };
    let is_joined =
        Memo::new(move |_| link.with(|link| matches!(link, Some(Link { source: Source::Joined { .. }, .. }))));
    let is_linked = Memo::new(move |_| link.with(Option::is_some));
    let label = line.target.with_value(|target| target.display_name().to_owned());
    let rows =
        move || steps.with(|steps| steps.iter().enumerate().map(|(at, step)| (at, word(step))).collect::<Vec<_>>());
    let from = move || line.shape_before(0).map(Shape::label).unwrap_or_default();
    let takes = line.target.with_value(|target| Shape::of(target).label());
    let nothing =
        move || steps.with(Vec::is_empty).then(|| view! { <p class="help">"The value is sent as it is."</p> });
    view! {
        <div class="chain-editor" hidden=move || !is_linked.get()>
            <input type="hidden" name=line.name("shown") value="1" />
            {move || is_joined.get().then(|| view! { <JoinedFields line /> })}
            <p class="chain-end">"From the audience: "<b>{from}</b></p>
            <ol class="chain" aria-label=format!("Steps for {label}")>
                <For each=rows key=|row| *row let:row>
                    <StepRow line at=row.0 word=row.1 />
                </For>
            </ol>
            {nothing}
            <p class="chain-end">"The destination takes: "<b>{takes}</b></p>
            <AddStep line label=label.clone() />
            <UsePreset line label />
        </div>
    }
    .into_any()
}

#[component]
fn StepRow(line: Line, at: usize, word: &'static str) -> impl IntoView {
    let step = Memo::new(move |_| line.steps.with(|steps| steps.get(at).cloned()));
    let Some(sample) = line.steps.with_untracked(|steps| steps.get(at).cloned()).or_else(|| fresh(word)) else {
        return ().into_any();
    };
    let label = sample.label();
    let last = move || line.steps.with(|steps| at + 1 >= steps.len());
    let gives = move || {
        let (before, after) = (line.shape_before(at)?, line.shape_before(at + 1)?);
        (before != after).then(|| format!("→ {}", after.label()))
    };
    let controls: Vec<_> =
        parameters(&sample).into_iter().map(|parameter| control(line, at, step, parameter)).collect();
    let go = move |change: Change, focus: String, said: String| {
        move |event: leptos::ev::MouseEvent| {
            event.prevent_default();
            let moves = match change {
                Change::Up(at) => at > 0,
                Change::Down(_) => !untrack(last),
                _ => true,
            };
            if !moves {
                return;
            }
            line.change(&change);
            dom::focus_soon(&focus);
            line.work.say(said.clone());
        }
    };
    let up = go(Change::Up(at), line.id_at("up", at.saturating_sub(1)), format!("Moved “{label}” to place {at}."));
    let down = go(Change::Down(at), line.id_at("down", at + 1), format!("Moved “{label}” to place {}.", at + 2));
    let remove = go(Change::Remove(at), line.id("add"), format!("Took “{label}” away."));
    view! {
        <li class="step">
            <input type="hidden" name=line.name(&format!("steps][{at}][name")) value=word />
            <div class="step-head">
                <span class="step-name">{label}</span>
                <span class="gives">{gives}</span>
                <span class="step-buttons">
                    <button
                        type="submit"
                        class="button quiet icon-only"
                        id=line.id_at("up", at)
                        name="act"
                        value=Act::Up(line.index, at).value()
                        aria-label=format!("Do “{label}” earlier")
                        title="Earlier"
                        aria-disabled=(at == 0).to_string()
                        on:click=up
                    >
                        <Icon name=IconName::Up />
                    </button>
                    <button
                        type="submit"
                        class="button quiet icon-only"
                        id=line.id_at("down", at)
                        name="act"
                        value=Act::Down(line.index, at).value()
                        aria-label=format!("Do “{label}” later")
                        title="Later"
                        aria-disabled=move || last().to_string()
                        on:click=down
                    >
                        <Icon name=IconName::Down />
                    </button>
                    <button
                        type="submit"
                        class="button quiet icon-only"
                        name="act"
                        value=Act::Remove(line.index, at).value()
                        aria-label=format!("Take “{label}” away")
                        title="Take away"
                        on:click=remove
                    >
                        <Icon name=IconName::Close />
                    </button>
                </span>
            </div>
            <p class="help">{help(&sample)}</p>
            {(!controls.is_empty()).then(|| view! { <div class="step-told">{controls}</div> })}
        </li>
    }
    .into_any()
}

/// What a step is told, by one control.
fn control(line: Line, at: usize, step: Memo<Option<Transform>>, parameter: Parameter) -> AnyView {
    let Parameter { part, label, control } = parameter;
    let id = line.id_at(part, at);
    let name = line.name(&format!("steps][{at}][{part}"));
    let now = move || step.with(|step| step.as_ref().map(|step| value(step, part)).unwrap_or_default());
    let first = untrack(now);
    let tell = move |said: String| line.change(&Change::Tell(at, part, said));
    let end_typing = move |_| line.work.editor.update(Editor::end_typing);
    // What is chosen is a change of its own, whatever was chosen or typed beside it.
    let choose = move |said: String| {
        end_typing(());
        tell(said);
        end_typing(());
    };
    // What is still to be written into an input, when it says something else than the step: only what was changed elsewhere, by undo for instance. What is
    // being typed stays as it is typed, also while it says nothing yet, like the "-" of "-1".
    let to_write = move |typed: &str| {
        let now = step.get()?;
        (told(now.clone(), part, typed) != now).then(|| value(&now, part))
    };
    match control {
        Control::Flag => view! {
            <label class="step-flag">
                <input
                    type="checkbox"
                    name=name
                    value="yes"
                    checked=!first.is_empty()
                    prop:checked=move || !now().is_empty()
                    on:change=move |event| choose(if event_target_checked(&event) { "yes".to_owned() } else { String::new() })
                />
                {label}
            </label>
        }
        .into_any(),
        Control::Choice(choices) => {
            let options: Vec<_> = choices
                .into_iter()
                .map(|(word, text)| view! { <option value=word selected=word == first>{text}</option> })
                .collect();
            view! {
                <div class="field">
                    <label for=id.clone()>{label}</label>
                    <select id=id name=name prop:value=now on:change=move |event| choose(event_target_value(&event))>
                        {options}
                    </select>
                </div>
            }
            .into_any()
        }
        Control::Table => {
            let text = NodeRef::<leptos::html::Textarea>::new();
            Effect::new(move |_| {
                let Some(text) = text.get() else { return };
                if let Some(written) = to_write(&text.value()) {
                    text.set_value(&written);
                }
            });
            view! {
                <div class="field table-field">
                    <label for=id.clone()>{label}</label>
                    <textarea
                        node_ref=text
                        id=id
                        name=name
                        rows="4"
                        placeholder="DE = Germany"
                        spellcheck="false"
                        on:input=move |event| tell(event_target_value(&event))
                        on:change=move |_| end_typing(())
                    >
                        {first}
                    </textarea>
                </div>
            }
            .into_any()
        }
        Control::Text { .. } | Control::Country | Control::Number { .. } => {
            let (kind, placeholder, list, longest, bounds) = match control {
                Control::Number { least, most } => ("number", "", None, None, Some((least, most))),
                Control::Country => ("text", "DE", Some("countries"), Some("2"), None),
                Control::Text { placeholder } => ("text", placeholder, None, Some("1000"), None),
                Control::Flag | Control::Choice(_) | Control::Table => ("text", "", None, None, None),
            };
            let input = NodeRef::<leptos::html::Input>::new();
            Effect::new(move |_| {
                let Some(input) = input.get() else { return };
                if let Some(written) = to_write(&input.value()) {
                    input.set_value(&written);
                }
            });
            view! {
                <div class="field">
                    <label for=id.clone()>{label}</label>
                    <input
                        node_ref=input
                        id=id
                        name=name
                        type=kind
                        list=list
                        min=bounds.map(|(least, _)| least.to_string())
                        max=bounds.map(|(_, most)| most.to_string())
                        maxlength=longest
                        placeholder=placeholder
                        autocomplete="off"
                        value=first
                        on:input=move |event| tell(event_target_value(&event))
                        on:change=move |_| end_typing(())
                    />
                </div>
            }
            .into_any()
        }
    }
}

/// The fields that are joined, and what stands between them.
#[component]
fn JoinedFields(line: Line) -> impl IntoView {
    let joined = Memo::new(move |_| {
        line.link.with(|link| match link.as_ref().map(|link| &link.source) {
            Some(Source::Joined { names, separator }) => (names.clone(), separator.clone()),
            _ => (Vec::new(), String::new()),
        })
    });
    let fields = line.work.board.with_value(|board| {
        let all = board.source.iter().filter(|field| field.form == model::field::FieldForm::Raw);
        all.map(|field| (field.name.clone(), field.display_name().to_owned())).collect::<Vec<_>>()
    });
    let fields = StoredValue::new(fields);
    let set = move |names: Vec<String>, separator: String| {
        line.work.edit(&Edit::Joined { target: line.target_name(), names, separator });
    };
    let selects = move || {
        let (names, _) = joined.get();
        let places = names.iter().cloned().map(Some).chain(std::iter::once(None)).enumerate();
        places
            .map(|(at, chosen)| {
                let id = line.id_at("joined", at);
                let label = if chosen.is_some() { format!("Field {}", at + 1) } else { "And also".to_owned() };
                let none = if chosen.is_some() { "Take it away" } else { "Add a field …" };
                let options: Vec<_> = fields.with_value(|fields| {
                    fields
                        .iter()
                        .map(|(name, label)| {
                            let is_chosen = chosen.as_ref() == Some(name);
                            view! { <option value=name.clone() selected=is_chosen>{label.clone()}</option> }
                        })
                        .collect()
                });
                let choose = move |event: leptos::ev::Event| {
                    let name = event_target_value(&event);
                    let (mut names, separator) = joined.get_untracked();
                    if at == names.len() {
                        names.push(name);
                    } else if name.is_empty() {
                        names.remove(at);
                    } else {
                        names[at] = name;
                    }
                    line.work.editor.update(Editor::end_typing);
                    set(names, separator);
                    line.work.editor.update(Editor::end_typing);
                    dom::focus_soon(&line.id_at("joined", at));
                };
                view! {
                    <div class="field">
                        <label for=id.clone()>{label}</label>
                        // What a person chose stays chosen unless it is told: `selected` is only where it begins.
                        <select
                            id=id
                            name=line.name(&format!("names][{at}"))
                            prop:value=chosen.clone().unwrap_or_default()
                            on:change=choose
                        >
                            <option value="" selected=chosen.is_none()>{none}</option>
                            {options}
                        </select>
                    </div>
                }
            })
            .collect::<Vec<_>>()
    };
    let id = line.id("separator");
    view! {
        <div class="joined-fields" role="group" aria-label="Fields that are joined">
            {selects}
            <div class="field">
                <label for=id.clone()>"Between them"</label>
                <input
                    id=id
                    name=line.name("separator")
                    type="text"
                    maxlength="100"
                    placeholder="Nothing"
                    autocomplete="off"
                    value=joined.get_untracked().1
                    prop:value=move || joined.get().1
                    on:input=move |event| set(joined.get_untracked().0, event_target_value(&event))
                    on:change=move |_| line.work.editor.update(Editor::end_typing)
                />
            </div>
        </div>
    }
    .into_any()
}

#[component]
fn AddStep(line: Line, label: String) -> impl IntoView {
    let groups: Vec<_> = OFFERED
        .into_iter()
        .map(|(group, words)| {
            let options: Vec<_> = words
                .iter()
                .filter_map(|word| Some(view! { <option value=*word>{fresh(word)?.label()}</option> }))
                .collect();
            view! { <optgroup label=group>{options}</optgroup> }
        })
        .collect();
    let select = NodeRef::<leptos::html::Select>::new();
    let add = move |event: leptos::ev::MouseEvent| {
        event.prevent_default();
        let Some(select) = select.get_untracked() else { return };
        let Some(step) = fresh(&select.value()) else { return };
        let place = line.steps.with_untracked(|steps| place_of_new(steps, &step));
        line.change(&Change::Add(select.value()));
        line.work.say(format!("Added “{}” at place {}.", step.label(), place + 1));
        let first = parameters(&step).first().map(|parameter| parameter.part);
        dom::focus_soon(&line.id_at(first.unwrap_or("up"), place));
    };
    let id = line.id("add");
    view! {
        <div class="chain-tool">
            <label for=id.clone()>"Add a step"</label>
            <select node_ref=select id=id name=line.name("add")>{groups}</select>
            <button
                type="submit"
                class="button"
                name="act"
                value=Act::Add(line.index).value()
                aria-label=format!("Add the step for {label}")
                on:click=add
            >
                "Add"
            </button>
        </div>
    }
    .into_any()
}

#[component]
fn UsePreset(line: Line, label: String) -> impl IntoView {
    let select = NodeRef::<leptos::html::Select>::new();
    let set = move |event: leptos::ev::MouseEvent| {
        event.prevent_default();
        let Some(select) = select.get_untracked() else { return };
        let preset = Preset::of_word(&select.value());
        line.work.edit(&Edit::Preset { target: Some(line.target_name()), preset });
        line.work.say(
            preset
                .map_or("Set as recommended.".to_owned(), |preset| format!("Set by the rules of {}.", preset.label())),
        );
    };
    let id = line.id("preset");
    view! {
        <div class="chain-tool">
            <label for=id.clone()>"Set all steps"</label>
            <select node_ref=select id=id name=line.name("preset")>{preset_options()}</select>
            <button
                type="submit"
                class="button"
                name="act"
                value=Act::Preset(line.index).value()
                aria-label=format!("Set the steps for {label}")
                on:click=set
            >
                "Set"
            </button>
        </div>
    }
    .into_any()
}

fn preset_options() -> impl IntoView {
    let presets: Vec<_> = Preset::ALL
        .into_iter()
        .map(|preset| view! { <option value=preset.as_str()>{preset_words(preset)}</option> })
        .collect();
    view! {
        <option value=RECOMMENDED>"As recommended"</option>
        {presets}
    }
}

fn preset_words(preset: Preset) -> String {
    match preset {
        Preset::Plain => "Plain".to_owned(),
        platform => format!("{}’s rules", platform.label()),
    }
}

/// One choice that sets the steps of all links.
#[component]
pub fn PresetForAll(
    /// The page's state.
    work: Work,
) -> impl IntoView {
    let select = NodeRef::<leptos::html::Select>::new();
    let chosen = RwSignal::new(None::<Preset>);
    let is_empty = Memo::new(move |_| work.mapping.with(|mapping| mapping.links.is_empty()));
    let set = move |event: leptos::ev::MouseEvent| {
        event.prevent_default();
        let Some(select) = select.get_untracked() else { return };
        let preset = Preset::of_word(&select.value());
        if is_empty.get_untracked() {
            work.say("Nothing is linked yet. Map a field first.");
            return;
        }
        work.edit(&Edit::Preset { target: None, preset });
        let whose = preset.map_or("as recommended".to_owned(), |preset| format!("by the rules of {}", preset.label()));
        work.say(format!("Set the steps of all links {whose}."));
    };
    let text = move || match chosen.get() {
        None => "What fits each field’s type, and what the destination asks for.",
        Some(preset) => preset.help(),
    };
    view! {
        <div class="preset-for-all">
            <label for="preset-for-all">"Write identifiers by"</label>
            <select
                node_ref=select
                id="preset-for-all"
                name="preset"
                aria-describedby="preset-help"
                on:change=move |event| chosen.set(Preset::of_word(&event_target_value(&event)))
            >
                {preset_options()}
            </select>
            <button type="submit" class="button" name="act" value=Act::PresetForAll.value() on:click=set>"Set for all links"</button>
            <p class="help" id="preset-help">{text}</p>
        </div>
    }
    .into_any()
}
