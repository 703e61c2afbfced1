//! Profiles with proxies of their own. The simulator is asked at `0.0.0.0`, which leads to this computer and is no loopback address
//! by its number: without its proxy a request would get there.

use super::*;
use crate::profile::{Network, Proxy};

fn from_outside(sim: &Simulator) -> Endpoints {
    let mut all = endpoints(sim);
    for url in [
        &mut all.codex_responses,
        &mut all.codex_models,
        &mut all.usage,
        &mut all.openai_base,
        &mut all.token,
    ] {
        url.set_host(Some("0.0.0.0")).unwrap();
    }
    all
}

async fn dead_proxy() -> (Arc<Network>, String) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let place = listener.local_addr().unwrap().to_string();
    let proxy = Proxy::parse(&format!("http://ana:canary@{place}")).unwrap();
    let network = Network {
        proxy: Some(proxy),
        headers: vec![],
    };
    (Arc::new(network), place)
}

#[tokio::test]
async fn a_profile_whose_proxy_is_dead_is_passed_over_and_never_asked_without() {
    let sim = Arc::new(Simulator::start().await.unwrap());
    let (network, place) = dead_proxy().await;
    let mut members = Vec::new();
    for (at, name) in ["own", "bare"].into_iter().enumerate() {
        sim.add(Account::chatgpt(name));
        members.push(member(name, access(&sim.auth_json(name)), at));
    }
    members[0].network = network;
    members[1].network = Arc::new(Network {
        proxy: Some(Proxy::Direct),
        headers: vec![("x-team".parse().unwrap(), Secret::new("north"))],
    });
    let rig =
        Rig::with_endpoints(sim.clone(), from_outside(&sim), members, Limits::default()).await;
    assert_eq!(rig.chat(chat_request("hi")).await.status(), 200);
    assert_eq!(rig.asked(), ["bare"]);
    assert_eq!(rig.requests()[0].headers["x-team"], "north");

    // Alone it has to say why.
    change_pool(&rig, |pool| pool.members.truncate(1));
    let reply = rig.chat(chat_request("hi")).await;
    assert!(reply.status().is_server_error(), "{}", reply.status());
    let said = reply.text().await.unwrap();
    assert!(said.contains(&place) && !said.contains("canary"), "{said}");
    assert_eq!(rig.requests().len(), 1);
}

#[tokio::test]
async fn an_account_whose_proxy_cannot_be_used_stands_in_nobodys_way_and_says_why() {
    let sim = Arc::new(Simulator::start().await.unwrap());
    sim.add(Account::chatgpt("fine"));
    let members = vec![member("fine", access(&sim.auth_json("fine")), 0)];
    let rig = Rig::start(sim, members, Limits::default()).await;
    change_pool(&rig, |pool| {
        pool.unusable = vec![crate::pool::Unusable {
            name: ProfileName::parse("broken").unwrap(),
            trouble: crate::pool::Trouble::NoWayOut,
        }];
    });
    assert_eq!(rig.chat(chat_request("hi")).await.status(), 200);
    change_pool(&rig, |pool| pool.members.clear());
    let reply = rig.chat(chat_request("hi")).await;
    assert_eq!(reply.status(), 503);
    let said = reply.text().await.unwrap();
    let why = "broken: its proxy or header setting cannot be used";
    assert!(said.contains(why), "{said}");
}

fn change_pool(rig: &Rig, change: impl Fn(&mut Pool)) {
    rig.pool.send_modify(|pool| {
        let mut new = (**pool).clone();
        change(&mut new);
        *pool = Arc::new(new);
    });
}
