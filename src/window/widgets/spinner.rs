//! Work is under way that the user started.

use std::time::Duration;

use egui::{Color32, Pos2, Stroke, Ui, vec2};

use crate::window::theme::Look;

/// 30 frames a second are smooth enough for one small arc.
const FRAME: Duration = Duration::from_millis(33);
const WIDTH: f32 = 2.0;

/// A ring of 16 points with an arc that turns once a second.
pub fn spinner(ui: &Ui, look: Look, centre: Pos2) {
    let radius = 7.0;
    let ring = Stroke::new(WIDTH, look.track);
    ui.painter().circle_stroke(centre, radius, ring);
    arc(ui, centre, radius, 0.3, look.accent);
}

/// An arc alone, `share` of a whole turn long.
pub fn arc(ui: &Ui, centre: Pos2, radius: f32, share: f32, ink: Color32) {
    let turn = ui.input(|input| input.time).fract() as f32;
    let points = (0_u8..=18)
        .map(|step| {
            let angle = (turn + f32::from(step) / 18.0 * share) * std::f32::consts::TAU;
            centre + radius * vec2(angle.cos(), angle.sin())
        })
        .collect();
    ui.painter().line(points, Stroke::new(WIDTH, ink));
    ui.ctx().request_repaint_after(FRAME);
}
