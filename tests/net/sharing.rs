//! Objects that the arguments and the result of a call share.

use hton::archive::SharedArc;

#[hton::service]
trait Handles {
    /// Whether both arguments are handles of one object; the answer holds the first twice.
    async fn same(
        &self,
        a: SharedArc<u8>,
        b: SharedArc<u8>,
    ) -> (bool, SharedArc<u8>, SharedArc<u8>);
}

struct Here;

impl Handles for Here {
    async fn same(
        &self,
        a: SharedArc<u8>,
        b: SharedArc<u8>,
    ) -> (bool, SharedArc<u8>, SharedArc<u8>) {
        (a.is(&b), a.clone(), a)
    }
}

#[tokio::test]
async fn handles_of_one_object_are_handles_of_one_object_at_the_other_end() {
    let handles = HandlesClient::new(hton::testing::client(HandlesServer::new(Here)));
    let (one, other) = (SharedArc::new(7), SharedArc::new(7));
    let (same, a, b) = handles.same(one.clone(), one.clone()).await.unwrap();
    assert!(same && a.is(&b) && a == one && !a.is(&one));
    let (same, ..) = handles.same(one, other).await.unwrap();
    assert!(!same);
}
