//! Buttons and links that look like them. One primary action per page.

use leptos::prelude::*;

/// How loud a button is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ButtonKind {
    /// The page's one main action.
    Primary,
    /// Anything else.
    #[default]
    Secondary,
    /// Takes something away.
    Danger,
    /// In tables and bars, without a frame.
    Quiet,
}

impl ButtonKind {
    /// The class of its style.
    pub fn class(self) -> &'static str {
        match self {
            Self::Primary => "button primary",
            Self::Secondary => "button",
            Self::Danger => "button danger",
            Self::Quiet => "button quiet",
        }
    }
}

/// Submits the form it stands in.
#[component]
pub fn SubmitButton(
    /// How loud.
    #[prop(optional)]
    kind: ButtonKind,
    /// The form is under way: said, and not to be pressed twice.
    #[prop(optional, into)]
    pending: Signal<bool>,
    /// Name and value, where a form has several.
    #[prop(optional)]
    name: Option<&'static str>,
    /// See `name`.
    #[prop(optional, into)]
    value: Option<String>,
    /// The words on it.
    children: Children,
) -> impl IntoView {
    view! {
        <button type="submit" class=kind.class() name=name value=value aria-disabled=move || pending.get().to_string() class:pending=pending>
            {children()}
        </button>
    }
}

/// Leads to another page.
#[component]
pub fn ButtonLink(
    /// Where to.
    #[prop(into)]
    href: String,
    /// How loud.
    #[prop(optional)]
    kind: ButtonKind,
    /// The words on it.
    children: Children,
) -> impl IntoView {
    view! {
        <a class=kind.class() href=href>
            {children()}
        </a>
    }
}
