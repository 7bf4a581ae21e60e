//! A thread for each connection, which blocks: the oldest way to serve many, and the easiest to read.
//!
//! Fine for a hundred clients. Each more costs a thread, its stack, and a switch for every call.

use super::session::Session;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

/// How long a thread waits for its peer before it looks at the clock.
const TICK: Duration = Duration::from_secs(1);
/// How long a peer may take nothing of what is written to it.
const STALL: Duration = Duration::from_secs(10);
const STACK_BYTES: usize = 128 * 1024;

pub(crate) fn serve(listener: &TcpListener) -> io::Result<()> {
    loop {
        let Ok((stream, _)) = listener.accept() else {
            // A client that left again, or no descriptor for it: that is no reason to leave the others.
            thread::sleep(Duration::from_millis(10));
            continue;
        };
        // Whatever ends a connection ends its thread and no other. One for which there is no thread is closed.
        let builder = thread::Builder::new().stack_size(STACK_BYTES);
        drop(builder.spawn(move || converse(stream)));
    }
}

fn converse(mut stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(TICK))?;
    stream.set_write_timeout(Some(STALL))?;
    let mut session = Session::new();
    let mut buffer = [0; 16 * 1024];
    loop {
        loop {
            let output = session.output();
            if output.is_empty() {
                break;
            }
            let written = stream.write(output)?;
            session.written(written);
        }
        if session.is_over() {
            return Ok(());
        }
        match stream.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(n) => session.received(&buffer[..n]),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                session.tick();
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
