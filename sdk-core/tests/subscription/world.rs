//! A relay, a network and an app around a client, on a clock of their own. The relay keeps the contract; the network
//! does what the weather says; the app gives tokens as well as it can.

use std::collections::BTreeMap;

use forge_relay_core::subscription::{Action, Options, State, Transport};
use forge_relay_core::{Cursor, Epoch, ResyncReason};

use crate::client::Client;
use crate::input::Input;

const PAGE: u64 = 3;
const PING: u64 = 15_000;

/// What happens around the client.
#[derive(Debug, Clone)]
pub(crate) enum Act {
    Publish(u64),
    /// The log forgets all but the newest.
    Trim(u64),
    /// The relay goes down for that long. With Redis, the log is there when it comes back.
    Restart {
        down: u64,
        keeps_log: bool,
    },
    /// The relay says bye to all, and for that long to all who come.
    Drain(u64),
    /// For that long all who come are refused for good.
    Deny(u64),
    Path(Transport, Path),
    /// How many messages of a hundred are dropped, doubled or overtaken.
    Foul(u64),
    /// All connections break, or break without anybody noticing.
    Cut {
        unnoticed: bool,
    },
    App(App),
    TokenLife(u64),
    Latency(u64),
    Online(bool),
    Visible(bool),
    Sleep(u64),
    StartAgain,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Path {
    Clear,
    Blocked,
    /// Packets vanish.
    Hole,
    /// The connection is made, and then what the relay says is held back.
    Buffers,
    /// It is cut when it is that old.
    Cuts(u64),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum App {
    Gives { after: u64 },
    Fails { retryable: bool },
    Hangs,
    GivesExpired,
}

/// Something that is due at some time.
#[derive(Debug, Clone)]
enum Due {
    /// The client hears this.
    Hear(Input),
    /// The relay hears this from a connection.
    Join(u32, Option<Cursor>),
    Read(u32, Option<Cursor>),
    Refresh(u32, u64),
    Ping(u32),
    Expiring(u32, u64),
    Expired(u32),
    Break(u32),
}

/// A connection, as the relay and the network see it.
#[derive(Debug)]
struct Line {
    transport: Transport,
    token_until: u64,
    joined: bool,
    /// Nothing comes through any more, and nobody has noticed.
    deaf: bool,
    /// What is said now arrives after what was said before.
    last_arrival: u64,
}

#[derive(Debug)]
struct Relay {
    epoch: u64,
    head: u64,
    floor: u64,
    down_until: u64,
    drains_until: u64,
    denies_until: u64,
}

#[derive(Debug)]
pub(crate) struct World {
    pub(crate) client: Client,
    pub(crate) now: u64,
    relay: Relay,
    lines: BTreeMap<u32, Line>,
    due: BTreeMap<(u64, u64), Due>,
    order: u64,
    chance: u64,
    paths: [Path; 3],
    foul: u64,
    app: App,
    token_life: u64,
    latency: u64,
    asleep_until: u64,
    /// When the client was told not to wait any longer.
    pub(crate) hurries: Vec<u64>,
}

impl World {
    pub(crate) fn new(options: Options, seed: u64) -> Self {
        let mut world = Self {
            client: Client::new(options, seed),
            now: 0,
            relay: Relay {
                epoch: 1,
                head: 5,
                floor: 0,
                down_until: 0,
                drains_until: 0,
                denies_until: 0,
            },
            lines: BTreeMap::new(),
            due: BTreeMap::new(),
            order: 0,
            chance: seed,
            paths: [Path::Clear; 3],
            foul: 0,
            app: App::Gives { after: 100 },
            token_life: 300_000,
            latency: 20,
            asleep_until: 0,
            hurries: Vec::new(),
        };
        world.tell(Input::Start);
        world
    }

    pub(crate) fn head(&self) -> Cursor {
        self.at(self.relay.head)
    }

    fn at(&self, seq: u64) -> Cursor {
        let epoch = Epoch(self.relay.epoch);
        Cursor { epoch, seq }
    }

    /// A number below `end`, the same in every run of this world.
    fn below(&mut self, end: u64) -> u64 {
        self.chance = self
            .chance
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.chance >> 33) % end
    }

    fn path(&self, transport: Transport) -> Path {
        self.paths[transport as usize]
    }

    fn plan(&mut self, at: u64, due: Due) {
        self.order += 1;
        self.due.insert((at, self.order), due);
    }

    /// Lets time pass, with all that happens in it.
    pub(crate) fn pass(&mut self, time: u64) {
        let until = self.now + time;
        loop {
            let due = self.due.first_key_value().map(|(key, _)| key.0);
            let wake = self.client.machine.wake_at();
            let wake = wake.map(|at| at.max(self.asleep_until));
            let Some(next) = due.into_iter().chain(wake).min().filter(|at| *at <= until) else {
                break;
            };
            self.now = self.now.max(next);
            match self.due.first_entry() {
                Some(entry) if entry.key().0 <= self.now => {
                    let due = entry.remove();
                    self.happens(due);
                }
                _ => self.tell(Input::Wake),
            }
        }
        self.now = until;
    }

    fn happens(&mut self, due: Due) {
        match due {
            Due::Hear(input) if self.now < self.asleep_until => {
                self.plan(self.asleep_until, Due::Hear(input));
            }
            Due::Hear(input) => self.tell(input),
            Due::Join(id, cursor) => self.join(id, cursor),
            Due::Read(id, cursor) => self.read(id, cursor),
            Due::Refresh(id, until) => self.refresh(id, until),
            Due::Ping(id) => self.ping(id),
            Due::Expiring(id, until) => {
                // Once a token.
                let is_its = |it: &Line| it.joined && it.token_until == until;
                if self.lines.get(&id).is_some_and(is_its) {
                    self.say(id, Input::Expiring(id));
                }
            }
            Due::Expired(id) => {
                let now = self.now;
                let is_over = |it: &Line| it.joined && it.token_until <= now;
                if self.lines.get(&id).is_some_and(is_over) {
                    self.say(id, Input::Bye(id, "token_expired".into(), true, 0));
                    self.breaks(id);
                }
            }
            Due::Break(id) => self.breaks(id),
        }
    }

    fn tell(&mut self, input: Input) {
        self.client.now = self.now;
        if let Input::Start | Input::Network(true) | Input::Visible(true) = input {
            self.hurries.push(self.now);
        }
        let told = self.client.tell(input);
        for action in told.actions {
            self.carry_out(action);
        }
    }

    fn carry_out(&mut self, action: Action) {
        let soon = self.now + self.latency;
        match action {
            Action::FetchToken { ticket } => self.ask_app(ticket),
            Action::Open {
                connection,
                transport,
                token,
                cursor,
            } => {
                let line = Line {
                    transport,
                    token_until: token.parse().expect("a token of this app"),
                    joined: false,
                    deaf: false,
                    last_arrival: 0,
                };
                self.lines.insert(connection, line);
                if transport != Transport::Pages {
                    self.plan(soon, Due::Join(connection, cursor));
                }
            }
            Action::Close { connection } => {
                self.lines.remove(&connection);
            }
            Action::Refresh { connection, token } => {
                let until = token.parse().expect("a token of this app");
                self.plan(soon, Due::Refresh(connection, until));
            }
            Action::ReadPage { connection, cursor } => {
                self.plan(soon, Due::Read(connection, cursor));
            }
            Action::Resync { .. } | Action::Status(_) => {}
        }
    }

    fn ask_app(&mut self, ticket: u32) {
        let until = self.now + self.token_life;
        let (after, answer) = match self.app {
            App::Gives { after } => (after, Input::Token(ticket, until.to_string())),
            App::GivesExpired => (100, Input::Token(ticket, "0".into())),
            App::Fails { retryable } => (100, Input::TokenFailed(ticket, retryable)),
            App::Hangs => return,
        };
        self.plan(self.now + after, Due::Hear(answer));
    }

    /// The relay says something on a connection. It arrives in order, unless the weather is foul.
    fn say(&mut self, id: u32, input: Input) {
        let (latency, foul) = (self.latency, self.foul);
        let (chance, late) = (self.below(100), self.below(2_000));
        let Some(line) = self.lines.get_mut(&id) else {
            return;
        };
        let path = self.paths[line.transport as usize];
        if line.deaf || matches!(path, Path::Hole | Path::Buffers) {
            return;
        }
        let arrival = line.last_arrival.max(self.now + latency);
        if chance >= foul {
            line.last_arrival = arrival;
            return self.plan(arrival, Due::Hear(input));
        }
        match chance % 3 {
            0 => {}
            1 => {
                self.plan(arrival, Due::Hear(input.clone()));
                self.plan(arrival + late, Due::Hear(input));
            }
            _ => self.plan(arrival + late, Due::Hear(input)),
        }
    }

    /// The connection is gone; the client learns of it, unless its packets vanish.
    fn breaks(&mut self, id: u32) {
        let Some(line) = self.lines.get_mut(&id) else {
            return;
        };
        line.joined = false;
        if !line.deaf && self.paths[line.transport as usize] != Path::Hole {
            line.deaf = true;
            let arrival = line.last_arrival.max(self.now + self.latency);
            self.plan(arrival, Due::Hear(Input::Lost(id)));
        }
    }

    /// What keeps a request from being answered at all, or with more than a refusal.
    fn is_turned_away(&mut self, id: u32) -> bool {
        let Some(line) = self.lines.get(&id) else {
            return true;
        };
        let path = self.path(line.transport);
        let refused = if self.now < self.relay.denies_until {
            Some(("origin_denied", false, None))
        } else if self.now < self.relay.drains_until {
            Some(("draining", true, Some(700)))
        } else if line.token_until <= self.now {
            Some(("token_expired", true, None))
        } else {
            None
        };
        if path == Path::Hole || line.deaf {
            return true;
        }
        if path == Path::Blocked || self.now < self.relay.down_until {
            self.breaks(id);
            return true;
        }
        if let Some((code, retryable, after)) = refused {
            self.say(id, Input::Refused(id, code.into(), retryable, after));
        }
        refused.is_some()
    }

    /// Why one cannot go on from this cursor.
    fn gone(&self, cursor: Cursor) -> Option<ResyncReason> {
        if cursor.epoch.0 != self.relay.epoch {
            Some(ResyncReason::EpochChanged)
        } else if cursor.seq > self.relay.head {
            Some(ResyncReason::UnknownCursor)
        } else {
            (cursor.seq < self.relay.floor).then_some(ResyncReason::Trimmed)
        }
    }

    fn join(&mut self, id: u32, cursor: Option<Cursor>) {
        if self.is_turned_away(id) {
            return;
        }
        let head = self.head();
        let Some(line) = self.lines.get_mut(&id) else {
            return;
        };
        line.joined = true;
        let (transport, until) = (line.transport, line.token_until);
        if transport == Transport::Websocket {
            self.say(id, Input::Opened(id, Some(45_000)));
        }
        let goes_on = cursor.filter(|it| self.gone(*it).is_none());
        let start = goes_on.unwrap_or(head);
        let replayed = head.seq - start.seq;
        let ready = Input::Ready(id, start.to_string(), goes_on.is_some(), replayed);
        self.say(id, ready);
        if let Some(reason) = cursor.and_then(|it| self.gone(it)) {
            self.say(id, Input::Resync(id, reason, head.to_string()));
        }
        for seq in start.seq + 1..=head.seq {
            self.say(id, Input::Event(id, seq, self.at(seq).to_string()));
        }
        self.times_token(id, until);
        self.plan(self.now + PING, Due::Ping(id));
        if let Path::Cuts(after) = self.path(transport) {
            self.plan(self.now + after, Due::Break(id));
        }
    }

    fn times_token(&mut self, id: u32, until: u64) {
        let left = until.saturating_sub(self.now);
        self.plan(self.now + left / 2, Due::Expiring(id, until));
        self.plan(until, Due::Expired(id));
    }

    fn read(&mut self, id: u32, cursor: Option<Cursor>) {
        if self.is_turned_away(id) {
            return;
        }
        if let Some(reason) = cursor.and_then(|it| self.gone(it)) {
            return self.say(id, Input::Resync(id, reason, self.head().to_string()));
        }
        let after = cursor.map_or(self.relay.floor, |it| it.seq);
        let end = self.relay.head.min(after + PAGE);
        // One answer: it comes whole, or not at all.
        let foul = std::mem::take(&mut self.foul);
        for seq in after + 1..=end {
            self.say(id, Input::Event(id, seq, self.at(seq).to_string()));
        }
        let more = end < self.relay.head;
        self.say(id, Input::Page(id, self.at(end).to_string(), more));
        self.foul = foul;
    }

    fn refresh(&mut self, id: u32, until: u64) {
        let now = self.now;
        let Some(line) = self.lines.get_mut(&id).filter(|it| it.joined) else {
            return;
        };
        if until <= now {
            return self.say(id, Input::RefreshRefused(id));
        }
        let is_newer = until > line.token_until;
        line.token_until = line.token_until.max(until);
        self.say(id, Input::Refreshed(id));
        if is_newer {
            self.times_token(id, until);
        }
    }

    fn ping(&mut self, id: u32) {
        if self.lines.get(&id).is_some_and(|it| it.joined) {
            self.say(id, Input::Heard(id));
            self.plan(self.now + PING, Due::Ping(id));
        }
    }

    fn joined(&self) -> Vec<u32> {
        let joined = self.lines.iter().filter(|(_, line)| line.joined);
        joined.map(|(id, _)| *id).collect()
    }

    pub(crate) fn act(&mut self, act: Act) {
        match act {
            Act::Publish(count) => {
                for _ in 0..count {
                    self.relay.head += 1;
                    let seq = self.relay.head;
                    for id in self.joined() {
                        self.say(id, Input::Event(id, seq, self.at(seq).to_string()));
                    }
                }
            }
            Act::Trim(keeps) => {
                self.relay.floor = self.relay.head.saturating_sub(keeps).max(self.relay.floor);
            }
            Act::Restart { down, keeps_log } => {
                self.relay.down_until = self.now + down;
                if !keeps_log {
                    self.relay.epoch += 1;
                    (self.relay.head, self.relay.floor) = (0, 0);
                }
                for id in self.joined() {
                    self.breaks(id);
                }
            }
            Act::Drain(time) => {
                self.relay.drains_until = self.now + time;
                for id in self.joined() {
                    self.say(id, Input::Bye(id, "draining".into(), true, 700));
                    self.breaks(id);
                }
            }
            Act::Deny(time) => self.relay.denies_until = self.now + time,
            Act::Path(transport, path) => self.paths[transport as usize] = path,
            Act::Foul(percent) => self.foul = percent,
            Act::Cut { unnoticed } => {
                for id in self.joined() {
                    if unnoticed {
                        self.lines.get_mut(&id).expect("it is joined").deaf = true;
                    }
                    self.breaks(id);
                }
            }
            Act::App(app) => self.app = app,
            Act::TokenLife(life) => self.token_life = life,
            Act::Latency(latency) => self.latency = latency,
            Act::Online(online) => self.outside(Input::Network(online)),
            Act::Visible(visible) => self.outside(Input::Visible(visible)),
            Act::Sleep(time) => self.asleep_until = self.asleep_until.max(self.now + time),
            Act::StartAgain => {
                if self.client.state() == State::Denied {
                    self.outside(Input::Start);
                }
            }
        }
    }

    /// What the browser says is heard when it is awake.
    fn outside(&mut self, input: Input) {
        self.plan(self.now, Due::Hear(input));
    }

    /// When all are awake, the sun comes out: everything works again. Connections that broke unnoticed stay as they are.
    pub(crate) fn clears_up(&mut self) {
        self.pass(self.asleep_until.saturating_sub(self.now));
        self.relay.down_until = self.now;
        self.relay.drains_until = self.now;
        self.relay.denies_until = self.now;
        self.paths = [Path::Clear; 3];
        self.foul = 0;
        self.app = App::Gives { after: 100 };
        self.token_life = 300_000;
        self.latency = 20;
        self.outside(Input::Network(true));
        self.outside(Input::Visible(true));
        self.outside(Input::Start);
    }
}
