//! What a call of raw-tokio costs the kernel, counted with strace.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Sends and receives, and the bytes that went out.
struct Count {
    sends: f64,
    receives: f64,
    sent: f64,
}

/// Bytes of a small call on the wire: header and text.
const CALL: f64 = 48.0;

fn traced(log: &Path) -> Command {
    let mut command = Command::new("strace");
    command.args(["-f", "-q", "-e", "trace=recvfrom,recvmsg,readv,sendto,sendmsg,writev"]);
    command.arg("-o").arg(log).arg(env!("CARGO_BIN_EXE_peers-ruler"));
    command
}

/// Reads lines as `12 sendto(9, "..", 48, MSG_NOSIGNAL, NULL, 0) = 48`.
fn count(log: &Path) -> Count {
    let mut count = Count { sends: 0.0, receives: 0.0, sent: 0.0 };
    for line in std::fs::read_to_string(log).unwrap().lines() {
        let name = line.split_whitespace().nth(1).and_then(|call| call.split('(').next());
        match name {
            Some("sendto" | "sendmsg" | "writev") => {
                let bytes = line.rsplit(" = ").next().and_then(|text| text.parse::<f64>().ok());
                count.sends += 1.0;
                count.sent += bytes.unwrap_or_default();
            }
            Some("recvfrom" | "recvmsg" | "readv") => count.receives += 1.0,
            _ => {}
        }
    }
    count
}

/// Runs a workload for half a second, both ends under strace.
fn run(workload: &str) -> [Count; 2] {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let [server_log, client_log] =
        ["server", "client"].map(|side| folder.join(format!("{workload}-{side}.strace")));
    let mut server = traced(&server_log)
        .args(["serve", "raw-tokio", "single"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("strace is needed");
    let mut addr = String::new();
    BufReader::new(server.stdout.take().unwrap()).read_line(&mut addr).unwrap();
    let pid = server.id().to_string();
    let args = ["ask", "raw-tokio", "single", workload, "0.5", addr.trim(), &pid];
    let client = traced(&client_log).args(args).output().unwrap();
    let said = String::from_utf8_lossy(&client.stdout);
    assert!(said.contains(r#""errors":{}"#), "{said}{}", String::from_utf8_lossy(&client.stderr));
    // Its input ends, and so does it.
    drop(server.stdin.take());
    server.wait().unwrap();
    [count(&server_log), count(&client_log)]
}

#[test]
fn a_hundred_calls_of_w2_share_one_send_and_one_receive() {
    for Count { sends, receives, sent } in run("W2") {
        let calls = sent / CALL;
        assert!(calls > 1000.0, "only {calls} calls");
        assert!(sends / calls <= 0.01, "{} sends for a call", sends / calls);
        assert!(receives / calls <= 0.01, "{} receives for a call", receives / calls);
    }
}

#[test]
fn a_call_of_w1_is_one_send_and_one_receive() {
    for Count { sends, receives, sent } in run("W1") {
        let calls = sent / CALL;
        assert!(calls > 100.0, "only {calls} calls");
        assert!(sends / calls <= 1.01, "{} sends for a call", sends / calls);
        assert!(receives / calls <= 1.01, "{} receives for a call", receives / calls);
    }
}
