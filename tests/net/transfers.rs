//! What is moved through a stream arrives as it was sent, in little memory.

use hton::{Bytes, Rx, Status, Stream, stream, testing};
use sha2::{Digest, Sha256};

const CHUNK_BYTES: usize = 64_000;

#[hton::service]
trait Vault {
    /// Tells the hash of what came, and how many bytes they were.
    async fn store(&self, chunks: Rx<Bytes>) -> Result<(u64, [u8; 32]), Status>;
    fn fetch(&self, chunks: u64) -> impl Stream<Item = Bytes>;
}

struct MyVault;

impl Vault for MyVault {
    async fn store(&self, mut chunks: Rx<Bytes>) -> Result<(u64, [u8; 32]), Status> {
        let (mut hash, mut bytes) = (Sha256::new(), 0);
        while let Some(chunk) = chunks.recv().await? {
            hash.update(&chunk);
            bytes += chunk.len() as u64;
        }
        Ok((bytes, hash.finalize().into()))
    }

    fn fetch(&self, chunks: u64) -> impl Stream<Item = Bytes> {
        stream::iter((0..chunks).map(chunk))
    }
}

/// No two are alike.
fn chunk(number: u64) -> Bytes {
    let seed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let words = (0..CHUNK_BYTES as u64 / 8).map(|n| seed.wrapping_mul(2 * n + 1).to_be_bytes());
    words.flatten().collect::<Vec<_>>().into()
}

/// 4 MiB each way; `HTON_TRANSFER_MIB=2048` makes it 2 GiB.
#[test]
fn what_is_moved_arrives_as_it_was_sent_in_little_memory() {
    const MEMORY_BYTES: usize = 32 << 20;
    let mib = std::env::var("HTON_TRANSFER_MIB").ok().and_then(|mib| mib.parse().ok());
    let chunks = (mib.unwrap_or(4_u64) << 20) / CHUNK_BYTES as u64;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let transfer = || {
        runtime.block_on(async {
            let vault = VaultClient::new(testing::client(VaultServer::new(MyVault)));
            let mut expected = Sha256::new();
            (0..chunks).for_each(|n| expected.update(chunk(n)));
            let expected: [u8; 32] = expected.finalize().into();
            let (bytes, stored) = vault.store(stream::iter((0..chunks).map(chunk))).await.unwrap();
            assert_eq!((bytes, stored), (chunks * CHUNK_BYTES as u64, expected));
            let (mut down, mut fetched) = (vault.fetch(chunks), Sha256::new());
            while let Some(chunk) = down.recv().await.unwrap() {
                fetched.update(&chunk);
            }
            assert_eq!(<[u8; 32]>::from(fetched.finalize()), expected);
        });
    };
    let peak = alloc_counter::measure(transfer).1.peak_bytes;
    assert!(peak < MEMORY_BYTES, "{peak} bytes were held at once");
}
