//! The curves between the two sides, in one SVG behind the rows.

use leptos::prelude::*;

use super::{
    curve::{Point, path},
    work::Work,
};

/// Where a curve goes, as it was measured.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shape {
    /// From here.
    pub from: Point,
    /// To here.
    pub to: Point,
    /// One of its ends is scrolled out of sight.
    pub away: bool,
}

/// What a curve connects. A destination field has as many as the fields that are joined for it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Ends {
    /// The audience's field.
    pub source: String,
    /// The destination field to which it leads.
    pub target: String,
    /// It is only suggested.
    pub suggested: bool,
}

/// One curve. It stays the same while its shape changes, so that scrolling moves what is there instead of drawing it anew.
#[derive(Debug, Clone)]
pub struct Curve {
    /// What it connects.
    pub ends: Ends,
    /// Where it goes.
    pub shape: ArcRwSignal<Shape>,
}

/// The curves with their new shapes. None when the curves that are there only had to be moved, or not even that.
#[cfg_attr(not(any(feature = "hydrate", test)), expect(dead_code, reason = "only the browser measures"))]
pub fn reshaped(curves: &[Curve], measured: Vec<(Ends, Shape)>) -> Option<Vec<Curve>> {
    let reshape = |curve: &Curve, shape: Shape| {
        if curve.shape.with_untracked(|before| *before != shape) {
            curve.shape.set(shape);
        }
    };
    let are_the_same =
        curves.len() == measured.len() && curves.iter().zip(&measured).all(|(curve, (ends, _))| curve.ends == *ends);
    if are_the_same {
        curves.iter().zip(measured).for_each(|(curve, (_, shape))| reshape(curve, shape));
        return None;
    }
    let known: std::collections::HashMap<_, _> = curves.iter().map(|curve| (&curve.ends, curve)).collect();
    let all = measured.into_iter().map(|(ends, shape)| match known.get(&ends) {
        Some(curve) => {
            reshape(curve, shape);
            (*curve).clone()
        }
        None => Curve { ends, shape: ArcRwSignal::new(shape) },
    });
    Some(all.collect())
}

/// The curves; none until the page's program has measured where the handles are.
#[component]
pub fn Links(
    /// The page's state.
    work: Work,
    /// The curves.
    curves: RwSignal<Vec<Curve>>,
) -> impl IntoView {
    let ghost = move || work.ghost.get().map(|(from, to)| view! { <path class="ghost" d=path(from, to) /> });
    view! {
        <svg class="links" id="links" aria-hidden="true" focusable="false">
            <For each=move || curves.get() key=|curve| curve.ends.clone() let:curve>
                <CurveOf work curve />
            </For>
            {ghost}
        </svg>
    }
}

#[component]
fn CurveOf(work: Work, curve: Curve) -> impl IntoView {
    let Curve { ends: Ends { source, target, suggested }, shape } = curve;
    let d = {
        let shape = shape.clone();
        Memo::new(move |_| shape.with(|shape| path(shape.from, shape.to)))
    };
    let away = Memo::new(move |_| shape.with(|shape| shape.away));
    let class = {
        let target = target.clone();
        // One string: a class that is set apart from it would be lost when it changes.
        move || {
            let mut class = String::from("link");
            for (is_so, name) in [(suggested, " suggested"), (away.get(), " away"), (work.is_lit(&target), " lit")] {
                if is_so {
                    class.push_str(name);
                }
            }
            class
        }
    };
    view! {
        <g class=class data-from=source data-link=target>
            <path class="reach" d=move || d.get() />
            <path class="line" d=move || d.get() />
        </g>
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a panic is a failed test")]

    use super::*;

    fn measured(target: &str, y: f64) -> (Ends, Shape) {
        of_joined("field", target, y)
    }

    fn of_joined(source: &str, target: &str, y: f64) -> (Ends, Shape) {
        let point = Point { x: 0.0, y };
        let ends = Ends { source: source.to_owned(), target: target.to_owned(), suggested: false };
        (ends, Shape { from: point, to: point, away: false })
    }

    #[test]
    fn curves_that_only_moved_are_moved_and_others_stay_what_they_are() {
        let first = reshaped(&[], vec![measured("email", 1.0), measured("town", 2.0)]).unwrap();
        assert_eq!(first.len(), 2);
        assert!(reshaped(&first, vec![measured("email", 7.0), measured("town", 2.0)]).is_none());
        assert!((first[0].shape.get_untracked().from.y - 7.0).abs() < f64::EPSILON);
        let second = reshaped(&first, vec![measured("town", 3.0), measured("language", 4.0)]).unwrap();
        assert_eq!(second.iter().map(|curve| curve.ends.target.as_str()).collect::<Vec<_>>(), ["town", "language"]);
        first[1].shape.update(|shape| shape.away = true);
        assert!(second[0].shape.get_untracked().away, "it is still the same curve");
    }

    #[test]
    fn each_of_the_joined_fields_has_its_own_curve() {
        let first =
            reshaped(&[], vec![of_joined("street", "address", 1.0), of_joined("town", "address", 2.0)]).unwrap();
        let second = reshaped(&first, vec![of_joined("town", "address", 2.0)]).unwrap();
        assert_eq!(second.len(), 1);
        first[1].shape.update(|shape| shape.away = true);
        assert!(second[0].shape.get_untracked().away, "the one that stays is the same");
    }
}
