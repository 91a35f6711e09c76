// The official `openai` SDK; it must not notice which provider answers.
import assert from 'node:assert/strict';
import { beforeEach, describe, test } from 'node:test';
import OpenAI from 'openai';
import {
  DIRECT, PNG, TOKEN, UPSTREAM, URL_BASE, WEATHER,
  collect, gatewayOnly, oai, providersFor, raised, upstream, user,
} from './setup.mjs';

const tools = [{ type: 'function', function: { name: 'get_weather', description: 'weather', parameters: WEATHER } }];

async function ask(streamed, request) {
  if (!streamed) return (await oai.chat.completions.create(request)).choices[0];
  return (await oai.chat.completions.stream(request).finalChatCompletion()).choices[0];
}

beforeEach(() => upstream.clear());

for (const provider of providersFor('openai')) {
  describe(`openai SDK, ${provider.id}`, () => {
    test('chat', async () => {
      const reply = await oai.chat.completions.create({ model: provider.model(), messages: user('hello there') });
      assert.equal(reply.choices[0].message.content, 'Echo: hello there');
      assert.equal(reply.choices[0].finish_reason, 'stop');
      assert.equal(reply.usage.total_tokens, reply.usage.prompt_tokens + reply.usage.completion_tokens);
      assert.equal(reply.usage.prompt_tokens_details.cached_tokens, 4);
      assert.ok(reply._request_id);
      const request = await upstream.one();
      assert.ok(!JSON.parse(request.body).model.includes('#'));
      if (!DIRECT) {
        assert.ok(!JSON.stringify(request.headers).includes(TOKEN));
        assert.ok(request.target.startsWith(`/${provider.id}/`));
      }
    });

    test('stream', async () => {
      const chunks = await collect(
        oai.chat.completions.create({
          model: provider.model(), messages: user('one two three four'), stream: true,
          stream_options: { include_usage: true },
        }),
      );
      const text = chunks.map((c) => c.choices[0]?.delta.content ?? '').join('');
      assert.equal(text, 'Echo: one two three four');
      assert.deepEqual(chunks.map((c) => c.choices[0]?.finish_reason).filter(Boolean), ['stop']);
      assert.ok(chunks.at(-1).usage.prompt_tokens > 0);
      assert.deepEqual(chunks.at(-1).choices, []);
    });

    test('stream helper', async () => {
      const stream = oai.chat.completions.stream({ model: provider.model(), messages: user('one two three') });
      let said = '';
      stream.on('content', (delta) => (said += delta));
      const final = await stream.finalChatCompletion();
      assert.equal(final.choices[0].message.content, 'Echo: one two three');
      assert.equal(said, 'Echo: one two three');
    });

    for (const streamed of [false, true]) {
      for (const [question, cities] of [
        ['what is the weather in Paris?', ['Paris']],
        ['weather in both Paris and London?', ['Paris', 'London']],
      ]) {
        test(`tools round trip, streamed ${streamed}, ${cities.length} calls`, async () => {
          const messages = user(question);
          const first = await ask(streamed, { model: provider.model(), messages, tools });
          assert.equal(first.finish_reason, 'tool_calls');
          const calls = first.message.tool_calls;
          assert.deepEqual(calls.map((c) => JSON.parse(c.function.arguments).city), cities);
          messages.push({ role: 'assistant', content: first.message.content, tool_calls: calls });
          calls.forEach((call, k) =>
            messages.push({ role: 'tool', tool_call_id: call.id, content: `${cities[k]} is sunny` }),
          );
          const last = await ask(streamed, { model: provider.model(), messages, tools });
          assert.equal(last.message.content, `The tool said: ${cities.map((c) => `${c} is sunny`).join(' | ')}`);
        });
      }
    }

    test('tool runner', async () => {
      const runner = oai.chat.completions.runTools({
        model: provider.model(),
        messages: user('weather in Paris?'),
        stream: true,
        tools: [{
          type: 'function',
          function: {
            name: 'get_weather', description: 'weather', parameters: WEATHER, parse: JSON.parse,
            function: ({ city }) => `${city} is sunny`,
          },
        }],
      });
      assert.equal(await runner.finalContent(), 'The tool said: Paris is sunny');
    });

    test('images', async () => {
      const sources = [
        [`data:image/png;base64,${PNG}`, `image/png, ${Buffer.from(PNG, 'base64').length} bytes`],
        ['https://example.com/a.png', 'https://example.com/a.png, 0 bytes'],
      ];
      for (const [url, seen] of sources) {
        const content = [{ type: 'text', text: 'what?' }, { type: 'image_url', image_url: { url } }];
        const reply = await oai.chat.completions.create({ model: provider.model(), messages: user(content) });
        assert.equal(reply.choices[0].message.content, `I see an image (${seen})`);
      }
    });

    test('structured output', async () => {
      const schema = { ...WEATHER, properties: { city: { type: 'string' }, n: { type: 'integer' } }, required: ['city', 'n'] };
      const response_format = { type: 'json_schema', json_schema: { name: 'place', strict: true, schema } };
      const request = { model: provider.model(), messages: user('a place'), response_format };
      const reply = await oai.chat.completions.parse(request);
      assert.deepEqual(JSON.parse(reply.choices[0].message.content), { city: 'Paris', n: 42 });
      const streamed = await ask(true, request);
      assert.deepEqual(JSON.parse(streamed.message.content), { city: 'Paris', n: 42 });
    });

    test('several turns with a system prompt', async () => {
      const messages = [
        { role: 'developer', content: 'Be brief.' },
        ...user('first'), { role: 'assistant', content: 'Echo: first' }, ...user('second'),
      ];
      const reply = await oai.chat.completions.create({ model: provider.model(), messages });
      assert.equal(reply.choices[0].message.content, 'Echo: second | system: Be brief. | turn: 2');
    });

    test('stop reasons', async () => {
      const cut = await ask(true, { model: provider.model('length'), messages: user('SAY a b c d') });
      assert.deepEqual([cut.message.content, cut.finish_reason], ['a b ', 'length']);
      const stopped = await ask(false, { model: provider.model(), messages: user('SAY one two'), stop: 'two' });
      assert.deepEqual([stopped.message.content, stopped.finish_reason], ['one ', 'stop']);
    });

    test('reasoning', async () => {
      const model = provider.model(provider.id === 'openai' ? 'reasoner' : '');
      const request = { model, messages: user('think'), reasoning_effort: 'high' };
      const { message } = await ask(false, request);
      assert.ok(message.reasoning_content);
      const chunks = await collect(oai.chat.completions.create({ ...request, stream: true }));
      const said = chunks.map((c) => c.choices[0]?.delta.reasoning_content ?? '').join('');
      assert.equal(said, message.reasoning_content);
    });

    for (const [status, kind] of [
      [400, OpenAI.BadRequestError], [404, OpenAI.NotFoundError], [422, OpenAI.UnprocessableEntityError],
      [429, OpenAI.RateLimitError], [500, OpenAI.InternalServerError], [503, OpenAI.InternalServerError],
      [529, OpenAI.InternalServerError],
    ]) {
      for (const stream of [false, true]) {
        test(`status ${status}, streamed ${stream}`, async () => {
          const error = await raised(() =>
            oai.chat.completions.create({ model: provider.model(`${status}`), messages: user('hi'), stream }),
          );
          assert.ok(error instanceof kind, error.constructor.name);
          const translated = status === 529 && provider.id === 'anthropic';
          assert.equal(error.status, translated ? 503 : status);
          assert.ok(error.error.message && error.requestID);
          if (status === 429) assert.equal(error.headers.get('retry-after'), '2');
          await upstream.one();
        });
      }
    }

    for (const behaviour of ['err-mid', 'truncate', 'cut-900', 'rst-900']) {
      test(`a broken stream raises: ${behaviour}`, async (t) => {
        if (DIRECT && behaviour === 'truncate') return t.skip('the SDK accepts it in silence');
        const request = { model: provider.model(behaviour), messages: user(`SAY ${'word '.repeat(40)}`), stream: true };
        await raised(() => collect(oai.chat.completions.create(request)));
      });
    }

    test('the wrong gateway token', gatewayOnly, async () => {
      const wrong = new OpenAI({ apiKey: 'wrong', baseURL: `${URL_BASE}/v1`, maxRetries: 2 });
      const error = await raised(() => wrong.chat.completions.create({ model: provider.model(), messages: user('hi') }));
      assert.ok(error instanceof OpenAI.AuthenticationError);
      assert.equal(error.code, 'invalid_api_key');
      assert.deepEqual(await upstream.requests(), []);
    });

    test('mapping', gatewayOnly, async () => {
      const to = provider.model().split('#')[0];
      const headers = { 'X-APEX-AI-PROXY-MAPPING': `hard-coded#${to}` };
      await oai.chat.completions.create({ model: `hard-coded#${provider.id}`, messages: user('hi') }, { headers });
      assert.equal(JSON.parse((await upstream.one()).body).model, to);
    });

    test('a client that leaves takes the upstream with it', async () => {
      const stream = await oai.chat.completions.create({
        model: provider.model('stream-500-20'), messages: user('hi'), stream: true,
      });
      for await (const _ of stream) break;
      await upstream.waitForOutcome('client_gone');
    });
  });
}

describe('openai SDK', () => {
  for (const model of ['gpt-5.5', 'gpt-5.5#nobody']) {
    test(`no such provider: ${model}`, gatewayOnly, async () => {
      const error = await raised(() => oai.chat.completions.create({ model, messages: user('hi') }));
      assert.ok(error instanceof OpenAI.BadRequestError);
      assert.equal(error.code, 'invalid_model');
      assert.equal(error.headers.get('x-should-retry'), 'false');
    });
  }

  test('models', async () => {
    const listed = await collect(oai.models.list());
    assert.ok(listed.length > 0 && listed.every((model) => model.id && model.object === 'model'));
    const name = DIRECT ? 'gpt-5.5' : 'gpt-5.5#openai';
    assert.equal((await oai.models.retrieve(name)).id, name);
  });

  test('embeddings', async () => {
    const model = DIRECT ? 'text-embedding-3-small' : 'text-embedding-3-small#openai';
    const reply = await oai.embeddings.create({ model, input: ['one', 'two'] });
    assert.deepEqual(reply.data.map((item) => item.embedding.length), [8, 8]);
  });

  test('alias', gatewayOnly, async () => {
    await oai.chat.completions.create({ model: 'fast', messages: user('hi') });
    assert.equal(JSON.parse((await upstream.one()).body).model, 'gpt-5.5');
  });

  test('passthrough', gatewayOnly, async () => {
    const defaultHeaders = { 'X-APEX-AI-PROXY-PROVIDER': `${UPSTREAM.replace('http://', '')}/api` };
    const client = new OpenAI({ apiKey: 'sk-own', baseURL: `${URL_BASE}/v1`, maxRetries: 0, defaultHeaders });
    const reply = await client.chat.completions.create({ model: 'gpt-5.4', messages: user('hi') });
    assert.equal(reply.choices[0].message.content, 'Echo: hi');
    assert.equal((await upstream.one()).target, '/api/v1/chat/completions');
  });
});
