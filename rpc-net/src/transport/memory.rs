//! A byte stream inside the process: for tests, and for peers that share one.

use tokio::io::DuplexStream;

/// How many bytes wait in each direction before the writer does.
const PIPE_BYTES: usize = 64 * 1024;

/// Both ends of a byte stream inside the process. It opens no port and needs no runtime to make.
///
/// Give each end to [`attach`](crate::attach), one as [`Side::Dialer`](rpc_core::Side::Dialer), the
/// other as [`Side::Acceptor`](rpc_core::Side::Acceptor).
#[must_use]
pub fn memory() -> (DuplexStream, DuplexStream) {
    tokio::io::duplex(PIPE_BYTES)
}
