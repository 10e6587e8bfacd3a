//! An audience's size over time, drawn as SVG on the server: a line in steps, with what came and went below it. It can be read without colour
//! (what came is a full bar upwards, what went a hollow one downwards); for readers the same stands in a table beside it.

use model::catalogue::SizePoint;

use super::history::signed;

const WIDTH: f64 = 720.0;
const LEFT: f64 = 64.0;
const RIGHT: f64 = 12.0;
const TOP: f64 = 12.0;
/// Where the line's field ends.
const FLOOR: f64 = 132.0;
/// The middle of the bars, and how far they reach.
const MIDDLE: f64 = 172.0;
const REACH: f64 = 22.0;
const HEIGHT: f64 = 222.0;
const BAR: f64 = 6.0;

/// The chart; none of a size that never changed.
pub(super) fn drawn(points: &[SizePoint], until_ms: i64) -> Option<String> {
    let (first, last) = (points.first()?, points.last()?);
    if points.len() < 2 {
        return None;
    }
    let (from, until) = (first.at_ms, until_ms.max(last.at_ms + 1));
    let x = |at: i64| LEFT + ratio(at - from, until - from) * (WIDTH - LEFT - RIGHT);
    let most = points.iter().map(|point| point.size).max().unwrap_or(0);
    let top = nice(most.max(1));
    let y = |size: u64| FLOOR - size as f64 / top as f64 * (FLOOR - TOP);
    let furthest = points.iter().filter_map(|point| point.difference).map(i64::unsigned_abs).max().unwrap_or(1).max(1);

    let mut svg = format!(
        r#"<svg class="size-chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-labelledby="size-chart-title"><title id="size-chart-title">{}</title>"#,
        spoken(points)
    );
    for size in [0, top / 2, top] {
        let at = y(size);
        svg.push_str(&format!(
            r#"<path class="grid" d="M{LEFT} {at:.1}H{:.1}"/><text class="scale" x="{:.1}" y="{:.1}" text-anchor="end">{}</text>"#,
            WIDTH - RIGHT,
            LEFT - 8.0,
            at + 4.0,
            short(size)
        ));
    }
    let mut line = format!("M{:.1} {:.1}", x(first.at_ms), y(first.size));
    for point in &points[1..] {
        line.push_str(&format!("H{:.1}V{:.1}", x(point.at_ms), y(point.size)));
    }
    line.push_str(&format!("H{:.1}", x(until)));
    svg.push_str(&format!(
        r#"<path class="area" d="{line}V{FLOOR}H{LEFT}Z"/><path class="line" d="{line}"/><path class="grid" d="M{LEFT} {MIDDLE}H{:.1}"/>"#,
        WIDTH - RIGHT
    ));
    svg.push_str(&format!(
        r#"<text class="scale" x="{0:.1}" y="{1:.1}" text-anchor="end">more</text><text class="scale" x="{0:.1}" y="{2:.1}" text-anchor="end">fewer</text>"#,
        LEFT - 8.0,
        MIDDLE - 6.0,
        MIDDLE + 14.0
    ));
    for point in points {
        let Some(difference) = point.difference.filter(|difference| *difference != 0) else { continue };
        let length = (difference.unsigned_abs() as f64 / furthest as f64 * REACH).max(2.0);
        let (class, from) = if difference > 0 { ("came", MIDDLE - length) } else { ("went", MIDDLE) };
        let place = (x(point.at_ms) - BAR / 2.0).min(WIDTH - RIGHT - BAR);
        svg.push_str(&format!(
            r#"<rect class="{class}" x="{place:.1}" y="{from:.1}" width="{BAR}" height="{length:.1}"><title>{}</title></rect>"#,
            signed(difference)
        ));
    }
    let is_one_day = first.at.get(..10) == last.at.get(..10);
    let label =
        |point: &SizePoint| point.at.get(if is_one_day { 11..16 } else { 0..10 }).unwrap_or_default().to_owned();
    let base = HEIGHT - 8.0;
    svg.push_str(&format!(r#"<text class="scale" x="{LEFT}" y="{base}">{}</text>"#, label(first)));
    let end = x(last.at_ms);
    if end > LEFT + 120.0 {
        svg.push_str(&format!(
            r#"<text class="scale" x="{end:.1}" y="{base}" text-anchor="end">{}</text>"#,
            label(last)
        ));
    }
    svg.push_str("</svg>");
    Some(svg)
}

fn ratio(part: i64, whole: i64) -> f64 {
    if whole <= 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// A round number that is not below.
fn nice(most: u64) -> u64 {
    let magnitude = 10_u64.pow(most.ilog10());
    [1, 2, 5, 10].into_iter().map(|step| step * magnitude).find(|round| *round >= most).unwrap_or(most).max(2)
}

fn short(size: u64) -> String {
    match size {
        0..10_000 => crate::components::count::grouped(size),
        10_000..10_000_000 => format!("{}\u{a0}k", crate::components::count::grouped(size / 1_000)),
        _ => format!("{}\u{a0}M", crate::components::count::grouped(size / 1_000_000)),
    }
}

fn spoken(points: &[SizePoint]) -> String {
    let number = crate::components::count::grouped;
    let (Some(first), Some(last)) = (points.first(), points.last()) else { return String::new() };
    let (least, most) =
        points.iter().fold((u64::MAX, 0), |(least, most), point| (least.min(point.size), most.max(point.size)));
    format!(
        "People over time: {} at first, {} now, between {} and {}. The table below has every step.",
        number(first.size),
        number(last.size),
        number(least),
        number(most)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(at_ms: i64, size: u64, difference: Option<i64>) -> SizePoint {
        SizePoint { at: "2026-11-23T12:00:00.000Z".to_owned(), at_ms, size, difference }
    }

    #[test]
    fn a_size_that_never_changed_is_not_drawn() {
        assert_eq!(drawn(&[], 0), None);
        assert_eq!(drawn(&[point(0, 5, None)], 100), None);
    }

    #[test]
    fn what_came_and_what_went_differ_by_shape_and_direction() {
        let svg =
            drawn(&[point(0, 100, None), point(10, 150, Some(50)), point(20, 0, Some(-150))], 30).expect("is drawn");
        assert_eq!((svg.matches("class=\"came\"").count(), svg.matches("class=\"went\"").count()), (1, 1));
        assert!(svg.contains("People over time: 100 at first, 0 now, between 0 and 150."), "{svg}");
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
        assert!(svg.contains("<title>\u{2212}150</title>"));
    }

    #[test]
    fn scales_end_at_round_numbers() {
        assert_eq!([1, 3, 10, 11, 49, 51, 20_001].map(nice), [2, 5, 10, 20, 50, 100, 50_000]);
    }
}
