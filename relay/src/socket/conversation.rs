//! What clients say over Socket.IO, and what they are answered: design.md §3.3.

use std::sync::Arc;

use engineioxide_core::Str;
use forge_relay_core::message::{
    ConnectError, ConnectErrorData, Handshake, REFRESH, Refresh, RefreshAnswer, Refused,
};
use forge_relay_core::{Code, Cursor};
use serde_json::value::RawValue;

use super::application::{Application, Heard, Message};
use super::connection::{Connection, Phase};
use super::frame::{Flow, close};
use super::membership::Member;
use super::packet::{self, Said};
use super::unix_millis;
use crate::app::Apps;
use crate::auth::{RateLimits, Refusal, Subscriber};
use crate::session::{Hub, Joined, Reader, Session};
use crate::store::{SessionKey, Unavailable};

/// The relay's application: connections of subscribers, each in one session.
pub(crate) struct Conversation {
    pub(crate) apps: Arc<Apps>,
    pub(crate) hub: Arc<Hub>,
    pub(crate) rates: Arc<RateLimits>,
}

/// Who connects, and from where it goes on: `Err` where what it sent is no cursor.
type Admitted = (Subscriber, Option<Result<Cursor, ()>>);

impl Application for Conversation {
    fn opened(&self, _: &Arc<Connection>) {}

    fn message(&self, connection: &Arc<Connection>, message: Message<'_>) -> Heard {
        match message {
            Message::Text(text) => self.packet(connection, text),
            Message::Binary(_) => bad_message(connection, "this relay takes no binary packets"),
        }
    }

    fn origin_allowed(&self, origin: &str) -> bool {
        self.apps.any_allows_origin(origin)
    }

    fn misunderstood(&self, connection: &Arc<Connection>, why: &'static str) {
        connection.bad_message(why);
    }
}

fn bad_message(connection: &Connection, why: &str) -> Heard {
    connection.bad_message(why);
    Heard::Misunderstood
}

impl Conversation {
    /// One Socket.IO packet.
    fn packet(&self, connection: &Arc<Connection>, text: Str) -> Heard {
        match packet::read(text) {
            Ok(Said::Connect { namespace, auth }) if namespace == "/" => {
                self.connect(connection, auth.as_deref())
            }
            Ok(Said::Connect { namespace, .. }) => {
                let detail = "this relay has one namespace: connect to its address without a path";
                let refusal = Refusal::new(Code::NotFound, detail);
                connection.control(packet::connect_error(&namespace, &connect_error(refusal)));
                Heard::Flow(Flow::Next)
            }
            Ok(Said::Disconnect { namespace }) if namespace == "/" => {
                connection.close();
                Heard::Flow(Flow::Stop)
            }
            Ok(Said::Event {
                namespace,
                name,
                data,
                ack,
            }) if namespace == "/" => self.event(connection, &name, data.as_deref(), ack),
            Ok(Said::Disconnect { .. } | Said::Event { .. }) => {
                bad_message(connection, "this relay has one namespace")
            }
            Ok(Said::Nothing) => Heard::Flow(Flow::Next),
            Err(why) => bad_message(connection, why),
        }
    }

    // ---- CONNECT ----

    fn connect(&self, connection: &Arc<Connection>, auth: Option<&str>) -> Heard {
        let origin = {
            let mut state = connection.state();
            match state.phase {
                Phase::Opening { .. } => state.origin.take(),
                Phase::Open => {
                    drop(state);
                    return bad_message(
                        connection,
                        "a connection is of one session: CONNECT comes once",
                    );
                }
                Phase::Closing { .. } | Phase::Closed => return Heard::Flow(Flow::Stop),
            }
        };
        match self.admit(connection, auth, origin.as_deref()) {
            Ok((subscriber, cursor)) => {
                let key = SessionKey {
                    app: subscriber.app,
                    id: subscriber.session.clone(),
                };
                let reader: Arc<dyn Reader> = Arc::clone(connection) as Arc<dyn Reader>;
                let hub = Arc::clone(&self.hub);
                let connection = Arc::clone(connection);
                Heard::Wait(Box::pin(async move {
                    let joined = hub.join(&key, &reader, cursor).await;
                    joined_session(&connection, subscriber, joined);
                }))
            }
            Err(refusal) => {
                refuse(connection, refusal);
                Heard::Flow(Flow::Stop)
            }
        }
    }

    fn admit(
        &self,
        connection: &Connection,
        auth: Option<&str>,
        origin: Option<&str>,
    ) -> Result<Admitted, Refusal> {
        let handshake =
            Handshake::parse(auth).map_err(|error| Refusal::new(error.code, error.detail))?;
        if connection.sockets.draining() {
            let detail = "the relay is about to stop: connect again in a moment";
            let after_ms = Some(connection.sockets.jitter());
            return Err(Refusal {
                after_ms,
                ..Refusal::new(Code::Draining, detail)
            });
        }
        let token = handshake
            .token()
            .map_err(|error| Refusal::new(error.code, error.detail))?;
        let now = unix_millis().div_euclid(1000);
        let subscriber = self.apps.subscriber(token, now)?;
        if !self.apps.origin_allowed(subscriber.app, origin) {
            tracing::warn!(
                origin = origin.unwrap_or_default(),
                "refused a page's origin: add it to allowed_origins if it is yours"
            );
            let detail = "this page's origin is not among the relay's allowed_origins";
            return Err(Refusal::new(Code::OriginDenied, detail));
        }
        self.rates.connect(subscriber.app, &subscriber.account)?;
        let cursor = handshake.cursor.map(|text| text.parse().map_err(|_| ()));
        Ok((subscriber, cursor))
    }

    // ---- events ----

    fn event(
        &self,
        connection: &Connection,
        name: &str,
        data: Option<&RawValue>,
        ack: Option<i64>,
    ) -> Heard {
        if connection.state().member.is_none() {
            return bad_message(connection, "CONNECT comes first");
        }
        let answer = if name == REFRESH {
            let refreshed = self.refresh(connection, data);
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
            connection.control(answer);
        }
        Heard::Flow(Flow::Next)
    }

    fn refresh(&self, connection: &Connection, data: Option<&RawValue>) -> RefreshAnswer {
        match self.try_refresh(connection, data) {
            Ok(expires_at) => RefreshAnswer::Refreshed { expires_at },
            Err(refusal) => {
                connection.sockets.metrics.error(refusal.code.as_str());
                let message = refusal.detail.into_owned();
                RefreshAnswer::Refused(Refused {
                    code: refusal.code,
                    message,
                })
            }
        }
    }

    /// Takes a newer token. Answers when the connection's token ends; anything wrong changes nothing.
    fn try_refresh(
        &self,
        connection: &Connection,
        data: Option<&RawValue>,
    ) -> Result<i64, Refusal> {
        let refresh = Refresh::parse(data.map_or("", RawValue::get))
            .map_err(|error| Refusal::new(error.code, error.detail))?;
        let now = unix_millis().div_euclid(1000);
        let newer = self.apps.subscriber(&refresh.token, now)?;
        let mut state = connection.state();
        let Some(member) = &mut state.member else {
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
        }
        let expires_at = member.expires_at;
        connection.arm_now(&mut state);
        Ok(expires_at)
    }
}

/// The session was found, or not.
fn joined_session(
    connection: &Connection,
    subscriber: Subscriber,
    joined: Result<(Arc<Session>, Joined), Unavailable>,
) {
    let Subscriber {
        app,
        account,
        issued_at,
        expires_at,
        ..
    } = subscriber;
    match joined {
        Ok((session, joined)) => {
            let (seat, warned) = (joined.seat, false);
            let member = Member {
                session,
                seat,
                app,
                account,
                issued_at,
                expires_at,
                warned,
            };
            connection.enter(member, &joined);
        }
        Err(Unavailable) => {
            let detail = "the relay cannot reach its log: connect again in a moment";
            let after_ms = Some(connection.sockets.jitter());
            refuse(
                connection,
                Refusal {
                    after_ms,
                    ..Refusal::new(Code::Unavailable, detail)
                },
            );
        }
    }
}

fn refuse(connection: &Connection, refusal: Refusal) {
    let code = refusal.code.as_str();
    connection.sockets.metrics.connection_refused(code);
    connection.sockets.metrics.error(code);
    tracing::info!(sid = %connection.sid, code, "refused a connection");
    connection.control(packet::connect_error("/", &connect_error(refusal)));
    connection.close_with(close::NORMAL, code);
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
