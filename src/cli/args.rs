//! What the command line says.

use std::net::IpAddr;
use std::path::PathBuf;

use clap::{Parser, Subcommand, value_parser};

use super::demo::{LONGEST, SHORTEST};
use crate::base::Page;
use crate::category::Format;

/// A traffic-splitting forward proxy: internet and social-media traffic gets a tube of its own, so that clinical
/// traffic stays clear.
#[derive(Debug, Parser)]
#[command(name = "clearway", version, max_term_width = 100, disable_help_subcommand = true)]
#[command(after_help = "Exit codes: 0 fine; 1 the answer is no; 2 usage; 70 internal; 78 configuration.")]
pub struct Args {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Where the configuration is.
#[derive(Clone, Debug, clap::Args)]
pub struct ConfigFile {
    /// The gateway's configuration [default: config/clearway.toml, then /etc/clearway/clearway.toml]
    #[arg(short = 'c', long = "config", value_name = "FILE")]
    pub file: Option<PathBuf>,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Start the gateway
    #[command(
        after_help = "SIGHUP reloads, SIGUSR1 opens log files anew, SIGTERM drains and stops, SIGINT stops at once.\n\
        What it says of itself goes to standard error, or where [log] says; RUST_LOG comes before [log] level."
    )]
    Run {
        /// Where the configuration is.
        #[command(flatten)]
        config: ConfigFile,
        /// Take over the sockets of the gateway that runs, which then carries its open flows to their end
        #[arg(long)]
        take_over: bool,
    },
    /// Find every mistake in the configuration, the policy and the lists, each with file, line and a hint
    Check {
        /// Where the configuration is.
        #[command(flatten)]
        config: ConfigFile,
        /// Fail on warnings too
        #[arg(long)]
        strict: bool,
        /// One JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// Say what would happen to a flow, and which list, rule and line make it so
    Explain(Question),
    /// Run the [[test]] entries of the policy
    Test {
        /// Where the configuration is.
        #[command(flatten)]
        config: ConfigFile,
    },
    /// Say what a change of the configuration does before it does it: to rules, to names, and to the flows of a log
    #[command(after_help = "Exits with 1 where there is a difference.")]
    Diff(Diff),
    /// Put the policies of several Trusts side by side: where they differ, contradict themselves, or have no answer
    #[command(
        after_help = "Each is asked about some sixty well-known services and about its own categories, as for staff in \
        no group, at 10:00, 12:30 and 22:00 of the next working day. Exits with 1 where Trusts differ or a policy \
        contradicts itself, with 78 where a file has mistakes."
    )]
    Audit(Audit),
    /// Look at a list as others publish it: what is wrong in it, what is in it, and the same as a plain list
    #[command(subcommand)]
    Lists(Lists),
    /// Show how a running gateway does
    Status {
        /// Where the configuration is.
        #[command(flatten)]
        config: ConfigFile,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Watch a running gateway: its tubes, what waits and what was refused, on this terminal
    #[command(
        after_help = "Keys: q quits, p pauses, ? helps. Where standard output is no terminal it prints how things are once, \
        and ends."
    )]
    Top {
        /// Where the configuration is.
        #[command(flatten)]
        config: ConfigFile,
    },
    /// Have a running gateway read its configuration again; a mistake leaves the old one in force
    Reload {
        /// Where the configuration is.
        #[command(flatten)]
        config: ConfigFile,
    },
    /// Show who changed what, when, and whether anybody changed that since
    #[command(after_help = "The files of generations with a * are kept. Exits with 1 where the history is not whole.")]
    History {
        /// Where the configuration is.
        #[command(flatten)]
        config: ConfigFile,
        /// Only the last so many
        #[arg(long, short = 'n', value_name = "N")]
        last: Option<usize>,
        /// One JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// Put the files of a kept generation back, and have a running gateway read them
    Rollback {
        /// Where the configuration is.
        #[command(flatten)]
        config: ConfigFile,
        /// The generation, as `clearway history` shows it
        #[arg(value_name = "N")]
        number: u64,
    },
    /// Have a running gateway replaced by its program as it is on disk now: no connection is refused and none broken
    #[command(
        after_help = "The process before carries its open flows to their end, for [gateway] upgrade_drain at most. \
        Exits with 1 where the new one cannot take over: then nothing has changed, and it says why."
    )]
    Upgrade {
        /// Where the configuration is.
        #[command(flatten)]
        config: ConfigFile,
    },
    /// Have a running gateway take no new flows, let the open ones finish, and stop
    Drain {
        /// Where the configuration is.
        #[command(flatten)]
        config: ConfigFile,
    },
    /// Write what the machine around the gateway needs, from the gateway's own configuration; changes nothing itself
    #[command(subcommand)]
    Gateway(Gateway),
    /// Write the manual pages and the shells' completions, for who makes a package
    #[command(hide = true)]
    Manual {
        /// A folder, made where there is none; gets `man`, `bash`, `zsh` and `fish`
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
    },
    /// Play a lunch hour on this machine: unloaded, without Clearway, and with it; needs no root and no configuration
    Demo {
        /// About how long it takes
        #[arg(long, value_name = "N", default_value_t = 40, value_parser = value_parser!(u64).range(SHORTEST..=LONGEST))]
        seconds: u64,
    },
}

/// What to write.
#[derive(Debug, Subcommand)]
pub enum Gateway {
    /// nftables rules and `ip rule`s that bring the clients of transparent listeners in, and egresses with a mark out
    #[command(after_help = "Prints a script to read, then to run as root:  clearway gateway nft | sh\n\
        Run again after a change it replaces what it made before; `clearway gateway nft --undo | sh` takes it away.")]
    Nft {
        /// Where the configuration is.
        #[command(flatten)]
        config: ConfigFile,
        /// Print the script that takes away what the other made, whatever the configuration was then
        #[arg(long)]
        undo: bool,
    },
    /// HTB classes by the egresses' marks, for what shares the link and does not pass through the proxy
    #[command(after_help = "Prints a script to read, then to run as root:  clearway gateway tc --staff eth1 | sh\n\
        Run again it changes what it made before; `clearway gateway tc --undo | sh` takes it away.")]
    Tc(Tc),
}

/// A flow to explain.
#[derive(Debug, clap::Args)]
pub struct Question {
    /// Where the configuration is.
    #[command(flatten)]
    pub config: ConfigFile,
    /// A URL, a host, host:port or an address
    #[arg(value_name = "TARGET", required_unless_present = "log_id")]
    pub target: Option<Page>,
    /// A flow of the access log, by its number; judged by the generation of its time if that is kept
    #[arg(long, value_name = "ID", conflicts_with_all = ["target", "from", "user", "at"])]
    pub log_id: Option<String>,
    /// The log that has it [default: the access log of the configuration]
    #[arg(long, value_name = "ACCESS_LOG", requires = "log_id")]
    pub log: Option<PathBuf>,
    /// The client's address [default: one that is in no group]
    #[arg(long, value_name = "IP")]
    pub from: Option<IpAddr>,
    /// The client's login
    #[arg(long, value_name = "NAME")]
    pub user: Option<String>,
    /// `now`, or a local date and time such as `2026-11-24 12:30`
    #[arg(long, value_name = "WHEN", default_value = "now")]
    pub at: String,
    /// Show each rule in turn, and the condition that did not hold
    #[arg(long, conflicts_with = "json")]
    pub trace: bool,
    /// One JSON object
    #[arg(long)]
    pub json: bool,
    /// Print nothing; exit 1 when the flow is blocked
    #[arg(long, short)]
    pub quiet: bool,
}

/// Policies to put side by side.
#[derive(Debug, clap::Args)]
pub struct Audit {
    /// A gateway's file, or the folder that holds it; one for each Trust
    #[arg(value_name = "FILE", required = true)]
    pub files: Vec<PathBuf>,
    /// One JSON object
    #[arg(long)]
    pub json: bool,
    /// Write one page of HTML too, to look at or to print
    #[arg(long, value_name = "OUT")]
    pub html: Option<PathBuf>,
}

/// What to do with a list.
#[derive(Debug, Subcommand)]
pub enum Lists {
    /// Say which lines cannot be read, which entries would take what care needs, and whether it looks like another format
    #[command(after_help = "Exits with 1 when the list has no entry, or looks like another format than was said.")]
    Check(ListFile),
    /// Count the entries of each kind
    Stat(ListFile),
    /// Print its names and networks as a plain list; what a plain list cannot say is counted on standard error
    Convert(ListFile),
}

/// What a script for tc is made from.
#[derive(Debug, clap::Args)]
pub struct Tc {
    /// Where the configuration is.
    #[command(flatten)]
    pub config: ConfigFile,
    /// An interface by which staff come, for the way down; once for each. Without one, only the way up is shaped
    #[arg(long, value_name = "INTERFACE")]
    pub staff: Vec<String>,
    /// Whose ceilings: `now`, or a local date and time such as `2026-11-24 12:30`
    #[arg(long, value_name = "WHEN", default_value = "now")]
    pub at: String,
    /// Print the script that takes away what the other made, whatever the configuration was then
    #[arg(long, conflicts_with_all = ["staff", "at"])]
    pub undo: bool,
}

/// A list.
#[derive(Debug, clap::Args)]
pub struct ListFile {
    /// How it is written: plain, ut1, hosts, squid, v2fly, adguard, rpz or m365
    #[arg(long, short, value_name = "F")]
    pub format: Format,
    /// The file, or for ut1 the folder
    #[arg(value_name = "PATH")]
    pub path: PathBuf,
    /// A gateway's configuration, whose protected names are looked for too
    #[arg(short = 'c', long = "config", value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// As JSON
    #[arg(long)]
    pub json: bool,
}

/// Two configurations.
#[derive(Debug, clap::Args)]
pub struct Diff {
    /// The gateway's file as it is, or the folder that holds it
    #[arg(value_name = "OLD")]
    pub old: PathBuf,
    /// The same as it is to be
    #[arg(value_name = "NEW")]
    pub new: PathBuf,
    /// Judge every flow of an access log by both, at its own time
    #[arg(long, value_name = "ACCESS_LOG")]
    pub replay: Option<PathBuf>,
    /// Print each flow of the log whose answer changes, one JSON object a line, and nothing else
    #[arg(long, requires = "replay")]
    pub each: bool,
    /// One JSON object
    #[arg(long)]
    pub json: bool,
}
