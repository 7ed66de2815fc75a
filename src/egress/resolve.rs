//! Names to addresses: the `hosts` table first, then DNS, asynchronously and with a cache that honours TTLs.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts};
use hickory_resolver::lookup::Lookup;
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::RecordType;
use hickory_resolver::system_conf::read_system_conf;
use tokio::sync::{OnceCell, Semaphore};

use super::known::Known;
use super::spec::Dns;
use crate::base::{Name, clock};

/// Looks names up. Those who ask for one name at the same time share one look-up.
#[derive(Debug)]
pub struct Resolver {
    hosts: HashMap<Name, Vec<IpAddr>>,
    /// The text is why there are no servers.
    dns: Result<TokioResolver, String>,
    /// One for each name that may be looked up at once: servers that are silent about some names must not cost a
    /// descriptor for each who asks for them.
    places: Semaphore,
    asked: Mutex<HashMap<Name, Weak<Shared>>>,
    /// Of those that clients went to by themselves.
    known: Mutex<Known>,
}

/// The answer to all who ask for one name at the same time.
type Shared = OnceCell<Result<Vec<IpAddr>, ResolveError>>;

/// Why a name has no addresses.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ResolveError {
    /// There is no such name, or no address for it.
    #[error("no such name, or no address for it")]
    NotFound,
    /// The resolver failed: a server's error, or no server at all.
    #[error("the resolver failed: {0}")]
    Failed(String),
    /// No server answered in time.
    #[error("no DNS server answered in time")]
    TimedOut,
}

/// The longest a look-up may take, whatever happens: what RFC 1035 section 4.2.1 gives one query, and longer than a
/// person waits.
const WHOLE: Duration = Duration::from_secs(5);
/// One attempt; two of them and their bookkeeping stay within the whole. A lost datagram is sent again within it.
const ATTEMPT: Duration = Duration::from_secs(2);
/// How many times a failed attempt is repeated.
const REPEATS: usize = 1;
/// Cached answers, both families counted: some names for each of a few thousand people, under 10 MB.
const CACHE: u64 = 16_384;
/// The longest an answer is believed. TTLs of a week exist; a move of a clinical service must not wait for one.
const MAX_TTL: Duration = Duration::from_secs(3600);
/// The longest that "no such name" is believed: someone is perhaps just setting it up (RFC 2308 section 5 advises 1 to
/// 3 hours at most; people on the telephone wait less).
const MAX_NEGATIVE_TTL: Duration = Duration::from_secs(60);
/// Queries in flight on one TCP connection to a server, where an answer did not fit a datagram.
const TCP_QUERIES: usize = 512;
/// Look-ups that nobody waits for any more, before they are cleared out.
const ABANDONED: usize = 1024;
/// How long the first family's addresses wait for the other's (RFC 8305 section 3, "Resolution Delay").
const RESOLUTION_DELAY: Duration = Duration::from_millis(50);

impl Resolver {
    /// A resolver as `[dns]` describes it. Where no server is named and the system names none either, every name
    /// outside the `hosts` table fails, and says so. So many names are looked up at once; more of them wait.
    pub fn new(dns: &Dns, at_once: usize) -> Self {
        Resolver {
            hosts: dns.hosts.clone(),
            dns: servers(dns).and_then(client),
            places: Semaphore::new(at_once),
            asked: Mutex::default(),
            known: Mutex::default(),
        }
    }

    /// Every address of a name, at least one; IPv6 and IPv4 as the sources give them.
    ///
    /// # Errors
    /// When there is none, or nobody could be asked. A name of a single label is never asked of DNS: it would leave
    /// the building as a query for a top-level domain.
    pub async fn addresses(&self, name: &Name) -> Result<Vec<IpAddr>, ResolveError> {
        if let Some(addresses) = self.hosts.get(name) {
            return if addresses.is_empty() { Err(ResolveError::NotFound) } else { Ok(addresses.clone()) };
        }
        if !name.as_str().contains('.') {
            return Err(ResolveError::NotFound);
        }
        let dns = self.dns.as_ref().map_err(|why| ResolveError::Failed(why.clone()))?;
        let shared = self.shared(name);
        // When who looks up gives up, the next of those who wait goes on with it.
        let answer = shared.get_or_init(|| async {
            // It is never closed.
            let _place = self.places.acquire().await;
            both_families(dns, name).await
        });
        let answer = tokio::time::timeout(WHOLE, answer).await;
        let answer = answer.map_or(Err(ResolveError::TimedOut), Clone::clone);
        self.answered(name, &shared);
        answer
    }

    /// Whether a name has an address, or had it of late.
    ///
    /// # Errors
    /// Those of [`Resolver::addresses`].
    pub async fn leads_to(&self, name: &Name, address: IpAddr) -> Result<bool, ResolveError> {
        let known = || self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known().has(name, address, clock::now()) {
            return Ok(true);
        }
        let mut addresses = self.addresses(name).await?;
        // One that was to be dialled did not wait for a family that was late.
        if !addresses.iter().any(|found| found.to_canonical().is_ipv4() == address.is_ipv4())
            && !self.hosts.contains_key(name)
            && let Ok(dns) = &self.dns
        {
            let _place = self.places.acquire().await;
            let kind = if address.is_ipv4() { RecordType::A } else { RecordType::AAAA };
            addresses.extend(found(dns.lookup(format!("{name}."), kind).await).unwrap_or_default());
        }
        known().add(name, &addresses, clock::now());
        Ok(addresses.iter().any(|found| found.to_canonical() == address))
    }

    fn shared(&self, name: &Name) -> Arc<Shared> {
        let mut asked = self.asked();
        if let Some(shared) = asked.get(name).and_then(Weak::upgrade) {
            return shared;
        }
        // Who went away before the answer left theirs behind.
        if asked.len() >= ABANDONED {
            asked.retain(|_, shared| shared.strong_count() > 0);
        }
        let shared = Arc::default();
        asked.insert(name.clone(), Arc::downgrade(&shared));
        shared
    }

    /// Whoever asks from now on has a look-up of their own, or what the cache knows.
    fn answered(&self, name: &Name, shared: &Arc<Shared>) {
        let mut asked = self.asked();
        if asked.get(name).is_some_and(|known| std::ptr::eq(known.as_ptr(), Arc::as_ptr(shared))) {
            asked.remove(name);
        }
    }

    fn asked(&self) -> MutexGuard<'_, HashMap<Name, Weak<Shared>>> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn both_families(dns: &TokioResolver, name: &Name) -> Result<Vec<IpAddr>, ResolveError> {
    // The final dot keeps the search domains of the system out of it.
    let absolute = format!("{name}.");
    let v6 = dns.lookup(absolute.as_str(), RecordType::AAAA);
    let v4 = dns.lookup(absolute.as_str(), RecordType::A);
    tokio::pin!(v6, v4);
    // Whoever has addresses waits a moment for the other family; whoever has none waits for as long as it takes.
    let (first, second) = tokio::select! {
        first = &mut v6 => {
            let first = found(first);
            let second = if first.is_ok() { tokio::time::timeout(RESOLUTION_DELAY, v4).await.ok() } else { Some(v4.await) };
            (first, second)
        }
        first = &mut v4 => {
            let first = found(first);
            let second = if first.is_ok() { tokio::time::timeout(RESOLUTION_DELAY, v6).await.ok() } else { Some(v6.await) };
            (first, second)
        }
    };
    match (first, second.map(found)) {
        (Ok(first), Some(Ok(second))) => Ok([first, second].concat()),
        (Ok(found), _) | (Err(_), Some(Ok(found))) => Ok(found),
        // One family that failed outweighs another that has no address: the name may exist.
        (Err(ResolveError::NotFound), Some(Err(other))) => Err(other),
        (Err(first), _) => Err(first),
    }
}

fn found(answer: Result<Lookup, NetError>) -> Result<Vec<IpAddr>, ResolveError> {
    match answer {
        Ok(lookup) => {
            let addresses: Vec<IpAddr> = lookup.answers().iter().filter_map(|record| record.data.ip_addr()).collect();
            if addresses.is_empty() { Err(ResolveError::NotFound) } else { Ok(addresses) }
        }
        Err(error) if error.is_no_records_found() => Err(ResolveError::NotFound),
        Err(NetError::Timeout) => Err(ResolveError::TimedOut),
        Err(error) => Err(ResolveError::Failed(error.to_string())),
    }
}

/// The servers to ask: the configured ones, else the system's.
fn servers(dns: &Dns) -> Result<Vec<NameServerConfig>, String> {
    if dns.servers.is_empty() {
        let (config, _) = read_system_conf().map_err(|error| format!("the system's resolv.conf: {error}"))?;
        return Ok(config.into_parts().2);
    }
    let at = |mut connection: ConnectionConfig, port: u16| {
        connection.port = port;
        connection
    };
    let server = |address: &std::net::SocketAddr| {
        let port = address.port();
        let connections = vec![at(ConnectionConfig::udp(), port), at(ConnectionConfig::tcp(), port)];
        NameServerConfig::new(address.ip(), true, connections)
    };
    Ok(dns.servers.iter().map(server).collect())
}

fn client(servers: Vec<NameServerConfig>) -> Result<TokioResolver, String> {
    let config = ResolverConfig::from_name_servers(servers);
    let mut builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
    set(builder.options_mut());
    builder.build().map_err(|error| error.to_string())
}

fn set(options: &mut ResolverOpts) {
    options.timeout = ATTEMPT;
    options.attempts = REPEATS;
    options.cache_size = CACHE;
    options.positive_max_ttl = Some(MAX_TTL);
    options.negative_max_ttl = Some(MAX_NEGATIVE_TTL);
    options.max_active_requests = TCP_QUERIES;
    // /etc/hosts would be read once and go stale in silence; `[dns] hosts` is the table that a reload reads again.
    options.use_hosts_file = ResolveHosts::Never;
}

#[cfg(test)]
mod tests {
    use hickory_resolver::proto::op::ResponseCode;

    use super::*;
    use crate::egress::lab::{NameServer, Reply, within};

    /// More than any test here asks for.
    const AT_ONCE: usize = 64;

    fn name(text: &str) -> Name {
        text.parse().unwrap()
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn answers(ttl: u32) -> impl Fn(&str, RecordType) -> Reply {
        move |name, kind| match (name, kind) {
            ("both.example.", RecordType::A) => Reply::Addresses(vec![ip("192.0.2.1"), ip("192.0.2.2")], ttl),
            ("both.example.", RecordType::AAAA) => Reply::Addresses(vec![ip("2001:db8::1")], ttl),
            ("four.example.", RecordType::A) => Reply::Addresses(vec![ip("192.0.2.4")], ttl),
            ("half.example.", RecordType::A) => Reply::Addresses(vec![ip("192.0.2.5")], ttl),
            ("half.example.", RecordType::AAAA) | ("silent.example.", _) => Reply::Silence,
            ("four.example." | "empty.example.", _) => Reply::Code(ResponseCode::NoError),
            ("broken.example.", _) | ("torn.example.", RecordType::A) => Reply::Code(ResponseCode::ServFail),
            ("torn.example.", _) => Reply::Code(ResponseCode::NoError),
            _ => Reply::Code(ResponseCode::NXDomain),
        }
    }

    fn with_server(server: &NameServer) -> Resolver {
        let hosts = [(name("intranet.example"), vec![ip("127.0.0.1")]), (name("localhost"), vec![ip("127.0.0.1")])];
        Resolver::new(&Dns { servers: vec![server.address], hosts: hosts.into() }, AT_ONCE)
    }

    #[tokio::test]
    async fn each_name_has_its_answer() {
        let server = NameServer::start(answers(60)).await;
        let resolver = with_server(&server);
        for (asked, expected) in [
            ("both.example", Ok(vec!["192.0.2.1", "192.0.2.2", "2001:db8::1"])),
            ("four.example", Ok(vec!["192.0.2.4"])),
            ("half.example", Ok(vec!["192.0.2.5"])),
            ("intranet.example", Ok(vec!["127.0.0.1"])),
            ("localhost", Ok(vec!["127.0.0.1"])),
            ("empty.example", Err(ResolveError::NotFound)),
            ("missing.example", Err(ResolveError::NotFound)),
            ("broken.example", Err(ResolveError::Failed("DNS error: error response: Server Failure".into()))),
            ("torn.example", Err(ResolveError::Failed("DNS error: error response: Server Failure".into()))),
            ("printer", Err(ResolveError::NotFound)),
        ] {
            let found = resolver.addresses(&name(asked)).await.map(|mut found| {
                found.sort();
                found.iter().map(ToString::to_string).collect::<Vec<_>>()
            });
            assert_eq!(found, expected.map(|found| found.into_iter().map(str::to_owned).collect()), "{asked}");
        }
        let asked = server.asked();
        for (never, why) in
            [("intranet", "in the hosts table"), ("localhost", "in the hosts table"), ("printer", "one label")]
        {
            assert!(asked.iter().all(|query| !query.starts_with(never)), "{never} is {why}: {asked:?}");
        }
    }

    #[tokio::test]
    async fn a_server_that_is_silent_is_given_up_in_time() {
        let server = NameServer::start(answers(60)).await;
        let began = clock::now();
        assert_eq!(with_server(&server).addresses(&name("silent.example")).await, Err(ResolveError::TimedOut));
        assert!(began.elapsed() < WHOLE + Duration::from_secs(1), "took {:?}", began.elapsed());
    }

    #[tokio::test]
    async fn answers_are_cached_for_their_ttl_and_negative_ones_too() {
        let server = NameServer::start(answers(2)).await;
        let resolver = with_server(&server);
        for asked in ["four.example", "missing.example"] {
            let before = server.asked().len();
            let first = resolver.addresses(&name(asked)).await;
            assert_eq!(server.asked().len(), before + 2, "both families");
            assert_eq!(resolver.addresses(&name(asked)).await, first);
            assert_eq!(server.asked().len(), before + 2, "the second time from the cache");
            within(Duration::from_secs(10), async || {
                let _ = resolver.addresses(&name(asked)).await;
                server.asked().len() > before + 2
            })
            .await;
        }
    }

    #[tokio::test]
    async fn look_ups_of_one_name_share_their_queries() {
        let server = NameServer::start(answers(60)).await;
        let resolver = Arc::new(with_server(&server));
        let mut people = tokio::task::JoinSet::new();
        for _ in 0..20 {
            let resolver = resolver.clone();
            people.spawn(async move { resolver.addresses(&name("both.example")).await.unwrap() });
        }
        assert!(people.join_all().await.iter().all(|found| found.len() == 3));
        assert_eq!(server.asked().len(), 2);
    }

    #[tokio::test]
    async fn many_who_ask_for_a_silent_name_have_one_place_and_others_are_answered() {
        let server = NameServer::start(answers(60)).await;
        let resolver = Arc::new(Resolver::new(&Dns { servers: vec![server.address], hosts: HashMap::new() }, 2));
        let mut people = tokio::task::JoinSet::new();
        for _ in 0..50 {
            let resolver = resolver.clone();
            people.spawn(async move { resolver.addresses(&name("silent.example")).await });
        }
        within(Duration::from_secs(5), async || server.asked().iter().any(|asked| asked.starts_with("silent"))).await;
        assert_eq!(resolver.addresses(&name("four.example")).await, Ok(vec![ip("192.0.2.4")]));
        // The first who gives up does not take the others' look-up away.
        people.abort_all();
        while people.join_next().await.is_some() {}
        assert_eq!(resolver.addresses(&name("silent.example")).await, Err(ResolveError::TimedOut));
        assert!(resolver.asked().is_empty());
    }

    #[tokio::test]
    async fn a_name_leads_to_the_addresses_that_it_has_and_had_of_late() {
        let turns = std::sync::atomic::AtomicU8::new(0);
        // Each answer names another server, and none lasts.
        let turning = move |name: &str, kind: RecordType| match (name, kind) {
            ("turns.example.", RecordType::A) => {
                let turn = turns.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                Reply::Addresses(vec![[192, 0, 2, 10 + turn].into()], 0)
            }
            ("turns.example.", _) => Reply::Code(ResponseCode::NoError),
            _ => answers(60)(name, kind),
        };
        let server = NameServer::start(turning).await;
        let resolver = with_server(&server);
        for (asked, address, expected) in [
            ("both.example", "192.0.2.2", Ok(true)),
            ("both.example", "2001:db8::1", Ok(true)),
            ("both.example", "192.0.2.3", Ok(false)),
            ("both.example", "2001:db8::2", Ok(false)),
            ("intranet.example", "127.0.0.1", Ok(true)),
            ("intranet.example", "::1", Ok(false)),
            ("missing.example", "192.0.2.1", Err(ResolveError::NotFound)),
            ("turns.example", "192.0.2.10", Ok(true)),
            ("turns.example", "192.0.2.11", Ok(true)),
            ("turns.example", "192.0.2.10", Ok(true)),
            ("turns.example", "192.0.2.99", Ok(false)),
        ] {
            assert_eq!(resolver.leads_to(&name(asked), ip(address)).await, expected, "{asked} {address}");
        }
    }

    #[tokio::test]
    async fn without_servers_only_the_hosts_table_answers() {
        let hosts = [(name("a.example"), vec![])].into();
        let resolver = Resolver {
            hosts,
            dns: Err("no servers".into()),
            places: Semaphore::new(1),
            asked: Mutex::default(),
            known: Mutex::default(),
        };
        assert_eq!(resolver.addresses(&name("a.example")).await, Err(ResolveError::NotFound));
        assert_eq!(resolver.addresses(&name("b.example")).await, Err(ResolveError::Failed("no servers".into())));
    }
}
