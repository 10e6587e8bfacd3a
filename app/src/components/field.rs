//! Form fields: the label above, the help below, the error at the field; tied together for screen readers. What was typed stays.

use leptos::{html, prelude::*};
use model::error::HubError;

use crate::{error::AppError, flash::FormState};

/// One line of input.
#[component]
pub fn TextField(
    /// The form's state.
    form: FormState,
    /// The input's name.
    #[prop(into)]
    name: String,
    /// The argument that it is posted as a part of, where a form has one for several inputs.
    #[prop(optional)]
    within: &'static str,
    /// The label above.
    #[prop(into)]
    label: String,
    /// `text`, `email`, `password`, `url`.
    #[prop(default = "text")]
    kind: &'static str,
    /// The help below.
    #[prop(optional, into)]
    help: Option<String>,
    /// What to begin with, when nothing was typed yet.
    #[prop(optional, into)]
    initial: String,
    /// What the browser may fill in.
    #[prop(default = "off")]
    autocomplete: &'static str,
    /// It gets the focus when the page opens.
    #[prop(optional)]
    autofocus: bool,
) -> impl IntoView {
    let value = if kind == "password" { String::new() } else { form.value_or(&name, initial) };
    let problem = form.problem(&name);
    let (help_id, problem_id) = (format!("{name}-help"), format!("{name}-problem"));
    let (label_for, id) = (name.clone(), name.clone());
    let name = if within.is_empty() { name } else { format!("{within}[{name}]") };
    let described = {
        let (help_id, problem_id, has_help) = (help_id.clone(), problem_id.clone(), help.is_some());
        move || match (has_help, problem.with(Option::is_some)) {
            (true, true) => format!("{problem_id} {help_id}"),
            (true, false) => help_id.clone(),
            (false, true) => problem_id.clone(),
            (false, false) => String::new(),
        }
    };
    view! {
        <div class="field" class:wrong=move || problem.with(Option::is_some)>
            <label for=label_for>{label}</label>
            <input
                id=id
                name=name
                type=kind
                value=value
                autocomplete=autocomplete
                autofocus=autofocus
                aria-describedby=described
                aria-invalid=move || problem.with(Option::is_some).to_string()
            />
            <p class="problem" id=problem_id hidden=move || problem.with(Option::is_none)>
                {move || problem.get()}
            </p>
            {help.map(|help| view! { <p class="help" id=help_id>{help}</p> })}
        </div>
    }
}

/// Says at the top of a form how many problems it has, or what went wrong as a whole; gets the focus when it appears.
#[component]
pub fn ErrorSummary(
    /// The form's state.
    form: FormState,
    /// The names of inputs that show their own problem.
    #[prop(optional)]
    fields: &'static [(&'static str, &'static str)],
) -> impl IntoView {
    let error = form.error();
    let element = NodeRef::<html::Div>::new();
    Effect::new(move |_| {
        if error.with(Option::is_some)
            && let Some(element) = element.get()
        {
            let _ = element.focus();
        }
    });
    let listed = move || {
        error.with(|error| {
            let AppError::Hub(HubError::Invalid { problems }) = error.as_ref()? else { return None };
            let items: Vec<_> = problems
                .iter()
                .map(|problem| {
                    let label = fields.iter().find(|(name, _)| *name == problem.field).map(|(_, label)| *label);
                    match label {
                        Some(label) => view! {
                            <li><a href=format!("#{}", problem.field) rel="external">{label}</a>": "{problem.message.clone()}</li>
                        }
                        .into_any(),
                        None => view! { <li>{problem.message.clone()}</li> }.into_any(),
                    }
                })
                .collect();
            Some(view! { <ul>{items}</ul> })
        })
    };
    let heading = move || {
        error.with(|error| match error {
            None => String::new(),
            Some(AppError::Hub(HubError::Invalid { problems })) if problems.len() == 1 => {
                "One thing needs mending.".to_owned()
            }
            Some(AppError::Hub(HubError::Invalid { problems })) => format!("{} things need mending.", problems.len()),
            Some(AppError::Hub(HubError::SignedOut)) => {
                "You were signed out. What you entered is still here: sign in again beside this page, then come back and try again.".to_owned()
            }
            Some(other) => other.to_string(),
        })
    };
    view! {
        <div class="error-summary" role="alert" tabindex="-1" node_ref=element hidden=move || error.with(Option::is_none)>
            <p>{heading}</p>
            {listed}
            {move || {
                let is_signed_out = error.with(|error| error.as_ref().is_some_and(AppError::is_signed_out));
                is_signed_out.then(|| view! { <p><a href="/sign-in" target="_blank">"Sign in again, in another tab"</a></p> })
            }}
        </div>
    }
}

/// The words about an input, tied to it: what is wrong, what helps.
#[component]
fn Words(name: String, problem: Signal<Option<String>>, help: Option<String>) -> impl IntoView {
    view! {
        <p class="problem" id=format!("{name}-problem") hidden=move || problem.with(Option::is_none)>
            {move || problem.get()}
        </p>
        {help.map(|help| view! { <p class="help" id=format!("{name}-help")>{help}</p> })}
    }
}

/// Several lines of input.
#[component]
pub fn TextArea(
    /// The form's state.
    form: FormState,
    /// The input's name.
    name: &'static str,
    /// The label above.
    label: &'static str,
    /// Lines that are seen.
    #[prop(default = 4)]
    rows: u32,
    /// The help below.
    #[prop(optional, into)]
    help: Option<String>,
    /// What to begin with, when nothing was typed yet.
    #[prop(optional, into)]
    initial: String,
) -> impl IntoView {
    let text = if form.is_typed() { form.value(name) } else { initial };
    let problem = form.problem(name);
    let described = format!("{name}-problem {name}-help");
    view! {
        <div class="field" class:wrong=move || problem.with(Option::is_some)>
            <label for=name>{label}</label>
            <textarea
                id=name
                name=name
                rows=rows.to_string()
                aria-describedby=described
                aria-invalid=move || problem.with(Option::is_some).to_string()
            >
                {text}
            </textarea>
            <Words name=name.to_owned() problem help />
        </div>
    }
}

/// One of a few choices.
#[component]
pub fn SelectField(
    /// The form's state.
    form: FormState,
    /// The input's name.
    name: &'static str,
    /// The label above.
    label: &'static str,
    /// Values and what they are called.
    options: Vec<(String, String)>,
    /// The help below.
    #[prop(optional, into)]
    help: Option<String>,
    /// What to begin with, when nothing was chosen yet.
    #[prop(optional, into)]
    initial: String,
) -> impl IntoView {
    let chosen = if form.is_typed() { form.value(name) } else { initial };
    let problem = form.problem(name);
    let options: Vec<_> = options
        .into_iter()
        .map(|(value, text)| {
            let selected = value == chosen;
            view! { <option value=value selected=selected>{text}</option> }
        })
        .collect();
    view! {
        <div class="field" class:wrong=move || problem.with(Option::is_some)>
            <label for=name>{label}</label>
            <select
                id=name
                name=name
                aria-describedby=format!("{name}-problem {name}-help")
                aria-invalid=move || problem.with(Option::is_some).to_string()
            >
                {options}
            </select>
            <Words name=name.to_owned() problem help />
        </div>
    }
}

/// A box to tick.
#[component]
pub fn CheckField(
    /// The form's state.
    form: FormState,
    /// The input's name; ticked it holds `yes`.
    name: &'static str,
    /// The label beside.
    label: &'static str,
    /// The help below.
    #[prop(optional, into)]
    help: Option<String>,
    /// Ticked, when nothing was chosen yet.
    #[prop(optional)]
    initial: bool,
) -> impl IntoView {
    let checked = if form.is_typed() { !form.value(name).is_empty() } else { initial };
    let problem = form.problem(name);
    view! {
        <div class="field check" class:wrong=move || problem.with(Option::is_some)>
            <label>
                <input
                    id=name
                    type="checkbox"
                    name=name
                    value="yes"
                    checked=checked
                    aria-describedby=format!("{name}-problem {name}-help")
                    aria-invalid=move || problem.with(Option::is_some).to_string()
                />
                <span>{label}</span>
            </label>
            <Words name=name.to_owned() problem help />
        </div>
    }
}
