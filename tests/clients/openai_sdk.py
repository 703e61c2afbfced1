"""The openai package against a running router: openai_sdk.py BASE_URL CHECK

Prints `CHECK: ok`. Behind the router is the simulator with two accounts: `empty`, out of usage, and `spare`;
for what only API keys open, with a key beside them.
"""

import base64
import json
import sys

import openai

MODEL = "gpt-5.4"
TOOL = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather in a city",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
            "additionalProperties": False,
        },
    },
}


def completion(client):
    messages = [{"role": "user", "content": "good morning"}]
    whole = client.chat.completions.create(model=MODEL, messages=messages)
    choice = whole.choices[0]
    assert choice.message.content.startswith("Hello from spare ("), choice
    assert choice.message.content.endswith("good morning"), choice
    assert choice.finish_reason == "stop", choice
    assert whole.usage.total_tokens == whole.usage.prompt_tokens + whole.usage.completion_tokens > 0

    chunks = list(
        client.chat.completions.create(
            model=MODEL, messages=messages, stream=True, stream_options={"include_usage": True}
        )
    )
    pieces = [chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices]
    assert len([piece for piece in pieces if piece]) > 1, pieces
    assert "".join(pieces) == choice.message.content, pieces
    endings = [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices]
    assert endings[-1] == "stop" and not any(endings[:-1]), endings
    assert chunks[-1].usage.completion_tokens > 0, chunks[-1]
    assert len({chunk.id for chunk in chunks}) == 1


def tool(client):
    messages = [{"role": "user", "content": "please use the tool"}]
    asked = client.chat.completions.create(model=MODEL, messages=messages, tools=[TOOL])
    assert asked.choices[0].finish_reason == "tool_calls", asked
    [call] = asked.choices[0].message.tool_calls
    assert call.function.name == "weather", call
    arguments = json.loads(call.function.arguments)
    assert isinstance(arguments["city"], str), arguments

    messages += [
        asked.choices[0].message,
        {"role": "tool", "tool_call_id": call.id, "content": "sunny, 21 degrees"},
    ]
    answered = client.chat.completions.create(model=MODEL, messages=messages, tools=[TOOL])
    assert answered.choices[0].finish_reason == "stop", answered
    assert "sunny, 21 degrees" in answered.choices[0].message.content, answered

    # The same call, streamed: its arguments come in pieces under one index.
    name, pieces = "", []
    for chunk in client.chat.completions.create(
        model=MODEL, messages=messages[:1], tools=[TOOL], stream=True
    ):
        for delta in chunk.choices[0].delta.tool_calls or [] if chunk.choices else []:
            assert delta.index == 0, delta
            name += delta.function.name or ""
            pieces.append(delta.function.arguments or "")
    assert name == "weather", name
    assert json.loads("".join(pieces)) == arguments, pieces


def responses(client):
    events = list(client.responses.create(model=MODEL, input="good evening", stream=True))
    kinds = [event.type for event in events]
    assert kinds[0] == "response.created" and kinds[-1] == "response.completed", kinds
    assert not [kind for kind in kinds if kind.startswith("codex.")], kinds
    text = "".join(event.delta for event in events if event.type == "response.output_text.delta")
    assert text.startswith("Hello from spare ("), text
    # The backend leaves `output` empty; the SDK reads the answer from there.
    assert events[-1].response.output_text == text, events[-1]

    whole = client.responses.create(model=MODEL, input="good evening")
    assert whole.status == "completed" and whole.output_text == text, whole


def models(client):
    listed = [model.id for model in client.models.list()]
    assert MODEL in listed, listed
    assert client.models.retrieve(MODEL).id == MODEL


def text_completion(client):
    whole = client.completions.create(model=MODEL, prompt="good morning", echo=True, max_tokens=50)
    [choice] = whole.choices
    assert choice.text.startswith("good morningHello from spare ("), choice
    assert choice.finish_reason == "stop" and choice.logprobs is None, choice
    assert whole.object == "text_completion" and whole.usage.total_tokens > 0, whole
    both = client.completions.create(model=MODEL, prompt=["one", "two"])
    assert [(each.index, each.text[-3:]) for each in both.choices] == [(0, "one"), (1, "two")], both

    chunks = list(
        client.completions.create(
            model=MODEL, prompt="good morning", stream=True, stream_options={"include_usage": True}
        )
    )
    pieces = [chunk.choices[0].text for chunk in chunks if chunk.choices]
    assert len(pieces) > 2 and "".join(pieces) == choice.text.removeprefix("good morning"), pieces
    endings = [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices]
    assert endings[-1] == "stop" and not any(endings[:-1]), endings
    assert chunks[-1].usage.completion_tokens > 0, chunks[-1]


def image(client):
    whole = client.images.generate(model="gpt-image-1", prompt="a red ball", quality="low")
    picture = base64.b64decode(whole.data[0].b64_json)
    assert picture.startswith(b"\x89PNG"), picture
    assert whole.usage.total_tokens > 0 and whole.output_format == "png", whole

    events = list(
        client.images.generate(
            model="gpt-image-1", prompt="a red ball", stream=True, partial_images=2
        )
    )
    kinds = [event.type.removeprefix("image_generation.") for event in events]
    assert kinds == ["partial_image", "partial_image", "completed"], kinds
    assert [event.partial_image_index for event in events[:2]] == [0, 1], events
    assert base64.b64decode(events[-1].b64_json) == picture, events[-1]
    assert events[-1].usage.total_tokens > 0, events[-1]


def embedding(client):
    # The SDK asks for base64 and decodes it.
    made = client.embeddings.create(model="text-embedding-3-small", input=["a", "b"])
    assert [each.embedding for each in made.data] == [[0.25, -0.5, 1.0]] * 2, made
    assert made.usage.total_tokens == 4, made
    plain = client.embeddings.create(model="m", input="a", encoding_format="float")
    assert plain.data[0].embedding == [0.25, -0.5, 1.0], plain
    assert not client.moderations.create(input="a").results[0].flagged


def sound(client):
    spoken = client.audio.speech.create(model="tts-1", voice="alloy", input="good morning")
    assert spoken.content.startswith(b"ID3") and spoken.content.endswith(b"good morning"), spoken.content
    heard = client.audio.transcriptions.create(model="whisper-1", file=("a.wav", b"RIFF\0\xff"))
    assert heard.text.startswith("The simulator heard "), heard
    english = client.audio.translations.create(model="whisper-1", file=("a.wav", b"RIFF\0\xff"))
    assert english.text.startswith("The simulator heard "), english
    edited = client.images.edit(model="gpt-image-1", image=("a.png", b"\x89PNG"), prompt="redder")
    assert base64.b64decode(edited.data[0].b64_json).startswith(b"\x89PNG"), edited


def azure(client):
    root = str(client.base_url).removesuffix("/v1/")
    with openai.AzureOpenAI(
        azure_endpoint=root, api_key="unused", api_version="2024-10-21", max_retries=0
    ) as client:
        messages = [{"role": "user", "content": "good morning"}]
        whole = client.chat.completions.create(model=MODEL, messages=messages)
        text = whole.choices[0].message.content
        assert text.endswith("good morning"), whole
        chunks = client.chat.completions.create(model=MODEL, messages=messages, stream=True)
        pieces = [chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices]
        assert "".join(pieces) == text, pieces
        assert client.completions.create(model=MODEL, prompt="x").choices[0].text.endswith("x")
        assert client.responses.create(model=MODEL, input="x").output_text.endswith("x")
        assert client.embeddings.create(model="text-embedding-3-small", input="a").data
        assert MODEL in [model.id for model in client.models.list()]
        try:
            client.chat.completions.create(model="no-such-model", messages=messages)
        except openai.APIStatusError as error:
            assert error.status_code in (400, 404) and error.code, error.body
        else:
            raise AssertionError("the request was served")
    with openai.AzureOpenAI(
        azure_endpoint=root,
        azure_deployment=MODEL,
        azure_ad_token="unused",
        api_version="2024-10-21",
        max_retries=0,
    ) as client:
        whole = client.chat.completions.create(model="any-name", messages=messages)
        assert whole.model == MODEL and whole.choices[0].message.content == text, whole
    with openai.OpenAI(base_url=f"{root}/openai/v1", api_key="unused", max_retries=0) as client:
        assert client.responses.create(model=MODEL, input="x").output_text.endswith("x")


def needs_key(client):
    try:
        client.embeddings.create(model="text-embedding-3-small", input="a")
    except openai.NotFoundError as error:
        assert error.code == "model_not_found" and "API key" in error.message, error
    else:
        raise AssertionError("the request was served")


def bad_request(client):
    try:
        client.chat.completions.create(model=MODEL, messages="not a list")
    except openai.BadRequestError as error:
        assert error.param == "messages", error
        assert error.type == "invalid_request_error", error
        assert error.status_code == 400, error
    else:
        raise AssertionError("the request was accepted")


def too_large(client):
    text = "x" * (65 << 20)
    try:
        client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": text}])
    except openai.APIStatusError as error:
        assert error.status_code == 413, error
        assert error.type == "invalid_request_error", error.body
    else:
        raise AssertionError("the request was served")


def rate_limit(client):
    try:
        client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": "hello"}])
    except openai.RateLimitError as error:
        assert error.type == "usage_limit_reached", error.body
        assert 0 < error.body["resets_in_seconds"] <= 900, error.body
        assert 0 < int(error.response.headers["retry-after"]) <= 900, error.response.headers
    else:
        raise AssertionError("the request was served")


CHECKS = {
    check.__name__: check
    for check in (
        completion,
        tool,
        responses,
        models,
        text_completion,
        image,
        embedding,
        sound,
        azure,
        needs_key,
        bad_request,
        too_large,
        rate_limit,
    )
}

base_url, wanted = sys.argv[1:]
with openai.OpenAI(base_url=base_url, api_key="unused", timeout=60, max_retries=0) as client:
    CHECKS[wanted](client)
print(f"{wanted}: ok")
