"""litellm as a library against a running router: litellm_python.py ROOT CHECK...

Prints `CHECK: ok` for each. Behind the router is the simulator with two accounts, `empty`, out of usage, and `spare`, and an API key.
"""

import json

import litellm
from common import TOOL, ask, refused, run

litellm.telemetry = False
litellm.suppress_debug_info = True


def chat(ways):
    for way in ways:
        whole = litellm.completion(messages=ask("good morning"), **way)
        [choice] = whole.choices
        text = choice.message.content
        assert text.startswith("Hello from spare (") and text.endswith("good morning"), (way, whole)
        assert choice.finish_reason == "stop" and whole.usage.total_tokens > 0, (way, whole)

        chunks = list(
            litellm.completion(
                messages=ask("good morning"), stream=True, stream_options={"include_usage": True}, **way
            )
        )
        pieces = [chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices]
        assert "".join(pieces) == text and len(pieces) > 2, (way, pieces)
        built = litellm.stream_chunk_builder(chunks)
        assert built.usage.completion_tokens == whole.usage.completion_tokens, (way, built.usage)
        assert built.choices[0].finish_reason == "stop", (way, built)


def tool(ways):
    for way in ways:
        messages = ask("please use the tool")
        asked = litellm.completion(messages=messages, tools=[TOOL], **way)
        assert asked.choices[0].finish_reason == "tool_calls", (way, asked)
        [call] = asked.choices[0].message.tool_calls
        arguments = json.loads(call.function.arguments)
        assert call.function.name == "weather" and isinstance(arguments["city"], str), (way, call)

        chunks = litellm.completion(messages=messages, tools=[TOOL], stream=True, **way)
        [streamed] = litellm.stream_chunk_builder(list(chunks)).choices[0].message.tool_calls
        assert streamed.function.name == "weather", (way, streamed)
        assert json.loads(streamed.function.arguments) == arguments, (way, streamed)

        messages.append(asked.choices[0].message)
        messages.append({"role": "tool", "tool_call_id": call.id, "content": "sunny, 21 degrees"})
        answered = litellm.completion(messages=messages, tools=[TOOL], **way)
        assert "sunny, 21 degrees" in answered.choices[0].message.content, (way, answered)


def responses(ways):
    way = ways[0]
    whole = litellm.responses(input="good evening", **way)
    text = whole.output[-1].content[0].text
    assert text.startswith("Hello from spare (") and whole.status == "completed", whole
    events = list(litellm.responses(input="good evening", stream=True, **way))
    deltas = [event.delta for event in events if event.type == "response.output_text.delta"]
    assert "".join(deltas) == text and events[-1].type == "response.completed", events


def embedding(ways):
    way = ways[0] | {"model": "openai/text-embedding-3-small"}
    made = litellm.embedding(input=["a", "b"], **way)
    assert [each["embedding"] for each in made.data] == [[0.25, -0.5, 1.0]] * 2, made


def errors(ways):
    for way in ways:
        provider = way["model"].partition("/")[0]
        wrong = way | {"model": f"{provider}/none-of-{provider}"}
        error = refused(
            (litellm.BadRequestError, litellm.NotFoundError),
            lambda: litellm.completion(messages=ask("hello"), **wrong),
        )
        assert f"none-of-{provider}" in error.message, error


CHECKS = [chat, tool, responses, embedding, errors]

run(
    CHECKS,
    lambda root: [
        {"model": "openai/gpt-5.4", "api_base": f"{root}/v1", "api_key": "unused"},
        {"model": "anthropic/claude-sonnet-4-5", "api_base": root, "api_key": "unused"},
    ],
)
