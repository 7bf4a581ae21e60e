//! Draws the charts of a bench: `charts results` reads `results/peers.json` and writes SVG and PNG
//! files beside it.

mod bars;
mod curves;
mod model;
mod png;
mod svg;

use std::error::Error;
use std::path::Path;

/// Which workloads share a picture.
const PICTURES: [(&str, &[&str]); 5] = [
    ("calls", &["W1", "W2", "W3", "W4", "W5"]),
    ("memory", &["W6", "W6b"]),
    ("streams", &["W7d", "W7u"]),
    ("load", &["W8", "W9"]),
    ("codec", &["W11a", "W11b", "W11c", "W11d"]),
];

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args().nth(1).unwrap_or_else(|| "results".to_owned());
    let folder = Path::new(&folder);
    let report = model::read(&folder.join("peers.json"))?;
    let png = png::Painter::new();
    let write = |name: &str, svg: String| -> Result<(), Box<dyn Error>> {
        std::fs::write(folder.join(format!("{name}.svg")), &svg)?;
        std::fs::write(folder.join(format!("{name}.png")), png.paint(&svg)?)?;
        println!("{}", folder.join(name).display());
        Ok(())
    };
    for (name, workloads) in PICTURES {
        let named = |table: &&model::Table| workloads.contains(&table.workload.as_str());
        let tables: Vec<&model::Table> = report.tables.iter().filter(named).collect();
        if !tables.is_empty() {
            write(name, bars::draw(&tables, &report))?;
        }
    }
    for (name, workload) in [("connections", "W10c"), ("in-flight", "W10f")] {
        let curve = report.tables.iter().filter(|table| table.workload == workload);
        let curve: Vec<&model::Table> = curve.collect();
        if curve.len() > 1 {
            write(name, curves::draw(&curve, &report))?;
        }
    }
    Ok(())
}
