//! Where the values of a YAML file stand: as much of YAML as people write in settings. Whatever is more than that is refused, so
//! that nobody edits a text whose meaning was guessed.
//!
//! The grammar is that of YAML 1.2 (<https://yaml.org/spec/1.2.2/>), block style; flow style and text over several lines are found
//! as a whole and not looked into.

use std::ops::Range;

use serde_json::Value;

use super::text::{Leaf, Outcome, Untouchable};
use super::yaml_line::{
    after_flow, after_quotes, is_dash, is_mapping, is_over, is_word, key, quoted,
    without_properties,
};

#[derive(Clone, Debug)]
pub(super) enum Node {
    Scalar(Scalar),
    Map(Vec<Entry>),
    List(Vec<Element>),
}

/// A value that is no block of its own.
#[derive(Clone, Debug)]
pub(super) struct Scalar {
    pub at: Range<usize>,
    pub kind: ScalarKind,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ScalarKind {
    /// There is nothing.
    Empty,
    /// `[]` or `{}`.
    EmptyFlow,
    /// On one line, as it is meant.
    Text(String),
    /// `true`, `null` and their like.
    Word,
    /// More than a plain value: it is not looked into.
    Opaque,
}

#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub key: String,
    /// Whole lines, from that of the key on.
    pub lines: Range<usize>,
    pub value: Node,
}

#[derive(Clone, Debug)]
pub(super) struct Element {
    /// Whole lines, from that of the dash on.
    pub lines: Range<usize>,
    pub column: usize,
    pub value: Node,
}

/// What the file holds, and in which column its keys begin; `None`: nothing but comments.
pub(super) fn read(text: &str) -> Outcome<Option<(usize, Node)>> {
    let mut reader = Reader::new(text)?;
    let Some(first) = reader.peek()? else {
        return Ok(None);
    };
    let column = reader.column(first);
    let node = reader.block(first)?;
    match reader.peek()? {
        Some(_left) => Err(odd()),
        None => Ok(Some((column, node))),
    }
}

/// Every value with its place.
pub(super) fn leaves(node: &Node, text: &str) -> Vec<Leaf> {
    fn walk(node: &Node, path: &mut Vec<String>, text: &str, out: &mut Vec<Leaf>) {
        match node {
            Node::Scalar(scalar) => out.push(Leaf {
                path: path.clone(),
                at: scalar.at.clone(),
                text: match &scalar.kind {
                    ScalarKind::Text(text) => Some(text.clone()),
                    ScalarKind::Opaque => text.get(scalar.at.clone()).map(str::to_owned),
                    ScalarKind::Empty | ScalarKind::EmptyFlow | ScalarKind::Word => None,
                },
                is_empty: matches!(scalar.kind, ScalarKind::Empty | ScalarKind::EmptyFlow),
            }),
            Node::Map(entries) => {
                for entry in entries {
                    path.push(entry.key.clone());
                    walk(&entry.value, path, text, out);
                    path.pop();
                }
            }
            Node::List(elements) => {
                for (place, element) in elements.iter().enumerate() {
                    path.push(place.to_string());
                    walk(&element.value, path, text, out);
                    path.pop();
                }
            }
        }
    }
    let mut out = Vec::new();
    walk(node, &mut Vec::new(), text, &mut out);
    out
}

impl Node {
    pub fn to_json(&self, text: &str) -> Value {
        match self {
            Self::Scalar(scalar) => match &scalar.kind {
                ScalarKind::Empty => Value::Null,
                ScalarKind::EmptyFlow => Value::Array(Vec::new()),
                ScalarKind::Text(text) => Value::String(text.clone()),
                ScalarKind::Word | ScalarKind::Opaque => {
                    let written = text.get(scalar.at.clone()).unwrap_or_default();
                    match written {
                        "true" => Value::Bool(true),
                        "false" => Value::Bool(false),
                        _ => Value::String(written.to_owned()),
                    }
                }
            },
            Self::Map(entries) => {
                let pairs = entries.iter();
                let pairs = pairs.map(|entry| (entry.key.clone(), entry.value.to_json(text)));
                Value::Object(pairs.collect())
            }
            Self::List(elements) => {
                let values = elements.iter().map(|element| element.value.to_json(text));
                Value::Array(values.collect())
            }
        }
    }
}

struct Reader<'a> {
    text: &'a str,
    lines: Vec<Line>,
    next: usize,
    /// Where the last line ends that holds a value.
    read_to: usize,
}

#[derive(Clone, Copy, Debug)]
struct Line {
    start: usize,
    /// Where what is left to read of it begins.
    from: usize,
    /// Without its line end.
    end: usize,
    /// With it.
    next: usize,
}

impl<'a> Reader<'a> {
    fn new(text: &'a str) -> Outcome<Self> {
        let mut lines = Vec::new();
        let mut start = 0;
        for whole in text.split_inclusive('\n') {
            let line = whole.trim_end_matches(['\n', '\r']);
            let from = line.len() - line.trim_start_matches(' ').len();
            lines.push(Line {
                start,
                from: start + from,
                end: start + line.len(),
                next: start + whole.len(),
            });
            start += whole.len();
        }
        let mut reader = Self {
            text,
            lines,
            next: 0,
            read_to: 0,
        };
        // The one mark that a file may begin with.
        if let Some(first) = reader.first_content()
            && reader.rest(first).strip_prefix("---").is_some_and(is_over)
            && reader.column(first) == 0
        {
            reader.next = first + 1;
        }
        let is_mark = |line: &Line| {
            let words = reader.text.get(line.start..line.end).unwrap_or_default();
            ["---", "...", "%"]
                .iter()
                .any(|mark| words.starts_with(mark))
        };
        let left = reader.lines.get(reader.next..).unwrap_or_default();
        if left.iter().any(is_mark) {
            return Err(odd());
        }
        Ok(reader)
    }

    fn first_content(&self) -> Option<usize> {
        (self.next..self.lines.len()).find(|line| !is_over(self.rest(*line)))
    }

    /// The next line that is more than a comment.
    fn peek(&mut self) -> Outcome<Option<usize>> {
        let Some(line) = self.first_content() else {
            self.next = self.lines.len();
            return Ok(None);
        };
        self.next = line;
        if self.rest(line).starts_with('\t') {
            return Err(odd());
        }
        Ok(Some(line))
    }

    /// What is left to read of a line.
    fn rest(&self, line: usize) -> &'a str {
        let range = self.lines.get(line).map(|line| line.from..line.end);
        range
            .and_then(|range| self.text.get(range))
            .unwrap_or_default()
    }

    fn line(&self, line: usize) -> Line {
        let past = self.text.len();
        self.lines.get(line).copied().unwrap_or(Line {
            start: past,
            from: past,
            end: past,
            next: past,
        })
    }

    fn column(&self, line: usize) -> usize {
        let line = self.line(line);
        line.from - line.start
    }

    /// Everything up to this line is read.
    fn go_on_at(&mut self, line: usize) {
        self.next = line;
        self.read_to = line.checked_sub(1).map_or(0, |last| self.line(last).next);
    }

    fn block(&mut self, line: usize) -> Outcome<Node> {
        let rest = self.rest(line);
        let column = self.column(line);
        if is_dash(rest) {
            self.list(column)
        } else if key(rest).is_some() {
            self.map(column)
        } else {
            let from = self.line(line).from;
            // As deep as its own line: what goes on stands below the key before it.
            Ok(Node::Scalar(self.scalar(
                line,
                from,
                column.checked_sub(1),
            )?))
        }
    }

    fn map(&mut self, column: usize) -> Outcome<Node> {
        let mut entries: Vec<Entry> = Vec::new();
        while let Some(line) = self.peek()? {
            if self.column(line) < column {
                break;
            }
            let Some((key, length)) = key(self.rest(line)).filter(|_| self.column(line) == column)
            else {
                return Err(odd());
            };
            let here = self.line(line);
            let value = self.value(line, here.from + length, column, true)?;
            entries.push(Entry {
                key,
                lines: here.start..self.read_to,
                value,
            });
        }
        Ok(Node::Map(entries))
    }

    fn list(&mut self, column: usize) -> Outcome<Node> {
        let mut elements = Vec::new();
        while let Some(line) = self.peek()? {
            let rest = self.rest(line);
            if self.column(line) < column || (self.column(line) == column && !is_dash(rest)) {
                break;
            }
            if self.column(line) > column {
                return Err(odd());
            }
            let here = self.line(line);
            let after = rest.get(1..).unwrap_or_default();
            let from = here.from + rest.len() - after.trim_start_matches(' ').len();
            let inside = self.text.get(from..here.end).unwrap_or_default();
            let value = if is_dash(inside) || key(inside).is_some() {
                if let Some(line) = self.lines.get_mut(line) {
                    line.from = from;
                }
                self.block(line)?
            } else {
                self.value(line, from, column, false)?
            };
            elements.push(Element {
                lines: here.start..self.read_to,
                column,
                value,
            });
        }
        Ok(Node::List(elements))
    }

    /// What stands behind a key or a dash in this column, on its line or below it.
    fn value(&mut self, line: usize, from: usize, column: usize, is_map: bool) -> Outcome<Node> {
        let end = self.line(line).end;
        let after = self.text.get(from..end).unwrap_or_default();
        let rest = without_properties(after.trim_start_matches([' ', '\t']));
        if !is_over(rest) {
            let from = end - rest.len();
            return Ok(Node::Scalar(self.scalar(line, from, Some(column))?));
        }
        self.go_on_at(line + 1);
        if let Some(below) = self.peek()? {
            let deeper = self.column(below);
            let is_list = is_map && deeper == column && is_dash(self.rest(below));
            if deeper > column || is_list {
                return self.block(below);
            }
        }
        // Comments and empty lines below belong to whatever comes next.
        self.go_on_at(line + 1);
        Ok(Node::Scalar(Scalar {
            at: from..from,
            kind: ScalarKind::Empty,
        }))
    }

    /// A value that begins here. What goes on below stands deeper than `column`; `None`: than nothing.
    fn scalar(&mut self, line: usize, from: usize, column: Option<usize>) -> Outcome<Scalar> {
        let end = self.line(line).end;
        let rest = self.text.get(from..end).unwrap_or_default();
        match rest.chars().next() {
            Some('|' | '>') => self.literal(line, from, column),
            Some('"' | '\'') => {
                let past = after_quotes(self.text, from).ok_or_else(odd)?;
                let words = self.text.get(from..past).unwrap_or_default();
                self.ends(line, from..past, quoted(words), column)
            }
            Some('[' | '{') => {
                let past = after_flow(self.text, from).ok_or_else(odd)?;
                let words = self.text.get(from..past).unwrap_or_default();
                let inside = words.get(1..words.len() - 1).unwrap_or_default();
                let kind = match inside.trim().is_empty() {
                    true => ScalarKind::EmptyFlow,
                    false => ScalarKind::Opaque,
                };
                self.ends(line, from..past, kind, column)
            }
            Some('%' | '@' | '`' | ']' | '}' | ',' | '?') | None => Err(odd()),
            Some(_) => self.plain(line, from, column),
        }
    }

    fn literal(&mut self, line: usize, from: usize, column: Option<usize>) -> Outcome<Scalar> {
        let mut end = self.line(line).end;
        let header = self.text.get(from + 1..end).unwrap_or_default();
        let marks = header.trim_start_matches(|c: char| c.is_ascii_digit() || c == '-' || c == '+');
        if !is_over(marks) {
            return Err(odd());
        }
        self.next = line + 1;
        while let Some(below) = self.lines.get(self.next) {
            let words = self.text.get(below.start..below.end).unwrap_or_default();
            let is_blank = words.trim().is_empty();
            if !is_blank && column.is_some_and(|column| below.from - below.start <= column) {
                break;
            }
            if !is_blank {
                end = below.end;
            }
            self.next += 1;
        }
        self.go_on_at(self.without_blanks(line));
        Ok(Scalar {
            at: from..end,
            kind: ScalarKind::Opaque,
        })
    }

    fn plain(&mut self, line: usize, from: usize, column: Option<usize>) -> Outcome<Scalar> {
        let here = self.line(line);
        let words = |from: usize, end: usize| {
            let words = self.text.get(from..end).unwrap_or_default();
            let length = words.find(" #").unwrap_or(words.len());
            (
                words.get(..length).unwrap_or_default().trim_end(),
                length == words.len(),
            )
        };
        let (first, mut goes_on) = words(from, here.end);
        if is_mapping(first) {
            return Err(odd());
        }
        let mut at = from..from + first.len();
        let mut next = line + 1;
        let mut is_long = false;
        while let Some(below) = self.lines.get(next).filter(|_| goes_on) {
            let whole = self.text.get(below.from..below.end).unwrap_or_default();
            let is_deeper = column.is_none_or(|column| below.from - below.start > column);
            if !whole.trim().is_empty() {
                if !is_deeper || whole.starts_with('#') {
                    break;
                }
                let (more, is_whole) = words(below.from, below.end);
                if is_mapping(more) {
                    return Err(odd());
                }
                goes_on = is_whole;
                is_long = true;
                at.end = below.from + more.len();
            }
            next += 1;
        }
        let kind = if is_long {
            ScalarKind::Opaque
        } else if is_word(first) {
            ScalarKind::Word
        } else {
            ScalarKind::Text(first.to_owned())
        };
        self.next = next;
        self.go_on_at(self.without_blanks(line));
        Ok(Scalar { at, kind })
    }

    /// After a value that says itself where it ends: nothing else may stand there.
    fn ends(
        &mut self,
        line: usize,
        at: Range<usize>,
        kind: ScalarKind,
        column: Option<usize>,
    ) -> Outcome<Scalar> {
        let last = (line..self.lines.len())
            .find(|line| self.line(*line).end >= at.end)
            .unwrap_or(line);
        let tail = self.text.get(at.end..self.line(last).end);
        if !is_over(tail.unwrap_or_default().trim_start_matches([' ', '\t'])) {
            return Err(odd());
        }
        self.go_on_at(last + 1);
        if let Some(below) = self.peek()?
            && column.is_some_and(|column| self.column(below) > column)
        {
            return Err(odd());
        }
        self.go_on_at(last + 1);
        Ok(Scalar { at, kind })
    }

    /// The next line, when empty lines behind a value that begins on `first` are not its own.
    fn without_blanks(&self, first: usize) -> usize {
        let is_blank = |line: &usize| {
            let line = self.line(*line);
            let words = self.text.get(line.start..line.end).unwrap_or_default();
            words.trim().is_empty()
        };
        let last = (first..self.next).rev().find(|line| !is_blank(line));
        last.unwrap_or(first) + 1
    }
}

fn odd() -> Untouchable {
    Untouchable("is built in a way that is not edited here; edit it by hand".into())
}
