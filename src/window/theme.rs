//! Colours, type and measures: the only place where either is a number. (`design` section 2.)
//!
//! Both looks are made once; a view asks [`Look`] and never names a colour of its own.

use egui::{Color32, CornerRadius, Shadow, Stroke, Style, Theme, Vec2, Visuals};

/// Gap between the window's edge and its cards.
pub const GUTTER: f32 = 12.0;
pub const CARD_PADDING: f32 = 16.0;
/// Between one card and the next.
pub const CARD_GAP: f32 = 12.0;
pub const CARD_RADIUS: u8 = 10;
pub const CONTROL_RADIUS: u8 = 7;
pub const CHIP_RADIUS: u8 = 5;
pub const MENU_RADIUS: u8 = 10;
pub const DIALOG_RADIUS: u8 = 12;
pub const HAIRLINE: f32 = 1.0;
pub const HEADER_HEIGHT: f32 = 44.0;
/// The strip has two lines, and one where there is room.
pub const STRIP_HEIGHT: f32 = 60.0;
pub const WIDE_STRIP_HEIGHT: f32 = 44.0;

/// Every colour by its role.
#[derive(Debug)]
pub struct Tokens {
    pub bg: Color32,
    pub surface: Color32,
    pub sunken: Color32,
    pub hover: Color32,
    pub tab_selected: Color32,
    pub hairline: Color32,
    pub border: Color32,
    pub text: Color32,
    pub text_2: Color32,
    pub text_3: Color32,
    pub accent: Color32,
    pub accent_bar: Color32,
    pub accent_fill: Color32,
    /// Under what is chosen among several.
    pub accent_soft: Color32,
    /// Accent on the inverse ground of a toast.
    pub accent_inverse: Color32,
    pub ok: Color32,
    pub warn: Color32,
    pub warn_fill: Color32,
    pub warn_soft: Color32,
    pub bad: Color32,
    pub bad_fill: Color32,
    pub bad_soft: Color32,
    pub track: Color32,
    pub neutral_bar: Color32,
    pub off: Color32,
    /// The chosen part of a segment, and its edge.
    pub part_chosen: Color32,
    pub part_edge: Color32,
    pub scrim: Color32,
    pub on_fill: Color32,
    /// The ground of a button that destroys.
    pub danger: Color32,
    /// What 8 % of makes a pressed or hovered fill darker.
    pub shade: Color32,
    /// Menus stand on surface in light and on sunken in dark.
    pub menu: Color32,
    pub toast: Color32,
    pub toast_text: Color32,
    pub menu_shadow: Shadow,
    pub dialog_shadow: Shadow,
}

static LIGHT: Tokens = Tokens {
    bg: rgb(0xF3F4F6),
    surface: rgb(0xFFFFFF),
    sunken: rgb(0xECEEF1),
    hover: rgb(0xF5F6F8),
    tab_selected: rgb(0xE3E6EB),
    hairline: rgb(0xE4E7EB),
    border: rgb(0xC3C9D3),
    text: rgb(0x15171C),
    text_2: rgb(0x4F5663),
    text_3: rgb(0x646B78),
    accent: rgb(0x2B5BD7),
    accent_bar: rgb(0x2B5BD7),
    accent_fill: rgb(0x2B5BD7),
    accent_soft: rgb(0xE7EEFC),
    accent_inverse: rgb(0x86A9FF),
    ok: rgb(0x1A7A45),
    warn: rgb(0x8F5300),
    warn_fill: rgb(0xBF7100),
    warn_soft: rgb(0xFDF0DB),
    bad: rgb(0xBE2A20),
    bad_fill: rgb(0xD23B30),
    bad_soft: rgb(0xFCE9E7),
    track: rgb(0xE0E4EA),
    neutral_bar: rgb(0x687385),
    off: rgb(0x8A919D),
    part_chosen: rgb(0xFFFFFF),
    part_edge: rgb(0xE4E7EB),
    scrim: black(31),
    on_fill: Color32::WHITE,
    danger: rgb(0xC9342A),
    shade: black(8),
    menu: rgb(0xFFFFFF),
    toast: rgb(0x23262C),
    toast_text: rgb(0xF0F2F5),
    menu_shadow: shadow(8, 24, 17),
    dialog_shadow: shadow(12, 32, 20),
};

static DARK: Tokens = Tokens {
    bg: rgb(0x16181C),
    surface: rgb(0x1E2126),
    sunken: rgb(0x282C33),
    hover: rgb(0x24282E),
    tab_selected: rgb(0x282C33),
    hairline: rgb(0x2C3037),
    border: rgb(0x454B56),
    text: rgb(0xF0F2F5),
    text_2: rgb(0xB0B7C3),
    text_3: rgb(0x959CA9),
    accent: rgb(0x86A9FF),
    accent_bar: rgb(0x6F97FF),
    accent_fill: rgb(0x3D6BE0),
    accent_soft: rgb(0x243250),
    accent_inverse: rgb(0x2B5BD7),
    ok: rgb(0x5BCB92),
    warn: rgb(0xF0B04F),
    warn_fill: rgb(0xE79A2B),
    warn_soft: rgb(0x3B2E17),
    bad: rgb(0xFF8379),
    bad_fill: rgb(0xEE5A4F),
    bad_soft: rgb(0x43231F),
    track: rgb(0x343941),
    neutral_bar: rgb(0x949DAD),
    off: rgb(0x6B7380),
    part_chosen: rgb(0x454B56),
    part_edge: rgb(0x454B56),
    scrim: black(55),
    on_fill: Color32::WHITE,
    danger: rgb(0xC93B31),
    shade: black(8),
    menu: rgb(0x282C33),
    toast: rgb(0xECEEF1),
    toast_text: rgb(0x15171C),
    menu_shadow: shadow(8, 24, 55),
    dialog_shadow: shadow(12, 32, 55),
};

/// How things look in this frame: colours, whether the keyboard is in use, and whether somebody may look over the shoulder.
#[derive(Clone, Copy)]
pub struct Look {
    pub tokens: &'static Tokens,
    /// Focus is drawn only after a key was pressed.
    pub shows_focus: bool,
    /// E-mails are masked in fields as well.
    pub hides_emails: bool,
}

impl std::ops::Deref for Look {
    type Target = Tokens;

    fn deref(&self) -> &Tokens {
        self.tokens
    }
}

impl Tokens {
    pub fn of(theme: Theme) -> &'static Self {
        match theme {
            Theme::Light => &LIGHT,
            Theme::Dark => &DARK,
        }
    }
}

/// Gives egui both looks, so that what it draws itself (fields, tooltips, scroll bars) fits.
pub fn install(ctx: &egui::Context) {
    for theme in [Theme::Light, Theme::Dark] {
        ctx.set_style_of(theme, style(theme));
    }
    // Ctrl+Plus is no shortcut of ours, and Ctrl+Q is handled by us.
    ctx.options_mut(|options| {
        options.fallback_theme = Theme::Light;
        options.quit_shortcuts.clear();
    });
}

fn style(theme: Theme) -> Style {
    let tokens = Tokens::of(theme);
    let mut style = Style {
        visuals: visuals(theme, tokens),
        animation_time: 0.12,
        ..Style::default()
    };
    style.spacing.item_spacing = Vec2::ZERO;
    style.spacing.button_padding = Vec2::new(12.0, 4.0);
    style.spacing.scroll.floating = true;
    style.spacing.scroll.bar_width = 8.0;
    style.spacing.scroll.floating_width = 4.0;
    style.spacing.scroll.bar_outer_margin = 2.0;
    style.spacing.tooltip_width = 280.0;
    style.interaction.selectable_labels = false;
    style.interaction.tooltip_delay = 0.5;
    for (text_style, font) in &mut style.text_styles {
        font.size = match text_style {
            egui::TextStyle::Small => 11.0,
            egui::TextStyle::Heading => 15.0,
            egui::TextStyle::Monospace => 12.0,
            egui::TextStyle::Body | egui::TextStyle::Button | egui::TextStyle::Name(_) => 13.0,
        };
    }
    style
}

fn visuals(theme: Theme, tokens: &Tokens) -> Visuals {
    let mut visuals = theme.default_visuals();
    visuals.override_text_color = Some(tokens.text);
    visuals.panel_fill = tokens.bg;
    visuals.window_fill = tokens.menu;
    visuals.window_stroke = Stroke::new(HAIRLINE, tokens.hairline);
    visuals.window_corner_radius = CornerRadius::same(DIALOG_RADIUS);
    visuals.menu_corner_radius = CornerRadius::same(MENU_RADIUS);
    visuals.window_shadow = tokens.dialog_shadow;
    visuals.popup_shadow = tokens.menu_shadow;
    visuals.extreme_bg_color = tokens.surface;
    visuals.selection.bg_fill = tokens.accent_fill.gamma_multiply(0.35);
    visuals.selection.stroke = Stroke::new(1.0, tokens.accent);
    visuals.text_cursor.stroke = Stroke::new(1.5, tokens.accent);
    // A blinking cursor would be the only thing that repaints an idle window.
    visuals.text_cursor.blink = false;
    visuals.warn_fg_color = tokens.warn;
    visuals.error_fg_color = tokens.bad;
    for widget in [
        &mut visuals.widgets.noninteractive,
        &mut visuals.widgets.inactive,
        &mut visuals.widgets.hovered,
        &mut visuals.widgets.active,
        &mut visuals.widgets.open,
    ] {
        widget.corner_radius = CornerRadius::same(CONTROL_RADIUS);
        widget.fg_stroke.color = tokens.text_2;
    }
    visuals.widgets.noninteractive.bg_stroke = Stroke::new(HAIRLINE, tokens.hairline);
    visuals
}

const fn rgb(hex: u32) -> Color32 {
    let [_, red, green, blue] = hex.to_be_bytes();
    Color32::from_rgb(red, green, blue)
}

const fn black(percent: u32) -> Color32 {
    Color32::from_black_alpha((percent * 255 / 100) as u8)
}

const fn shadow(down: i8, blur: u8, percent: u32) -> Shadow {
    Shadow {
        offset: [0, down],
        blur,
        spread: 0,
        color: black(percent),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Contrast by WCAG 2.1, section 1.4.3.
    fn contrast(a: Color32, b: Color32) -> f32 {
        let luminance = |color: Color32| {
            let channel = |byte: u8| {
                let value = f32::from(byte) / 255.0;
                if value <= 0.03928 {
                    value / 12.92
                } else {
                    ((value + 0.055) / 1.055).powf(2.4)
                }
            };
            0.2126 * channel(color.r()) + 0.7152 * channel(color.g()) + 0.0722 * channel(color.b())
        };
        let (a, b) = (luminance(a), luminance(b));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    #[test]
    fn text_can_be_read_on_every_ground_it_stands_on() {
        for tokens in [&LIGHT, &DARK] {
            for ground in [tokens.bg, tokens.surface, tokens.hover] {
                for text in [
                    tokens.text,
                    tokens.text_2,
                    tokens.text_3,
                    tokens.warn,
                    tokens.bad,
                    tokens.ok,
                ] {
                    assert!(contrast(text, ground) >= 4.4, "{text:?} on {ground:?}");
                }
            }
            assert!(contrast(tokens.on_fill, tokens.accent_fill) >= 4.5);
            assert!(contrast(tokens.on_fill, tokens.danger) >= 4.5);
            assert!(contrast(tokens.accent, tokens.accent_soft) >= 4.5);
            assert!(contrast(tokens.toast_text, tokens.toast) >= 7.0);
            assert!(contrast(tokens.accent_inverse, tokens.toast) >= 4.5);
            assert!(contrast(tokens.text_2, tokens.warn_soft) >= 4.5);
            assert!(contrast(tokens.text_2, tokens.accent_soft) >= 4.5);
            assert!(contrast(tokens.text, tokens.part_chosen) >= 4.5);
            assert!(contrast(tokens.neutral_bar, tokens.track) >= 3.0);
        }
    }
}
