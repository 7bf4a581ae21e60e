//! Connections that have not said HELLO yet: how many they are, and who has been silent longest.

use super::Link;
use rpc_core::CloseCode;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::Waker;

/// The connections of one server that have not said HELLO.
#[derive(Default)]
pub(crate) struct Crowd {
    size: AtomicUsize,
    silent: Mutex<Silent>,
}

#[derive(Default)]
struct Silent {
    /// By their numbers, and so by age.
    links: BTreeMap<u64, Weak<Link>>,
    next: u64,
}

/// One of the crowd, until it is dropped.
pub(crate) struct Opening {
    crowd: Arc<Crowd>,
    number: u64,
}

impl Crowd {
    fn silent(&self) -> MutexGuard<'_, Silent> {
        self.silent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many they are.
    pub(crate) fn size(&self) -> usize {
        self.size.load(Ordering::Relaxed)
    }

    /// One more.
    pub(crate) fn enter(self: &Arc<Self>) -> Opening {
        self.size.fetch_add(1, Ordering::Relaxed);
        let mut silent = self.silent();
        let number = silent.next;
        silent.next += 1;
        Opening { crowd: Arc::clone(self), number }
    }

    /// Remembers whose the number is, so that it may be sent away.
    pub(crate) fn know(&self, number: u64, link: &Arc<Link>) {
        self.silent().links.insert(number, Arc::downgrade(link));
    }

    /// Sends away the one that has been silent longest. `false` = nobody is known.
    pub(crate) fn make_room(&self) -> bool {
        // The lock is released before the link is looked at: it leaves the crowd under its own lock.
        let oldest = self.silent().links.pop_first();
        let Some((_, link)) = oldest else { return false };
        if let Some(link) = link.upgrade() {
            link.send_away();
        }
        true
    }
}

impl Link {
    /// Ends the connection, unless HELLO has come meanwhile, and takes it out of the crowd.
    fn send_away(&self) {
        let mut state = self.lock();
        let Some(opening) = state.opening.take() else { return };
        let wakers = state.close(CloseCode::LIMIT, "HELLO has not come, and its place was needed");
        drop(state);
        drop(opening);
        wakers.into_iter().for_each(Waker::wake);
    }
}

impl Opening {
    pub(crate) const fn number(&self) -> u64 {
        self.number
    }
}

impl Drop for Opening {
    fn drop(&mut self) {
        self.crowd.size.fetch_sub(1, Ordering::Relaxed);
        self.crowd.silent().links.remove(&self.number);
    }
}

impl fmt::Debug for Opening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opening").field("number", &self.number).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::super::Manners;
    use super::*;
    use rpc_core::{Limits, Side};

    fn comes(crowd: &Arc<Crowd>) -> Arc<Link> {
        let opening = crowd.enter();
        let number = opening.number();
        let manners = Manners { opening: Some(opening), ..Manners::default() };
        let link = Link::new(Side::Acceptor, Limits::default(), Arc::default(), manners);
        let link = Arc::new(link);
        crowd.know(number, &link);
        link
    }

    #[test]
    fn the_oldest_makes_room_and_its_place_is_free_at_once() {
        let crowd = Arc::default();
        let [first, second] = [comes(&crowd), comes(&crowd)];
        assert!(crowd.make_room());
        assert_eq!((crowd.size(), first.parting()), (1, Some(CloseCode::LIMIT)));
        assert_eq!(second.parting(), None);
        assert!(crowd.make_room());
        assert!(!crowd.make_room(), "nobody is left");
        assert_eq!(crowd.size(), 0);
    }

    #[test]
    fn whoever_says_hello_while_it_is_chosen_stays() {
        let crowd = Arc::default();
        let link = comes(&crowd);
        // HELLO comes between the choice and the word.
        let opening = link.lock().opening.take();
        assert!(crowd.make_room());
        drop(opening);
        assert_eq!((crowd.size(), link.parting()), (0, None));
    }
}
