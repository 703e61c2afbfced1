//! What stands on the disk of a simulated life: obviously fake logins, and the user's terms.

use std::sync::OnceLock;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;

use super::world::Dice;
use crate::profile::{AuthFile, SideFile};

/// Logins of ChatGPT, and keys.
pub fn logins() -> &'static [Vec<AuthFile>; 2] {
    static LOGINS: OnceLock<[Vec<AuthFile>; 2]> = OnceLock::new();
    LOGINS.get_or_init(|| {
        let chatgpt = |place: u64| {
            let claims = json!({"iat": 1_800_000_000_u64 - 60, "exp": 1_800_000_000_u64 + 30 * 86_400,
                "https://api.openai.com/auth": {"chatgpt_user_id": format!("user-{place}"), "chatgpt_account_id": "ws-1"}});
            let token = format!("e30.{}.fake", URL_SAFE_NO_PAD.encode(claims.to_string()));
            json!({"auth_mode": "chatgpt", "tokens": {"id_token": token, "access_token": token,
                "refresh_token": format!("rt_FAKE_{place}"), "account_id": "ws-1"}})
        };
        let key = |place: u64| json!({"auth_mode": "apikey", "OPENAI_API_KEY": format!("sk-fake-{place}")});
        let parsed = |text: serde_json::Value| AuthFile::parse(text.to_string().as_bytes()).unwrap();
        [
            (0..6).map(|place| parsed(chatgpt(place))).collect(),
            (0..6).map(|place| parsed(key(place))).collect(),
        ]
    })
}

/// The user has something to say about one account in two.
pub fn side_file(dice: &mut Dice) -> SideFile {
    let mut side = SideFile::default();
    if dice.is_one_in(2) {
        let tier = ["first", "normal", "last"][dice.between(0, 2) as usize];
        side.set("priority", Some(json!(tier)));
        side.set("order", Some(json!(dice.between(1, 6))));
        side.set("weight", Some(json!(dice.between(1, 3))));
    }
    side
}
