use super::*;

const SIZES_OF_THE_TABLE: [u32; 3] = [16, 22, 32];

fn levels(upper: f64, lower: f64) -> Meter {
    Meter {
        lanes: Lanes::Levels {
            upper: Some(upper),
            lower: Some(lower),
            is_stale: false,
        },
        is_serving: false,
    }
}

fn meter(lanes: Lanes) -> Meter {
    Meter {
        lanes,
        is_serving: false,
    }
}

fn style(size: u32) -> Style {
    Style {
        size,
        ..Style::default()
    }
}

fn coloured(size: u32) -> Style {
    Style {
        has_colour: true,
        ..style(size)
    }
}

fn draw(meter: &Meter, style: Style) -> Bitmap {
    Look::new(meter, style).draw()
}

impl Bitmap {
    fn pixel(&self, x: u32, y: u32) -> [u8; 4] {
        let at = ((y * self.size + x) * 4) as usize;
        self.rgba[at..at + 4].try_into().unwrap()
    }

    fn alpha(&self, x: u32, y: u32) -> u8 {
        self.pixel(x, y)[3]
    }

    /// How many pixels of this row are as solid as ink gets.
    fn solid_in_row(&self, y: u32) -> u32 {
        (0..self.size).filter(|x| self.alpha(*x, y) == 255).count() as u32
    }
}

/// The alpha byte of a share.
fn byte(alpha: f32) -> u8 {
    (alpha * 255.0).round() as u8
}

#[test]
fn the_fill_is_as_wide_as_the_percent_left_says() {
    // The middle row of a lane has no rounding: the capsule spans its whole width there.
    for (size, middle_of_upper, lane_width) in [(16, 4, 11.0), (22, 6, 15.0)] {
        for left in [100.0, 66.0, 50.0, 34.0] {
            let bitmap = draw(&levels(left, 100.0), style(size));
            let expected = (lane_width * left / 100.0_f64).round() as u32;
            assert_eq!(
                bitmap.solid_in_row(middle_of_upper),
                expected,
                "{size} px, {left} %"
            );
        }
    }
}

#[test]
fn little_is_still_seen_and_nothing_is_an_outline() {
    for (size, least) in [(16, 2), (18, 2), (22, 3), (32, 3), (36, 3)] {
        let shape = Shape::of(size);
        assert_eq!(shape.fill_width(0.01), least, "{size}");
        assert_eq!(shape.fill_width(0.0), 0);
    }
}

#[test]
fn the_upper_lane_is_the_first_and_the_lower_the_second() {
    let bitmap = draw(&levels(100.0, 20.0), style(22));
    assert_eq!(
        (bitmap.alpha(18, 6), bitmap.alpha(18, 15)),
        (255, byte(TRACK))
    );
    let bitmap = draw(&levels(20.0, 100.0), style(22));
    assert_eq!(
        (bitmap.alpha(18, 6), bitmap.alpha(18, 15)),
        (byte(TRACK), 255)
    );
}

#[test]
fn an_empty_window_is_a_line_around_its_track() {
    let bitmap = draw(&levels(100.0, 0.0), style(22));
    // Lower lane: y 12 to 18, x 7 to 21.
    assert_eq!(bitmap.alpha(14, 12), 255, "upper edge");
    assert_eq!(bitmap.alpha(14, 13), byte(TRACK), "inside");
    assert_eq!(bitmap.alpha(14, 17), byte(TRACK), "inside");
    assert_eq!(bitmap.alpha(14, 18), 255, "lower edge");
    assert_eq!(
        (bitmap.alpha(14, 11), bitmap.alpha(14, 19)),
        (0, 0),
        "outside"
    );
    assert_eq!(
        bitmap.pixel(14, 12)[..3],
        Ink::OnDark.rgb(),
        "no colour by itself"
    );
}

#[test]
fn a_window_that_does_not_exist_is_a_shadow_of_a_lane() {
    let lanes = Lanes::Levels {
        upper: None,
        lower: Some(51.0),
        is_stale: false,
    };
    let bitmap = draw(&meter(lanes), style(22));
    assert_eq!(bitmap.alpha(14, 6), byte(MISSING));
    assert_eq!(bitmap.solid_in_row(15), 8, "the other lane stays as it is");
}

#[test]
fn stale_numbers_are_faint_and_have_no_other_face() {
    let lanes = Lanes::Levels {
        upper: Some(66.0),
        lower: Some(0.0),
        is_stale: true,
    };
    let bitmap = draw(&meter(lanes), coloured(22));
    assert_eq!(bitmap.alpha(10, 6), byte(STALE_FILL));
    assert_eq!(bitmap.alpha(20, 6), byte(TRACK));
    assert_eq!(bitmap.alpha(14, 12), byte(TRACK), "stale beats empty");
    assert_eq!(
        bitmap.pixel(10, 6)[..3],
        Ink::OnDark.rgb(),
        "stale beats low"
    );
}

#[test]
fn a_dead_login_is_a_cross_cut_free_of_its_lanes() {
    for size in SIZES_OF_THE_TABLE {
        let shape = Shape::of(size);
        let bitmap = draw(&meter(Lanes::Dead), style(size));
        let plain = draw(&meter(Lanes::Plain), style(size));
        let (x, y) = (shape.cross.x as u32, shape.cross.y as u32);
        assert_eq!(bitmap.alpha(x, y), 255, "its middle at {size}");
        let arm = (shape.cross.arm - 0.5) as u32;
        for (x, y) in [(x - arm, y - arm), (x + arm, y - arm), (x - arm, y + arm)] {
            assert!(
                bitmap.alpha(x, y) > 200,
                "an arm at {size}: {}",
                bitmap.alpha(x, y)
            );
        }
        let is_freed =
            |x, y| bitmap.alpha(x, y) < byte(TRACK) / 2 && plain.alpha(x, y) == byte(TRACK);
        let freed = (0..size * size)
            .filter(|at| is_freed(at % size, at / size))
            .count();
        assert!(freed >= 4, "cut free at {size}: {freed} pixels");
    }
}

#[test]
fn nothing_to_measure_is_two_faint_lanes() {
    let bitmap = draw(&meter(Lanes::Plain), style(22));
    assert_eq!(
        (bitmap.alpha(8, 6), bitmap.alpha(20, 15)),
        (byte(TRACK), byte(TRACK))
    );
    assert!(
        bitmap
            .rgba
            .iter()
            .skip(3)
            .step_by(4)
            .all(|alpha| *alpha <= byte(TRACK))
    );
}

#[test]
fn the_dot_is_solid_while_the_router_serves_and_nothing_else_changes() {
    for (size, x, y) in [(16, 1, 8), (22, 2, 11), (32, 4, 16)] {
        let off = draw(&levels(66.0, 51.0), style(size));
        let serving = Meter {
            is_serving: true,
            ..levels(66.0, 51.0)
        };
        let on = draw(&serving, style(size));
        assert_eq!(
            (off.alpha(x, y), on.alpha(x, y)),
            (byte(DOT_OFF), 255),
            "{size}"
        );
        let lanes_x = Shape::of(size).upper.x as u32;
        for at in 0..size * size {
            let (x, y) = (at % size, at / size);
            assert!(
                x < lanes_x || off.pixel(x, y) == on.pixel(x, y),
                "{size}: {x} {y}"
            );
        }
    }
}

#[test]
fn colour_is_for_low_windows_only_and_only_when_wanted() {
    let of_upper = |left, style| {
        let bitmap = draw(&levels(left, 100.0), style);
        let [r, g, b, _] = bitmap.pixel(8, 6);
        [r, g, b]
    };
    let amber = Tone::Amber.rgb(Ink::OnDark);
    let red = Tone::Red.rgb(Ink::OnDark);
    let ink = Ink::OnDark.rgb();
    let words = [21.0, 20.0, 5.1, 5.0, 1.0].map(|left| of_upper(left, coloured(22)));
    assert_eq!(words, [ink, amber, amber, red, red]);
    assert_eq!(
        [20.0, 1.0].map(|left| of_upper(left, style(22))),
        [ink, ink]
    );
    let empty = draw(&levels(100.0, 0.0), coloured(22));
    assert_eq!(
        empty.pixel(14, 12)[..3],
        red,
        "the outline of an empty window"
    );
    let template = Style {
        ink: Ink::Template,
        ..coloured(22)
    };
    assert_eq!(
        of_upper(1.0, template),
        [0, 0, 0],
        "a template never has a colour"
    );
}

#[test]
fn ink_follows_the_panel() {
    for (ink, rgb) in [
        (Ink::OnLight, [0x23, 0x26, 0x2C]),
        (Ink::OnDark, [0xEC, 0xEE, 0xF1]),
    ] {
        let bitmap = draw(&levels(66.0, 51.0), Style { ink, ..style(32) });
        let has_other_colour = bitmap
            .rgba
            .as_chunks::<4>()
            .0
            .iter()
            .any(|[r, g, b, alpha]| *alpha > 0 && [*r, *g, *b] != rgb);
        assert!(!has_other_colour, "{ink:?}");
    }
}

#[test]
fn other_sizes_keep_two_pixels_between_the_lanes_and_stay_inside() {
    for size in 8..=256 {
        let shape = Shape::of(size);
        let upper_bottom = shape.upper.y + shape.upper.height;
        assert!(shape.lower.y - upper_bottom >= 2.0, "{size}");
        assert!(shape.lower.y + shape.lower.height <= size as f32, "{size}");
        assert!(shape.upper.x + shape.upper.width <= size as f32, "{size}");
        assert!(shape.dot.x + shape.dot.radius <= shape.upper.x, "{size}");
    }
    let lane = |size| {
        let lane = Shape::of(size).upper;
        [lane.x, lane.width, lane.y, lane.height]
    };
    assert_eq!(lane(64), [20.0, 42.0, 10.0, 20.0]);
    assert_eq!(lane(36), [11.0, 24.0, 6.0, 11.0]);
}

#[test]
fn any_size_and_any_number_is_drawn() {
    for size in [0, 1, 7, 9, 1_000_000] {
        for left in [f64::NAN, f64::INFINITY, -1.0, 1e300] {
            let bitmap = draw(&levels(left, left), style(size));
            assert_eq!(bitmap.rgba.len(), (bitmap.size * bitmap.size * 4) as usize);
        }
    }
}

#[test]
fn a_change_that_cannot_be_seen_has_the_same_look() {
    let look = |left| Look::new(&levels(left, 51.0), style(22));
    assert_eq!(look(66.0), look(67.0));
    assert_ne!(look(66.0), look(60.0));
    assert_ne!(look(66.0), Look::new(&levels(66.0, 51.0), coloured(16)));
}

#[test]
fn the_last_64_bitmaps_are_remembered() {
    let mut drawn = Drawn::default();
    let look = |size| Look::new(&levels(66.0, 51.0), style(size));
    let first = drawn.bitmap(&look(16));
    assert!(Arc::ptr_eq(&first, &drawn.bitmap(&look(16))));
    for size in 17..17 + 63 {
        drawn.bitmap(&look(size));
    }
    assert!(Arc::ptr_eq(&first, &drawn.bitmap(&look(16))), "still there");
    for size in 100..164 {
        drawn.bitmap(&look(size));
    }
    assert!(
        !Arc::ptr_eq(&first, &drawn.bitmap(&look(16))),
        "drawn again"
    );
}
