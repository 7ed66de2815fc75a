//! One scene with one carrier, from an empty world to what was seen.

use std::path::Path;
use std::time::Duration;

use super::Scene;
use super::peak::appointment;
use crate::carrier::{Carrier, Setup};
use crate::clock;
use crate::link::{Link, Record};
use crate::script::{Diary, Script};
use crate::tally::Tally;
use crate::world::{Space, World, cpu_seconds};

/// After the last question that counts: its answer is waited for, then the diary is written.
const END: Duration = Duration::from_secs(60);
/// Between the start of the clients' process and the scene's beginning.
const LEAD: u64 = 500 * clock::MILLI;

/// All that was seen of a scene.
pub struct Seen {
    /// The scene's beginning, on the lab's clock.
    pub zero: u64,
    /// What the link saw.
    pub record: Record,
    /// What clients wrote down.
    pub diary: Diary,
    /// What servers received of each member of staff.
    pub up: Tally,
    /// How long each was on a processor in the part that counts, in seconds.
    pub cpu: Cpu,
    /// Packets that the link's process was too slow to take in.
    pub spilled: u64,
}

/// Seconds on a processor.
#[derive(Clone, Copy, Debug, Default, serde::Serialize, serde::Deserialize)]
pub struct Cpu {
    pub carrier: f64,
    pub link: f64,
    pub clients: f64,
    pub servers: f64,
    /// All processors of the machine, this lab's or not.
    pub machine: f64,
}

/// Plays a scene. The link is as given but for the scene's truth; the carrier is told what is given.
pub fn act(scene: &Scene, carrier: Carrier, setup: &Setup, link: &Link, play: &Play<'_>) -> Seen {
    let real = |rate: u64| (rate as f64 * scene.truth) as u64;
    let world = World::build(&Link { down: real(link.down), up: real(link.up), ..*link }, play.control, play.dir);
    let sums = play.dir.join("servers.json");
    let mut servers = world.play("servers", Space::Internet, &["servers", sums.to_str().unwrap()]).ready();
    // Only a carrier that knows peaks waits for a whole minute.
    let appointment = scene.peak.filter(|_| carrier.has_files()).map(appointment);
    let peak = appointment.as_ref().map(|appointment| appointment.window.clone());
    let mut carrying = carrier.start(&world, link, &Setup { peak, ..setup.clone() });
    let soon = clock::now() + LEAD;
    let zero = appointment.map_or(soon, |appointment| appointment.zero);
    assert!(zero >= soon, "the carrier was too slow to start for the window");
    std::thread::sleep(clock::until(zero - LEAD));
    let script = Script {
        seed: play.seed,
        zero,
        route: carrying.route,
        clinical: scene.clinical.clone(),
        crews: scene.crews.clone(),
        patience: scene.patience,
        from: scene.from,
        to: scene.to,
    };
    let [lines, diary] = ["script.json", "diary.json"].map(|name| play.dir.join(name));
    std::fs::write(&lines, serde_json::to_vec_pretty(&script).unwrap()).unwrap();
    let arguments = ["clients", lines.to_str().unwrap(), diary.to_str().unwrap()];
    let mut clients = world.play("clients", Space::Clients, &arguments);
    let sleep_to = |at: f64| std::thread::sleep(clock::until(zero + clock::nanos(at)));
    let cpu = |carrier: f64| Cpu {
        carrier,
        link: cpu_seconds(world.link()),
        clients: cpu_seconds(clients.id()),
        servers: cpu_seconds(servers.id()),
        machine: machine(),
    };
    sleep_to(scene.from);
    let before = cpu(carrying.cpu());
    for (at, change) in &scene.changes {
        sleep_to(*at);
        carrying.change(*change);
    }
    sleep_to(scene.to);
    let after = cpu(carrying.cpu());
    carrying.check();
    clients.ended(END);
    carrying.check();
    servers.close();
    servers.ended(END);
    drop(carrying);
    let spilled = world.spilled();
    let record = world.end();
    let read = |path: &Path| std::fs::read(path).unwrap();
    Seen {
        zero,
        record,
        diary: serde_json::from_slice(&read(&diary)).unwrap(),
        up: serde_json::from_slice(&read(&sums)).unwrap(),
        cpu: after.less(before),
        spilled,
    }
}

/// How a scene is played.
pub struct Play<'a> {
    /// What chance is drawn from.
    pub seed: u64,
    /// By what TCP sends.
    pub control: &'a str,
    /// Where files go.
    pub dir: &'a Path,
}

impl Cpu {
    fn less(self, other: Cpu) -> Cpu {
        Cpu {
            carrier: self.carrier - other.carrier,
            link: self.link - other.link,
            clients: self.clients - other.clients,
            servers: self.servers - other.servers,
            machine: self.machine - other.machine,
        }
    }
}

/// Seconds that the processors were not idle (proc(5): user nice system idle iowait irq softirq steal).
fn machine() -> f64 {
    let stat = std::fs::read_to_string("/proc/stat").unwrap_or_default();
    let first = stat.lines().next().unwrap_or_default();
    let ticks: Vec<f64> = first.split_whitespace().skip(1).filter_map(|field| field.parse().ok()).collect();
    [0, 1, 2, 5, 6, 7].iter().filter_map(|at| ticks.get(*at)).sum::<f64>() / 100.0
}
