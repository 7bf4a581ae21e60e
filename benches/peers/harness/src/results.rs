//! What a run hands from its process to the bench.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One run.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Measured {
    /// The figure of the workload, in its unit.
    pub value: f64,
    /// Everything else that was seen.
    pub figures: BTreeMap<String, f64>,
    /// Failed calls, by what their callers saw.
    pub errors: BTreeMap<String, u64>,
    /// The peer has nothing for this workload.
    pub unsupported: bool,
}
