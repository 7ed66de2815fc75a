//! The security manager's desk on a running gateway: rules that only watch, who changed what, and the way back.

use serde_json::Value;

use crate::world::gateway::clearway;
use crate::world::setup::{NEWS, NO_SOCIAL, SOCIAL};
use crate::world::{Answer, Origin, Setup, Wire, World};

#[test]
fn a_rule_that_watches_decides_nothing_and_is_counted_in_metrics_log_and_status() {
    let origin = Origin::http(|_| Answer::ok("hello"));
    let mut setup = Setup::default();
    setup.policy += &format!("{NO_SOCIAL}mode = \"watch\"\n");
    setup.policy += "\n[[rule]]\nname = \"as-it-is\"\nto = [\"other\"]\naction = \"allow\"\nmode = \"watch\"\n";
    let world = World::start(&setup);
    for host in [SOCIAL, SOCIAL, NEWS] {
        let answer = Wire::connect(world.proxy()).get(&format!("http://{host}:{}/", origin.port()));
        assert_eq!(answer.status, 200, "{host}");
    }
    let scrape = world.scrape();
    let watched =
        |rule, otherwise| scrape.value("clearway_rule_watched_total", &[("rule", rule), ("otherwise", otherwise)]);
    assert_eq!((watched("no-social", "yes"), watched("no-social", "no")), (2.0, 0.0));
    assert_eq!((watched("as-it-is", "yes"), watched("as-it-is", "no")), (0.0, 1.0));
    assert_eq!(scrape.value("clearway_rule_hits_total", &[("rule", "default")]), 3.0);
    let told = world.command("status").text();
    let row = told.lines().find(|line| line.starts_with("no-social")).unwrap_or_else(|| panic!("{told}"));
    assert_eq!(row.split_whitespace().collect::<Vec<_>>(), ["no-social", "2", "2"]);
    for record in world.finish() {
        let watched = if record.text("host") == SOCIAL { Some(&Value::from(vec!["no-social"])) } else { None };
        assert_eq!(record.0.get("watched"), watched, "{record:?}");
        assert_eq!((record.text("action"), &record.0["rule"]), ("allow", &Value::Null), "{record:?}");
    }
    let traced = world.command(&format!("explain {SOCIAL} --trace")).text();
    assert!(traced.contains("matches, and only watches"), "{traced}");
}

/// The history as JSON, the oldest first.
fn history(world: &World) -> Vec<Value> {
    let told = world.command("history --json").ok();
    told.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Some fields of an entry.
fn entry(found: &Value) -> (&str, bool, u64, String) {
    let entry = &found["entry"];
    let changes = entry["changes"].as_array().unwrap().iter().map(|line| line.as_str().unwrap());
    let how = entry["how"].as_str().unwrap();
    (how, entry["applied"] == true, entry["generation"].as_u64().unwrap(), changes.collect::<Vec<_>>().join("|"))
}

#[test]
fn a_start_that_could_not_listen_is_in_the_history_as_refused() {
    let setup = Setup::default();
    let world = World::start(&setup);
    world.finish();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    Setup { listen: address.clone(), ..setup }.write(world.dir());
    // Whoever starts it again and again makes one entry.
    for _ in 0..3 {
        let ran = world.command("run");
        assert!(ran.code != Some(0) && ran.stderr.contains("another program has it"), "{ran:?}");
    }
    let found = history(&world);
    let [start, refused] = &found[..] else { panic!("{found:#?}") };
    assert_eq!((entry(start).1, entry(start).2), (true, 1));
    assert_eq!(entry(refused), ("start", false, 1, String::new()), "the last that was in force is 1");
    let why = refused["entry"]["problem"].as_str().unwrap();
    assert!(why.contains(&format!("listener `staff` cannot listen on {address}")), "{why}");
    let told = world.command("rollback 2");
    assert!(told.stderr.contains("generation 2 is not kept; these are: 1"), "{}", told.stderr);
}

#[test]
fn every_change_is_in_the_history_and_a_rollback_brings_the_files_back() {
    let mut setup = Setup::default();
    let first = setup.policy.clone();
    let world = World::start(&setup);
    setup.policy += NO_SOCIAL;
    world.reload(&setup);
    setup.policy += "\n[[rule]]\nname = \"broken\"\nto = [\"nowhere\"]\naction = \"block\"\n";
    setup.write(world.dir());
    assert_eq!(world.command("reload").code, Some(1));

    let found = history(&world);
    let [start, applied, refused] = &found[..] else { panic!("{found:#?}") };
    assert_eq!(entry(start).0, "start");
    let (how, was_applied, generation, changes) = entry(applied);
    assert_eq!((how, was_applied, generation), ("reload", true, 2));
    assert!(changes.starts_with("new no-social: block social-media for everybody, always"), "{changes}");
    let me = own_name();
    assert_eq!(applied["entry"]["who"], *me, "the user whose process asked");
    let policy = applied["entry"]["files"]
        .as_array()
        .unwrap()
        .iter()
        .find(|file| file[0].as_str().unwrap().ends_with("policy.toml"));
    assert_eq!(policy.unwrap()[1].as_str().unwrap().len(), 64);
    let (how, was_applied, generation, _) = entry(refused);
    assert_eq!((how, was_applied, generation), ("reload", false, 2));
    assert!(refused["entry"]["problem"].as_str().unwrap().contains("nowhere"), "{refused}");
    assert!(found.iter().all(|found| found["follows"] == true));

    // The broken policy is in no generation, so it is put aside.
    let broken = std::fs::read_to_string(world.dir().join("policy.toml")).unwrap();
    let told = world.command("rollback 1").ok().text();
    assert!(told.contains("generation 3 is in force"), "{told}");
    assert_eq!(std::fs::read_to_string(world.dir().join("policy.toml")).unwrap(), first);
    let aside = world.dir().join("policy.toml.before-rollback-to-1");
    assert_eq!(std::fs::read_to_string(aside).unwrap(), broken);
    let found = history(&world);
    let (how, was_applied, generation, changes) = entry(&found[3]);
    assert_eq!((how, was_applied, generation), ("rollback to 1", true, 3));
    assert!(changes.starts_with("gone no-social"), "{changes}");
    assert!(changes.ends_with("changed file policy.toml"), "{changes}");
    let refused = world.command("rollback 9");
    assert_eq!(refused.code, Some(1));
    assert!(refused.stderr.contains("generation 9 is not kept; these are: 1, 2, 3"), "{}", refused.stderr);

    // A link stays one, and without a gateway the files are put back all the same.
    let (policy, real) = (world.dir().join("policy.toml"), world.dir().join("real.toml"));
    std::fs::rename(&policy, &real).unwrap();
    std::os::unix::fs::symlink(&real, &policy).unwrap();
    world.finish();
    let told = world.command("rollback 2").ok().text();
    assert!(told.contains("no gateway runs here; the files count at its next start"), "{told}");
    assert!(policy.is_symlink() && std::fs::read_to_string(&real).unwrap() == first + NO_SOCIAL);

    // Whoever rewrites the history is seen.
    let file = world.dir().join("state/history.jsonl");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replacen("new no-social", "new no-harm", 1)).unwrap();
    let told = world.command("history");
    assert_eq!(told.code, Some(1));
    assert!(told.text().contains("THIS DOES NOT FOLLOW"), "{}", told.text());
}

/// The name of the user that runs the tests.
fn own_name() -> String {
    let out = std::process::Command::new("id").arg("-un").output().unwrap();
    String::from_utf8(out.stdout).unwrap().trim().to_owned()
}

#[test]
fn a_logged_flow_is_explained_by_the_generation_of_its_time() {
    let origin = Origin::http(|_| Answer::ok("hello"));
    let mut setup = Setup::default();
    setup.policy = setup
        .policy
        .replace("domains = [\"social.example\"]", "lists = [{ path = \"social.txt\", format = \"plain\" }]");
    let list = |text: &str| vec![("social.txt".to_owned(), text.to_owned())];
    setup.beside = list("social.example\n");
    let world = World::start(&setup);
    Wire::connect(world.proxy()).get(&format!("http://{SOCIAL}:{}/", origin.port()));
    let record = world.record("of the flow", |record| record.text("host") == SOCIAL);
    setup.beside = list("other.example\n");
    setup.policy += NO_SOCIAL;
    world.reload(&setup);
    let flow = record.text("flow").to_owned();
    let told: Value =
        serde_json::from_str(&world.command(&format!("explain --log-id {flow} --json")).ok().text()).unwrap();
    assert_eq!((&told["category"], &told["action"]), (&"social-media".into(), &"allow".into()), "{told}");
    assert_eq!((&told["logged"]["generation"], &told["logged"]["tube"]), (&1.into(), &"social".into()), "{told}");
    let told = world.command(&format!("explain --log-id {flow}")).ok().text();
    assert!(told.contains("generation 1, which was in force when the flow opened"), "{told}");

    // Without its generation, today's files say it, and are named.
    std::fs::remove_dir_all(world.dir().join("state/generations")).unwrap();
    let told: Value =
        serde_json::from_str(&world.command(&format!("explain --log-id {flow} --json")).ok().text()).unwrap();
    assert_eq!((&told["category"], &told["logged"]["generation"]), (&"other".into(), &Value::Null), "{told}");
    let unknown = world.command("explain --log-id 0-0");
    assert!(unknown.code == Some(1) && unknown.stderr.contains("no flow 0-0 in"), "{}", unknown.stderr);
}

#[test]
fn pages_of_a_list_are_said_to_be_of_no_use_on_tunnels() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("domains"), "one.example\n").unwrap();
    std::fs::write(dir.path().join("urls"), "two.example/page\nthree.example/page\n").unwrap();
    let folder = dir.path().to_str().unwrap();
    let told = clearway(&["lists", "check", "--format", "ut1", folder]).ok();
    assert!(told.stderr.contains("2 pages apply to plain HTTP alone"), "{}", told.stderr);
    let told = clearway(&["lists", "stat", "--format", "ut1", folder]).ok().text();
    assert!(told.contains("2  pages, of no use on tunnels"), "{told}");
}

#[test]
fn what_decides_where_patients_go_is_told_when_it_changes() {
    let setup = Setup::default();
    let world = World::start(&setup);
    for (from, to, told) in [
        ("tube = \"social\"", "tube = \"clinical\"", "changed category social-media: tube: clinical instead of social"),
        ("protected = true", "protected = false", "changed category clinical: protected: no instead of yes"),
        (
            "\"social.example\"",
            "\"other.example\"",
            "changed category social-media: new other.example; gone social.example",
        ),
        ("default = \"allow\"", "# a comment\ndefault = \"allow\"", "changed file policy.toml"),
    ] {
        let changed = Setup { policy: setup.policy.replacen(from, to, 1), ..setup.clone() };
        world.reload(&changed);
        let found = history(&world);
        let (.., changes) = entry(found.last().unwrap());
        assert!(changes.starts_with(told) && changes.ends_with("changed file policy.toml"), "{changes}");
        world.reload(&setup);
    }
}

#[test]
fn a_rollback_takes_lists_as_they_were_and_says_what_it_could_not_bring_back() {
    let names = |count: usize| (0..count).map(|number| format!("n{number}.example\n")).collect::<String>();
    let lists = "lists = [{ path = \"ut1\", format = \"ut1\" }, { path = \"many.txt\", format = \"plain\" }]";
    let mut setup = Setup::default();
    setup.policy = setup.policy.replace("domains = [\"social.example\"]", lists);
    let beside =
        |count| vec![("many.txt".to_owned(), names(count)), ("ut1/domains".to_owned(), "a.example\n".to_owned())];
    setup.beside = beside(1000);
    let world = World::start(&setup);
    let in_force = |host: &str| {
        let state = world.command("status --json").ok().text();
        assert!(!state.contains("the last good"), "{state}");
        let told: Value = serde_json::from_str(&world.command(&format!("explain {host} --json")).ok().text()).unwrap();
        told["category"].as_str().unwrap().to_owned()
    };
    // By 45% less, which is allowed; back it would be by 82% more.
    setup.beside = beside(550);
    world.reload(&setup);
    assert_eq!(in_force("n900.example"), "other");
    world.command("rollback 1").ok();
    assert_eq!(in_force("n900.example"), "social-media");
    let entries = [("category", "social-media")];
    assert_eq!(world.scrape().value("clearway_list_entries", &entries), 1001.0);

    // What was not there then is not taken away.
    setup.beside.push(("ut1/urls".to_owned(), "b.example/page\n".to_owned()));
    world.reload(&setup);
    let told = world.command("rollback 1");
    assert_eq!(told.code, Some(1));
    assert!(told.stderr.contains("not as in generation 1: ut1/urls was not there then"), "{}", told.stderr);
}

#[test]
fn a_rollback_writes_where_the_configuration_is_and_nowhere_else() {
    let setup = Setup::default();
    let world = World::start(&setup);
    let elsewhere = tempfile::tempdir().unwrap();
    let victim = elsewhere.path().join("victim");
    let told = world.dir().join("state/generations/1.json");
    let mut generation: Value = serde_json::from_slice(&std::fs::read(&told).unwrap()).unwrap();
    let files = generation["files"].as_array_mut().unwrap();
    let mut more = files[0].clone();
    (more["path"], more["lay"]) = ("x".into(), victim.to_str().unwrap().into());
    files.push(more);
    std::fs::write(&told, generation.to_string()).unwrap();
    let refused = world.command("rollback 1");
    assert_eq!(refused.code, Some(70), "{}", refused.text());
    assert!(refused.stderr.contains("victim: it lies outside of the configuration's folder"), "{}", refused.stderr);
    assert!(!victim.exists());

    // A link out of the state directory leads nowhere either.
    let link = world.dir().join("state/link");
    std::os::unix::fs::symlink(&victim, &link).unwrap();
    std::fs::write(&victim, "mine").unwrap();
    std::fs::write(&told, generation.to_string().replace(victim.to_str().unwrap(), link.to_str().unwrap())).unwrap();
    assert_eq!(world.command("rollback 1").code, Some(70));
    assert_eq!(std::fs::read_to_string(&victim).unwrap(), "mine");
}

#[test]
fn a_flow_that_a_reload_ended_is_explained_by_what_ended_it() {
    let origin = Origin::echo();
    let mut setup = Setup::default();
    let world = World::start(&setup);
    let mut wire = Wire::tunnel(world.proxy(), &format!("{SOCIAL}:{}", origin.port()));
    wire.send("hello");
    assert_eq!(wire.exactly(5), b"hello");
    setup.policy += NO_SOCIAL;
    world.reload(&setup);
    let record = world.record("of the tunnel", |record| record.text("host") == SOCIAL);
    let told: Value =
        serde_json::from_str(&world.command(&format!("explain --json --log-id {}", record.text("flow"))).ok().text())
            .unwrap();
    assert_eq!((&told["action"], &told["rule"]["name"]), (&"block".into(), &"no-social".into()), "{told}");
    assert_eq!((&told["logged"]["generation"], &told["logged"]["again"]), (&2.into(), &true.into()), "{told}");
}
