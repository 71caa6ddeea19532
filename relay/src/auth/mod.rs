//! Who may speak: publishers by a key, subscribers by a token, web pages by their origin.

mod origin;

pub use origin::OriginPattern;
