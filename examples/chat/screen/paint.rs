//! Colours, where they are wanted, and text of strangers that cannot play with the terminal.

use std::io::{IsTerminal, stdout};

/// Colours of names that can be read on a dark ground and on a light one.
const NAMES: [u8; 12] = [33, 166, 70, 169, 136, 99, 161, 37, 64, 173, 133, 31];

/// How things are coloured, if they are.
#[derive(Clone, Copy)]
pub(crate) struct Paint {
    colours: bool,
}

impl Paint {
    /// Colours in a terminal, unless `NO_COLOR` is set or it is a dumb one.
    pub(crate) fn new() -> Self {
        let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|value| value == "dumb");
        Self { colours: stdout().is_terminal() && !refused && !dumb }
    }

    fn with(self, code: &str, text: &str) -> String {
        if self.colours { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    /// A name in its own colour, the same for everybody.
    pub(crate) fn name(self, name: &str) -> String {
        let hash = name
            .bytes()
            .fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
        let colour = NAMES.get(hash as usize % NAMES.len()).copied().unwrap_or_default();
        self.with(&format!("1;38;5;{colour}"), name)
    }

    /// The prompt: what is typed behind it looks like what the others will see. Plain, and coloured.
    pub(crate) fn prompt(self, name: &str) -> (String, String) {
        (format!("{name}: "), format!("{}: ", self.name(name)))
    }

    pub(crate) fn note(self, text: &str) -> String {
        self.with("2", text)
    }

    pub(crate) fn warning(self, text: &str) -> String {
        self.with("1;33", text)
    }
}

/// The text without what would move the cursor, colour the screen or turn the writing around.
pub(crate) fn clean(text: &str) -> String {
    let acts = |c: char| {
        (c.is_control() && c != '\n')
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.chars()
        .map(|c| match c {
            '\t' => ' ',
            c if acts(c) => '\u{fffd}',
            c => c,
        })
        .collect()
}
