//! Writes down what one client saw, over all its connections, for the judge of histories.

use std::time::Duration;

use forge_relay_tests::history::{Client, Place, Published, Seen};

use serde_json::Value;

use super::app::Receipt;
use super::stream::StreamReady;
use super::subscriber::{Envelope, Ready, Resync, Said, Subscriber};

/// One client's story.
pub(crate) struct Recorder {
    pub(crate) client: Client,
    /// Where it would come back.
    pub(crate) cursor: Option<String>,
}

impl Recorder {
    pub(crate) fn new(name: impl Into<String>, session: &str) -> Self {
        let client = Client {
            name: name.into(),
            session: session.to_owned(),
            seen: Vec::new(),
            finished: false,
        };
        Self {
            client,
            cursor: None,
        }
    }

    pub(crate) fn ready(&mut self, ready: &Ready) {
        self.ready_at(&ready.cursor, ready.recovered);
    }

    pub(crate) fn ready_at(&mut self, cursor: &str, recovered: bool) {
        self.client.seen.push(Seen::Ready {
            place: place(cursor),
            recovered,
        });
        // A client that was put elsewhere and not told so yet keeps its old cursor: the resync is still owed.
        if recovered || self.cursor.is_none() {
            self.cursor = Some(cursor.to_owned());
        }
    }

    /// Writes down a message of an event stream.
    pub(crate) fn hear_stream(&mut self, name: &str, data: Value) {
        if name == "relay:ready" {
            let ready: StreamReady = serde_json::from_value(data).unwrap();
            return self.ready_at(&ready.cursor, ready.recovered);
        }
        let name = name.to_owned();
        self.hear(Said::Event { name, data });
    }

    /// Writes down what was said; false when the connection is over.
    pub(crate) fn hear(&mut self, said: Said) -> bool {
        match said {
            Said::Event { name, data } if name == "event" => {
                let event: Envelope = serde_json::from_value(data).unwrap();
                self.cursor = Some(event.cursor.clone());
                let place = place(&event.cursor);
                assert_eq!(place.seq, event.seq, "the cursor is that of the event");
                self.client.seen.push(Seen::Event {
                    session: event.session_id,
                    id: event.id,
                    place,
                });
            }
            Said::Event { name, data } if name == "relay:resync" => {
                let resync: Resync = serde_json::from_value(data).unwrap();
                self.client.seen.push(Seen::Resync {
                    place: place(&resync.cursor),
                });
                self.cursor = Some(resync.cursor);
            }
            Said::Event { name, data } if name == "relay:ready" => {
                self.ready(&serde_json::from_value(data).unwrap());
            }
            Said::Closed { .. } => return false,
            _ => {}
        }
        true
    }

    /// Reads on until nothing came for `quiet`, or the connection ended.
    pub(crate) async fn drain(&mut self, subscriber: &mut Subscriber, quiet: Duration) {
        while let Some(said) = subscriber.next_in(quiet).await {
            if !self.hear(said) {
                break;
            }
        }
    }

    /// The place where the client is.
    pub(crate) fn at(&self) -> Option<Place> {
        self.cursor.as_deref().map(place)
    }
}

/// A receipt as the judge reads it.
pub(crate) fn published(receipt: &Receipt) -> Published {
    Published {
        session: receipt.session_id.clone(),
        id: receipt.id.clone(),
        place: place(&receipt.cursor),
    }
}

pub(crate) fn place(cursor: &str) -> Place {
    Place::of(cursor).unwrap_or_else(|| panic!("not a cursor: {cursor}"))
}
