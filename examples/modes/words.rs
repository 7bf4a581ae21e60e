//! The service that is served in four ways.

#[hton::service]
pub(crate) trait Words {
    async fn add(&self, a: u64, b: u64) -> u64;
    async fn shout(&self, text: String) -> String;
}

pub(crate) struct MyWords;

impl Words for MyWords {
    async fn add(&self, a: u64, b: u64) -> u64 {
        add(a, b)
    }

    async fn shout(&self, text: String) -> String {
        shout(&text)
    }
}

pub(crate) const fn add(a: u64, b: u64) -> u64 {
    a.wrapping_add(b)
}

pub(crate) fn shout(text: &str) -> String {
    text.to_uppercase()
}
