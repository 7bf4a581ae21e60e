//! Whether TCP_NODELAY is on: not what a peer promises, but what the kernel says of its sockets.

use crate::Result;
use crate::process::Process;
use rustix::fd::OwnedFd;
use rustix::net::{AddressFamily, getpeername, sockopt};
use rustix::process::{Pid, PidfdFlags, PidfdGetfdFlags, pidfd_getfd, pidfd_open};
use std::time::Duration;

/// What the report says of a peer where all is well.
pub(crate) const ON: &str = "on at both ends";

/// Looks at a server and at its client while calls run, until both ends are on or time is over.
pub(crate) fn look(server: &Process, client: &Process) -> String {
    let mut seen = String::new();
    for _ in 0..50 {
        std::thread::sleep(Duration::from_millis(20));
        seen = match (off(server.id()), off(client.id())) {
            (Ok(Some(0)), Ok(Some(0))) => return ON.to_owned(),
            (Ok(server), Ok(client)) => format!("server: {}, client: {}", say(server), say(client)),
            (Err(failure), _) | (_, Err(failure)) => format!("not to be seen: {failure}"),
        };
    }
    seen
}

fn say(off: Option<usize>) -> String {
    match off {
        None => "no connection seen".to_owned(),
        Some(0) => "on".to_owned(),
        Some(off) => format!("off in {off} connections"),
    }
}

/// How many TCP connections of a process have it off; none, if there is no connection.
fn off(pid: u32) -> Result<Option<usize>> {
    let process = Pid::from_raw(i32::try_from(pid)?).ok_or("no such process")?;
    let process = pidfd_open(process, PidfdFlags::empty())?;
    let mut connections = Vec::new();
    for entry in std::fs::read_dir(format!("/proc/{pid}/fd"))? {
        let entry = entry?;
        // A descriptor may be closed meanwhile.
        let Ok(target) = std::fs::read_link(entry.path()) else { continue };
        if !target.to_string_lossy().starts_with("socket:") {
            continue;
        }
        let number = entry.file_name().to_string_lossy().parse()?;
        let socket = pidfd_getfd(&process, number, PidfdGetfdFlags::empty())?;
        connections.extend(nodelay(&socket)?);
    }
    let off = connections.iter().filter(|is_on| !**is_on).count();
    Ok((!connections.is_empty()).then_some(off))
}

/// Nothing for sockets that are no TCP connections, such as a listener.
fn nodelay(socket: &OwnedFd) -> Result<Option<bool>> {
    match getpeername(socket) {
        Ok(Some(peer)) if peer.address_family() == AddressFamily::INET => {
            Ok(Some(sockopt::tcp_nodelay(socket)?))
        }
        _ => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{TcpListener, TcpStream};

    #[test]
    fn the_kernel_tells_on_from_off() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut counts = Vec::new();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (server, _) = listener.accept().unwrap();
        for is_on in [false, true] {
            client.set_nodelay(is_on).unwrap();
            server.set_nodelay(true).unwrap();
            counts.push(off(std::process::id()).unwrap());
        }
        assert_eq!(counts, [Some(1), Some(0)]);
    }
}
