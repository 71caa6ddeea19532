//! The WebSocket of an upgrade, until it takes over: it speaks two packets, and nothing else.

use std::sync::Arc;

use super::connection::Connection;
use super::frame::{Flow, FrameReader, Incoming, Opcode, whole};
use super::stream::Stream;
use super::upgrade::Ticket;
use crate::session::{Frame, Run};

const READ_BYTES: usize = 1024;

pub(super) struct Probe<'a> {
    connection: &'a Arc<Connection>,
    stream: &'a Stream,
    frames: FrameReader,
    head: String,
    probed: bool,
}

impl<'a> Probe<'a> {
    pub(super) fn new(
        connection: &'a Arc<Connection>,
        stream: &'a Stream,
        ticket: Ticket,
        early: &[u8],
    ) -> Self {
        let frames = FrameReader::starting_with(early);
        Self {
            connection,
            stream,
            frames,
            head: ticket.head,
            probed: false,
        }
    }

    /// Runs until the client upgrades; answers what it sent beyond that. `None` where it does not.
    pub(super) async fn run(mut self) -> Option<FrameReader> {
        let head: Frame = self.head.as_bytes().into();
        if !head.is_empty() {
            self.send(&head).await?;
        }
        let mut buffer = [0; READ_BYTES];
        let mut read = 0;
        loop {
            if read > 0 || self.frames.holds_unread() {
                let (packets, upgraded) = self.understand(&mut buffer[..read])?;
                for packet in packets {
                    self.send(&packet).await?;
                }
                if upgraded {
                    return Some(self.frames);
                }
            }
            let read_some = std::future::poll_fn(|cx| self.stream.poll_read(cx, &mut buffer));
            read = read_some.await.ok().filter(|read| *read > 0)?;
        }
    }

    /// What to answer, and whether the client has upgraded. `None` for anything but a probe.
    fn understand(&mut self, chunk: &mut [u8]) -> Option<(Vec<Frame>, bool)> {
        let Self {
            connection,
            frames,
            probed,
            ..
        } = self;
        let mut answers = Vec::new();
        let mut upgraded = false;
        let mut wrong = false;
        let limit = connection.sockets.limits.message;
        let read = frames.read(chunk, limit, |incoming| match incoming {
            Incoming::Text("2probe") if !*probed => {
                *probed = true;
                answers.push(whole(Opcode::Text, b"3probe"));
                connection.probed();
                Flow::Next
            }
            Incoming::Text("5") if *probed => {
                upgraded = true;
                Flow::Pause
            }
            Incoming::Ping(payload) => {
                answers.push(whole(Opcode::Pong, payload));
                Flow::Next
            }
            Incoming::Pong => Flow::Next,
            _ => {
                wrong = true;
                Flow::Stop
            }
        });
        (read.is_ok() && !wrong).then_some((answers, upgraded))
    }

    /// A few bytes, to a socket that has taken nothing yet.
    async fn send(&self, frame: &Frame) -> Option<()> {
        let mut skip = 0;
        while skip < frame.len() {
            let run = Run {
                frames: std::slice::from_ref(frame),
                joined: None,
                skip,
            };
            match self.stream.send_as_task(run) {
                Ok(sent) => skip += sent,
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                    std::future::poll_fn(|cx| self.stream.poll_send(cx))
                        .await
                        .ok()?;
                }
                Err(_) => return None,
            }
        }
        Some(())
    }
}
