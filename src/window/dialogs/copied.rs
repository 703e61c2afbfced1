//! A copy button says that it copied: its icon is a check for a moment.

use std::time::Duration;

use egui::Ui;

use crate::window::fonts::icon;

const SHOWN_SECS: f64 = 1.5;

/// When something was copied last, in seconds of egui's clock.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Copied(Option<f64>);

impl Copied {
    pub fn copy(&mut self, ui: &Ui, text: &str) {
        ui.ctx().copy_text(text.to_owned());
        self.0 = Some(ui.input(|input| input.time));
    }

    /// The icon that the button has now.
    pub fn icon(self, ui: &Ui) -> &'static str {
        let left = self
            .0
            .map(|at| at + SHOWN_SECS - ui.input(|input| input.time));
        match left {
            Some(left) if left > 0.0 => {
                ui.ctx()
                    .request_repaint_after(Duration::from_secs_f64(left));
                icon::CHECK
            }
            _ => icon::COPY,
        }
    }
}
