// Claude Code, headless and unmodified: one tool round trip per provider.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const DIRECT = process.env.APEX_DIRECT === '1';
const UPSTREAM = process.env.APEX_UPSTREAM.replace(/\/$/, '');
const BASE = DIRECT ? `${UPSTREAM}/strict` : process.env.APEX_URL.replace(/\/$/, '');
const TOKEN = process.env.APEX_TOKEN ?? 'direct';
const CLAUDE = fileURLToPath(new URL('./node_modules/.bin/claude', import.meta.url));
const TIMEOUT = Number(process.env.APEX_CLIENT_TIMEOUT ?? 120) * 1000;

const model = (name, provider) => (DIRECT ? name : `${name}#${provider}`);

let home;

before(async () => {
  home = await mkdtemp(join(tmpdir(), 'claude-code-'));
});

after(() => rm(home, { recursive: true, force: true, maxRetries: 5 }));

function claude(prompt, chosen, ...more) {
  const child = spawn(CLAUDE, ['-p', prompt, '--output-format', 'json', '--allowedTools', 'Read,Bash', ...more], {
    cwd: home,
    // Nothing of the developer's own set-up: no login, no settings, no proxy.
    env: {
      PATH: '/usr/local/bin:/usr/bin:/bin',
      HOME: home,
      TMPDIR: home,
      LANG: 'C.UTF-8',
      TERM: 'dumb',
      NO_PROXY: '127.0.0.1,localhost',
      IS_SANDBOX: '1',
      DISABLE_AUTOUPDATER: '1',
      CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
      ANTHROPIC_BASE_URL: BASE,
      ANTHROPIC_AUTH_TOKEN: TOKEN,
      ANTHROPIC_MODEL: chosen,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: TIMEOUT,
    killSignal: 'SIGKILL',
  });
  let [out, err] = ['', ''];
  child.stdout.on('data', (data) => (out += data));
  child.stderr.on('data', (data) => (err += data));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, out, err }));
  });
}

async function seen() {
  const all = await (await fetch(`${UPSTREAM}/__requests`)).json();
  return all.filter((request) => request.method === 'POST').map((r) => ({ target: r.target, body: JSON.parse(r.body) }));
}

async function note(name) {
  const secret = `secret-${name}-${Math.random().toString(36).slice(2)}`;
  const path = join(home, `${name}.txt`);
  await writeFile(path, `${secret}\n`);
  return { path, secret };
}

for (const [provider, name] of [['anthropic', 'claude-sonnet-4-6'], ['openai', 'gpt-5.5']]) {
  describe(`Claude Code, ${provider}`, () => {
    test('reads a file and tells what is in it', async () => {
      await fetch(`${UPSTREAM}/__clear`, { method: 'POST' });
      const { path, secret } = await note(`read-${provider}`);
      const prompt = `Read the note with your Read tool: CALL Read {"file_path":"${path}"}`;
      const { code, out, err } = await claude(prompt, model(name, provider));
      assert.equal(code, 0, `${out}\n${err}`);
      const answer = JSON.parse(out);
      assert.equal(answer.is_error, false, out);
      assert.match(answer.result, new RegExp(`The tool said: .*${secret}`, 's'));
      assert.equal(answer.num_turns, 2);
      assert.ok(answer.usage.output_tokens > 0 && answer.usage.input_tokens > 0, out);
      const requests = await seen();
      // Two turns and nothing else: no retry, no fallback to a request without streaming.
      assert.equal(requests.length, 2, JSON.stringify(requests.map((r) => r.target)));
      assert.ok(requests.every((request) => request.body.stream === true && request.body.model === name));
      const ending = DIRECT || provider === 'anthropic' ? /\/messages(\?|$)/ : /\/responses(\?|$)/;
      assert.ok(requests.every((request) => ending.test(request.target)));
    });

    test('runs two tools one after the other, then two at once', async () => {
      const { path, secret } = await note(`chain-${provider}`);
      const bash = (command) => `CALL Bash {"command":"${command}","description":"x"}`;
      const copy = `${path}.copy`;
      const prompt = `First ${bash(`cp ${path} ${copy}`)} then CALL Read {"file_path":"${copy}"} AND CALL Read {"file_path":"${path}"}`;
      const { code, out, err } = await claude(prompt, model(name, provider));
      assert.equal(code, 0, `${out}\n${err}`);
      const { result } = JSON.parse(out);
      assert.equal(result.split(secret).length, 3, result);
    });
  });
}
