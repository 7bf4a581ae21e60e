//! Who the other end of a connection is: what the transport says, and how a token proves more.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

/// Who the other end is, as far as this side knows.
///
/// A Unix socket says which user it belongs to; [`Authenticate`] replaces that by what a token proves.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Identity {
    /// Nothing is known.
    #[default]
    Anonymous,
    /// The process at the other end of a Unix socket, as the kernel says it was when it connected.
    #[non_exhaustive]
    Unix {
        /// Its user.
        uid: u32,
        /// Its group.
        gid: u32,
        /// Its process id, where the system tells. The id may have been given to another process since.
        pid: Option<u32>,
    },
    /// The name that a verifier gave it.
    Named(Arc<str>),
}

impl Identity {
    /// The identity with this name.
    pub fn named(name: impl Into<Arc<str>>) -> Self {
        Self::Named(name.into())
    }

    /// The name that a verifier gave it.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Named(name) => Some(name),
            Self::Anonymous | Self::Unix { .. } => None,
        }
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Anonymous => f.write_str("anonymous"),
            Self::Unix { uid, gid, pid: Some(pid) } => write!(f, "uid {uid} gid {gid} pid {pid}"),
            Self::Unix { uid, gid, pid: None } => write!(f, "uid {uid} gid {gid}"),
            Self::Named(name) => write!(f, "{}", name.escape_debug()),
        }
    }
}

/// What is known of a connection before anything is served on it.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct PeerInfo {
    /// The address of the other end, when the transport has addresses.
    pub addr: Option<SocketAddr>,
    /// Who it is, as the transport says.
    pub identity: Identity,
}

impl PeerInfo {
    pub(crate) fn at(addr: Option<SocketAddr>) -> Self {
        Self { addr, identity: Identity::Anonymous }
    }
}

/// Decides who the other end is, by the token in its HELLO, before any handler starts.
///
/// It runs once for each connection, in that connection's task and outside of every lock. It must not
/// block: what needs a database belongs into a handler. A panic in it refuses the connection.
///
/// Closures of the same shape are verifiers; [`tokens`] makes one from a list.
pub trait Authenticate: Send + Sync + 'static {
    /// Who this is. `token` is empty when the other end sent none.
    ///
    /// # Errors
    ///
    /// [`Refused`]: the connection ends with [`CloseCode::UNAUTHENTICATED`] and no handler runs.
    ///
    /// [`CloseCode::UNAUTHENTICATED`]: rpc_core::CloseCode::UNAUTHENTICATED
    fn authenticate(&self, token: &[u8], peer: &PeerInfo) -> Result<Identity, Refused>;
}

impl<F> Authenticate for F
where
    F: Fn(&[u8], &PeerInfo) -> Result<Identity, Refused> + Send + Sync + 'static,
{
    fn authenticate(&self, token: &[u8], peer: &PeerInfo) -> Result<Identity, Refused> {
        self(token, peer)
    }
}

impl fmt::Debug for dyn Authenticate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Authenticate")
    }
}

/// The other end is not let in. The reason is sent to it: it should help the honest and nobody else.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Refused(String);

impl Refused {
    /// Refused for this reason, of which 256 bytes are sent.
    pub fn new(reason: impl Into<String>) -> Self {
        Self(reason.into())
    }
}

/// A verifier that knows some tokens, each with the name of whoever has it.
///
/// A token is compared with each of the list in a time that depends on the list alone, not on where the
/// two differ; it is meant for few tokens.
///
/// ```no_run
/// # async fn example(calc: impl rpc_net::Service) -> Result<(), rpc_net::Error> {
/// let bound = rpc_net::Server::bind("[::]:4000").await?;
/// let server = bound.authenticate(rpc_net::tokens([("alice", "3f9c…"), ("bob", "77d1…")])).serve(calc)?;
/// # Ok(()) }
/// ```
pub fn tokens<N, T>(list: impl IntoIterator<Item = (N, T)>) -> Tokens
where
    N: Into<Arc<str>>,
    T: AsRef<[u8]>,
{
    let entry = |(name, token): (N, T)| (name.into(), token.as_ref().to_vec());
    Tokens(list.into_iter().map(entry).collect())
}

/// The verifier that [`tokens`] makes.
#[derive(Clone)]
pub struct Tokens(Vec<(Arc<str>, Vec<u8>)>);

impl Authenticate for Tokens {
    fn authenticate(&self, token: &[u8], _peer: &PeerInfo) -> Result<Identity, Refused> {
        if token.is_empty() {
            return Err(Refused::new("a token is needed"));
        }
        let mut found = None;
        for (name, known) in &self.0 {
            // Every entry is looked at, and all of it.
            if is_same(known, token) {
                found = Some(name);
            }
        }
        match found {
            Some(name) => Ok(Identity::Named(Arc::clone(name))),
            None => Err(Refused::new("the token is not known")),
        }
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

/// Compares without an early end: the time depends on the length of `known` alone.
fn is_same(known: &[u8], offered: &[u8]) -> bool {
    let mut difference = u8::from(known.len() != offered.len());
    for (n, byte) in known.iter().enumerate() {
        let other = offered.get(n).copied().unwrap_or_default();
        difference |= std::hint::black_box(byte ^ other);
    }
    std::hint::black_box(difference) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_token_names_its_owner_and_the_nearest_others_do_not() {
        let tokens = tokens([("alice", "secret"), ("bob", "secret2")]);
        let ask = |token: &str| tokens.authenticate(token.as_bytes(), &PeerInfo::default());
        assert_eq!(ask("secret"), Ok(Identity::named("alice")));
        assert_eq!(ask("secret2"), Ok(Identity::named("bob")));
        for other in ["", "secre", "secret3", "secret22", "Secret", "secret\0"] {
            assert!(ask(other).is_err(), "{other:?}");
        }
        assert!(!format!("{tokens:?}").contains("secret"));
    }

    #[test]
    fn an_empty_token_of_the_list_lets_nobody_in() {
        let tokens = tokens([("nobody", "")]);
        assert!(tokens.authenticate(b"", &PeerInfo::default()).is_err());
    }
}
