//! Ends a text where the client wants it to end, because a Responses upstream cannot be told.

use std::mem;

/// Watches a text for the first of several stop sequences.
#[derive(Debug)]
pub(in crate::translate) struct StopCutter {
    stops: Vec<String>,
    /// The end of what arrived, as long as it may be the beginning of a stop sequence.
    held: String,
    /// Which one ended the text.
    found: Option<usize>,
}

/// What may go to the client.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::translate) enum Passed {
    /// This much, and the text goes on.
    On(String),
    /// This much, and then the text ends.
    Cut(String),
}

impl StopCutter {
    /// `None` when there is nothing to watch for.
    pub fn new(stops: &[String]) -> Option<Self> {
        let stops: Vec<String> = stops
            .iter()
            .filter(|stop| !stop.is_empty())
            .cloned()
            .collect();
        (!stops.is_empty()).then_some(Self {
            stops,
            held: String::new(),
            found: None,
        })
    }

    pub fn push(&mut self, text: &str) -> Passed {
        self.held.push_str(text);
        if let Some((at, which)) = first_stop(&self.held, &self.stops) {
            self.found = Some(which);
            self.held.truncate(at);
            return Passed::Cut(mem::take(&mut self.held));
        }
        let keep_bytes = self
            .stops
            .iter()
            .map(|stop| overlap_bytes(&self.held, stop))
            .max()
            .unwrap_or(0);
        let rest = self.held.split_off(self.held.len() - keep_bytes);
        Passed::On(mem::replace(&mut self.held, rest))
    }

    /// The stop sequence that ended the text.
    pub fn found(&self) -> Option<&str> {
        self.stops.get(self.found?).map(String::as_str)
    }

    /// What was held back and turned out to be no stop sequence.
    pub fn take_held(&mut self) -> String {
        mem::take(&mut self.held)
    }
}

/// Where the text is to be cut, and by which of the stop sequences: before the stop sequence that is complete first, and of two that are complete at once before
/// the longer one. So the cut does not depend on the pieces in which the text arrives.
fn first_stop(text: &str, stops: &[String]) -> Option<(usize, usize)> {
    stops
        .iter()
        .enumerate()
        .filter_map(|(which, stop)| {
            let begin = text.find(stop.as_str())?;
            Some((begin + stop.len(), begin, which))
        })
        .min()
        .map(|(_end, begin, which)| (begin, which))
}

/// How many bytes at the end of `text` are the beginning of `stop`.
fn overlap_bytes(text: &str, stop: &str) -> usize {
    let lengths = stop.char_indices().map(|(at, _)| at).skip(1);
    lengths
        .filter(|bytes| {
            stop.get(..*bytes)
                .is_some_and(|begin| text.ends_with(begin))
        })
        .max()
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cutter(stops: &[&str]) -> StopCutter {
        let stops: Vec<String> = stops.iter().map(|stop| (*stop).to_owned()).collect();
        StopCutter::new(&stops).unwrap()
    }

    #[test]
    fn a_stop_across_two_pieces_is_found() {
        let mut cutter = cutter(&["END"]);
        assert_eq!(cutter.push("text E"), Passed::On("text ".to_owned()));
        assert_eq!(cutter.found(), None);
        assert_eq!(cutter.push("ND more"), Passed::Cut(String::new()));
        assert_eq!(cutter.found(), Some("END"));
    }

    #[test]
    fn a_beginning_that_comes_to_nothing_is_sent_on() {
        let mut cutter = cutter(&["\n\n", "é!"]);
        assert_eq!(cutter.push("a\n"), Passed::On("a".to_owned()));
        assert_eq!(cutter.push("bé"), Passed::On("\nb".to_owned()));
        assert_eq!(cutter.take_held(), "é");
    }

    #[test]
    fn the_stop_that_is_complete_first_wins_in_one_piece_and_in_several() {
        assert_eq!(cutter(&["c", "b"]).push("abc"), Passed::Cut("a".to_owned()));
        assert_eq!(
            cutter(&["é", "aéé"]).push("aéé"),
            Passed::Cut("a".to_owned())
        );
        let mut pieces = cutter(&["é", "aéé"]);
        assert_eq!(pieces.push("aé"), Passed::Cut("a".to_owned()));
    }

    proptest! {
        #[test]
        fn pieces_are_cut_where_the_whole_is(pieces in prop::collection::vec("[abé]{0,4}", 0..8), stops in prop::collection::vec("[abé]{1,3}", 1..4)) {
            let whole = pieces.concat();
            let ends = (0..=whole.len()).filter(|at| whole.is_char_boundary(*at));
            let wanted = ends
                .filter_map(|end| {
                    let stop = stops.iter().filter(|stop| whole[..end].ends_with(stop.as_str())).max_by_key(|stop| stop.len())?;
                    Some(whole[..end - stop.len()].to_owned())
                })
                .next()
                .unwrap_or_else(|| whole.clone());
            let mut cutter = StopCutter::new(&stops).unwrap();
            let mut seen = String::new();
            let mut is_cut = false;
            for piece in &pieces {
                match cutter.push(piece) {
                    Passed::On(text) => seen.push_str(&text),
                    Passed::Cut(text) => {
                        seen.push_str(&text);
                        is_cut = true;
                        break;
                    }
                }
            }
            if !is_cut {
                seen.push_str(&cutter.take_held());
            }
            prop_assert_eq!(seen, wanted);
        }
    }
}
