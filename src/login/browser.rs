//! The sign-in in a browser, from its address to the login.

use std::future::pending;
use std::sync::Arc;
use std::time::SystemTime;

use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use super::callback::{Brought, Callback};
use super::error::of_refusal;
use super::listener::{self, Arrival, Listener};
use super::page::Page;
use super::pkce::{Attempt, Claim};
use super::{Client, Listening, News, SignInError, Terms, Wanted, authorize, paste};
use crate::profile::{AuthFile, Credentials, Secret};
use crate::upstream::Outlet;
use crate::upstream::oauth::{Grant, IssuedTokens};

/// Signs in by a browser that the caller opens at the address in the first of the `news`. `pasted` are addresses that the user
/// pastes, at any moment.
///
/// # Errors
/// See [`SignInError`].
pub async fn by_browser(
    outlet: &Outlet<'_>,
    client: &Client,
    wanted: &Wanted,
    terms: &Terms,
    pasted: &mut mpsc::Receiver<Secret>,
    news: &mpsc::Sender<News>,
) -> Result<AuthFile, SignInError> {
    let attempt = Arc::new(Attempt::new());
    let (mut listener, listening) = listener::open(terms, &attempt).await;
    let port = match &listening {
        Listening::On { port, .. } => *port,
        // The issuer insists on an address that it knows; the browser shows it whoever answers there.
        Listening::Nowhere { .. } => terms.ports[0],
    };
    let redirect_uri = listener::redirect_uri(port);
    let url = authorize::url(client, &redirect_uri, &attempt, wanted);
    say(
        news,
        News::Browser {
            url: url.into(),
            listener: listening,
        },
    )
    .await;

    let waiting = wait(&attempt, listener.as_mut(), pasted, news);
    let came = match timeout(terms.life, waiting).await {
        Ok(came) => came,
        Err(_elapsed) => Err(SignInError::TookTooLong(terms.life)),
    };
    let finished = match came {
        Ok(came) => {
            say(news, News::Finishing).await;
            let finished = finish(outlet, came.callback, &attempt, &redirect_uri, wanted).await;
            if let Some(browser) = came.browser {
                // A browser that has gone needs no page.
                let _gone = browser.send(match &finished {
                    Ok(_) => Page::arrived(),
                    Err(reason) => Page::failed(&reason.to_string()),
                });
            }
            finished
        }
        Err(err) => Err(err),
    };
    if let Some(listener) = listener {
        listener.close().await;
    }
    finished
}

/// A callback of this sign-in, and the browser that waits for a page, if it came that way.
struct Came {
    callback: Callback,
    browser: Option<oneshot::Sender<Page>>,
}

async fn wait(
    attempt: &Attempt,
    mut listener: Option<&mut Listener>,
    pasted: &mut mpsc::Receiver<Secret>,
    news: &mpsc::Sender<News>,
) -> Result<Came, SignInError> {
    let mut can_paste = true;
    loop {
        let arrival = async {
            match listener.as_mut() {
                Some(listener) => listener.arrival().await,
                None => None,
            }
        };
        tokio::select! {
            arrival = some(arrival) => return match arrival {
                Arrival::Callback(callback, browser) => Ok(Came {
                    callback,
                    browser: Some(browser),
                }),
                Arrival::Cancelled => Err(SignInError::Evicted),
            },
            text = pasted.recv(), if can_paste => {
                let Some(text) = text else {
                    // Nobody is left who could paste; the browser may still come.
                    can_paste = false;
                    continue;
                };
                match claimed(attempt, &text) {
                    Ok(callback) => return Ok(Came { callback, browser: None }),
                    Err(reason) => say(news, News::PasteRefused(reason.into())).await,
                }
            }
        }
    }
}

/// Waits for ever where there is nothing to come.
async fn some<T>(next: impl Future<Output = Option<T>>) -> T {
    match next.await {
        Some(next) => next,
        None => pending().await,
    }
}

fn claimed(attempt: &Attempt, text: &Secret) -> Result<Callback, &'static str> {
    let callback = paste::read(text.expose())?;
    let state = callback.state.as_ref().map_or("", |state| state.expose());
    match attempt.claim(state) {
        Claim::Ours => Ok(callback),
        Claim::Foreign => Err(
            "this address belongs to another sign-in; paste the one that the page of this sign-in ended on",
        ),
        Claim::Late => Err("the browser was faster; there is nothing left to paste"),
    }
}

async fn finish(
    outlet: &Outlet<'_>,
    callback: Callback,
    attempt: &Attempt,
    redirect_uri: &str,
    wanted: &Wanted,
) -> Result<AuthFile, SignInError> {
    let code = match callback.brought() {
        Brought::Code(code) => code,
        Brought::Refusal { error, description } => return Err(of_refusal(&error, &description)),
        Brought::Nothing => return Err(SignInError::Nothing),
    };
    let grant = Grant {
        code: &code,
        verifier: attempt.verifier(),
        redirect_uri,
    };
    let tokens = outlet.exchange(&grant).await?;
    login_of(&tokens, wanted)
}

/// The login that these tokens are, if it says whose it is and may be used here.
pub(super) fn login_of(tokens: &IssuedTokens, wanted: &Wanted) -> Result<AuthFile, SignInError> {
    let login = AuthFile::of_tokens(
        &tokens.id_token,
        &tokens.access_token,
        &tokens.refresh_token,
        SystemTime::now(),
    )?;
    if login.identity().is_none() {
        return Err(SignInError::NoIdentity);
    }
    let workspace = match login.credentials() {
        Credentials::ChatGpt(login) => login.claims.workspace_id.clone(),
        Credentials::ApiKey { .. } | Credentials::Endpoint(_) | Credentials::Other { .. } => None,
    };
    let is_allowed = wanted.workspaces.is_empty()
        || workspace.is_some_and(|workspace| wanted.workspaces.contains(&workspace));
    if !is_allowed {
        return Err(SignInError::WrongWorkspace {
            allowed: wanted.workspaces.clone(),
        });
    }
    Ok(login)
}

pub(super) async fn say(news: &mpsc::Sender<News>, told: News) {
    // Whoever does not listen does not need it.
    let _nobody = news.send(told).await;
}
