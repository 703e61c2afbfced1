//! Switches which login Codex uses, beside a Codex that may be at work on the one it has.

use std::sync::Arc;
use std::time::SystemTime;

use tokio::sync::mpsc;

use super::effects::{blocking, tell};
use super::event::Event;
use super::refresher::{RefreshFailure, Refresher, may_be_in_redeem};
use crate::profile::ProfileName;
use crate::store::{StoreError, home::Home, live, profiles, switch};

/// Switches, but not while a running Codex may be redeeming the live token: measured, that kills the login, because the CLI
/// throws the new token away when the file is another account's by then. Renewing it first makes the CLI adopt ours.
pub async fn switch_safely(
    refresher: &Refresher,
    home: &Arc<Home>,
    is_codex_running: bool,
    to: ProfileName,
    events: &mpsc::Sender<Event>,
) -> Result<switch::Switched, String> {
    if is_codex_running {
        let (looked, target) = (home.clone(), to.clone());
        let risk = blocking(move || redeem_at_risk(&looked, &target, SystemTime::now())).await?;
        match risk {
            Risk::None => {}
            Risk::Unsaved => {
                return Err(
                    "Codex may be renewing its login right now, and that login is not saved here, so switching would lose it; save it first, try again in a minute or close Codex".into(),
                );
            }
            Risk::Of(from) => match refresher.beside_codex().refresh(from.clone()).await {
                Ok(refreshed) => {
                    let unsaved = refreshed.unsaved.clone();
                    let result = Ok(refreshed);
                    let name = from.clone();
                    tell(events, Event::TokenRefreshed { name, result }).await;
                    if let Some((_redeemed, reason)) = unsaved {
                        return Err(format!(
                            "the login of {from} was renewed first and could not be written ({reason})"
                        ));
                    }
                }
                // Nobody can renew it any more, so nobody is.
                Err(RefreshFailure::SignInAgain { .. }) => {}
                Err(err) => {
                    return Err(format!(
                        "Codex may be renewing the login of {from} right now, and switching would lose it ({err}); try again in a minute or close Codex"
                    ));
                }
            },
        }
    }
    let home = home.clone();
    blocking(move || match live::credential_store(&home) {
        // A file that Codex does not look at would only look like a switch.
        Some(mode) => Err(format!(
            "Codex keeps its login in {mode:?} and would not look at the file; set cli_auth_credentials_store = \"file\" in its config.toml and sign in again"
        )),
        None => switch::switch(&home, &to, SystemTime::now()).map_err(|err| err.to_string()),
    })
    .await
}

/// Whose token a running Codex may be redeeming.
enum Risk {
    None,
    Of(ProfileName),
    /// No profile's.
    Unsaved,
}

/// Looks at the live file as it is now: what it was when the switch was asked for may be over.
fn redeem_at_risk(home: &Home, to: &ProfileName, now: SystemTime) -> Result<Risk, StoreError> {
    let live::Live::Login(login) = live::read_live(home) else {
        return Ok(Risk::None);
    };
    if !may_be_in_redeem(&login, now) {
        return Ok(Risk::None);
    }
    let profiles = profiles::load_all(home)?.profiles;
    // Of several that hold it, the one to switch to: then nothing is overwritten.
    Ok(match profiles::holder(&profiles, &login, Some(to)) {
        Some(holder) if holder.name == *to => Risk::None,
        Some(holder) => Risk::Of(holder.name.clone()),
        None => Risk::Unsaved,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::AuthFile;
    use crate::simulator::{Account, Simulator};

    #[tokio::test]
    async fn a_switch_may_cost_the_live_login_only_while_codex_may_be_renewing_it() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::at(dir.path()).unwrap();
        let name = |text| ProfileName::parse(text).unwrap();
        let simulator = Simulator::start().await.unwrap();
        for account in ["work", "spare"] {
            simulator.add(Account::chatgpt(account));
        }
        let login = |text: String| AuthFile::parse(text.as_bytes()).unwrap();
        for account in ["work", "spare"] {
            let login = login(simulator.auth_json_expired(account));
            profiles::create(&home, &name(account), &login).unwrap();
        }
        let risk = |live: String| {
            std::fs::write(home.live_auth(), live).unwrap();
            redeem_at_risk(&home, &name("spare"), SystemTime::now()).unwrap()
        };
        assert!(matches!(risk(simulator.sign_in("work")), Risk::None));
        let expired = |account| simulator.auth_json_expired(account);
        assert!(matches!(risk(expired("work")), Risk::Of(from) if from == name("work")));
        assert!(matches!(risk(expired("spare")), Risk::None));
        assert!(matches!(risk(expired("stranger")), Risk::Unsaved));
    }
}
