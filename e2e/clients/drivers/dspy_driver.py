"""DSPy: an answer. It asks in words and offers no tools: the answer itself is the check."""

import dspy
from common import BASE, KIND, MODEL, NOTE, TOKEN, V1, read

model = f"anthropic/{MODEL}" if KIND == "anthropic" else f"openai/{MODEL}"
kind = {"model_type": "responses"} if KIND == "responses" else {}
lm = dspy.LM(model, api_base=BASE if KIND == "anthropic" else V1, api_key=TOKEN, cache=False, num_retries=0, **kind)
secret = read(NOTE).strip()
[told] = lm(f"SAY {secret}")
told = told["text"] if isinstance(told, dict) else told
assert told == secret, told
print(told)
