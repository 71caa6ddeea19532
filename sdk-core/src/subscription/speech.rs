//! What connections say, and how they end.

use std::borrow::Cow;

use super::Transport;
use super::action::{Action, Verdict};
use super::connection::{Connection, Page, Renewal};
use super::ladder::End;
use super::machine::{Phase, RUSH, STEADY, Subscription, Which};
use super::place::Fit;
use crate::{Code, Cursor, ResyncReason};

/// The longest pause that a relay may ask for.
const LONGEST_WISH: u64 = 300_000;

impl Subscription {
    pub(super) fn is_ready(
        &mut self,
        now: u64,
        which: Which,
        cursor: Cursor,
        recovered: bool,
        replayed: u64,
    ) {
        // While this connection was made, the other one may have brought some of what it replays.
        let had = self.place.beyond(cursor);
        let Some(it) = self.slot(which) else { return };
        if it.is_ready() {
            return self.out_of_order(now, which);
        }
        let sent = it.sent;
        it.ready_at = Some(now);
        it.heard_at = now;
        it.to_replay = match it.transport {
            _ if !recovered => 0,
            Transport::Pages => replayed,
            _ => replayed.saturating_sub(had),
        };

        let goes_on = recovered && sent == Some(cursor);
        if sent.is_some() && !goes_on {
            it.resync_due = Some(cursor);
        }
        let starts_elsewhere = sent.is_none() && self.place.cursor().is_some_and(|at| at != cursor);
        if recovered && !goes_on || starts_elsewhere {
            return self.out_of_order(now, which);
        }
        if which == Which::Candidate {
            self.take_over(now);
        }
        self.was_ready = true;
        self.reason = None;
        if self.better_at.is_none() {
            self.better_at = self.ladder.return_at(now, &mut self.dice);
        }
        // Where nothing was sent, or what was sent counts as lost since, this is where things begin.
        if (sent.is_none() || goes_on)
            && self.place.cursor().is_none()
            && let Some(reason) = self.place.start(cursor)
        {
            self.actions.push_back(Action::Resync { reason, cursor });
        }
    }

    /// The candidate is ready: it replaces the other.
    pub(super) fn take_over(&mut self, now: u64) {
        let replaced = self.cut(now, Which::Current).map(|it| it.transport);
        self.current = self.candidate.take();
        if self.current.as_ref().map(|it| it.transport) != replaced {
            self.ladder.better_works();
            self.better_at = None;
        }
    }

    pub(super) fn take(&mut self, now: u64, which: Which, seq: u64, cursor: &str) -> Verdict {
        let Some(it) = self.slot(which) else {
            return Verdict::Skip;
        };
        it.heard_at = now;
        if it.is_skipping() {
            return Verdict::Skip;
        }
        let id = it.id;
        let may_speak = it.is_ready() || it.transport == Transport::Pages;
        let cursor = cursor
            .parse::<Cursor>()
            .ok()
            .filter(|cursor| cursor.seq == seq);
        let (true, Some(cursor)) = (may_speak, cursor) else {
            self.out_of_order(now, which);
            return Verdict::Skip;
        };
        self.resync_that_never_came(id);
        match self.place.take(cursor) {
            Fit::Gap => {
                self.out_of_order(now, which);
                Verdict::Skip
            }
            Fit::Had => Verdict::Skip,
            Fit::Next => {
                if let Some(it) = self.slot(which) {
                    it.replayed_one();
                }
                Verdict::Deliver
            }
        }
    }

    pub(super) fn jump(&mut self, now: u64, which: Which, reason: ResyncReason, cursor: Cursor) {
        let Some(it) = self.slot(which) else { return };
        if !it.is_ready() && it.transport != Transport::Pages {
            return self.out_of_order(now, which);
        }
        it.heard_at = now;
        it.resynced();
        let begins = !it.is_ready();
        let reads = it.transport == Transport::Pages;
        self.place.jump(cursor);
        self.actions.push_back(Action::Resync { reason, cursor });
        if reads {
            let next = Page::At(now + self.page_pause());
            if let Some(it) = self.slot(which) {
                // From here on it has a place, the head: nothing follows at once.
                it.page = next;
                it.sent = Some(cursor);
                it.read_to = Some(cursor);
            }
            if begins {
                self.is_ready(now, which, cursor, true, 0);
            }
        }
    }

    /// A connection that could not go on from our cursor, and then says anything but `relay:resync`.
    pub(super) fn resync_that_never_came(&mut self, id: u32) {
        if let Some(it) = self.connection(id)
            && let Some(cursor) = it.resync_due
        {
            it.resynced();
            let reason = ResyncReason::UnknownCursor;
            self.place.jump(cursor);
            self.actions.push_back(Action::Resync { reason, cursor });
        }
    }

    pub(super) fn page_ends(&mut self, now: u64, which: Which, cursor: Cursor, more: bool) {
        let pause = if more { 0 } else { self.page_pause() };
        let Some(it) = self.slot(which) else { return };
        let gets_on = it.read_to.replace(cursor) != Some(cursor);
        if !matches!(it.page, Page::Until(_)) || more && !gets_on {
            return self.out_of_order(now, which);
        }
        it.heard_at = now;
        it.page = Page::At(now + pause);
        it.to_replay = u64::from(more);
        let (sent, is_ready) = (it.sent, it.is_ready());
        if it.is_skipping() {
            // The head is where the first page ends that has no successor.
            if !more {
                self.is_ready(now, which, cursor, false, 0);
            }
            return;
        }
        // The other connection may be ahead, but no event of the page may have been missing.
        let had = |at: Cursor| at.epoch == cursor.epoch && at.seq >= cursor.seq;
        if !self.place.cursor().is_some_and(had) {
            return self.out_of_order(now, which);
        }
        if let (false, Some(sent)) = (is_ready, sent) {
            self.is_ready(now, which, sent, true, u64::from(more));
        }
    }

    /// How long to wait before the next page, when one has come that ends at the head.
    pub(super) fn page_pause(&mut self) -> u64 {
        self.dice.about(if self.visible {
            self.options.page_pause
        } else {
            self.options.hidden_page_pause
        })
    }

    /// What came does not fit: the connection is not to be trusted, another one shall go on from our place.
    pub(super) fn out_of_order(&mut self, now: u64, which: Which) {
        let Some(gone) = self.cut(now, which) else {
            return;
        };
        if which == Which::Candidate {
            return self.candidate_failed(now, &gone);
        }
        self.place.gap();
        let pause = self.pause(None);
        self.lost_for(now, "out_of_order", pause);
    }

    /// A connection ended without a word.
    pub(super) fn broke(&mut self, now: u64, which: Which, end: Option<End>) {
        let Some(gone) = self.cut(now, which) else {
            return;
        };
        if which == Which::Candidate {
            return self.candidate_failed(now, &gone);
        }
        let reason = match (end, gone.ready_at) {
            (Some(_), None) => "timed_out",
            (Some(_), Some(_)) => "silent",
            (None, None) => "unreachable",
            (None, Some(_)) => "connection_lost",
        };
        let end = self.blame(now, &gone, end);
        if self.ladder.ended(end) {
            self.better_at = None;
        }
        let pause = self.pause(None);
        self.lost_for(now, reason, pause);
    }

    /// What the end of a connection says about its transport.
    pub(super) fn blame(&self, now: u64, gone: &Connection, end: Option<End>) -> End {
        if self.proves_nothing() {
            return End::Innocent;
        }
        match (gone.ready_at, end) {
            (None, end) => end.unwrap_or(End::NeverReady),
            // Its comments do not come through: something on the way holds them back.
            (Some(_), Some(end)) if gone.transport == Transport::Sse => end,
            _ if gone.has_lived(now, self.options.short_life) => End::Innocent,
            _ => End::Short,
        }
    }

    /// The machine slept, or has no network: what breaks now says nothing about how it was connected.
    pub(super) fn proves_nothing(&self) -> bool {
        self.overslept || !self.online
    }

    pub(super) fn lost_for(&mut self, now: u64, reason: &str, pause: u64) {
        self.cut(now, Which::Candidate);
        self.retry_at = now + pause;
        self.reason = Some(known(reason));
    }

    pub(super) fn deny(&mut self, now: u64, reason: &str) {
        self.drop_everything(now);
        self.phase = Phase::Denied;
        self.reason = Some(known(reason));
    }

    /// How long to wait before the next attempt: longer with each failure, and no less than the relay asks for, within
    /// reason and spread a little.
    pub(super) fn pause(&mut self, wish: Option<u64>) -> u64 {
        let own = self.backoff.next(&mut self.dice);
        match wish {
            Some(after) => own.max(after.min(LONGEST_WISH) + self.dice.below(RUSH)),
            None => own,
        }
    }

    /// Nothing says beforehand when the token ends that pages are read with. When it did, they are read on with another
    /// one, as with a stream's successor, but there is less time for it.
    pub(super) fn outlived_token(&mut self, now: u64, which: Which, code: &str) -> bool {
        let since = self.last_number;
        let until = now + self.options.ready_deadline;
        let outlived = |it: &&mut Connection| {
            which == Which::Current
                && is_about_tokens(code)
                && it.transport == Transport::Pages
                && it.renewal == Renewal::NotDue
                && it.has_lived(now, STEADY)
        };
        let Some(it) = self.current.as_mut().filter(outlived) else {
            return false;
        };
        it.page = Page::Until(until);
        it.renewal = Renewal::Due { since, try_at: now };
        self.renewal_backoff.reset();
        true
    }

    /// Whether the code says that the token is no good, so that the next attempt needs another one.
    pub(super) fn forget_token_after(&mut self, code: &str) -> bool {
        let is_about_tokens = is_about_tokens(code);
        if is_about_tokens {
            self.token = None;
        }
        is_about_tokens
    }

    pub(super) fn candidate_failed(&mut self, now: u64, gone: &Connection) {
        let current = self.current.as_ref().map(|it| it.transport);
        if current == Some(gone.transport) {
            self.renew_later(now);
        } else if !self.proves_nothing() && self.ladder.better_failed() {
            self.better_at = Some(now);
        } else {
            self.better_at = self.ladder.return_at(now, &mut self.dice);
        }
    }

    pub(super) fn renew_later(&mut self, now: u64) {
        let pause = self.renewal_backoff.next(&mut self.dice).max(RUSH);
        if let Some(current) = &mut self.current {
            let (Renewal::Due { since, .. } | Renewal::Sent { since, .. }) = current.renewal else {
                return;
            };
            let try_at = now + pause;
            current.renewal = Renewal::Due { since, try_at };
        }
    }

    pub(super) fn no_token(&mut self, now: u64, retryable: bool) {
        const REASON: &str = "token_failed";
        if let Some(current) = &self.current {
            if let Renewal::Due { .. } = current.renewal {
                self.renew_later(now);
            }
            if self.better_at.is_some() {
                self.ladder.put_off();
                self.better_at = self.ladder.return_at(now, &mut self.dice);
            }
        } else if retryable {
            let pause = self.pause(None);
            self.lost_for(now, REASON, pause);
        } else {
            self.deny(now, REASON);
        }
    }

    /// Something came back, a network or a reader's eyes: no reason to wait any longer.
    pub(super) fn hurry(&mut self, now: u64) {
        self.backoff.reset();
        match &mut self.current {
            None => {
                let soon = now + self.dice.below(RUSH);
                self.retry_at = self.retry_at.min(soon);
            }
            Some(current) => {
                if let Page::At(at) = &mut current.page {
                    *at = now.min(*at);
                }
            }
        }
    }
}

fn is_about_tokens(code: &str) -> bool {
    code.starts_with("token_") || code == Code::SessionMismatch.as_str()
}

/// A reason that an app may see. The text of a code that is known costs nothing; what is no code at all is not shown.
fn known(reason: &str) -> Cow<'static, str> {
    let is_code = |text: &str| {
        (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
    };
    match Code::parse(reason) {
        Some(code) => Cow::Borrowed(code.as_str()),
        None if is_code(reason) => Cow::Owned(reason.to_owned()),
        None => Cow::Borrowed("unknown"),
    }
}
