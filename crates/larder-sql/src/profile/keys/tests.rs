//! Which forms of statements name rows, and which do not.
