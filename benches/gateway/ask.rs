//! What a person asks for on the command line.

use std::path::PathBuf;

use clap::Parser;

use crate::Outcome;
use crate::peer::{CLEARWAY, Peer};
use crate::scene::{Pace, Scene};

/// What going through Clearway costs, beside other proxies and no proxy: ratios of one run on one machine.
#[derive(Debug, Parser)]
#[command(name = "gateway")]
pub struct Ask {
    /// Only these scenes
    #[arg(long, value_delimiter = ',', value_name = "NAMES")]
    pub scene: Vec<String>,
    /// Only these peers, and Clearway
    #[arg(long, value_delimiter = ',', value_name = "NAMES")]
    pub peer: Vec<String>,
    /// How often each scene is played with each peer [default: 3, and 1 for idle and many]
    #[arg(long)]
    pub rounds: Option<usize>,
    /// How long a throughput is measured
    #[arg(long, default_value_t = 1.2)]
    pub seconds: f64,
    /// How long it runs before that
    #[arg(long, default_value_t = 0.5)]
    pub warm: f64,
    /// Tunnels open at once in `many`
    #[arg(long, default_value_t = 50_000)]
    pub crowd: usize,
    /// Tunnels open at once in `idle`
    #[arg(long, default_value_t = 8_000)]
    pub idle: usize,
    /// Where results.json, report.md and costs.svg are put
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Name the scenes and the peers that are here, and stop
    #[arg(long)]
    pub list: bool,
    /// Cargo says so to every bench
    #[arg(long, hide = true)]
    pub bench: bool,
}

impl Ask {
    pub fn pace(&self) -> Pace {
        Pace { warm: self.warm, seconds: self.seconds, crowd: self.crowd, idle: self.idle }
    }

    /// The scenes that are asked for, in their own order.
    pub fn scenes(&self) -> Outcome<Vec<&'static Scene>> {
        known("scene", &self.scene, &Scene::ALL.map(|scene| scene.name))?;
        let wanted = |scene: &&Scene| self.scene.is_empty() || self.scene.iter().any(|name| name == scene.name);
        Ok(Scene::ALL.into_iter().filter(wanted).collect())
    }

    /// The peers that are asked for, of those that are here.
    pub fn peers(&self, here: Vec<Peer>) -> Outcome<Vec<Peer>> {
        known("peer", &self.peer, &here.iter().map(|peer| peer.name.as_str()).collect::<Vec<_>>())?;
        let wanted = |peer: &Peer| self.peer.is_empty() || peer.name == CLEARWAY || self.peer.contains(&peer.name);
        Ok(here.into_iter().filter(wanted).collect())
    }
}

fn known(what: &str, asked: &[String], here: &[&str]) -> Outcome<()> {
    match asked.iter().find(|name| !here.contains(&name.as_str())) {
        Some(name) => Err(format!("there is no {what} {name:?}; here are: {}", here.join(", ")).into()),
        None => Ok(()),
    }
}
