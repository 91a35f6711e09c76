// The vendors' own SDKs: a tool round trip, whole and streamed, the conversation handed back as the SDK gives it.
import { about, base, check, kind, model, path, prompt, read, tell, token, v1 } from './common.mjs';

async function chat(streamed) {
  const { default: OpenAI } = await import('openai');
  const client = new OpenAI({ apiKey: token, baseURL: v1, maxRetries: 0 });
  const tools = [{ type: 'function', function: { name: 'read_note', description: about, parameters: path } }];
  const ask = (messages) =>
    streamed
      ? client.chat.completions.stream({ model, messages, tools, stream_options: { include_usage: true } }).finalChatCompletion()
      : client.chat.completions.create({ model, messages, tools });
  const messages = [{ role: 'user', content: prompt }];
  const turn = await ask(messages);
  check(turn.choices[0].finish_reason === 'tool_calls' && turn.usage.total_tokens > 0, turn);
  messages.push(turn.choices[0].message);
  for (const call of turn.choices[0].message.tool_calls) {
    messages.push({ role: 'tool', tool_call_id: call.id, content: read(JSON.parse(call.function.arguments).path) });
  }
  return (await ask(messages)).choices[0].message.content;
}

async function responses(streamed) {
  const { default: OpenAI } = await import('openai');
  const client = new OpenAI({ apiKey: token, baseURL: v1, maxRetries: 0 });
  const tools = [{ type: 'function', name: 'read_note', description: about, parameters: path, strict: false }];
  const kept = { store: false, include: ['reasoning.encrypted_content'] };
  const ask = (input) =>
    streamed
      ? client.responses.stream({ model, input, tools, ...kept }).finalResponse()
      : client.responses.create({ model, input, tools, ...kept });
  const input = [{ role: 'user', content: prompt }];
  const turn = await ask(input);
  check(turn.status === 'completed' && turn.usage.total_tokens > 0, turn);
  input.push(...turn.output.map(({ parsed_arguments, ...item }) => item));
  for (const call of turn.output.filter((item) => item.type === 'function_call')) {
    input.push({ type: 'function_call_output', call_id: call.call_id, output: read(JSON.parse(call.arguments).path) });
  }
  return (await ask(input)).output_text;
}

async function anthropic(streamed) {
  const { default: Anthropic } = await import('@anthropic-ai/sdk');
  const client = new Anthropic({ apiKey: token, baseURL: base, maxRetries: 0 });
  const tools = [{ name: 'read_note', description: about, input_schema: path }];
  const ask = (messages) => {
    const asked = { model, max_tokens: 1000, messages, tools };
    return streamed ? client.messages.stream(asked).finalMessage() : client.messages.create(asked);
  };
  const messages = [{ role: 'user', content: prompt }];
  const turn = await ask(messages);
  check(turn.stop_reason === 'tool_use' && turn.usage.output_tokens > 0, turn);
  const results = turn.content
    .filter((block) => block.type === 'tool_use')
    .map((call) => ({ type: 'tool_result', tool_use_id: call.id, content: read(call.input.path) }));
  messages.push({ role: 'assistant', content: turn.content }, { role: 'user', content: results });
  return (await ask(messages)).content.map((block) => (block.type === 'text' ? block.text : '')).join('');
}

async function gemini(streamed) {
  const { GoogleGenAI } = await import('@google/genai');
  const client = new GoogleGenAI({ apiKey: token, httpOptions: { baseUrl: base } });
  const config = { tools: [{ functionDeclarations: [{ name: 'read_note', description: about, parametersJsonSchema: path }] }] };
  const chat = client.chats.create({ model: model.replace('#', '%23'), config }); // in a path `#` is %23
  const ask = async (message) => {
    if (!streamed) return chat.sendMessage({ message });
    const all = { text: '', functionCalls: [] };
    for await (const chunk of await chat.sendMessageStream({ message })) {
      all.text += chunk.text ?? '';
      all.functionCalls.push(...(chunk.functionCalls ?? []));
    }
    return all;
  };
  const turn = await ask(prompt);
  check(turn.functionCalls?.length === 1, turn);
  const answers = turn.functionCalls.map(({ id, name, args }) => ({
    functionResponse: { id, name, response: { output: read(args.path) } },
  }));
  return (await ask(answers)).text;
}

async function cohere(streamed) {
  const { CohereClientV2 } = await import('cohere-ai');
  const client = new CohereClientV2({ token, environment: base });
  const tools = [{ type: 'function', function: { name: 'read_note', description: about, parameters: path } }];
  const messages = [{ role: 'user', content: prompt }];
  const turn = await client.chat({ model, messages, tools });
  check(turn.finishReason === 'TOOL_CALL', turn);
  messages.push(turn.message);
  for (const call of turn.message.toolCalls) {
    messages.push({ role: 'tool', toolCallId: call.id, content: read(JSON.parse(call.function.arguments).path) });
  }
  if (!streamed) {
    return (await client.chat({ model, messages, tools })).message.content.map((part) => part.text ?? '').join('');
  }
  let text = '';
  for await (const event of await client.chatStream({ model, messages, tools })) {
    if (event.type === 'content-delta') text += event.delta?.message?.content?.text ?? '';
  }
  return text;
}

for (const streamed of [false, true]) {
  tell(await { chat, responses, anthropic, gemini, cohere }[kind](streamed));
}
