//! One `text_completion` out of the answers to all prompts.

use serde_json::{Value, json};

use crate::translate::AnswerCollector;
use crate::translate::chat::{ChatAnswer, ChatReplyHead, usage_value};
use crate::translate::responses::{Failure, TokenUsage};

/// Collects the choices of one completion.
#[derive(Debug)]
pub struct CompletionAnswer {
    id: String,
    created: u64,
    model: String,
    choices: Vec<Value>,
    usage: Option<TokenUsage>,
}

impl CompletionAnswer {
    pub fn new(head: &ChatReplyHead) -> Self {
        Self {
            id: head.id.clone(),
            created: head.created,
            model: head.model.clone(),
            choices: Vec::new(),
            usage: None,
        }
    }

    /// Adds the answer to the next prompt.
    ///
    /// # Errors
    /// When its stream ended before it was complete.
    pub fn add(&mut self, answer: ChatAnswer) -> Result<(), Box<Failure>> {
        if let Some(usage) = answer.usage() {
            let sum = self.usage.get_or_insert_default();
            sum.input += usage.input;
            sum.cached += usage.cached;
            sum.cache_write += usage.cache_write;
            sum.output += usage.output;
            sum.reasoning += usage.reasoning;
            sum.total += usage.total;
        }
        let (text, reason) = answer.into_text()?;
        self.choices.push(json!({
            "index": self.choices.len(),
            "text": text,
            "logprobs": null,
            "finish_reason": reason,
        }));
        Ok(())
    }

    /// What all answers cost together.
    pub fn usage(&self) -> Option<TokenUsage> {
        self.usage
    }

    /// The `text_completion` object.
    pub fn finish(self) -> Vec<u8> {
        let completion = json!({
            "id": self.id,
            "object": "text_completion",
            "created": self.created,
            "model": self.model,
            "choices": self.choices,
            "usage": self.usage.map(usage_value),
        });
        completion.to_string().into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::translate::EventWriter;
    use crate::translate::chat::{ChunkWriter, ReplyForm};
    use crate::translate::completions::responses_from_completion;

    fn head(echo: &str, stop: &[&str]) -> ChatReplyHead {
        ChatReplyHead {
            id: "cmpl-1".to_owned(),
            created: 1,
            model: "m1".to_owned(),
            stop: stop.iter().map(|stop| (*stop).to_owned()).collect(),
            form: ReplyForm::Completion { echo: echo.into() },
            ..ChatReplyHead::default()
        }
    }

    fn delta(text: &str) -> String {
        json!({"type": "response.output_text.delta", "output_index": 1, "item_id": "m", "content_index": 0, "delta": text}).to_string()
    }

    fn completed() -> String {
        let usage = json!({"input_tokens": 2, "output_tokens": 3, "total_tokens": 5});
        json!({"type": "response.completed", "response": {"output": [], "usage": usage}})
            .to_string()
    }

    const THOUGHT: &str =
        r#"{"type":"response.reasoning_summary_text.delta","output_index":0,"delta":"hm"}"#;

    fn whole(heads: &[ChatReplyHead], events: &[String]) -> Value {
        let mut all = CompletionAnswer::new(&heads[0]);
        for head in heads {
            let mut answer = ChatAnswer::new(head.clone());
            for event in events {
                answer.push(event.as_bytes()).unwrap();
            }
            all.add(answer).unwrap();
        }
        serde_json::from_slice(&all.finish()).unwrap()
    }

    fn streamed(head: ChatReplyHead, events: &[String]) -> String {
        let mut writer = ChunkWriter::new(head);
        let mut out = Vec::new();
        for event in events {
            writer.push(event.as_bytes(), &mut out).unwrap();
        }
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_whole_completion_has_one_choice_a_prompt_and_the_tokens_of_all() {
        let events = [THOUGHT.to_owned(), delta("a b"), completed()];
        let completion = whole(&[head("", &[]), head("2+2=", &[])], &events);
        assert_eq!(
            completion,
            json!({
                "id": "cmpl-1", "object": "text_completion", "created": 1, "model": "m1",
                "choices": [
                    {"index": 0, "text": "a b", "logprobs": null, "finish_reason": "stop"},
                    {"index": 1, "text": "2+2=a b", "logprobs": null, "finish_reason": "stop"},
                ],
                "usage": {
                    "prompt_tokens": 4, "completion_tokens": 6, "total_tokens": 10,
                    "prompt_tokens_details": {"cached_tokens": 0},
                    "completion_tokens_details": {"reasoning_tokens": 0},
                },
            })
        );
    }

    #[test]
    fn a_streamed_completion_has_text_in_every_chunk_and_no_thoughts() {
        let events = [THOUGHT.to_owned(), delta("a\n"), delta("b"), completed()];
        let chunk = |choice: &str| {
            format!(
                "data: {{\"id\":\"cmpl-1\",\"object\":\"text_completion\",\"created\":1,\"model\":\"m1\",\"choices\":[{{\"index\":0,{choice}}}]}}\n\n"
            )
        };
        let text = |text: &str| {
            chunk(&format!(
                "\"text\":{text},\"logprobs\":null,\"finish_reason\":null"
            ))
        };
        let expected = [
            text("\"2+\\\"2\""),
            text("\"a\\n\""),
            text("\"b\""),
            chunk("\"text\":\"\",\"logprobs\":null,\"finish_reason\":\"stop\""),
            "data: [DONE]\n\n".to_owned(),
        ];
        assert_eq!(streamed(head("2+\"2", &[]), &events), expected.concat());
        assert_eq!(streamed(head("", &[]), &events), expected[1..].concat());
    }

    #[test]
    fn the_tokens_come_in_a_chunk_of_their_own_when_asked_for() {
        let head = ChatReplyHead {
            include_usage: true,
            ..head("", &[])
        };
        let stream = streamed(head, &[delta("a"), completed()]);
        let last = stream.split("\n\n").nth(2).unwrap();
        let last: Value = serde_json::from_str(last.strip_prefix("data: ").unwrap()).unwrap();
        assert_eq!(last["choices"], json!([]));
        assert_eq!(last["object"], "text_completion");
        assert_eq!(last["usage"]["total_tokens"], 5);
    }

    #[test]
    fn a_stop_sequence_ends_the_text_but_not_the_prompt() {
        let events = [delta("one E"), delta("ND two"), completed()];
        let completion = whole(&[head("END ", &["END"])], &events);
        assert_eq!(completion["choices"][0]["text"], "END one ");
        assert_eq!(completion["choices"][0]["finish_reason"], "stop");
        let stream = streamed(head("END ", &["END"]), &events);
        assert!(
            stream.contains("\"END \"") && stream.contains("\"one \""),
            "{stream}"
        );
        assert!(!stream.contains("two"), "{stream}");
    }

    #[test]
    fn a_cut_answer_is_length_and_a_refusal_is_text() {
        let refusal =
            r#"{"type":"response.refusal.delta","output_index":0,"delta":"I cannot"}"#.to_owned();
        let cut = r#"{"type":"response.incomplete","response":{"incomplete_details":{"reason":"max_output_tokens"}}}"#.to_owned();
        let events = [refusal, cut];
        let choice = &whole(&[head("", &[])], &events)["choices"][0];
        assert_eq!(
            (&choice["text"], &choice["finish_reason"]),
            (&json!("I cannot"), &json!("length"))
        );
        let stream = streamed(head("", &[]), &events);
        assert!(stream.contains("\"text\":\"I cannot\""), "{stream}");
        assert!(stream.contains("\"finish_reason\":\"length\""), "{stream}");
    }

    #[test]
    fn the_head_of_a_request_tells_its_form() {
        let body = br#"{"model":"m","prompt":"p","echo":true}"#;
        let request = responses_from_completion(body).unwrap();
        let head = request.chats[0].reply_head("cmpl-2", 7);
        assert_eq!(head.form, ReplyForm::Completion { echo: "p".into() });
        assert_eq!((head.model.as_str(), head.created), ("m", 7));
    }
}
