//! Frames written by hand from the spec. Knows nothing of the crate's encoder.

pub(crate) const END: u8 = 0x01;
pub(crate) const MORE: u8 = 0x02;
pub(crate) const NOMSG: u8 = 0x04;
pub(crate) const TIMEOUT: u8 = 0x08;
pub(crate) const PACKED: u8 = 0x10;
pub(crate) const ONEWAY: u8 = 0x40;

/// Any frame: sixteen bytes of head, then the body.
pub(crate) fn frame(
    kind: u8,
    flags: u8,
    metadata_len: u16,
    id: u32,
    arg: u32,
    body: &[u8],
) -> Vec<u8> {
    let mut bytes = u32::try_from(body.len()).unwrap().to_be_bytes().to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(metadata_len.to_be_bytes());
    bytes.extend(id.to_be_bytes());
    bytes.extend(arg.to_be_bytes());
    bytes.extend(body);
    bytes
}

/// A HELLO that says nothing but the version.
pub(crate) fn hello() -> Vec<u8> {
    hello_with(&[1, 1, 0, 0])
}

/// A HELLO with this body.
pub(crate) fn hello_with(body: &[u8]) -> Vec<u8> {
    frame(1, 0, 0, 0, 0x4854_4f4e, body)
}

/// A HELLO with these tags beside the version.
pub(crate) fn hello_tags(tags: &[(u16, &[u8])]) -> Vec<u8> {
    let mut body = vec![1, 1, 0, 0];
    for (tag, value) in tags {
        body.extend(tag.to_be_bytes());
        body.extend(u16::try_from(value.len()).unwrap().to_be_bytes());
        body.extend(*value);
    }
    hello_with(&body)
}

/// A unary REQUEST of method 7 without signature or metadata.
pub(crate) fn request(id: u32, payload: &[u8]) -> Vec<u8> {
    request_with(END, id, 0, &[], payload)
}

/// A REQUEST of method 7 with `between` between signature and payload.
pub(crate) fn request_with(
    flags: u8,
    id: u32,
    metadata_len: u16,
    between: &[u8],
    payload: &[u8],
) -> Vec<u8> {
    let body = [&[0; 8], between, payload].concat();
    frame(2, flags, metadata_len, id, 7, &body)
}

/// The first frame of a cut REQUEST.
pub(crate) fn request_cut(id: u32, total: u32, payload: &[u8]) -> Vec<u8> {
    request_with(MORE, id, 0, &total.to_be_bytes(), payload)
}

/// RESPONSE OK.
pub(crate) fn response(id: u32, payload: &[u8]) -> Vec<u8> {
    frame(3, 0, 0, id, 0, payload)
}

/// RESPONSE without a message.
pub(crate) fn response_code(id: u32, code: u8, retry: u8) -> Vec<u8> {
    frame(3, NOMSG, 0, id, u32::from_be_bytes([code, retry, 0, 0]), &[])
}

/// The first fragment of a result.
pub(crate) fn result_cut(id: u32, total: u32, payload: &[u8]) -> Vec<u8> {
    let body = [&total.to_be_bytes(), payload].concat();
    frame(4, MORE, 0, id, 0, &body)
}

pub(crate) fn data(flags: u8, id: u32, payload: &[u8]) -> Vec<u8> {
    frame(4, flags, 0, id, 0, payload)
}

pub(crate) fn cancel(id: u32, reason: u32) -> Vec<u8> {
    frame(6, 0, 0, id, reason, &[])
}

pub(crate) fn ping(token: u32) -> Vec<u8> {
    frame(7, 0, 0, 0, token, &[])
}

pub(crate) fn pong(token: u32) -> Vec<u8> {
    frame(8, 0, 0, 0, token, &[])
}

pub(crate) fn goaway(last: u32, code: u32, reason: &str) -> Vec<u8> {
    let body = [&code.to_be_bytes(), reason.as_bytes()].concat();
    frame(9, 0, 0, 0, last, &body)
}

pub(crate) fn limits(calls: u32) -> Vec<u8> {
    frame(10, 0, 0, 0, calls, &[])
}

/// One metadata entry.
pub(crate) fn entry(key: &str, value: &[u8]) -> Vec<u8> {
    let mut bytes = vec![u8::try_from(key.len()).unwrap()];
    bytes.extend(key.as_bytes());
    bytes.extend(u16::try_from(value.len()).unwrap().to_be_bytes());
    bytes.extend(value);
    bytes
}

/// The head fields of a frame: type, flags, id, arg, and its body.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) kind: u8,
    pub(crate) flags: u8,
    pub(crate) metadata_len: u16,
    pub(crate) id: u32,
    pub(crate) arg: u32,
    pub(crate) body: Vec<u8>,
}

impl std::fmt::Debug for Seen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let text = String::from_utf8_lossy(&self.body);
        let text: String = text.chars().take(120).collect();
        write!(
            f,
            "type {:#04x} flags {:#04x} id {} arg {:#010x} body {} {text:?}",
            self.kind,
            self.flags,
            self.id,
            self.arg,
            self.body.len()
        )
    }
}

impl Seen {
    /// The code of a RESPONSE and what it says about trying again.
    pub(crate) fn outcome(&self) -> (u32, u8, u8) {
        assert_eq!(self.kind, 3, "{self:?}");
        let [code, retry, ..] = self.arg.to_be_bytes();
        (self.id, code, retry)
    }

    /// The text of a RESPONSE's fault.
    pub(crate) fn text(&self) -> String {
        let (count, rest) = self.body.split_at(8);
        let count = u64::from_be_bytes(count.try_into().unwrap());
        String::from_utf8(rest[..usize::try_from(count).unwrap()].to_vec()).unwrap()
    }
}

/// Splits bytes that end with a whole frame.
pub(crate) fn frames(mut bytes: &[u8]) -> Vec<Seen> {
    let mut frames = Vec::new();
    let word = |bytes: &[u8]| u32::from_be_bytes(bytes.try_into().unwrap());
    while !bytes.is_empty() {
        let end = 16 + word(&bytes[..4]) as usize;
        frames.push(Seen {
            kind: bytes[4],
            flags: bytes[5],
            metadata_len: u16::from_be_bytes([bytes[6], bytes[7]]),
            id: word(&bytes[8..12]),
            arg: word(&bytes[12..16]),
            body: bytes[16..end].to_vec(),
        });
        bytes = &bytes[end..];
    }
    frames
}
