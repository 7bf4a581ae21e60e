//! How the programs here end well: a closed output is no panic, and a failure is told in a sentence.
//!
//! ```text
//! #[macro_use]
//! #[path = "../shared/ending.rs"]
//! mod ending;
//! ```

use std::fmt;

/// As the `println!` of the standard library, but whoever closed the output (`| head -1`) wants to see no more:
/// the program goes on to its end, and cleans up behind itself.
macro_rules! println {
    ($($what:tt)*) => {{
        use std::io::Write as _;
        let _ = writeln!(std::io::stdout(), $($what)*);
    }};
}

/// Why a program fails. What `main` returns is printed for programmers; this is printed as its user should
/// read it.
pub(crate) struct Failure(String);

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<E: fmt::Display> From<E> for Failure {
    fn from(error: E) -> Self {
        Self(error.to_string())
    }
}
