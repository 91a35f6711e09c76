// LangChain and LangGraph: an agent with a tool, whole and streamed, and a structured answer.
import { ChatAnthropic } from '@langchain/anthropic';
import { HumanMessage } from '@langchain/core/messages';
import { tool } from '@langchain/core/tools';
import { createReactAgent } from '@langchain/langgraph/prebuilt';
import { ChatOpenAI } from '@langchain/openai';
import { z } from 'zod';

import { about, base, check, kind, model, prompt, read, tell, token, v1 } from './common.mjs';

const llm =
  kind === 'anthropic'
    ? new ChatAnthropic({ model, apiKey: token, anthropicApiUrl: base, maxRetries: 0, maxTokens: 1000 })
    : new ChatOpenAI({ model, apiKey: token, configuration: { baseURL: v1 }, maxRetries: 0, useResponsesApi: kind === 'responses' });
const note = tool(({ path }) => read(path), { name: 'read_note', description: about, schema: z.object({ path: z.string() }) });
const agent = createReactAgent({ llm, tools: [note] });
const asked = { messages: [new HumanMessage(prompt)] };

tell((await agent.invoke(asked)).messages.at(-1).text);
let streamed = '';
for await (const [chunk, about] of await agent.stream(asked, { streamMode: 'messages' })) {
  if (about.langgraph_node === 'agent') streamed += chunk.text;
}
tell(streamed);
const city = await llm.withStructuredOutput(z.object({ name: z.string(), population: z.number() })).invoke('A city, please.');
check(typeof city.population === 'number', city);
