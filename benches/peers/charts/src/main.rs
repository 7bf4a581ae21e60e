//! Draws the charts of a bench: `charts results` reads `results/peers.json` and writes SVG and PNG
//! files beside it. Several folders may be named.

mod bars;
mod curves;
mod model;
mod png;
mod svg;

use model::Table;
use std::error::Error;
use std::path::Path;

/// Which workloads share a picture.
const PICTURES: [(&str, &[&str]); 5] = [
    ("calls", &["W1", "W2", "W2b", "W3", "W4", "W5"]),
    ("memory", &["W6", "W6b"]),
    ("streams", &["W7d", "W7u"]),
    ("load", &["W8", "W9"]),
    ("codec", &["W11a", "W11b", "W11c", "W11d"]),
];

/// Which workloads make a curve: its name, the figure if it is not the workload's own, and what grows.
const CURVES: [(&str, &str, Option<&str>, &str); 3] = [
    ("connections", "W10c", None, "connections"),
    ("connection-memory", "W10c", Some("bytes/connection"), "connections"),
    ("in-flight", "W10f", None, "calls in flight"),
];

fn main() -> Result<(), Box<dyn Error>> {
    let mut folders: Vec<String> = std::env::args().skip(1).collect();
    if folders.is_empty() {
        folders.push("results".to_owned());
    }
    let png = png::Painter::new();
    folders.iter().try_for_each(|folder| draw(Path::new(folder), &png))
}

fn draw(folder: &Path, png: &png::Painter) -> Result<(), Box<dyn Error>> {
    let report = model::read(&folder.join("peers.json"))?;
    let write = |name: &str, svg: String| -> Result<(), Box<dyn Error>> {
        std::fs::write(folder.join(format!("{name}.svg")), &svg)?;
        std::fs::write(folder.join(format!("{name}.png")), png.paint(&svg)?)?;
        println!("{}", folder.join(name).display());
        Ok(())
    };
    for (name, workloads) in PICTURES {
        let named = |table: &&Table| workloads.contains(&table.workload.as_str());
        let tables: Vec<&Table> = report.tables.iter().filter(named).collect();
        if !tables.is_empty() {
            write(name, bars::draw(&tables, &report))?;
        }
    }
    for (name, workload, figure, across) in CURVES {
        let points = report.tables.iter().filter(|table| table.workload == workload);
        let curve: Vec<Table> = points
            .map(|table| table.of_figure(figure))
            .filter(|table| !table.rows.is_empty())
            .collect();
        if curve.len() > 1 {
            write(name, curves::draw(&curve, across, &report))?;
        }
    }
    Ok(())
}
