//! hton.
