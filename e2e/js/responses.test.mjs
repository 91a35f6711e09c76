// The official `openai` SDK's Responses and their helpers, with upstreams that speak each dialect.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { zodResponsesFunction, zodTextFormat } from 'openai/helpers/zod';
import { z } from 'zod';
import { DIRECT, WEATHER, collect, oai } from './setup.mjs';

const tools = [{ type: 'function', name: 'get_weather', description: 'weather', parameters: WEATHER, strict: true }];
const Place = z.object({ city: z.string(), n: z.number() });
const worker = process.env.APEX_HOST_KIND === 'worker';

const dialects = {
  chat: (behaviour = '') => `llama-4-70b${behaviour}#only-chat`,
  messages: (behaviour = '') => `claude-sonnet-4-6${behaviour}#only-messages`,
  responses: (behaviour = '') => `gpt-5.5${behaviour}#only-responses`,
  gemini: (behaviour = '') => `gemini-3.5-pro${behaviour}#only-gemini`,
};

async function ask(streamed, request) {
  return streamed ? oai.responses.stream(request).finalResponse() : oai.responses.create(request);
}

for (const [dialect, model] of DIRECT ? [] : Object.entries(dialects)) {
  describe(`openai SDK, Responses, ${dialect}`, () => {
    test('the stream helper sees every event in order', async () => {
      const stream = oai.responses.stream({ model: model(), input: 'one two three four' });
      const seen = [];
      let said = '';
      stream.on('event', (event) => seen.push(event));
      stream.on('response.output_text.delta', (event) => (said += event.delta));
      const final = await stream.finalResponse();
      assert.equal(final.output_text, 'Echo: one two three four');
      assert.equal(said, final.output_text);
      assert.deepEqual(seen.map((event) => event.sequence_number), seen.map((_, index) => index));
      const types = seen.map((event) => event.type).filter((type, at, all) => type !== all[at - 1]);
      assert.deepEqual(types, [
        'response.created', 'response.in_progress', 'response.output_item.added', 'response.content_part.added',
        'response.output_text.delta', 'response.output_text.done', 'response.content_part.done',
        'response.output_item.done', 'response.completed',
      ]);
    });

    for (const streamed of [false, true]) {
      test(`tools round trip, streamed ${streamed}`, async () => {
        const input = [{ role: 'user', content: 'weather in both Paris and London?' }];
        const first = await ask(streamed, { model: model(), input, tools });
        const calls = first.output.filter((item) => item.type === 'function_call');
        assert.deepEqual(calls.map((call) => JSON.parse(call.arguments).city), ['Paris', 'London']);
        // All of it goes back, as the SDK's guide has it: with reasoning and its state. What the helper parsed is the
        // helper's: OpenAI refuses it.
        const said = first.output.map(({ parsed_arguments: _, ...item }) => item);
        input.push(...said, ...calls.map(({ call_id }) => ({ type: 'function_call_output', call_id, output: 'sunny' })));
        const last = await ask(streamed, { model: model(), input, tools });
        assert.equal(last.output_text, 'The tool said: sunny | sunny');
      });

      test(`structured output is parsed, streamed ${streamed}`, async () => {
        const request = { model: model(), input: 'a place', text: { format: zodTextFormat(Place, 'place') } };
        const reply = streamed ? await oai.responses.stream(request).finalResponse() : await oai.responses.parse(request);
        assert.deepEqual(reply.output_parsed, { city: 'Paris', n: 1.5 });
      });

      test(`a conversation goes on by id, streamed ${streamed}`, { skip: worker && 'the Worker keeps no replies' }, async () => {
        const first = await ask(streamed, { model: model(), input: 'first' });
        const second = await ask(streamed, { model: model(), input: 'second', previous_response_id: first.id });
        assert.equal(second.output_text, 'Echo: second | turn: 2');
      });
    }

    test('tools from schemas are parsed', async () => {
      const tool = zodResponsesFunction({ name: 'get_weather', parameters: z.object({ city: z.string() }) });
      const reply = await oai.responses.parse({ model: model(), input: 'weather in Paris?', tools: [tool] });
      const call = reply.output.find((item) => item.type === 'function_call');
      assert.deepEqual(call.parsed_arguments, { city: 'Paris' });
    });

    test('reasoning comes before the answer', async () => {
      const thinks = model(dialect === 'chat' ? '-reasoner' : '');
      const request = { model: thinks, input: 'think hard', reasoning: { effort: 'high', summary: 'auto' } };
      const events = await collect(oai.responses.create({ ...request, stream: true }));
      const done = events.filter((event) => event.type === 'response.output_item.done').map((event) => event.item);
      assert.deepEqual(done.map((item) => item.type).filter((type, at, all) => type !== all[at - 1]), ['reasoning', 'message']);
      assert.ok(done[0].summary[0].text);
      assert.deepEqual(events.at(-1).response.output, done);
    });
  });
}
