//! Boards that speak a protocol of their own, as devices of the link, and the way back: that protocol, answered by memcore.
//!
//! Each protocol has a folder: its messages and its exchange are pure, with time and bytes as arguments; a thin shell around
//! them owns the socket. A board becomes a [`client::Device`](crate::client::Device) like any other, so that numbering,
//! backlog, identity, leases and fallbacks are those of the link and not a second time of each adapter.

pub mod hem;
