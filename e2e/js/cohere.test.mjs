// The official `cohere-ai`; it must not notice which provider answers.
import assert from 'node:assert/strict';
import { beforeEach, describe, test } from 'node:test';
import { CohereClientV2, CohereError } from 'cohere-ai';
import { DIRECT, PNG, TOKEN, URL_BASE, WEATHER, collect, gatewayOnly, raised, upstream, user } from './setup.mjs';

const co = new CohereClientV2({ token: TOKEN, environment: URL_BASE });
const tools = [{ type: 'function', function: { name: 'get_weather', description: 'weather', parameters: WEATHER } }];
const once = { maxRetries: 0 };
const models = [
  'command-a-reasoning-08-2025#cohere', 'llama-4-70b#only-chat', 'gpt-5.5#only-responses',
  'claude-sonnet-4-6#anthropic', 'gemini-3-pro#google-ai-studio',
];

const textOf = (message) => (message.content ?? []).map((part) => (part.type === 'text' ? part.text : '')).join('');

beforeEach(() => upstream.clear());

for (const model of DIRECT ? [] : models) {
  describe(`cohere SDK, ${model}`, () => {
    test('chat', async () => {
      const reply = await co.chat({ model, messages: user('hello there'), maxTokens: 100, stopSequences: ['END'] });
      assert.equal(textOf(reply.message), 'Echo: hello there');
      assert.equal(reply.finishReason, 'COMPLETE');
      assert.ok(reply.usage.tokens.inputTokens > 0 && reply.usage.billedUnits.outputTokens > 0);
      const request = await upstream.one();
      assert.ok(!JSON.stringify(request.headers).includes(TOKEN) && !request.body.includes('#'));
    });

    test('stream', async () => {
      const events = await collect(co.chatStream({ model, messages: user('one two three four') }));
      assert.equal(events[0].type, 'message-start');
      const said = events.map((event) => (event.type === 'content-delta' ? event.delta.message.content.text : '')).join('');
      assert.equal(said, 'Echo: one two three four');
      const last = events.at(-1);
      assert.deepEqual([last.type, last.delta.finishReason], ['message-end', 'COMPLETE']);
      assert.ok(last.delta.usage.tokens.outputTokens > 0);
    });

    for (const thinking of [undefined, { type: 'enabled', tokenBudget: 2048 }]) {
      test(`tools, ${thinking ? 'thinking' : 'not thinking'}`, async () => {
        const messages = user('weather in both Paris and London?');
        const first = await co.chat({ model, messages, tools, thinking });
        assert.equal(first.finishReason, 'TOOL_CALL');
        const cities = first.message.toolCalls.map((call) => JSON.parse(call.function.arguments).city);
        assert.deepEqual(cities, ['Paris', 'London']);
        messages.push(first.message);
        for (const call of first.message.toolCalls) {
          messages.push({ role: 'tool', toolCallId: call.id, content: 'sunny' });
        }
        const second = await co.chat({ model, messages, tools, thinking });
        assert.equal(textOf(second.message), 'The tool said: sunny | sunny');
      });
    }

    test('image', async () => {
      const image = { type: 'image_url', imageUrl: { url: `data:image/png;base64,${PNG}` } };
      const reply = await co.chat({ model, messages: user([{ type: 'text', text: 'what?' }, image]) });
      assert.match(textOf(reply.message), /I see an image \(image\/png, \d+ bytes\)/);
    });

    test('structured output', async () => {
      const responseFormat = { type: 'json_object', jsonSchema: WEATHER };
      const reply = await co.chat({ model, messages: user('where?'), responseFormat });
      assert.deepEqual(JSON.parse(textOf(reply.message)), { city: 'Paris' });
    });
  });
}

test('errors', gatewayOnly, async () => {
  for (const [asked, status] of [['m-429#anthropic', 429], ['m-503#only-chat', 503], ['m#nowhere', 404]]) {
    const error = await raised(() => co.chat({ model: asked, messages: user('hi') }, once));
    assert.ok(error instanceof CohereError, `${error}`);
    assert.equal(error.statusCode, status);
    assert.ok(error.body.message);
  }
  const stranger = new CohereClientV2({ token: 'wrong', environment: URL_BASE });
  assert.equal((await raised(() => stranger.chat({ model: models[0], messages: user('hi') }, once))).statusCode, 401);
});

test('a cut stream is no answer', gatewayOnly, async () => {
  const events = [];
  const error = await raised(async () => {
    const stream = await co.chatStream({ model: 'truncate#anthropic', messages: user('one two three four five') });
    for await (const event of stream) events.push(event);
  });
  assert.ok(error);
  assert.equal(events.at(-1).delta.finishReason, 'ERROR');
});

test('models', gatewayOnly, async () => {
  const listed = await co.models.list();
  assert.ok(listed.models.some((model) => model.name === 'fast'));
});
