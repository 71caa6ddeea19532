//! `serve`: where it listens, what it logs, how it ends.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use serde_json::Value as Json;

use crate::run::{PATIENCE, SECRET, relay};

/// A relay on a free port, and the lines it logs.
struct Serving {
    child: Child,
    lines: mpsc::Receiver<String>,
    address: String,
}

fn serve(test: &str, args: &[&str]) -> Serving {
    let mut run = relay(test, &[&["serve", "--bind", "127.0.0.1:0"], args].concat())
        .env("RELAY_SECRET", SECRET);
    let mut child = run.command.stderr(Stdio::piped()).spawn().unwrap();
    let (tell, lines) = mpsc::channel();
    let stderr = BufReader::new(child.stderr.take().unwrap());
    std::thread::spawn(move || {
        stderr
            .lines()
            .map_while(Result::ok)
            .for_each(|line| drop(tell.send(line)));
    });
    let listening = lines.recv_timeout(PATIENCE).unwrap();
    let listening: Json =
        serde_json::from_str(&listening).expect("JSON, where there is no terminal");
    assert_eq!(listening["message"], "listening");
    let address = listening["address"].as_str().unwrap().to_owned();
    Serving {
        child,
        lines,
        address,
    }
}

impl Serving {
    fn signal(&self, signal: &str) {
        let pid = self.child.id().to_string();
        let status = Command::new("kill").args([signal, &pid]).status().unwrap();
        assert!(status.success());
    }

    fn ended(&mut self) -> (Option<i32>, Vec<String>) {
        let begun = Instant::now();
        let code = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status.code();
            }
            assert!(begun.elapsed() < PATIENCE, "it does not end");
            std::thread::sleep(Duration::from_millis(10));
        };
        (code, self.lines.iter().collect())
    }
}

/// A test that fails leaves no relay behind.
impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn serve_listens_logs_json_and_ends_in_order_at_a_signal() {
    for signal in ["-TERM", "-INT"] {
        let mut relay = serve("serve", &["--log", "trace"]);
        TcpStream::connect(&relay.address).unwrap();
        relay.signal(signal);
        let (code, lines) = relay.ended();
        assert_eq!(code, Some(0), "{lines:?}");
        for line in lines {
            serde_json::from_str::<Json>(&line).unwrap_or_else(|e| panic!("{e}: {line}"));
            assert!(!line.contains(SECRET), "{line}");
        }
    }
}

#[test]
fn a_second_signal_ends_serve_at_once_with_1() {
    let mut relay = serve("second", &[]);
    // A client that never says goodbye holds the drain up.
    let mut client = TcpStream::connect(&relay.address).unwrap();
    let upgrade = "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nhost: relay\r\nconnection: upgrade\r\n\
                   upgrade: websocket\r\nsec-websocket-version: 13\r\n\
                   sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    client.write_all(upgrade.as_bytes()).unwrap();
    let mut answer = [0; 12];
    client.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 101");

    relay.signal("-TERM");
    let first = relay.lines.recv_timeout(PATIENCE).unwrap();
    assert!(first.contains("a second signal ends at once"), "{first}");
    relay.signal("-TERM");
    let (code, lines) = relay.ended();
    assert_eq!(code, Some(1), "{lines:?}");
}

#[test]
fn serve_ends_with_1_when_the_address_is_taken() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let ran = relay(
        "taken",
        &["serve", "--bind", &address, "--log-format", "human"],
    )
    .env("RELAY_SECRET", SECRET)
    .ran()
    .ended(1);
    assert!(
        ran.err.contains(&format!("cannot listen on {address}")),
        "{}",
        ran.err
    );
    assert_eq!(ran.out, "");
}
