//! What the tests stand on: a relay on a port of its own, and those who talk to it.

pub(crate) mod app;
pub(crate) mod driver;
pub(crate) mod http;
pub(crate) mod middle;
pub(crate) mod node;
pub(crate) mod polling;
pub(crate) mod process;
pub(crate) mod python;
pub(crate) mod recorder;
pub(crate) mod relay;
pub(crate) mod stream;
pub(crate) mod subscriber;
pub(crate) mod token;
pub(crate) mod wait;

pub(crate) use app::{App, EventText};
pub(crate) use driver::StockClient;
pub(crate) use http::{Answer, Http};
pub(crate) use node::Node;
pub(crate) use polling::Poller;
pub(crate) use python::Python;
pub(crate) use recorder::Recorder;
pub(crate) use relay::Relay;
pub(crate) use stream::Follow;
pub(crate) use subscriber::{Said, Subscriber};
pub(crate) use token::TokenText;
pub(crate) use wait::{now, within};
