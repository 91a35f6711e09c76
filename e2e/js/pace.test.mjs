// Nothing waits for what follows: each delta reaches the SDK before the upstream has sent the next one.
import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { CohereClientV2 } from 'cohere-ai';
import { TOKEN, UPSTREAM, URL_BASE, ant, gatewayOnly, oai, upstream, user } from './setup.mjs';

const PIECES = 4;
const SAID = Array.from({ length: PIECES }, (_, n) => `t${n} `).join('');
// What the upstream sends as content before the first text: Cohere opens a block.
const PROVIDERS = { 'only-chat': 0, 'only-messages': 0, 'only-responses': 0, 'only-gemini': 0, 'only-cohere': 1 };
const messages = user('hi');
const co = new CohereClientV2({ token: TOKEN, environment: URL_BASE });

const sdks = {
  chat: {
    stream: (model) => oai.chat.completions.create({ model, messages, stream: true }),
    text: (chunk) => chunk.choices[0]?.delta.content,
  },
  responses: {
    stream: (model) => oai.responses.create({ model, input: 'hi', stream: true }),
    text: (event) => event.type === 'response.output_text.delta' && event.delta,
  },
  messages: {
    stream: (model) => ant.messages.create({ model, messages, max_tokens: 1000, stream: true }),
    text: (event) => event.delta?.text,
  },
  cohere: {
    stream: (model) => co.chatStream({ model, messages }, { maxRetries: 0, timeoutInSeconds: 20 }),
    text: (event) => event.type === 'content-delta' && event.delta.message.content.text,
  },
};

const nextPiece = async () => assert.ok((await fetch(`${UPSTREAM}/__next`, { method: 'POST' })).ok);

beforeEach(() => upstream.clear());

for (const [name, sdk] of Object.entries(sdks)) {
  for (const [provider, before] of Object.entries(PROVIDERS)) {
    // The upstream waits before each piece until it is asked for: whoever holds one back waits for ever.
    test(`${name}, ${provider}: each delta arrives before the next is sent`, gatewayOnly, async () => {
      for (let opened = 0; opened <= before; opened++) await nextPiece();
      let said = '';
      for await (const event of await sdk.stream(`m-gated-${PIECES}#${provider}`)) {
        const text = sdk.text(event);
        if (!text) continue;
        said += text;
        const sent = (await upstream.one()).outcome.kind !== 'pending';
        assert.ok(said === SAID || (SAID.startsWith(said) && !sent), said);
        await nextPiece();
      }
      assert.equal(said, SAID);
    });
  }
}
