"""smolagents: an agent that reads the note with a tool of its own, whole and streamed."""

from common import KIND, MODEL, NOTE, PROMPT, TOKEN, V1, read
from smolagents import OpenAIModel, ToolCallingAgent, tool


@tool
def read_note(path: str) -> str:
    """Reads a note.

    Args:
        path: where the note is
    """
    # The result comes back as what a user says, and the agent ends by calling `final_answer`.
    return 'CALL final_answer {"answer":"%s"}' % read(path).strip()


assert KIND == "chat"
for streamed in (False, True):
    model = OpenAIModel(model_id=MODEL, api_base=V1, api_key=TOKEN)
    agent = ToolCallingAgent(tools=[read_note], model=model, max_steps=3, stream_outputs=streamed, verbosity_level=0)
    answer = agent.run(PROMPT)
    assert read(NOTE).strip() == answer, answer
    print(answer)
