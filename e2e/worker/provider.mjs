// The provider of the recordings in original.jsonl: what it answers is named by the last message, `mock:KIND`.
import http from 'node:http';

const usage = { prompt_tokens: 11, completion_tokens: 7, total_tokens: 18 };
const id = 'chatcmpl-mock';
const call = (index, callId, name, text) => ({ index, id: callId, type: 'function', function: { name, arguments: text } });
const event = (delta, finish_reason = null) =>
  `data: ${JSON.stringify({ id, object: 'chat.completion.chunk', created: 1, model: 'm', choices: [{ index: 0, delta, finish_reason }] })}\n\n`;
const DONE = 'data: [DONE]\n\n';

const answer = (message, finish_reason) => (model) => ({
  body: { id, object: 'chat.completion', created: 1, model, choices: [{ index: 0, message: { role: 'assistant', ...message }, finish_reason }], usage },
});
const bare = (choices) => () => ({ body: { id, choices, usage } });
const failure = (status, body, headers) => () => ({ status, body, headers });
const stream = (...pieces) => () => ({ pieces });

const { index: _, ...weather } = call(0, 'call_1', 'get_weather', '{"city":"Paris"}');
const hello = answer({ content: 'Hello there' }, 'stop');
const noArguments = { id: 'c', type: 'function', function: { name: 'f', arguments: '' } };

// A stream cut at awkward places: seven bytes at a time, CRLF, no blank line at its end.
function split() {
  const text = [event({ content: 'héllo 🌍' }), event({ content: ' end' }), event({}, 'length'), 'data: [DONE]'].join('');
  const bytes = Buffer.from(text.replaceAll('\n', '\r\n'));
  return Array.from({ length: Math.ceil(bytes.length / 7) }, (_, at) => bytes.subarray(7 * at, 7 * at + 7));
}

const KINDS = {
  json: (model) => ({ ...hello(model), headers: { 'x-upstream': 'mock', 'access-control-allow-origin': 'https://upstream.example' } }),
  length: answer({ content: 'cut' }, 'length'),
  tool: answer({ content: null, tool_calls: [weather] }, 'tool_calls'),
  badtool: bare([{ index: 0, message: { role: 'assistant', content: null, tool_calls: [noArguments] }, finish_reason: 'tool_calls' }]),
  nochoices: bare([]),
  stream: stream(
    event({ role: 'assistant', content: '' }),
    event({ content: 'Hel' }),
    event({ content: 'lo' }),
    event({}, 'stop'),
    `data: ${JSON.stringify({ id, choices: [], usage })}\n\n`,
    DONE,
  ),
  toolstream: stream(
    event({ role: 'assistant', content: 'Let me see' }),
    event({ tool_calls: [call(0, 'call_1', 'get_weather', '')] }),
    event({ tool_calls: [{ index: 0, function: { arguments: '{"ci' } }] }),
    event({ tool_calls: [{ index: 0, function: { arguments: 'ty":"Paris"}' } }] }),
    event({ tool_calls: [call(1, 'call_2', 'noargs', '{}')] }),
    event({}, 'tool_calls'),
    DONE,
  ),
  splitstream: stream(...split()),
  colonless: stream(event({ content: 'nospace' }).replace('data: ', 'data:'), DONE),
  sseerror: stream(event({ content: 'par' }), `data: ${JSON.stringify({ error: { message: 'overloaded', type: 'server_error' } })}\n\n`),
  cutstream: () => ({ pieces: [event({ content: 'par' })], cut: true }),
  e401: failure(401, { error: { message: 'Incorrect API key provided: up***', type: 'invalid_request_error', code: 'invalid_api_key' } }),
  e429: failure(429, { error: { message: 'Rate limit reached', type: 'requests' } }, { 'retry-after': '17' }),
  e500: failure(500, { error: { message: 'boom', type: 'server_error' } }),
  e500html: failure(500, '<html>oops</html>', { 'content-type': 'text/html' }),
  e503empty: failure(503, '', { 'content-type': undefined }),
  earr: failure(400, [{ error: { message: 'array error' } }]),
};

const pause = (ms) => new Promise((done) => setTimeout(done, ms));

function kind({ messages, stream }) {
  const content = messages?.at(-1)?.content;
  const text = Array.isArray(content) ? content.map((part) => part.text ?? '').join('') : String(content);
  return /mock:([a-z0-9]+)/.exec(text)?.[1] ?? (stream ? 'stream' : 'json');
}

async function play(reply, { status = 200, body, headers, pieces, cut }) {
  if (pieces) {
    const more = cut ? {} : { 'cache-control': 'no-cache', 'x-upstream': 'mock' };
    reply.writeHead(status, { 'content-type': 'text/event-stream', ...more });
    for (const piece of pieces) {
      reply.write(piece);
      await pause(1);
    }
    // What was written is on its way before the connection breaks.
    if (cut) setTimeout(() => reply.socket.destroy(), 30);
    else reply.end();
    return;
  }
  const all = { 'content-type': 'application/json', ...headers };
  reply.writeHead(status, Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined)));
  reply.end(typeof body === 'string' ? body : JSON.stringify(body));
}

// What it received is in `received`, until it is emptied.
export async function startProvider() {
  const received = [];
  const server = http.createServer(async (request, reply) => {
    let body = '';
    for await (const text of request.setEncoding('utf8')) body += text;
    received.push({ path: request.url, headers: request.headers, body });
    const asked = JSON.parse(body);
    const which = kind(asked);
    if (which === 'reset') request.socket.destroy();
    else await play(reply, KINDS[which](asked.model));
  });
  server.on('connection', (socket) => socket.setNoDelay(true));
  await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
  const stop = () => {
    server.closeAllConnections();
    server.close();
  };
  return { url: `http://127.0.0.1:${server.address().port}`, received, stop };
}
