//! What the stress client is asked to do.

use clap::Parser;
use clap::builder::RangedU64ValueParser;
use std::time::Duration;

#[derive(Clone, Parser)]
#[command(
    about = "Sends bytes of any size to a stress-server, and checks every byte that comes back."
)]
pub(crate) struct Options {
    /// host:port of a stress-server; one is started in this process unless given
    pub(crate) target: Option<String>,
    /// Connections, opened all at once
    #[arg(short = 't', long, value_name = "N", default_value_t = 4)]
    pub(crate) connections: usize,
    /// Tasks that call over each connection
    #[arg(long, value_name = "N", default_value_t = 2)]
    pub(crate) tasks: usize,
    /// Largest message, in bytes; sizes are drawn from 0 to this
    #[arg(short, long, value_name = "N", default_value_t = 65_536, value_parser = at_most(1 << 30))]
    pub(crate) bytes: usize,
    /// How long to go on
    #[arg(short, long, default_value_t = 2.0, value_parser = seconds)]
    seconds: f64,
    /// Messages of each task, or rounds of a scenario; as many as the time allows unless given
    #[arg(short, long, value_name = "N")]
    pub(crate) loops: Option<u64>,
    /// IPv4 only
    #[arg(short = '4', conflicts_with = "v6")]
    pub(crate) v4: bool,
    /// IPv6 only
    #[arg(short = '6')]
    pub(crate) v6: bool,
    /// 1: send all, then receive. 2: send, never receive. 3: send, wait, receive. 4: wait, send, receive.
    /// 5: send and receive at once
    #[arg(long, value_name = "1..5", value_parser = clap::value_parser!(u8).range(1..=5))]
    pub(crate) scenario: Option<u8>,
    /// How long scenarios 3 and 4 wait, and how long 2 is stuck until it gives up
    #[arg(long, value_name = "MS", default_value_t = 200)]
    wait: u64,
    /// What scenario 2 would send over each connection
    #[arg(long, value_name = "BYTES", default_value_t = 1 << 30)]
    pub(crate) total: u64,
    /// Scenario 2 with a socket of its own that is never read from at all
    #[arg(long)]
    pub(crate) rude: bool,
    /// Pause of each task after each message
    #[arg(long, value_name = "MS", default_value_t = 0)]
    pause: u64,
    /// Holds so many more connections that call nobody
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) idle: usize,
    /// Holds so many sockets that say nothing at all
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) silent: usize,
    /// Where the random sizes and bytes begin
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,
    /// Prints what the server says of itself, and nothing else
    #[arg(long)]
    pub(crate) stats: bool,
    /// Prints every message
    #[arg(short, long)]
    pub(crate) verbose: bool,
}

fn at_most(most: u64) -> RangedU64ValueParser<usize> {
    RangedU64ValueParser::new().range(..=most)
}

fn seconds(text: &str) -> Result<f64, String> {
    let seconds: f64 = text.parse().map_err(|_| "it is no number".to_owned())?;
    match Duration::try_from_secs_f64(seconds) {
        Ok(_) => Ok(seconds),
        Err(error) => Err(error.to_string()),
    }
}

impl Options {
    /// How long to go on. With a number of loops, only that ends it.
    pub(crate) fn time(&self) -> Option<Duration> {
        self.loops.is_none().then(|| self.seconds())
    }

    pub(crate) fn seconds(&self) -> Duration {
        Duration::try_from_secs_f64(self.seconds).unwrap_or(Duration::MAX)
    }

    pub(crate) const fn wait(&self) -> Duration {
        Duration::from_millis(self.wait)
    }

    pub(crate) const fn pause(&self) -> Duration {
        Duration::from_millis(self.pause)
    }
}
