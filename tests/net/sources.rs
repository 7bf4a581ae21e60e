//! What the text of the sources promises: the same program for every system, and no harm to a port.

use std::fs;
use std::path::{Path, PathBuf};

/// Every Rust file below a folder of the project, with its text. Lines that are comments are left out.
fn sources(folder: &str) -> Vec<(PathBuf, String)> {
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|it| it == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
                files.push((path, code.map(|line| format!("{line}\n")).collect()));
            }
        }
    }
    assert!(!files.is_empty(), "{folder}");
    files
}

/// Nothing that only one system has is seen by who imports hton, except where it is asked for by its name.
#[test]
fn the_core_and_the_front_name_no_system() {
    let special = ["std::os::", "cfg(unix)", "cfg(windows)", "target_os"];
    for folder in ["rpc-core/src", "src"] {
        for (path, code) in sources(folder) {
            let found = special.iter().find(|it| code.contains(**it));
            assert_eq!(found, None, "{}", path.display());
        }
    }
    // They are there where sockets are, so the search finds what it looks for.
    let sockets = sources("rpc-net/src");
    assert!(special[..2].iter().all(|it| sockets.iter().any(|(_, code)| code.contains(it))));
}

/// The places of bytes are never guessed from those in memory.
#[test]
fn the_archive_knows_one_byte_order_and_takes_it_from_the_standard_library() {
    let mut standard = 0;
    for (path, code) in sources("rpc-core/src") {
        let others = ["to_ne_bytes", "from_ne_bytes", "to_le_bytes", "from_le_bytes"];
        let casts =
            ["transmute", " as *const", " as *mut", "unsafe", "LittleEndian", "NativeEndian"];
        let found = others.iter().chain(&casts).find(|it| code.contains(**it));
        assert_eq!(found, None, "{}", path.display());
        standard += code.matches("to_be_bytes").count() + code.matches("from_be_bytes").count();
    }
    assert!(standard > 10, "{standard}");
}

/// A port in an address of the text, such as the 80 of `"127.0.0.1:80"`.
fn ports(code: &str) -> impl Iterator<Item = u16> {
    code.split('"').flat_map(|text| {
        let (host, port) = text.rsplit_once(':')?;
        let is_host = host.ends_with(']') || host.contains('.') || host.ends_with("localhost");
        port.parse().ok().filter(|_| is_host)
    })
}

#[test]
fn examples_leave_reserved_ports_alone() {
    let code = r#"bind("127.0.0.1:80"), bind("[::1]:443"), "a.example:4000", "time 10:25""#;
    assert_eq!(ports(code).collect::<Vec<_>>(), [80, 443, 4000]);
    let mut chosen = 0;
    for (path, code) in sources("examples") {
        for port in ports(&code) {
            assert!(port == 0 || port >= 1024, "port {port} in {}", path.display());
            chosen += usize::from(port == 0);
        }
    }
    assert!(chosen > 5, "{chosen}");
}
