//! The shipped fonts and icons. What they lack (CJK, Arabic, emoji) eframe's `system_fonts` fetches when it is needed.

use std::sync::Arc;

use egui::{FontData, FontDefinitions, FontFamily, FontTweak};

/// Inter, all weights in one file: prose.
const INTER: &[u8] = include_bytes!("../../assets/fonts/InterUI.ttf");
/// Inter's display cut, digits only: figures of 18 points and more.
const FIGURES: &[u8] = include_bytes!("../../assets/fonts/FigUI.ttf");
/// Inter's digits of equal width: numbers that stand below each other. egui cannot switch OpenType features.
const NUMBERS: &[u8] = include_bytes!("../../assets/fonts/NumUI.ttf");
const MONO: &[u8] = include_bytes!("../../assets/fonts/MonoUI.ttf");
const ICONS: &[u8] = include_bytes!("../../assets/fonts/IconsUI.ttf");

/// The families by which text is laid out.
pub fn figures() -> FontFamily {
    FontFamily::Name("figures".into())
}

pub fn numbers() -> FontFamily {
    FontFamily::Name("numbers".into())
}

pub fn icons() -> FontFamily {
    FontFamily::Name("icons".into())
}

pub fn install(ctx: &egui::Context) {
    ctx.set_fonts(definitions());
}

fn definitions() -> FontDefinitions {
    let mut definitions = FontDefinitions::empty();
    for (name, bytes) in [
        ("inter", INTER),
        ("figures", FIGURES),
        ("numbers", NUMBERS),
        ("mono", MONO),
        ("icons", ICONS),
    ] {
        // Hinting at 100 % scale eats the dot of the i.
        let tweak = FontTweak {
            hinting: Some(false),
            ..FontTweak::default()
        };
        let data = FontData::from_static(bytes).tweak(tweak);
        definitions.font_data.insert(name.into(), Arc::new(data));
    }
    for (family, fonts) in [
        (FontFamily::Proportional, &["inter"][..]),
        (FontFamily::Monospace, &["mono", "inter"]),
        (figures(), &["figures", "inter"]),
        (numbers(), &["numbers", "inter"]),
        (icons(), &["icons"]),
    ] {
        let fonts = fonts.iter().map(|name| (*name).to_owned()).collect();
        definitions.families.insert(family, fonts);
    }
    definitions
}

/// Icons of Lucide by their place in the icon font.
pub mod icon {
    pub const AGAIN: &str = "\u{e146}";
    pub const ALERT: &str = "\u{e193}";
    pub const ALERT_CIRCLE: &str = "\u{e077}";
    pub const BELL: &str = "\u{e059}";
    pub const CHECK: &str = "\u{e06c}";
    pub const CHECK_CIRCLE: &str = "\u{e226}";
    pub const CHEVRON_DOWN: &str = "\u{e06d}";
    pub const CHEVRON_LEFT: &str = "\u{e06e}";
    pub const CHEVRON_RIGHT: &str = "\u{e06f}";
    pub const CLIPBOARD: &str = "\u{e3e8}";
    pub const CLOCK: &str = "\u{e087}";
    pub const CODE: &str = "\u{e093}";
    pub const COPY: &str = "\u{e09e}";
    pub const CROSS: &str = "\u{e1b2}";
    pub const CROSS_CIRCLE: &str = "\u{e084}";
    pub const DISK: &str = "\u{e0ed}";
    pub const ELLIPSIS: &str = "\u{e0b6}";
    pub const EXTERNAL_LINK: &str = "\u{e0b9}";
    pub const EYE: &str = "\u{e0ba}";
    pub const EYE_OFF: &str = "\u{e0bb}";
    pub const FILE: &str = "\u{e0c5}";
    pub const FILTER: &str = "\u{e460}";
    pub const FOLDER: &str = "\u{e247}";
    pub const GLOBE: &str = "\u{e0e8}";
    pub const GRIP: &str = "\u{e0eb}";
    pub const HOURGLASS: &str = "\u{e296}";
    pub const INFO: &str = "\u{e0f9}";
    pub const KEY: &str = "\u{e0fd}";
    pub const LINK: &str = "\u{e102}";
    pub const LOCK: &str = "\u{e10b}";
    pub const LOG_IN: &str = "\u{e10d}";
    pub const OFFLINE: &str = "\u{e1af}";
    pub const PAUSE: &str = "\u{e12e}";
    pub const PENCIL: &str = "\u{e1f9}";
    pub const PIN: &str = "\u{e259}";
    pub const PLAY: &str = "\u{e13c}";
    pub const PLUS: &str = "\u{e13d}";
    pub const REFRESH: &str = "\u{e145}";
    pub const ROUTE: &str = "\u{e53e}";
    pub const SEARCH: &str = "\u{e151}";
    pub const SETTINGS: &str = "\u{e154}";
    pub const SHIELD: &str = "\u{e158}";
    pub const SHIELD_CHECK: &str = "\u{e1ff}";
    pub const SLIDERS: &str = "\u{e29a}";
    pub const SMARTPHONE: &str = "\u{e163}";
    pub const SWITCH: &str = "\u{e24a}";
    pub const TAG: &str = "\u{e17f}";
    pub const TERMINAL: &str = "\u{e181}";
    pub const TRASH: &str = "\u{e18e}";
    pub const UPLOAD: &str = "\u{e19e}";
    pub const WRENCH: &str = "\u{e1b1}";
}
