//! The command line.

use crate::workload::{ALL, Workload};
use crate::{Failure, Result};
use std::path::PathBuf;

pub(crate) const HELP: &str = "\
Measures hton beside other RPC frameworks.

  --quick             everything but 10,000 connections in about 5 minutes
  --peers a,b         only these (and raw-tokio, the measure of the others)
  --workloads W1,W6   only these; W6 means W6 and W6b, W10c/100 one point of a curve
  --rounds N          rounds of each workload (5; --quick 3)
  --seconds S         counted time of a run (2; --quick 0.4)
  --multi             tokio's multi-thread runtime instead of the current-thread one
  --out FOLDER        where peers.md and peers.json go (results)
  --list              what there is
";

#[derive(Clone, Debug)]
pub(crate) struct Options {
    pub(crate) quick: bool,
    pub(crate) multi: bool,
    pub(crate) list: bool,
    pub(crate) help: bool,
    pub(crate) rounds: usize,
    pub(crate) seconds: f64,
    pub(crate) peers: Vec<String>,
    pub(crate) workloads: Vec<&'static Workload>,
    pub(crate) out: PathBuf,
}

impl Options {
    pub(crate) fn parse(args: impl Iterator<Item = String>) -> Result<Self> {
        let mut args = args.peekable();
        let mut options = Self {
            quick: false,
            multi: false,
            list: false,
            help: false,
            rounds: 0,
            seconds: 0.0,
            peers: Vec::new(),
            workloads: Vec::new(),
            out: PathBuf::from("results"),
        };
        while let Some(arg) = args.next() {
            let mut value =
                || args.next().ok_or_else(|| Failure::from(format!("{arg} takes a value")));
            match arg.as_str() {
                "--quick" => options.quick = true,
                "--multi" => options.multi = true,
                "--list" => options.list = true,
                "--help" | "-h" => options.help = true,
                "--rounds" => options.rounds = value()?.parse()?,
                "--seconds" => options.seconds = value()?.parse()?,
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
        if options.rounds == 0 {
            options.rounds = if options.quick { 3 } else { 5 };
        }
        if options.seconds == 0.0 {
            options.seconds = if options.quick { 0.4 } else { 2.0 };
        }
        Ok(options)
    }

    /// The curves and the long runs have fewer rounds: one in a quick bench.
    pub(crate) fn rounds_of(&self, workload: &Workload) -> usize {
        use crate::workload::Shape::{Codec, Idle, Overload};
        let is_rare = matches!(workload.shape, Codec(_) | Idle { .. } | Overload);
        match is_rare || workload.point.is_some() {
            true if self.quick => 1,
            true => self.rounds.div_ceil(2),
            false => self.rounds,
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

    #[test]
    fn numbers_on_the_line_win_over_quick() {
        let options = parse("--quick --rounds 1 --workloads W1,W6").unwrap();
        assert_eq!((options.rounds, options.seconds, options.workloads.len()), (1, 0.4, 3));
        assert_eq!(parse("--quick").unwrap().workloads.len(), ALL.len() - 1);
        assert_eq!(parse("").unwrap().workloads.len(), ALL.len());
        assert!(parse("--workloads W77").is_err());
        assert!(parse("--rounds").is_err());
        assert!(parse("--fast").is_err());
    }
}
