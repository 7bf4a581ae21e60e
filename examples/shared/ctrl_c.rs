//! A server's line that it listens, and the Ctrl-C that ends it.

use std::future::pending;

/// Prints where a server listens, and is ready at Ctrl-C. That is heard before the line can be read: a script
/// may answer it at once.
pub(crate) async fn after(line: String) {
    let waiting = async {
        println!("{line}");
        pending().await
    };
    tokio::select! {
        biased;
        heard = tokio::signal::ctrl_c() => if heard.is_err() {
            // Nobody can ask this program to stop: it goes on until it is killed.
            pending().await
        },
        () = waiting => {}
    }
}
