//! The pictures of the README: the real window over the simulator, at double size, light and dark. `make screenshot` runs it.

use std::path::Path;

use crate::support::{Rig, Screen, until};

/// The window is 400 x 640 points, and without a window manager nothing else is on screen.
const PIXELS: (u32, u32) = (800, 1280);

/// As most people will see it.
const BASE_URL: &str = "http://127.0.0.1:9876/v1";

#[test]
#[ignore = "writes the pictures of the README; `make screenshot` runs it"]
fn the_window_is_pictured_light_and_dark() {
    for theme in ["light", "dark"] {
        let rig = Rig::start();
        let Some(screen) = Screen::bare(&rig, PIXELS.0, PIXELS.1) else {
            return;
        };
        let mut command = rig.command(&["demo"]);
        screen
            .dress(&mut command)
            .env("CODEX_ROUTER_ADDR", "localhost:9876")
            .env("CODEX_ROUTER_THEME", theme)
            .env("WINIT_X11_SCALE_FACTOR", "2")
            .env("TMPDIR", rig.scratch())
            // The demo brings its own home and its own upstream.
            .env_remove("CODEX_HOME")
            .env_remove("CODEX_ROUTER_CHATGPT_BASE_URL")
            .env_remove("CODEX_ROUTER_OPENAI_BASE_URL")
            .env_remove("CODEX_ROUTER_ISSUER");
        let mut program = rig.spawn(&mut command);
        let base_url = program.base_url();
        assert_eq!(base_url, BASE_URL, "something else listens there now");
        for part in ["66 percent left", "94 percent left", "12 percent left"] {
            screen.find(part);
        }
        let answer = rig.chat(&base_url, "hello");
        assert!(answer.said().is_some(), "{answer:?}");
        screen.find("gpt-5.4 via spare");

        let file = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("assets")
            .join(format!("screenshot-{theme}.png"));
        let mut last = Vec::new();
        until("the window holds still", || {
            screen.shoot(&file);
            let shot = std::fs::read(&file).unwrap();
            let is_still = shot == last && screen.colours() > 200;
            last = shot;
            is_still.then_some(())
        });
        drop(program);
    }
}
