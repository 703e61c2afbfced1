//! The sign-in by a code that is typed on any device (codex-rs/login/src/device_code_auth.rs).

use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout_at};

use super::browser::{login_of, say};
use super::{Client, News, SignInError, Terms, Wanted};
use crate::profile::AuthFile;
use crate::upstream::Outlet;
use crate::upstream::oauth::{DeviceError, DevicePoll, Grant};

/// So many questions in a row may get no usable answer.
const MOST_TROUBLES: u32 = 5;

/// Signs in by the code in the first of the `news`.
///
/// # Errors
/// See [`SignInError`].
pub async fn by_code(
    outlet: &Outlet<'_>,
    client: &Client,
    wanted: &Wanted,
    terms: &Terms,
    news: &mpsc::Sender<News>,
) -> Result<AuthFile, SignInError> {
    let begun = match outlet.device_code().await {
        Err(DeviceError::NotEnabled) => return Err(SignInError::NoCodes),
        begun => begun?,
    };
    let life = begun.life;
    let ends_at = Instant::now() + life;
    let below = |path: &str| {
        let base = client.issuer.as_str().trim_end_matches('/');
        format!("{base}/{path}")
    };
    say(
        news,
        News::Code {
            code: begun.user_code.clone(),
            url: below("codex/device"),
            life,
        },
    )
    .await;

    let mut pause = begun.interval.max(terms.poll_at_least);
    let mut troubles = 0;
    let granted = loop {
        if timeout_at(ends_at, sleep(pause)).await.is_err() {
            return Err(SignInError::CodeExpired(life));
        }
        let polled = timeout_at(ends_at, outlet.poll_device(&begun)).await;
        let Ok(polled) = polled else {
            return Err(SignInError::CodeExpired(life));
        };
        match polled {
            Ok(DevicePoll::Granted(granted)) => break granted,
            Ok(DevicePoll::Pending) => troubles = 0,
            Ok(DevicePoll::SlowDown) => {
                troubles = 0;
                pause += terms.slower_by;
            }
            Ok(DevicePoll::Expired) => return Err(SignInError::CodeExpired(life)),
            Err(err) if err.is_passing() && troubles + 1 < MOST_TROUBLES => troubles += 1,
            Err(err) => return Err(err.into()),
        }
    };
    say(news, News::Finishing).await;
    let redirect_uri = below("deviceauth/callback");
    let grant = Grant {
        code: &granted.code,
        verifier: &granted.verifier,
        redirect_uri: &redirect_uri,
    };
    let tokens = outlet.exchange(&grant).await?;
    login_of(&tokens, wanted)
}
