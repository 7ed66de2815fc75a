//! Certificates of listeners, as a check and a gateway find them on disk.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use rcgen::{CertificateParams, KeyPair};

use super::world::{GATEWAY, POLICY, change, lines};
use crate::config::{Keep, read};

const NOW: &str = "2026-11-24T10:00:00Z";

/// A folder with a gateway whose listener shows a certificate that ends then.
fn folder(ends: (i32, u8, u8)) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let tls = "name = \"staff\"\ntls = { cert = \"proxy.pem\", key = \"proxy.key\" }";
    write(folder.path(), "clearway.toml", &change(GATEWAY, "name = \"staff\"", tls));
    write(folder.path(), "policy.toml", POLICY);
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec!["proxy.example".to_owned()]).unwrap();
    params.not_after = rcgen::date_time_ymd(ends.0, ends.1, ends.2);
    write(folder.path(), "proxy.pem", &params.self_signed(&key).unwrap().pem());
    write(folder.path(), "proxy.key", &key.serialize_pem());
    folder
}

fn write(folder: &Path, name: &str, text: &str) {
    std::fs::write(folder.join(name), text).unwrap();
}

fn found(folder: &Path, keep: Keep) -> Vec<String> {
    let outcome = read(&folder.join("clearway.toml"), NOW.parse().unwrap(), keep);
    let at = format!("{}/", folder.display());
    lines(&outcome.problems).iter().map(|line| line.replace(&at, "")).collect()
}

#[test]
fn a_certificate_that_ends_soon_or_has_ended_is_named_where_it_is_named() {
    for (ends, expected) in [
        ((2027, 1, 1), None),
        ((2026, 12, 25), None),
        ((2026, 12, 24), Some("expires in 29 days (2026-12-24T00:00:00Z)")),
        ((2026, 11, 26), Some("expires tomorrow (2026-11-26T00:00:00Z)")),
        ((2026, 11, 25), Some("expires within a day (2026-11-25T00:00:00Z)")),
        ((2026, 11, 24), Some("has expired (2026-11-24T00:00:00Z): clients will refuse it")),
    ] {
        let folder = folder(ends);
        let expected: Vec<String> = expected
            .map(|what| format!("warning clearway.toml:8:16 the certificate \"proxy.pem\" {what}"))
            .into_iter()
            .collect();
        for keep in [Keep::Check, Keep::Write] {
            assert_eq!(found(folder.path(), keep), expected, "{ends:?}");
        }
    }
}

#[test]
fn files_that_are_no_certificate_and_its_key_are_errors_for_who_needs_them() {
    for (file, text, expected) in [
        ("proxy.key", None, "8:35 cannot read \"proxy.key\": it does not exist"),
        ("proxy.pem", None, "8:16 cannot read \"proxy.pem\": it does not exist"),
        ("proxy.pem", Some(""), "8:16 \"proxy.pem\" is no use: there is no certificate in it, in PEM"),
        ("proxy.key", Some("x"), "8:35 \"proxy.key\" is no use: there is no private key in it, in PEM"),
    ] {
        let folder = folder((2030, 1, 1));
        match text {
            Some(text) => write(folder.path(), file, text),
            None => std::fs::remove_file(folder.path().join(file)).unwrap(),
        }
        for keep in [Keep::Check, Keep::Write, Keep::Back] {
            assert_eq!(found(folder.path(), keep), [format!("error clearway.toml:{expected}")]);
        }
        // Who asks what the policy says, perhaps elsewhere, has no keys.
        assert!(found(folder.path(), Keep::Look).is_empty());
    }
    let (one, other) = (folder((2030, 1, 1)), folder((2030, 1, 1)));
    std::fs::copy(other.path().join("proxy.key"), one.path().join("proxy.key")).unwrap();
    let expected = "error clearway.toml:8:35 \"proxy.key\" is no use: its private key is not that of the certificate";
    assert_eq!(found(one.path(), Keep::Check), [expected]);
}

#[test]
fn no_copy_of_a_key_is_kept_with_a_generation() {
    let folder = folder((2030, 1, 1));
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
    let outcome = read(&folder.path().join("clearway.toml"), NOW.parse().unwrap(), Keep::Write);
    let files: Vec<_> = outcome.files.iter().filter_map(|file| file.file_name()?.to_str()).collect();
    assert_eq!(files, ["clearway.toml", "policy.toml"]);
    let config = outcome.config.unwrap();
    let tls = config.listeners[0].tls.as_ref().unwrap();
    assert_eq!((&tls.cert, &tls.key), (&folder.path().join("proxy.pem"), &folder.path().join("proxy.key")));
}
