//! Type: the roles of the design, and how a line of text is measured, shortened and placed.

use std::sync::Arc;

use egui::epaint::text::VariationCoords;
use egui::text::{LayoutJob, TextFormat, TextWrapping};
use egui::{Align2, Color32, FontFamily, FontId, Galley, Painter, Pos2, Rect, Vec2, pos2};

use super::fonts;

/// Size, weight and family of a text, by what it is for. (`design` section 2.)
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The percent of the account in use.
    Figure,
    /// Its sign, on the same baseline.
    FigureSign,
    /// What all requests came to.
    Stat,
    H1,
    Title,
    Body,
    BodyM,
    /// Percents in rows.
    BodyS,
    /// Numbers in tables: body with digits of equal width.
    Cell,
    Caption,
    CaptionM,
    /// Countdowns in rows and cards: captions with digits of equal width.
    Countdown,
    Micro,
    Mono,
    /// A code that is typed on another device.
    Code,
    /// An icon of this many points.
    Icon(u8),
}

impl Role {
    fn format(self, color: Color32) -> TextFormat {
        let (size, weight, family, tracking) = match self {
            Self::Figure => (24.0, 600.0, fonts::figures(), 0.0),
            Self::FigureSign => (14.0, 600.0, fonts::figures(), 0.0),
            Self::Stat => (18.0, 600.0, fonts::figures(), 0.0),
            Self::H1 => (18.0, 600.0, FontFamily::Proportional, -0.2),
            Self::Title => (15.0, 600.0, FontFamily::Proportional, -0.2),
            Self::Body => (13.0, 400.0, FontFamily::Proportional, 0.0),
            Self::BodyM => (13.0, 530.0, FontFamily::Proportional, 0.0),
            Self::BodyS => (13.0, 620.0, fonts::numbers(), 0.0),
            Self::Cell => (13.0, 400.0, fonts::numbers(), 0.0),
            Self::Caption => (12.0, 400.0, FontFamily::Proportional, 0.0),
            Self::CaptionM => (12.0, 530.0, FontFamily::Proportional, 0.0),
            Self::Countdown => (12.0, 400.0, fonts::numbers(), 0.0),
            Self::Micro => (11.0, 500.0, FontFamily::Proportional, 0.0),
            Self::Mono => (12.0, 400.0, FontFamily::Monospace, 0.0),
            Self::Code => (28.0, 400.0, FontFamily::Monospace, 0.0),
            Self::Icon(size) => (f32::from(size), 400.0, fonts::icons(), 0.0),
        };
        TextFormat {
            font_id: FontId::new(size, family),
            color,
            coords: VariationCoords::new([(b"wght", weight)]),
            extra_letter_spacing: tracking,
            ..TextFormat::default()
        }
    }

    /// For the few texts that egui lays out itself, such as fields.
    pub fn font(self) -> FontId {
        self.format(Color32::PLACEHOLDER).font_id
    }
}

/// One line, shortened at its end by `…` when it is wider than `max_width`.
pub fn line(
    painter: &Painter,
    text: &str,
    role: Role,
    color: Color32,
    max_width: f32,
) -> Arc<Galley> {
    let mut job = LayoutJob::single_section(text.to_owned(), role.format(color));
    job.break_on_newline = false;
    job.wrap = TextWrapping {
        max_width: max_width.max(0.0),
        max_rows: 1,
        break_anywhere: true,
        overflow_character: Some('…'),
    };
    painter.layout_job(job)
}

/// Several lines, wrapped between words at 1.4 line height.
pub fn paragraph(
    painter: &Painter,
    text: &str,
    role: Role,
    color: Color32,
    width: f32,
    max_rows: usize,
) -> Arc<Galley> {
    let mut format = role.format(color);
    format.line_height = Some((format.font_id.size * 1.4).round());
    let mut job = LayoutJob::single_section(text.to_owned(), format);
    job.wrap = TextWrapping {
        max_width: width.max(0.0),
        max_rows,
        break_anywhere: false,
        overflow_character: Some('…'),
    };
    painter.layout_job(job)
}

/// Paints a line so that `anchor` of it lies at `pos`.
pub fn place(painter: &Painter, galley: Arc<Galley>, pos: Pos2, anchor: Align2) -> Rect {
    let rect = anchor.anchor_size(pos, galley.size());
    painter.galley(rect.min, galley, Color32::PLACEHOLDER);
    rect
}

/// Lays out and paints one line.
pub fn put(
    painter: &Painter,
    pos: Pos2,
    anchor: Align2,
    text: &str,
    role: Role,
    color: Color32,
    max_width: f32,
) -> Rect {
    place(
        painter,
        line(painter, text, role, color, max_width),
        pos,
        anchor,
    )
}

/// Paints a line with its baseline at `pos.y`, so that sizes can share one. Returns where it ends.
pub fn put_on_baseline(
    painter: &Painter,
    pos: Pos2,
    text: &str,
    role: Role,
    color: Color32,
) -> f32 {
    let galley = line(painter, text, role, color, f32::INFINITY);
    let baseline = galley
        .rows
        .first()
        .and_then(|row| row.glyphs.first())
        .map_or(galley.size().y * 0.8, |glyph| glyph.pos.y);
    let end = pos.x + galley.size().x;
    painter.galley(pos2(pos.x, pos.y - baseline), galley, Color32::PLACEHOLDER);
    end
}

/// An icon with its middle at `centre`.
pub fn icon(painter: &Painter, centre: Pos2, icon: &str, size: u8, color: Color32) {
    let galley = line(painter, icon, Role::Icon(size), color, f32::INFINITY);
    // The ink decides, not the line: fonts place icons a little off the middle of their line.
    let middle = galley.mesh_bounds.center();
    let min = centre
        - if galley.mesh_bounds.is_positive() {
            middle.to_vec2()
        } else {
            Vec2::ZERO
        };
    painter.galley(min, galley, Color32::PLACEHOLDER);
}

/// Shortens an e-mail until it fits: the domain is kept as long as a few letters before it remain, else the middle goes.
pub fn elide_email(email: &str, fits: impl Fn(&str) -> bool) -> String {
    if fits(email) {
        return email.to_owned();
    }
    if let Some((local, domain)) = email.rsplit_once('@') {
        let letters: Vec<char> = local.chars().collect();
        for kept in (LOCAL_KEPT..letters.len()).rev() {
            let start: String = letters.iter().take(kept).collect();
            let shorter = format!("{start}…@{domain}");
            if fits(&shorter) {
                return shorter;
            }
        }
    }
    let length = email.chars().count();
    (1..length)
        .rev()
        .map(|most| crate::desk::words::middle_truncate(email, most))
        .find(|shorter| fits(shorter))
        .unwrap_or_default()
}

/// Fewer letters than this say nothing about whose mail it is.
const LOCAL_KEPT: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    fn within(most: usize) -> impl Fn(&str) -> bool {
        move |text| text.chars().count() <= most
    }

    #[test]
    fn an_email_keeps_its_domain_as_long_as_a_few_letters_before_it_remain() {
        assert_eq!(
            elide_email("ana@lindqvist.dev", within(20)),
            "ana@lindqvist.dev"
        );
        assert_eq!(
            elide_email("dev-shared@example.co.jp", within(21)),
            "dev-sh…@example.co.jp"
        );
        assert_eq!(
            elide_email("codex-seats@nordlys-consulting.io", within(24)),
            "codex-seats@…nsulting.io"
        );
        assert_eq!(elide_email("ab@c", within(0)), "");
    }
}
