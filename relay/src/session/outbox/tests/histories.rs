//! Any history of appends, passes, control packets and drives, over any socket.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use super::*;

#[derive(Debug, Clone)]
enum Step {
    /// Events of these paddings are appended.
    Append(Vec<usize>),
    /// The pump makes a pass of at most this many bytes.
    Pump(usize),
    Control(usize),
    /// The reader's own task gets a turn.
    Drive(usize),
    /// The log drops its oldest event.
    Trim,
    /// Another life of the log begins.
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => vec(0_usize..60, 1..4).prop_map(Step::Append),
        5 => (20_usize..200).prop_map(Step::Pump),
        3 => (0_usize..40).prop_map(Step::Control),
        4 => (20_usize..200).prop_map(Step::Drive),
        1 => Just(Step::Trim),
        1 => Just(Step::Restart),
    ]
}

fn takes() -> impl Strategy<Value = Takes> {
    prop_oneof![
        4 => Just(Takes::All),
        4 => any::<u8>().prop_map(Takes::Part),
        3 => Just(Takes::Nothing),
        1 => Just(Takes::Zero),
    ]
}

/// One reader, its log and a pump, step by step.
struct Life {
    outbox: Outbox,
    log: Mutex<Log>,
    wire: Wire,
    limits: LogLimits,
    /// The pump's epoch and place.
    pumped: (Epoch, u64),
    /// Control packets that were accepted, and the place at which each belongs.
    controls: Vec<u64>,
    broken: bool,
}

impl Life {
    fn step(&mut self, step: &Step) {
        match step {
            Step::Append(paddings) => {
                for padding in paddings {
                    let mut log = self.log.lock();
                    let event = frame(b'E', log.head() + 1, *padding);
                    log.push(event, Instant::now(), &self.limits);
                }
            }
            Step::Pump(budget) => self.pump(*budget),
            Step::Control(padding) => self.control(*padding),
            Step::Drive(budget) => {
                let progress = self.outbox.drive(Some(&self.log), *budget, &self.wire);
                self.broken |= progress == Progress::Broken;
                if !self.broken {
                    assert_eq!(progress == Progress::Done, !self.outbox.behind());
                }
            }
            Step::Trim => {
                self.log.lock().drop_oldest();
            }
            Step::Restart => {
                let mut log = self.log.lock();
                let (epoch, head) = (log.epoch().0 + 1, log.head() + 10);
                log.restart(Epoch(epoch), head);
            }
        }
        self.check();
    }

    /// As a session's pump does it.
    fn pump(&mut self, budget: usize) {
        let log = self.log.lock();
        let mut frames = Vec::new();
        let (epoch, mut after) = self.pumped;
        if epoch != log.epoch() {
            after = log.floor();
        }
        if log.after(after, budget, &mut frames) == Found::Trimmed {
            after = log.floor();
            log.after(after, budget, &mut frames);
        }
        let epoch = log.epoch();
        drop(log);
        self.pumped = (epoch, after + frames.len() as u64);
        let joined = frames.concat();
        let batch = Batch {
            epoch,
            after,
            frames: &frames,
            joined: &joined,
        };
        let was_behind = self.outbox.behind();
        let progress = self.outbox.offer(&batch, &self.wire);
        self.broken |= progress == Progress::Broken;
        if !self.broken {
            let fell_behind = self.outbox.behind() && !was_behind;
            assert_eq!(
                progress == Progress::Blocked,
                fell_behind,
                "its task is woken"
            );
        }
    }

    fn control(&mut self, padding: usize) {
        let number = self.controls.len() as u64;
        let packet = frame(b'C', number, padding);
        let (length, behind) = (packet.len(), self.outbox.behind());
        let cut = if self.outbox.sent > 0 {
            self.outbox.queue[0].len() - self.outbox.sent
        } else {
            0
        };
        let fits = self.outbox.queued() - cut + length <= LIMIT;
        let progress = self.outbox.control(packet, LIMIT, &self.wire);
        if behind && !fits {
            assert_eq!(progress, Progress::Broken);
            return; // a connection is cut then; the outbox stays whole all the same
        }
        self.broken |= progress == Progress::Broken;
        self.controls.push(self.outbox.place);
    }

    /// What holds after every step.
    fn check(&self) {
        let outbox = &self.outbox;
        let in_queue: usize = outbox.queue.iter().map(|frame| frame.len()).sum();
        assert_eq!(outbox.queued(), in_queue - outbox.sent, "exact accounting");
        let wire = self.wire.bytes.borrow();
        assert_eq!(outbox.handed() as usize, wire.len());
        let (_, cut) = frames_on(&wire);
        assert_eq!(
            cut, outbox.sent,
            "the front of the queue is what is cut on the wire"
        );
        if let Some(first) = outbox.queue.front() {
            assert!(outbox.sent < first.len());
        } else {
            assert_eq!(outbox.queue.capacity(), 0, "nothing queued, no buffer");
        }
        if !outbox.behind() && !self.broken {
            assert!(outbox.queue.is_empty());
            let (epoch, pumped) = self.pumped;
            assert!(
                outbox.epoch != epoch || outbox.place >= pumped,
                "the invariant"
            );
        }
    }

    /// What the client makes of the wire, from this place on.
    fn read(&mut self, mut place: u64) -> u64 {
        let (frames, cut) = frames_on(&self.wire.bytes.borrow());
        assert!(cut == 0 || self.broken);
        let mut controls = self.controls.iter().enumerate();
        let mut resyncs = self.wire.resyncs.borrow().clone().into_iter();
        let mut delivered = 0;
        for (kind, number) in frames {
            match kind {
                b'E' => {
                    assert_eq!(number, place + 1, "a hole, a repeat or a reorder");
                    place = number;
                    delivered += 1;
                }
                b'R' => {
                    let (_, cursor) = resyncs.next().unwrap();
                    assert_eq!(number, cursor.seq);
                    assert!(number >= place, "a resync never goes back");
                    place = number;
                }
                b'C' => {
                    let (index, at) = controls.next().unwrap();
                    assert_eq!((number, place), (index as u64, *at), "in order");
                }
                other => panic!("a frame of kind {other}"),
            }
        }
        if !self.broken {
            assert_eq!(controls.next(), None, "each accepted one arrives");
            assert!(resyncs.next().is_none());
            assert_eq!(self.outbox.take_delivered(), delivered);
        }
        place
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 300,
        rng_seed: RngSeed::Fixed(4),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn no_history_loses_repeats_or_reorders_anything(
        start in 0_u64..3,
        log_events in 2_usize..20,
        steps in vec(step(), 1..60),
        script in vec(takes(), 0..60),
        breaks_after in proptest::option::weighted(0.1, 0_usize..40),
    ) {
        let mut script = script;
        if let Some(at) = breaks_after {
            let at = at.min(script.len());
            script.insert(at, Takes::Breaks);
        }
        let mut run = Life {
            outbox: Outbox::default(),
            log: Mutex::new(Log::new(EPOCH, start)),
            wire: Wire::that(script),
            limits: LogLimits { events: log_events, ..WIDE },
            pumped: (EPOCH, start),
            controls: vec![start],
            broken: false,
        };
        run.outbox.join(cursor(start));
        run.outbox.enqueue(frame(b'C', 0, 7));
        for step in &steps {
            run.step(step);
            if run.broken {
                break;
            }
        }
        // In the end the client reads all.
        run.wire.script.borrow_mut().clear();
        run.step(&Step::Pump(usize::MAX));
        while run.outbox.behind() && !run.broken {
            run.step(&Step::Drive(100));
        }
        let place = run.read(start);
        if !run.broken {
            prop_assert_eq!(place, run.log.lock().head(), "a reader that lives on has everything");
        }
    }
}
