//! How requests get out: whether the proxies can be reached, and which certificates are trusted.
//!
//! A proxy is connected to and told nothing; nobody else is asked.

use std::collections::BTreeMap;
use std::net::{IpAddr, TcpStream, ToSocketAddrs as _};
use std::time::Duration;

use crate::desk::Settings;
use crate::profile::{Credentials, Endpoint, Profile, Proxy};
use crate::store::{Home, profiles, trusted};
use crate::system::system_proxy;

/// For one address of a proxy.
const PATIENCE: Duration = Duration::from_secs(3);

pub(super) fn proxies(home: &Home, settings: &Settings) -> Result<String, String> {
    let loaded = profiles::load_all(home).map_err(|err| err.to_string())?;
    told(settings, &loaded.profiles, reach)
}

/// What is to be said of every proxy, the one that is set for all first; each is reached for once.
fn told(
    settings: &Settings,
    profiles: &[Profile],
    reach: impl Fn(&str, u16) -> Result<(), String>,
) -> Result<String, String> {
    let mut users: BTreeMap<(String, u16), Vec<String>> = BTreeMap::new();
    let mut fine = Vec::new();
    let mut wrong = Vec::new();
    let networks = profiles
        .iter()
        .map(|profile| (profile.name.to_string(), profile.side.network().proxy));
    let all = std::iter::once(("all".to_owned(), Some(settings.proxy.clone())));
    for (whose, proxy) in all.chain(networks) {
        match proxy {
            None => {}
            Some(Proxy::Direct) => fine.push(format!("{whose}: none")),
            Some(Proxy::System) => match system_proxy(settings.chatgpt_base_url.as_str()) {
                Some(place) => users.entry(place).or_default().push(whose),
                None => fine.push(format!("{whose}: none, the system names no proxy")),
            },
            Some(Proxy::Through(proxy)) => {
                let place = (proxy.host().to_owned(), proxy.port());
                users.entry(place).or_default().push(whose);
            }
            Some(Proxy::Unusable(reason)) => {
                wrong.push(format!("{whose}: {reason}; nothing is sent"));
            }
        }
    }
    for ((host, port), whose) in users {
        let whose = whose.join(", ");
        match reach(&host, port) {
            Ok(()) => fine.push(format!("{whose}: {host}:{port} can be reached")),
            Err(why) => wrong.push(format!("{whose}: {host}:{port} cannot be reached ({why})")),
        }
    }
    if wrong.is_empty() {
        Ok(fine.join("; "))
    } else {
        Err(wrong.join("; "))
    }
}

/// Whether requests to this endpoint take a proxy, or none at all: then nobody may knock there. `by_system`: whether the system
/// names one for an address. To this computer nothing goes through a proxy.
pub(super) fn has_a_proxy(
    endpoint: &Endpoint,
    profiles: &[Profile],
    settings: &Settings,
    by_system: impl Fn(&str) -> bool,
) -> bool {
    if is_here(endpoint) {
        return false;
    }
    let is_its = |profile: &&Profile| match profile.login.as_ref().map(|auth| auth.credentials()) {
        Ok(Credentials::Endpoint(held)) => **held == *endpoint,
        _ => false,
    };
    profiles.iter().filter(is_its).any(|profile| {
        let own = profile.side.network().proxy;
        match own.as_ref().unwrap_or(&settings.proxy) {
            Proxy::Through(_) | Proxy::Unusable(_) => true,
            Proxy::Direct => false,
            Proxy::System => by_system(endpoint.base.as_str()),
        }
    })
}

/// By the rule of the requests themselves.
fn is_here(endpoint: &Endpoint) -> bool {
    let host = endpoint.host();
    let number = host.trim_matches(['[', ']']).parse::<IpAddr>();
    host == "localhost" || number.is_ok_and(|ip| ip.is_loopback())
}

fn reach(host: &str, port: u16) -> Result<(), String> {
    let addresses = (host, port)
        .to_socket_addrs()
        .map_err(|err| err.to_string())?;
    let mut why = "its name leads nowhere".to_owned();
    for address in addresses.take(4) {
        match TcpStream::connect_timeout(&address, PATIENCE) {
            Ok(_closed_again) => return Ok(()),
            Err(err) => why = err.to_string(),
        }
    }
    Err(why)
}

pub(super) fn certificates(settings: &Settings) -> Result<String, String> {
    let Some(path) = &settings.ca_file else {
        return Ok("what the system trusts".into());
    };
    match trusted::read(path) {
        Ok(all) => Ok(format!(
            "what the system trusts, and {} of {}",
            all.len(),
            path.display()
        )),
        Err(reason) => Err(format!("{reason}; only what the system trusts is trusted")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::{ProfileName, SideFile, Unreadable};

    fn profile(name: &str, side: &str) -> Profile {
        Profile {
            name: ProfileName::parse(name).unwrap(),
            login: Err(Unreadable("not looked at".into())),
            side: SideFile::parse(side.as_bytes()),
        }
    }

    #[test]
    fn every_proxy_is_told_with_whose_it_is_and_no_password() {
        let settings = Settings {
            proxy: Proxy::parse("http://ana:canary@gate.test:3128").unwrap(),
            ..Settings::default()
        };
        let own = profile("own", r#"{"proxy": "socks5h://ana:canary@tor.test"}"#);
        let same = profile("same", r#"{"proxy": "http://gate.test:3128"}"#);
        let bare = profile("bare", r#"{"proxy": "none"}"#);
        let fine = told(&settings, &[own.clone(), same, bare], |_, _| Ok(()));
        assert_eq!(
            fine.unwrap(),
            "bare: none; all, same: gate.test:3128 can be reached; own: tor.test:1080 can be reached"
        );
        let broken = profile("broken", r#"{"proxy": "canary"}"#);
        let only_the_gate = |host: &str, _| match host {
            "gate.test" => Ok(()),
            _ => Err("refused".to_owned()),
        };
        let wrong = told(&settings, &[own, broken], only_the_gate).unwrap_err();
        assert!(
            wrong.contains("own: tor.test:1080 cannot be reached (refused)"),
            "{wrong}"
        );
        assert!(
            wrong.contains("broken: its proxy cannot be used"),
            "{wrong}"
        );
        assert!(!wrong.contains("canary"), "{wrong}");
    }

    #[test]
    fn nobody_knocks_at_an_endpoint_past_its_proxy() {
        use crate::profile::{AuthFile, EndpointKind};
        let common = |proxy: &str| Settings {
            proxy: Proxy::parse(proxy).unwrap(),
            ..Settings::default()
        };
        let far = "https://x.test/v1";
        let gate = "http://gate.test:1";
        for (address, side, proxy, expected) in [
            (far, "{}", "system", false),
            ("https://y.test/v1", "{}", "system", true),
            (far, "{}", gate, true),
            (far, r#"{"proxy": "http://gate.test:1"}"#, "none", true),
            (far, r#"{"proxy": "none"}"#, gate, false),
            ("https://y.test/v1", r#"{"proxy": "none"}"#, "system", false),
            (far, r#"{"proxy": "system"}"#, gate, false),
            (far, "{", "none", true),
            ("http://localhost:1/v1", "{}", gate, false),
            ("http://127.0.0.2:1/v1", "{}", gate, false),
            ("http://[::1]:1/v1", "{}", gate, false),
        ] {
            let endpoint = Endpoint::new(EndpointKind::Compatible, address, None).unwrap();
            let profile = Profile {
                login: Ok(AuthFile::of_endpoint(endpoint.clone())),
                ..profile("endpoint", side)
            };
            let by_system = |address: &str| address.contains("y.test");
            let has = has_a_proxy(&endpoint, &[profile], &common(proxy), by_system);
            assert_eq!(has, expected, "{address} {side} {proxy}");
        }
    }

    #[test]
    fn a_broken_file_of_certificates_is_told() {
        let settings = |path: &std::path::Path| Settings {
            ca_file: Some(path.to_owned()),
            ..Settings::default()
        };
        let dir = tempfile::tempdir().unwrap();
        let told = certificates(&settings(&dir.path().join("none.pem"))).unwrap_err();
        assert!(told.contains("only what the system trusts"), "{told}");
        let file = dir.path().join("ca.pem");
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate = rcgen::CertificateParams::new(vec!["a.test".into()]).unwrap();
        std::fs::write(&file, certificate.self_signed(&key).unwrap().pem()).unwrap();
        let told = certificates(&settings(&file)).unwrap();
        assert!(
            told.starts_with("what the system trusts, and 1 of"),
            "{told}"
        );
    }
}
