// Mastra: an agent with a tool, whole and streamed. It reaches the gateway as an OpenAI-compatible provider.
import { Agent } from '@mastra/core/agent';
import { createTool } from '@mastra/core/tools';
import { z } from 'zod';

import { about, model, prompt, read, tell, token, v1 } from './common.mjs';

const readNote = createTool({
  id: 'read_note',
  description: about,
  inputSchema: z.object({ path: z.string() }),
  execute: async (input) => read(input.path ?? input.context.path),
});
const reader = new Agent({
  id: 'reader',
  name: 'reader',
  instructions: 'You read notes.',
  model: { id: `apex/${model}`, url: v1, apiKey: token },
  tools: { read_note: readNote },
});

tell((await reader.generate(prompt)).text);
const stream = await reader.stream(prompt);
let streamed = '';
for await (const piece of stream.textStream) streamed += piece;
tell(streamed);
