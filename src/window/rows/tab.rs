//! The pages of the window, as its head names them.

use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tab {
    #[default]
    Accounts,
    Pool,
    Activity,
    Keys,
    /// Behind the gear, not among the named ones.
    Settings,
}

impl Tab {
    /// Those that the head names, in its order.
    pub const NAMED: [Self; 4] = [Self::Accounts, Self::Pool, Self::Activity, Self::Keys];

    pub fn label(self) -> &'static str {
        match self {
            Self::Accounts => "Accounts",
            Self::Pool => "Pool",
            Self::Activity => "Activity",
            Self::Keys => "Keys",
            Self::Settings => "Settings",
        }
    }
}
