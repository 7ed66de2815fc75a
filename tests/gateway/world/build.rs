//! Builds the world, and reads the gateway's log.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::map::{BLOCKED, CARE, DENIED, Family, MIXED, SITES, Site, V4, V6};
use super::origin;
use super::process::{done, within};
use super::sandbox::{Space, batch};
use super::space::begin;

pub const CLEARWAY: &str = env!("CARGO_BIN_EXE_clearway");
/// How long a record may take once its flow is over.
const PATIENCE: Duration = Duration::from_secs(10);

/// The world. It goes away with this process.
pub struct World {
    dir: tempfile::TempDir,
    gateway: Child,
}

/// A line of the access log.
#[derive(Debug)]
pub struct Record(Value);

impl Record {
    /// Those of a log, in their order; the last line may be half written.
    pub fn read(log: &Path) -> Vec<Record> {
        let text = std::fs::read_to_string(log).unwrap_or_default();
        let (whole, _) = text.rsplit_once('\n').unwrap_or_default();
        whole.lines().map(|line| Record(serde_json::from_str(line).unwrap())).collect()
    }

    /// A field as text; `-` where there is none.
    pub fn text(&self, field: &str) -> String {
        match &self.0[field] {
            Value::Null => "-".to_owned(),
            Value::String(text) => text.clone(),
            other => other.to_string(),
        }
    }

    /// Side and reason.
    pub fn end(&self) -> String {
        format!("{}: {}", self.text("side"), self.text("reason"))
    }
}

impl World {
    /// Builds it, with the gateway's script run on the gateway.
    pub fn build() -> World {
        let dir = tempfile::tempdir().unwrap();
        for space in Space::ALL {
            space.make();
        }
        wires();
        until("the wires are ready", settled);
        let (ready, is_ready) = std::sync::mpsc::channel();
        begin(Space::Internet, move || origin::serve(ready));
        is_ready.recv().unwrap();
        std::fs::write(dir.path().join("clearway.toml"), configuration()).unwrap();
        std::fs::write(dir.path().join("policy.toml"), policy()).unwrap();
        run(&print(&dir.path().join("clearway.toml"), &[]));
        let mut gateway = within(Space::Gateway, CLEARWAY);
        gateway.args(["run", "-c"]).arg(dir.path().join("clearway.toml"));
        let errors = std::fs::File::create(dir.path().join("errors")).unwrap();
        let gateway = gateway.stdout(Stdio::null()).stderr(errors).spawn().unwrap();
        let world = World { dir, gateway };
        until("the gateway listens", || {
            std::fs::read_to_string(world.dir.path().join("errors")).unwrap().matches("listening").count() == 6
        });
        world
    }

    /// What `clearway gateway nft` prints.
    pub fn script(&self, more: &[&str]) -> String {
        print(&self.dir.path().join("clearway.toml"), more)
    }

    /// Runs a script on the gateway.
    pub fn run(&self, script: &str) {
        run(script);
    }

    /// Has curl ask from an address for a site that is where it says.
    pub fn curl(&self, from: &str, site: Site, family: &Family, url: &str) -> String {
        let port = if url.starts_with("https") { 443 } else { 80 };
        let resolve = format!("{}:{port}:{}", site.name, site.text(family));
        let mut curl = within(Space::Clients, "curl");
        done(curl.args(["-sS", "-k", "-m", "10", "--interface", from, "--resolve", &resolve, url]))
    }

    /// Everything of firewall and routes on the gateway.
    pub fn set_up(&self) -> String {
        let show = |line: &str| done(within(Space::Gateway, "sh").args(["-c", line]));
        ["nft list ruleset", "ip -4 rule", "ip -6 rule", "ip -4 route show table all", "ip -6 route show table all"]
            .map(show)
            .join("\n")
    }

    /// Where a file of the world is.
    pub fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn log(&self) -> Vec<Record> {
        Record::read(&self.file("access.log"))
    }

    /// The sockets of the gateway that are as this says, in the words of ss(8).
    pub fn sockets(&self, filter: &str) -> String {
        done(within(Space::Gateway, "sh").args(["-c", &format!("ss -tinHO {filter}")]))
    }

    /// Waits until a gateway has read so many bytes of a client's, which went to a site.
    pub fn has_read(&self, site: Site, port: u16, bytes: usize) {
        let filter = format!("src {} and sport = :{port}", site.text(V4));
        let (all, nothing_waits) = (format!(" bytes_received:{bytes} "), ["ESTAB", "0"]);
        until("the gateway has read what a client said", || {
            let sockets = self.sockets(&filter);
            let mut read = sockets.lines().filter(|line| line.contains(&all));
            read.any(|line| line.split_whitespace().take(2).eq(nothing_waits))
        });
    }

    /// The records that something leaves, of which there must be so many.
    pub fn records(&self, count: usize, what: impl FnOnce()) -> Vec<Record> {
        let before = self.log().len();
        what();
        until("the records are written", || self.log().len() >= before + count);
        self.log().split_off(before)
    }

    /// The one record that something leaves.
    pub fn record(&self, what: impl FnOnce()) -> Record {
        let mut records = self.records(1, what);
        assert_eq!(records.len(), 1, "{records:?}");
        records.remove(0)
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = self.gateway.kill();
        let _ = self.gateway.wait();
        if std::thread::panicking() {
            eprintln!("{}", std::fs::read_to_string(self.dir.path().join("errors")).unwrap_or_default());
        }
    }
}

/// Waits for something.
pub fn until(what: &str, holds: impl Fn() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < PATIENCE, "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn print(file: &Path, more: &[&str]) -> String {
    done(Command::new(CLEARWAY).args(["gateway", "nft", "-c"]).arg(file).args(more))
}

fn run(script: &str) {
    let mut sh = within(Space::Gateway, "sh").stdin(Stdio::piped()).spawn().unwrap();
    sh.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
    assert!(sh.wait().unwrap().success(), "{script}");
}

/// The wires and what is on them. Of the gateway's own routes all lead by the first way out, and its filters are strict:
/// what leaves and comes back by the second one does so by the script alone.
fn wires() {
    for space in Space::ALL {
        let settings = [
            "net.ipv4.ip_forward=1",
            "net.ipv6.conf.all.forwarding=1",
            "net.ipv4.conf.all.rp_filter=1",
            // Nobody else has an address on these wires (ip-sysctl.rst).
            "net.ipv6.conf.default.accept_dad=0",
        ];
        done(within(space, "sysctl").args(["-q", "-w"]).args(settings));
    }
    batch(
        None,
        "link add lan0 netns clients type veth peer name lan1 netns gateway\n\
         link add wan1 netns gateway type veth peer name isp1 netns internet\n\
         link add wan2 netns gateway type veth peer name isp2 netns internet",
    );
    done(within(Space::Internet, "sysctl").args(["-q", "-w", "net.ipv4.conf.all.rp_filter=0"]));
    let on = |family: &Family, address: &str, device: &str| {
        format!(
            "addr add {address}/{} dev {device}{}\n",
            family.prefix,
            if family.flag == "-6" { " nodad" } else { "" }
        )
    };
    let (mut clients, mut gateway, mut internet) = (String::new(), String::new(), String::new());
    for family in [V4, V6] {
        for address in [family.told, family.ward, family.lab, family.stranger] {
            clients += &on(family, address, "lan0");
        }
        gateway += &on(family, family.gateway, "lan1");
        for (number, [near, far]) in (1..).zip(family.wans) {
            gateway += &on(family, near, &format!("wan{number}"));
            internet += &on(family, far, &format!("isp{number}"));
        }
        for site in SITES {
            let nodad = if family.flag == "-6" { " nodad" } else { "" };
            writeln!(internet, "addr add {}/{} dev lo{nodad}", site.text(family), family.host).unwrap();
        }
    }
    let up = |devices: &[&str]| devices.iter().map(|device| format!("link set {device} up\n")).collect::<String>();
    clients += &up(&["lan0"]);
    gateway += &up(&["lan1", "wan1", "wan2"]);
    internet += &up(&["isp1", "isp2"]);
    batch(Some(Space::Clients), &clients);
    batch(Some(Space::Gateway), &gateway);
    batch(Some(Space::Internet), &internet);
    for family in [V4, V6] {
        let route =
            |via: &str| ["route", "add", "default", "via"].map(str::to_owned).into_iter().chain([via.to_owned()]);
        let add = |space: Space, via: &str| {
            done(Command::new("ip").args(["-n", space.name(), family.flag]).args(route(via)));
        };
        add(Space::Clients, family.gateway);
        add(Space::Gateway, family.wans[0][1]);
    }
}

/// Each wire's end gets an address by itself, some time after its wire.
fn settled() -> bool {
    let show = |space| done(within(space, "ip").args(["-6", "-o", "address", "show", "scope", "link", "-tentative"]));
    let ends = [(Space::Clients, 1), (Space::Gateway, 3), (Space::Internet, 2)];
    ends.into_iter().all(|(space, ends)| show(space).lines().count() == ends)
}

fn configuration() -> String {
    let mut hosts = String::new();
    for site in SITES {
        writeln!(hosts, "\"{}\" = [\"{}\", \"{}\"]", site.name, site.text(V4), site.text(V6)).unwrap();
    }
    let mut listeners = String::new();
    for family in [V4, V6] {
        let at = |address: &str| if family.flag == "-6" { format!("[{address}]") } else { address.to_owned() };
        let (gateway, any) = (at(family.gateway), at(if family.flag == "-6" { "::" } else { "0.0.0.0" }));
        for (name, mode, address, client) in [
            ("told", "mode = \"explicit\"", format!("{gateway}:3128"), family.told),
            ("ward", "mode = \"transparent\"", format!("{gateway}:3129"), family.ward),
            ("lab", "mode = \"transparent\"\nvia = \"redirect\"", format!("{any}:3130"), family.lab),
        ] {
            writeln!(
                listeners,
                "[[listener]]\nname = \"{name}{}\"\n{mode}\naddress = \"{address}\"\nclients = [\"{client}/{}\"]\n",
                family.flag, family.host
            )
            .unwrap();
        }
    }
    let [wan1, wan2] = [0, 1].map(|way| format!("[\"{}\", \"{}\"]", V4.wans[way][0], V6.wans[way][0]));
    format!(
        r#"[gateway]
name = "gw1"
timezone = "Europe/London"
policy = "policy.toml"
state_dir = "state"

[admin]
address = "127.0.0.1:9128"

[log]
access = "access.log"
pseudonymise = false

[dns.hosts]
{hosts}
{listeners}
[tube.clinical]
priority = 0
egress = "wan1"

[tube.internet]
priority = 1
egress = "wan2"

[tube.social]
within = "internet"
priority = 2

[egress.wan1]
source = {wan1}

[egress.wan2]
source = {wan2}
interface = "wan2"
fwmark = 32
dscp = "LE"
next_hop = ["{}", "{}"]

[guard]
deny = ["127.0.0.0/8", "::1/128", "{}/32", "{}/128"]
ports = [80, 443]
"#,
        V4.wans[1][1],
        V6.wans[1][1],
        DENIED.text(V4),
        DENIED.text(V6),
    )
}

fn policy() -> String {
    let nets = |site: Site| format!("[\"{}/32\", \"{}/128\"]", site.text(V4), site.text(V6));
    format!(
        r#"default = "allow"

[category.clinical]
tube = "clinical"
protected = true
domains = ["clinic.example.wales.nhs.uk"]
networks = {}

[category.social]
tube = "social"
domains = ["social.example"]
networks = {}

[category.never]
domains = ["{}"]

[[rule]]
name = "never"
to = ["never"]
action = "block"
"#,
        nets(CARE),
        nets(MIXED),
        BLOCKED.name,
    )
}
