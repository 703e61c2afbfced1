"""What the checks of all Python clients share."""

import sys

CITY = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
# As Chat Completions has it.
TOOL = {
    "type": "function",
    "function": {"name": "weather", "description": "The weather in a city", "parameters": CITY},
}


def ask(text):
    return [{"role": "user", "content": text}]


def refused(kind, call):
    """The error of this class that the call ends in."""
    try:
        call()
    except kind as error:
        return error
    raise AssertionError("the request was served")


def run(checks, make_subject):
    """Runs the checks that the command line names after the router's root, each on what is made of that root."""
    root, *wanted = sys.argv[1:]
    by_name = {check.__name__: check for check in checks}
    for name in wanted:
        by_name[name](make_subject(root))
        print(f"{name}: ok")
