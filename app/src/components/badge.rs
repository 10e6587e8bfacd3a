//! Badges: an outcome as a word with a shape beside it; colour only repeats what they say.

use leptos::prelude::*;
use model::{run::RunState, view::EndpointHealth};

use super::icon::{Icon, IconName};

/// What a badge means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// Went well.
    Good,
    /// Look at it.
    Warn,
    /// Did not go.
    Bad,
    /// Under way.
    Active,
    /// Nothing of these.
    Neutral,
}

impl Tone {
    fn class(self) -> &'static str {
        match self {
            Self::Good => "badge good",
            Self::Warn => "badge warn",
            Self::Bad => "badge bad",
            Self::Active => "badge active",
            Self::Neutral => "badge",
        }
    }

    fn icon(self) -> IconName {
        match self {
            Self::Good => IconName::Done,
            Self::Warn => IconName::Warning,
            Self::Bad => IconName::Failed,
            Self::Active => IconName::Running,
            Self::Neutral => IconName::Waiting,
        }
    }
}

/// A word with a shape.
#[component]
pub fn Badge(
    /// What it means.
    tone: Tone,
    /// The word.
    #[prop(into)]
    text: String,
) -> impl IntoView {
    view! {
        <span class=tone.class()>
            <Icon name=tone.icon() />
            {text}
        </span>
    }
}

/// A run's state.
#[component]
pub fn RunBadge(
    /// The state.
    state: RunState,
) -> impl IntoView {
    let tone = match state {
        RunState::Complete => Tone::Good,
        RunState::CompleteWithRejects | RunState::Held => Tone::Warn,
        RunState::Failed => Tone::Bad,
        RunState::Canceled | RunState::Queued | RunState::Checked => Tone::Neutral,
        RunState::Exporting | RunState::Reading | RunState::Delivering | RunState::Completing => Tone::Active,
    };
    view! { <Badge tone text=state.label() /> }
}

/// How an endpoint is.
#[component]
pub fn HealthBadge(
    /// How it is.
    health: EndpointHealth,
) -> impl IntoView {
    let (tone, text) = match health {
        EndpointHealth::Healthy => (Tone::Good, "Healthy"),
        EndpointHealth::Failing => (Tone::Bad, "Failing"),
        EndpointHealth::Unknown => (Tone::Neutral, "Not called yet"),
    };
    view! { <Badge tone text /> }
}
