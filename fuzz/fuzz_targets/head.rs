//! Any lines as the head of a request: nobody comes in who calls us by another name, or from a web page.
#![no_main]

use codex_router::router::fuzzing::let_in;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let mut lines = data.split(|byte| *byte == b'\n');
    let first = lines.next().and_then(|line| std::str::from_utf8(line).ok());
    let Some((method, target)) = first.and_then(|line| line.split_once(' ')) else {
        return;
    };
    let headers: Vec<(&str, &[u8])> = lines
        .filter_map(|line| {
            let at = line.iter().position(|byte| *byte == b':')?;
            let name = std::str::from_utf8(&line[..at]).ok()?;
            Some((name, line[at + 1..].trim_ascii()))
        })
        .collect();
    if let_in(method, target, &headers) != Some(true) {
        return;
    }
    let all = |wanted: &str| {
        let headers = headers.iter();
        let headers = headers.filter(|(name, _)| name.eq_ignore_ascii_case(wanted));
        headers
            .map(|(_, value)| value.to_ascii_lowercase())
            .collect::<Vec<_>>()
    };
    let ours: [&[u8]; 3] = [b"localhost:9876", b"127.0.0.1:9876", b"[::1]:9876"];
    let hosts = all("host");
    assert!(hosts.len() == 1 && ours.contains(&&hosts[0][..]));
    assert!(all("origin").is_empty());
    assert!(
        all("sec-fetch-site")
            .iter()
            .all(|site| site == b"same-origin")
    );
});
