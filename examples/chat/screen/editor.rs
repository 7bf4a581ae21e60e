//! The line that is being typed: edited, remembered, completed, and kept whole while others talk.
//!
//! Where rustyline prints above the line it waits for the terminal before each key: of several keys that
//! arrive together all but the first show with the next one. Typing and bracketed pasting do not meet that.

use super::paint::Paint;
use crate::commands::COMMANDS;
use rustyline::completion::Completer;
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::history::DefaultHistory;
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{Context, Editor, ExternalPrinter, Helper, Result};
use std::borrow::Cow;
use tokio::sync::mpsc;

pub(crate) struct LineEditor {
    editor: Editor<Help, DefaultHistory>,
    prompt: String,
}

/// The editor, and what prints above it. `None` where no line can be edited.
pub(crate) fn open(
    (plain, coloured): (String, String),
    paint: Paint,
) -> Option<(LineEditor, Box<dyn ExternalPrinter + Send>)> {
    let mut editor = Editor::new().ok()?;
    editor.set_helper(Some(Help { prompt: coloured, paint }));
    let printer = editor.create_external_printer().ok()?;
    Some((LineEditor { editor, prompt: plain }, Box::new(printer)))
}

impl LineEditor {
    /// Reads texts until Ctrl-C, Ctrl-D, or until nobody wants any more.
    pub(crate) fn run(mut self, typed: &mpsc::Sender<String>) {
        loop {
            let text = match self.editor.readline(&self.prompt) {
                Ok(text) => text.replace("\\\n", "\n"),
                // The window has another size.
                Err(ReadlineError::Signal(_)) => continue,
                Err(_) => return,
            };
            if text.trim().is_empty() {
                continue;
            }
            // A text that cannot be remembered can be sent.
            let _ = self.editor.add_history_entry(text.as_str());
            if typed.blocking_send(text).is_err() {
                return;
            }
        }
    }
}

/// Completes commands, colours the prompt, and lets a backslash go on in the next line.
struct Help {
    prompt: String,
    paint: Paint,
}

impl Helper for Help {}

impl Completer for Help {
    type Candidate = String;

    fn complete(&self, line: &str, pos: usize, _: &Context<'_>) -> Result<(usize, Vec<String>)> {
        let typed = line.get(..pos).unwrap_or(line);
        let fits = COMMANDS.iter().map(|(command, _)| *command);
        let fits = fits.filter(|command| typed.starts_with('/') && command.starts_with(typed));
        Ok((0, fits.map(|command| format!("{command} ")).collect()))
    }
}

impl Hinter for Help {
    type Hint = String;

    fn hint(&self, line: &str, pos: usize, _: &Context<'_>) -> Option<String> {
        if line.len() < 2 || pos < line.len() {
            return None;
        }
        let (command, what) = COMMANDS.iter().find(|(command, _)| command.starts_with(line))?;
        Some(format!("{}  {what}", command.get(line.len()..)?))
    }
}

impl Highlighter for Help {
    fn highlight_prompt<'b, 's: 'b, 'p: 'b>(&'s self, _: &'p str, default: bool) -> Cow<'b, str> {
        if default { Cow::Borrowed(&self.prompt) } else { Cow::Borrowed("search: ") }
    }

    fn highlight_hint<'h>(&self, hint: &'h str) -> Cow<'h, str> {
        Cow::Owned(self.paint.note(hint))
    }
}

impl Validator for Help {
    fn validate(&self, context: &mut ValidationContext<'_>) -> Result<ValidationResult> {
        Ok(match context.input().ends_with('\\') {
            true => ValidationResult::Incomplete,
            false => ValidationResult::Valid(None),
        })
    }
}
