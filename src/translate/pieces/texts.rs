//! The texts of one answer, told apart by kind and place, and how much of each the client has.

use super::sent::{Missing, Sent, id_hash};
use crate::translate::raw;
use crate::translate::responses::{DeltaEvent, Item};

/// Which texts an answer is made of. They are numbered apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::translate) enum Family {
    Text,
    Refusal,
    Summary,
    Reasoning,
}

impl Family {
    pub fn is_reasoning(self) -> bool {
        self.kind() == Kind::Thought
    }

    fn kind(self) -> Kind {
        match self {
            Self::Text | Self::Refusal => Kind::Said,
            Self::Summary | Self::Reasoning => Kind::Thought,
        }
    }
}

/// Which of an answer's items a text stands in: a message, or its reasoning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::translate) enum Kind {
    Said,
    Thought,
}

/// Where a text stands.
#[derive(Debug, Clone, Copy)]
pub(in crate::translate) struct PartPlace {
    /// The item id as a hash; 0 for none.
    pub item: u64,
    pub output_index: Option<u64>,
    /// Content index, or summary index.
    pub index: u64,
}

impl PartPlace {
    pub fn of_delta(family: Family, event: &DeltaEvent<'_>) -> Self {
        let index = match family {
            Family::Summary => event.summary_index,
            Family::Text | Family::Refusal | Family::Reasoning => event.content_index,
        };
        Self {
            item: id_hash(raw::text(event.item_id)),
            output_index: event.output_index,
            index: index.unwrap_or(0),
        }
    }

    /// The first text of an item.
    pub fn of_item(item: &Item<'_>, output_index: Option<u64>) -> Self {
        Self {
            item: id_hash(raw::text(item.id)),
            output_index,
            index: 0,
        }
    }

    /// Whether two events speak of one item. An event that names none may speak of any.
    pub fn is_same_item(&self, other: &Self) -> bool {
        let by_id = self.item != 0 && self.item == other.item;
        let by_index = self.output_index.is_some() && self.output_index == other.output_index;
        by_id || by_index || self.is_unnamed() || other.is_unnamed()
    }

    fn is_unnamed(&self) -> bool {
        self.item == 0 && self.output_index.is_none()
    }
}

#[derive(Debug, Default)]
pub(in crate::translate) struct Texts {
    parts: Vec<Part>,
}

#[derive(Debug)]
struct Part {
    family: Family,
    place: PartPlace,
    sent: Sent,
}

/// Whether a text begins another paragraph of the reasoning, which wants an empty line before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::translate) enum Begins {
    Paragraph,
    Nothing,
}

impl Texts {
    /// Whether every text of this kind belongs to one of these items (ids as hashes), as far as that can be known: a text whose
    /// item has no name belongs to none.
    pub fn all_belong_to(&self, kind: Kind, items: &[u64]) -> bool {
        let mut parts = self.parts.iter().filter(|part| part.family.kind() == kind);
        parts.all(|part| part.place.item != 0 && items.contains(&part.place.item))
    }

    /// Adds a piece that is still escaped.
    pub fn add(&mut self, family: Family, place: PartPlace, escaped: &str) -> Begins {
        let (sent, begins) = self.of(family, place);
        sent.add_escaped(escaped);
        begins
    }

    /// What a text that is repeated whole adds to its pieces. That much counts as sent from now on.
    pub fn complete<'a>(
        &mut self,
        family: Family,
        place: PartPlace,
        whole: &'a str,
    ) -> (Missing<'a>, Begins) {
        let (sent, begins) = self.of(family, place);
        let missing = sent.missing_of(whole);
        if let Missing::End(end) = missing {
            sent.add(end);
        }
        (missing, begins)
    }

    /// Whether any reasoning of this item has been sent.
    pub fn has_reasoning_at(&self, place: &PartPlace) -> bool {
        let mut parts = self.parts.iter();
        parts.any(|part| part.family.is_reasoning() && part.place.is_same_item(place))
    }

    fn of(&mut self, family: Family, place: PartPlace) -> (&mut Sent, Begins) {
        let is_it = |part: &Part| {
            part.family == family
                && part.place.index == place.index
                && part.place.is_same_item(&place)
        };
        let mut begins = Begins::Nothing;
        let at = match self.parts.iter().rposition(is_it) {
            Some(at) => at,
            None => {
                if family.is_reasoning() && self.parts.iter().any(|part| part.family.is_reasoning())
                {
                    begins = Begins::Paragraph;
                }
                let sent = Sent::NOTHING;
                self.parts.push(Part {
                    family,
                    place,
                    sent,
                });
                self.parts.len() - 1
            }
        };
        let part = &mut self.parts[at]; // `rposition` and the push above give a place inside
        if part.place.item == 0 {
            part.place.item = place.item;
        }
        part.place.output_index = part.place.output_index.or(place.output_index);
        (&mut part.sent, begins)
    }
}
