//! What is done to the settings of other programs, and to what the router was told by its user. Blocks.

use std::time::SystemTime;

use super::event::ToolWish;
use crate::connect::{self, ConnectError, Places, Router};
use crate::desk::Tool;
use crate::profile::ProfileName;
use crate::store::state::State;
use crate::store::{Home, StoreError};

/// Points a program at the router, or gives it its own settings back.
pub(super) fn change(
    home: &Home,
    places: &Places,
    router: &Router,
    tool: Tool,
    wish: ToolWish,
) -> Result<(), ConnectError> {
    match wish {
        ToolWish::Connect => connect::connect(home, places, router, tool, SystemTime::now()),
        ToolWish::Disconnect => connect::disconnect(home, places, router, tool),
    }
}

/// Writes down from which profile the router draws first.
pub(super) fn keep_route(home: &Home, to: Option<&ProfileName>) -> Result<(), StoreError> {
    State::edit(home, |state| state.set_routed_to(to)).map(drop)
}
