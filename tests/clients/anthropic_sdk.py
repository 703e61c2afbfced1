"""The anthropic package against a running router: anthropic_sdk.py BASE_URL CHECK

BASE_URL ends in /v1, as the program prints it. Prints `CHECK: ok`. Behind the router is the simulator with two accounts:
`empty`, out of usage, and `spare`.
"""

import sys

import anthropic

MODEL = "claude-sonnet-4-5"
TOOL = {
    "name": "weather",
    "description": "The weather in a city",
    "input_schema": {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
    },
}


def ask(text):
    return [{"role": "user", "content": text}]


def message(client):
    whole = client.messages.create(model=MODEL, max_tokens=256, messages=ask("good morning"))
    [block] = whole.content
    assert block.text.startswith("Hello from spare (gpt-5.5)"), block
    assert block.text.endswith("good morning"), block
    assert whole.model == MODEL and whole.stop_reason == "end_turn", whole
    assert whole.usage.input_tokens >= 0 and whole.usage.output_tokens > 0, whole.usage

    with client.messages.stream(model=MODEL, max_tokens=256, messages=ask("good morning")) as stream:
        pieces = list(stream.text_stream)
        final = stream.get_final_message()
    assert len(pieces) > 1 and "".join(pieces) == block.text, pieces
    assert final.content[0].text == block.text and final.stop_reason == "end_turn", final
    assert final.usage.output_tokens == whole.usage.output_tokens, final.usage


def stopped(client):
    final = client.messages.create(
        model=MODEL, max_tokens=256, stop_sequences=["spare"], messages=ask("good morning")
    )
    assert final.content[0].text == "Hello from ", final
    assert (final.stop_reason, final.stop_sequence) == ("stop_sequence", "spare"), final


def tool(client):
    messages = ask("please use the tool")
    with client.messages.stream(model=MODEL, max_tokens=256, messages=messages, tools=[TOOL]) as stream:
        asked = stream.get_final_message()
    assert asked.stop_reason == "tool_use", asked
    [call] = [block for block in asked.content if block.type == "tool_use"]
    assert call.name == "weather" and isinstance(call.input["city"], str), call
    whole = client.messages.create(model=MODEL, max_tokens=256, messages=messages, tools=[TOOL])
    assert whole.content[-1].input == call.input, whole

    messages += [
        {"role": "assistant", "content": asked.content},
        {
            "role": "user",
            "content": [{"type": "tool_result", "tool_use_id": call.id, "content": "sunny, 21 degrees"}],
        },
    ]
    answered = client.messages.create(model=MODEL, max_tokens=256, messages=messages, tools=[TOOL])
    assert answered.stop_reason == "end_turn", answered
    assert "sunny, 21 degrees" in answered.content[0].text, answered


def thinking(client):
    wish = {"type": "enabled", "budget_tokens": 2048}
    messages = ask("good evening")
    with client.messages.stream(
        model=MODEL, max_tokens=4096, thinking=wish, messages=messages
    ) as stream:
        final = stream.get_final_message()
    thought, text = final.content
    assert thought.type == "thinking" and thought.thinking and thought.signature, thought
    assert text.type == "text", text
    # The block goes back as it came, and its account takes it.
    messages += [{"role": "assistant", "content": final.content}, *ask("and now?")]
    again = client.messages.create(model=MODEL, max_tokens=4096, thinking=wish, messages=messages)
    assert again.content[-1].text.endswith("and now?"), again


def count(client):
    counted = [
        client.messages.count_tokens(model=MODEL, messages=ask(text)).input_tokens
        for text in ("hello", "hello there, and a good morning to you")
    ]
    assert 0 < counted[0] < counted[1] < 30, counted


def models(client):
    listed = [model.id for model in client.models.list(limit=2)]
    assert "gpt-5.5" in listed and len(listed) == len(set(listed)) > 2, listed
    assert client.models.retrieve(MODEL).id == MODEL


def bad_request(client):
    try:
        client.messages.create(model=MODEL, max_tokens=256, messages=[{"role": "nobody", "content": "x"}])
    except anthropic.BadRequestError as error:
        assert error.body["error"]["type"] == "invalid_request_error", error.body
        assert "messages[0].role" in error.body["error"]["message"], error.body
        assert error.request_id.startswith("req_"), error.request_id
    else:
        raise AssertionError("the request was accepted")


def rate_limit(client):
    try:
        client.messages.create(model=MODEL, max_tokens=256, messages=ask("hello"))
    except anthropic.RateLimitError as error:
        assert error.body["error"]["type"] == "rate_limit_error", error.body
        assert 0 < int(error.response.headers["retry-after"]) <= 900, error.response.headers
    else:
        raise AssertionError("the request was served")


CHECKS = {
    check.__name__: check
    for check in (message, stopped, tool, thinking, count, models, bad_request, rate_limit)
}

base_url, wanted = sys.argv[1:]
# The package puts /v1 in front of every path by itself.
root = base_url.removesuffix("/v1")
with anthropic.Anthropic(base_url=root, api_key="unused", timeout=60, max_retries=0) as client:
    CHECKS[wanted](client)
print(f"{wanted}: ok")
