//! The report as Markdown: one table for each workload, one for each curve.

use crate::nodelay::ON;
use crate::report::{Report, Table};
use crate::workload::Unit;
use std::collections::BTreeSet;
use std::fmt::Write as _;

impl Report {
    pub(crate) fn markdown(&self) -> String {
        let mut text = String::new();
        let pinned = if self.pinned { "each pinned to a processor" } else { "not pinned" };
        let versions: Vec<String> =
            self.versions.iter().map(|(name, version)| format!("{name} {version}")).collect();
        // Writing to a String does not fail.
        writeln!(
            text,
            "{}. 1-minute load before: {}.\nServer and client are processes, {pinned}; tokio's {} \
             runtime; {}, in turns over the peers.\n{}.\n",
            self.machine,
            self.load_before,
            self.runtime,
            self.plan,
            versions.join(", "),
        )
        .ok();
        self.ruler(&mut text).ok();
        self.nodelay(&mut text).ok();
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

    fn ruler(&self, text: &mut String) -> std::fmt::Result {
        if self.ruler.is_empty() {
            return Ok(());
        }
        let checks: Vec<String> = self
            .ruler
            .iter()
            .map(|it| {
                let of =
                    format!("{} × {}'s calls in {}", ratio(it.ratio), self.baseline, it.workload);
                format!("{of} (at least {})", it.least)
            })
            .collect();
        let (measure, checks) = (self.measure, checks.join(", "));
        match self.ruler.iter().all(|check| check.holds) {
            true => writeln!(text, "The ruler is straight: {measure} has {checks}.\n"),
            false => writeln!(
                text,
                "**The ruler is bent: {measure} has {checks}. No ratio of this run may be quoted.**\n"
            ),
        }
    }

    fn nodelay(&self, text: &mut String) -> std::fmt::Result {
        let on = self.nodelay.values().filter(|it| *it == ON).count();
        if on > 0 {
            writeln!(text, "TCP_NODELAY, as the kernel tells: {ON} of {on} peers.\n")?;
        }
        for (name, what) in self.nodelay.iter().filter(|(_, what)| *what != ON) {
            writeln!(text, "**TCP_NODELAY of {name}: {what}.**\n")?;
        }
        Ok(())
    }

    fn table(&self, text: &mut String, table: &Table) -> std::fmt::Result {
        let figures: BTreeSet<&String> =
            table.rows.iter().flat_map(|row| row.figures.keys()).collect();
        let rounds = table.rows.iter().map(|row| row.runs.len()).max().unwrap_or_default();
        let (workload, title) = (table.workload, table.title);
        writeln!(text, "### {workload} {title}\n\nRounds: {rounds}.\n")?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!([number(1234567.0), number(999.0), number(0.5)], ["1,234,567", "999", "0.50"]);
        assert_eq!([number(-1234.0), number(-123.0)], ["-1,234", "-123"]);
        assert_eq!([ratio(0.0123), ratio(1.5)], ["0.012", "1.50"]);
    }
}
