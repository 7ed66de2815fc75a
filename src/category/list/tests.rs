//! Each format's traps, line by line: what is taken, and what is left out and why.
#![cfg(test)]

use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use super::{Effect, Format, List, Origin, Shelf, Trouble, Watch, kept, read};
use crate::base::Source;
use crate::category::guard::{Watched, Why};
use crate::category::{Catalog, Category, Guard, Seed, Spec};

/// Files in memory; what has others under it is a folder.
struct Files(BTreeMap<PathBuf, Vec<u8>>);

impl Shelf for Files {
    fn bytes(&self, file: &Path) -> io::Result<Vec<u8>> {
        self.0.get(file).cloned().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn folder(&self, folder: &Path) -> io::Result<Vec<PathBuf>> {
        let inside: Vec<_> = self.0.keys().filter(|file| file.parent() == Some(folder)).cloned().collect();
        let error = if self.0.contains_key(folder) { io::ErrorKind::NotADirectory } else { io::ErrorKind::NotFound };
        if inside.is_empty() { Err(error.into()) } else { Ok(inside) }
    }
}

fn seed() -> Seed {
    Seed::new(*b"0123456789abcdefghijklmnopqrstuvwxyzABCD")
}

fn guard() -> Guard {
    let mut guard = Guard::of_care(&seed());
    for (name, line) in [("wales.nhs.uk", 6), ("=only.example", 7), ("198.51.100.0/24", 8)] {
        let why = Why::Protected { category: "clinical".into(), source: Source::new("policy.toml", line) };
        guard.watch(&seed(), Watched { pattern: name.parse().unwrap(), why });
    }
    guard
}

fn list(format: Format, path: &str, files: &[(&str, &str)]) -> List {
    let files = files.iter().map(|(name, text)| (PathBuf::from(name), text.as_bytes().to_vec()));
    read(Path::new(path), format, &Files(files.collect()), &seed(), Watch::Over(&guard())).unwrap()
}

fn one(format: Format, text: &str) -> List {
    list(format, "list", &[("list", text)])
}

/// `line text: why` of what is left out.
fn rejected(list: &List) -> Vec<String> {
    list.rejected.iter().map(|line| format!("{} {}: {}", line.line, line.text, line.why)).collect()
}

/// Which entries of a list each of some hosts matches, as `file:line entry`.
fn found(list: List, hosts: &[&str]) -> Vec<String> {
    let category = Category {
        id: "listed".into(),
        tube: None,
        about: None,
        protected: false,
        entries: Vec::new(),
        lists: vec![list.into()],
        source: Source::new("policy.toml", 1),
    };
    let catalog = Catalog::new(&Spec { categories: vec![category], other: "internet".into(), seed: seed() }).unwrap();
    let told = |host: &&str| {
        let host = host.parse().unwrap();
        let matches = catalog.classify(&host, None);
        matches.named().map_or("-".to_owned(), |found| format!("{} {}", found.source().line, found.entry))
    };
    hosts.iter().map(told).collect()
}

#[test]
fn a_plain_list_takes_every_line_that_people_write_with_its_number() {
    let text = "\u{feff}# a list\r\n\
                Example.COM.\r\n\
                \t \r\n\
                =cdn.example # that name only\r\n\
                bücher.example\t# umlaut\n\
                \x20 203.0.113.0/24\n\
                2001:db8::1\n\
                #last.example\n\
                end.example";
    let list = one(Format::Plain, text);
    assert!(list.rejected.is_empty());
    let hosts = [
        "www.example.com",
        "cdn.example",
        "a.cdn.example",
        "xn--bcher-kva.example",
        "203.0.113.9",
        "2001:db8::1",
        "end.example",
    ];
    assert_eq!(
        found(list, &hosts),
        [
            "2 example.com",
            "4 =cdn.example",
            "-",
            "5 xn--bcher-kva.example",
            "6 203.0.113.0/24",
            "7 2001:db8::1/128",
            "9 end.example"
        ]
    );
}

#[test]
fn a_bad_line_says_why_and_costs_only_itself() {
    let long = format!("{}.example", "x".repeat(300));
    let text = format!("good.example\n0.0.0.0 ads.example\n*.ads.example # all\nalso-good.example\n{long}\n\u{1b}[2J");
    let list = one(Format::Plain, &text);
    assert_eq!((list.counts.suffix, list.counts.rejected), (2, 4));
    let lines: Vec<_> = list.rejected.iter().map(|rejected| (rejected.line, rejected.text.clone())).collect();
    let cut = format!("{}…", "x".repeat(60));
    let expected = [(2, "0.0.0.0 ads.example"), (3, "*.ads.example"), (5, &*cut), (6, "\u{fffd}[2J")];
    assert_eq!(lines, expected.map(|(line, text)| (line, text.to_owned())));
    assert_eq!(list.rejected[0].why, "has white space inside; write one entry at a time, without an address in front");
    // Octets that are no text cost their line only, too.
    let shelf = |_: &Path| Ok(b"good.example\nb\xfcd.example\nend.example\n".to_vec());
    let list = read(Path::new("list"), Format::Plain, &shelf, &seed(), Watch::Over(&guard())).unwrap();
    assert_eq!((list.counts.suffix, list.rejected[0].line), (2, 2));
}

#[test]
fn a_ut1_folder_has_names_with_all_under_them_pages_and_expressions() {
    let list = list(
        Format::Ut1,
        "ut1/chat",
        &[
            ("ut1/chat/domains", "teams.example\n198.18.0.7\nTeams2.Example.\nbad_..example\n"),
            ("ut1/chat/urls", "forum.example/chat\nhttps://www.talk.example/\n192.0.2.1/~a\na..b/c\n"),
            ("ut1/chat/expressions", "^[0-9]+\\.example/q=[0-9]+$\n(open\n"),
            ("ut1/chat/usage", "black\n"),
        ],
    );
    let counts = list.counts;
    assert_eq!((counts.suffix, counts.networks, counts.urls, counts.regexps), (2, 1, 3, 1));
    assert_eq!(
        rejected(&list),
        [
            "4 bad_..example: has an empty label",
            "4 a..b: has a host that has an empty label",
            "2 (open: is no regular expression: unclosed group",
        ]
    );
    assert_eq!(list.rejected[1].file.to_str(), Some("ut1/chat/urls"));
    assert_eq!(list.places.source(3).to_string(), "ut1/chat/urls:1");
    assert_eq!(
        found(list, &["a.teams.example", "198.18.0.7", "forum.example"]),
        ["1 teams.example", "2 198.18.0.7/32", "-"]
    );
    let files = Files([(PathBuf::from("ut1/x/usage"), Vec::new())].into());
    let empty = read(Path::new("ut1/x"), Format::Ut1, &files, &seed(), Watch::Over(&guard())).unwrap_err();
    assert_eq!(empty.to_string(), "the folder has none of `domains`, `urls` and `expressions`");
}

#[test]
fn a_hosts_file_has_names_that_are_those_names_only() {
    let text = "127.0.0.1 localhost\n::1\tip6-localhost ip6-loopback\n0.0.0.0 0.0.0.0\nfe80::1%lo0 localhost\n\
                0.0.0.0 ads.example TRACK.example. # two\nads2.example\n0.0.0.0\n255.255.255.255 broadcasthost\n";
    let list = one(Format::Hosts, text);
    assert_eq!(
        rejected(&list),
        [
            "6 ads2.example: has no address in front; a list of names alone is `plain` or `squid`",
            "7 0.0.0.0: has no name after its address",
        ]
    );
    assert_eq!(list.counts.entries(), 2);
    assert_eq!(
        found(list, &["ads.example", "a.ads.example", "track.example"]),
        ["5 =ads.example", "-", "5 =track.example"]
    );
}

#[test]
fn a_squid_list_tells_names_from_domains_by_the_dot_in_front() {
    let list = one(Format::Squid, ".example.com\nexample.org # c\n-n .a.example \"b.example\"\n198.18.0.7\n.\n");
    assert_eq!(rejected(&list), ["5 : is empty"]);
    let hosts =
        ["www.example.com", "example.com", "example.org", "www.example.org", "x.a.example", "b.example", "198.18.0.7"];
    assert_eq!(
        found(list, &hosts),
        ["1 example.com", "1 example.com", "2 =example.org", "-", "3 a.example", "3 =b.example", "4 198.18.0.7/32"]
    );
}

#[test]
fn a_v2fly_list_takes_what_it_includes_by_attributes_and_what_says_it_belongs_to_it() {
    let files = [
        (
            "data/social",
            "include:chat @ads\ninclude:video @-cn # c\nsocial.example\nfull:only.social.example\nkeyword:friend\n",
        ),
        ("data/chat", "chat.example\nads.chat.example @ads @cn\nregexp:(^|\\.)ad[0-9]\\.example$ @ads\n"),
        ("data/video", "video.example @cn\nfilm.example &chat\ndomain:tube.example\n"),
        ("data/other", "joined.example @x &social # comment\n# &social\nnot.example\n"),
    ];
    let list = list(Format::V2fly, "data/social", &files);
    assert!(list.rejected.is_empty(), "{:?}", list.rejected);
    let counts = list.counts;
    assert_eq!((counts.suffix, counts.exact, counts.keywords, counts.regexps), (5, 1, 1, 1));
    assert_eq!(list.places.source(0).to_string(), "data/chat:2");
    let hosts = [
        "chat.example",
        "x.ads.chat.example",
        "ad7.example",
        "video.example",
        "tube.example",
        "only.social.example",
        "my-friends.net",
        "joined.example",
        "not.example",
    ];
    assert_eq!(
        found(list, &hosts),
        [
            "-",
            "2 ads.chat.example",
            r"3 regexp:(^|\.)ad[0-9]\.example$",
            "-",
            "3 tube.example",
            "4 =only.social.example",
            "5 keyword:friend",
            "1 joined.example",
            "-",
        ]
    );
}

#[test]
fn a_v2fly_circle_is_cut_and_a_file_that_is_missing_named() {
    let files = [
        ("data/a", "include:b\na.example\n"),
        ("data/b", "include:a\ninclude:b\nb.example\ninclude:gone\ninclude:../a\nodd:x\n"),
    ];
    let list = list(Format::V2fly, "data/a", &files);
    assert_eq!(list.counts.suffix, 2);
    assert_eq!(
        rejected(&list),
        [
            "1 include:a: includes a file that includes this one",
            "2 include:b: includes a file that includes this one",
            "4 include:gone: includes a file that is not there; the list needs all files beside it",
            "5 include:../a: includes what is no file beside it",
            "6 odd:x: begins with `odd:`, which is no kind of entry",
        ]
    );
    assert!(list.rejected.iter().all(|line| line.file.to_str() == Some("data/b")));
}

#[test]
fn an_adguard_filter_gives_names_and_leaves_out_what_is_about_pages() {
    let text = "[Adblock Plus 2.0]\n! title\n||example.com^\n@@||good.example.com^\n||ads*.example.net^\nexample.org\n\
                |https://example.info^|\nexample.com##.banner\n||x.example^$third-party\n||y.example^$dnsrewrite=1\n\
                /^ads[0-9]+\\./\n0.0.0.0 h.example # c\n||z.example/path\n||*.w.example^\n||n.example^$important\n";
    let list = one(Format::Adguard, text);
    assert_eq!(
        rejected(&list),
        [
            "8 example.com##.banner: hides or changes a part of a page, which a gateway does not see",
            "10 ||y.example^$dnsrewrite=1: has a modifier that is not known here, so the whole rule is left out",
            "13 ||z.example/path: is about a path, which cannot be seen in a tunnel",
        ]
    );
    assert_eq!(list.counts.exceptions, 1);
    assert_eq!(list.effects.iter().map(|(_, effect)| *effect).collect::<Vec<_>>(), [Effect::Except, Effect::Insist]);
    let hosts = [
        "a.example.com",
        "good.example.com",
        "b.ads7.example.net",
        "example.org",
        "a.example.org",
        "example.info",
        "x.example",
        "y.example",
        "ads12.any.example",
        "h.example",
        "w.example",
        "a.w.example",
    ];
    assert_eq!(
        found(list, &hosts),
        [
            "3 example.com",
            "-",
            r"5 regexp:(^|\.)ads.*\.example\.net$",
            "6 =example.org",
            "-",
            "7 =example.info",
            "9 x.example",
            "-",
            r"11 regexp:^ads[0-9]+\.",
            "12 =h.example",
            "-",
            "14 *.w.example",
        ]
    );
}

#[test]
fn a_zone_gives_names_actions_and_none_of_its_noise() {
    let text = "$TTL 300\n$ORIGIN rpz.example.\n@ IN SOA ns.rpz.example. h.rpz.example. (\n\t1 ; serial\n\t3600 900 1 1 )\n\
                \tIN NS ns.\nbad.example CNAME .\n*.bad.example 300 IN CNAME .\ngood.bad.example CNAME rpz-passthru.\n\
                typo.example CNAME rpz-passthru\nwall.example A 192.0.2.1\n\tAAAA 2001:db8::1\n\
                full.example.rpz.example. CNAME *.\n24.0.2.0.192.rpz-ip CNAME .\nout.example. CNAME .\nt.example CNAME rpz-tcp-only.\n\
                odd.example LOC 1\n";
    let list = one(Format::Rpz, text);
    assert_eq!(
        rejected(&list),
        [
            "10 typo.example CNAME rpz-passthru: `rpz-passthru` has no final dot, so it is a name of the zone and no action",
            "14 24.0.2.0.192.rpz-ip CNAME .: `rpz-ip` looks at answers or clients, not at names",
            "15 out.example. CNAME .: lies outside its zone",
            "16 t.example CNAME rpz-tcp-only.: asks for TCP only; the name itself is not refused",
            "17 odd.example LOC 1: is no record of a zone",
        ]
    );
    let hosts = ["bad.example", "a.bad.example", "good.bad.example", "wall.example", "a.wall.example", "full.example"];
    assert_eq!(
        found(list, &hosts),
        ["7 =bad.example", "8 *.bad.example", "-", "11 =wall.example", "-", "13 =full.example"]
    );
    // A zone that says its name only in its SOA.
    let soa = "rpz.example. 1 IN SOA ns. h. 1 1 1 1 1\na.example.rpz.example. CNAME .\nb.example CNAME .\n";
    assert_eq!(found(one(Format::Rpz, soa), &["a.example", "b.example"]), ["2 =a.example", "3 =b.example"]);
}

#[test]
fn microsoft_s_endpoints_are_taken_but_for_those_that_are_too_broad() {
    let text = r#"[{"id":1,"urls":["outlook.office.com","*.protection.outlook.com"],"ips":["13.107.6.152/31"],"category":"Optimize"},
{"id":2,"urls":["autodiscover.*.onmicrosoft.com"],"tcpPorts":"443","category":"Allow"},
{"id":3,"urls":["*.com"],"category":"Default"},
{"id":4,"ips":["not/1"],"category":"Allow"}]"#;
    let list = one(Format::M365, text);
    assert_eq!(
        rejected(&list),
        ["3 *.com: is in Microsoft's category `Default`, which is far too broad", "4 not/1: not an address or network",]
    );
    let hosts = [
        "outlook.office.com",
        "a.outlook.office.com",
        "x.protection.outlook.com",
        "protection.outlook.com",
        "13.107.6.153",
        "autodiscover.x.onmicrosoft.com",
    ];
    assert_eq!(
        found(list, &hosts),
        [
            "1 =outlook.office.com",
            "-",
            "1 *.protection.outlook.com",
            "-",
            "1 13.107.6.152/31",
            r"2 regexp:^autodiscover\.[^.]*\.onmicrosoft\.com$"
        ]
    );
    let shelf = |_: &Path| Ok(b"[{\"id\":1,".to_vec());
    let broken = read(Path::new("x"), Format::M365, &shelf, &seed(), Watch::Over(&guard())).unwrap_err();
    assert!(broken.to_string().starts_with("it is not as Microsoft gives it: EOF"), "{broken}");
}

#[test]
fn entries_on_under_and_above_watched_names_are_noticed() {
    let text = "clinic.wales.nhs.uk\nwales.nhs.uk\nnhs.uk\nxwales.nhs.uk.example\n=only.example\nonly.example\n=uk\n\
                198.51.100.7\n198.51.0.0/16\nteams.microsoft.com\n=sub.teams.microsoft.com\nmicrosoft.com\ncom\n=nhs.uk\n";
    let list = one(Format::Plain, text);
    let told: Vec<_> = list.notices.iter().map(|notice| (notice.line, notice.to_string())).collect();
    let protected = "a name of the protected category `clinical`";
    let expected = [
        (1, format!("`clinic.wales.nhs.uk` would take {protected}: `wales.nhs.uk` (policy.toml:6)")),
        (2, format!("`wales.nhs.uk` would take {protected}: `wales.nhs.uk` (policy.toml:6)")),
        (3, format!("`nhs.uk` would take {protected}: `wales.nhs.uk` (policy.toml:6), which lies under it")),
        (3, "`nhs.uk` is a public suffix: it holds every name under it".to_owned()),
        (5, format!("`=only.example` would take {protected}: `=only.example` (policy.toml:7)")),
        (6, format!("`only.example` would take {protected}: `=only.example` (policy.toml:7), which lies under it")),
        (8, format!("`198.51.100.7/32` would take {protected}: `198.51.100.0/24` (policy.toml:8)")),
        (10, "`teams.microsoft.com` would take `teams.microsoft.com`, which care needs: Microsoft Teams: wards, multidisciplinary meetings".to_owned()),
        (11, "`=sub.teams.microsoft.com` would take `teams.microsoft.com`, which care needs: Microsoft Teams: wards, multidisciplinary meetings".to_owned()),
        (12, "`microsoft.com` would take `teams.microsoft.com`, which care needs: Microsoft Teams: wards, multidisciplinary meetings, which lies under it".to_owned()),
        (13, "`com` would take `emishealth.com`, which care needs: general practice records, which lies under it".to_owned()),
        (13, "`com` is a public suffix: it holds every name under it".to_owned()),
        (14, "`=nhs.uk` would take `nhs.uk`, which care needs: the NHS in England".to_owned()),
    ];
    assert_eq!(told, expected);
    assert_eq!(list.counts.notices, expected.len());
    assert!(list.notices.iter().any(|notice| notice.trouble == Trouble::PublicSuffix));
}

#[test]
fn a_protected_category_s_list_is_watched_over_like_its_own_entries() {
    let mut guard = Guard::default();
    let clinical = "clinical".into();
    let shelf = |_: &Path| Ok(b"wccg.example\n=portal.example\n203.0.113.0/24\n".to_vec());
    read(Path::new("own.txt"), Format::Plain, &shelf, &seed(), Watch::For(&mut guard, &clinical)).unwrap();
    let shelf = |_: &Path| Ok(b"a.wccg.example\nportal.example\n203.0.113.9\n".to_vec());
    let list = read(Path::new("theirs.txt"), Format::Plain, &shelf, &seed(), Watch::Over(&guard)).unwrap();
    let told: Vec<_> = list.notices.iter().map(ToString::to_string).collect();
    let whose =
        |what: &str, line: u32| format!("a name of the protected category `clinical`: `{what}` (own.txt:{line})");
    assert_eq!(
        told,
        [
            format!("`a.wccg.example` would take {}", whose("wccg.example", 1)),
            format!("`portal.example` would take {}, which lies under it", whose("=portal.example", 2)),
            format!("`203.0.113.9/32` would take {}", whose("203.0.113.0/24", 3)),
        ]
    );
}

#[test]
fn a_format_shows_in_marks_that_only_it_has() {
    for (text, format) in [
        ("# c\n0.0.0.0 a.example\n0.0.0.0 b.example\n", Some(Format::Hosts)),
        ("! c\n||a.example^\n", Some(Format::Adguard)),
        ("include:x\na.example\n", Some(Format::V2fly)),
        (".a.example\nb.example\n", Some(Format::Squid)),
        ("$TTL 1\na.example CNAME .\n", Some(Format::Rpz)),
        ("a.example CNAME .\nb.example CNAME .\n", Some(Format::Rpz)),
        ("[{\"id\":1,\"urls\":[]}]", Some(Format::M365)),
        ("=a.example\n", Some(Format::Plain)),
        ("a.example\nb.example\n", None),
        ("<html><body>Not found</body></html>", None),
    ] {
        assert_eq!(Format::looks_like(text), format, "{text}");
    }
}

#[test]
fn a_list_that_was_kept_is_the_list_that_was_read() {
    let texts = [
        (
            Format::Plain,
            "clinic.wales.nhs.uk\nuk\nexample.com\n=x.example\n203.0.113.0/24\n*.bad\nteams.microsoft.com\n",
        ),
        (Format::Adguard, "||example.com^\n@@||good.example.com^\n||n.example^$important\n/^ads[0-9]+\\./\n"),
        (Format::V2fly, "keyword:casino\nexample.com\n"),
        (Format::Rpz, "a.example CNAME rpz-passthru.\n*.b.example CNAME .\n"),
        (Format::Hosts, "||example.com^\n"),
    ];
    for (format, text) in texts {
        let list = one(format, text);
        let origin = Origin { files: vec![("list".into(), 7, 1)], guard: 5 };
        let octets = kept::encode(&list, &origin, &seed()).unwrap();
        let about = kept::About { origin, format, counts: list.counts };
        assert_eq!(kept::about(&octets, &seed()), Some(about), "{format}");
        assert_eq!(kept::decode(&octets, &seed()), Some(list.clone()), "{format}");
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&octets).unwrap();
        let keys = kept::keys(file, list.places.len()).unwrap();
        assert_eq!(kept::decode_aside(&octets, &seed()).map(|bare| List { keys, ..bare }), Some(list), "{format}");
        // Of another gateway, cut, or with any octet changed it is none.
        assert_eq!(kept::decode(&octets, &Seed::new([1; Seed::OCTETS])), None);
        assert_eq!(kept::decode(&octets[..octets.len() - 1], &seed()), None);
        for at in 0..octets.len() {
            let mut other = octets.clone();
            other[at] ^= 1;
            assert_eq!(kept::decode(&other, &seed()), None, "{at}");
        }
    }
}

#[test]
fn a_list_that_changed_too_much_is_refused_and_one_of_few_lines_is_not() {
    let of =
        |count: usize| one(Format::Plain, &(0..count).map(|number| format!("n{number}.example\n")).collect::<String>());
    for (before, now, refusal) in [
        (200, 0, Some("it is empty, and the last good one has 200 entries")),
        (3, 0, Some("it is empty, and the last good one has 3 entries")),
        (200, 99, Some("it shrank from 200 to 99 entries, by more than 50%")),
        (200, 301, Some("it grew from 200 to 301 entries, by more than 50%")),
        (200, 100, None),
        (200, 300, None),
        (3, 9, None),
        (0, 500, None),
    ] {
        assert_eq!(of(now).refusal(&of(before).counts, 50).as_deref(), refusal, "{before} {now}");
    }
}
