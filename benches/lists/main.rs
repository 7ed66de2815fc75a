//! What millions of names cost: reading them, the memory they take, and looking one up; and Squid with the same names.
//! The names are made by a seeded generator, with the label lengths of a real list of 32,000 (the lengths alone).
// A bench stops where it cannot be set up, and prints what it found.
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::cast_precision_loss, clippy::cast_possible_truncation)]
// and measures by the clock itself.
#![allow(clippy::disallowed_methods)]

mod reload;
mod squid;

use std::fmt::Write as _;
use std::fs;
use std::hint::black_box;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clearway::base::{Host, Source};
use clearway::category::list::{Origin, Watch, kept, read};
use clearway::category::{Catalog, Category, Format, Guard, List, Seed, Spec};

/// As in service: its memory is what counts.
#[global_allocator]
static MEMORY: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

const CATEGORIES: u64 = 10;
const MOST: u64 = 5_000_000;
/// Look-ups that one time is taken over, and how often.
const BATCH: usize = 1_000;
const BATCHES: usize = 300;

fn main() {
    println!("{}\n", machine());
    println!(
        "| names     | hit ns | miss ns | build s | octets each |\n| --------: | -----: | ------: | ------: | ----------: |"
    );
    for count in [10_000, 100_000, 1_000_000, MOST] {
        look_up(count);
    }
    println!(
        "\nA look-up answers with categories, entry, file and line; medians of {BATCHES} times {BATCH}, random names."
    );
    println!("Octets each: resident, the lines of the entries (4) among them.\n");
    load();
    reload::play();
    squid::play();
}

/// A name of its own for each number, the same in every run.
fn name(number: u64) -> String {
    const LENGTHS: [u64; 20] = [5, 7, 8, 9, 9, 10, 11, 11, 12, 12, 13, 13, 14, 14, 15, 15, 16, 17, 18, 22];
    const ENDS: [&str; 6] = ["com", "com", "com", "net", "org", "co.uk"];
    let mut bits = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    bits ^= bits >> 29;
    let mut text = String::with_capacity(24);
    let (mut rest, length) = (number, LENGTHS[(bits % 20) as usize]);
    for place in 0..length.max(5) {
        // The number itself in base 36 makes it unlike any other; then letters until it is as long as a real one.
        let digit = if place < 5 { rest % 36 } else { (bits >> (place % 50)) % 26 };
        rest /= 36;
        text.push(char::from(b"abcdefghijklmnopqrstuvwxyz0123456789"[digit as usize]));
    }
    write!(text, ".{}", ENDS[((bits >> 40) % 6) as usize]).unwrap();
    text
}

/// The names of one category, a line each.
fn text(category: u64, count: u64) -> Vec<u8> {
    let names = (category..count).step_by(CATEGORIES as usize).map(name);
    names
        .fold(String::new(), |mut text, name| {
            writeln!(text, "{name}").unwrap();
            text
        })
        .into_bytes()
}

fn list(category: u64, text: &[u8], seed: &Seed, guard: &Guard) -> List {
    let shelf = |_: &Path| -> io::Result<Vec<u8>> { Ok(text.to_vec()) };
    read(Path::new(&format!("lists/{category}.txt")), Format::Plain, &shelf, seed, Watch::Over(guard)).unwrap()
}

fn spec(count: u64) -> Spec {
    let seed = Seed::of_process();
    let guard = Guard::of_care(&seed);
    let category = |number: u64| {
        let lists = vec![Arc::new(list(number, &text(number, count), &seed, &guard))];
        Category { lists, ..empty(number) }
    };
    Spec { categories: (0..CATEGORIES).map(category).collect(), other: "internet".into(), seed }
}

fn empty(number: u64) -> Category {
    Category {
        id: format!("category-{number}").as_str().into(),
        tube: Some("internet".into()),
        about: None,
        protected: false,
        entries: Vec::new(),
        lists: Vec::new(),
        source: Source::new("policy.toml", 1),
    }
}

fn look_up(count: u64) {
    let before = settled();
    let mut spec = spec(count);
    let began = Instant::now();
    let catalog = Catalog::new(&spec).unwrap();
    let built = began.elapsed();
    spec.release();
    let octets = (settled() - before) * 1024.0 / count as f64;
    let some = |spread: u64, front: &str| -> Vec<Host> {
        let all = (0..(BATCH * BATCHES) as u64).map(|place| (place + 1).wrapping_mul(spread) % count);
        all.map(|number| format!("{front}{}", name(number)).parse().unwrap()).collect()
    };
    let hits = some(2_654_435_761, "www.");
    // Another end than any of the list's: no parent of it is in the table.
    let misses: Vec<Host> = hits.iter().map(|host| format!("{host}.example").parse().unwrap()).collect();
    assert!(hits.iter().take(1000).all(|host| !catalog.classify(host, None).as_slice().is_empty()));
    assert!(misses.iter().take(1000).all(|host| catalog.classify(host, None).as_slice().is_empty()));
    let (hit, miss) = (median(&catalog, &hits), median(&catalog, &misses));
    println!("| {count:>9} | {hit:>6.0} | {miss:>7.0} | {:>7.2} | {octets:>11.1} |", built.as_secs_f64());
    drop((catalog, spec));
}

/// Nanoseconds a look-up takes.
fn median(catalog: &Catalog, hosts: &[Host]) -> f64 {
    // A name that is looked up has just come in: it is in the cache, and the table most likely not.
    let fresh = |hosts: &[Host]| hosts.iter().map(|host| host.to_string().parse().unwrap()).collect::<Vec<Host>>();
    let time = |hosts: &[Host]| {
        let hosts = &fresh(hosts);
        let began = Instant::now();
        for host in hosts {
            black_box(catalog.classify(black_box(host), None));
        }
        began.elapsed().as_secs_f64() * 1e9 / hosts.len() as f64
    };
    let mut times: Vec<f64> = hosts.chunks(BATCH).map(time).collect();
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// Names a second, from text to a list, and from the copy that is kept.
fn load() {
    let seed = Seed::of_process();
    let guard = Guard::of_care(&seed);
    let texts: Vec<_> = (0..CATEGORIES).map(|category| text(category, MOST)).collect();
    let began = Instant::now();
    let lists: Vec<_> = texts.iter().zip(0..).map(|(text, category)| list(category, text, &seed, &guard)).collect();
    let took = began.elapsed().as_secs_f64();
    let names: usize = lists.iter().map(|list| list.counts.names()).sum();
    println!("from text: {:.2} million names a second, one core ({names} in {took:.2} s)", names as f64 / took / 1e6);
    drop(texts);
    let dir = tempfile::tempdir().unwrap();
    let file = |number: usize| dir.path().join(format!("{number}.list"));
    let origin = Origin { files: Vec::new(), guard: 0 };
    for (number, list) in lists.iter().enumerate() {
        fs::write(file(number), kept::encode(list, &origin, &seed).unwrap()).unwrap();
    }
    let count = lists.len();
    drop(lists);
    let began = Instant::now();
    let category = |number: usize| {
        let list = kept::decode(&fs::read(file(number)).unwrap(), &seed).unwrap();
        Category { lists: vec![Arc::new(list)], ..empty(number as u64) }
    };
    let categories: Vec<_> = (0..count).map(category).collect();
    let read = began.elapsed().as_secs_f64();
    let catalog = Catalog::new(&Spec { categories, other: "internet".into(), seed }).unwrap();
    let whole = began.elapsed().as_secs_f64();
    println!("from the kept copy: {read:.2} s to read and check, {whole:.2} s with the table built");
    drop(catalog);
}

fn resident() -> f64 {
    kib("/proc/self/status", "VmRSS:")
}

/// What is resident once the allocator has given back what is free.
fn settled() -> f64 {
    std::thread::sleep(Duration::from_secs(3));
    resident()
}

/// A line of a process's status, in KiB.
fn kib(status: &str, line: &str) -> f64 {
    let text = fs::read_to_string(status).unwrap();
    let line = text.lines().find_map(|text| text.strip_prefix(line)).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

fn machine() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or_default();
    let cache = fs::read_to_string("/sys/devices/system/cpu/cpu0/cache/index3/size").unwrap_or_default();
    format!("{}, last cache {}", model.trim_start_matches([' ', '\t', ':']), cache.trim())
}
