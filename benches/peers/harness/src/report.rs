//! What the bench tells, as JSON for programs; `markdown.rs` makes a text of it.

use crate::Result;
use crate::bench::Contest;
use crate::options::Options;
use crate::process::is_pinning_possible;
use crate::results::Measured;
use crate::workload::{Unit, Workload};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

/// One peer in one workload.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Row {
    pub(crate) name: &'static str,
    /// It takes no part in further rounds.
    #[serde(skip)]
    pub(crate) is_out: bool,
    pub(crate) median: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
    /// To the measure of the same run.
    pub(crate) ratio: Option<f64>,
    /// Medians of what else was seen.
    pub(crate) figures: BTreeMap<String, f64>,
    /// Failed calls of all rounds.
    pub(crate) errors: BTreeMap<String, u64>,
    /// Why a round did not end.
    pub(crate) failure: Option<String>,
    #[serde(rename = "rounds")]
    pub(crate) runs: Vec<Measured>,
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
        self.errors.clear();
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
pub(crate) struct Table {
    pub(crate) workload: &'static str,
    pub(crate) point: Option<usize>,
    pub(crate) title: &'static str,
    pub(crate) unit: Unit,
    pub(crate) smaller_is_better: bool,
    /// Counted time of a run.
    pub(crate) seconds: f64,
    pub(crate) rows: Vec<Row>,
}

/// Everything of one bench.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) runtime: &'static str,
    pub(crate) plan: String,
    pub(crate) took_seconds: f64,
    pub(crate) pinned: bool,
    pub(crate) machine: String,
    pub(crate) load_before: String,
    pub(crate) measure: &'static str,
    pub(crate) versions: BTreeMap<String, String>,
    /// What the kernel says of TCP_NODELAY, by peer.
    pub(crate) nodelay: BTreeMap<&'static str, String>,
    pub(crate) baseline: &'static str,
    pub(crate) ruler: Vec<Check>,
    pub(crate) tables: Vec<Table>,
}

/// How much of the baseline's calls the measure must have, or it is no measure.
const STRAIGHT: [(&str, f64); 2] = [("W1", 0.8), ("W2", 0.9)];

/// Whether the measure of all ratios holds in one workload.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Check {
    pub(crate) workload: &'static str,
    pub(crate) ratio: f64,
    pub(crate) least: f64,
    pub(crate) holds: bool,
}

impl Report {
    pub(crate) fn new(options: &Options, contest: &Contest, measure: &'static str) -> Self {
        Self {
            runtime: if options.multi { "multi-thread" } else { "current-thread" },
            plan: options.plan(),
            took_seconds: 0.0,
            pinned: is_pinning_possible(),
            machine: machine(),
            load_before: read("/proc/loadavg").split(' ').next().unwrap_or_default().to_owned(),
            measure,
            versions: versions(contest),
            nodelay: BTreeMap::new(),
            baseline: contest.baseline,
            ruler: Vec::new(),
            tables: Vec::new(),
        }
    }

    /// Takes what all workloads have brought so far.
    pub(crate) fn fill(&mut self, results: &[(&Workload, Vec<Row>)], options: &Options) {
        self.tables.clear();
        for (workload, rows) in results {
            self.add(workload, rows.clone(), options.seconds_of(workload));
        }
        self.ruler = STRAIGHT.iter().filter_map(|(name, least)| self.check(name, *least)).collect();
    }

    fn check(&self, workload: &'static str, least: f64) -> Option<Check> {
        let table = self.tables.iter().find(|table| table.workload == workload)?;
        let of = |name| table.rows.iter().find(|row| row.name == name && row.median > 0.0);
        let ratio = of(self.measure)?.median / of(self.baseline)?.median;
        Some(Check { workload, ratio, least, holds: ratio >= least })
    }

    fn add(&mut self, workload: &Workload, mut rows: Vec<Row>, seconds: f64) {
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
            seconds,
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
    use crate::workload::ALL;

    #[test]
    fn the_median_of_an_even_count_lies_between() {
        assert!((median(&[1.0, 2.0, 4.0, 8.0]) - 3.0).abs() < 1e-9);
        assert!((median(&[1.0, 2.0, 4.0]) - 2.0).abs() < 1e-9);
    }

    /// A report of W1 and W2 in which the ruler has so much of the baseline.
    fn measured(shares: [f64; 2]) -> Report {
        let contest = Contest {
            subjects: vec![],
            baseline: "bare",
            elsewhere: vec![],
            codecs: vec![],
            lock: "",
            packages: vec![],
        };
        let options = Options::parse(std::iter::empty()).unwrap();
        let mut report = Report::new(&options, &contest, "ruler");
        let mut results = Vec::new();
        for (key, share) in ["W1", "W2"].into_iter().zip(shares) {
            let rows = [("ruler", share), ("bare", 1.0)].map(|(name, value)| {
                let mut row = Row::new(name);
                row.add(Measured { value, ..<_>::default() });
                row
            });
            let workload = ALL.iter().find(|it| it.key() == key).unwrap();
            results.push((workload, rows.to_vec()));
        }
        report.fill(&results, &options);
        report
    }

    #[test]
    fn a_ruler_that_is_slow_is_told() {
        let straight = measured([0.81, 0.91]);
        assert!(straight.ruler.iter().all(|check| check.holds) && straight.ruler.len() == 2);
        assert!(
            straight
                .markdown()
                .contains("The ruler is straight: ruler has 0.81 × bare's calls in W1")
        );
        let bent = measured([0.79, 0.91]);
        assert_eq!(bent.ruler.iter().map(|check| check.holds).collect::<Vec<_>>(), [false, true]);
        assert!(bent.markdown().contains("**The ruler is bent"));
        assert!(!measured([0.81, 0.89]).ruler[1].holds);
    }

    #[test]
    fn to_fill_a_report_again_changes_nothing() {
        let mut row = Row::new("it");
        let errors = BTreeMap::from([("no".to_owned(), 2)]);
        row.add(Measured { value: 1.0, errors, ..<_>::default() });
        row.close();
        row.close();
        assert_eq!(row.errors["no"], 2);
    }
}
