//! The five orders of sending and receiving, each with one stream in each direction.

use crate::options::Options;
use crate::report::{Progress, Tally};
use crate::service::StressClient;
use crate::source::{Random, Source, difference};
use hton::{Bytes, stream};
use std::error::Error;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// What a round sends at most: what a box of the server holds, so that all may be sent before anything is
/// received.
const ROUND_BYTES: usize = 1 << 20;
const ROUND_MESSAGES: usize = 16;
/// No letter is longer: it would not fit the window of the stream.
const LETTER_BYTES: usize = 192 * 1024;

type Fault = Box<dyn Error + Send + Sync>;

/// Runs the scenario on every connection.
pub(crate) async fn run(
    clients: &[StressClient],
    options: &Options,
    source: &Source,
    scenario: u8,
) -> Tally {
    let until = options.time().and_then(|time| Instant::now().checked_add(time));
    let rounds = options.loops.unwrap_or(if scenario == 2 { 1 } else { u64::MAX });
    let progress = Progress::new(options, rounds.saturating_mul(clients.len() as u64));
    let mut all = JoinSet::new();
    for (number, client) in clients.iter().enumerate() {
        let mut player = Player {
            client: client.clone(),
            options: options.clone(),
            source: source.clone(),
            random: Random::new(options.seed.wrapping_add(number as u64 + 1)),
        };
        let progress = progress.clone();
        all.spawn(async move {
            let mut tally = Tally::new();
            for round in 0..rounds {
                if until.is_some_and(|until| Instant::now() >= until) {
                    break;
                }
                if let Err(error) = player.play(scenario, &mut tally).await {
                    tally.failures.push(format!("connection {number}, round {round}: {error}"));
                    break;
                }
                progress.step();
            }
            tally
        });
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

struct Player {
    client: StressClient,
    options: Options,
    source: Source,
    random: Random,
}

impl Player {
    async fn play(&mut self, scenario: u8, tally: &mut Tally) -> Result<(), Fault> {
        let wait = self.options.wait();
        match scenario {
            1 => self.send_then_receive(Duration::ZERO, Duration::ZERO, tally).await,
            2 => self.send_and_never_receive().await,
            3 => self.send_then_receive(Duration::ZERO, wait, tally).await,
            4 => self.send_then_receive(wait, Duration::ZERO, tally).await,
            _ => self.send_and_receive(tally).await,
        }
    }

    /// Scenarios 1, 3 and 4: everything has left before the first letter is fetched.
    async fn send_then_receive(
        &mut self,
        before: Duration,
        between: Duration,
        tally: &mut Tally,
    ) -> Result<(), Fault> {
        sleep(before).await;
        let letters = self.letters();
        let name = self.random.word();
        let began = Instant::now();
        let (feed, source) = stream::channel(1);
        let put = tokio::spawn(self.client.put(name, source));
        for letter in &letters {
            feed.send(letter.clone()).await?;
        }
        drop(feed);
        sleep(between).await;
        self.receive(name, &letters, began, tally).await?;
        let put = put.await??;
        if put == letters.len() as u64 { Ok(()) } else { Err("letters are missing".into()) }
    }

    /// Scenario 5.
    async fn send_and_receive(&mut self, tally: &mut Tally) -> Result<(), Fault> {
        let letters = self.letters();
        let name = self.random.word();
        let began = Instant::now();
        let (feed, source) = stream::channel(1);
        let put = tokio::spawn(self.client.put(name, source));
        // The box is there when the call has begun, and it has when the second letter finds room.
        let (first, rest) = letters.split_at(letters.len().min(2));
        for letter in first {
            feed.send(letter.clone()).await?;
        }
        let sending = async {
            for letter in rest {
                feed.send(letter.clone()).await?;
            }
            drop(feed);
            Ok(())
        };
        tokio::try_join!(sending, self.receive(name, &letters, began, tally))?;
        let put = put.await??;
        if put == letters.len() as u64 { Ok(()) } else { Err("letters are missing".into()) }
    }

    /// Scenario 2: ends when nothing more goes out, because the box and the credit are used up.
    async fn send_and_never_receive(&mut self) -> Result<(), Fault> {
        let (feed, source) = stream::channel(1);
        let put = tokio::spawn(self.client.put(self.random.word(), source));
        let mut sent = 0_u64;
        while sent < self.options.total {
            let letter = self.source.part(self.options.bytes.min(LETTER_BYTES), &mut self.random);
            let len = letter.len().max(1) as u64;
            match timeout(self.options.wait(), feed.send(letter)).await {
                Ok(Ok(())) => sent += len,
                // The call has ended before its time, and says why.
                Ok(Err(_)) => return Err(put.await?.map_or_else(Fault::from, |_| "ended".into())),
                Err(_) => {
                    let wait = self.options.wait();
                    println!("nothing is received: stuck for {wait:?} after {sent} bytes");
                    put.abort();
                    return Ok(());
                }
            }
        }
        Err(format!("{sent} bytes were taken, and nobody receives them").into())
    }

    /// What one round sends.
    fn letters(&mut self) -> Vec<Bytes> {
        let mut left = ROUND_BYTES;
        let mut letters = Vec::new();
        for number in 0..ROUND_MESSAGES {
            let mut letter = self.source.message(number as u64, &mut self.random);
            letter.truncate(LETTER_BYTES);
            let Some(rest) = left.checked_sub(letter.len()) else { break };
            left = rest;
            letters.push(letter);
        }
        letters
    }

    /// Fetches the letters, which must come in order, and then the end.
    async fn receive(
        &self,
        name: u64,
        letters: &[Bytes],
        began: Instant,
        tally: &mut Tally,
    ) -> Result<(), Fault> {
        let mut take = self.client.take(name);
        for (number, sent) in letters.iter().enumerate() {
            let Some(back) = take.recv().await? else {
                return Err(format!("ends after {number} of {} letters", letters.len()).into());
            };
            match difference(sent, &back) {
                None => tally.count(sent.len(), began.elapsed()),
                Some(what) => tally.mismatches.push(format!("letter {number}: {what}")),
            }
        }
        match take.recv().await? {
            None => Ok(()),
            Some(_) => Err("more comes than was sent".into()),
        }
    }
}
