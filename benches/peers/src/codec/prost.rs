//! prost: the messages of the schema.

use super::{both, values};
use crate::codec::values::Set;
use crate::generated::peers_tonic as proto;
use harness::{Measured, Result};
use prost::Message;
use proto::shape::Kind;
use std::time::Duration;

pub(super) fn measure(set: &str, time: Duration) -> Result<Measured> {
    match Set::find(set)? {
        Set::Records => {
            let records = values::records().into_iter().map(|it| proto::Record {
                id: it.id,
                name: it.name,
                score: it.score,
                active: it.active,
                tags: it.tags,
            });
            run(time, &proto::Records { records: records.collect() })
        }
        Set::Bytes => run(time, &proto::Blob { bytes: values::bytes().into() }),
        Set::Words => run(time, &proto::Words { words: values::words() }),
        Set::Shapes => {
            let shapes = values::shapes().into_iter().map(shape);
            run(time, &proto::Shapes { shapes: shapes.collect() })
        }
    }
}

fn run<V: Message + Default + PartialEq>(time: Duration, value: &V) -> Result<Measured> {
    both(time, value, |value, bytes| Ok(value.encode(bytes)?), |bytes| Ok(V::decode(bytes)?))
}

fn shape(shape: values::Shape) -> proto::Shape {
    let kind = match shape {
        values::Shape::Empty => Kind::Empty(proto::Empty {}),
        values::Shape::Circle { radius } => Kind::Circle(proto::Circle { radius }),
        values::Shape::Label(text) => Kind::Label(proto::Label { text }),
        values::Shape::Pair(left, right) => {
            let side = |side: values::Shape| Some(Box::new(self::shape(side)));
            Kind::Pair(Box::new(proto::Pair { left: side(*left), right: side(*right) }))
        }
    };
    proto::Shape { kind: Some(kind) }
}
