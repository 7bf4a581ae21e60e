//! A handler that ended with a status has run, and its caller is not told otherwise.

use hton::{Code, Executed, Retry, Side, Status};

#[hton::service]
trait Ends {
    async fn end(&self, code: u8, retry: u8) -> Result<(), Status>;
}

struct MyEnds;

impl Ends for MyEnds {
    async fn end(&self, code: u8, retry: u8) -> Result<(), Status> {
        let status = Status::new(Code::from_number(code), "it has run");
        Err(status.with_retry(Retry::from_number(retry)))
    }
}

// Verifies: errors.executed, errors.unimplemented
#[tokio::test]
async fn only_a_handler_that_says_so_is_taken_for_one_that_has_not_run() {
    let (near, far) = hton::memory();
    let _far = hton::attach(far, Side::Acceptor).serve(EndsServer::new(MyEnds)).unwrap().start();
    let ends = EndsClient::new(hton::attach(near, Side::Dialer).start());
    for code in (1..=16).map(Code::from_number) {
        for retry in [Retry::Unknown, Retry::Never, Retry::Safe] {
            let error = ends.end(code.number(), retry.number()).await.unwrap_err();
            let expected = if retry == Retry::Safe { Executed::No } else { Executed::Maybe };
            assert_eq!((error.code(), error.executed()), (code, expected), "{code} {retry:?}");
        }
    }
}
