//! The command line.

use crate::workload::{ALL, Shape, Workload};
use crate::{Failure, Result};
use std::path::PathBuf;
use std::time::Duration;

pub(crate) const HELP: &str = "\
Measures hton beside other RPC frameworks.

  --quick             everything but 10,000 connections in 5 minutes
  --publish           what is shown: W1 to W6 in 3 rounds of 1 s, the others as --quick has them,
                      10,000 connections as well; to published/current-thread or multi-thread
  --peers a,b         only these (and raw-tokio, the measure of the others)
  --workloads W1,W6   only these; W6 means W6 and W6b, W10c/100 one point of a curve
  --rounds N          rounds of each workload (5; --quick 3, as far as its 5 minutes go)
  --seconds S         counted time of a run (2; --quick 0.4)
  --multi             tokio's multi-thread runtime instead of the current-thread one
  --out FOLDER        where peers.md and peers.json go (results)
  --list              what there is
";

#[derive(Clone, Debug)]
pub(crate) struct Options {
    pub(crate) quick: bool,
    publish: bool,
    pub(crate) multi: bool,
    pub(crate) list: bool,
    pub(crate) help: bool,
    /// What the command line says, if it does.
    rounds: Option<usize>,
    seconds: Option<f64>,
    pub(crate) peers: Vec<String>,
    pub(crate) workloads: Vec<&'static Workload>,
    pub(crate) out: PathBuf,
}

impl Options {
    pub(crate) fn parse(args: impl Iterator<Item = String>) -> Result<Self> {
        let mut args = args.peekable();
        let mut options = Self {
            quick: false,
            publish: false,
            multi: false,
            list: false,
            help: false,
            rounds: None,
            seconds: None,
            peers: Vec::new(),
            workloads: Vec::new(),
            out: PathBuf::new(),
        };
        while let Some(arg) = args.next() {
            let mut value =
                || args.next().ok_or_else(|| Failure::from(format!("{arg} takes a value")));
            match arg.as_str() {
                "--quick" => options.quick = true,
                "--publish" => options.publish = true,
                "--multi" => options.multi = true,
                "--list" => options.list = true,
                "--help" | "-h" => options.help = true,
                "--rounds" => options.rounds = Some(value()?.parse()?),
                "--seconds" => options.seconds = Some(value()?.parse()?),
                "--peers" => options.peers = value()?.split(',').map(str::to_owned).collect(),
                "--workloads" => options.workloads = workloads(&value()?)?,
                "--out" => options.out = value()?.into(),
                _ => return Err(format!("what is {arg}?\n\n{HELP}").into()),
            }
        }
        if options.workloads.is_empty() {
            // To open 10,000 connections takes some peers a minute.
            let is_short = |it: &&Workload| !options.quick || it.key() != "W10c/10000";
            options.workloads = ALL.iter().filter(is_short).collect();
        }
        if options.out.as_os_str().is_empty() {
            options.out = match (options.publish, options.multi) {
                (false, _) => "results".into(),
                (true, false) => "published/current-thread".into(),
                (true, true) => "published/multi-thread".into(),
            };
        }
        Ok(options)
    }

    /// Whether a workload has the short form.
    fn is_short(&self, workload: &Workload) -> bool {
        self.quick || self.publish && !workload.is_basic()
    }

    /// Counted time of a run.
    pub(crate) fn seconds_of(&self, workload: &Workload) -> f64 {
        // What an overload does shows in 10 s, which are five times these.
        let is_long = self.publish && workload.shape == Shape::Overload;
        self.seconds.unwrap_or(
            match (self.is_short(workload) && !is_long, self.publish && !is_long) {
                (true, _) => 0.4,
                (false, true) => 1.0,
                (false, false) => 2.0,
            },
        )
    }

    /// The curves and the long runs have fewer rounds: one in a quick bench.
    pub(crate) fn rounds_of(&self, workload: &Workload) -> usize {
        use Shape::{Codec, Idle, Overload};
        let is_rare = matches!(workload.shape, Codec(_) | Idle { .. } | Overload);
        let is_rare = is_rare || workload.point.is_some();
        let is_short = self.is_short(workload);
        let rounds = self.rounds.unwrap_or(if is_short || self.publish { 3 } else { 5 });
        match is_rare {
            true if is_short => 1,
            true => rounds.div_ceil(2),
            false => rounds,
        }
    }

    /// After this time a quick bench begins no further round.
    pub(crate) fn budget(&self) -> Option<Duration> {
        self.quick.then_some(Duration::from_secs(300))
    }

    /// What the report says of rounds and seconds.
    pub(crate) fn plan(&self) -> String {
        let of = |name: &str| {
            let workload = ALL.iter().find(|workload| workload.key() == name).unwrap_or(&ALL[0]);
            format!(
                "at most {} rounds of {} s",
                self.rounds_of(workload),
                self.seconds_of(workload)
            )
        };
        match self.publish {
            true => format!("W1 to W6: {}; W9: {}; the others: {}", of("W1"), of("W9"), of("W7d")),
            false => of("W1"),
        }
    }
}

fn workloads(names: &str) -> Result<Vec<&'static Workload>> {
    for name in names.split(',') {
        if !ALL.iter().any(|workload| workload.is_meant_by(name)) {
            return Err(format!("there is no workload {name}; --list shows them").into());
        }
    }
    let meant = |workload: &&Workload| names.split(',').any(|name| workload.is_meant_by(name));
    Ok(ALL.iter().filter(meant).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Options> {
        Options::parse(line.split_whitespace().map(str::to_owned))
    }

    fn rounds_and_seconds(line: &str, key: &str) -> (usize, f64) {
        let (options, workload) = (parse(line).unwrap(), Workload::find(key).unwrap());
        (options.rounds_of(workload), options.seconds_of(workload))
    }

    #[test]
    fn numbers_on_the_line_win_over_quick() {
        assert_eq!(rounds_and_seconds("--quick --rounds 1", "W1"), (1, 0.4));
        assert_eq!(rounds_and_seconds("--publish --seconds 0.1", "W1"), (3, 0.1));
        assert_eq!(parse("--quick --workloads W1,W6").unwrap().workloads.len(), 3);
        assert_eq!(parse("--quick").unwrap().workloads.len(), ALL.len() - 1);
        assert_eq!(parse("").unwrap().workloads.len(), ALL.len());
        assert!(parse("--workloads W77").is_err());
        assert!(parse("--rounds").is_err());
        assert!(parse("--fast").is_err());
    }

    #[test]
    fn what_is_published_is_long_where_ratios_count() {
        assert_eq!(rounds_and_seconds("--publish", "W5"), (3, 1.0));
        assert_eq!(rounds_and_seconds("--publish", "W2b"), (3, 1.0));
        assert_eq!(rounds_and_seconds("--publish", "W6"), (2, 1.0));
        assert_eq!(rounds_and_seconds("--publish", "W7u"), (3, 0.4));
        assert_eq!(rounds_and_seconds("--publish", "W9"), (1, 2.0));
        assert_eq!(rounds_and_seconds("--publish", "W10c/1"), (1, 0.4));
        assert_eq!(rounds_and_seconds("", "W1"), (5, 2.0));
        let folder = parse("--publish --multi").unwrap().out;
        assert_eq!(folder, PathBuf::from("published/multi-thread"));
    }
}
