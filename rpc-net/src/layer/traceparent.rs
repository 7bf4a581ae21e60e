//! Which trace a call belongs to: the `traceparent` of W3C's Trace Context.

use std::cell::Cell;
use std::fmt;

/// A place in a trace: which trace, and which span of it. It travels in the metadata entry `traceparent`,
/// as W3C's Trace Context says, so that the spans of several programs make one tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TraceParent {
    trace: u128,
    span: u64,
    sampled: bool,
}

thread_local! {
    static CURRENT: Cell<Option<TraceParent>> = const { Cell::new(None) };
}

impl TraceParent {
    /// The key of the metadata entry.
    pub(super) const KEY: &str = "traceparent";

    /// The span of the handler, or of the call, that is being polled on this thread within a
    /// [`Trace`](super::Trace) layer. A task that a handler spawns has none.
    #[must_use]
    pub fn current() -> Option<Self> {
        CURRENT.get()
    }

    /// A new trace.
    pub(super) fn new(sampled: bool) -> Self {
        // Neither id may be 0.
        Self { trace: fastrand::u128(1..), span: fastrand::u64(1..), sampled }
    }

    /// A new span of the same trace.
    pub(super) fn child(self) -> Self {
        Self { span: fastrand::u64(1..), ..self }
    }

    /// The number of the trace, as 32 hexadecimal digits.
    #[must_use]
    pub fn trace_id(&self) -> String {
        format!("{:032x}", self.trace)
    }

    /// Reads the text of an entry; `None` if it is not as W3C says. Later versions may have more fields.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut fields = text.split('-');
        let version = hex(fields.next()?, 2)?;
        let trace = hex(fields.next()?, 32).filter(|trace| *trace != 0)?;
        let span = hex(fields.next()?, 16).and_then(|span| u64::try_from(span).ok())?;
        let flags = hex(fields.next()?, 2)?;
        let is_known = version != 0xFF && (version != 0 || fields.next().is_none());
        (is_known && span != 0).then_some(Self { trace, span, sampled: flags & 1 == 1 })
    }

    /// Polls within this span.
    pub(super) fn enter<T>(self, poll: impl FnOnce() -> T) -> T {
        let _outer = Outer(CURRENT.replace(Some(self)));
        poll()
    }
}

/// Puts the span around back, also after a panic.
struct Outer(Option<TraceParent>);

impl Drop for Outer {
    fn drop(&mut self) {
        CURRENT.set(self.0);
    }
}

/// So many lower-case hexadecimal digits, no more and no less.
fn hex(text: &str, digits: usize) -> Option<u128> {
    let is_hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    let is_whole = text.len() == digits && text.bytes().all(is_hex);
    is_whole.then(|| u128::from_str_radix(text, 16).ok()).flatten()
}

/// As it travels.
impl fmt::Display for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{:032x}-{:016x}-{:02x}", self.trace, self.span, u8::from(self.sampled))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn what_w3c_says_is_read_and_written_as_it_was() {
        assert_eq!(TraceParent::parse(GOOD).unwrap().to_string(), GOOD);
        let new = TraceParent::new(false);
        assert_eq!(TraceParent::parse(&new.to_string()), Some(new));
        assert_eq!(new.child().trace_id(), new.trace_id());
        assert_ne!(new.child(), new);
        let later = GOOD.replacen("00", "cc", 1) + "-more";
        assert!(TraceParent::parse(&later).is_some_and(|parent| parent.sampled));
    }

    #[test]
    fn the_nearest_others_are_refused() {
        let zeros = "00-00000000000000000000000000000000-00f067aa0ba902b7-01";
        let no_span = "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01";
        let version = GOOD.replacen("00", "ff", 1);
        let (long, short) = (format!("{GOOD}-x"), GOOD.replace("-01", "-1"));
        let (upper, empty) = (GOOD.to_uppercase(), String::new());
        for text in [zeros, no_span, &version, &long, &short, &upper, &empty, "00-+1-1-01"] {
            assert_eq!(TraceParent::parse(text), None, "{text}");
        }
    }
}
