//! What the last run left to this one about each account. Encrypted accounts are not known before their passphrase is: until then it
//! waits.

use std::time::SystemTime;

use super::super::spend;
use super::AppState;
use crate::ledger::Spend;
use crate::profile::ProfileName;
use crate::router::KnownOffers;
use crate::store::cooldown_cache::KeptCooldown;
use crate::usage::Usage;

#[derive(Debug, Default)]
pub struct Memory {
    /// With the age they have.
    pub usage: Vec<(ProfileName, Usage)>,
    /// Lists of models.
    pub offers: KnownOffers,
    pub pauses: Vec<KeptCooldown>,
    /// What profiles had spent.
    pub days: Vec<Spend>,
}

impl AppState {
    /// To be asked once, after the first reading.
    pub fn remember(&mut self, memory: Memory, now: SystemTime) {
        if self.lock.is_some() {
            self.memory = Some(memory);
            return;
        }
        for (name, usage) in memory.usage {
            if let Some(kept) = self.kept.get_mut(&name) {
                let at = usage.fetched_at;
                kept.note_usage(usage, at);
            }
        }
        for (name, models) in memory.offers {
            if let Some(kept) = self.kept.get_mut(&name) {
                kept.note_models(models);
            }
        }
        for spent in spend::of_profiles(&memory.days, now) {
            if let Some(kept) = self.kept.get(&spent.name) {
                kept.spend.add_earlier(spent.today, spent.this_month, now);
            }
        }
        self.remember_pauses(memory.pauses, now);
    }
}
