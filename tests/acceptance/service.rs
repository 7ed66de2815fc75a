//! What a service manager hands to the gateway and hears from it: sockets that it opened, and how the process does.

use std::io::Read;
use std::os::unix::net::UnixDatagram;
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::world::gateway::program;
use crate::world::{Answer, Origin, Setup, Wire, World, until};

const PATIENCE: Duration = Duration::from_secs(20);

/// A free port for a moment: systemd-socket-activate has no other way to be told one.
fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

#[test]
fn a_service_manager_hears_when_the_gateway_serves_reloads_lives_upgrades_and_stops() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
    let mut said = Vec::new();
    let mut hear = |what: &str| {
        until(PATIENCE, what, || {
            let mut room = [0; 1024];
            while let Ok(length) = socket.recv(&mut room) {
                said.push(String::from_utf8(room[..length].to_vec()).unwrap());
            }
            let at = said.iter().position(|words| what.split('|').all(|part| words.contains(part)))?;
            Some(said.drain(..=at).next_back().unwrap())
        })
    };
    let env = vec![
        ("NOTIFY_SOCKET".to_owned(), path.to_str().unwrap().to_owned()),
        ("WATCHDOG_USEC".to_owned(), "200000".to_owned()),
    ];
    let origin = Origin::echo();
    let world = World::start(&Setup { env, own_program: true, ..Setup::default() });
    hear(&format!("READY=1|MAINPID={}|STATUS=0 open flows; generation 1", world.pid()));
    let wire = Wire::tunnel(world.proxy(), &format!("{}:{}", crate::world::setup::NEWS, origin.port()));
    hear("WATCHDOG=1|STATUS=1 open flows");
    world.signal(Signal::HUP);
    let reloading = hear("RELOADING=1");
    let at: u64 = reloading.split("MONOTONIC_USEC=").nth(1).unwrap().trim().parse().unwrap();
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    let now = now.tv_sec as u64 * 1_000_000 + now.tv_nsec as u64 / 1000;
    assert!(at <= now && now - at < 60_000_000, "{at} {now}");
    hear("READY=1");
    let new = world.upgrade();
    hear(&format!("MAINPID={new}|READY=1"));
    // The new one speaks for both.
    hear("WATCHDOG=1|STATUS=0 open flows, and 1 of the process before; generation 3");
    kill_process(Pid::from_raw(new.try_into().unwrap()).unwrap(), Signal::TERM).unwrap();
    hear("STOPPING=1|EXTEND_TIMEOUT_USEC=40000000");
    drop(wire);
    assert_eq!(world.ended(PATIENCE).code(), Some(0));
}

#[test]
fn a_listener_takes_the_socket_that_a_service_manager_opened_for_its_name_or_its_address() {
    let origin = Origin::http(|_| Answer::ok("hello"));
    for by_name in [true, false] {
        let dir = tempfile::tempdir().unwrap();
        let [port, other] = [free_port(), free_port()];
        // By its name a listener may be said to be elsewhere; its own port is never bound then.
        let listen = if by_name { "127.0.0.1:0".to_owned() } else { format!("127.0.0.1:{port}") };
        Setup { listen, ..Setup::default() }.write(dir.path());
        let mut command = Command::new("systemd-socket-activate");
        command.arg(format!("--listen=127.0.0.1:{port}")).arg(format!("--listen=127.0.0.1:{other}"));
        command.arg(if by_name { "--fdname=staff:other" } else { "--fdname=unknown:other" });
        command.arg(program()).arg("run").arg("-c").arg(dir.path().join("clearway.toml"));
        let mut process = command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        // It starts the gateway when somebody comes.
        let proxy = std::net::SocketAddr::from(([127, 0, 0, 1], port));
        let mut wire = until(PATIENCE, "the socket to be open", || {
            std::net::TcpStream::connect(proxy).ok().map(|_| Wire::connect(proxy))
        });
        wire.patience(PATIENCE);
        assert_eq!(wire.get(&format!("http://{}:{}/", crate::world::setup::NEWS, origin.port())).status, 200);
        let told =
            until(PATIENCE, "its addresses", || std::fs::read_to_string(dir.path().join("state/addresses.json")).ok());
        assert!(told.contains(&format!("\"staff\":\"{proxy}\"")), "{told}");
        kill_process(Pid::from_child(&process), Signal::TERM).unwrap();
        assert!(process.wait().unwrap().success());
        let mut said = String::new();
        process.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        assert!(said.contains("no listener of the configuration is meant by a socket that was handed over"), "{said}");
    }
}
