//! A Unix socket: only this user may connect, and the kernel says who is at the other end, which no
//! caller can forge.
//!
//! ```text
//! cargo run --example unix
//! ```

#[cfg(unix)]
#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    unix::run().await
}

#[cfg(not(unix))]
fn main() {
    println!("this system has no Unix sockets");
}

#[cfg(unix)]
mod unix {
    use hton::{Address, Context, Identity, Server, Status};
    use std::error::Error;
    use std::os::unix::fs::{MetadataExt, PermissionsExt};

    #[hton::service]
    trait Safe {
        /// Opens for its owner, whoever says what.
        async fn open(&self, cx: &Context) -> Result<String, Status>;
    }

    struct OwnedBy {
        uid: u32,
    }

    impl Safe for OwnedBy {
        async fn open(&self, cx: &Context) -> Result<String, Status> {
            match cx.identity() {
                Identity::Unix { uid, pid, .. } if *uid == self.uid => {
                    let is_this = *pid == Some(std::process::id());
                    Ok(format!("open to its owner, from this process: {is_this}"))
                }
                other => Err(Status::permission_denied(format!("not for {other}"))),
            }
        }
    }

    pub(crate) async fn run() -> Result<(), Box<dyn Error>> {
        let path = std::env::temp_dir().join(format!("hton-example-{}.sock", std::process::id()));
        let bound = Server::bind(Address::unix(&path)).await?; // Or "unix:/run/safe.sock".
        let file = std::fs::metadata(&path)?;
        println!("the mode of the socket: {:o}", file.permissions().mode() & 0o777);
        let server = bound.serve(SafeServer::new(OwnedBy { uid: file.uid() }))?;

        let safe = SafeClient::connect(server.local_addr()).await?;
        println!("over the socket: {}", safe.open().await?);
        let is_owner =
            matches!(safe.peer().identity(), Identity::Unix { uid, .. } if uid == file.uid());
        println!("the client knows whose server it is: {is_owner}");

        // Over TCP the kernel knows nobody.
        let uid = file.uid();
        let tcp = Server::bind("127.0.0.1:0").await?.serve(SafeServer::new(OwnedBy { uid }))?;
        let safe = SafeClient::connect(tcp.local_addr()).await?;
        match safe.open().await {
            Err(error) => println!("over TCP: {}", Status::from(error).code()),
            Ok(opened) => println!("over TCP: {opened}"),
        }

        let closed = server.drain().await.connections;
        println!("connections closed: {closed}, file left: {}", path.exists());
        Ok(())
    }
}
