//! A virtual screen with a session bus, and the hands and eyes of somebody in front of it.
//!
//! Controls are found by their spoken names through AT-SPI, as a screen reader finds them.

use std::{
    collections::HashSet,
    fs::File,
    io::BufReader,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use zbus::blocking::Proxy;

use super::{Bus, Rig, companion::Companion, has_tool, skip, until};

/// Debian's own Python: the one that has Debian's `python3-gi`.
const PYTHON: &str = "/usr/bin/python3";

/// Xvfb, perhaps a window manager, and a session bus with accessibility turned on.
pub struct Screen {
    pub bus: Bus,
    pub display: String,
    manager: Option<Companion>,
    _server: Companion,
    shots: PathBuf,
}

impl Screen {
    /// 1000 x 900 with a window manager. `None`: skipped.
    pub fn start(rig: &Rig) -> Option<Self> {
        let mut screen = Self::bare(rig, 1000, 900)?;
        if !has_tool("openbox") {
            skip("there is no openbox");
            return None;
        }
        let mut manager = Command::new("openbox");
        let manager = screen.dress(manager.arg("--sm-disable"));
        screen.manager = Some(Companion::start(manager));
        Some(screen)
    }

    /// Without a window manager: the window stands at 0,0 in its own size and without a frame. `None`: skipped.
    pub fn bare(rig: &Rig, width: u32, height: u32) -> Option<Self> {
        for (tool, package) in [
            ("Xvfb", "xvfb"),
            ("import", "imagemagick"),
            ("xdotool", "xdotool"),
        ] {
            if !has_tool(tool) {
                skip(&format!("there is no {tool} (Debian: {package})"));
                return None;
            }
        }
        let has_atspi = Command::new(PYTHON)
            .args(["-c", "import gi; gi.require_version('Atspi', '2.0')"])
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success());
        if !has_atspi || !Path::new("/usr/libexec/at-spi-bus-launcher").is_file() {
            skip("there is no AT-SPI (Debian: at-spi2-core python3-gi gir1.2-atspi-2.0)");
            return None;
        }
        let (server, number) = Companion::start_and_hear(
            Command::new("Xvfb")
                .args(["-displayfd", "1", "-nolisten", "tcp", "-noreset"])
                .args(["-screen", "0", &format!("{width}x{height}x24")]),
        );
        let display = format!(":{number}");
        let bus = Bus::start(rig, &display)?;
        turn_accessibility_on(&bus);
        Some(Self {
            bus,
            display,
            manager: None,
            _server: server,
            shots: rig.scratch().to_owned(),
        })
    }

    /// Lets a command see this screen and this bus.
    pub fn dress<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command
            .env("DISPLAY", &self.display)
            .env("DBUS_SESSION_BUS_ADDRESS", &self.bus.address)
    }

    /// Waits for a control of this spoken name, then does what it is for.
    pub fn press(&self, name: &str) {
        until(&format!("{name:?} can be pressed"), || {
            self.reader(&["press", name]).status.success().then_some(())
        });
    }

    /// Waits for a control of this spoken name, then gives it the keyboard.
    pub fn focus(&self, name: &str) {
        until(&format!("{name:?} can have the focus"), || {
            self.reader(&["focus", name]).status.success().then_some(())
        });
    }

    /// Waits until something with a spoken name that contains `part` is on screen; gives the whole name.
    pub fn find(&self, part: &str) -> String {
        until(&format!("{part:?} is on screen"), || {
            self.names().into_iter().find(|name| name.contains(part))
        })
    }

    /// The spoken names of everything on screen.
    pub fn names(&self) -> Vec<String> {
        let output = self.reader(&["names"]);
        let names = String::from_utf8_lossy(&output.stdout);
        names.lines().map(str::to_owned).collect()
    }

    /// Waits until nothing with a spoken name that contains `part` is on screen.
    pub fn lose(&self, part: &str) {
        until(&format!("{part:?} is gone"), || {
            let is_there = self.names().iter().any(|name| name.contains(part));
            (!is_there).then_some(())
        });
    }

    /// Presses keys, such as `ctrl+w`, in the window of this title.
    pub fn key(&self, title: &str, keys: &str) {
        let mut command = Command::new("xdotool");
        command.args(["search", "--sync", "--onlyvisible", "--name", title]);
        command.args(["windowactivate", "--sync", "key", keys]);
        let output = self.dress(&mut command).output().unwrap();
        assert!(output.status.success(), "{output:?}");
    }

    /// Types into whatever has the focus in the window of this title.
    pub fn type_text(&self, title: &str, text: &str) {
        let mut command = Command::new("xdotool");
        command.args(["search", "--sync", "--onlyvisible", "--name", title]);
        command.args(["windowactivate", "--sync", "type", "--delay", "2", text]);
        let output = self.dress(&mut command).output().unwrap();
        assert!(output.status.success(), "{output:?}");
    }

    /// Takes a picture of the whole screen.
    pub fn shoot(&self, file: &Path) {
        let status = self
            .dress(Command::new("import").args(["-window", "root"]))
            .arg(format!("png:{}", file.display()))
            .status()
            .unwrap();
        assert!(status.success());
    }

    /// How many different colours are on screen.
    pub fn colours(&self) -> usize {
        let file = self.shots.join("screen.png");
        self.shoot(&file);
        let mut decoder = png::Decoder::new(BufReader::new(File::open(&file).unwrap()));
        decoder.set_transformations(png::Transformations::normalize_to_color8());
        let mut reader = decoder.read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut pixels).unwrap();
        let bytes = info.color_type.samples();
        let colours: HashSet<&[u8]> = pixels.chunks_exact(bytes).collect();
        colours.len()
    }

    fn reader(&self, arguments: &[&str]) -> Output {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/flows/support/screen.py");
        let mut command = Command::new(PYTHON);
        command.arg(script).args(arguments);
        self.dress(&mut command).output().unwrap()
    }
}

/// Programs offer their tree only when somebody says that a screen reader is there.
fn turn_accessibility_on(bus: &Bus) {
    let connection = bus.connect();
    let status = Proxy::new(
        &connection,
        "org.a11y.Bus",
        "/org/a11y/bus",
        "org.a11y.Status",
    );
    status.unwrap().set_property("IsEnabled", true).unwrap();
}
