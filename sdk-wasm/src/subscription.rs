use forge_relay_core::subscription::{Options, Subscription, Transport, Verdict};
use forge_relay_core::{Code, ResyncReason};
use wasm_bindgen::prelude::wasm_bindgen;

/// One session's state machine.
#[wasm_bindgen(js_name = Subscription)]
#[derive(Debug)]
pub struct ClientSubscription(Subscription);

#[wasm_bindgen(js_class = Subscription)]
impl ClientSubscription {
    /// `transports` by their names, best first, separated by commas; an unknown one is left out. A `cursor` that is
    /// none is left out, too: the caller has checked it with `parseCursor`.
    #[wasm_bindgen(constructor)]
    pub fn new(seed: f64, transports: &str, cursor: Option<String>) -> Self {
        let options = Options {
            transports: transports.split(',').filter_map(Transport::parse).collect(),
            cursor: cursor.and_then(|text| text.parse().ok()),
            ..Options::default()
        };
        Self(Subscription::new(options, seed as u64))
    }

    /// What to do next, as JSON; `undefined` when all is done.
    #[wasm_bindgen(js_name = nextAction)]
    pub fn next_action(&mut self) -> Option<String> {
        let action = self.0.next_action()?;
        serde_json::to_string(&action).ok()
    }

    /// When to call `wake`, unless something else happens before.
    #[wasm_bindgen(js_name = wakeAt, getter)]
    pub fn wake_at(&self) -> Option<f64> {
        self.0.wake_at().map(|at| at as f64)
    }

    /// Up to where the app has everything.
    #[wasm_bindgen(getter)]
    pub fn cursor(&self) -> Option<String> {
        self.0.cursor().map(|cursor| cursor.to_string())
    }

    /// The time of `wakeAt` has come.
    pub fn wake(&mut self, now: f64) {
        self.0.wake(now as u64);
    }

    /// Begins, or begins again after `denied`.
    pub fn start(&mut self, now: f64) {
        self.0.start(now as u64);
    }

    /// Ends, for good.
    pub fn close(&mut self, now: f64) {
        self.0.close(now as u64);
    }

    /// The app gave a token.
    pub fn token(&mut self, now: f64, ticket: u32, token: &str) {
        self.0.token(now as u64, ticket, token);
    }

    /// The app could not give one.
    #[wasm_bindgen(js_name = tokenFailed)]
    pub fn token_failed(&mut self, now: f64, ticket: u32, retryable: bool) {
        self.0.token_failed(now as u64, ticket, retryable);
    }

    /// The transport is there; `silence` is how long it may say nothing.
    pub fn opened(&mut self, now: f64, connection: u32, silence: Option<f64>) {
        let silence = silence.map(|silence| silence as u64);
        self.0.opened(now as u64, connection, silence);
    }

    /// Something came that is no message.
    pub fn heard(&mut self, now: f64, connection: u32) {
        self.0.heard(now as u64, connection);
    }

    /// `relay:ready`.
    pub fn ready(
        &mut self,
        now: f64,
        connection: u32,
        cursor: &str,
        recovered: bool,
        replayed: f64,
    ) {
        let replayed = replayed as u64;
        self.0
            .ready(now as u64, connection, cursor, recovered, replayed);
    }

    /// An event; answers whether to deliver it, after the actions that wait.
    pub fn event(&mut self, now: f64, connection: u32, seq: f64, cursor: &str) -> bool {
        // What is no whole number becomes one that no cursor has.
        let seq = if seq.fract() == 0.0 {
            seq as u64
        } else {
            u64::MAX
        };
        self.0.event(now as u64, connection, seq, cursor) == Verdict::Deliver
    }

    /// `relay:resync`, or a page's 410. A reason that we do not know is still one.
    pub fn resync(&mut self, now: f64, connection: u32, reason: &str, cursor: &str) {
        let reason = ResyncReason::parse(reason).unwrap_or(ResyncReason::UnknownCursor);
        self.0.resync(now as u64, connection, reason, cursor);
    }

    /// The end of a page.
    pub fn page(&mut self, now: f64, connection: u32, cursor: &str, more: bool) {
        self.0.page(now as u64, connection, cursor, more);
    }

    /// `relay:expiring`.
    pub fn expiring(&mut self, now: f64, connection: u32) {
        self.0.expiring(now as u64, connection);
    }

    /// `relay:refresh` was accepted.
    pub fn refreshed(&mut self, now: f64, connection: u32) {
        self.0.refreshed(now as u64, connection);
    }

    /// `relay:refresh` was refused.
    #[wasm_bindgen(js_name = refreshRefused)]
    pub fn refresh_refused(&mut self, now: f64, connection: u32) {
        self.0.refresh_refused(now as u64, connection);
    }

    /// `relay:bye`.
    pub fn bye(&mut self, now: f64, connection: u32, code: &str, reconnect: bool, after: f64) {
        self.0
            .bye(now as u64, connection, code, reconnect, after as u64);
    }

    /// The relay refused the connection. Where it does not say whether to try again, its code does.
    pub fn refused(
        &mut self,
        now: f64,
        connection: u32,
        code: &str,
        retryable: Option<bool>,
        after: Option<f64>,
    ) {
        let retryable = retryable.unwrap_or_else(|| Code::parse(code).is_some_and(Code::retryable));
        let after = after.map(|after| after as u64);
        self.0
            .refused(now as u64, connection, code, retryable, after);
    }

    /// The connection is gone, or could not be made.
    pub fn lost(&mut self, now: f64, connection: u32) {
        self.0.lost(now as u64, connection);
    }

    /// Whether there is a network.
    pub fn network(&mut self, now: f64, online: bool) {
        self.0.network(now as u64, online);
    }

    /// Whether anybody can see the page.
    pub fn visible(&mut self, now: f64, visible: bool) {
        self.0.visible(now as u64, visible);
    }
}
