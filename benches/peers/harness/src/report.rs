//! What the bench tells: Markdown for people, JSON for programs.

use crate::Result;
use crate::bench::Contest;
use crate::options::Options;
use crate::process::is_pinning_possible;
use crate::results::Measured;
use crate::workload::{Unit, Workload};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

/// One peer in one workload.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Row {
    pub(crate) name: &'static str,
    /// It takes no part in further rounds.
    #[serde(skip)]
    pub(crate) is_out: bool,
    median: f64,
    min: f64,
    max: f64,
    /// To the measure of the same run.
    ratio: Option<f64>,
    /// Medians of what else was seen.
    figures: BTreeMap<String, f64>,
    /// Failed calls of all rounds.
    errors: BTreeMap<String, u64>,
    /// Why a round did not end.
    failure: Option<String>,
    #[serde(rename = "rounds")]
    runs: Vec<Measured>,
}

impl Row {
    pub(crate) fn new(name: &'static str) -> Self {
        Self {
            name,
            is_out: false,
            median: 0.0,
            min: 0.0,
            max: 0.0,
            ratio: None,
            figures: BTreeMap::new(),
            errors: BTreeMap::new(),
            failure: None,
            runs: Vec::new(),
        }
    }

    pub(crate) fn add(&mut self, measured: Measured) {
        match measured.unsupported {
            true => self.is_out = true,
            false => self.runs.push(measured),
        }
    }

    pub(crate) fn fail(&mut self, text: &str) {
        self.is_out = true;
        self.failure = Some(text.to_owned());
    }

    fn close(&mut self) {
        let mut values: Vec<f64> = self.runs.iter().map(|run| run.value).collect();
        values.sort_by(f64::total_cmp);
        if let (Some(min), Some(max)) = (values.first(), values.last()) {
            (self.min, self.median, self.max) = (*min, median(&values), *max);
        }
        let names: BTreeSet<&String> =
            self.runs.iter().flat_map(|run| run.figures.keys()).collect();
        for name in names {
            let mut values: Vec<f64> =
                self.runs.iter().filter_map(|run| run.figures.get(name)).copied().collect();
            values.sort_by(f64::total_cmp);
            self.figures.insert(name.clone(), median(&values));
        }
        for (text, count) in self.runs.iter().flat_map(|run| &run.errors) {
            *self.errors.entry(text.clone()).or_default() += count;
        }
    }
}

fn median(sorted: &[f64]) -> f64 {
    let middle = sorted.len() / 2;
    match sorted.len() % 2 {
        0 => f64::midpoint(sorted[middle - 1], sorted[middle]),
        _ => sorted[middle],
    }
}

#[derive(Clone, Debug, Serialize)]
struct Table {
    workload: &'static str,
    point: Option<usize>,
    title: &'static str,
    unit: Unit,
    smaller_is_better: bool,
    rows: Vec<Row>,
}

/// Everything of one bench.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Report {
    runtime: &'static str,
    rounds: usize,
    seconds: f64,
    took_seconds: f64,
    pinned: bool,
    machine: String,
    load_before: String,
    measure: &'static str,
    versions: BTreeMap<String, String>,
    tables: Vec<Table>,
}

impl Report {
    pub(crate) fn new(options: &Options, contest: &Contest, measure: &'static str) -> Self {
        Self {
            runtime: if options.multi { "multi-thread" } else { "current-thread" },
            rounds: options.rounds,
            seconds: options.seconds,
            took_seconds: 0.0,
            pinned: is_pinning_possible(),
            machine: machine(),
            load_before: read("/proc/loadavg").split(' ').next().unwrap_or_default().to_owned(),
            measure,
            versions: versions(contest),
            tables: Vec::new(),
        }
    }

    pub(crate) fn add(&mut self, workload: &Workload, mut rows: Vec<Row>) {
        for row in &mut rows {
            row.close();
        }
        rows.retain(|row| !row.runs.is_empty() || row.failure.is_some());
        let measure = rows.iter().find(|row| row.name == self.measure).map(|row| row.median);
        for row in &mut rows {
            row.ratio = measure.filter(|it| *it > 0.0).map(|measure| row.median / measure);
        }
        let smaller_is_better = workload.unit.smaller_is_better();
        rows.sort_by(|a, b| {
            let order = b.median.total_cmp(&a.median);
            // Who failed comes last.
            let order = if smaller_is_better { order.reverse() } else { order };
            a.runs.is_empty().cmp(&b.runs.is_empty()).then(order)
        });
        self.tables.push(Table {
            workload: workload.name,
            point: workload.point,
            title: workload.title,
            unit: workload.unit,
            smaller_is_better,
            rows,
        });
    }

    pub(crate) fn write(&mut self, folder: &Path, took: Duration) -> Result<()> {
        self.took_seconds = took.as_secs_f64();
        std::fs::create_dir_all(folder)?;
        std::fs::write(folder.join("peers.json"), serde_json::to_string_pretty(self)? + "\n")?;
        std::fs::write(folder.join("peers.md"), self.markdown())?;
        Ok(())
    }

    pub(crate) fn markdown(&self) -> String {
        let mut text = String::new();
        let pinned = if self.pinned { "each pinned to a processor" } else { "not pinned" };
        let versions: Vec<String> =
            self.versions.iter().map(|(name, version)| format!("{name} {version}")).collect();
        // Writing to a String does not fail.
        writeln!(
            text,
            "{}. 1-minute load before: {}.\nServer and client are processes, {pinned}; tokio's {} \
             runtime; at most {} rounds of {} s, in turns over the peers.\n{}.\n",
            self.machine,
            self.load_before,
            self.runtime,
            self.rounds,
            self.seconds,
            versions.join(", "),
        )
        .ok();
        let mut at = 0;
        while let Some(table) = self.tables.get(at) {
            let curve = self.tables[at..].iter().take_while(|it| it.workload == table.workload);
            let curve: Vec<&Table> = curve.collect();
            at += curve.len();
            match table.point {
                None => self.table(&mut text, table),
                Some(_) => self.curve(&mut text, &curve),
            }
            .ok();
        }
        text
    }

    fn table(&self, text: &mut String, table: &Table) -> std::fmt::Result {
        let figures: BTreeSet<&String> =
            table.rows.iter().flat_map(|row| row.figures.keys()).collect();
        writeln!(text, "### {} {}\n", table.workload, table.title)?;
        write!(text, "| | {} | min | max |", table.unit.text())?;
        let compared = table.rows.iter().any(|row| row.ratio.is_some());
        if compared {
            write!(text, " / {} |", self.measure)?;
        }
        for name in &figures {
            write!(text, " {name} |")?;
        }
        let columns = 3 + figures.len() + usize::from(compared);
        writeln!(text, "\n| --- |{}", " ---: |".repeat(columns))?;
        for row in &table.rows {
            if row.runs.is_empty() {
                let why = row.failure.as_deref().unwrap_or_default();
                writeln!(text, "| {} | failed: {why} |{}", row.name, " |".repeat(columns - 1))?;
                continue;
            }
            let [median, min, max] = [row.median, row.min, row.max].map(number);
            write!(text, "| {} | {median} | {min} | {max} |", row.name)?;
            if compared {
                write!(text, " {} |", row.ratio.map(ratio).unwrap_or_default())?;
            }
            for name in &figures {
                write!(
                    text,
                    " {} |",
                    row.figures.get(*name).copied().map(number).unwrap_or_default()
                )?;
            }
            writeln!(text)?;
        }
        writeln!(text)?;
        self.faults(text, &[table])
    }

    /// One row for each peer, one column for each point.
    fn curve(&self, text: &mut String, tables: &[&Table]) -> std::fmt::Result {
        let mut names: Vec<&str> = Vec::new();
        for row in tables.iter().flat_map(|table| &table.rows) {
            if !names.contains(&row.name) {
                names.push(row.name);
            }
        }
        let figures: BTreeSet<&String> = tables
            .iter()
            .flat_map(|table| &table.rows)
            .flat_map(|row| row.figures.keys())
            .collect();
        let memory = figures.into_iter().find(|name| name.as_str() == Unit::Bytes.text());
        for figure in [None].into_iter().chain(memory.map(Some)) {
            let unit = figure.map_or(tables[0].unit.text(), |name| name.as_str());
            writeln!(text, "### {} {} ({unit})\n", tables[0].workload, tables[0].title)?;
            write!(text, "| |")?;
            for table in tables {
                write!(text, " {} |", number(table.point.unwrap_or_default() as f64))?;
            }
            writeln!(text, "\n| --- |{}", " ---: |".repeat(tables.len()))?;
            for name in &names {
                write!(text, "| {name} |")?;
                for table in tables {
                    let row =
                        table.rows.iter().find(|row| row.name == *name && !row.runs.is_empty());
                    let value = row.and_then(|row| match figure {
                        None => Some(row.median),
                        Some(figure) => row.figures.get(figure).copied(),
                    });
                    write!(text, " {} |", value.map(number).unwrap_or_default())?;
                }
                writeln!(text)?;
            }
            writeln!(text)?;
        }
        self.faults(text, tables)
    }

    /// What went wrong, or what the refused callers saw.
    fn faults(&self, text: &mut String, tables: &[&Table]) -> std::fmt::Result {
        let mut any = false;
        for table in tables {
            for row in &table.rows {
                let point = table.point.map(|point| format!(" at {point}")).unwrap_or_default();
                let partly =
                    row.failure.as_ref().filter(|_| !row.runs.is_empty() || table.point.is_some());
                if let Some(failure) = partly {
                    writeln!(text, "- {}{point}: failed: {failure}", row.name)?;
                }
                for (what, count) in &row.errors {
                    writeln!(text, "- {}{point}: {count} × {what}", row.name)?;
                }
                any |= partly.is_some() || !row.errors.is_empty();
            }
        }
        if any { writeln!(text) } else { Ok(()) }
    }
}

fn number(value: f64) -> String {
    if value.abs() < 100.0 && value.fract() != 0.0 {
        return format!("{value:.2}");
    }
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at) % 3 == 0 && !text.ends_with('-') {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn ratio(ratio: f64) -> String {
    if ratio < 0.1 { format!("{ratio:.3}") } else { format!("{ratio:.2}") }
}

fn read(path: &str) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

/// Processor, how many, kernel.
fn machine() -> String {
    let processors = read("/proc/cpuinfo");
    let model = processors.lines().find_map(|line| line.strip_prefix("model name"));
    let model = model.map_or("a processor", |text| text.trim_start_matches(['\t', ' ', ':']));
    let count = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let kernel = read("/proc/sys/kernel/osrelease");
    format!("{model}, {count} processors, Linux {}", kernel.trim())
}

fn versions(contest: &Contest) -> BTreeMap<String, String> {
    let mut versions = BTreeMap::new();
    for package in contest.lock.split("[[package]]") {
        let field = |name: &str| {
            let line = package.lines().find_map(|line| line.strip_prefix(name));
            line.and_then(|rest| rest.strip_prefix(" = ")).map(|text| text.trim_matches('"'))
        };
        if let (Some(name), Some(version)) = (field("name"), field("version"))
            && contest.packages.contains(&name)
        {
            // Of several versions the last one is the newest, and ours.
            versions.insert(name.to_owned(), version.to_owned());
        }
    }
    versions
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!([number(1234567.0), number(999.0), number(0.5)], ["1,234,567", "999", "0.50"]);
        assert_eq!([number(-1234.0), number(-123.0)], ["-1,234", "-123"]);
        assert_eq!([ratio(0.0123), ratio(1.5)], ["0.012", "1.50"]);
    }

    #[test]
    fn the_median_of_an_even_count_lies_between() {
        assert!((median(&[1.0, 2.0, 4.0, 8.0]) - 3.0).abs() < 1e-9);
        assert!((median(&[1.0, 2.0, 4.0]) - 2.0).abs() < 1e-9);
    }
}
