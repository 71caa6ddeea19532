use super::Transport;
use crate::Cursor;

/// How a [`Subscription`](super::Subscription) behaves. All times are milliseconds.
#[derive(Debug, Clone)]
pub struct Options {
    /// What may carry events, best first. An empty list is taken for the default, all of them.
    pub transports: Vec<Transport>,
    /// Go on after this place instead of starting at the head.
    pub cursor: Option<Cursor>,
    /// How long the app may take to fetch a token. Forge ends a function after 25 s.
    pub token_deadline: u64,
    /// How long a connection may take to say `relay:ready`, and a page to come.
    pub ready_deadline: u64,
    /// How long an acknowledgement of a refresh may take.
    pub refresh_deadline: u64,
    /// The upper end of the first pause before another attempt; it doubles with each failure.
    pub first_pause: u64,
    /// The upper end of every pause.
    pub longest_pause: u64,
    /// A connection that breaks before it is this old counts as "cut by something on the way".
    pub short_life: u64,
    /// How long after falling back the better transport is tried again; it doubles with each failure.
    pub first_return: u64,
    /// The longest pause between two tries of the better transport.
    pub longest_return: u64,
    /// How often a page is read while nothing new comes.
    pub page_pause: u64,
    /// The same while nobody looks at the page.
    pub hidden_page_pause: u64,
    /// How long an event stream may say nothing: its comments come every 15 s.
    pub stream_silence: u64,
    /// The same for a WebSocket, until its handshake says how often it pings.
    pub socket_silence: u64,
    /// For how long a token that was fetched is used for further connections.
    pub token_reuse: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            transports: Transport::ALL.to_vec(),
            cursor: None,
            token_deadline: 30_000,
            ready_deadline: 10_000,
            refresh_deadline: 10_000,
            first_pause: 500,
            longest_pause: 30_000,
            short_life: 60_000,
            first_return: 5_000,
            longest_return: 600_000,
            page_pause: 2_000,
            hidden_page_pause: 10_000,
            stream_silence: 40_000,
            socket_silence: 50_000,
            token_reuse: 30_000,
        }
    }
}
