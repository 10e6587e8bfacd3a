//! The one icon set: 20 px, 1.5 px strokes, round ends, drawn for Usher. Icons only ever stand beside a word, so they are hidden from readers.

use leptos::prelude::*;

/// Which icon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IconName {
    /// A house.
    Home,
    /// Two people.
    Audiences,
    /// An arrow from one box to another.
    Shares,
    /// A list with a mark.
    Runs,
    /// A leaf of a calendar.
    Schedule,
    /// A plug.
    Endpoints,
    /// One person.
    Person,
    /// A person beside a plus.
    People,
    /// A magnifying glass.
    Search,
    /// To the right.
    Arrow,
    /// A tick in a circle.
    Done,
    /// A cross in a circle.
    Failed,
    /// A triangle.
    Warning,
    /// A clock.
    Waiting,
    /// A circle, half full.
    Running,
    /// A dash in a circle.
    Stopped,
    /// Into a tray.
    Download,
    /// Round about.
    Refresh,
    /// A cross.
    Close,
    /// A plus.
    Add,
    /// Six dots.
    Handle,
    /// Back.
    Undo,
    /// Forth.
    Redo,
    /// An eye.
    Show,
    /// Three boxes and a plus.
    Applications,
    /// A sheet with a tick.
    Review,
    /// Two sliders.
    Settings,
    /// To the top.
    Up,
    /// To the bottom.
    Down,
    /// A bell.
    Bell,
}

impl IconName {
    fn path(self) -> &'static str {
        match self {
            Self::Applications => "M4 4h5v5H4zM11 11h5v5h-5zM4 11h5v5H4zM13.5 4v5M11 6.5h5",
            Self::Review => "M5 3.5h7l3 3V16.5H5zM7.5 11.5l2 2 3.5-4",
            Self::Settings => "M3 7h7M14 7h3M12 5v4M3 13h3M10 13h7M8 11v4",
            Self::Up => "M10 16V4.5M5 9.5l5-5 5 5",
            Self::Bell => "M5.5 13.500V9a4.5 4.5 0 0 1 9 0v4.500l1.500 1.500h-12l1.500-1.500ZM8.500 17h3M10 3v1.500",
            Self::Down => "M10 4v11.5M5 10.5l5 5 5-5",
            Self::Home => "M3.5 9.5 10 4l6.5 5.5M5.5 8.5V16h9V8.5M8.5 16v-4h3v4",
            Self::Audiences => {
                "M7.5 9.5a2.75 2.75 0 1 0 0-5.5 2.75 2.75 0 0 0 0 5.5ZM2.5 16c0-2.5 2-4 5-4s5 1.5 5 4M13 4.3a2.6 2.6 0 0 1 0 4.9M14.5 12.3c1.9.5 3 1.8 3 3.7"
            }
            Self::Shares => "M3 5.5h4v9H3zM13 5.5h4v9h-4zM7 10h5.5M10.5 8l2 2-2 2",
            Self::Runs => "M8 5.5h9M8 10h9M8 14.5h9M3 5.5l1 1 1.5-2M3 10l1 1 1.5-2M3 14.5l1 1 1.5-2",
            Self::Schedule => "M4 5.500h12V16H4zM4 9h12M7 3.500v3M13 3.500v3M7 12h.01M10 12h.01M13 12h.01",
            Self::Endpoints => "M7 3v4M13 3v4M5 7h10v2.5a5 5 0 0 1-10 0V7ZM10 14.5V17",
            Self::People => {
                "M8 9.5a3 3 0 1 0 0-6 3 3 0 0 0 0 6ZM2 16.500c0-2.800 2.400-4.500 6-4.500s6 1.700 6 4.500M16 6v5M13.500 8.500h5"
            }
            Self::Person => "M10 9.5a3 3 0 1 0 0-6 3 3 0 0 0 0 6ZM4 16.5c0-2.8 2.4-4.5 6-4.5s6 1.7 6 4.5",
            Self::Search => "M9 14.5a5.5 5.5 0 1 0 0-11 5.5 5.5 0 0 0 0 11ZM13 13l4 4",
            Self::Arrow => "M4 10h12M12 6l4 4-4 4",
            Self::Done => "M10 17a7 7 0 1 0 0-14 7 7 0 0 0 0 14ZM7 10.2l2.1 2.1L13 8.2",
            Self::Failed => "M10 17a7 7 0 1 0 0-14 7 7 0 0 0 0 14ZM7.7 7.7l4.6 4.6M12.3 7.7l-4.6 4.6",
            Self::Warning => "M10 3.5 17.5 16h-15L10 3.5ZM10 8.5v3.5M10 14v.2",
            Self::Waiting => "M10 17a7 7 0 1 0 0-14 7 7 0 0 0 0 14ZM10 6.5V10l2.5 1.5",
            Self::Running => "M10 17a7 7 0 1 0 0-14 7 7 0 0 0 0 14ZM10 3v14M12 6.5v7",
            Self::Stopped => "M10 17a7 7 0 1 0 0-14 7 7 0 0 0 0 14ZM7 10h6",
            Self::Download => "M10 3.5v8M7 9l3 3 3-3M4 13.5V16h12v-2.5",
            Self::Refresh => {
                "M16 8a6.3 6.3 0 0 0-11.3-1.5L3.5 8M3.5 4.5V8H7M4 12a6.3 6.3 0 0 0 11.3 1.5l1.2-1.5M16.500 15.5V12H13"
            }
            Self::Close => "M5.500 5.5l9 9M14.500 5.5l-9 9",
            Self::Add => "M10 4.500v11M4.500 10h11",
            Self::Handle => {
                "M7.500 5.500h.01M12.500 5.500h.01M7.500 10h.01M12.500 10h.01M7.500 14.500h.01M12.500 14.500h.01"
            }
            Self::Undo => "M7.500 4.500 4 8l3.500 3.500M4 8h7.500a4 4 0 0 1 0 8H9",
            Self::Redo => "M12.500 4.500 16 8l-3.500 3.500M16 8H8.500a4 4 0 0 0 0 8H11",
            Self::Show => {
                "M2.500 10S5.500 5 10 5s7.500 5 7.500 5-3 5-7.500 5-7.500-5-7.500-5ZM10 12a2 2 0 1 0 0-4 2 2 0 0 0 0 4Z"
            }
        }
    }
}

/// An icon in the colour of the text around it.
#[component]
pub fn Icon(
    /// Which one.
    name: IconName,
) -> impl IntoView {
    view! {
        <svg class="icon" viewBox="0 0 20 20" width="20" height="20" aria-hidden="true" focusable="false">
            <path d=name.path() />
        </svg>
    }
}

/// The mark of Usher: two rooms and the way between them.
#[component]
pub fn Mark() -> impl IntoView {
    view! {
        <svg class="mark" viewBox="0 0 32 32" width="28" height="28" aria-hidden="true" focusable="false">
            <rect x="2" y="2" width="28" height="28" rx="7" />
            <path d="M9 9v8a7 7 0 0 0 14 0V9M19 13l4-4 4 4" />
        </svg>
    }
}
