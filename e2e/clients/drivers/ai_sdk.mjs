// The AI SDK reads the note with a tool of its own: whole, then streamed. Prints both answers.
import { readFile } from 'node:fs/promises';
import { createAnthropic } from '@ai-sdk/anthropic';
import { createOpenAI } from '@ai-sdk/openai';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { generateText, isStepCount, Output, streamText, tool } from 'ai';
import { z } from 'zod';

const [kind, base, apiKey, name, note] = process.argv.slice(2);
const baseURL = `${base}/v1`;
const model = {
  anthropic: () => createAnthropic({ baseURL, apiKey })(name),
  chat: () => createOpenAI({ baseURL, apiKey }).chat(name),
  compatible: () => createOpenAICompatible({ name: 'apex', baseURL, apiKey, includeUsage: true, supportsStructuredOutputs: true })(name),
  responses: () => createOpenAI({ baseURL, apiKey }).responses(name),
}[kind]();
const tools = {
  read_note: tool({ description: 'Reads a note.', inputSchema: z.object({ path: z.string() }), execute: ({ path }) => readFile(path, 'utf8') }),
};
const ask = { model, tools, maxRetries: 0, prompt: `Read the note: CALL read_note {"path":"${note}"}`, stopWhen: isStepCount(4) };

const whole = await generateText(ask);
console.log(whole.text);
if (!(whole.usage.totalTokens > 0)) throw new Error(`no usage: ${JSON.stringify(whole.usage)}`);

const stream = streamText({
  ...ask,
  onError: ({ error }) => {
    throw error;
  },
});
for await (const text of stream.textStream) process.stdout.write(text);
if (!((await stream.usage).totalTokens > 0)) throw new Error('no usage in the stream');

const shaped = await generateText({
  model,
  maxRetries: 0,
  prompt: 'A city, please.',
  output: Output.object({ schema: z.object({ name: z.string(), population: z.number().int() }) }),
});
if (typeof shaped.output.population !== 'number') throw new Error(JSON.stringify(shaped.output));
