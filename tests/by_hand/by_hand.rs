//! What the macro writes of the trait beside it, by hand: each item without the absolute paths. The
//! signatures are left out: a hand that writes none is not checked.

use crate::{Bytes, MathError, Rx, Status, Stream};
use hton::__private::{
    Address, Call, Error, Method, MethodId, Peer, Reply, Request, Service, Slot, Streaming,
    connect, slot,
};
use std::sync::Arc;

pub(super) trait Calc: Send + Sync + 'static {
    fn add(&self, a: i64, b: i64) -> impl Future<Output = i64> + Send;
    fn divide(&self, a: i64, b: i64) -> impl Future<Output = Result<i64, MathError>> + Send;
    fn shout(&self, text: &str) -> impl Future<Output = String> + Send;
    fn reverse(&self, bytes: Bytes) -> impl Future<Output = Vec<u8>> + Send;
    fn context(&self, cx: &hton::Context, number: u8) -> impl Future<Output = (String, u8)> + Send;
    fn nothing(&self) -> impl Future<Output = ()> + Send;
    fn scale(
        &self,
        numbers: Rx<i64>,
        factor: i64,
    ) -> impl Stream<Item = Result<i64, MathError>> + Send;
    fn turn(
        &self,
        chunks: Rx<Vec<u8>>,
    ) -> impl Future<Output = Result<impl Stream<Item = Bytes> + Send, Status>> + Send;
    fn keep(&self, number: i64) -> impl Future<Output = ()> + Send;
}

// The first four bytes of `printf %s Calc/add | sha256sum`, and so on.
static ADD: Method = Method::new("Calc/add", MethodId::new(0x3966_24e8));
static DIVIDE: Method = Method::new("Calc/divide", MethodId::new(0x855a_0781));
static SHOUT: Method = Method::new("Calc/shout", MethodId::new(0x13f1_a5a7));
static REVERSE: Method = Method::new("Calc/reverse", MethodId::new(0xded7_6651));
static CONTEXT: Method = Method::new("Calc/context", MethodId::new(0x1b4d_d1de)).spawned();
static NOTHING: Method = Method::new("Calc/nothing", MethodId::new(0x8bff_6b57));
static SCALE: Method = Method::new("Calc/scale", MethodId::new(0x8393_23c2)).items_in().items_out();
static TURN: Method = Method::new("Calc/turn", MethodId::new(0xd846_0ef0)).items_in().items_out();
static KEEP: Method = Method::new("Calc/keep", MethodId::new(0x27a4_0335)).oneway();

pub(super) struct CalcServer<T> {
    service: Arc<T>,
}

impl<T: Calc> CalcServer<T> {
    pub(super) fn new(service: T) -> Self {
        Self { service: Arc::new(service) }
    }

    /// Decodes the arguments, runs the handler, encodes its result. The future owns the request,
    /// so arguments may borrow from it.
    async fn dispatch(service: Arc<T>, method: &'static Method, request: Request) -> Reply {
        match method.id().get() {
            0x3966_24e8 => {
                let mut arguments = request.args();
                let a = match arguments.value::<i64>("a") {
                    Ok(a) => a,
                    Err(error) => return request.undecodable(&error),
                };
                let b = match arguments.value::<i64>("b") {
                    Ok(b) => b,
                    Err(error) => return request.undecodable(&error),
                };
                if let Err(error) = arguments.finish() {
                    return request.undecodable(&error);
                }
                request.ok(&service.add(a, b).await).await
            }
            0x855a_0781 => {
                let mut arguments = request.args();
                let a = match arguments.value::<i64>("a") {
                    Ok(a) => a,
                    Err(error) => return request.undecodable(&error),
                };
                let b = match arguments.value::<i64>("b") {
                    Ok(b) => b,
                    Err(error) => return request.undecodable(&error),
                };
                if let Err(error) = arguments.finish() {
                    return request.undecodable(&error);
                }
                match service.divide(a, b).await {
                    Ok(result) => request.ok(&result).await,
                    Err(error) => request.declared(&error).await,
                }
            }
            0x13f1_a5a7 => {
                let mut arguments = request.args();
                let text = match arguments.value::<&str>("text") {
                    Ok(text) => text,
                    Err(error) => return request.undecodable(&error),
                };
                if let Err(error) = arguments.finish() {
                    return request.undecodable(&error);
                }
                request.ok(&service.shout(text).await).await
            }
            0xded7_6651 => {
                let mut arguments = request.args();
                let bytes = match arguments.byte_string("bytes") {
                    Ok(bytes) => bytes,
                    Err(error) => return request.undecodable(&error),
                };
                if let Err(error) = arguments.finish() {
                    return request.undecodable(&error);
                }
                request.ok_bytes(&service.reverse(bytes).await).await
            }
            0x1b4d_d1de => {
                let mut arguments = request.args();
                let number = match arguments.value::<u8>("number") {
                    Ok(number) => number,
                    Err(error) => return request.undecodable(&error),
                };
                if let Err(error) = arguments.finish() {
                    return request.undecodable(&error);
                }
                request.ok(&service.context(request.context(), number).await).await
            }
            0x8bff_6b57 => {
                if let Err(error) = request.args().finish() {
                    return request.undecodable(&error);
                }
                service.nothing().await;
                request.ok(&()).await
            }
            0x8393_23c2 => {
                let mut arguments = request.args();
                let factor = match arguments.value::<i64>("factor") {
                    Ok(factor) => factor,
                    Err(error) => return request.undecodable(&error),
                };
                if let Err(error) = arguments.finish() {
                    return request.undecodable(&error);
                }
                let numbers = request.rx(|message| message.value::<i64>("numbers"));
                let items = service.scale(numbers, factor);
                match request.try_items(items, |encoder, item: &i64| encoder.value(item)).await {
                    Ok(reply) => reply,
                    Err(error) => request.declared(&error).await,
                }
            }
            0xd846_0ef0 => {
                if let Err(error) = request.args().finish() {
                    return request.undecodable(&error);
                }
                let chunks = request.rx(|message| message.byte_vec("chunks"));
                match service.turn(chunks).await {
                    Ok(items) => {
                        request
                            .items(items, |encoder, item: &Bytes| encoder.shared(item.clone()))
                            .await
                    }
                    Err(status) => request.status(status),
                }
            }
            0x27a4_0335 => {
                let mut arguments = request.args();
                let number = match arguments.value::<i64>("number") {
                    Ok(number) => number,
                    Err(error) => return request.undecodable(&error),
                };
                if let Err(error) = arguments.finish() {
                    return request.undecodable(&error);
                }
                service.keep(number).await;
                request.done()
            }
            _ => request.unknown(method),
        }
    }
}

impl<T: Calc> Service for CalcServer<T> {
    fn methods(&self) -> &'static [Method] {
        static METHODS: &[Method] =
            &[ADD, DIVIDE, SHOUT, REVERSE, CONTEXT, NOTHING, SCALE, TURN, KEEP];
        METHODS
    }

    fn slot(&self) -> Box<dyn Slot> {
        let service = Arc::clone(&self.service);
        slot(move |method, request| Self::dispatch(Arc::clone(&service), method, request))
    }
}

pub(super) struct CalcClient {
    peer: Peer,
}

impl CalcClient {
    pub(super) async fn connect(address: impl Into<Address>) -> Result<Self, Error> {
        Ok(Self { peer: connect(address).await? })
    }

    pub(super) fn new(peer: impl Into<Peer>) -> Self {
        Self { peer: peer.into() }
    }

    pub(super) fn add(&self, a: i64, b: i64) -> Call<i64> {
        self.peer.call(
            &ADD,
            |encoder| {
                encoder.value(&a)?;
                encoder.value(&b)
            },
            |outcome| outcome.result(|message| message.value("result")),
        )
    }

    pub(super) fn divide(&self, a: i64, b: i64) -> Call<i64, MathError> {
        self.peer.call(
            &DIVIDE,
            |encoder| {
                encoder.value(&a)?;
                encoder.value(&b)
            },
            |outcome| {
                outcome
                    .declared(|message| message.value("result"), |message| message.value("error"))
            },
        )
    }

    pub(super) fn shout(&self, text: &str) -> Call<String> {
        self.peer.call(
            &SHOUT,
            |encoder| encoder.value(text),
            |outcome| outcome.result(|message| message.value("result")),
        )
    }

    pub(super) fn reverse(&self, bytes: Bytes) -> Call<Vec<u8>> {
        self.peer.call(
            &REVERSE,
            |encoder| encoder.shared(bytes),
            |outcome| outcome.result(|message| message.byte_vec("result")),
        )
    }

    pub(super) fn context(&self, number: u8) -> Call<(String, u8)> {
        self.peer.call(
            &CONTEXT,
            |encoder| encoder.value(&number),
            |outcome| outcome.result(|message| message.value("result")),
        )
    }

    pub(super) fn nothing(&self) -> Call<()> {
        self.peer.call(
            &NOTHING,
            |_| Ok(()),
            |outcome| outcome.result(|message| message.value("result")),
        )
    }

    pub(super) fn scale(
        &self,
        numbers: impl Stream<Item = i64> + Send + 'static,
        factor: i64,
    ) -> Streaming<i64, MathError> {
        self.peer.duplex(
            &SCALE,
            |encoder| encoder.value(&factor),
            numbers,
            |encoder, item| encoder.value(item),
            |message| message.value("item"),
            |outcome| outcome.ended_or(|message| message.value("error")),
        )
    }

    pub(super) fn turn(
        &self,
        chunks: impl Stream<Item = Vec<u8>> + Send + 'static,
    ) -> Streaming<Bytes> {
        self.peer.duplex(
            &TURN,
            |_| Ok(()),
            chunks,
            |encoder, item| encoder.bytes(item),
            |message| message.byte_string("item"),
            |outcome| outcome.ended(),
        )
    }

    pub(super) fn keep(&self, number: i64) -> Call<()> {
        self.peer.oneway(&KEEP, |encoder| encoder.value(&number))
    }
}
