// Recorded replies of real providers, read by the official SDKs: text, calls, stop reason, usage and errors are those of
// the recording, whole and streamed, whatever its dialect. Skipped where there are no recordings, and with the Worker,
// whose core is the same.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import Anthropic from '@anthropic-ai/sdk';
import { CohereClientV2, CohereError } from 'cohere-ai';
import OpenAI from 'openai';
import { DIRECT, TOKEN, URL_BASE, ant, oai, user } from './setup.mjs';
import { Raised, listed, replay, table } from './recorded.mjs';

const co = new CohereClientV2({ token: TOKEN, environment: URL_BASE });
const messages = user('hi');

// A stream that failed ends without its last chunk, and some of the SDKs tell that before anything else.
const brokenOff = (error) => (error.message === 'terminated' ? { message: error.message } : undefined);

function openaiError(error) {
  if (error instanceof OpenAI.APIError) return { status: error.status, message: error.error?.message ?? error.message };
  return error instanceof Raised ? { message: error.message } : brokenOff(error);
}

// Chat completions, and the helper that accumulates a stream.
const chat = {
  dialect: 'openai-chat',
  excepted: [
    {
      check: 'sdk',
      ids: ['1a071978bc37fe78', '532cea798a6cc190', '7f482c61434d68f5', 'bb13d773d3812513'],
      why: 'relayed: the helper wants a role and a reason, which these streams leave out',
    },
    {
      check: 'text',
      ids: ['25157c80b94c9165', '3273410530bd018b'],
      why: 'relayed: the helper joins what Mistral sends as lists of parts as if it were text',
    },
    {
      check: 'text',
      ids: ['6e62cbc8e585a97e'],
      why: 'relayed: the helper adds the last delta to the `message` that Perplexity sends beside it',
    },
  ],
  errorOf: openaiError,
  whole: async (model) => chat.told(await oai.chat.completions.create({ model, messages })),
  streamed: async (model) => {
    const options = { model, messages, stream_options: { include_usage: true } };
    return chat.told(await oai.chat.completions.stream(options).finalChatCompletion());
  },
  told({ choices, usage }) {
    // An error in a 200, and a filtered answer, have neither: the SDK does not mind.
    const message = choices?.[0]?.message;
    const calls = (message?.tool_calls ?? []).map((call) =>
      call.type === 'custom' ? [call.custom.name, call.custom.input] : [call.function.name, call.function.arguments]);
    const legacy = message?.function_call;
    return {
      text: message?.content || message?.audio?.transcript || '',
      refusal: message?.refusal ?? '',
      calls: legacy ? [...calls, [legacy.name, legacy.arguments]] : calls,
      stop: choices?.[0]?.finish_reason,
      usage: usage && [usage.prompt_tokens, usage.completion_tokens, usage.prompt_tokens_details?.cached_tokens],
    };
  },
};

// Responses, and the helper that accumulates a stream.
const responses = {
  dialect: 'openai-responses',
  excepted: [{ check: 'sdk', ids: ['0ceb39727cba9a2c'], why: "relayed: Copilot's responses change their id on the way" }],
  errorOf: openaiError,
  whole: async (model) => responses.told(await oai.responses.create({ model, input: 'hi' })),
  streamed: async (model) => responses.told(await oai.responses.stream({ model, input: 'hi' }).finalResponse()),
  told({ error, incomplete_details, output, status, usage }) {
    if (status === 'failed') throw new Raised(error.message);
    const parts = output.flatMap((item) => (item.type === 'message' ? item.content : []));
    const calls = {
      function_call: (item) => [[item.name, item.arguments]],
      custom_tool_call: (item) => [[item.name, item.input]],
    };
    return {
      text: parts.map((part) => part.text ?? '').join(''),
      refusal: parts.map((part) => part.refusal ?? '').join(''),
      calls: output.flatMap((item) => calls[item.type]?.(item) ?? []),
      stop: incomplete_details?.reason ?? status,
      usage: usage && [usage.input_tokens, usage.output_tokens, usage.input_tokens_details?.cached_tokens],
    };
  },
};

const anthropic = {
  dialect: 'anthropic',
  excepted: [
    {
      check: 'sdk',
      ids: ['4eb5abd63dc240dd', '8bb863d07d5ca53b'],
      why: 'relayed: recorded without the empty line that ends the last event, which the helper waits for',
    },
  ],
  errorOf: (error) =>
    error instanceof Anthropic.APIError
      ? { status: error.status, message: error.error?.error?.message ?? error.message }
      : undefined,
  whole: async (model) => anthropic.told(await ant.messages.create({ model, messages, max_tokens: 1000 })),
  streamed: async (model) => anthropic.told(await ant.messages.stream({ model, messages, max_tokens: 1000 }).finalMessage()),
  told: ({ content, stop_reason, usage }) => ({
    text: content.map((block) => (block.type === 'text' ? block.text : '')).join(''),
    calls: content.filter((block) => block.type === 'tool_use').map((block) => [block.name, block.input]),
    stop: stop_reason,
    usage: [
      usage.input_tokens, usage.output_tokens, usage.cache_read_input_tokens, usage.cache_creation_input_tokens,
    ],
  }),
};

// It has no helper for streams: its guides put the events together.
const cohere = {
  dialect: 'cohere',
  excepted: [],
  errorOf(error) {
    if (error instanceof CohereError && error.statusCode) {
      return { status: error.statusCode, message: error.body?.message ?? '' };
    }
    return brokenOff(error);
  },
  async whole(model) {
    const { finishReason, message, usage } = await co.chat({ model, messages }, { maxRetries: 0 });
    return {
      text: (message.content ?? []).map((part) => (part.type === 'text' ? part.text : '')).join(''),
      calls: (message.toolCalls ?? []).map((call) => [call.function.name, call.function.arguments]),
      stop: finishReason,
      usage: cohere.usage(usage),
    };
  },
  async streamed(model) {
    const told = { text: '', calls: [] };
    for await (const event of await co.chatStream({ model, messages }, { maxRetries: 0 })) {
      const call = event.delta?.message?.toolCalls?.function;
      if (event.type === 'content-delta') told.text += event.delta.message.content.text ?? '';
      if (event.type === 'tool-call-start') told.calls.push([call.name, call.arguments ?? '']);
      if (event.type === 'tool-call-delta') told.calls.at(-1)[1] += call.arguments;
      if (event.type === 'message-end') {
        told.stop = event.delta.finishReason;
        told.usage = cohere.usage(event.delta.usage);
      }
    }
    return told;
  },
  usage: (usage) => usage?.tokens && [usage.tokens.inputTokens, usage.tokens.outputTokens, usage.cachedTokens],
};

const sdks = { 'openai chat': chat, 'openai responses': responses, anthropic, cohere };
const outcomes = {};
const skipped =
  DIRECT ? 'only a gateway does this'
  : process.env.APEX_HOST_KIND === 'worker' ? 'recorded replies: native only'
  : listed.recordings.length === 0 && 'corpus not found';

for (const [name, sdk] of Object.entries(sdks)) {
  test(`${name}: every recorded reply`, { skip: skipped }, async () => {
    const outcome = (outcomes[name] = await replay(sdk));
    assert.ok(outcome.failures.length === 0, `${outcome.failures.length} failures:\n${outcome.failures.join('\n')}`);
    const relayed = listed.relayed.filter(({ clients }) => clients.includes(sdk.dialect));
    const gone = [...relayed, ...sdk.excepted].map(({ why }) => why).filter((why) => !(why in outcome.reasons));
    assert.deepEqual(gone, [], 'does not happen any more: take it off the list');
  });
}

after(() => Object.keys(outcomes).length > 0 && console.log(table(outcomes)));
