//! Form fields: the label above, the help below, the error at the field; tied together for screen readers. What was typed stays.

use leptos::{html, prelude::*};

use crate::flash::FormState;

/// One line of input.
#[component]
pub fn TextField(
    /// The form's state.
    form: FormState,
    /// The input's name.
    #[prop(into)]
    name: String,
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
    let typed = form.value(&name);
    let value = if kind == "password" {
        String::new()
    } else if typed.is_empty() {
        initial
    } else {
        typed
    };
    let problem = form.problem(&name);
    let (help_id, problem_id) = (format!("{name}-help"), format!("{name}-problem"));
    let (label_for, id) = (name.clone(), name.clone());
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
            let model::error::HubError::Invalid { problems } = error.as_ref()? else { return None };
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
            Some(model::error::HubError::Invalid { problems }) if problems.len() == 1 => {
                "One thing needs mending.".to_owned()
            }
            Some(model::error::HubError::Invalid { problems }) => format!("{} things need mending.", problems.len()),
            Some(model::error::HubError::SignedOut) => {
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
                let is_signed_out = error.with(|error| matches!(error, Some(model::error::HubError::SignedOut)));
                is_signed_out.then(|| view! { <p><a href="/sign-in" target="_blank">"Sign in again, in another tab"</a></p> })
            }}
        </div>
    }
}
