//! Where the bytes go.
