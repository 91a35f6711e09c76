"""The vendors' SDKs without an address and without a key: both come from the environment."""

import sys

KIND, MODEL, PROMPT = sys.argv[1:4]
MESSAGES = [{"role": "user", "content": PROMPT}]


def openai():
    from openai import OpenAI

    reply = OpenAI().chat.completions.create(model=MODEL, messages=MESSAGES)
    return reply.choices[0].message.content


def anthropic():
    from anthropic import Anthropic

    reply = Anthropic().messages.create(model=MODEL, max_tokens=1000, messages=MESSAGES)
    return "".join(block.text for block in reply.content if block.type == "text")


def cohere():
    import cohere as sdk

    reply = sdk.ClientV2().chat(model=MODEL, messages=MESSAGES)
    return "".join(part.text for part in reply.message.content if part.type == "text")


print({"openai": openai, "anthropic": anthropic, "cohere": cohere}[KIND]())
