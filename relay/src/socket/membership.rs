//! What makes a connection a subscriber: an account, a session and a token's time.

use std::sync::Arc;

use forge_relay_core::Code;
use forge_relay_core::message::{Bye, Expiring, Ready};

use super::connection::{Connection, Phase, State};
use super::frame::close;
use super::{Sockets, packet, unix_millis};
use crate::auth::warn_at;
use crate::session::{Joined, Seat, Session};
use crate::stall::Millis;
use crate::store::AppIndex;

/// A member of a session.
pub(super) struct Member {
    pub(super) session: Arc<Session>,
    pub(super) seat: Seat,
    pub(super) app: AppIndex,
    pub(super) account: Box<str>,
    /// The token's times, in Unix seconds.
    pub(super) issued_at: i64,
    pub(super) expires_at: i64,
    /// Whether `relay:expiring` was sent for this token.
    pub(super) warned: bool,
}

impl Member {
    fn warn_at(&self) -> i64 {
        warn_at(self.issued_at, self.expires_at)
    }
}

impl Sockets {
    /// When the member's token needs attention next.
    pub(super) fn token_deadline(&self, member: &Member) -> Millis {
        let seconds = if member.warned {
            member.expires_at + self.limits.token_leeway
        } else {
            member.warn_at()
        };
        self.at_unix(seconds * 1000)
    }
}

impl Connection {
    /// The session has a seat for it: tells the client where it starts, and goes on from there.
    pub(super) fn enter(&self, member: Member, joined: &Joined) {
        let mut state = self.state();
        if !matches!(state.phase, Phase::Opening { .. }) {
            drop(state);
            return member.session.leave(member.seat);
        }
        let ready = Ready {
            session_id: member.session.key().id.clone(),
            connection_id: self.sid.as_str().to_owned(),
            cursor: joined.cursor,
            recovered: joined.recovered,
            replayed: joined.replayed,
            expires_at: Some(member.expires_at),
        };
        state.outbox.join(joined.cursor);
        state.outbox.enqueue(packet::connected("/", self.sid));
        state.outbox.enqueue(packet::ready(&ready));
        if let Some(reason) = joined.resync {
            state.outbox.enqueue(self.resync(reason, joined.cursor));
        }
        state.member = Some(member);
        self.sockets.metrics.connected_clients.inc();
        self.open(&mut state);
        self.count(&mut state);
        self.unpolled(&mut state);
        state.wake();
    }

    /// Ends the connection in order, with `relay:bye` where the client is a member.
    pub(crate) fn bye(&self, code: Code, reason: &str, reconnect: bool, after_ms: u64) {
        let mut state = self.state();
        if state.member.is_some() {
            let bye = Bye {
                code,
                reason: reason.to_owned(),
                reconnect,
                after_ms,
            };
            self.send(&mut state, packet::bye(&bye));
            if !reconnect {
                self.send(&mut state, packet::disconnect("/"));
            }
            self.sockets.metrics.bye(code.as_str());
            self.sockets.metrics.error(code.as_str());
        }
        drop(state);
        self.close_with(close::NORMAL, code.as_str());
    }

    /// The client broke a rule of Socket.IO, or of the relay.
    pub(super) fn bad_message(&self, why: &str) {
        self.bye(Code::BadMessage, why, false, 0);
    }

    pub(super) fn token_expired(&self) {
        let reason = "the token has expired: connect again with a new one";
        self.bye(Code::TokenExpired, reason, true, 0);
    }

    /// Whether the token's time is over. Tells the client once when it soon will be.
    pub(super) fn look_at_token(&self, state: &mut State) -> bool {
        let Some(member) = &mut state.member else {
            return false;
        };
        let now = unix_millis();
        if now >= (member.expires_at + self.sockets.limits.token_leeway) * 1000 {
            return true;
        }
        if !member.warned && now >= member.warn_at() * 1000 {
            member.warned = true;
            let expires_at = member.expires_at;
            let in_seconds = (expires_at - now.div_euclid(1000)).max(0);
            self.send(
                state,
                packet::expiring(&Expiring {
                    expires_at,
                    in_seconds,
                }),
            );
        }
        false
    }
}
