//! A plain relay on socketioxide: the token verified in the connect middleware, a room for each session, and
//! `io.to(room).emit` for each event, everything else as it comes.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::routing::post;
use axum::serve::ListenerExt as _;
use serde::Deserialize;
use socketioxide::SocketIo;
use socketioxide::extract::{SocketRef, TryData};
use socketioxide::handler::ConnectHandler as _;
use tokio::net::TcpListener;

use super::publish::Publish;
use crate::token::{self, Claims};

/// Serves until an error.
pub async fn serve(listener: TcpListener, secret: String) -> io::Result<()> {
    let (layer, io) = SocketIo::new_layer();
    let secret: Arc<str> = secret.into();
    let verifying = Arc::clone(&secret);
    let verify = move |socket: SocketRef, handshake: TryData<Handshake>| {
        let outcome = verified(&verifying, handshake)
            .map(|claims| drop(socket.extensions.insert(Arc::new(claims))));
        async move { outcome }
    };
    let join = async |socket: SocketRef| {
        if let Some(claims) = socket.extensions.get::<Arc<Claims>>() {
            socket.join(claims.session_id.clone());
        }
    };
    io.ns("/", join.with(verify));
    let routes = Router::new()
        .route("/events", post(publish))
        .with_state(Relay {
            io,
            bearer: format!("Bearer {secret}").into(),
        })
        .layer(layer);
    let listener = listener.tap_io(|stream| {
        let _ = stream.set_nodelay(true);
    });
    axum::serve(listener, routes).await
}

#[derive(Deserialize)]
struct Handshake {
    token: String,
}

#[derive(Debug)]
struct Refused(&'static str);

impl fmt::Display for Refused {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.0)
    }
}

fn verified(secret: &str, TryData(handshake): TryData<Handshake>) -> Result<Claims, Refused> {
    let handshake = handshake.map_err(|_| Refused("bad handshake"))?;
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs());
    token::verify(secret, &handshake.token, now).map_err(Refused)
}

#[derive(Clone)]
struct Relay {
    io: SocketIo,
    bearer: Arc<str>,
}

async fn publish(State(relay): State<Relay>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let bearer = headers.get(header::AUTHORIZATION);
    if bearer.is_none_or(|bearer| bearer.as_bytes() != relay.bearer.as_bytes()) {
        return StatusCode::UNAUTHORIZED;
    }
    let Ok(publish) = serde_json::from_slice::<Publish<'_>>(&body) else {
        return StatusCode::UNPROCESSABLE_ENTITY;
    };
    let room = publish.session_id.to_string();
    // A full queue drops the event for that client, and the error does not say for which.
    let _ = relay.io.to(room).emit("event", &publish.envelope()).await;
    StatusCode::ACCEPTED
}

/// Where the relay listens.
#[derive(Debug, clap::Parser)]
#[command(name = "bench-socketioxide")]
pub struct Options {
    /// Where it takes WebSockets and POST /events
    #[arg(long, env = "RELAY_BIND")]
    pub bind: SocketAddr,
    /// Verifies tokens, and is the publishers' bearer secret
    #[arg(long, env = "RELAY_SECRET", hide_env_values = true)]
    pub secret: String,
}
