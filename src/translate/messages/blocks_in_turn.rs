//! The blocks of one answer in the order in which they began, of which one is open at a time.

use super::frames::{self, Delta, Opening};
use crate::translate::pieces::PartPlace;

#[derive(Debug, Default)]
pub(super) struct Blocks {
    blocks: Vec<Block>,
    /// Whose turn it is: everything before is closed, everything behind waits.
    turn: usize,
    /// The number of the next block that begins. A block that has nothing to say never does.
    next_index: usize,
    waiting_bytes: usize,
}

#[derive(Debug)]
struct Block {
    what: What,
    /// What came before its turn, still escaped.
    waiting: String,
    /// Its number, once the client has heard of it.
    index: Option<usize>,
    has_delta: bool,
    /// Nothing more will come.
    is_closed: bool,
}

/// What a block holds, and of which item.
#[derive(Debug)]
pub(super) enum What {
    Text(PartPlace),
    Thinking {
        place: PartPlace,
        signature: Option<String>,
    },
    Call {
        id: String,
        name: String,
    },
}

impl What {
    pub fn thinking(place: PartPlace) -> Self {
        Self::Thinking {
            place,
            signature: None,
        }
    }

    fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Text(one), Self::Text(other)) => one.is_same_item(other),
            (Self::Thinking { place: one, .. }, Self::Thinking { place: other, .. }) => {
                one.is_same_item(other)
            }
            _ => false,
        }
    }
}

impl Blocks {
    /// The block for more of an item, begun if there is none that is still open. Whether it is a new one.
    pub fn open_for(&mut self, what: What) -> (usize, bool) {
        let is_it = |block: &Block| !block.is_closed && block.what.is_same(&what);
        match self.blocks.iter().rposition(is_it) {
            Some(at) => (at, false),
            None => (self.push(what), true),
        }
    }

    /// A block that the client hears of as soon as it is its turn, even if it says nothing.
    pub fn add(&mut self, what: What, out: &mut Vec<u8>) -> usize {
        let at = self.push(what);
        self.advance(out);
        at
    }

    /// Adds a piece that is still escaped.
    pub fn say(&mut self, at: usize, escaped: &str, out: &mut Vec<u8>) {
        let is_its_turn = at == self.turn;
        let Some(block) = self.blocks.get_mut(at) else {
            return;
        };
        if is_its_turn {
            block.say(escaped, &mut self.next_index, out);
        } else {
            self.waiting_bytes += escaped.len();
            block.waiting.push_str(escaped);
        }
    }

    pub fn sign(&mut self, at: usize, signature: String) {
        if let Some(Block {
            what: What::Thinking {
                signature: slot, ..
            },
            ..
        }) = self.blocks.get_mut(at)
        {
            *slot = Some(signature);
        }
    }

    /// Closes the blocks of an item, each when it is its turn.
    pub fn close(&mut self, what: &What, out: &mut Vec<u8>) {
        for block in &mut self.blocks {
            block.is_closed |= block.what.is_same(what);
        }
        self.advance(out);
    }

    pub fn close_at(&mut self, at: usize, out: &mut Vec<u8>) {
        if let Some(block) = self.blocks.get_mut(at) {
            block.is_closed = true;
        }
        self.advance(out);
    }

    pub fn close_all(&mut self, out: &mut Vec<u8>) {
        for block in &mut self.blocks {
            block.is_closed = true;
        }
        self.advance(out);
    }

    pub fn is_closed(&self, at: usize) -> bool {
        self.blocks.get(at).is_none_or(|block| block.is_closed)
    }

    pub fn has_closed_thinking(&self, place: &PartPlace) -> bool {
        let what = What::thinking(*place);
        let mut newest_first = self.blocks.iter().rev();
        newest_first
            .find(|block| block.what.is_same(&what))
            .is_some_and(|block| block.is_closed)
    }

    /// Whether the client has heard of any block.
    pub fn has_said(&self) -> bool {
        self.next_index > 0
    }

    pub fn waiting_bytes(&self) -> usize {
        self.waiting_bytes
    }

    fn push(&mut self, what: What) -> usize {
        self.blocks.push(Block {
            what,
            waiting: String::new(),
            index: None,
            has_delta: false,
            is_closed: false,
        });
        self.blocks.len() - 1
    }

    /// Lets the block whose turn it is say what waited, and goes on behind every one that is closed.
    fn advance(&mut self, out: &mut Vec<u8>) {
        while let Some(block) = self.blocks.get_mut(self.turn) {
            let waiting = std::mem::take(&mut block.waiting);
            self.waiting_bytes -= waiting.len();
            if !waiting.is_empty() {
                block.say(&waiting, &mut self.next_index, out);
            } else if matches!(block.what, What::Call { .. }) {
                block.begin(&mut self.next_index, out);
            }
            if !block.is_closed {
                return;
            }
            block.end(&mut self.next_index, out);
            self.turn += 1;
        }
    }
}

impl Block {
    fn begin(&mut self, next_index: &mut usize, out: &mut Vec<u8>) -> usize {
        if let Some(index) = self.index {
            return index;
        }
        let index = *next_index;
        *next_index += 1;
        self.index = Some(index);
        let opening = match &self.what {
            What::Text(_) => Opening::Text,
            What::Thinking { .. } => Opening::Thinking,
            What::Call { id, name } => Opening::ToolUse { id, name },
        };
        frames::block_start(index, opening, out);
        index
    }

    fn say(&mut self, escaped: &str, next_index: &mut usize, out: &mut Vec<u8>) {
        let index = self.begin(next_index, out);
        self.has_delta = true;
        let delta = match self.what {
            What::Text(_) => Delta::Text,
            What::Thinking { .. } => Delta::Thinking,
            What::Call { .. } => Delta::Input,
        };
        frames::block_delta(index, delta, escaped, out);
    }

    fn end(&mut self, next_index: &mut usize, out: &mut Vec<u8>) {
        match &mut self.what {
            What::Text(_) => {}
            What::Thinking { signature, .. } => {
                if let Some(signature) = signature.take() {
                    let index = self.begin(next_index, out);
                    frames::signature(index, &signature, out);
                }
            }
            // Clients read what they have as JSON, and nothing as an empty object.
            What::Call { .. } if !self.has_delta => self.say("", next_index, out),
            What::Call { .. } => {}
        }
        if let Some(index) = self.index {
            frames::block_stop(index, out);
        }
    }
}
