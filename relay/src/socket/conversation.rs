//! What clients say, and what they are answered: design.md §3.3.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use engineioxide_core::{Packet as EnginePacket, ProtocolVersion, Str};
use forge_relay_core::message::{
    ConnectError, ConnectErrorData, Handshake, REFRESH, Refresh, RefreshAnswer, Refused,
};
use forge_relay_core::{Code, Cursor};
use serde_json::value::RawValue;

use super::connection::{Connection, Member, Phase};
use super::frame::{Flow, Incoming, close};
use super::packet::{self, Said};
use super::unix_millis;
use crate::auth::{Refusal, Subscriber};
use crate::session::{Joined, Reader, Session};
use crate::store::{SessionKey, Unavailable};

type JoinOutcome = Result<(Arc<Session>, Joined), Unavailable>;

/// A CONNECT that is in order, on its way into its session.
pub(super) struct Joining {
    subscriber: Subscriber,
    session: Pin<Box<dyn Future<Output = JoinOutcome> + Send>>,
}

impl Joining {
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<JoinOutcome> {
        self.session.as_mut().poll(cx)
    }
}

impl Connection {
    /// One WebSocket message.
    pub(super) fn receive(
        self: &Arc<Self>,
        incoming: &Incoming<'_>,
        joining: &mut Option<Box<Joining>>,
    ) -> Flow {
        match incoming {
            Incoming::Text("3") => {
                self.pong();
                Flow::Next
            }
            Incoming::Text(text) => self.receive_engine(text, joining),
            Incoming::Binary(_) => {
                self.bad_message("this relay takes no binary packets");
                Flow::Stop
            }
            Incoming::Ping(payload) => {
                self.answer_ping(payload);
                Flow::Next
            }
            Incoming::Pong => Flow::Next,
            Incoming::Close(code) => {
                self.close_with(code.unwrap_or(close::NORMAL), "", None);
                Flow::Stop
            }
        }
    }

    /// One Engine.IO packet.
    fn receive_engine(self: &Arc<Self>, text: &str, joining: &mut Option<Box<Joining>>) -> Flow {
        match EnginePacket::parse(ProtocolVersion::V4, text.to_owned()) {
            Ok(EnginePacket::Message(message)) => self.receive_socket(message, joining),
            Ok(EnginePacket::Close) => {
                self.close_with(close::NORMAL, "", None);
                Flow::Stop
            }
            Ok(EnginePacket::Noop | EnginePacket::Upgrade) => Flow::Next,
            Ok(EnginePacket::Ping | EnginePacket::PingUpgrade) => {
                self.bad_message("pings are the server's: answer them with pongs");
                Flow::Stop
            }
            Ok(_) | Err(_) => {
                self.bad_message("not an Engine.IO 4 packet of a client");
                Flow::Stop
            }
        }
    }

    /// One Socket.IO packet.
    fn receive_socket(self: &Arc<Self>, message: Str, joining: &mut Option<Box<Joining>>) -> Flow {
        match packet::read(message) {
            Ok(Said::Connect { namespace, auth }) if namespace == "/" => {
                self.connect(auth.as_deref(), joining)
            }
            Ok(Said::Connect { namespace, .. }) => {
                let detail = "this relay has one namespace: connect to its address without a path";
                let refusal = Refusal::new(Code::NotFound, detail);
                self.control(packet::connect_error(&namespace, &connect_error(refusal)));
                Flow::Next
            }
            Ok(Said::Disconnect { namespace }) if namespace == "/" => {
                self.close_with(close::NORMAL, "", None);
                Flow::Stop
            }
            Ok(Said::Event {
                namespace,
                name,
                data,
                ack,
            }) if namespace == "/" => self.event(&name, data.as_deref(), ack),
            Ok(Said::Disconnect { .. } | Said::Event { .. }) => {
                self.bad_message("this relay has one namespace");
                Flow::Stop
            }
            Ok(Said::Nothing) => Flow::Next,
            Err(why) => {
                self.bad_message(why);
                Flow::Stop
            }
        }
    }

    // ---- CONNECT ----

    fn connect(self: &Arc<Self>, auth: Option<&str>, joining: &mut Option<Box<Joining>>) -> Flow {
        let Some(origin) = self.begin_joining() else {
            self.bad_message("a connection is of one session: CONNECT comes once");
            return Flow::Stop;
        };
        match self.admit(auth, origin.as_deref()) {
            Ok((subscriber, cursor)) => {
                let key = SessionKey {
                    app: subscriber.app,
                    id: subscriber.session.clone(),
                };
                let reader: Arc<dyn Reader> = Arc::clone(self) as Arc<dyn Reader>;
                let hub = Arc::clone(&self.sockets.hub);
                let session = Box::pin(async move { hub.join(&key, &reader, cursor).await });
                *joining = Some(Box::new(Joining {
                    subscriber,
                    session,
                }));
                Flow::Pause
            }
            Err(refusal) => {
                self.refuse(refusal);
                Flow::Stop
            }
        }
    }

    /// Who connects, and from where it goes on.
    #[allow(clippy::type_complexity)]
    fn admit(
        &self,
        auth: Option<&str>,
        origin: Option<&str>,
    ) -> Result<(Subscriber, Option<Result<Cursor, ()>>), Refusal> {
        let handshake =
            Handshake::parse(auth).map_err(|error| Refusal::new(error.code, error.detail))?;
        if self.sockets.draining() {
            let detail = "the relay is about to stop: connect again in a moment";
            let after_ms = Some(self.sockets.jitter());
            return Err(Refusal {
                after_ms,
                ..Refusal::new(Code::Draining, detail)
            });
        }
        let token = handshake
            .token()
            .map_err(|error| Refusal::new(error.code, error.detail))?;
        let now = unix_millis().div_euclid(1000);
        let subscriber = self.sockets.apps.subscriber(token, now)?;
        if !self.sockets.apps.origin_allowed(subscriber.app, origin) {
            tracing::warn!(
                origin = origin.unwrap_or_default(),
                "refused a page's origin: add it to allowed_origins if it is yours"
            );
            let detail = "this page's origin is not among the relay's allowed_origins";
            return Err(Refusal::new(Code::OriginDenied, detail));
        }
        self.sockets
            .rates
            .connect(subscriber.app, &subscriber.account)?;
        let cursor = handshake.cursor.map(|text| text.parse().map_err(|_| ()));
        Ok((subscriber, cursor))
    }

    fn refuse(self: &Arc<Self>, refusal: Refusal) {
        let code = refusal.code.as_str();
        self.sockets.metrics.connection_refused(code);
        self.sockets.metrics.error(code);
        tracing::info!(sid = %self.sid, code, "refused a connection");
        self.control(packet::connect_error("/", &connect_error(refusal)));
        self.close_with(close::NORMAL, code, None);
    }

    /// The session was found, or not.
    pub(super) fn join_ended(
        self: &Arc<Self>,
        joining: Option<Box<Joining>>,
        outcome: JoinOutcome,
    ) {
        let Some(Subscriber {
            app,
            account,
            issued_at,
            expires_at,
            ..
        }) = joining.map(|joining| joining.subscriber)
        else {
            return;
        };
        match outcome {
            Ok((session, joined)) => {
                let seat = joined.seat;
                let warned = false;
                let member = Member {
                    session,
                    seat,
                    app,
                    account,
                    issued_at,
                    expires_at,
                    warned,
                };
                self.enter(member, &joined);
            }
            Err(Unavailable) => {
                let detail = "the relay cannot reach its log: connect again in a moment";
                let after_ms = Some(self.sockets.jitter());
                self.refuse(Refusal {
                    after_ms,
                    ..Refusal::new(Code::Unavailable, detail)
                });
            }
        }
    }

    // ---- events ----

    fn event(self: &Arc<Self>, name: &str, data: Option<&RawValue>, ack: Option<i64>) -> Flow {
        if !matches!(self.state().phase, Phase::Member(_)) {
            self.bad_message("CONNECT comes first");
            return Flow::Stop;
        }
        let answer = if name == REFRESH {
            let refreshed = self.refresh(data);
            ack.map(|id| packet::ack(id, &refreshed))
        } else {
            let message = "clients send relay:refresh only; to publish, ask your app".to_owned();
            ack.map(|id| {
                packet::ack(
                    id,
                    &Refused {
                        code: Code::UnknownEvent,
                        message,
                    },
                )
            })
        };
        if let Some(answer) = answer {
            self.control(answer);
        }
        Flow::Next
    }

    fn refresh(self: &Arc<Self>, data: Option<&RawValue>) -> RefreshAnswer {
        match self.try_refresh(data) {
            Ok(expires_at) => RefreshAnswer::Refreshed { expires_at },
            Err(refusal) => {
                self.sockets.metrics.error(refusal.code.as_str());
                let message = refusal.detail.into_owned();
                RefreshAnswer::Refused(Refused {
                    code: refusal.code,
                    message,
                })
            }
        }
    }

    /// Takes a newer token. Answers when the connection's token ends; anything wrong changes nothing.
    fn try_refresh(self: &Arc<Self>, data: Option<&RawValue>) -> Result<i64, Refusal> {
        let refresh = Refresh::parse(data.map_or("", RawValue::get))
            .map_err(|error| Refusal::new(error.code, error.detail))?;
        let now = unix_millis().div_euclid(1000);
        let newer = self.sockets.apps.subscriber(&refresh.token, now)?;
        let mut state = self.state();
        let Phase::Member(member) = &mut state.phase else {
            return Err(Refusal::new(Code::BadMessage, "CONNECT comes first"));
        };
        if newer.app != member.app || newer.account != member.account {
            let detail = "refresh with a token of the same account";
            return Err(Refusal::new(Code::AccountMismatch, detail));
        }
        if newer.session != member.session.key().id {
            let detail = "refresh with a token of the same session; connect anew for another";
            return Err(Refusal::new(Code::SessionMismatch, detail));
        }
        if newer.expires_at > member.expires_at {
            member.expires_at = newer.expires_at;
            member.issued_at = newer.issued_at;
            member.warned = false;
            let expires_at = member.expires_at;
            self.arm_now(&mut state);
            return Ok(expires_at);
        }
        Ok(member.expires_at)
    }
}

fn connect_error(refusal: Refusal) -> ConnectError {
    let Refusal {
        code,
        detail,
        retryable,
        after_ms,
    } = refusal;
    let data = ConnectErrorData {
        detail: detail.into_owned(),
        retryable,
        after_ms,
    };
    ConnectError {
        message: code,
        data,
    }
}
