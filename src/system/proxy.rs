//! Which proxy this computer is set to use.

use http::Uri;
use hyper_util::client::proxy::matcher::Matcher;

/// The proxy that the environment or the system names for this address, as `host:port`; the same rules as the HTTP client's own.
///
/// Reads the environment itself (`HTTPS_PROXY`, `ALL_PROXY`, `NO_PROXY`), because the client does so, too: what is shown must
/// be what is used.
pub fn system_proxy(address: &str) -> Option<(String, u16)> {
    let address: Uri = address.parse().ok()?;
    let intercept = Matcher::from_system().intercept(&address)?;
    let proxy = intercept.uri();
    let port = proxy.port_u16().unwrap_or(match proxy.scheme_str() {
        Some("https") => 443,
        Some(scheme) if scheme.starts_with("socks") => 1080,
        _ => 80,
    });
    Some((proxy.host()?.to_owned(), port))
}
