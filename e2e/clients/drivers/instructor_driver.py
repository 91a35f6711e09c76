"""Instructor: structured answers by a forced tool and by a schema. It has no tools of the user's: it tells the note itself."""

import instructor
import openai
from common import MODEL, NOTE, TOKEN, V1, read
from pydantic import BaseModel


class City(BaseModel):
    name: str
    population: int


for mode in (instructor.Mode.TOOLS, instructor.Mode.JSON_SCHEMA):
    client = instructor.from_openai(openai.OpenAI(base_url=V1, api_key=TOKEN, max_retries=0), mode=mode)
    city = client.chat.completions.create(
        model=MODEL, response_model=City, messages=[{"role": "user", "content": "A city, please."}], max_retries=1
    )
    assert isinstance(city.population, int), city
    print(read(NOTE))
