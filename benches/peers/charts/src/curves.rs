//! How a figure grows, one line for each peer, both scales logarithmic.

use crate::model::{Report, Table};
use crate::svg::{Anchor, INK, LINE, PALE, Svg, color, short};

const WIDTH: f64 = 860.0;
const HEIGHT: f64 = 485.0;
const LEFT: f64 = 70.0;
const RIGHT: f64 = 745.0;
const TOP: f64 = 60.0;
const BOTTOM: f64 = 400.0;

pub(crate) fn draw(tables: &[Table], across: &str, report: &Report) -> String {
    let mut svg = Svg::new(WIDTH, HEIGHT);
    let title = format!("{}  {}", tables[0].workload, tables[0].title);
    svg.text((16.0, 26.0), 14.0, Anchor::Start, INK, &title);
    let better = if tables[0].smaller_is_better { "lower" } else { "higher" };
    let unit = format!("{}, {better} is better; both scales logarithmic", tables[0].unit);
    svg.text((16.0, 43.0), 11.0, Anchor::Start, PALE, &unit);
    for (note, below) in report.notes.iter().zip([27.0, 12.0]) {
        svg.text((16.0, HEIGHT - below), 10.0, Anchor::Start, PALE, note);
    }
    svg.text(((LEFT + RIGHT) / 2.0, BOTTOM + 36.0), 11.0, Anchor::Middle, PALE, across);

    let values = || tables.iter().flat_map(|table| &table.rows).map(|row| row.median);
    let least = values().fold(f64::MAX, f64::min).max(1.0).log10().floor();
    let most = values().fold(1.0, f64::max).log10().ceil();
    let points: Vec<f64> = tables.iter().filter_map(|table| table.point).collect();
    let (first, last) = (points[0].log10(), points[points.len() - 1].log10());
    let x = |point: f64| LEFT + (point.log10() - first) / (last - first) * (RIGHT - LEFT);
    let y = |value: f64| BOTTOM - (value.log10() - least) / (most - least) * (BOTTOM - TOP);

    let mut decade = least;
    while decade <= most {
        let at = y(10_f64.powf(decade));
        svg.line([LEFT, at, RIGHT, at], LINE);
        svg.text((LEFT - 8.0, at + 4.0), 11.0, Anchor::End, PALE, &short(10_f64.powf(decade)));
        decade += 1.0;
    }
    for point in &points {
        svg.line([x(*point), BOTTOM, x(*point), BOTTOM + 4.0], LINE);
        svg.text((x(*point), BOTTOM + 18.0), 11.0, Anchor::Middle, PALE, &short(*point));
    }
    lines(&mut svg, tables, x, y);
    svg.end()
}

fn lines(svg: &mut Svg, tables: &[Table], x: impl Fn(f64) -> f64, y: impl Fn(f64) -> f64) {
    let mut names: Vec<&str> = Vec::new();
    for row in tables.iter().flat_map(|table| &table.rows) {
        if !names.contains(&row.name.as_str()) {
            names.push(&row.name);
        }
    }
    let mut labels = Vec::new();
    for name in names {
        let mut places = Vec::new();
        for table in tables {
            let row = table.rows.iter().find(|row| row.name == name);
            if let (Some(row), Some(point)) = (row, table.point) {
                places.push((x(point), y(row.median.max(1.0))));
            }
        }
        svg.path(&places, color(name), if name == "hton" { 3.0 } else { 1.5 });
        match places.last() {
            // It ends early, and its name stands there.
            Some((at, end)) if *at < RIGHT - 1.0 => {
                svg.text((*at, end - 9.0), 11.0, Anchor::Middle, color(name), name);
            }
            Some((_, end)) => labels.push((*end, name)),
            None => {}
        }
    }
    // The names stand at the ends of their lines, but not on each other.
    labels.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut below = f64::MIN;
    for (end, name) in labels {
        let at = end.max(below + 13.0);
        below = at;
        svg.line([RIGHT + 5.0, end, RIGHT + 14.0, at], color(name));
        svg.text((RIGHT + 17.0, at + 4.0), 11.0, Anchor::Start, color(name), name);
    }
}
