//! What was judged and why, as data and as text.
