//! What the charts need of a report.

use std::error::Error;
use std::path::Path;

use serde_json::Value;

pub(crate) struct Report {
    /// Under each chart: where and how it was measured.
    pub(crate) note: String,
    pub(crate) tables: Vec<Table>,
}

pub(crate) struct Table {
    pub(crate) workload: String,
    pub(crate) point: Option<f64>,
    pub(crate) title: String,
    pub(crate) unit: String,
    pub(crate) smaller_is_better: bool,
    pub(crate) rows: Vec<Row>,
}

pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) median: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
}

pub(crate) fn read(path: &Path) -> Result<Report, Box<dyn Error>> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| format!("{}: {error}; the bench writes it", path.display()))?;
    let json: Value = serde_json::from_str(&text)?;
    let note = format!(
        "{}; tokio's {} runtime; median of at most {} rounds of {} s, whiskers from min to max",
        text_of(&json["machine"]),
        text_of(&json["runtime"]),
        json["rounds"],
        json["seconds"],
    );
    let tables = json["tables"].as_array().ok_or("no tables")?.iter().map(table).collect();
    Ok(Report { note, tables })
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
    let number = |name: &str| json[name].as_f64().unwrap_or_default();
    Row {
        name: text_of(&json["name"]).to_owned(),
        median: number("median"),
        min: number("min"),
        max: number("max"),
    }
}
