//! Unix sockets: a file that only its owner may use, taken over from the dead, never from the living.

use super::options::SocketOptions;
use super::tcp::backlog;
use crate::identity::{Identity, PeerInfo};
use socket2::{Domain, SockAddr, Socket, Type};
use std::fs::{self, Metadata, Permissions};
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::net::{UnixListener, UnixStream};
use tokio::time::sleep;

/// A file younger than this that nobody listens on may belong to a server that is just starting.
const YOUNG: Duration = Duration::from_secs(1);
/// How long such a server is given to listen.
const START: Duration = Duration::from_millis(100);
/// Pause before a listener whose backlog is full is asked again.
const FULL: Duration = Duration::from_millis(5);

/// Connects as soon as the backlog has room; whoever calls this limits the time.
pub(crate) async fn connect(path: &Path, options: &SocketOptions) -> io::Result<UnixStream> {
    let stream = loop {
        match UnixStream::connect(path).await {
            // Nobody says when a backlog that is full has room again.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => sleep(FULL).await,
            connected => break connected?,
        }
    };
    options.set_buffers(socket2::SockRef::from(&stream))?;
    Ok(stream)
}

/// Listens at `path`. Only the user of this process may connect (mode 0600).
///
/// A file that is there already is removed if it is a socket that nobody listens on.
pub(crate) async fn listen(
    path: &Path,
    options: &SocketOptions,
) -> io::Result<(UnixListener, Claim)> {
    let path = std::path::absolute(path)?;
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    options.set_buffers(socket2::SockRef::from(&socket))?;
    let address = SockAddr::unix(&path)?;
    match socket.bind(&address) {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            remove_stale(&path, &address).await?;
            socket.bind(&address)?;
        }
        bound => bound?,
    }
    // From here on the file is this listener's, and is removed if anything fails.
    let claim = Claim::of(path)?;
    // Nobody can connect before `listen`, so nobody slips in before the mode is set.
    fs::set_permissions(&claim.path, Permissions::from_mode(0o600))?;
    socket.listen(backlog(options))?;
    Ok((UnixListener::from_std(socket.into())?, claim))
}

/// Removes the socket of a server that is gone, or says that it is not gone.
async fn remove_stale(path: &Path, address: &SockAddr) -> io::Result<()> {
    let in_use = |why: &str| io::Error::new(io::ErrorKind::AddrInUse, why.to_owned());
    let found = fs::symlink_metadata(path)?;
    if !found.file_type().is_socket() {
        return Err(in_use("the path is taken by a file that is no socket"));
    }
    let is_dead = || -> io::Result<bool> {
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
        // A listener whose backlog is full is alive, too, and must not make this thread wait.
        socket.set_nonblocking(true)?;
        let refused = |error: io::Error| error.kind() == io::ErrorKind::ConnectionRefused;
        Ok(socket.connect(address).is_err_and(refused))
    };
    if !is_dead()? {
        return Err(in_use("somebody listens on it"));
    }
    let age = found.modified().ok().and_then(|made| made.elapsed().ok());
    if age.is_none_or(|age| age < YOUNG) {
        sleep(START).await;
        if !is_dead()? {
            return Err(in_use("somebody has just begun to listen on it"));
        }
    }
    match fs::symlink_metadata(path) {
        Ok(now) if !is_same(&found, &now) => Err(in_use("somebody else has just taken it")),
        Ok(_) => fs::remove_file(path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

/// Inode numbers are used again; the moment of making tells two files of one number apart.
fn is_same(a: &Metadata, b: &Metadata) -> bool {
    let key = |m: &Metadata| (m.dev(), m.ino(), m.mtime(), m.mtime_nsec());
    key(a) == key(b)
}

/// A path that a listener of this process was bound to. Dropping it removes the file, if it is still
/// the listener's own.
#[derive(Debug)]
pub(crate) struct Claim {
    path: PathBuf,
    file: Metadata,
    released: AtomicBool,
}

impl Claim {
    fn of(path: PathBuf) -> io::Result<Self> {
        let file = fs::symlink_metadata(&path)?;
        Ok(Self { path, file, released: AtomicBool::new(false) })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Removes the file. To be called while the listener is open, so that no other file can have its
    /// inode; later calls do nothing.
    pub(crate) fn release(&self) {
        if self.released.swap(true, Ordering::SeqCst) {
            return;
        }
        if fs::symlink_metadata(&self.path).is_ok_and(|now| is_same(&self.file, &now)) {
            fs::remove_file(&self.path).ok();
        }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.release();
    }
}

/// Whom the kernel says the other end belongs to.
pub(crate) fn peer_info(stream: &UnixStream) -> PeerInfo {
    let identity = match stream.peer_cred() {
        Ok(cred) => Identity::Unix {
            uid: cred.uid(),
            gid: cred.gid(),
            pid: cred.pid().and_then(|pid| u32::try_from(pid).ok()),
        },
        Err(_) => Identity::Anonymous,
    };
    PeerInfo { addr: None, identity }
}
