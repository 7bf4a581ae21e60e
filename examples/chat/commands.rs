//! What can be typed beside what is said.

/// The commands, and what they do.
pub(crate) const COMMANDS: [(&str, &str); 6] = [
    ("/help", "what can be typed"),
    ("/join", "ROOM: go to another room"),
    ("/rooms", "all rooms"),
    ("/stats", "what was done so far"),
    ("/who", "who is here"),
    ("/quit", "leave; so does Ctrl-D"),
];

/// What somebody has typed.
pub(crate) enum Typing {
    Text(String),
    Join(String),
    Help,
    Rooms,
    Stats,
    Who,
    Quit,
    /// Something with a slash that is no command.
    Unknown(String),
}

impl Typing {
    /// A text that begins with two slashes is said with one.
    pub(crate) fn parse(text: String) -> Self {
        if !text.starts_with('/') {
            return Self::Text(text);
        }
        if let Some(text) = text.strip_prefix('/').filter(|text| text.starts_with('/')) {
            return Self::Text(text.to_owned());
        }
        let mut words = text.split_whitespace();
        match (words.next().unwrap_or_default(), words.next(), words.next()) {
            ("/join", Some(room), None) => Self::Join(room.to_owned()),
            ("/help", None, _) => Self::Help,
            ("/rooms", None, _) => Self::Rooms,
            ("/stats", None, _) => Self::Stats,
            ("/who", None, _) => Self::Who,
            ("/quit", None, _) => Self::Quit,
            _ => Self::Unknown(text),
        }
    }
}

/// What `/help` says, a line at a time.
pub(crate) fn help() -> impl Iterator<Item = String> {
    let commands = COMMANDS.iter().map(|(command, what)| format!("{command:<8}{what}"));
    let more = ["a line that ends with \\ goes on in the next; // at its begin says /".to_owned()];
    commands.chain(more)
}
