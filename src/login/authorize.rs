//! The address at which a sign-in in a browser begins.

use url::Url;
use url::form_urlencoded::Serializer;

use super::pkce::Attempt;
use super::{Client, Wanted};

/// As the CLI asks (codex-rs/login/src/server.rs).
const SCOPE: &str = "openid profile email offline_access api.connectors.read api.connectors.invoke";

/// Parameters stand in the CLI's own order; `prompt`, which it does not have, stands last (CLIProxyAPI
/// internal/auth/codex/openai_auth.go sends it, too).
pub(super) fn url(client: &Client, redirect_uri: &str, attempt: &Attempt, wanted: &Wanted) -> Url {
    let mut query = Serializer::new(String::new());
    query
        .append_pair("response_type", "code")
        .append_pair("client_id", &client.client_id)
        .append_pair("redirect_uri", redirect_uri)
        .append_pair("scope", SCOPE)
        .append_pair("code_challenge", &attempt.challenge())
        .append_pair("code_challenge_method", "S256")
        .append_pair("id_token_add_organizations", "true")
        .append_pair("codex_cli_simplified_flow", "true")
        .append_pair("state", attempt.state().expose())
        .append_pair("originator", &client.originator);
    if !wanted.workspaces.is_empty() {
        query.append_pair("allowed_workspace_id", &wanted.workspaces.join(","));
    }
    if wanted.asks_who {
        query.append_pair("prompt", "login");
    }
    // Spaces as the CLI writes them. A plus of the text itself is escaped already.
    let query = query.finish().replace('+', "%20");
    let mut url = client.issuer.clone();
    url.set_path(&format!(
        "{}/oauth/authorize",
        client.issuer.path().trim_end_matches('/')
    ));
    url.set_query(Some(&query));
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(issuer: &str) -> Client {
        Client {
            issuer: issuer.parse().unwrap(),
            client_id: "app_fake".into(),
            originator: "codex_router".into(),
        }
    }

    #[test]
    fn the_parameters_stand_in_the_order_of_the_cli() {
        let attempt = Attempt::new();
        let callback = "http://localhost:1455/auth/callback";
        let plain = url(
            &client("https://auth.example.test"),
            callback,
            &attempt,
            &Wanted::default(),
        );
        let expected = format!(
            "https://auth.example.test/oauth/authorize?response_type=code&client_id=app_fake\
             &redirect_uri=http%3A%2F%2Flocalhost%3A1455%2Fauth%2Fcallback\
             &scope=openid%20profile%20email%20offline_access%20api.connectors.read%20api.connectors.invoke\
             &code_challenge={}&code_challenge_method=S256&id_token_add_organizations=true\
             &codex_cli_simplified_flow=true&state={}&originator=codex_router",
            attempt.challenge(),
            attempt.state().expose(),
        );
        assert_eq!(plain.as_str(), expected);

        let wanted = Wanted {
            asks_who: true,
            workspaces: vec!["ws-1".into(), "ws-2".into()],
        };
        let all = url(
            &client("https://auth.example.test/"),
            callback,
            &attempt,
            &wanted,
        );
        assert_eq!(
            all.as_str(),
            format!("{expected}&allowed_workspace_id=ws-1%2Cws-2&prompt=login")
        );
    }
}
