//! Examples of memcore in Rust: run one with `cargo run -p memcore-examples --example NAME`.
