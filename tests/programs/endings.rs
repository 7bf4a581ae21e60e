//! How the programs end: with a failure that can be read, at Ctrl-C, and when nobody reads what they print.

use crate::program::{Program, interrupt, unread};

#[test]
fn a_failure_is_a_sentence_that_names_what_failed() {
    let nobody = {
        let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        gone.local_addr().unwrap().to_string()
    };
    let listen = |address: &str| format!("Error: cannot listen on {address}: ");
    let connect = format!("Error: cannot connect to {nobody}: ");
    let cases: &[(&str, &[&str], &str)] = &[
        ("chat-server", &["nonsense"], &listen("nonsense")),
        ("stress-server", &["nonsense"], &listen("nonsense")),
        ("stress-server", &["--accept", "blocking", "nonsense"], &listen("nonsense")),
        ("stress-client", &["nonsense"], "Error: cannot resolve nonsense: "),
        ("stress-client", &[&nobody], &connect),
        ("transfer", &["serve", "/no/such"], "Error: cannot serve /no/such: it is no folder"),
        ("transfer", &["get", &nobody, "x"], &connect),
        ("transfer", &["put", "nonsense", "x"], "Error: cannot resolve nonsense: "),
        ("modes", &["serve", "single", "--listen", "nonsense"], &listen("nonsense")),
        ("modes", &["serve", "poll", "--listen", "nonsense"], &listen("nonsense")),
        ("hostile", &["--target", &nobody], &format!("Error: no server to attack at {nobody}: ")),
        ("sequence", &["connect", &nobody], &connect),
        ("sequence", &["serve", "nonsense"], &listen("nonsense")),
        ("echo", &["serve", "nonsense"], &listen("nonsense")),
        ("packets", &["--listen", "nonsense"], &listen("nonsense")),
        ("own-protocol", &["--listen", "nonsense"], &listen("nonsense")),
        ("legacy-packet", &["--connect", &nobody], &connect),
        ("file-and-socket", &["--keep", "/no/such"], "Error: /no/such: "),
        ("chat", &[&nobody, "--patience", "0"], &format!("! no chat: cannot connect to {nobody}")),
    ];
    for (program, args, expected) in cases {
        let mut program = Program::start(program, *args);
        program.wait_for(expected);
        let (status, text) = program.end();
        assert!(!status.success(), "{text}");
        assert!(!text.contains('{'), "for programmers: {text}");
    }
}

#[test]
fn sizes_that_no_machine_has_are_refused() {
    for (program, args) in [
        ("stress-client", ["-b", "99999999999999"]),
        ("stress-client", ["-s", "nan"]),
        ("stress-client", ["-s=-1", "-l=1"]),
        ("transfer", ["--mib", "99999999999999999"]),
        ("transfer", ["--mib", "0"]),
    ] {
        let (status, text) = Program::start(program, args).end();
        assert!(!status.success() && text.contains("error: invalid value"), "{args:?}:\n{text}");
    }
}

#[test]
fn ctrl_c_is_heard_as_soon_as_a_server_says_that_it_listens() {
    let servers: [(&str, &[&str]); 6] = [
        ("echo", &["serve"]),
        ("chat-server", &[]),
        ("stress-server", &[]),
        ("stress-server", &["--accept", "blocking"]),
        ("modes", &["serve", "pool"]),
        ("transfer", &["serve", "."]),
    ];
    for (server, args) in servers {
        let mut server = Program::start(server, args);
        server.wait_for("listening on ");
        interrupt(&server);
        server.wait_for("stopped");
        server.succeed();
    }
}

/// As `| head -1` does it.
#[test]
fn whoever_closes_the_output_causes_no_panic() {
    let programs: [(&str, &[&str]); 14] = [
        ("sequence", &[]),
        ("echo", &[]),
        ("packets", &[]),
        ("file-and-socket", &[]),
        ("legacy-packet", &[]),
        ("own-protocol", &[]),
        ("calc", &[]),
        ("inproc", &["--over", "memory,tcp4", "--calls", "16"]),
        ("versions", &[]),
        ("sync-async", &["--calls", "10", "--nap", "10"]),
        ("transfer", &["--mib", "1"]),
        ("modes", &["--connections", "1", "--millis", "10"]),
        ("stress-client", &["-t", "2", "-l", "2"]),
        ("chat", &["--name", "ada"]),
    ];
    for (program, args) in programs {
        let (status, errors) = unread(program, args, false);
        assert!(status.success() && errors.is_empty(), "{program}: {status}\n{errors}");
    }
    for (server, args) in [
        ("echo", &["serve"][..]),
        ("chat-server", &[]),
        ("stress-server", &[]),
        ("transfer", &["serve", "."]),
    ] {
        let (status, errors) = unread(server, args, true);
        assert!(status.success() && errors.is_empty(), "{server}: {status}\n{errors}");
    }
}

#[test]
fn a_transfer_that_is_stopped_leaves_nothing_on_the_disk() {
    let mut transfer = Program::start("transfer", ["--mib", "32"]);
    transfer.wait_for("put: cut off");
    let scratch = std::env::temp_dir().join(format!("hton-transfer-{}", transfer.id()));
    assert!(scratch.is_dir());
    interrupt(&transfer);
    let (status, text) = transfer.end();
    assert!(!status.success() && text.contains("Error: stopped before its end"), "{text}");
    assert!(!scratch.exists());
}

/// Even if that one is killed, and can clean up nothing.
#[cfg(target_os = "linux")]
#[test]
fn the_server_of_hostile_ends_with_whoever_started_it() {
    let mut hostile = Program::start("hostile", [] as [&str; 0]);
    hostile.wait_for("kept ");
    let id = hostile.id();
    let mut children = String::new();
    for task in std::fs::read_dir(format!("/proc/{id}/task")).unwrap() {
        children += &std::fs::read_to_string(task.unwrap().path().join("children")).unwrap();
    }
    let child: u32 = children.trim().parse().expect("one child");
    drop(hostile);
    let until = std::time::Instant::now() + std::time::Duration::from_secs(60);
    // A name stays as long as nobody has taken note of the end; an open file does not.
    let lives = || std::fs::read_dir(format!("/proc/{child}/fd")).is_ok_and(|all| all.count() > 0);
    while lives() {
        assert!(std::time::Instant::now() < until, "{child} still serves");
        std::thread::yield_now();
    }
}
