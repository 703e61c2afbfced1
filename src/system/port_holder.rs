//! Which program listens on a port, as far as `/proc` tells; `None` on other systems and for other users' programs.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;

/// `node (pid 812)`.
pub fn of(address: SocketAddr) -> Option<String> {
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"];
    let inode = tables.iter().find_map(|table| {
        let table = std::fs::read_to_string(table).ok()?; // no such system: nothing is known
        listening_inode(&table, address)
    })?;
    let pid = holder_of_socket(&format!("socket:[{inode}]"))?;
    let name = std::fs::read_to_string(format!("/proc/{pid}/comm")).ok()?; // it has just ended
    Some(format!("{} (pid {pid})", name.trim_end()))
}

/// The inode of the socket that listens on this port, at this address or at all of them (proc_pid_net(5)).
fn listening_inode(table: &str, address: SocketAddr) -> Option<u64> {
    const LISTEN: &str = "0A";
    table.lines().skip(1).find_map(|line| {
        let mut fields = line.split_whitespace();
        let local = fields.nth(1)?;
        let state = fields.nth(1)?;
        let inode = fields.nth(5)?;
        let (ip, port) = local.split_once(':')?;
        let is_ours = u16::from_str_radix(port, 16) == Ok(address.port());
        let is_there = ip.bytes().all(|byte| byte == b'0') || ip == proc_ip(address.ip());
        if is_ours && is_there && state == LISTEN {
            inode.parse().ok()
        } else {
            None
        }
    })
}

/// The kernel prints each group of four bytes as one number in its own byte order.
fn proc_ip(ip: IpAddr) -> String {
    let bytes = match ip {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    };
    bytes
        .chunks(4)
        .map(|group| {
            let number = <[u8; 4]>::try_from(group).map_or(0, u32::from_ne_bytes);
            format!("{number:08X}")
        })
        .collect()
}

fn holder_of_socket(link: &str) -> Option<u32> {
    let processes = std::fs::read_dir("/proc").ok()?; // no /proc: nothing is known
    processes
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .find(|pid: &u32| holds(*pid, link))
}

/// Whether a process has this file open; no for one that we may not look into.
fn holds(pid: u32, link: &str) -> bool {
    let Ok(descriptors) = std::fs::read_dir(format!("/proc/{pid}/fd")) else {
        return false;
    };
    descriptors
        .flatten()
        .any(|entry| std::fs::read_link(entry.path()).is_ok_and(|to| to == Path::new(link)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:2694 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 41 1 0000000000000000 100 0 0 10 0
   1: 0100007F:2695 0100007F:2694 01 00000000:00000000 00:00000000 00000000  1000        0 42 1 0000000000000000 100 0 0 10 0
   2: 00000000:2696 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 43 1 0000000000000000 100 0 0 10 0
";

    #[test]
    #[cfg(target_endian = "little")]
    fn only_a_listening_socket_at_that_address_or_at_all_counts() {
        let inode = |address: &str| listening_inode(TABLE, address.parse().unwrap());
        assert_eq!(inode("127.0.0.1:9876"), Some(41));
        assert_eq!(inode("127.0.0.2:9876"), None);
        assert_eq!(inode("127.0.0.1:9877"), None, "connected, not listening");
        assert_eq!(inode("127.0.0.1:9878"), Some(43), "it listens everywhere");
    }
}
