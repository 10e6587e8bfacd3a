//! Coming to another page. The browser moves the focus to a page that it loads itself and has it read out; where the program exchanges the page, what was
//! pressed is often gone with the page before, and reading would begin at the top of the frame again. So it goes on at the heading of the new page.

use leptos::{html, prelude::*};

/// A heading is waited for so many frames, about five seconds, until it is on the page.
#[cfg(feature = "hydrate")]
const FRAMES: u32 = 300;

/// The page that was come to and has not been told yet.
#[derive(Debug, Clone, Copy)]
pub struct Arrival {
    at: RwSignal<Option<String>>,
    pathname: Memo<String>,
}

impl Arrival {
    /// Follows the present page; what else changes in its address (filters, tabs) is the same page.
    pub fn new(pathname: Memo<String>) -> Self {
        let at = RwSignal::new(None);
        Effect::new(move |before: Option<String>| {
            let path = pathname.get();
            if before.is_some_and(|before| before != path) {
                at.set(Some(path.clone()));
            }
            path
        });
        Self { at, pathname }
    }

    /// The head of a page is being made: once its heading is there, reading goes on with it if the page was just come to.
    pub fn is_told_by(self, heading: NodeRef<html::H1>) {
        // The page that is left is still there for a moment, and is not told again.
        let here = self.pathname.get_untracked();
        Effect::new(move |_| {
            if self.at.with(|at| at.as_ref() == Some(&here)) {
                self.at.set(None);
                #[cfg(feature = "hydrate")]
                focus_when_there(heading, FRAMES);
                #[cfg(not(feature = "hydrate"))]
                let _ = heading;
            }
        });
    }
}

/// Puts the focus on a heading, unless something of the page has it by then.
#[cfg(feature = "hydrate")]
fn focus_when_there(heading: NodeRef<html::H1>, frames: u32) {
    request_animation_frame(move || {
        let Some(made) = heading.try_get_untracked() else { return };
        let Some(heading) = made.filter(|heading| heading.is_connected()) else {
            if frames > 0 {
                focus_when_there(heading, frames - 1);
            }
            return;
        };
        let focused = document().active_element();
        if focused.is_some_and(|focused| focused.closest("main, dialog").is_ok_and(|around| around.is_some())) {
            return;
        }
        heading.set_tab_index(-1);
        // The router, or the browser on the way back, has said where the page is scrolled to.
        let (across, down) = (window().scroll_x().unwrap_or_default(), window().scroll_y().unwrap_or_default());
        let _ = heading.focus();
        window().scroll_to_with_x_and_y(across, down);
    });
}
