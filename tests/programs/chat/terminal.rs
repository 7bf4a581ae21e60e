//! `chat-server` and `chat` as processes, with pipes in place of a terminal.

use crate::program::{Program, assert_helps, interrupt, shown, signal, without_numbers};
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

fn server(args: &[&str]) -> (Program, String) {
    let mut server = Program::start("chat-server", args);
    let address = server.word_after("listening on ");
    (server, address)
}

fn guest(address: &str, name: &str) -> Program {
    let mut guest = Program::start("chat", [address, "--name", name]);
    guest.wait_for("* you are in lobby");
    guest
}

fn said(text: &str) -> Vec<&str> {
    text.lines().filter(|line| !line.starts_with(['*', '!'])).collect()
}

#[test]
fn the_programs_help() {
    assert_helps("chat", &["--mesh", "--known", "--name", "--room", "--patience", "--listen"]);
    assert_helps("chat-server", &["--history", "--backlog", "--for", "--until-eof", "--quiet"]);
}

/// The story of the page, told again.
#[test]
fn two_guests_chat_as_shown() {
    let (mut server, address) = server(&["--until-eof"]);
    let mut ada = guest(&address, "ada");
    ada.say("is anybody here?");
    ada.wait_for("ada: is anybody here?");
    let mut ben = guest(&address, "ben");
    ada.wait_for("* ben is here");
    ben.say("two lines,\\");
    ben.say("one text");
    // An answer may come before what was said comes back.
    ben.wait_for("  one text");
    ["/who", "/rooms", "/stats"].iter().for_each(|line| ben.say(line));
    ben.wait_for("* connections 2");
    ada.wait_for("  one text");
    ben.say("/quit");
    let ben = ben.succeed();
    ada.wait_for("* ben has left");
    server.wait_for("closed connection 2");
    server.hush();
    let ada = ada.succeed_after("* the server says goodbye");
    let server = server.succeed();
    let plain = |text: &str| text.lines().map(without_numbers).collect::<Vec<_>>();
    let page = |example: &str, n: usize| {
        let lines = shown(example).swap_remove(n).1;
        lines.iter().map(|line| without_numbers(line)).collect::<Vec<_>>()
    };
    assert_eq!(plain(&ada), page("chat", 0), "{ada}");
    assert_eq!(plain(&ben), page("chat", 1), "{ben}");
    // Which side closes the last connection, and how fast, differs from run to run.
    let until_goodbye = |lines: Vec<String>| {
        let end = lines.iter().position(|line| line == "saying goodbye").unwrap();
        lines.into_iter().take(end).collect::<Vec<_>>()
    };
    assert_eq!(until_goodbye(plain(&server)), until_goodbye(page("chat-server", 0)), "{server}");
    let counts = "connections 0 of 2, people 0, rooms 1, lines 2, delivered 10, too slow 0";
    assert!(server.contains(counts) && server.contains("(0 cut)"), "{server}");
    assert!(shown("chat-server")[0].1.iter().any(|line| line == counts));
}

impl Program {
    /// Waits for its last words, and then for its own good end.
    fn succeed_after(mut self, piece: &str) -> String {
        self.wait_for(piece);
        self.succeed()
    }
}

#[test]
fn without_an_address_a_server_is_opened() {
    let mut ada = Program::start("chat", ["--name", "ada"]);
    let address = ada.word_after("listening on ");
    ada.wait_for("* you are in lobby");
    let mut ben = guest(&address, "ben");
    ben.say("found you");
    ada.wait_for("ben: found you");
    ada.say("/quit");
    ada.succeed();
    assert!(ben.succeed_after("* the server says goodbye").contains("* ada has left"));
}

#[test]
fn ctrl_c_at_the_server_is_a_goodbye_to_everybody() {
    let (server, address) = server(&["--quiet"]);
    let guests = ["ada", "ben", "cy"].map(|name| guest(&address, name));
    interrupt(&server);
    for guest in guests {
        guest.succeed_after("* the server says goodbye");
    }
    // Whoever has heard the goodbye may be gone before the server counts whom it has to close.
    let text = server.succeed();
    assert!(text.contains("connections 0 of 3, ") && text.contains("(0 cut)"), "{text}");
    // Nobody is there any more, and nobody is waited for.
    let (status, text) = Program::start("chat", [&address, "--patience", "0"]).end();
    assert!(!status.success() && text.contains("! no chat: "), "{text}");
}

#[test]
fn time_ends_a_server_too() {
    let (server, _) = server(&["--for", "0"]);
    assert!(server.succeed().contains("saying goodbye"));
}

#[test]
fn a_server_that_is_late_or_killed_is_waited_for() {
    // A port that nobody listens on for now.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let address = port.to_string();
    let mut ada = Program::start("chat", [&address, "--name", "ada"]);
    ada.wait_for("* looking for the server");
    let (mut first, _) = server(&[&address, "--quiet"]);
    ada.say("to the first");
    ada.wait_for("ada: to the first");
    signal("-KILL", first.id());
    ada.wait_for("! the connection is lost");
    ada.say("to the second");
    first = server(&[&address]).0;
    ada.wait_for("* back; the server is a new one");
    ada.wait_for("ada: to the second");
    let text = ada.succeed();
    assert_eq!(said(&text), ["ada: to the first", "ada: to the second"], "each once");
    first.wait_for("closed connection 1");
}

#[test]
fn a_name_that_is_taken_ends_the_second() {
    let (_server, address) = server(&[]);
    let _ada = guest(&address, "ada");
    let (status, text) = Program::start("chat", [&address, "--name", "ada"]).end();
    assert!(!status.success());
    assert_eq!(text, "! no place in lobby: somebody else here has that name");
    guest(&address, "ben").succeed();
}

#[test]
fn rooms_are_changed_and_commands_are_no_texts() {
    let (_server, address) = server(&[]);
    let mut ada = guest(&address, "ada");
    let mut ben = Program::start("chat", [&address, "--name", "ben", "--room", "attic"]);
    ben.wait_for("* you are in attic");
    for line in ["/join attic", "//join is a command", "/jump", "/help"] {
        ada.say(line);
    }
    let ada = ada.succeed();
    assert_eq!(said(&ada), ["ada: /join is a command"]);
    assert!(ada.contains("* ada has left\n* ben is here\n* you are in attic"), "{ada}");
    assert!(
        ada.contains("! /jump is no command") && ada.contains("* /who    who is here"),
        "{ada}"
    );
    ben.wait_for("ada: /join is a command");
    ben.wait_for("* ada has left");
}

/// What a stranger says moves nobody's cursor.
#[test]
fn a_text_cannot_play_with_the_terminal() {
    let (_server, address) = server(&[]);
    let mut ada = guest(&address, "ada");
    ada.say("\x1b[2Jgone\tor\u{202e}not");
    assert_eq!(said(&ada.succeed()), ["ada: \u{fffd}[2Jgone or\u{fffd}not"]);
}

#[test]
fn lines_that_are_unfinished_or_no_text_do_not_end_the_chat() {
    let (_server, address) = server(&[]);
    let mut ada = guest(&address, "ada");
    ada.say(b"a byte \xff that is no text");
    ada.say("and windows\r");
    ada.say("unfinished\\");
    assert_eq!(
        said(&ada.succeed()),
        ["ada: a byte \u{fffd} that is no text", "ada: and windows", "ada: unfinished"]
    );
}

/// A way to the server that can be cut, and that goes on when it is asked to.
struct Way {
    address: String,
    open: Arc<Mutex<Vec<TcpStream>>>,
    is_cut: Arc<AtomicBool>,
}

impl Way {
    fn to(server: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (open, is_cut) =
            (Arc::<Mutex<Vec<TcpStream>>>::default(), Arc::new(AtomicBool::new(false)));
        let (streams, cut, server) = (Arc::clone(&open), Arc::clone(&is_cut), server.to_owned());
        thread::spawn(move || {
            for near in listener.incoming().map_while(Result::ok) {
                let Ok(far) = TcpStream::connect(&server) else { return };
                if cut.load(Ordering::SeqCst) {
                    continue; // And both are closed.
                }
                for (mut from, mut to) in
                    [(near.try_clone().unwrap(), far.try_clone().unwrap()), (far, near)]
                {
                    streams.lock().unwrap().push(from.try_clone().unwrap());
                    thread::spawn(move || {
                        let mut buffer = [0; 4096];
                        while let Ok(n @ 1..) = from.read(&mut buffer) {
                            if to.write_all(&buffer[..n]).is_err() {
                                break;
                            }
                        }
                        let _ = to.shutdown(Shutdown::Write);
                    });
                }
            }
        });
        Self { address, open, is_cut }
    }

    fn cut(&self) {
        self.is_cut.store(true, Ordering::SeqCst);
        for stream in self.open.lock().unwrap().drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    fn mend(&self) {
        self.is_cut.store(false, Ordering::SeqCst);
    }
}

#[test]
fn a_guest_whose_connection_is_cut_catches_up_without_a_duplicate() {
    let (_server, address) = server(&[]);
    let way = Way::to(&address);
    let mut ada = guest(&way.address, "ada");
    let mut ben = guest(&address, "ben");
    ben.say("before");
    ada.wait_for("ben: before");
    way.cut();
    ada.wait_for("! the connection is lost");
    ben.wait_for("* ada is gone");
    for n in 0..20 {
        ben.say(format!("meanwhile {n}"));
    }
    ben.wait_for("ben: meanwhile 19");
    ada.say("held back");
    way.mend();
    // That ada went, twenty lines, and that ada came.
    assert_eq!(ada.word_after("* back; events while you were away: "), "22");
    ben.wait_for("ada: held back");
    ben.succeed();
    ada.wait_for("* ben has left");
    let text = ada.succeed();
    let mut expected = vec!["ben: before".to_owned()];
    expected.extend((0..20).map(|n| format!("ben: meanwhile {n}")));
    expected.push("ada: held back".to_owned());
    assert_eq!(said(&text), expected, "{text}");
}
