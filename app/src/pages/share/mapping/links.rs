//! The curves between the two sides, in one SVG behind the rows.

use leptos::prelude::*;

use super::{
    curve::{Point, path},
    work::Work,
};

/// One curve, as it was measured.
#[derive(Debug, Clone, PartialEq)]
pub struct Curve {
    /// The destination field to which it leads.
    pub target: String,
    /// From here.
    pub from: Point,
    /// To here.
    pub to: Point,
    /// It is only suggested.
    pub suggested: bool,
    /// One of its ends is scrolled out of sight.
    pub away: bool,
}

/// The curves; none until the page's program has measured where the handles are.
#[component]
pub fn Links(
    /// The page's state.
    work: Work,
    /// The curves.
    curves: RwSignal<Vec<Curve>>,
) -> impl IntoView {
    let drawn = move || {
        curves
            .get()
            .into_iter()
            .map(|curve| {
                let d = path(curve.from, curve.to);
                let mut class = String::from("link");
                for (is_so, name) in
                    [(curve.suggested, " suggested"), (curve.away, " away"), (work.is_lit(&curve.target), " lit")]
                {
                    if is_so {
                        class.push_str(name);
                    }
                }
                view! {
                    <g class=class data-link=curve.target>
                        <path class="reach" d=d.clone() />
                        <path class="line" d=d />
                    </g>
                }
            })
            .collect::<Vec<_>>()
    };
    let ghost = move || work.ghost.get().map(|(from, to)| view! { <path class="ghost" d=path(from, to) /> });
    view! {
        <svg class="links" id="links" aria-hidden="true" focusable="false">
            {drawn}
            {ghost}
        </svg>
    }
}
