//! What is shown, and what is typed: a terminal whose prompt stays whole, or plain lines.

mod editor;
mod paint;

use paint::{Paint, clean};
use rustyline::ExternalPrinter;
use std::io::{BufRead, IsTerminal, Write, stdin, stdout};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use tokio::sync::mpsc;

/// Where everything is shown. Its clones are the same screen.
#[derive(Clone)]
pub(crate) struct Screen {
    paint: Paint,
    out: Arc<Mutex<Out>>,
}

enum Out {
    Plain,
    /// Prints above the line that is being typed.
    Editor {
        printer: Box<dyn ExternalPrinter + Send>,
        settings: Option<String>,
    },
}

/// What is typed, a text at a time; it may have several lines.
pub(crate) type Typed = mpsc::Receiver<String>;

/// Opens the terminal, or plain input and output where there is none. `name` is the prompt.
pub(crate) fn open(name: &str) -> (Screen, Typed) {
    let paint = Paint::new();
    let (typed, lines) = mpsc::channel(16);
    let out = match editor::open(paint.prompt(name), paint) {
        Some((editor, printer)) if stdin().is_terminal() && stdout().is_terminal() => {
            let settings = stty(&["-g"]);
            thread::spawn(move || editor.run(&typed));
            Out::Editor { printer, settings }
        }
        _ => {
            thread::spawn(move || read_plainly(&typed));
            Out::Plain
        }
    };
    (Screen { paint, out: Arc::new(Mutex::new(out)) }, lines)
}

/// Reads lines to the end of the input. One that ends with a backslash goes on in the next.
fn read_plainly(typed: &mpsc::Sender<String>) {
    let mut text = String::new();
    for line in stdin().lock().split(b'\n').map_while(Result::ok) {
        // A byte that is no text is no reason to hear the rest no more.
        let line = String::from_utf8_lossy(&line);
        let line = line.strip_suffix('\r').unwrap_or(&line);
        if let Some(begun) = line.strip_suffix('\\') {
            text.push_str(begun);
            text.push('\n');
            continue;
        }
        text.push_str(line);
        if typed.blocking_send(std::mem::take(&mut text)).is_err() {
            return;
        }
    }
    // The line that was to come is none; what was before it is said all the same.
    if let Some(text) = text.strip_suffix('\n') {
        let _ = typed.blocking_send(text.to_owned());
    }
}

impl Screen {
    /// Something that somebody said.
    pub(crate) fn said(&self, name: &str, text: &str) {
        let (name, text) = (clean(name), clean(text).replace('\n', "\n  "));
        self.show(&format!("{}: {text}", self.paint.name(&name)));
    }

    /// Something that happened.
    pub(crate) fn note(&self, text: &str) {
        self.show(&self.paint.note(&format!("* {}", clean(text))));
    }

    /// Something that went wrong.
    pub(crate) fn warn(&self, text: &str) {
        self.show(&self.paint.warning(&format!("! {}", clean(text))));
    }

    /// Whether what is typed stands on the screen already.
    pub(crate) fn echoes(&self) -> bool {
        matches!(*self.out.lock().unwrap_or_else(PoisonError::into_inner), Out::Editor { .. })
    }

    fn show(&self, text: &str) {
        match &mut *self.out.lock().unwrap_or_else(PoisonError::into_inner) {
            // Whoever closed the output wants to see no more.
            Out::Plain => drop(writeln!(stdout(), "{text}")),
            Out::Editor { printer, .. } => drop(printer.print(format!("{text}\n"))),
        }
    }

    /// Gives the terminal back as it was: the editor may still wait for a line, which nobody types.
    pub(crate) fn close(&self) {
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        if let Out::Editor { settings, .. } = std::mem::replace(&mut *out, Out::Plain) {
            // What was given to the editor last is shown by then; it cannot be asked.
            thread::sleep(std::time::Duration::from_millis(50));
            if let Some(settings) = settings {
                stty(&[settings.trim()]);
            }
            // No pasting in brackets any more, and no prompt.
            print!("\x1b[?2004l\r\x1b[J");
            drop(stdout().flush());
        }
    }
}

/// Asks or tells how the terminal is set.
fn stty(args: &[&str]) -> Option<String> {
    let output = Command::new("stty").args(args).stdin(Stdio::inherit()).output().ok()?;
    String::from_utf8(output.stdout).ok().filter(|_| output.status.success())
}
