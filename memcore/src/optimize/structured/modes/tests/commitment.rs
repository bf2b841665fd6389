//! Gensets: minimum times, starts, minimum output.
