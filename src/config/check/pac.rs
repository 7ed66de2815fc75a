//! `[pac]`.

use toml::de::DeValue;

use crate::base::cidr::CidrError;
use crate::base::{Cidr, Name, Target};
use crate::config::table::Table;
use crate::config::value::{Readable, Wrong};
use crate::listen::pac::{Direct, IfDown, Pac, Proxy};

/// Reads `[pac]`.
pub(in crate::config) fn pac(root: &mut Table<'_>) -> Pac {
    let mut table = root.table_or_empty("pac");
    let pac = Pac {
        name: table.take::<Proxy>("name").map(|name| name.value),
        fallback: table.take::<Proxy>("fallback").map(|fallback| fallback.value),
        direct: table.list::<Direct>("direct").unwrap_or_default().into_iter().map(|direct| direct.value).collect(),
        if_down: table
            .choice("if_down", &[("fail", IfDown::Fail), ("direct", IfDown::Direct)])
            .map_or(IfDown::default(), |choice| choice.value),
    };
    table.finish();
    pac
}

impl Readable for Proxy {
    const KIND: &'static str = "a gateway's name in a string";
    const EXAMPLE: &'static str = r#""proxy.example.wales.nhs.uk:3128""#;

    fn read(raw: &DeValue<'_>) -> Result<Self, Wrong> {
        let text = raw.as_str().ok_or(Wrong::Kind)?;
        let wrong = |why: String| Wrong::Value { why, hint: None };
        if text.contains("://") {
            return Err(wrong("it is a URL: name the gateway alone, with a port or without".to_owned()));
        }
        // No target has port 0, so it stands for none.
        let target = Target::with_default_port(text, 0).map_err(|error| wrong(error.to_string()))?;
        Ok(Proxy { host: target.host, port: Some(target.port).filter(|port| *port != 0) })
    }
}

impl Readable for Direct {
    const KIND: &'static str = "a name or network in a string";
    const EXAMPLE: &'static str = r#"["intranet.example", "10.0.0.0/8"]"#;

    fn read(raw: &DeValue<'_>) -> Result<Self, Wrong> {
        let text = raw.as_str().ok_or(Wrong::Kind)?;
        let wrong = |why: String| Wrong::Value { why, hint: None };
        match text.parse::<Cidr>() {
            Ok(network) => return Ok(Direct::Network(network)),
            Err(error @ CidrError::HostBits(_)) => return Err(wrong(error.to_string())),
            Err(CidrError::Syntax) => {}
        }
        // Browsers and NO_PROXY write it with a dot or a star in front; a name covers what is under it either way.
        let bare = text.strip_prefix("*.").or_else(|| text.strip_prefix('.')).unwrap_or(text);
        bare.parse::<Name>().map(Direct::Name).map_err(|error| wrong(format!("it {error}")))
    }
}
