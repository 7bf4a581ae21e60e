//! One panel for each workload, one bar for each peer.

use crate::model::{Report, Table};
use crate::svg::{Anchor, INK, LINE, PALE, Svg, fill};

const WIDTH: f64 = 860.0;
const NAMES: f64 = 130.0;
const VALUES: f64 = 180.0;
const BAR: f64 = 22.0;
const HEAD: f64 = 46.0;
const GAP: f64 = 20.0;

pub(crate) fn draw(tables: &[&Table], report: &Report) -> String {
    let height: f64 =
        tables.iter().map(|table| HEAD + BAR * table.rows.len() as f64 + GAP).sum::<f64>() + 45.0;
    let mut svg = Svg::new(WIDTH, height);
    let mut top = 10.0;
    for table in tables {
        panel(&mut svg, top, table);
        top += HEAD + BAR * table.rows.len() as f64 + GAP;
    }
    svg.text((16.0, height - 27.0), 10.0, Anchor::Start, PALE, &report.notes[0]);
    let how = format!("{}; bars are medians, whiskers go from min to max", report.notes[1]);
    svg.text((16.0, height - 12.0), 10.0, Anchor::Start, PALE, &how);
    svg.end()
}

fn panel(svg: &mut Svg, top: f64, table: &Table) {
    let title = format!("{}  {}", table.workload, table.title);
    svg.text((16.0, top + 16.0), 14.0, Anchor::Start, INK, &title);
    svg.text((16.0, top + 33.0), 11.0, Anchor::Start, PALE, &table.legend());
    let most = table.rows.iter().map(|row| row.max).fold(f64::MIN_POSITIVE, f64::max);
    let scale = (WIDTH - NAMES - VALUES) / most;
    for (at, row) in table.rows.iter().enumerate() {
        let y = top + HEAD + BAR * at as f64;
        svg.text((NAMES - 8.0, y + 14.0), 12.0, Anchor::End, INK, &row.name);
        svg.rect([NAMES, y + 3.0, (row.median * scale).max(1.0), BAR - 6.0], fill(&row.name));
        let middle = y + BAR / 2.0;
        let (min, max) = (NAMES + row.min * scale, NAMES + row.max * scale);
        for line in [
            [min, middle, max, middle],
            [min, middle - 4.0, min, middle + 4.0],
            [max, middle - 4.0, max, middle + 4.0],
        ] {
            svg.line(line, INK);
        }
        let end = max.max(NAMES + row.median * scale);
        svg.text((end + 6.0, y + 14.0), 11.0, Anchor::Start, INK, &table.label(row));
    }
    let bottom = top + HEAD + BAR * table.rows.len() as f64;
    svg.line([NAMES, top + HEAD, NAMES, bottom], LINE);
}
