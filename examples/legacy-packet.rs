//! A program talks to a server that knows nothing of hton: packets of 12 bytes, whose form somebody else
//! laid down long ago. A raw archive puts nothing of its own between them.
//!
//! ```text
//! cargo run --example legacy-packet -- [--connect ADDRESS] [--numbers N,N,…]
//! ```

#[macro_use]
#[path = "shared/ending.rs"]
mod ending;

use clap::Parser;
use ending::Failure;
use hton::archive::{Load, Store};
use serde::{Deserialize, Serialize};
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

/// Talks to a foreign server in packets of 12 bytes.
#[derive(Parser)]
struct Options {
    /// The foreign server. Without it, one is started in this process.
    #[arg(long)]
    connect: Option<String>,
    /// What is to be added to param2, one packet for each number.
    #[arg(long, value_delimiter = ',', default_values_t = [-2, 1], allow_hyphen_values = true)]
    numbers: Vec<i16>,
}

/// The packet as its papers describe it. The order of its bytes is that of the archive: no line swaps them.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Packet {
    magic: i32,
    command: u16,
    param1: i16,
    param2: i32,
}

const MAGIC: i32 = 0x0102_0304;
const ADD: u16 = 0x0506;

fn main() -> Result<(), Failure> {
    let Options { connect, numbers } = Options::parse();
    let address = match connect {
        Some(address) => address,
        None => foreign::start()?,
    };
    let stream = TcpStream::connect(&address)
        .map_err(|error| format!("cannot connect to {address}: {error}"))?;
    let (mut to, mut from) = (Store::raw(&stream), Load::raw(&stream));
    for number in numbers {
        let packet = Packet { magic: MAGIC, command: ADD, param1: number, param2: 0x0708_090A };
        to.store(&packet)?.flush()?;
        let answer: Packet = from.load()?;
        println!("{:#x} + {number} = {:#x}", packet.param2, answer.param2);
    }
    to.close()?;
    Ok(())
}

/// The foreign server: it knows the bytes of its packets, and neither hton nor serde.
mod foreign {
    use super::*;

    /// Serves one client. Returns where.
    pub(super) fn start() -> io::Result<String> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?.to_string();
        thread::spawn(move || listener.accept().and_then(|(client, _)| serve(client)));
        Ok(address)
    }

    fn serve(mut client: TcpStream) -> io::Result<()> {
        let mut packet = [0; 12];
        loop {
            client.read_exact(&mut packet)?;
            println!("the foreign server reads   {}", hex(&packet));
            let [1, 2, 3, 4, 5, 6, p, q, r, s, t, u] = packet else {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "not my packet"));
            };
            let number = i32::from(i16::from_be_bytes([p, q]));
            let sum = i32::from_be_bytes([r, s, t, u]).wrapping_add(number);
            let [_, _, _, _, _, _, _, _, answer @ ..] = &mut packet;
            answer.copy_from_slice(&sum.to_be_bytes());
            println!("the foreign server answers {}", hex(&packet));
            client.write_all(&packet)?;
        }
    }

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().join(" ")
    }
}
