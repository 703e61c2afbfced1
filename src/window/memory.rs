//! What the window remembers from one opening to the next. Kept by whoever opens it.

use egui::{Context, Pos2, Vec2};
use serde::{Deserialize, Serialize};

use super::rows::{Closing, Folds, Sort, Tab};

/// Every field may be missing in what was kept by another version.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Memory {
    /// The page that was open.
    pub tab: Tab,
    pub sort: Sort,
    /// Whether rows are grouped by status; none: as their number has it.
    pub is_grouped: Option<bool>,
    pub folds: Folds,
    pub geometry: Option<Geometry>,
    /// How large everything is, in percent; none: as usual.
    pub zoom: Option<u16>,
    /// What closing does where the icon would be left.
    pub closing: Closing,
    /// The user was told once that closing the window stops the router.
    pub knows_that_closing_stops: bool,
    /// Failures up to this happening were put away. Happenings count from the start of the program.
    #[serde(skip)]
    pub dismissed: u64,
}

/// Size, and place where the window system tells it (Wayland does not), in points.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Geometry {
    pub size: [f32; 2],
    pub position: Option<[f32; 2]>,
}

pub const DEFAULT_SIZE: Vec2 = Vec2::new(400.0, 640.0);
pub const MIN_SIZE: Vec2 = Vec2::new(360.0, 480.0);
/// Larger than any screen: what was kept is nonsense.
const MAX_SIDE: f32 = 16_384.0;

impl Memory {
    /// Within what can be chosen.
    pub fn zoom_percent(&self) -> u16 {
        self.zoom.unwrap_or(100).clamp(90, 150)
    }
}

impl Geometry {
    /// Of the window as it stands; nothing while that is not known.
    pub fn of(ctx: &Context) -> Option<Self> {
        ctx.input(|input| {
            let viewport = input.viewport();
            if viewport.minimized == Some(true) || viewport.maximized == Some(true) {
                return None;
            }
            let size = viewport.inner_rect?.size();
            let position = viewport.outer_rect.map(|rect| rect.min.into());
            Some(Self {
                size: size.into(),
                position,
            })
        })
    }

    /// The kept size, if a window can have it.
    pub fn usable_size(self) -> Option<Vec2> {
        let [width, height] = self.size;
        let is_side = |side: f32| side.is_finite() && (1.0..MAX_SIDE).contains(&side);
        (is_side(width) && is_side(height)).then(|| Vec2::new(width, height).max(MIN_SIZE))
    }

    pub fn usable_position(self) -> Option<Pos2> {
        let [x, y] = self.position?;
        let is_on_a_desk = |at: f32| at.is_finite() && at.abs() < MAX_SIDE;
        (is_on_a_desk(x) && is_on_a_desk(y)).then(|| Pos2::new(x, y))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_another_version_kept_is_read_as_far_as_it_goes() {
        let memory: Memory =
            serde_json::from_str(r#"{"knows_that_closing_stops": true, "later": 1}"#).unwrap();
        let expected = Memory {
            knows_that_closing_stops: true,
            ..Memory::default()
        };
        assert_eq!(memory, expected);
    }

    #[test]
    fn it_survives_being_written_down() {
        let memory = Memory {
            sort: Sort::MostLeft,
            geometry: Some(Geometry {
                size: [400.0, 640.0],
                position: Some([10.0, 20.0]),
            }),
            ..Memory::default()
        };
        let text = serde_json::to_string(&memory).unwrap();
        assert_eq!(serde_json::from_str::<Memory>(&text).unwrap(), memory);
    }

    #[test]
    fn a_geometry_that_no_window_can_have_is_not_used() {
        let geometry = |size, position| Geometry { size, position };
        assert_eq!(geometry([f32::NAN, 2.0], None).usable_size(), None);
        assert_eq!(geometry([1e9, 2.0], None).usable_size(), None);
        assert_eq!(geometry([10.0, 10.0], None).usable_size(), Some(MIN_SIZE));
        let nowhere = geometry([400.0, 640.0], Some([f32::INFINITY, 0.0]));
        assert_eq!(nowhere.usable_position(), None);
    }
}
