//! Conflicts of small sites, told in their words.
