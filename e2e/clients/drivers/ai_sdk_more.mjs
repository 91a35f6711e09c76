// The AI SDK in the dialects of Google and Cohere: it reads the note with a tool of its own, whole and streamed.
import { createCohere } from '@ai-sdk/cohere';
import { createGoogleGenerativeAI } from '@ai-sdk/google';
import { generateText, isStepCount, streamText, tool } from 'ai';
import { z } from 'zod';

import { about, alias, base, check, kind, model as name, prompt, read, tell, token as apiKey } from './common.mjs';

const model = {
  google: () => createGoogleGenerativeAI({ baseURL: `${base}/v1beta`, apiKey })(alias),
  cohere: () => createCohere({ baseURL: `${base}/v2`, apiKey })(name),
}[kind]();
const tools = { read_note: tool({ description: about, inputSchema: z.object({ path: z.string() }), execute: ({ path }) => read(path) }) };
const ask = { model, tools, maxRetries: 0, prompt, stopWhen: isStepCount(4) };

const whole = await generateText(ask);
tell(whole.text);
check(whole.usage.totalTokens > 0, whole.usage);
const stream = streamText({
  ...ask,
  onError: ({ error }) => {
    throw error;
  },
});
let streamed = '';
for await (const text of stream.textStream) streamed += text;
tell(streamed);
check((await stream.usage).totalTokens > 0, 'no usage in the stream');
