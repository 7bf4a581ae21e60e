//! The service macro.
