//! `GET /backend-api/wham/usage`, which Codex asks for where its `chatgpt_base_url` points here: how much is left of the account
//! that would serve next.
//!
//! Made from what is known anyway, nobody is asked for it. An API key has no allowance to tell.

use std::time::SystemTime;

use http::Response;

use super::House;
use super::answer::AnswerBody;
use super::keys::Caller;
use super::reply;
use crate::pool::{Choice, Member, Pool, WhyNot, choose_for};
use crate::usage::document::document;

pub(super) fn report(house: &House, caller: &Caller) -> Response<AnswerBody> {
    let pool = house.pool.borrow().clone();
    let now = SystemTime::now();
    let choice = choose_for(&pool, caller.need(), now);
    let next = choice.candidates.first().map(|next| &*next.member);
    let shown = next.or_else(|| back_first(&pool, &choice));
    let usage = shown.and_then(|member| member.usage.as_deref());
    let is_blocked = next.is_none() && shown.is_some();
    reply::json(document(usage, is_blocked, now))
}

/// Of a pool that has nothing left: whose window is reset first.
fn back_first<'p>(pool: &'p Pool, choice: &Choice) -> Option<&'p Member> {
    let empty = choice
        .left_out
        .iter()
        .filter(|out| out.why == WhyNot::Empty);
    let first = empty.min_by_key(|out| (out.until.is_none(), out.until))?;
    let member = pool.members.iter().find(|member| member.name == first.name);
    member.map(|member| &**member)
}
