//! A real TLS origin: nginx with HTTP/2, a page of forty objects, and big streams in both directions.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::setup::{CLINICAL, NEWS, SOCIAL};
use super::{Certs, Origin, until};

/// A picture of one pixel.
const DOT: &str = r#"<svg xmlns="http://www.w3.org/2000/svg" width="1" height="1"><rect width="1" height="1"/></svg>"#;

/// How many pictures the page shows; with the page itself there are forty objects.
pub const PICTURES: usize = 39;

/// A running nginx; killed when dropped.
pub struct Nginx {
    /// Its plain port.
    pub plain: u16,
    /// Its TLS port.
    pub tls: u16,
    /// Its authority and leaf.
    pub certs: Certs,
    process: Child,
    _streams: Origin,
    _dir: tempfile::TempDir,
}

impl Nginx {
    /// Starts one in a folder of its own. A port that was free a moment ago may be taken: then it tries again.
    pub fn start() -> Nginx {
        let dir = tempfile::tempdir().unwrap();
        let certs = Certs::write(dir.path());
        let streams = Origin::streams();
        let log = dir.path().join("error.log");
        for _ in 0..5 {
            let (plain, tls) = (free_port(), free_port());
            write_site(dir.path(), plain, tls, &certs, streams.address);
            // Debian keeps it where only root's PATH leads.
            let path = format!("{}:/usr/sbin", std::env::var("PATH").unwrap_or_default());
            let mut process = Command::new("nginx")
                .env("PATH", path)
                .args(["-p".as_ref(), dir.path().as_os_str(), "-e".as_ref(), log.as_os_str()])
                .args(["-c".as_ref(), dir.path().join("nginx.conf").as_os_str()])
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .expect("nginx does not start; run deploy/test-deps");
            let ready = until(Duration::from_secs(20), "nginx", || {
                if let Some(status) = process.try_wait().unwrap() {
                    return Some(Err(status));
                }
                TcpStream::connect(("127.0.0.1", tls)).ok().map(|_| Ok(()))
            });
            match ready {
                Ok(()) => return Nginx { plain, tls, certs, process, _streams: streams, _dir: dir },
                Err(status) => {
                    let text = std::fs::read_to_string(&log).unwrap_or_default();
                    assert!(text.contains("Address already in use"), "nginx: {status}\n{text}");
                }
            }
        }
        panic!("nginx found no free port in five attempts");
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn write_site(dir: &Path, plain: u16, tls: u16, certs: &Certs, streams: SocketAddr) {
    let root = dir.join("www");
    std::fs::create_dir_all(&root).unwrap();
    for n in 0..PICTURES {
        std::fs::write(root.join(format!("dot-{n}.svg")), DOT).unwrap();
    }
    std::fs::write(root.join("page.html"), page(tls)).unwrap();
    std::fs::write(root.join("hello.txt"), "hello\n").unwrap();
    let conf = format!(
        r#"daemon off; master_process off; pid nginx.pid; worker_rlimit_nofile 4096;
events {{ worker_connections 1024; }}
http {{
  access_log off; default_type application/octet-stream; client_max_body_size 0;
  types {{ text/html html; image/svg+xml svg; text/plain txt; }}
  client_body_temp_path {dir}/body; proxy_temp_path {dir}/proxy; fastcgi_temp_path {dir}/fastcgi;
  uwsgi_temp_path {dir}/uwsgi; scgi_temp_path {dir}/scgi;
  server {{
    listen 127.0.0.1:{plain}; listen 127.0.0.1:{tls} ssl http2;
    ssl_certificate {leaf}; ssl_certificate_key {key};
    root {dir}/www;
    add_header x-protocol $server_protocol always; add_header x-name $host always;
    location /streams/ {{
      proxy_pass http://{streams}/; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_buffering off; proxy_request_buffering off; proxy_read_timeout 120s;
    }}
    location /status/204 {{ return 204; }}
    location /status/304 {{ return 304; }}
  }}
}}
"#,
        dir = dir.display(),
        leaf = certs.leaf.display(),
        key = certs.key.display(),
    );
    std::fs::write(dir.join("nginx.conf"), conf).unwrap();
}

/// A page whose pictures come from three names, which says in itself when all of them are there.
fn page(tls: u16) -> String {
    let names = [CLINICAL, SOCIAL, NEWS];
    let pictures: String = (0..PICTURES)
        .map(|n| format!("<img src=\"https://{}:{tls}/dot-{n}.svg\" onload=\"count()\">\n", names[n % names.len()]))
        .collect();
    format!(
        "<!doctype html><html><head><script>var n = 0; function count() {{ n++; }}\n\
         addEventListener('load', function () {{ document.body.setAttribute('data-loaded', n); }});</script></head>\n\
         <body>\n{pictures}</body></html>\n"
    )
}
