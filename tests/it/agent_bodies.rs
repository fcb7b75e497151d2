//! Can strangers make an agent hold their bytes for long, or many of them?

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use actix_web::{App, HttpServer, web};
use sealbid::auth::provider::install_providers;
use sealbid::clock::ManualClock;
use sealbid::custodian::chain::Chain;
use sealbid::custodian::home::Home;
use sealbid::custodian::http::{Limits, Service, routes};

use crate::agent_folders::opened;
use crate::server::{agent_home, listener, member, signed_roster};
use crate::support::{START, TestFolder, folder, wait};

/// An agent with these limits, in this process.
struct Agent {
    address: SocketAddr,
    handle: actix_web::dev::ServerHandle,
    _home: TestFolder,
}

impl Drop for Agent {
    fn drop(&mut self) {
        wait(self.handle.stop(false));
    }
}

fn agent(name: &str, limits: Limits) -> Agent {
    install_providers();
    let home = folder(name);
    let members: Vec<_> = (1..=5).map(|n| member(&home, n, n, &listener("127.0.0.1:0"))).collect();
    let rosters = Chain::begin(signed_roster(members)).unwrap();
    Home::enrol(&agent_home(&home, 1), &rosters).unwrap();
    let loaded = opened(&agent_home(&home, 1));
    let service = Service::new(loaded, Arc::new(ManualClock::new(START)), limits);
    let service = web::Data::new(service);
    let app = move || App::new().app_data(service.clone()).configure(routes);
    let at = listener("127.0.0.1:0");
    let address = at.local_addr().unwrap();
    let handle = wait(async move {
        let server = HttpServer::new(app).workers(1).disable_signals().listen(at).unwrap().run();
        let handle = server.handle();
        tokio::spawn(server);
        handle
    });
    Agent { address, handle, _home: home }
}

/// Sends the beginning of a request that declares a longer body.
fn send(agent: &Agent, path: &str, declared: usize, sent: usize) -> TcpStream {
    let mut stream = TcpStream::connect(agent.address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: agent\r\ncontent-type: application/json\r\n\
         content-length: {declared}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(&vec![b' '; sent]).unwrap();
    stream
}

/// What is answered until the agent lets the connection go.
fn answer(mut stream: TcpStream) -> String {
    let mut all = Vec::new();
    stream.read_to_end(&mut all).unwrap();
    String::from_utf8(all).unwrap()
}

#[test]
fn what_is_larger_than_its_path_takes_is_refused_before_it_is_sent() {
    let agent = agent("bodies-large", Limits::new(1 << 20, 1_000));
    for (path, bytes) in [
        ("/challenge", 64 << 20),
        ("/add-checkpoint", 65 << 10),
        ("/adopt", 1 << 20),
        ("/recipient", 1 << 20),
        ("/challenges", 1 << 20),
        ("/unit", 3 << 20),
        ("/close", 65 << 20),
    ] {
        let told = answer(send(&agent, path, bytes, 0));
        assert!(told.starts_with("HTTP/1.1 413 "), "{path}: {told}");
        assert!(told.contains("web-body-size"), "{path}: {told}");
    }
    // One that declares nothing is refused when it has sent too much.
    let mut stream = TcpStream::connect(agent.address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let head = "POST /adopt HTTP/1.1\r\nhost: agent\r\ntransfer-encoding: chunked\r\n\r\n";
    let piece = format!("10000\r\n{}\r\n1\r\n \r\n", " ".repeat(0x10000));
    stream.write_all(format!("{head}{piece}").as_bytes()).unwrap();
    assert_eq!(answer_line(&mut stream), "HTTP/1.1 413 ");
}

fn answer_line(stream: &mut TcpStream) -> String {
    let mut line = [0; 13];
    stream.read_exact(&mut line).unwrap();
    String::from_utf8(line.to_vec()).unwrap()
}

#[test]
fn half_a_body_that_falls_silent_is_let_go() {
    let silence = Duration::from_millis(300);
    let agent = agent("bodies-silent", Limits { silence, ..Limits::new(1 << 20, 1_000) });
    for path in ["/challenge", "/close", "/adopt"] {
        let told = answer(send(&agent, path, 60 << 10, 30 << 10));
        assert!(told.starts_with("HTTP/1.1 400 "), "{path}: {told}");
        assert!(told.contains("web-body-json"), "{path}: {told}");
    }
}

#[test]
fn what_comes_longest_is_let_go_when_all_together_hold_too_much() {
    let (silence, bodies) = (Duration::from_secs(600), 1 << 20);
    let agent = agent("bodies-many", Limits { silence, bodies, ..Limits::new(1 << 20, 1_000) });
    let (tell, told) = std::sync::mpsc::channel();
    for _ in 0..2 {
        let (mut stream, tell) = (send(&agent, "/close", 8 << 20, 700 << 10), tell.clone());
        std::thread::spawn(move || {
            let mut all = Vec::new();
            let read = stream.read_to_end(&mut all);
            let _ = tell.send((read, all, stream));
        });
    }
    // Bytes that were on their way may cost it the words.
    let (read, all, _stream) = told.recv_timeout(Duration::from_secs(120)).unwrap();
    match read {
        Ok(_) => assert!(all.starts_with(b"HTTP/1.1 503 ")),
        Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset),
    }
    // Who asks little is answered.
    let small = answer_line(&mut send(&agent, "/recipient", 2, 2));
    assert_eq!(small, "HTTP/1.1 400 ");
}
