//! Streams that stop in other ways than they should, and clients that do.

use super::*;

/// Reads until the body ends; whether it ended properly, and the events that came.
async fn read(mut response: reqwest::Response) -> (bool, Vec<Value>) {
    let mut stream = Vec::new();
    let ended_properly = loop {
        match response.chunk().await {
            Ok(Some(chunk)) => stream.extend_from_slice(&chunk),
            Ok(None) => break true,
            Err(_) => break false,
        }
    };
    (
        ended_properly,
        events_of(&String::from_utf8(stream).unwrap()),
    )
}

/// Reads until that many events are there.
async fn read_some(response: &mut reqwest::Response, count: usize) {
    let mut stream = String::new();
    while events_of(&stream).len() < count {
        let chunk = response.chunk().await.unwrap().unwrap();
        stream.push_str(std::str::from_utf8(&chunk).unwrap());
    }
}

#[tokio::test]
async fn a_cut_stream_breaks_after_exactly_so_many_events() {
    let sim = Simulator::start().await.unwrap();
    for count in [0, 1, 5] {
        sim.reply_next("work", [Reply::cut_after(count)]);
        let response = sim.ask("work", &prompt("hi")).send().await.unwrap();
        assert_eq!(response.status(), 200);
        let (ended_properly, events) = read(response).await;
        assert_eq!((ended_properly, events.len()), (false, count));
    }
    assert_eq!(sim.clients_gone("work"), 0);
}

#[tokio::test]
async fn a_clean_end_without_a_terminal_event_looks_complete() {
    let sim = Simulator::start().await.unwrap();
    for count in [0, 4] {
        sim.reply_next("work", [Reply::clean_eof_after(count)]);
        let response = sim.ask("work", &prompt("hi")).send().await.unwrap();
        let (ended_properly, events) = read(response).await;
        assert_eq!((ended_properly, events.len()), (true, count));
    }
}

#[tokio::test]
async fn any_reply_can_end_badly() {
    let sim = Simulator::start().await.unwrap();
    let reply = Reply::tool_call("weather", r#"{"city":"Oslo"}"#).ending(Ending::CutAfter(4));
    sim.reply_next("work", [reply]);
    let response = sim.ask("work", &prompt("hi")).send().await.unwrap();
    let (ended_properly, events) = read(response).await;
    assert!(!ended_properly);
    assert_eq!(events[3]["type"], "response.function_call_arguments.delta");
}

#[tokio::test]
async fn a_stalled_stream_goes_on_when_released() {
    let sim = Simulator::start().await.unwrap();
    let gate = Gate::closed();
    sim.reply_next("work", [Reply::stall_after(3, &gate)]);
    let mut response = sim.ask("work", &prompt("hi")).send().await.unwrap();
    read_some(&mut response, 3).await;
    gate.reached(1).await;
    gate.open();
    let (ended_properly, rest) = read(response).await;
    assert!(ended_properly);
    assert_eq!(rest.last().unwrap()["type"], "response.completed");
}

#[tokio::test]
async fn a_client_that_leaves_a_stalled_stream_is_noticed() {
    let sim = Simulator::start().await.unwrap();
    sim.reply_next("work", [Reply::stall_after(3, &Gate::closed())]);
    let mut response = sim.ask("work", &prompt("hi")).send().await.unwrap();
    read_some(&mut response, 3).await;
    assert_eq!(sim.clients_gone("work"), 0);
    drop(response);
    sim.client_gone("work").await;
    assert_eq!(sim.clients_gone("work"), 1);
}

#[tokio::test]
async fn a_slow_start_sends_nothing_before_the_gate_opens() {
    let sim = Simulator::start().await.unwrap();
    let gate = Gate::closed();
    sim.reply_always("work", Reply::slow_start(&gate));
    let clients: Vec<_> = (0..3)
        .map(|_| tokio::spawn(sim.ask("work", &prompt("hi")).send()))
        .collect();
    sim.arrived("work", 3).await;
    gate.reached(3).await;
    assert!(clients.iter().all(|client| !client.is_finished()));
    gate.open();
    for client in clients {
        let (ended_properly, _) = read(client.await.unwrap().unwrap()).await;
        assert!(ended_properly);
    }
}

#[tokio::test]
async fn a_client_that_leaves_before_the_head_is_noticed() {
    let sim = Simulator::start().await.unwrap();
    let gate = Gate::closed();
    sim.reply_next("work", [Reply::text("late").held(&gate)]);
    let client = tokio::spawn(sim.ask("work", &prompt("hi")).send());
    gate.reached(1).await;
    client.abort();
    sim.client_gone("work").await;
}
