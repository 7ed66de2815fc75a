//! The live page: its parts put together, and the policy under which a browser shows it.

use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hyper::header::HeaderValue;
use ring::digest;

/// The page, with its style and its script in it.
pub const PAGE: &str = concat!(
    include_str!("live/head.html"),
    "<style>\n",
    include_str!("live/page.css"),
    include_str!("live/picture.css"),
    "</style>\n",
    include_str!("live/body.html"),
    "<script>\n\"use strict\";\n",
    include_str!("live/words.js"),
    include_str!("live/picture.js"),
    include_str!("live/hour.js"),
    include_str!("live/page.js"),
    "</script>\n</body>\n</html>\n",
);

/// Nothing but the page's own style and script, told by their hashes, and its own API.
pub static POLICY: LazyLock<HeaderValue> = LazyLock::new(|| {
    let hash = |tag: &str| {
        let inner = PAGE.split_once(&format!("<{tag}>")).and_then(|(_, rest)| rest.split_once(&format!("</{tag}>")));
        STANDARD.encode(digest::digest(&digest::SHA256, inner.map_or("", |(inner, _)| inner).as_bytes()))
    };
    let text = format!(
        "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; connect-src 'self'; img-src data:; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        hash("style"),
        hash("script"),
    );
    HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static("default-src 'none'"))
});
