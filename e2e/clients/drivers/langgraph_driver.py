"""LangGraph's agent, with LangChain's models of Google and Cohere beside those that langchain_driver.py has."""

from common import ALIAS, BASE, KIND, MODEL, NOTE, PROMPT, TOKEN, V1, read
from langchain.agents import create_agent


def read_note(path: str) -> str:
    """Reads a note."""
    return read(path)


def model():
    if KIND == "gemini":
        from langchain_google_genai import ChatGoogleGenerativeAI

        return ChatGoogleGenerativeAI(model=ALIAS, google_api_key=TOKEN, base_url=BASE, max_retries=0)
    from langchain_openai import ChatOpenAI

    return ChatOpenAI(model=MODEL, base_url=V1, api_key=TOKEN, max_retries=0, stream_usage=True)


agent = create_agent(model(), tools=[read_note])
asked = {"messages": [{"role": "user", "content": PROMPT}]}
answer = agent.invoke(asked)["messages"][-1].text
assert read(NOTE).strip() in answer, answer
print(answer)
pieces = [chunk.text for chunk, about in agent.stream(asked, stream_mode="messages") if about["langgraph_node"] == "model"]
assert read(NOTE).strip() in "".join(pieces), pieces
