//! What a flow is judged by: the name that it says, where that is known to be true; else the address that its client chose
//! as well.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::carrier::Carrier;
use super::judge::Question;
use crate::base::{Host, Name, Target, clock};
use crate::listen::transparent::bare;

/// How long a name is looked up before it counts as not shown to be true: its client has just looked it up itself, so that
/// a server which answers at all has it at hand. It is also what one lost datagram takes (`egress/resolve`).
const PATIENCE: Duration = Duration::from_secs(2);

/// What a flow is judged by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Where it goes.
    pub target: Target,
    /// What it says beside that; the less favourable of both holds.
    pub said: Option<Host>,
}

/// What a client says that chose an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// The name in its ClientHello or Host.
    pub host: Option<Host>,
    /// Whether that may hide another one: with an encrypted ClientHello the name outside says nothing of where the flow
    /// goes. Browsers put a meaningless one into every hello (GREASE), made so that nobody can tell.
    pub hides: bool,
}

impl Said {
    /// Nothing, or nothing that can be read.
    pub const NOTHING: Said = Said { host: None, hides: false };
}

impl Claim {
    /// That of a client which knows of a proxy, and says where it goes.
    pub fn of(target: Target) -> Self {
        Claim { target, said: None }
    }

    /// That of a client which chose an address. A name that is true stands in its place. One that is not, or may hide
    /// another, stands beside it, where it can only make matters worse.
    fn new(chosen: SocketAddr, said: Said, is_true: bool) -> Self {
        match said.host {
            Some(host) if is_true && !said.hides => Claim::of(Target { host, port: chosen.port() }),
            Some(host) if host == Host::Addr(chosen.ip()) => Claim::of(bare(chosen)),
            said => Claim { target: bare(chosen), said },
        }
    }
}

/// Finds out whether what a client says is true.
pub async fn examine(carrier: &Carrier, client: IpAddr, chosen: SocketAddr, said: Said) -> Claim {
    let is_true = match &said.host {
        Some(Host::Name(name)) if !said.hides => leads_to(carrier, client, name, chosen).await,
        _ => false,
    };
    Claim::new(chosen, said, is_true)
}

/// Whether a name has the address that was chosen, as those say who resolve the names of its compartment.
async fn leads_to(carrier: &Carrier, client: IpAddr, name: &Name, chosen: SocketAddr) -> bool {
    let target = Target { host: Host::Name(name.clone()), port: chosen.port() };
    let way = {
        let current = carrier.current();
        let groups = current.plan.clients.groups_of(client, None);
        let question = Question { groups: &groups, target: &target, path: None, said: None, at: clock::wall() };
        let verdict = current.plan.judge(&question);
        current.ways.of(current.plan.compartment_of(&verdict.tube)).clone()
    };
    match tokio::time::timeout(PATIENCE, way.egresses.leads_to(name, chosen.ip())).await {
        Ok(Ok(is_true)) => is_true,
        Ok(Err(error)) => {
            tracing::debug!(%name, %error, "not shown to be where its client went");
            false
        }
        Err(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stands_for_the_address_where_it_is_true_and_beside_it_where_it_is_not() {
        let said = |host: &str, hides: bool| Said { host: Some(host.parse().unwrap()), hides };
        for (what, said, is_true, target, beside) in [
            ("a true name", said("nhs.uk", false), true, "nhs.uk:443", None),
            ("another name", said("nhs.uk", false), false, "192.0.2.7:443", Some("nhs.uk")),
            ("a true name that may hide another", said("nhs.uk", true), true, "192.0.2.7:443", Some("nhs.uk")),
            ("a name that may hide another", said("nhs.uk", true), false, "192.0.2.7:443", Some("nhs.uk")),
            ("the address", said("192.0.2.7", false), false, "192.0.2.7:443", None),
            ("another address", said("192.0.2.8", false), false, "192.0.2.7:443", Some("192.0.2.8")),
            ("no name", Said::NOTHING, false, "192.0.2.7:443", None),
        ] {
            let claim = Claim::new("192.0.2.7:443".parse().unwrap(), said, is_true);
            let beside = beside.map(|host| host.parse().unwrap());
            assert_eq!(claim, Claim { target: target.parse().unwrap(), said: beside }, "{what}");
        }
    }
}
