//! The load: every task sends one message after the other and compares what comes back.

use crate::options::Options;
use crate::report::{Progress, Tally};
use crate::service::StressClient;
use crate::source::{Random, Source, difference};
use std::time::Instant;
use tokio::task::JoinSet;

/// Loads every connection with its tasks until the time is over or the loops are done.
pub(crate) async fn run(clients: &[StressClient], options: &Options, source: &Source) -> Tally {
    let tasks = clients.len() as u64 * options.tasks as u64;
    let progress = Progress::new(options, tasks.saturating_mul(options.loops.unwrap_or(0)));
    let until = options.time().and_then(|time| Instant::now().checked_add(time));
    let mut all = JoinSet::new();
    for (connection, client) in clients.iter().enumerate() {
        for task in 0..options.tasks {
            let number = connection as u64 * options.tasks as u64 + task as u64;
            let random = Random::new(options.seed.wrapping_add(number + 1));
            let task = Task {
                name: format!("connection {connection}, task {task}"),
                client: client.clone(),
                options: options.clone(),
                source: source.clone(),
                progress: progress.clone(),
                random,
            };
            all.spawn(task.run(until));
        }
    }
    let mut tally = Tally::new();
    while let Some(ended) = all.join_next().await {
        match ended {
            Ok(one) => tally.add(one),
            Err(error) => tally.failures.push(error.to_string()),
        }
    }
    progress.finish();
    tally
}

struct Task {
    name: String,
    client: StressClient,
    options: Options,
    source: Source,
    progress: Progress,
    random: Random,
}

impl Task {
    async fn run(mut self, until: Option<Instant>) -> Tally {
        let mut tally = Tally::new();
        for number in 0..self.options.loops.unwrap_or(u64::MAX) {
            if until.is_some_and(|until| Instant::now() >= until) {
                break;
            }
            let sent = self.source.message(number, &mut self.random);
            let began = Instant::now();
            match self.client.echo(sent.clone()).await {
                Ok(back) => match difference(&sent, &back) {
                    None => tally.count(sent.len(), began.elapsed()),
                    Some(what) => {
                        tally.mismatches.push(format!("{}, message {number}: {what}", self.name));
                    }
                },
                Err(error) => {
                    tally.failures.push(format!("{}, message {number}: {error}", self.name));
                    break;
                }
            }
            if self.options.verbose {
                println!("{}, message {number}: {} bytes", self.name, sent.len());
            }
            self.progress.step();
            if !self.options.pause().is_zero() {
                tokio::time::sleep(self.options.pause()).await;
            }
        }
        tally
    }
}
