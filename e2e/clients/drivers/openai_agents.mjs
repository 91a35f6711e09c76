// The OpenAI Agents SDK: an agent with a tool, whole and streamed, and a structured answer.
import { Agent, OpenAIChatCompletionsModel, OpenAIResponsesModel, run, setTracingDisabled, tool } from '@openai/agents';
import OpenAI from 'openai';
import { z } from 'zod';

import { about, check, kind, model, prompt, read, tell, token, v1 } from './common.mjs';

setTracingDisabled(true);
const client = new OpenAI({ apiKey: token, baseURL: v1, maxRetries: 0 });
const asked = kind === 'chat' ? new OpenAIChatCompletionsModel(client, model) : new OpenAIResponsesModel(client, model);
const note = tool({ name: 'read_note', description: about, parameters: z.object({ path: z.string() }), execute: ({ path }) => read(path) });
const reader = new Agent({ name: 'reader', instructions: 'You read notes.', model: asked, tools: [note] });

tell((await run(reader, prompt)).finalOutput);
const stream = await run(reader, prompt, { stream: true });
for await (const _ of stream);
await stream.completed;
tell(stream.finalOutput);
const outputType = z.object({ name: z.string(), population: z.number() });
const city = await run(new Agent({ name: 'geographer', model: asked, outputType }), 'A city, please.');
check(typeof city.finalOutput.population === 'number', city.finalOutput);
