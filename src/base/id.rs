//! Names of the things a configuration defines, one type for each kind so that they cannot be mixed up.

use std::fmt;
use std::sync::Arc;

macro_rules! id {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The name as the configuration spells it; also the metric label and the log field.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl From<&str> for $name {
            fn from(name: &str) -> Self {
                $name(Arc::from(name))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )*};
}

id! {
    /// A `[[listener]]` by its `name`.
    ListenerId;
    /// A `[group.NAME]`.
    GroupId;
    /// A `[category.NAME]`, or the built-in `other`.
    CategoryId;
    /// A `[[rule]]` by its `name`.
    RuleId;
    /// A `[tube.NAME]`.
    TubeId;
    /// An `[egress.NAME]`, or the built-in `system`.
    EgressId;
}
