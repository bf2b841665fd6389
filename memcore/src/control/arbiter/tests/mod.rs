//! Whose wish wins, told as stories.

mod nesting;
mod page;
mod properties;
mod refusals;
mod sharing;
mod story;
mod sums;
