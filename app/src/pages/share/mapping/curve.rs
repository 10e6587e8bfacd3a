//! The curves between handles: numbers in, SVG path out.

/// A point in the canvas, in CSS pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// From the left.
    pub x: f64,
    /// From the top.
    pub y: f64,
}

/// A smooth path that leaves `from` and reaches `to` horizontally.
pub fn path(from: Point, to: Point) -> String {
    let reach = ((to.x - from.x).abs() * 0.5).clamp(24.0, 160.0);
    // A path that goes back (the pointer is behind the handle) bends the other way round.
    let reach = if to.x < from.x { -reach } else { reach };
    let [from_y, to_y] = [from.y, to.y].map(tenths);
    let [begin, first, second, end] = [from.x, from.x + reach, to.x - reach, to.x].map(tenths);
    format!("M{begin} {from_y}C{first} {from_y} {second} {to_y} {end} {to_y}")
}

/// A length to a tenth of a pixel. Through whole numbers: the browser's half would carry all that writes fractions.
#[expect(clippy::cast_possible_truncation, reason = "no screen is as wide")]
fn tenths(length: f64) -> String {
    let tenths = (length * 10.0).round() as i64;
    let sign = if tenths < 0 { "-" } else { "" };
    let tenths = tenths.unsigned_abs();
    format!("{sign}{}.{}", tenths / 10, tenths % 10)
}

/// Where along one axis a list scrolls when the pointer is at `at`: nothing in the middle, faster the nearer it is to an edge; in pixels per frame.
#[cfg_attr(not(any(feature = "hydrate", test)), expect(dead_code, reason = "only the browser scrolls"))]
pub fn edge_speed(at: f64, start: f64, end: f64) -> f64 {
    const EDGE: f64 = 44.0;
    const FASTEST: f64 = 14.0;
    let near = |distance: f64| ((EDGE - distance) / EDGE).clamp(0.0, 1.0) * FASTEST;
    if end - start < EDGE * 2.0 { 0.0 } else { near(end - at) - near(at - start) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_curve_leaves_and_arrives_horizontally() {
        let path = path(Point { x: 0.0, y: 20.0 }, Point { x: 200.0, y: 60.0 });
        assert_eq!(path, "M0.0 20.0C100.0 20.0 100.0 60.0 200.0 60.0");
    }

    #[test]
    fn lengths_are_written_to_a_tenth() {
        let written = [0.0, -0.04, -0.06, 12.34, 12.36, -160.0, 99.95].map(tenths);
        assert_eq!(written, ["0.0", "0.0", "-0.1", "12.3", "12.4", "-160.0", "100.0"]);
    }

    #[test]
    fn a_list_scrolls_only_near_its_edges() {
        assert!(edge_speed(300.0, 0.0, 600.0).abs() < f64::EPSILON);
        assert!(edge_speed(590.0, 0.0, 600.0) > edge_speed(570.0, 0.0, 600.0));
        assert!(edge_speed(10.0, 0.0, 600.0) < 0.0);
        assert!(edge_speed(700.0, 0.0, 600.0) <= 14.0);
        assert!(edge_speed(10.0, 0.0, 40.0).abs() < f64::EPSILON, "a list without a middle does not scroll");
    }
}
