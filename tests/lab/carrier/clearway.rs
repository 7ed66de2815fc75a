//! Clearway itself, with files of the lab's.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Carrying, Change, NARROW, Setup, address, listening};
use crate::link::Link;
use crate::scene::ZONE;
use crate::world::{NAMES, NEAR, World};

/// The program under test: the one this crate builds, or another that keeps the contract.
pub fn program() -> PathBuf {
    std::env::var_os("CLEARWAY_BIN").map_or_else(|| env!("CARGO_BIN_EXE_clearway").into(), PathBuf::from)
}

const POLICY: &str = r#"default = "allow"

[category.clinical]
tube = "clinical"
protected = true
domains = ["wales.nhs.uk"]

[category.social]
tube = "social"
domains = ["social.example"]

[category.other]
tube = "internet"
"#;

/// What takes photos out of social: the longer name goes before the shorter one.
const PHOTOS: &str = r#"
[category.photos]
tube = "internet"
domains = ["photos.social.example"]
"#;

/// What is no TOML.
const BROKEN: &str = "\n[category.broken\n";

/// Its files, and what is needed to write them anew.
pub struct Files {
    dir: PathBuf,
    link: Link,
    tubes: Option<String>,
    /// When there is a peak.
    peak: Option<String>,
    /// What social may use of the link at other times.
    ceiling: Option<f64>,
    photos_apart: bool,
}

impl Files {
    fn new(dir: &Path, link: &Link, setup: &Setup) -> Files {
        let tubes = setup
            .tubes
            .as_ref()
            .map(|path| std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display())));
        Files {
            dir: dir.join("clearway"),
            link: *link,
            tubes,
            peak: setup.peak.clone(),
            ceiling: None,
            photos_apart: false,
        }
    }

    fn gateway_file(&self) -> PathBuf {
        self.dir.join("clearway.toml")
    }

    /// `[link]` and the tubes: no ceiling but the link, unless social is narrowed to a part of it.
    fn tubes(&self) -> String {
        let Link { down, up, .. } = self.link;
        let rates = |part: f64| {
            let kbit = |rate: u64| (rate as f64 * part / 1e3) as u64;
            format!("down = \"{} kbit/s\", up = \"{} kbit/s\"", kbit(down), kbit(up))
        };
        let mut text = format!(
            "[link]\n{}\ninterface = {NEAR:?}\nadapt = true\n\n[tube.clinical]\npriority = 0\n\n\
             [tube.internet]\npriority = 1\n\n[tube.social]\nwithin = \"internet\"\npriority = 2\n",
            rates(1.0).replace(", ", "\n"),
        );
        if let Some(part) = self.ceiling {
            let _ = writeln!(text, "ceiling = {{ {} }}", rates(part));
        }
        if let Some(when) = &self.peak {
            let _ = writeln!(text, "peak = [{{ when = {when:?}, ceiling = {{ {} }} }}]", rates(NARROW));
        }
        text
    }

    fn write(&self, more_policy: &str) {
        let hosts: Vec<String> = NAMES.iter().map(|(name, address)| format!("{name:?} = \"{address}\"")).collect();
        let mut text = format!(
            "[gateway]\nname = \"gw-lab\"\ntimezone = {ZONE:?}\npolicy = \"policy.toml\"\nstate_dir = \"state\"\n\
             drain = \"1 s\"\n\n[admin]\naddress = \"127.0.0.1:9128\"\n\n[log]\naccess = \"state/access.log\"\n\n\
             [dns]\nhosts = {{ {} }}\n\n[[listener]]\nname = \"staff\"\nmode = \"explicit\"\naddress = \"{}\"\n\
             clients = [\"10.0.0.0/8\"]\n\n",
            hosts.join(", "),
            address(),
        );
        text.push_str(self.tubes.as_deref().unwrap_or(&self.tubes()));
        let _ = write!(text, "\n[guard]\nports = [443]\n");
        let photos = if self.photos_apart { PHOTOS } else { "" };
        let policy = format!("{POLICY}{photos}{more_policy}");
        for (name, text) in [("clearway.toml", &text), ("policy.toml", &policy)] {
            // Whole or not at all, so that a reload never reads half a file.
            let fresh = self.dir.join(format!("{name}.new"));
            std::fs::write(&fresh, text).unwrap();
            std::fs::rename(fresh, self.dir.join(name)).unwrap();
        }
    }

    /// Changes something and has the gateway read it, or refuse it where it is broken.
    pub fn change(&mut self, change: Change) {
        match change {
            Change::Ceiling(part) => self.ceiling = part,
            Change::PhotosApart(apart) => self.photos_apart = apart,
            Change::Broken => {}
        }
        let is_broken = change == Change::Broken;
        self.write(if is_broken { BROKEN } else { "" });
        let reload = Command::new(program()).args(["reload", "-c"]).arg(self.gateway_file()).output().unwrap();
        let said = String::from_utf8_lossy(&reload.stderr);
        assert_eq!(reload.status.success(), !is_broken, "reload after {change:?}: {said}");
    }
}

/// Starts it.
pub fn start(world: &World, link: &Link, setup: &Setup) -> Carrying {
    let files = Files::new(&world.dir, link, setup);
    std::fs::create_dir_all(&files.dir).unwrap();
    files.write("");
    let file = files.gateway_file();
    let mut process = world.carry("clearway", &program(), &["run", "-c", file.to_str().unwrap()]);
    listening(&mut process);
    Carrying { clearway: Some(files), ..Carrying::proxy(process) }
}
