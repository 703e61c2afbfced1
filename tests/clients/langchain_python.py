"""langchain-openai and langchain-anthropic against a running router: langchain_python.py ROOT CHECK...

Prints `CHECK: ok` for each. Behind the router is the simulator with two accounts, `empty`, out of usage, and `spare`, and an API key.
"""

import asyncio

import pydantic
from common import run
from langchain_anthropic import ChatAnthropic
from langchain_core.messages import HumanMessage, ToolMessage
from langchain_core.tools import tool as as_tool
from langchain_openai import ChatOpenAI, OpenAIEmbeddings


class Trip(pydantic.BaseModel):
    """A trip."""

    city: str
    days: int


@as_tool
def weather(city: str) -> str:
    """The weather in a city"""
    return "sunny, 21 degrees"


def models(root):
    """One for each of the three ways this library has to speak to us."""
    options = {"base_url": f"{root}/v1", "api_key": "unused", "max_retries": 0, "timeout": 60}
    return [
        # Away from api.openai.com it asks for no usage by itself.
        ChatOpenAI(model="gpt-5.4", stream_usage=True, **options),
        ChatOpenAI(model="gpt-5.4", use_responses_api=True, **options),
        ChatAnthropic(model="claude-sonnet-4-5", **options | {"base_url": root}),
    ]


def chat(root):
    for model in models(root):
        whole = model.invoke("good morning")
        text = whole.text
        assert text.startswith("Hello from spare (") and text.endswith("good morning"), whole
        assert whole.usage_metadata["output_tokens"] > 0, whole
        pieces = list(model.stream("good morning"))
        assert len(pieces) > 2 and "".join(piece.text for piece in pieces) == text, pieces
        joined = pieces[0]
        for piece in pieces[1:]:
            joined += piece
        assert joined.usage_metadata["output_tokens"] == whole.usage_metadata["output_tokens"], joined

    async def at_once():
        return await asyncio.gather(*(model.ainvoke("good morning") for model in models(root)))

    for whole in asyncio.run(at_once()):
        assert whole.text.endswith("good morning"), whole


def tool(root):
    for model in models(root):
        armed = model.bind_tools([weather])
        history = [HumanMessage("please use the tool")]
        asked = armed.invoke(history)
        [call] = asked.tool_calls
        assert call["name"] == "weather" and isinstance(call["args"]["city"], str), asked

        joined = None
        for piece in armed.stream(history):
            joined = piece if joined is None else joined + piece
        assert [each["args"] for each in joined.tool_calls] == [call["args"]], joined

        history += [asked, ToolMessage(weather.invoke(call["args"]), tool_call_id=call["id"])]
        answered = armed.invoke(history)
        assert "sunny, 21 degrees" in answered.text and not answered.tool_calls, answered


def structured(root):
    for model in models(root)[:2]:
        trip = model.with_structured_output(Trip).invoke("a trip, please")
        assert isinstance(trip, Trip), trip


def embedding(root):
    embed = OpenAIEmbeddings(
        model="text-embedding-3-small",
        base_url=f"{root}/v1",
        api_key="unused",
        # Else it cuts the text by a vocabulary that it would fetch.
        check_embedding_ctx_length=False,
    )
    assert embed.embed_documents(["a", "b"]) == [[0.25, -0.5, 1.0]] * 2
    assert embed.embed_query("a") == [0.25, -0.5, 1.0]


CHECKS = [chat, tool, structured, embedding]

run(CHECKS, lambda root: root)
