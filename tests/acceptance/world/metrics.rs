//! `/metrics` as a scraper sees it.

use std::net::SocketAddr;

use super::Wire;

/// One scrape.
pub struct Scrape {
    /// The text as it came.
    pub text: String,
}

impl Scrape {
    /// Asks the admin listener.
    #[track_caller]
    pub fn take(admin: SocketAddr) -> Scrape {
        let answer = fetch(admin, "/metrics");
        assert_eq!(answer.status, 200, "{answer:?}");
        Scrape { text: answer.text() }
    }

    /// The sum of all samples of a name that carry these labels; `None` when there is none.
    pub fn find(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let mut sum = None;
        for line in self.text.lines().filter(|line| !line.starts_with('#')) {
            let Some((series, value)) = line.rsplit_once(' ') else { continue };
            let (found, rest) = series.split_once('{').unwrap_or((series, ""));
            let carries = |(key, value): &(&str, &str)| {
                let label = format!("{key}={value:?}");
                rest.starts_with(&label) || rest.contains(&format!(",{label}"))
            };
            if found == name && labels.iter().all(carries) {
                *sum.get_or_insert(0.0) += value.parse::<f64>().unwrap();
            }
        }
        sum
    }

    /// The same, where there being none is a mistake.
    #[track_caller]
    pub fn value(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        self.find(name, labels).unwrap_or_else(|| panic!("no {name} with {labels:?} in\n{}", self.text))
    }
}

/// Asks the admin listener for a path.
#[track_caller]
pub fn fetch(admin: SocketAddr, path: &str) -> super::wire::Answered {
    let mut wire = Wire::connect(admin);
    wire.send(format!("GET {path} HTTP/1.1\r\nhost: {admin}\r\nconnection: close\r\n\r\n"));
    wire.answer("GET")
}

#[test]
fn labels_are_found_whole_and_summed() {
    let scrape = Scrape {
        text: "# HELP a x\na{tube=\"x\",side=\"y\"} 1\na{tube=\"x\",side=\"z\"} 2\na{subtube=\"x\"} 4\nb 8\n"
            .to_owned(),
    };
    for (name, labels, value) in [
        ("a", &[("tube", "x")][..], Some(3.0)),
        ("a", &[("side", "z")][..], Some(2.0)),
        ("a", &[("tube", "x"), ("side", "y")][..], Some(1.0)),
        ("b", &[][..], Some(8.0)),
        ("c", &[][..], None),
    ] {
        assert_eq!(scrape.find(name, labels), value, "{name} {labels:?}");
    }
}
