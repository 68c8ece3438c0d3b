//! What is read, filled in, judged and refused.
