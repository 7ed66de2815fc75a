//! `[[listener]]`.

use std::net::SocketAddr;
use std::path::PathBuf;

use super::gateway::{self, Admin};
use super::names;
use crate::base::{Cidr, ListenerId};
use crate::config::problem::Problems;
use crate::config::table::Table;
use crate::config::text::{Place, Placed};
use crate::config::value::{Label, quoted};
use crate::listen::spec::Tls;
use crate::listen::{Mode, Spec, Via};

/// A `[[listener]]` and where its parts stand.
pub(in crate::config) struct Draft {
    pub(in crate::config) spec: Spec,
    pub(in crate::config) clients: Vec<Placed<Cidr>>,
    /// Where its address stands, if it has one.
    pub(in crate::config) address: Option<Place>,
    /// The balancers that are believed.
    pub(in crate::config) balancers: Vec<Placed<Cidr>>,
    /// The files of its certificate and key.
    pub(in crate::config) tls: Option<[Placed<PathBuf>; 2]>,
    name: Option<Place>,
}

/// Reads every `[[listener]]`.
pub(in crate::config) fn listeners(root: &mut Table<'_>, admin: &Admin) -> Vec<Draft> {
    let problems = root.scope.problems;
    let absent = !root.has("listener") && !root.has_slip_of("listener");
    let tables = root.tables("listener");
    if absent {
        let hint =
            "add `[[listener]]` with `name`, `mode = \"explicit\"`, `address = \"127.0.0.1:3128\"` and `clients`";
        problems.error(&root.place, "there is no listener, so nobody could connect", hint);
    }
    let drafts: Vec<Draft> = tables.into_iter().map(listener).collect();
    let named = drafts.iter().filter_map(|draft| Some((draft.spec.id.as_str(), draft.name.as_ref()?)));
    names::unique(problems, "listener", named);
    let bound: Vec<_> = drafts.iter().filter_map(|draft| Some((draft.spec.address, draft.address.as_ref()?))).collect();
    addresses(problems, &bound, admin);
    drafts
}

fn listener(mut table: Table<'_>) -> Draft {
    let name = table.required::<Label>("name");
    let mode = mode(&mut table);
    table.needs("address", "\"127.0.0.1:3128\"");
    let address = table.take::<SocketAddr>("address");
    let clients = clients(&mut table);
    let balancers = table.list::<Cidr>("proxy_protocol").unwrap_or_default();
    if let Some(first) = balancers.first().filter(|_| mode.via().is_some()) {
        let hint = "leave it out: what a balancer passes on is on its way to the balancer, and to nowhere else";
        table.scope.problems.error(&first.place, "`proxy_protocol` is for explicit listeners", hint);
    }
    let tls = tls(&mut table, mode);
    let stand_in = SocketAddr::from(([127, 0, 0, 1], 0));
    let spec = Spec {
        id: ListenerId::from(name.as_ref().map_or("", |name| name.value.0.as_str())),
        mode,
        address: address.as_ref().map_or(stand_in, |address| address.value),
        clients: clients.iter().map(|client| client.value).collect(),
        proxy_protocol: balancers.iter().map(|balancer| balancer.value).collect(),
        tls: tls.as_ref().map(|[cert, key]| Tls { cert: cert.value.clone(), key: key.value.clone() }),
    };
    table.finish();
    let address = address.map(|address| address.place);
    Draft { spec, clients, address, balancers, tls, name: name.map(|name| name.place) }
}

/// The two files, by paths that can be opened.
fn tls(table: &mut Table<'_>, mode: Mode) -> Option<[Placed<PathBuf>; 2]> {
    let mut table = table.table("tls", "`tls = { cert = \"proxy.pem\", key = \"proxy.key\" }`")?;
    if mode != Mode::Explicit {
        let hint = "leave it out: who knows of no proxy speaks TLS to others, and not to the gateway";
        table.scope.problems.error(&table.place, "`tls` is for explicit listeners", hint);
    }
    table.synonyms(&[("certificate", "cert"), ("chain", "cert"), ("private_key", "key")]);
    let beside = |named: Placed<PathBuf>| {
        let path = gateway::beside(&named.place.text.file, &named.value);
        Placed { value: path, place: named.place }
    };
    let cert = table.required::<PathBuf>("cert").map(beside);
    let key = table.required::<PathBuf>("key").map(beside);
    table.finish();
    Some([cert?, key?])
}

/// `mode`, and how a transparent one gets its connections.
fn mode(table: &mut Table<'_>) -> Mode {
    const TRANSPARENT: Mode = Mode::Transparent(Via::Tproxy);
    let mode = table.choice("mode", &[("explicit", Mode::Explicit), ("transparent", TRANSPARENT)]);
    let mode = mode.map_or(Mode::Explicit, |mode| mode.value);
    let via = table.choice("via", &[("tproxy", Via::Tproxy), ("redirect", Via::Redirect)]);
    match (mode, via) {
        (Mode::Explicit, Some(via)) => {
            let hint = "leave it out, or write `mode = \"transparent\"`";
            table.scope.problems.error(&via.place, "`via` is for transparent listeners", hint);
            mode
        }
        (Mode::Transparent(_), Some(via)) => Mode::Transparent(via.value),
        (mode, None) => mode,
    }
}

fn clients(table: &mut Table<'_>) -> Vec<Placed<Cidr>> {
    let hint = "name the networks that may connect, for example `clients = [\"10.0.0.0/8\"]`; there is no open proxy by accident";
    let errors = table.scope.problems.errors();
    let place = match table.value("clients") {
        Some(value) => value.place,
        None if table.has("clients") || table.has_slip_of("clients") => return Vec::new(),
        None => table.place.clone(),
    };
    let clients = table.list::<Cidr>("clients").unwrap_or_default();
    if clients.is_empty() && table.scope.problems.errors() == errors {
        table.scope.problems.error(&place, format!("{} has no `clients`", table.title), hint);
    }
    clients
}

/// Two sockets cannot listen on one address and port.
fn addresses(problems: &Problems, bound: &[(SocketAddr, &Place)], admin: &Admin) {
    let clash = |a: &SocketAddr, b: &SocketAddr| {
        // Port 0 is any free port.
        let same_port = a.port() == b.port() && a.port() != 0 && a.is_ipv4() == b.is_ipv4();
        same_port && (a.ip() == b.ip() || a.ip().is_unspecified() || b.ip().is_unspecified())
    };
    for (index, (address, place)) in bound.iter().enumerate() {
        if let Some((first, at)) = bound[..index].iter().find(|(first, _)| clash(first, address)) {
            let message = format!("two listeners on one address: {}", quoted(&address.to_string()));
            let hint = format!("the listener of line {} has {first}; choose another port or address", at.line());
            problems.error(place, message, hint);
        }
    }
    if let Some((listener, at)) = bound.iter().find(|(address, _)| clash(address, &admin.address)) {
        let message = format!("[admin] and a listener are on one address: \"{}\"", admin.address);
        let hint = format!("the listener has {listener}; choose another port or address for one of them");
        problems.error(admin.place.as_ref().unwrap_or(*at), message, hint);
    }
}
