"""The anthropic package against a running router: anthropic_python.py ROOT CHECK...

Prints `CHECK: ok` for each. Behind the router is the simulator with two accounts:
`empty`, out of usage, and `spare`.
"""

import asyncio

import anthropic
from common import CITY, ask, refused, run

MODEL = "claude-sonnet-4-5"
TOOL = {"name": "weather", "description": "The weather in a city", "input_schema": CITY}


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


def asynchronous(client):
    async def several():
        async with anthropic.AsyncAnthropic(
            base_url=client.base_url, api_key="unused", timeout=60, max_retries=0
        ) as parallel:

            async def one(number):
                async with parallel.messages.stream(
                    model=MODEL, max_tokens=256, messages=ask(f"number {number}")
                ) as stream:
                    return await stream.get_final_text()

            return await asyncio.gather(*(one(number) for number in range(8)))

    for number, text in enumerate(asyncio.run(several())):
        assert text.endswith(f"number {number}"), text


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


def tool_runner(client):
    cities = []

    @anthropic.beta_tool
    def weather(city: str) -> str:
        """The weather in a city."""
        cities.append(city)
        return "sunny, 21 degrees"

    final = client.beta.messages.tool_runner(
        model=MODEL, max_tokens=256, tools=[weather], messages=ask("please use the tool")
    ).until_done()
    assert len(cities) == 1 and isinstance(cities[0], str), cities
    assert final.stop_reason == "end_turn" and "sunny, 21 degrees" in final.content[0].text, final


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
    messages = [{"role": "nobody", "content": "x"}]
    error = refused(
        anthropic.BadRequestError,
        lambda: client.messages.create(model=MODEL, max_tokens=256, messages=messages),
    )
    assert error.body["error"]["type"] == "invalid_request_error", error.body
    assert "messages[0].role" in error.body["error"]["message"], error.body
    assert error.request_id.startswith("req_"), error.request_id


def not_found(client):
    error = refused(anthropic.NotFoundError, lambda: client.messages.batches.list())
    assert error.body["type"] == "error" and error.body["error"]["type"] == "not_found_error", error.body


def rate_limit(client):
    sent = []
    with anthropic.Anthropic(
        base_url=client.base_url,
        api_key="unused",
        max_retries=2,
        http_client=anthropic.DefaultHttpxClient(event_hooks={"request": [sent.append]}),
    ) as patient:
        error = refused(
            anthropic.RateLimitError,
            lambda: patient.messages.create(model=MODEL, max_tokens=256, messages=ask("hello")),
        )
    assert error.body["error"]["type"] == "rate_limit_error", error.body
    assert 0 < int(error.response.headers["retry-after"]) <= 900, error.response.headers
    # Nobody waits a quarter of an hour: it is said at once.
    assert len(sent) == 1, sent


def overloaded(client):
    error = refused(
        anthropic.APIStatusError,
        lambda: client.messages.create(model=MODEL, max_tokens=256, messages=ask("hello")),
    )
    assert error.status_code == 529 and error.body["error"]["type"] == "overloaded_error", error.body
    assert type(error).__name__ == "OverloadedError", type(error)


CHECKS = [
    message,
    asynchronous,
    stopped,
    tool,
    tool_runner,
    thinking,
    count,
    models,
    bad_request,
    not_found,
    rate_limit,
    overloaded,
]

# The package puts /v1 in front of every path by itself.
run(
    CHECKS,
    lambda root: anthropic.Anthropic(base_url=root, api_key="unused", timeout=60, max_retries=0),
)
