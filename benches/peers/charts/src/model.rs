//! What the charts need of a report.

use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;

use crate::svg::{short, with_unit};
use serde_json::Value;

pub(crate) struct Report {
    /// Under each chart: where and how it was measured.
    pub(crate) notes: [String; 2],
    pub(crate) tables: Vec<Table>,
}

#[derive(Clone)]
pub(crate) struct Table {
    pub(crate) workload: String,
    pub(crate) point: Option<f64>,
    pub(crate) title: String,
    pub(crate) unit: String,
    pub(crate) smaller_is_better: bool,
    pub(crate) rows: Vec<Row>,
}

#[derive(Clone)]
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) median: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
    /// To the measure of the same run.
    ratio: Option<f64>,
    figures: BTreeMap<String, f64>,
}

impl Table {
    /// The same rows with another of their figures, where they have it: one that should be small.
    pub(crate) fn of_figure(&self, figure: Option<&str>) -> Self {
        let mut table = self.clone();
        if let Some(figure) = figure {
            table.unit = figure.to_owned();
            table.smaller_is_better = true;
            table.rows.retain(|row| row.figures.get(figure).is_some_and(|value| *value > 0.0));
            for row in &mut table.rows {
                row.median = row.figures[figure];
            }
        }
        table
    }

    /// What stands at the end of a bar.
    pub(crate) fn label(&self, row: &Row) -> String {
        let value = with_unit(row.median, &self.unit);
        match (row.figures.get("bytes"), row.figures.get("of peak"), row.ratio) {
            (Some(bytes), ..) => format!("{value}, {} bytes", short(*bytes)),
            (_, Some(share), _) => format!("{value}, {share:.2} of its peak"),
            (.., Some(ratio)) if ratio < 0.1 => format!("{value} ({ratio:.3})"),
            (.., Some(ratio)) => format!("{value} ({ratio:.2})"),
            _ => value,
        }
    }

    /// What a reader must know of bars and labels.
    pub(crate) fn legend(&self) -> String {
        let better = if self.smaller_is_better { "shorter is better" } else { "longer is better" };
        let is_compared = self.rows.iter().any(|row| row.ratio.is_some());
        let ratio = if is_compared { "; in brackets × raw-tokio" } else { "" };
        format!("{}, {better}, linear from 0{ratio}", self.unit)
    }
}

pub(crate) fn read(path: &Path) -> Result<Report, Box<dyn Error>> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| format!("{}: {error}; the bench writes it", path.display()))?;
    let json: Value = serde_json::from_str(&text)?;
    let notes = [
        format!("{}; tokio's {} runtime", text_of(&json["machine"]), text_of(&json["runtime"])),
        text_of(&json["plan"]).to_owned(),
    ];
    let tables = json["tables"].as_array().ok_or("no tables")?.iter().map(table).collect();
    Ok(Report { notes, tables })
}

fn text_of(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn table(json: &Value) -> Table {
    let rows = json["rows"].as_array().map(Vec::as_slice).unwrap_or_default();
    Table {
        workload: text_of(&json["workload"]).to_owned(),
        point: json["point"].as_f64(),
        title: text_of(&json["title"]).to_owned(),
        unit: text_of(&json["unit"]).to_owned(),
        smaller_is_better: json["smaller_is_better"].as_bool().unwrap_or_default(),
        rows: rows.iter().filter(|row| row["failure"].is_null()).map(row).collect(),
    }
}

fn row(json: &Value) -> Row {
    let figures = json["figures"].as_object();
    let number_of = |(name, value): (&String, &Value)| Some((name.clone(), value.as_f64()?));
    let number = |name: &str| json[name].as_f64().unwrap_or_default();
    Row {
        name: text_of(&json["name"]).to_owned(),
        median: number("median"),
        min: number("min"),
        max: number("max"),
        ratio: json["ratio"].as_f64(),
        figures: figures.into_iter().flatten().filter_map(number_of).collect(),
    }
}
