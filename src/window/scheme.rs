//! Light or dark, as the desktop says. On Linux only the settings portal knows:
//! <https://flatpak.github.io/xdg-desktop-portal/docs/doc-org.freedesktop.portal.Settings.html>.

use egui::Theme;
use futures_channel::oneshot;

use super::wake::Outside;

/// Elsewhere winit tells by itself.
#[cfg(not(target_os = "linux"))]
pub fn follow(_outside: &Outside, _stop: oneshot::Receiver<()>) {}

/// Asks once, then follows the signal until the window closes. Without a portal the look stays as it is.
#[cfg(target_os = "linux")]
pub fn follow(outside: &Outside, stop: oneshot::Receiver<()>) {
    use futures_util::future;

    let following = std::pin::pin!(linux::follow(outside));
    let ended = futures_executor::block_on(future::select(following, stop));
    if let future::Either::Left((Err(err), _)) = ended {
        tracing::debug!(error = %err, "no colour scheme from the desktop");
    }
}

/// `color-scheme`: 0 no preference, 1 dark, 2 light; anything else means no preference.
#[cfg_attr(
    not(target_os = "linux"),
    expect(dead_code, reason = "the portal is a thing of Linux")
)]
fn theme_of(color_scheme: u32) -> Option<Theme> {
    match color_scheme {
        1 => Some(Theme::Dark),
        2 => Some(Theme::Light),
        _ => None,
    }
}

#[cfg(target_os = "linux")]
mod linux {
    use futures_util::StreamExt;
    use zbus::zvariant::{OwnedValue, Value};

    use super::{Outside, theme_of};

    const NAMESPACE: &str = "org.freedesktop.appearance";
    const KEY: &str = "color-scheme";

    pub async fn follow(outside: &Outside) -> zbus::Result<()> {
        let bus = zbus::Connection::session().await?;
        let portal = zbus::Proxy::new(
            &bus,
            "org.freedesktop.portal.Desktop",
            "/org/freedesktop/portal/desktop",
            "org.freedesktop.portal.Settings",
        )
        .await?;
        let mut changes = portal.receive_signal("SettingChanged").await?;
        let now: OwnedValue = portal.call("ReadOne", &(NAMESPACE, KEY)).await?;
        outside.set_system_theme(number(&now).and_then(theme_of));
        while let Some(change) = changes.next().await {
            let body = change.body();
            let Ok((namespace, key, value)) = body.deserialize::<(&str, &str, Value<'_>)>() else {
                continue; // not the signal that the portal documents
            };
            if namespace == NAMESPACE && key == KEY {
                outside.set_system_theme(number(&value).and_then(theme_of));
            }
        }
        Ok(())
    }

    /// Some portals wrap the number once more than documented.
    fn number(value: &Value<'_>) -> Option<u32> {
        match value {
            Value::U32(number) => Some(*number),
            Value::Value(inner) => number(inner),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_portals_numbers_are_read_and_others_mean_nothing() {
        assert_eq!(
            [0, 1, 2, 3].map(theme_of),
            [None, Some(Theme::Dark), Some(Theme::Light), None]
        );
    }
}
