//! What is generated is seen from where the trait is seen, by types that nobody else sees, too.

#![deny(warnings, private_interfaces, private_bounds)]

mod outer {
    #[derive(serde::Serialize, serde::Deserialize)]
    pub(super) struct Hidden;

    pub(in crate::outer) mod inner {
        #[hton::service]
        pub(in crate::outer) trait Near {
            async fn add(&self, a: super::Hidden) -> u8;
        }
    }

    #[hton::service]
    pub(super) trait Far {
        async fn add(&self, a: Hidden) -> u8;
    }

    pub(super) struct Mine;

    impl Far for Mine {
        async fn add(&self, _: Hidden) -> u8 {
            1
        }
    }

    impl inner::Near for Mine {
        async fn add(&self, _: Hidden) -> u8 {
            1
        }
    }

    pub(super) fn near() -> impl hton::Service {
        let _ = |client: inner::NearClient| client.add(Hidden);
        inner::NearServer::new(Mine)
    }
}

fn main() {
    #[hton::service]
    trait Local {
        async fn add(&self, a: u8) -> u8;
    }

    let _ = outer::near();
    let _ = outer::FarServer::from_arc(std::sync::Arc::new(outer::Mine)).clone();
    let _ = |client: outer::FarClient| client.add(outer::Hidden);
    let _ = |client: LocalClient| client.add(1);
}
