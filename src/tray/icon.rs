//! The two-lane meter, drawn at exact pixel sizes: an entry dot at the left, the short window above the long one.
//!
//! Values only: a [`Meter`] becomes a [`Look`] (everything that decides a pixel), a look becomes a [`Bitmap`]. Two meters
//! that would look the same have equal looks, so the host sets the icon only when something can be seen.
//! Never enters: profiles, the tray, any drawing crate. Shapes are signed distances, antialiased over one pixel.

use std::collections::VecDeque;
use std::sync::Arc;

/// What the icon tells.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Meter {
    pub lanes: Lanes,
    /// Whether the router serves: the dot is solid.
    pub is_serving: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Lanes {
    /// Percent left of the short window (upper) and the long one (lower); `None` where the account has no such window.
    Levels {
        upper: Option<f64>,
        lower: Option<f64>,
        is_stale: bool,
    },
    /// Nothing to measure: an API key, no account in use, no numbers yet.
    Plain,
    /// The login is not accepted any more.
    Dead,
}

/// The colour of everything that is not a warning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ink {
    /// Dark, for a light panel.
    OnLight,
    /// Light, for a dark panel.
    OnDark,
    /// Black and alpha: macOS tints it, so it never has another colour.
    Template,
}

/// How the user wants it drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// Width and height in pixels; 16, 22 and 32 have their own table, others are made from 32.
    pub size: u32,
    pub ink: Ink,
    /// Whether a low window is amber and an empty one red. Off by default: a quiet panel.
    pub has_colour: bool,
}

/// Everything that decides a pixel, with percents already turned into pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Look {
    size: u32,
    lanes: LanesLook,
    is_serving: bool,
    ink: Ink,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum LanesLook {
    Levels { upper: LaneLook, lower: LaneLook },
    Plain,
    Dead { tone: Tone },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum LaneLook {
    /// The fill's width in pixels.
    Fill {
        width: u32,
        tone: Tone,
    },
    Stale {
        width: u32,
    },
    Empty {
        tone: Tone,
    },
    Missing,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Tone {
    Ink,
    Amber,
    Red,
}

/// Straight (not premultiplied) RGBA, row by row from the top.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bitmap {
    pub size: u32,
    pub rgba: Vec<u8>,
}

/// The last bitmaps drawn, so that going back and forth costs nothing.
#[derive(Debug, Default)]
pub struct Drawn {
    /// The latest used first.
    bitmaps: VecDeque<(Look, Arc<Bitmap>)>,
}

/// A day's levels at one size; 64 bitmaps of 22 pixels are 124 KiB.
const KEPT: usize = 64;
/// Smaller than any panel draws, larger than any draws without scaling.
const SIZES: std::ops::RangeInclusive<u32> = 8..=256;

const LOW_PERCENT: f64 = 20.0;
const CRITICAL_PERCENT: f64 = 5.0;

const FILL: f32 = 1.0;
const STALE_FILL: f32 = 0.55;
const TRACK: f32 = 0.30;
const MISSING: f32 = 0.16;
const DOT_OFF: f32 = 0.30;

impl Default for Style {
    /// 22 pixels on a dark panel: what most Linux panels ask for and are.
    fn default() -> Self {
        Self {
            size: 22,
            ink: Ink::OnDark,
            has_colour: false,
        }
    }
}

impl Look {
    pub fn new(meter: &Meter, style: Style) -> Self {
        let size = style.size.clamp(*SIZES.start(), *SIZES.end());
        let shape = Shape::of(size);
        let has_colour = style.has_colour && style.ink != Ink::Template;
        let lanes = match meter.lanes {
            Lanes::Levels {
                upper,
                lower,
                is_stale,
            } => {
                let lane = |left| LaneLook::new(left, is_stale, has_colour, &shape);
                LanesLook::Levels {
                    upper: lane(upper),
                    lower: lane(lower),
                }
            }
            Lanes::Plain => LanesLook::Plain,
            Lanes::Dead => LanesLook::Dead {
                tone: if has_colour { Tone::Red } else { Tone::Ink },
            },
        };
        Self {
            size,
            lanes,
            is_serving: meter.is_serving,
            ink: style.ink,
        }
    }

    pub fn draw(&self) -> Bitmap {
        let shape = Shape::of(self.size);
        let mut canvas = Canvas::new(self.size);
        let dot_alpha = if self.is_serving { FILL } else { DOT_OFF };
        let ink = self.ink.rgb();
        canvas.paint(ink, |x, y| dot_alpha * shape.dot.coverage(x, y));
        match self.lanes {
            LanesLook::Levels { upper, lower } => {
                self.draw_lane(&mut canvas, &shape.upper, upper);
                self.draw_lane(&mut canvas, &shape.lower, lower);
            }
            LanesLook::Plain => self.draw_tracks(&mut canvas, &shape),
            LanesLook::Dead { tone } => {
                self.draw_tracks(&mut canvas, &shape);
                let cross = shape.cross;
                canvas.erase(|x, y| cross.coverage(x, y, 1.0));
                canvas.paint(tone.rgb(self.ink), |x, y| cross.coverage(x, y, 0.0));
            }
        }
        canvas.into_bitmap()
    }

    fn draw_tracks(&self, canvas: &mut Canvas, shape: &Shape) {
        for lane in [&shape.upper, &shape.lower] {
            canvas.paint(self.ink.rgb(), |x, y| TRACK * lane.coverage(x, y, 0.0));
        }
    }

    fn draw_lane(&self, canvas: &mut Canvas, lane: &Lane, look: LaneLook) {
        let ink = self.ink.rgb();
        let mut filled = |width: u32, rgb: Rgb, alpha: f32| {
            // The edge stands between two pixels, so no pixel is half filled.
            let edge = lane.x + width as f32;
            canvas.paint(rgb, |x, y| {
                if x < edge {
                    alpha * lane.coverage(x, y, 0.0)
                } else {
                    0.0
                }
            });
            canvas.paint(ink, |x, y| {
                if x < edge {
                    0.0
                } else {
                    TRACK * lane.coverage(x, y, 0.0)
                }
            });
        };
        match look {
            LaneLook::Fill { width, tone } => filled(width, tone.rgb(self.ink), FILL),
            LaneLook::Stale { width } => filled(width, ink, STALE_FILL),
            LaneLook::Empty { tone } => {
                canvas.paint(ink, |x, y| TRACK * lane.coverage(x, y, 1.0));
                canvas.paint(tone.rgb(self.ink), |x, y| {
                    lane.coverage(x, y, 0.0) - lane.coverage(x, y, 1.0)
                });
            }
            LaneLook::Missing => canvas.paint(ink, |x, y| MISSING * lane.coverage(x, y, 0.0)),
        }
    }
}

impl LaneLook {
    /// Stale beats empty, empty beats critical, critical beats low.
    fn new(left: Option<f64>, is_stale: bool, has_colour: bool, shape: &Shape) -> Self {
        let Some(left) = left else {
            return Self::Missing;
        };
        let width = shape.fill_width(left);
        if is_stale {
            return Self::Stale { width };
        }
        let tone = match left {
            _ if !has_colour => Tone::Ink,
            left if left <= CRITICAL_PERCENT => Tone::Red,
            left if left <= LOW_PERCENT => Tone::Amber,
            _ => Tone::Ink,
        };
        if width == 0 {
            Self::Empty { tone }
        } else {
            Self::Fill { width, tone }
        }
    }
}

impl Drawn {
    /// The bitmap of this look, drawn now or remembered.
    pub fn bitmap(&mut self, look: &Look) -> Arc<Bitmap> {
        let known = self.bitmaps.iter().position(|(known, _)| known == look);
        let entry = known
            .and_then(|at| self.bitmaps.remove(at))
            .unwrap_or_else(|| (*look, Arc::new(look.draw())));
        let bitmap = Arc::clone(&entry.1);
        self.bitmaps.push_front(entry);
        self.bitmaps.truncate(KEPT);
        bitmap
    }
}

type Rgb = [u8; 3];

impl Ink {
    fn rgb(self) -> Rgb {
        match self {
            Self::OnLight => [0x23, 0x26, 0x2C],
            Self::OnDark => [0xEC, 0xEE, 0xF1],
            Self::Template => [0, 0, 0],
        }
    }
}

impl Tone {
    fn rgb(self, ink: Ink) -> Rgb {
        match self {
            Self::Ink => ink.rgb(),
            Self::Amber => [0xE0, 0x8A, 0x10],
            Self::Red => [0xE2, 0x4B, 0x40],
        }
    }
}

/// Where everything stands at one size, in pixels.
struct Shape {
    size: u32,
    upper: Lane,
    lower: Lane,
    dot: Dot,
    cross: Cross,
}

/// A capsule on whole pixels.
struct Lane {
    x: f32,
    width: f32,
    y: f32,
    height: f32,
}

struct Dot {
    x: f32,
    y: f32,
    radius: f32,
}

/// Two strokes with round ends.
#[derive(Clone, Copy)]
struct Cross {
    x: f32,
    y: f32,
    /// From the centre to the middle of an end, along each axis.
    arm: f32,
    stroke: f32,
}

impl Shape {
    fn of(size: u32) -> Self {
        // lanes x and width, upper y and height, lower y and height, dot x and radius, stroke
        match size {
            16 => Self::new(size, [5, 11], [2, 5], [9, 5], [2.0, 2.0], 2.0),
            22 => Self::new(size, [7, 15], [3, 7], [12, 7], [2.5, 2.5], 2.5),
            32 => Self::new(size, [10, 21], [5, 10], [17, 10], [4.5, 3.5], 3.5),
            _ => Self::scaled(size),
        }
    }

    /// The row of 32 times `size / 32`, lane edges on whole pixels, at least two pixels between the lanes.
    fn scaled(size: u32) -> Self {
        let edge = |at_32: u32| (at_32 * size + 16) / 32;
        let (left, right) = (edge(10), edge(31));
        let (upper_top, lower_top, lower_bottom) = (edge(5), edge(17), edge(27));
        let upper_bottom = edge(15).min(lower_top.saturating_sub(2));
        let scale = size as f32 / 32.0;
        Self::new(
            size,
            [left, right - left],
            [upper_top, upper_bottom.saturating_sub(upper_top).max(1)],
            [lower_top, lower_bottom - lower_top],
            [4.5 * scale, 3.5 * scale],
            3.5 * scale,
        )
    }

    fn new(
        size: u32,
        [x, width]: [u32; 2],
        [upper_y, upper_height]: [u32; 2],
        [lower_y, lower_height]: [u32; 2],
        [dot_x, radius]: [f32; 2],
        stroke: f32,
    ) -> Self {
        let lane = |y: u32, height: u32| Lane {
            x: x as f32,
            width: width as f32,
            y: y as f32,
            height: height as f32,
        };
        let (top, bottom) = (upper_y as f32, (lower_y + lower_height) as f32);
        Self {
            size,
            upper: lane(upper_y, upper_height),
            lower: lane(lower_y, lower_height),
            dot: Dot {
                x: dot_x,
                y: size as f32 / 2.0,
                radius,
            },
            cross: Cross {
                x: x as f32 + width as f32 / 2.0,
                y: (top + bottom) / 2.0,
                arm: (bottom - top) / 3.0,
                stroke,
            },
        }
    }

    /// What is left must be seen, however little it is.
    fn fill_width(&self, left: f64) -> u32 {
        if left <= 0.0 {
            return 0;
        }
        let least = if self.size < 22 { 2.0 } else { 3.0 };
        let width = f64::from(self.upper.width);
        (width * left.min(100.0) / 100.0)
            .round()
            .clamp(least, width) as u32
    }
}

impl Lane {
    /// How much of the pixel around (x, y) lies in the capsule that is `inset` smaller on every side.
    fn coverage(&self, x: f32, y: f32, inset: f32) -> f32 {
        let radius = self.height / 2.0 - inset;
        let centre_y = self.y + self.height / 2.0;
        let nearest_x = x.clamp(
            self.x + self.height / 2.0,
            self.x + self.width - self.height / 2.0,
        );
        covered((x - nearest_x).hypot(y - centre_y) - radius)
    }
}

impl Dot {
    fn coverage(&self, x: f32, y: f32) -> f32 {
        covered((x - self.x).hypot(y - self.y) - self.radius)
    }
}

impl Cross {
    /// With strokes that are `grown` wider on every side.
    fn coverage(&self, x: f32, y: f32, grown: f32) -> f32 {
        // Folded into one quarter, both strokes are the same one.
        let (dx, dy) = ((x - self.x).abs(), (y - self.y).abs());
        let along = ((dx + dy) / 2.0).clamp(0.0, self.arm);
        covered((dx - along).hypot(dy - along) - self.stroke / 2.0 - grown)
    }
}

/// The share of a pixel inside a shape whose edge is `distance` away from its centre (inside is negative).
fn covered(distance: f32) -> f32 {
    (0.5 - distance).clamp(0.0, 1.0)
}

/// Straight colour and alpha, 0 to 1.
struct Canvas {
    size: u32,
    pixels: Vec<[f32; 4]>,
}

impl Canvas {
    fn new(size: u32) -> Self {
        Self {
            size,
            pixels: vec![[0.0; 4]; (size * size) as usize],
        }
    }

    /// Lays a colour over what is there, with an alpha for each pixel centre.
    fn paint(&mut self, rgb: Rgb, alpha: impl Fn(f32, f32) -> f32) {
        let rgb = rgb.map(|channel| f32::from(channel) / 255.0);
        self.each(|pixel, x, y| {
            let over = alpha(x, y);
            let under = pixel[3] * (1.0 - over);
            let sum = over + under;
            if sum <= 0.0 {
                return;
            }
            for (channel, new) in pixel.iter_mut().zip(rgb) {
                *channel = (new * over + *channel * under) / sum;
            }
            pixel[3] = sum;
        });
    }

    fn erase(&mut self, alpha: impl Fn(f32, f32) -> f32) {
        self.each(|pixel, x, y| pixel[3] *= 1.0 - alpha(x, y));
    }

    fn each(&mut self, mut touch: impl FnMut(&mut [f32; 4], f32, f32)) {
        let size = self.size as usize;
        for (at, pixel) in self.pixels.iter_mut().enumerate() {
            touch(pixel, (at % size) as f32 + 0.5, (at / size) as f32 + 0.5);
        }
    }

    fn into_bitmap(self) -> Bitmap {
        let rgba = self
            .pixels
            .iter()
            .flat_map(|pixel| pixel.map(|channel| (channel * 255.0).round() as u8))
            .collect();
        Bitmap {
            size: self.size,
            rgba,
        }
    }
}

#[cfg(test)]
mod tests;
