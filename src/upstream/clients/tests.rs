//! Pretend proxies and a pretend upstream with a CA of its own, all on this computer. `0.0.0.0` leads to it like 127.0.0.1, but is
//! no loopback address by its number: a request that went out without its proxy would arrive there, and be counted.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use base64::Engine as _;
use bytes::Bytes;
use http::HeaderMap;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use super::*;
use crate::profile::{AuthFile, Secret};
use crate::simulator::{Account, Simulator};
use crate::upstream::socket::{Handshake, Pings};
use crate::upstream::{Bearer, Endpoints, RefreshError, SendError, Service, Upstream};

/// A simulator behind TLS.
struct Front {
    sim: Simulator,
    address: SocketAddr,
    ca: Vec<u8>,
    connections: Arc<AtomicUsize>,
}

impl Front {
    async fn of(account: &str) -> Self {
        let sim = Simulator::start().await.unwrap();
        sim.add(Account::chatgpt(account));
        let ca_key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let ca = params.self_signed(&ca_key).unwrap().der().to_vec();
        let issuer = Issuer::new(params, ca_key);
        let key = KeyPair::generate().unwrap();
        let names = vec!["upstream.test".into(), "0.0.0.0".into()];
        let params = CertificateParams::new(names).unwrap();
        let certificate = params.signed_by(&key, &issuer).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![certificate.der().clone()],
                PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der())),
            )
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        let (counted, behind) = (connections.clone(), place_of(&sim));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::Relaxed);
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    let Ok(mut tls) = acceptor.accept(stream).await else {
                        return;
                    };
                    let mut plain = TcpStream::connect(behind).await.unwrap();
                    drop(copy_bidirectional(&mut tls, &mut plain).await);
                });
            }
        });
        Self {
            sim,
            address,
            ca,
            connections,
        }
    }

    /// Where only a proxy finds it.
    fn hidden(&self) -> Endpoints {
        endpoints("https://upstream.test")
    }

    /// Where it is found without a proxy.
    fn open(&self) -> Endpoints {
        endpoints(&format!("https://0.0.0.0:{}", self.address.port()))
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    fn auth(&self, account: &str) -> AuthFile {
        AuthFile::parse(self.sim.auth_json(account).as_bytes()).unwrap()
    }
}

fn place_of(sim: &Simulator) -> SocketAddr {
    let url: Url = sim.chatgpt_base_url().parse().unwrap();
    SocketAddr::from(([127, 0, 0, 1], url.port().unwrap()))
}

fn endpoints(base: &str) -> Endpoints {
    let url = |path: &str| format!("{base}{path}").parse().unwrap();
    Endpoints {
        codex_responses: url("/backend-api/codex/responses"),
        codex_models: url("/backend-api/codex/models"),
        usage: url("/backend-api/wham/usage"),
        openai_base: url("/v1"),
        token: url("/oauth/token"),
        issuer: base.parse().unwrap(),
        client_id: "app_fake".into(),
        originator: "codex_router".into(),
        user_agent: "codex-router/test".into(),
    }
}

/// A proxy that leads everything to one place, and notes where it was asked to go.
struct Gate {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
}

#[derive(Clone, Copy)]
enum Kind {
    Http,
    Socks,
}

const USER: &str = "ana";
const PASSWORD: &str = "canary-password";

impl Gate {
    /// `is_locked`: it wants [`USER`] and [`PASSWORD`].
    async fn to(kind: Kind, is_locked: bool, target: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let noted = asked.clone();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let noted = noted.clone();
                tokio::spawn(async move {
                    let wanted = match kind {
                        Kind::Http => connect(&mut stream, is_locked).await,
                        Kind::Socks => socks(&mut stream, is_locked).await,
                    };
                    let Ok(Some(wanted)) = wanted else { return };
                    noted.lock().unwrap().push(wanted);
                    let mut onward = TcpStream::connect(target).await.unwrap();
                    drop(copy_bidirectional(&mut stream, &mut onward).await);
                });
            }
        });
        Self { address, asked }
    }

    fn proxy(&self, kind: Kind, user: &str) -> Proxy {
        let scheme = match kind {
            Kind::Http => "http",
            Kind::Socks => "socks5h",
        };
        Proxy::parse(&format!("{scheme}://{user}{}", self.address)).unwrap()
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

/// `CONNECT` (RFC 9110 section 9.3.6).
async fn connect(stream: &mut TcpStream, is_locked: bool) -> std::io::Result<Option<String>> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    let head = String::from_utf8(head).unwrap();
    let key = base64::engine::general_purpose::STANDARD.encode(format!("{USER}:{PASSWORD}"));
    let has_key = head
        .to_ascii_lowercase()
        .contains("proxy-authorization: basic ")
        && head.contains(&key);
    if is_locked && !has_key {
        let refusal = b"HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n";
        stream.write_all(refusal).await?;
        return Ok(None);
    }
    stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await?;
    let target = head
        .strip_prefix("CONNECT ")
        .and_then(|rest| rest.split(' ').next());
    Ok(target.map(str::to_owned))
}

/// RFC 1928 and RFC 1929.
async fn socks(stream: &mut TcpStream, is_locked: bool) -> std::io::Result<Option<String>> {
    let counted = async |stream: &mut TcpStream| {
        let mut text = vec![0; usize::from(stream.read_u8().await?)];
        stream.read_exact(&mut text).await?;
        std::io::Result::Ok(text)
    };
    assert_eq!(stream.read_u8().await?, 5);
    let methods = counted(stream).await?;
    let method = if is_locked { 2 } else { 0 };
    if !methods.contains(&method) {
        stream.write_all(&[5, 0xff]).await?;
        return Ok(None);
    }
    stream.write_all(&[5, method]).await?;
    if is_locked {
        assert_eq!(stream.read_u8().await?, 1);
        let (user, password) = (counted(stream).await?, counted(stream).await?);
        let is_right = user == USER.as_bytes() && password == PASSWORD.as_bytes();
        stream.write_all(&[1, u8::from(!is_right)]).await?;
        if !is_right {
            return Ok(None);
        }
    }
    let mut request = [0; 4];
    stream.read_exact(&mut request).await?;
    let host = match request[3] {
        3 => String::from_utf8(counted(stream).await?).unwrap(),
        _ => {
            let mut ip = [0; 4];
            stream.read_exact(&mut ip).await?;
            std::net::Ipv4Addr::from(ip).to_string()
        }
    };
    let port = stream.read_u16().await?;
    stream.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]).await?;
    Ok(Some(format!("{host}:{port}")))
}

/// A port where nobody listens.
async fn dead() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap()
}

fn through(proxy: Proxy) -> Network {
    Network {
        proxy: Some(proxy),
        headers: Vec::new(),
    }
}

fn bearer(auth: &AuthFile) -> Bearer {
    let login = auth.chatgpt().unwrap();
    Bearer {
        token: login.access_token.clone(),
        account_id: login.account_id.clone(),
        is_fedramp: false,
    }
}

/// What came of each kind of request.
#[derive(Debug, Default)]
struct Told {
    fine: Vec<&'static str>,
    failed: Vec<String>,
}

async fn ask_everything(upstream: &Upstream, network: &Network, auth: &AuthFile) -> Told {
    let outlet = upstream.through(network);
    let (bearer, now) = (bearer(auth), SystemTime::now());
    let token = auth.chatgpt().unwrap().refresh_token.clone().unwrap();
    let body = || {
        Bytes::from(
            r#"{"model":"gpt-5.5","input":[{"type":"message","role":"user","content":[{"type":"input_text","text":"hello"}]}],"stream":true,"store":false,"instructions":"x"}"#,
        )
    };
    let mut told = Told::default();
    let mut note = |what: &'static str, result: Result<(), String>| match result {
        Ok(()) => told.fine.push(what),
        Err(why) => told.failed.push(why),
    };
    let usage = outlet.usage(&bearer, now).await;
    note("usage", usage.map(drop).map_err(|err| err.to_string()));
    let reply = outlet
        .responses(Service::ChatGpt, &bearer, HeaderMap::new(), body())
        .await;
    note("post", answered(reply.map(|reply| reply.status)));
    let models = outlet.models(Service::ChatGpt, &bearer, "0.169.0").await;
    note("models", models.map(drop).map_err(|err| err.to_string()));
    let pings = Pings {
        every: Duration::from_secs(60),
        patience: Duration::from_secs(60),
    };
    let socket = match outlet.open_socket(&bearer, HeaderMap::new(), pings).await {
        Ok(Handshake::Open(..)) => Ok(()),
        Ok(Handshake::Refused(reply)) => Err(format!("refused with {}", reply.status)),
        Err(err) => Err(err.to_string()),
    };
    note("socket", socket);
    // Last: it makes the tokens old.
    let redeemed = outlet.redeem(&token, now).await;
    note("refresh", redeemed.map(drop).map_err(|err| err.to_string()));
    told
}

fn answered(reply: Result<http::StatusCode, SendError>) -> Result<(), String> {
    match reply {
        Ok(status) if status.is_success() => Ok(()),
        Ok(status) => Err(format!("answered {status}")),
        Err(err) => Err(err.to_string()),
    }
}

const EVERYTHING: [&str; 5] = ["usage", "post", "models", "socket", "refresh"];

#[tokio::test]
async fn every_kind_of_request_passes_the_proxy_with_its_password() {
    for kind in [Kind::Http, Kind::Socks] {
        let front = Front::of("work").await;
        let gate = Gate::to(kind, true, front.address).await;
        let proxy = gate.proxy(kind, &format!("{USER}:{PASSWORD}@"));
        let ca = [front.ca.clone()];
        // The one that is set for all, and a profile's own.
        for (common, own) in [(proxy.clone(), None), (Proxy::Direct, Some(proxy))] {
            let upstream = Upstream::new(front.hidden()).with_network(common, &ca);
            let network = Network {
                proxy: own.clone(),
                headers: Vec::new(),
            };
            let told = ask_everything(&upstream, &network, &front.auth("work")).await;
            assert_eq!(told.fine, EVERYTHING, "{told:?}");
        }
        assert_eq!(gate.asked().len(), front.connections());
        assert!(
            gate.asked()
                .iter()
                .all(|asked| asked == "upstream.test:443")
        );
    }
}

#[tokio::test]
async fn two_profiles_with_two_proxies_never_mix() {
    let (left, right) = (Front::of("left").await, Front::of("right").await);
    let gates = [
        (Gate::to(Kind::Http, false, left.address).await, Kind::Http),
        (
            Gate::to(Kind::Socks, false, right.address).await,
            Kind::Socks,
        ),
    ];
    let networks = gates
        .iter()
        .map(|(gate, kind)| through(gate.proxy(*kind, "")))
        .collect::<Vec<_>>();
    let ca = [left.ca.clone(), right.ca.clone()];
    // The same names for both: only the proxy decides where a request ends, and each end knows one of the two only.
    let upstream = Upstream::new(left.hidden()).with_network(Proxy::System, &ca);
    let bearers = [bearer(&left.auth("left")), bearer(&right.auth("right"))];
    let now = SystemTime::now();
    let asks = (0..40).map(|n| {
        let outlet = upstream.through(&networks[n % 2]);
        let bearer = &bearers[n % 2];
        async move { outlet.usage(bearer, now).await }
    });
    for result in futures_util::future::join_all(asks).await {
        assert!(result.is_ok(), "{result:?}");
    }
    let crossed = upstream.through(&networks[0]).usage(&bearers[1], now).await;
    assert_eq!(crossed, Err(crate::upstream::UsageError::Unauthorized));
}

#[tokio::test]
async fn a_dead_proxy_is_named_and_nothing_goes_another_way() {
    let front = Front::of("work").await;
    let auth = front.auth("work");
    let ca = [front.ca.clone()];
    let dead = dead().await;
    for scheme in ["http", "https", "socks5", "socks5h"] {
        let proxy = Proxy::parse(&format!("{scheme}://{USER}:{PASSWORD}@{dead}")).unwrap();
        for (common, own) in [(proxy.clone(), None), (Proxy::Direct, Some(proxy))] {
            let upstream = Upstream::new(front.open()).with_network(common, &ca);
            let network = Network {
                proxy: own,
                headers: Vec::new(),
            };
            let told = ask_everything(&upstream, &network, &auth).await;
            assert!(told.fine.is_empty(), "{scheme}: {told:?}");
            for failure in told.failed {
                let names_it = failure.contains(&format!("through the proxy {dead}"));
                assert!(names_it, "{scheme}: {failure}");
                assert!(!failure.contains("canary"), "{failure}");
            }
        }
    }
    assert_eq!(front.connections(), 0);
    // It is there for whoever comes without a proxy.
    let upstream = Upstream::new(front.open()).with_network(Proxy::Direct, &ca);
    let told = ask_everything(&upstream, &Network::default(), &auth).await;
    assert_eq!(told.fine, EVERYTHING, "{told:?}");
}

#[tokio::test]
async fn a_proxy_that_refuses_leaves_a_refresh_token_unspent() {
    for kind in [Kind::Http, Kind::Socks] {
        let front = Front::of("work").await;
        let gate = Gate::to(kind, true, front.address).await;
        let upstream = Upstream::new(front.hidden())
            .with_network(Proxy::Direct, std::slice::from_ref(&front.ca));
        let network = through(gate.proxy(kind, "ana:wrong-canary@"));
        let refused = upstream
            .through(&network)
            .redeem(&Secret::new("rt_fake"), SystemTime::now())
            .await;
        let Err(RefreshError::NotSent(why)) = &refused else {
            panic!("{refused:?}");
        };
        assert!(why.contains(&gate.address.to_string()), "{why}");
        assert!(!why.contains("canary"), "{why}");
        assert_eq!(front.connections(), 0);
    }
}

#[tokio::test]
async fn this_computer_is_asked_without_a_proxy() {
    let front = Front::of("work").await;
    let base = format!("http://{}", place_of(&front.sim));
    let proxy = Proxy::parse(&format!("http://{}", dead().await)).unwrap();
    let upstream = Upstream::new(endpoints(&base)).with_network(proxy.clone(), &[]);
    for network in [Network::default(), through(proxy)] {
        let told = ask_everything(&upstream, &network, &front.auth("work")).await;
        assert_eq!(told.fine, EVERYTHING, "{told:?}");
    }
    // Except by a profile whose settings cannot be understood: it asks nobody.
    let told = ask_everything(
        &upstream,
        &Network::unusable("it is broken"),
        &front.auth("work"),
    )
    .await;
    assert!(told.fine.is_empty());
    assert!(told.failed.iter().all(|why| why.contains("it is broken")));
}

#[tokio::test]
async fn a_private_ca_is_trusted_when_it_is_named_and_not_before() {
    let front = Front::of("work").await;
    let bearer = bearer(&front.auth("work"));
    let usage = async |roots: &[Vec<u8>]| {
        let upstream = Upstream::new(front.open()).with_network(Proxy::Direct, roots);
        let network = Network::default();
        upstream
            .through(&network)
            .usage(&bearer, SystemTime::now())
            .await
    };
    assert!(usage(&[]).await.is_err());
    let other = Front::of("other").await;
    assert!(usage(std::slice::from_ref(&other.ca)).await.is_err());
    assert!(usage(&[other.ca, front.ca.clone()]).await.is_ok());
}

#[test]
fn clients_are_made_once_and_no_more_of_them_are_kept_than_anybody_needs() {
    let clients = Clients::new(Proxy::Direct, &[]);
    let way = |n: usize| Way::Through(ProxyUrl::parse(&format!("http://gate.test:{n}")).unwrap());
    // One after the other, and the first one is used all the time.
    for n in 1..=MAX_CLIENTS + 3 {
        clients.get(way(n), Purpose::Request).unwrap();
        clients.get(way(n), Purpose::Request).unwrap();
        clients.get(way(1), Purpose::Request).unwrap();
    }
    let made = clients.made.read().unwrap();
    assert_eq!(made.len(), MAX_CLIENTS);
    let is_kept = |n| made.iter().any(|it| it.way == way(n));
    assert!(is_kept(1) && !is_kept(2) && !is_kept(4) && is_kept(5));
}
