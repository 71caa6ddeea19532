//! What the end-to-end tests share and what is tested by itself: the judge of recorded histories.

pub mod history;
