//! Answers of an upstream, made up at random, and the many ways in which one answer can be told.

use proptest::prelude::*;
use serde_json::{Value, json};

/// What a model said.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub items: Vec<Item>,
    /// Whether it ran out of tokens.
    pub is_cut: bool,
}

#[derive(Debug, Clone)]
pub(super) enum Item {
    Message(Vec<Part>),
    /// The parts of the summary.
    Reasoning(Vec<Pieces>),
    Call {
        is_custom: bool,
        text: Pieces,
    },
}

#[derive(Debug, Clone)]
pub(super) struct Part {
    pub is_refusal: bool,
    pub text: Pieces,
}

/// A text in the pieces in which it is told.
pub(super) type Pieces = Vec<String>;

/// How an upstream tells its answer.
#[derive(Debug, Clone)]
pub(super) struct Telling {
    /// Decides everything that is left to chance, in turn.
    dice: Vec<u8>,
    naming: Naming,
    /// Whether letters beyond ASCII come as `\u` escapes.
    is_ascii: bool,
    /// Whether the last event repeats the answer.
    has_output: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Naming {
    Both,
    ItemId,
    OutputIndex,
}

/// Which events of an item there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    Everything,
    /// The first deltas got lost with their connection, or were never sent: the `.done` events have the rest.
    FirstDeltasAndDones,
    DonesOnly,
    ItemDoneOnly,
    /// Never closed.
    DeltasOnly,
    /// Nothing but its place in the last event.
    AtTheEndOnly,
}

fn text() -> impl Strategy<Value = Pieces> {
    prop::collection::vec("[a-c é🙂\"\\\\\n\r\t\u{2028}{}:\u{1}]{0,5}", 0..4)
}

fn arguments() -> impl Strategy<Value = Pieces> {
    (text(), prop::collection::vec(0usize..40, 0..4)).prop_map(|(value, cuts)| {
        let value = value.concat();
        if value.is_empty() {
            return Vec::new();
        }
        let json = json!({ "k": value }).to_string();
        let mut pieces = Vec::new();
        let mut rest = json.as_str();
        for cut in cuts {
            if let Some((piece, behind)) = rest.split_at_checked(cut) {
                pieces.push(piece.to_owned());
                rest = behind;
            }
        }
        pieces.push(rest.to_owned());
        pieces
    })
}

fn item() -> impl Strategy<Value = Item> {
    let part = (prop::bool::weighted(0.2), text())
        .prop_map(|(is_refusal, text)| Part { is_refusal, text });
    prop_oneof![
        2 => prop::collection::vec(part, 1..3).prop_map(Item::Message),
        1 => prop::collection::vec(text(), 0..3).prop_map(Item::Reasoning),
        2 => arguments().prop_map(|text| Item::Call { is_custom: false, text }),
        1 => text().prop_map(|text| Item::Call { is_custom: true, text }),
    ]
}

pub(super) fn answer() -> impl Strategy<Value = Answer> {
    (
        prop::collection::vec(item(), 0..6),
        prop::bool::weighted(0.2),
    )
        .prop_map(|(items, is_cut)| Answer { items, is_cut })
}

pub(super) fn telling() -> impl Strategy<Value = Telling> {
    let naming = prop_oneof![
        Just(Naming::Both),
        Just(Naming::ItemId),
        Just(Naming::OutputIndex)
    ];
    (
        prop::collection::vec(any::<u8>(), 1..64),
        naming,
        any::<bool>(),
        any::<bool>(),
    )
        .prop_map(|(dice, naming, is_ascii, has_output)| Telling {
            dice,
            naming,
            is_ascii,
            has_output,
        })
}

/// One throw after the other.
struct Dice<'d> {
    throws: std::iter::Cycle<std::slice::Iter<'d, u8>>,
}

impl Dice<'_> {
    fn below(&mut self, bound: usize) -> usize {
        usize::from(*self.throws.next().unwrap()) % bound
    }

    fn one_in(&mut self, bound: usize) -> bool {
        self.below(bound) == bound - 1
    }
}

impl Item {
    pub fn call_id(index: usize) -> String {
        format!("call_{index}")
    }

    pub fn name(index: usize) -> String {
        format!("tool_{index}")
    }

    pub fn seal(index: usize) -> String {
        format!("sealed-{index}")
    }

    /// As it stands in `output`.
    fn whole(&self, index: usize) -> Value {
        let id = format!("item_{index}");
        match self {
            Self::Message(parts) => {
                let content: Vec<Value> = parts.iter().map(Part::whole).collect();
                json!({"type": "message", "id": id, "role": "assistant", "content": content})
            }
            Self::Reasoning(parts) => {
                let summary: Vec<Value> = parts
                    .iter()
                    .map(|part| json!({"type": "summary_text", "text": part.concat()}))
                    .collect();
                json!({"type": "reasoning", "id": id, "summary": summary, "encrypted_content": Self::seal(index)})
            }
            Self::Call { is_custom, text } => {
                let (kind, field) = if *is_custom {
                    ("custom_tool_call", "input")
                } else {
                    ("function_call", "arguments")
                };
                json!({"type": kind, "id": id, "call_id": Self::call_id(index), "name": Self::name(index), field: text.concat()})
            }
        }
    }

    /// As it stands in `output_item.added`: nothing has been said yet.
    fn begun(&self, index: usize) -> Value {
        let nothing = match self {
            Self::Message(_) => Self::Message(Vec::new()),
            Self::Reasoning(_) => Self::Reasoning(Vec::new()),
            Self::Call { is_custom, .. } => Self::Call {
                is_custom: *is_custom,
                text: Vec::new(),
            },
        };
        nothing.whole(index)
    }

    /// Its texts: the word for it, its index among the others, the text, and the field that repeats it whole.
    fn texts(&self) -> Vec<(&'static str, &'static str, usize, &Pieces, &'static str)> {
        match self {
            Self::Message(parts) => parts
                .iter()
                .enumerate()
                .map(|(index, part)| {
                    let (kind, whole) = if part.is_refusal {
                        ("refusal", "refusal")
                    } else {
                        ("output_text", "text")
                    };
                    (kind, "content_index", index, &part.text, whole)
                })
                .collect(),
            Self::Reasoning(parts) => parts
                .iter()
                .enumerate()
                .map(|(index, text)| {
                    (
                        "reasoning_summary_text",
                        "summary_index",
                        index,
                        text,
                        "text",
                    )
                })
                .collect(),
            Self::Call { is_custom, text } if *is_custom => {
                vec![("custom_tool_call_input", "", 0, text, "input")]
            }
            Self::Call { text, .. } => vec![("function_call_arguments", "", 0, text, "arguments")],
        }
    }
}

impl Part {
    fn whole(&self) -> Value {
        let text = self.text.concat();
        if self.is_refusal {
            json!({"type": "refusal", "refusal": text})
        } else {
            json!({"type": "output_text", "text": text, "annotations": []})
        }
    }
}

/// The events of an answer as they are told, the last one among them.
pub(super) fn events(answer: &Answer, telling: &Telling) -> Vec<Value> {
    let mut dice = Dice {
        throws: telling.dice.iter().cycle(),
    };
    let told = how_items_are_told(answer, telling, &mut dice);
    let mut has_output = telling.has_output;
    // Texts come one after the other, and so do thoughts; calls come between everything.
    let mut lanes: Vec<Vec<Value>> = vec![Vec::new(), Vec::new()];
    for (index, (item, told)) in answer.items.iter().zip(told).enumerate() {
        let events = item_events(item, index, told, telling.naming, &mut dice);
        has_output |= told == Told::AtTheEndOnly;
        match item {
            Item::Message(_) => lanes[0].extend(events),
            Item::Reasoning(_) => lanes[1].extend(events),
            Item::Call { .. } => lanes.push(events),
        }
    }
    let mut events = vec![
        json!({"type": "response.created", "response": {"id": "resp_1", "model": "m", "status": "in_progress"}}),
    ];
    let mut lanes: Vec<_> = lanes
        .into_iter()
        .map(|lane| lane.into_iter().peekable())
        .collect();
    loop {
        lanes.retain_mut(|lane| lane.peek().is_some());
        if lanes.is_empty() {
            break;
        }
        let lane = dice.below(lanes.len());
        events.extend(lanes[lane].next());
        match dice.below(12) {
            10 => {
                events.push(json!({"type": "response.some_day.delta", "delta": "x", "output_index": 0, "item_id": "item_0"}));
            }
            11 => events.push(json!({"type": "codex.rate_limits", "plan_type": "plus"})),
            _ => {}
        }
    }
    let output: Vec<Value> = if has_output {
        let items = answer.items.iter().enumerate();
        items.map(|(index, item)| item.whole(index)).collect()
    } else {
        Vec::new()
    };
    let usage = json!({"input_tokens": 5, "output_tokens": 3, "total_tokens": 8});
    events.push(if answer.is_cut {
        json!({"type": "response.incomplete", "response": {"id": "resp_1", "status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}, "output": output, "usage": usage}})
    } else {
        json!({"type": "response.completed", "response": {"id": "resp_1", "status": "completed", "output": output, "usage": usage}})
    });
    events
}

/// The same events as text, in the spelling of this upstream.
pub(super) fn spelled(events: &[Value], telling: &Telling) -> Vec<String> {
    let texts = events.iter().map(Value::to_string);
    texts.map(|json| telling.spelled(json)).collect()
}

impl Telling {
    pub fn spelled(&self, json: String) -> String {
        if self.is_ascii { ascii(&json) } else { json }
    }
}

fn how_items_are_told(answer: &Answer, telling: &Telling, dice: &mut Dice<'_>) -> Vec<Told> {
    let mut all: Vec<Told> = answer
        .items
        .iter()
        .map(|_| match dice.below(8) {
            0 => Told::FirstDeltasAndDones,
            1 => Told::DonesOnly,
            2 => Told::ItemDoneOnly,
            3 => Told::DeltasOnly,
            4 | 5 if telling.naming != Naming::OutputIndex => Told::AtTheEndOnly,
            _ => Told::Everything,
        })
        .collect();
    // What comes at the end stands at the end: a stream of text has no other place for it.
    for is_lane in [
        |item: &Item| matches!(item, Item::Message(_)),
        |item: &Item| matches!(item, Item::Reasoning(_)),
    ] {
        let mut is_tail = true;
        for (item, told) in answer.items.iter().zip(&mut all).rev() {
            if is_lane(item) {
                is_tail &= *told == Told::AtTheEndOnly;
                if !is_tail && *told == Told::AtTheEndOnly {
                    *told = Told::ItemDoneOnly;
                }
            }
        }
    }
    all
}

fn item_events(
    item: &Item,
    index: usize,
    told: Told,
    naming: Naming,
    dice: &mut Dice<'_>,
) -> Vec<Value> {
    let has_deltas = matches!(
        told,
        Told::Everything | Told::FirstDeltasAndDones | Told::DeltasOnly
    );
    let has_dones = matches!(
        told,
        Told::Everything | Told::FirstDeltasAndDones | Told::DonesOnly
    );
    let mut events = Vec::new();
    let mut event = |kind: &str, fields: Value, dice: &mut Dice<'_>| {
        let mut event = json!({"type": format!("response.{kind}")});
        let event_fields = event.as_object_mut().unwrap();
        event_fields.extend(fields.as_object().unwrap().clone());
        if naming != Naming::OutputIndex && !event_fields.contains_key("item") {
            event_fields.insert("item_id".to_owned(), json!(format!("item_{index}")));
        }
        if naming != Naming::ItemId {
            event_fields.insert("output_index".to_owned(), json!(index));
        }
        // Only what repeats something may itself be repeated.
        let is_repeated = !kind.ends_with(".delta") && dice.one_in(6);
        events.push(event.clone());
        if is_repeated {
            events.push(event);
        }
    };
    if has_deltas
        || (has_dones && !matches!(item, Item::Call { .. }))
        || dice.one_in(2) && has_dones
    {
        event(
            "output_item.added",
            json!({"item": item.begun(index)}),
            dice,
        );
    }
    for (kind, index_name, index, text, whole) in item.texts() {
        let told_pieces = match told {
            Told::FirstDeltasAndDones => dice.below(text.len() + 1),
            _ if has_deltas => text.len(),
            _ => 0,
        };
        for piece in &text[..told_pieces] {
            event(
                &format!("{kind}.delta"),
                json!({"delta": piece, index_name: index}),
                dice,
            );
        }
        if has_dones {
            event(
                &format!("{kind}.done"),
                json!({whole: text.concat(), index_name: index}),
                dice,
            );
        }
    }
    if !matches!(told, Told::DeltasOnly | Told::AtTheEndOnly) {
        event("output_item.done", json!({"item": item.whole(index)}), dice);
    }
    events
}

/// JSON with an escape for every letter beyond ASCII.
fn ascii(json: &str) -> String {
    let mut out = String::new();
    for letter in json.chars() {
        if letter.is_ascii() {
            out.push(letter);
        } else {
            for unit in letter.encode_utf16(&mut [0; 2]) {
                out.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
    out
}
