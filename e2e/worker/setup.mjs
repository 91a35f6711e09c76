// What the tests of this folder run against, all from the environment; see ../README.md.
import assert from 'node:assert/strict';
import http from 'node:http';

export const WORKER = process.env.APEX_URL;
export const NATIVE = process.env.APEX_NATIVE_URL;
export const UPSTREAM = process.env.APEX_UPSTREAM;
export const TOKEN = process.env.APEX_TOKEN;
export const DIST = process.env.APEX_DIST;
export const NATIVE_BINARY = process.env.APEX_NATIVE_BINARY;

// Plain HTTP: headers are sent exactly as listed, and a body that breaks off is told, not thrown.
export function send(base, { method = 'POST', path, headers = {}, body, leaveAfter }) {
  const { hostname, port } = new URL(base);
  const framing = body === undefined ? {} : { 'content-length': Buffer.byteLength(body) };
  return new Promise((resolve, reject) => {
    const request = http.request({ hostname, port, path, method, headers: { ...headers, ...framing } }, (reply) => {
      const chunks = [];
      const done = (whole) =>
        resolve({ status: reply.statusCode, headers: reply.headers, body: Buffer.concat(chunks), whole });
      reply.on('data', (chunk) => {
        chunks.push(chunk);
        if (leaveAfter !== undefined && Buffer.concat(chunks).length >= leaveAfter) request.destroy();
      });
      reply.on('end', () => done(true));
      reply.on('error', () => done(false));
    });
    request.on('error', reject);
    request.setTimeout(20_000, () => request.destroy(new Error('no answer within 20 s')));
    request.end(body);
  });
}

export const upstream = {
  async requests() {
    return (await fetch(`${UPSTREAM}/__requests`)).json();
  },
  async clear() {
    await fetch(`${UPSTREAM}/__clear`, { method: 'POST' });
  },
  async waitForOutcome(kind) {
    for (const end = Date.now() + 5000; Date.now() < end; ) {
      const found = (await this.requests()).find((request) => request.outcome.kind === kind);
      if (found) return found;
      await new Promise((done) => setTimeout(done, 10));
    }
    assert.fail(JSON.stringify((await this.requests()).map((request) => request.outcome)));
  },
};
