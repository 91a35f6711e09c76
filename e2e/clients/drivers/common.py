"""What the drivers share: their arguments, and a tool that reads the note."""

import sys

KIND, BASE, TOKEN, MODEL, NOTE, ALIAS = sys.argv[1:7]
V1 = f"{BASE}/v1"
PROMPT = 'Read the note: CALL read_note {"path":"%s"}' % NOTE
PATH = {"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]}


def read(path: str) -> str:
    with open(path, encoding="utf-8") as file:
        return file.read()
