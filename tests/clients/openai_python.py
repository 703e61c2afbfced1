"""The openai package against a running router: openai_python.py ROOT CHECK...

Prints `CHECK: ok` for each. Behind the router is the simulator with two accounts: `empty`, out of usage, and `spare`;
for what only API keys open, with a key beside them.
"""

import asyncio
import base64
import json

import openai
import pydantic
from common import TOOL, ask, refused, run

MODEL = "gpt-5.4"
STRICT = TOOL["function"] | {"strict": True}
# The same, as the Responses API has it.
FLAT_TOOL = {"type": "function", **TOOL["function"]}


class Trip(pydantic.BaseModel):
    city: str
    days: int


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


def completion_helper(client):
    with client.chat.completions.stream(model=MODEL, messages=ask("good morning")) as stream:
        events = list(stream)
        final = stream.get_final_completion()
    [choice] = final.choices
    text = "".join(event.delta for event in events if event.type == "content.delta")
    assert text == choice.message.content and text.endswith("good morning"), final
    assert choice.finish_reason == "stop" and events[-1].type == "content.done", events[-1]

    with client.chat.completions.stream(
        model=MODEL, messages=ask("please use the tool"), tools=[TOOL | {"function": STRICT}]
    ) as stream:
        final = stream.get_final_completion()
    [call] = final.choices[0].message.tool_calls
    # Strict arguments are parsed on arrival.
    assert call.function.name == "weather" and isinstance(call.function.parsed_arguments["city"], str), call
    assert final.choices[0].finish_reason == "tool_calls", final


def completion_parsed(client):
    parsed = client.chat.completions.parse(
        model=MODEL, messages=ask("a trip, please"), response_format=Trip
    )
    [choice] = parsed.choices
    assert isinstance(choice.message.parsed, Trip) and choice.finish_reason == "stop", choice
    assert Trip.model_validate_json(choice.message.content) == choice.message.parsed, choice

    with client.chat.completions.stream(
        model=MODEL, messages=ask("a trip, please"), response_format=Trip
    ) as stream:
        final = stream.get_final_completion()
    assert final.choices[0].message.parsed == choice.message.parsed, final


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


def responses_helper(client):
    with client.responses.stream(model=MODEL, input="good evening") as stream:
        events = list(stream)
        final = stream.get_final_response()
    text = "".join(event.delta for event in events if event.type == "response.output_text.delta")
    assert text.startswith("Hello from spare (") and final.output_text == text, final
    assert final.status == "completed" and final.model == MODEL, final
    assert final.usage.input_tokens_details.cached_tokens >= 0 < final.usage.output_tokens, final.usage


def responses_parsed(client):
    parsed = client.responses.parse(model=MODEL, input="a trip, please", text_format=Trip)
    assert isinstance(parsed.output_parsed, Trip), parsed
    with client.responses.stream(model=MODEL, input="a trip, please", text_format=Trip) as stream:
        final = stream.get_final_response()
    assert final.output_parsed == parsed.output_parsed, final


def responses_tool(client):
    history = ask("please use the tool")
    asked = client.responses.create(model=MODEL, input=history, tools=[FLAT_TOOL])
    [call] = [item for item in asked.output if item.type == "function_call"]
    arguments = json.loads(call.arguments)
    assert call.name == "weather" and isinstance(arguments["city"], str), call

    # The items go back with their ids, as the package has them.
    history += asked.output
    history += [{"type": "function_call_output", "call_id": call.call_id, "output": "sunny, 21 degrees"}]
    answered = client.responses.create(model=MODEL, input=history, tools=[FLAT_TOOL])
    assert "sunny, 21 degrees" in answered.output_text, answered

    with client.responses.stream(
        model=MODEL, input=ask("please use the tool"), tools=[FLAT_TOOL | {"strict": True}]
    ) as stream:
        pieces = [e.delta for e in stream if e.type == "response.function_call_arguments.delta"]
        final = stream.get_final_response()
    [call] = [item for item in final.output if item.type == "function_call"]
    assert "".join(pieces) == call.arguments and call.parsed_arguments == arguments, (pieces, call)


def asynchronous(client):
    async def several():
        async with openai.AsyncOpenAI(
            base_url=client.base_url, api_key="unused", timeout=60, max_retries=0
        ) as parallel:

            async def one(number):
                whole = await parallel.chat.completions.create(model=MODEL, messages=ask(f"number {number}"))
                return whole.choices[0].message.content

            async def streamed(number):
                chunks = await parallel.chat.completions.create(
                    model=MODEL, messages=ask(f"number {number}"), stream=True
                )
                return "".join([chunk.choices[0].delta.content or "" async for chunk in chunks])

            async def response(number):
                async with parallel.responses.stream(model=MODEL, input=f"number {number}") as stream:
                    return (await stream.get_final_response()).output_text

            kinds = (one, streamed, response)
            return await asyncio.gather(*(kinds[number % 3](number) for number in range(9)))

    for number, text in enumerate(asyncio.run(several())):
        assert text.endswith(f"number {number}"), text


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


def image_edit(client):
    picture = b"\x89PNG\r\n\x1a\n"
    file = ("a.png", picture)
    whole = client.images.edit(
        model="gpt-image-1", image=[file, file], mask=file, prompt="redder", input_fidelity="high", n=2
    )
    assert [base64.b64decode(each.b64_json)[:8] for each in whole.data] == [picture] * 2, whole
    assert whole.data[0].revised_prompt.endswith("made of 2 pictures."), whole
    assert whole.usage.input_tokens_details.image_tokens > 0, whole

    # Bytes without a name: nothing says what they are but they themselves.
    events = list(
        client.images.edit(
            model="gpt-image-1", image=picture, prompt="redder", stream=True, partial_images=1
        )
    )
    kinds = [event.type for event in events]
    assert kinds == ["image_edit.partial_image", "image_edit.completed"], kinds
    assert base64.b64decode(events[-1].b64_json).startswith(picture), events[-1]
    assert events[-1].usage.total_tokens > 0, events[-1]
    text = ("a.txt", b"text")
    error = refused(
        openai.BadRequestError,
        lambda: client.images.edit(model="gpt-image-1", image=text, prompt="redder"),
    )
    assert error.param == "image" and "text/plain" in error.message, error


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
    error = refused(
        openai.NotFoundError, lambda: client.embeddings.create(model="text-embedding-3-small", input="a")
    )
    assert error.code == "model_not_found" and "API key" in error.message, error


def bad_request(client):
    create = client.chat.completions.create
    error = refused(openai.BadRequestError, lambda: create(model=MODEL, messages="not a list"))
    assert error.param == "messages" and error.type == "invalid_request_error", error
    # Two answers cannot be had, and one would mislead.
    error = refused(openai.BadRequestError, lambda: create(model=MODEL, messages=ask("hello"), n=2))
    assert error.param == "n" and error.type == "invalid_request_error", error
    assert error.request_id, error.response.headers


def not_found(client):
    error = refused(openai.NotFoundError, lambda: client.fine_tuning.jobs.list())
    assert error.type == "invalid_request_error" and error.code == "unknown_path", error
    error = refused(openai.NotFoundError, lambda: client.models.retrieve("no-such-model"))
    assert error.code == "model_not_found" and "no-such-model" in error.message, error
    for call in (
        lambda: client.chat.completions.create(model="no-such-model", messages=ask("hello")),
        lambda: client.responses.create(model="no-such-model", input="hello"),
    ):
        error = refused(openai.APIStatusError, call)
        assert error.status_code in (400, 404) and "no-such-model" in error.message, error


def too_large(client):
    text = "x" * (65 << 20)
    error = refused(
        openai.APIStatusError, lambda: client.chat.completions.create(model=MODEL, messages=ask(text))
    )
    assert error.status_code == 413, error
    assert error.type == "invalid_request_error", error.body


def rate_limit(client):
    sent = []
    with openai.OpenAI(
        base_url=client.base_url,
        api_key="unused",
        max_retries=2,
        http_client=openai.DefaultHttpxClient(event_hooks={"request": [sent.append]}),
    ) as patient:
        error = refused(
            openai.RateLimitError,
            lambda: patient.chat.completions.create(model=MODEL, messages=ask("hello")),
        )
        assert error.type == "usage_limit_reached", error.body
        assert 0 < error.body["resets_in_seconds"] <= 900, error.body
        assert 0 < int(error.response.headers["retry-after"]) <= 900, error.response.headers
        # Nobody waits a quarter of an hour: it is said at once.
        assert len(sent) == 1, sent
        error = refused(openai.RateLimitError, lambda: patient.responses.create(model=MODEL, input="hello"))
        assert error.type == "usage_limit_reached" and len(sent) == 2, (error, sent)


def throttled(client):
    whole = client.with_options(max_retries=3).chat.completions.create(model=MODEL, messages=ask("hello"))
    assert whole.choices[0].message.content.endswith("hello"), whole


def cut_stream(client):
    heard = []

    def chat():
        for chunk in client.chat.completions.create(model=MODEL, messages=ask("hello"), stream=True):
            heard.append(chunk)

    refused(openai.APIError, chat)
    assert heard and not any(chunk.choices[0].finish_reason for chunk in heard if chunk.choices), heard

    def response():
        with client.responses.stream(model=MODEL, input="hello") as stream:
            for event in stream:
                assert event.type != "response.completed", event
            stream.get_final_response()

    # The package has no class of its own for a response without its end.
    refused((openai.APIError, RuntimeError), response)
    refused(openai.APIError, lambda: client.chat.completions.create(model=MODEL, messages=ask("hello")))


CHECKS = [
    completion,
    completion_helper,
    completion_parsed,
    tool,
    responses,
    responses_helper,
    responses_parsed,
    responses_tool,
    asynchronous,
    models,
    text_completion,
    image,
    image_edit,
    embedding,
    sound,
    azure,
    needs_key,
    bad_request,
    not_found,
    too_large,
    rate_limit,
    throttled,
    cut_stream,
]

run(
    CHECKS,
    lambda root: openai.OpenAI(base_url=f"{root}/v1", api_key="unused", timeout=60, max_retries=0),
)
