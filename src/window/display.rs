//! Whether a window can be opened at all. Asked before the first try: after one failed start of its event loop, winit opens no
//! window in the same process any more.

use std::path::{Path, PathBuf};

/// What the environment says about displays; read elsewhere.
#[derive(Clone, Copy, Debug, Default)]
pub struct DisplayEnv<'a> {
    /// `WAYLAND_DISPLAY`
    pub wayland_display: Option<&'a str>,
    /// `DISPLAY`
    pub display: Option<&'a str>,
    /// `XDG_RUNTIME_DIR`
    pub runtime_dir: Option<&'a str>,
}

/// Connects once to the display that the environment names, as winit would choose it: Wayland before X11.
///
/// # Errors
/// A sentence that says what is missing.
pub fn display_available(env: DisplayEnv<'_>) -> Result<(), String> {
    if cfg!(any(target_os = "macos", windows)) {
        return Ok(());
    }
    if let Some(name) = env.wayland_display.filter(|name| !name.is_empty()) {
        let Some(path) = wayland_socket(name, env.runtime_dir) else {
            return Err("WAYLAND_DISPLAY is set, but XDG_RUNTIME_DIR is not".into());
        };
        return connect_unix(&path);
    }
    match env.display.filter(|name| !name.is_empty()) {
        Some(display) => connect_x11(display),
        None => Err("neither WAYLAND_DISPLAY nor DISPLAY is set".into()),
    }
}

/// An absolute path stands for itself, a name lies in the runtime directory (wl_display_connect(3)).
fn wayland_socket(name: &str, runtime_dir: Option<&str>) -> Option<PathBuf> {
    let path = Path::new(name);
    if path.is_absolute() {
        return Some(path.to_owned());
    }
    let dir = runtime_dir.filter(|dir| !dir.is_empty())?;
    Some(Path::new(dir).join(path))
}

/// `:0`, `:0.0`, `unix:0`, `host:0`, or the path of a socket (X(7), "Display names").
fn connect_x11(display: &str) -> Result<(), String> {
    let refuse = || Err(format!("DISPLAY {display:?} cannot be understood"));
    if display.starts_with('/') {
        let path = display.rsplit_once('.').map_or(display, |(path, screen)| {
            if screen.bytes().all(|byte| byte.is_ascii_digit()) {
                path
            } else {
                display
            }
        });
        return connect_unix(Path::new(path))
            .or_else(|_with_screen| connect_unix(Path::new(display)));
    }
    let Some((host, numbers)) = display.rsplit_once(':') else {
        return refuse();
    };
    let number = numbers.split('.').next().unwrap_or_default();
    let Ok(number) = number.parse::<u16>() else {
        return refuse();
    };
    match host {
        "" | "unix" => {
            let path = format!("/tmp/.X11-unix/X{number}");
            connect_unix(Path::new(&path)).or_else(|err| connect_abstract(&path).map_err(|()| err))
        }
        host => connect_tcp(host, number),
    }
}

#[cfg(unix)]
fn connect_unix(path: &Path) -> Result<(), String> {
    std::os::unix::net::UnixStream::connect(path)
        .map(drop)
        .map_err(|err| format!("no display answers at {}: {err}", path.display()))
}

#[cfg(not(unix))]
fn connect_unix(path: &Path) -> Result<(), String> {
    Err(format!("no display answers at {}", path.display()))
}

/// Inside some containers only the abstract name of the socket can be reached.
#[cfg(target_os = "linux")]
fn connect_abstract(path: &str) -> Result<(), ()> {
    use std::os::linux::net::SocketAddrExt;
    use std::os::unix::net::{SocketAddr, UnixStream};

    SocketAddr::from_abstract_name(path)
        .and_then(|address| UnixStream::connect_addr(&address))
        .map(drop)
        .map_err(|_reported_for_the_file| ())
}

#[cfg(not(target_os = "linux"))]
fn connect_abstract(_path: &str) -> Result<(), ()> {
    Err(())
}

/// Forwarded displays listen on TCP at 6000 and the display's number.
fn connect_tcp(host: &str, number: u16) -> Result<(), String> {
    use std::net::{TcpStream, ToSocketAddrs};
    use std::time::Duration;

    /// Longer than a forwarded display on this computer needs, shorter than patience.
    const PATIENCE: Duration = Duration::from_secs(2);

    let fail = |why: String| format!("no display answers at {host}:{number}: {why}");
    let port = 6000_u16
        .checked_add(number)
        .ok_or_else(|| fail("no such display".into()))?;
    let address = (host, port)
        .to_socket_addrs()
        .map_err(|err| fail(err.to_string()))?
        .next()
        .ok_or_else(|| fail("unknown host".into()))?;
    TcpStream::connect_timeout(&address, PATIENCE)
        .map(drop)
        .map_err(|err| fail(err.to_string()))
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::os::unix::net::UnixListener;

    use super::*;

    #[test]
    fn without_a_display_it_says_which_variables_are_missing() {
        for empty in [None, Some("")] {
            let env = DisplayEnv {
                display: empty,
                wayland_display: empty,
                ..DisplayEnv::default()
            };
            let sentence = display_available(env).unwrap_err();
            assert_eq!(sentence, "neither WAYLAND_DISPLAY nor DISPLAY is set");
        }
    }

    #[test]
    fn a_wayland_socket_that_listens_is_enough_and_a_stale_one_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let env = DisplayEnv {
            wayland_display: Some("wl-1"),
            display: None,
            runtime_dir: dir.path().to_str(),
        };
        assert!(
            display_available(env)
                .unwrap_err()
                .contains("no display answers")
        );
        let listener = UnixListener::bind(dir.path().join("wl-1")).unwrap();
        assert_eq!(display_available(env), Ok(()));
        drop(listener);
        assert!(display_available(env).is_err());
    }

    #[test]
    fn a_display_can_be_a_path_with_a_screen_behind_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x11:0");
        let _listener = UnixListener::bind(&path).unwrap();
        let display = format!("{}.0", path.display());
        let env = DisplayEnv {
            display: Some(&display),
            ..DisplayEnv::default()
        };
        assert_eq!(display_available(env), Ok(()));
    }

    #[test]
    fn names_that_are_no_display_are_refused() {
        for display in ["nonsense", ":x", ":99999999", "host:"] {
            let env = DisplayEnv {
                display: Some(display),
                ..DisplayEnv::default()
            };
            let sentence = display_available(env).unwrap_err();
            assert!(sentence.contains("cannot be understood"), "{sentence}");
        }
    }
}
