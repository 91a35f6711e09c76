"""Analytics Engine's table and SQL, played by ClickHouse, whose dialect it speaks (`pip install chdb`).

Each line of the input is a JSON object, `{"points": [..]}` or `{"sql": ".."}`; each is answered by one line:
`{"answer": ..}` as the SQL API writes it, or `{"error": ".."}`.
"""

import json
import sys

from chdb import session

TEXTS = [f"blob{at}" for at in range(1, 21)]
NUMBERS = [f"double{at}" for at in range(1, 21)]


def row(point):
    """A point as Analytics Engine keeps it: what was not sent is empty, or 0."""
    named = {"index1": point["indexes"][0]}
    named |= dict(zip(TEXTS, point["blobs"], strict=False))
    return named | dict(zip(NUMBERS, point["doubles"], strict=False))


def answer(tables, asked):
    if "points" in asked:
        rows = "\n".join(json.dumps(row(point)) for point in asked["points"])
        tables.query(f"INSERT INTO aepipe FORMAT JSONEachRow {rows}")
        return len(asked["points"])
    found = json.loads(str(tables.query(asked["sql"], "JSON")))
    return {name: found[name] for name in ("meta", "data", "rows")}


def main():
    tables = session.Session()
    columns = [f"{name} String" for name in TEXTS] + [f"{name} Float64" for name in NUMBERS]
    tables.query(
        "CREATE TABLE aepipe (timestamp DateTime DEFAULT now(), index1 String, _sample_interval UInt32 DEFAULT 1, "
        f"{', '.join(columns)}) ENGINE = Memory"
    )
    for line in sys.stdin:
        try:
            told = {"answer": answer(tables, json.loads(line))}
        except Exception as error:
            told = {"error": str(error)}
        print(json.dumps(told), flush=True)


main()
