"""Google's Agent Development Kit: an agent with a tool, whole and streamed, in the Gemini dialect."""

import asyncio
import os

from common import ALIAS, BASE, KIND, NOTE, PROMPT, TOKEN, read

os.environ.update(GOOGLE_API_KEY=TOKEN, GOOGLE_GEMINI_BASE_URL=BASE, GOOGLE_GENAI_USE_VERTEXAI="FALSE")

from google.adk.agents import Agent  # noqa: E402
from google.adk.agents.run_config import RunConfig, StreamingMode  # noqa: E402
from google.adk.models import Gemini  # noqa: E402
from google.adk.runners import InMemoryRunner  # noqa: E402
from google.genai import types  # noqa: E402


def read_note(path: str) -> str:
    """Reads a note."""
    return read(path)


async def main():
    assert KIND == "gemini"
    agent = Agent(name="reader", model=Gemini(model=ALIAS), instruction="You read notes.", tools=[read_note])
    for mode in (StreamingMode.NONE, StreamingMode.SSE):
        runner = InMemoryRunner(agent, app_name="notes")
        session = await runner.session_service.create_session(app_name="notes", user_id="u")
        message = types.Content(role="user", parts=[types.Part(text=PROMPT)])
        events = runner.run_async(
            user_id="u", session_id=session.id, new_message=message, run_config=RunConfig(streaming_mode=mode)
        )
        last = [event async for event in events if event.is_final_response()][-1]
        answer = "".join(part.text or "" for part in last.content.parts)
        assert read(NOTE).strip() in answer, answer
        print(answer)


asyncio.run(main())
