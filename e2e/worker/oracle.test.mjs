// The original TypeScript Worker's recorded answers beside ours. Every difference has its reason here, and its row in
// docs/differences.md, which this test reads: APEX_GOLDEN=write writes it anew.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { differences, recordings, replay } from './original.mjs';
import { DIST } from './setup.mjs';

const DOCUMENT = path.resolve(DIST, '../../../docs/differences.md');
const START = '<!-- written by e2e/worker/oracle.test.mjs: APEX_GOLDEN=write cargo xtask e2e worker-own -->\n';

// Why: which requests, and what of them. The first that fits counts.
const REASONS = [
  ['One valid key is enough, whichever header it is in: Claude Code sends two', 'auth: both', '^(status|error|sent)$'],
  ['Routes are exact, and a known path says which methods it takes', 'unknown path|path by substring|^GET|^OPTIONS', '^(status|error|sent|header (allow|content-type))$'],
  ['The provider is what follows the last `#`: model names may hold one', 'two hashes', '^(status|error|sent)$'],
  ["What the client got wrong is a 4xx that says what to do; the original's exception texts were a 500", 'body null|not a string|unknown provider|empty provider|provider case', '^(status|error)$'],
  ['Required members are for the provider to check: it changes them', 'missing max_tokens|empty messages|system role', '^(status|error|sent)$'],
  ["The gateway's own key was refused, not the client's", 'messages: upstream 401', '^(status|error)$'],
  ['An answer without an answer is an error', 'no choices', '^(status|error)$'],
  ['A tool call without arguments is a call', 'empty tool arguments', '^(status|error)$'],
  ['An upstream that fails keeps its status; one that cannot be reached is a 502', 'upstream (503|resets|refusing)', '^(status|error)$'],
  ['A missing secret is told in the form of every error, with the name of the binding', 'secret missing', '^(error|header content-type)$'],
  ["Errors are in the caller's dialect, with `code` and `param`, and carry the provider's own words: SDKs read them", '', '^error$'],
  ["The provider's own headers are kept for every client", 'messages', '^header x-upstream$'],
  ['What the provider says of waiting, and whether trying again can help', '', '^header (retry-after|retry-after-ms|x-should-retry)$'],
  ['A stream that breaks off or fails ends with an error event and a broken connection: nobody takes half an answer for a whole one', 'cut half way|error frame', '^(stream|ending)$'],
  ['Streams for Anthropic clients are complete and in order, as they come: `stop_reason`, usage, one stop for each block', 'messages: stream', '^stream$'],
  ['Proxies must not keep or collect a stream', '', '^header (cache-control|x-accel-buffering|content-type)$'],
  ["Answers for Anthropic clients have every member of Anthropic's, with the model the client asked for", 'messages', '^body\\.(model|stop_sequence|usage\\.cache_\\w+)$'],
  ['Who answered, what was sent, what a translation could not keep, and where the time went', '', '^header (x-apex-\\w.*|server-timing)$'],
  ['An id for every answer, under the name the SDK looks for', '', '^header (x-)?request-id$'],
  ['Preflights alone name the methods and headers; a page may read every header of an answer', '', '^header access-control-'],
  ['Browsers must not guess what an answer is', '', '^header x-content-type-options$'],
  ["The compat surface serves Perplexity like the others (and without `\"surface\": \"compat\"` each provider's own path is used)", 'perplexity', '^(sent|body)[. ](path|model)$'],
  ['Requests that go in a circle are noticed', '', '^sent header x-apex-hops$'],
  ['Cookies are nobody else\'s business, and another dialect does not know Anthropic\'s headers', 'messages', '^sent header (cookie|anthropic-)'],
  ["The client's headers go along, but for its credentials and what concerns its connection only", 'client headers', '^sent header '],
  ['Newer models of OpenAI refuse `max_tokens`, and less than 16', '', '^sent\\.max_(completion_)?tokens$'],
  ['Usage is asked for, so that the client gets it', 'messages', '^sent\\.stream_options\\.include_usage$'],
  ['What is empty is left out', 'mistral', '^sent\\.stream_options$'],
  ['Images are translated; blocks stay blocks', 'image', '^sent\\.messages'],
  ["Results of tools follow the call, before the user's words, as OpenAI demands, and are text", 'tool round trip', '^sent\\.messages'],
  ['Thinking and the user id have a counterpart', 'openai json', '^sent\\.(reasoning_effort|safety_identifier)$'],
  ['Any tool means any tool', 'messages: tools', '^sent\\.tool_choice$'],
  ["A tool's schema stays what it is, a property named `title` included", 'messages: tools', '^sent\\.tools'],
  ['OpenAI refuses a tool whose schema has no properties: it gets an empty list of them', 'messages: tool_choice tool', '^sent\\.tools.*\\.properties$'],
].map(([why, request, what]) => ({ why, request: new RegExp(request), what: new RegExp(what), found: [] }));

test('the list of differences from the original is true and complete', async () => {
  assert.equal(recordings.length, 75);
  const unexplained = [];
  for (const one of differences(await replay())) {
    const reason = REASONS.find(({ request, what }) => request.test(one.request) && what.test(one.what));
    (reason?.found ?? unexplained).push(one);
  }
  assert.deepEqual(unexplained, [], 'these have no reason');
  assert.deepEqual(REASONS.filter(({ found }) => found.length === 0).map(({ why }) => why), [], 'these explain nothing');
  const text = fs.readFileSync(DOCUMENT, 'utf8');
  const [prose] = text.split(START);
  const wanted = `${prose}${START}${REASONS.map(section).join('')}`;
  if (process.env.APEX_GOLDEN === 'write') fs.writeFileSync(DOCUMENT, wanted);
  else assert.deepEqual(changed(text, wanted), [], `docs/differences.md is out of date: ${START}`);
});

// The lines of one that the other does not have.
function changed(is, wanted) {
  const lines = [is, wanted].map((text) => text.split('\n'));
  const without = ([here, there], sign) => here.filter((line) => !there.includes(line)).map((line) => sign + line);
  return [...without(lines, '- '), ...without(lines.reverse(), '+ ')];
}

// ---- the document

function section({ why, found }) {
  const rows = new Map();
  for (const { request, what, original, ours } of found) {
    const row = [what, shown(what, original), shown(what, ours)].join(' | ');
    rows.set(row, [...(rows.get(row) ?? []), request]);
  }
  const lines = [...rows].map(([row, requests]) => `| ${named(requests)} | ${row} |\n`);
  return `\n## ${why}\n\n| request | what | original | ours |\n|---|---|---|---|\n${lines.join('')}`;
}

const MANY = 4;
const named = (requests) => (requests.length > MANY ? `${requests.length} of ${recordings.length}` : requests.join(', '));

const LONGEST = 70;

function shown(what, value) {
  if (value === '') return '';
  const text = what === 'error' ? error(value) : what === 'stream' ? stream(JSON.parse(value)) : value;
  const cut = text.length > LONGEST ? `${text.slice(0, LONGEST)}...` : text;
  return `\`${cut.replaceAll('`', "'").replaceAll('|', '\\|')}\``;
}

function error(text) {
  let told;
  try {
    told = JSON.parse(text).error;
  } catch {
    return text;
  }
  return `${[told.type, told.code].filter(Boolean).join(', ')}: ${told.message}`;
}

// Names of the events, the like joined.
function stream(events) {
  const names = events.map((event) => /^event:(\w+)/.exec(event)?.[1] ?? (event.includes('"error"') ? 'error' : 'chunk'));
  const joined = [];
  for (const name of names) {
    if (joined.at(-1)?.name === name) joined.at(-1).count += 1;
    else joined.push({ name, count: 1 });
  }
  const short = (name) => name.replace(/^(content_block|message)_(\w)\w*$/, (_, kind, first) => `${kind === 'message' ? 'm' : 'b'}.${name.split('_').at(-1)}`);
  return joined.map(({ name, count }) => `${short(name)}${count > 1 ? `*${count}` : ''}`).join(' ');
}
