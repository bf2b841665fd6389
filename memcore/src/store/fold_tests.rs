//! Folds by hand.
