// The JavaScript half of one request. It moves bytes and text between the runtime and the module, one call per chunk,
// and decides nothing.

// Statuses whose replies have no body; the Response constructor refuses one.
const BODILESS = [101, 204, 205, 304];
// What the runtime undoes by itself when a body is read.
const DECODED = ["gzip", "br"];
// Milliseconds the last words of a broken reply have to leave.
const LAST_WORDS = 50;

// `name:value`, a header a line: one crossing instead of one for each header.
function lines(headers) {
  let text = "";
  for (const [name, value] of headers) text += `\n${name}:${value}`;
  return text;
}

function parsed(text) {
  const headers = new Headers();
  for (const line of text.split("\n")) {
    const colon = line.indexOf(":");
    if (colon > 0) headers.append(line.slice(0, colon), line.slice(colon + 1));
  }
  return headers;
}

// A JSON object, by its first and last byte: its end is awaited, so that both cross in one call. A piece of a stream of
// events begins and ends otherwise.
function looksWhole(bytes) {
  return bytes[0] === 0x7b && bytes[bytes.length - 1] === 0x7d;
}

// `body` as it comes, each piece shown to `copy` on its way.
function watched(body, length, copy) {
  const { readable, writable } = length === null ? new IdentityTransformStream() : new FixedLengthStream(BigInt(length));
  const reader = body.getReader();
  const writer = writable.getWriter();
  (async () => {
    try {
      for (let step; !(step = await reader.read()).done; ) {
        copy.push(step.value);
        await writer.write(step.value);
      }
      await writer.close();
    } catch (error) {
      writer.abort(error).catch(() => {});
      reader.cancel(error).catch(() => {});
    } finally {
      copy.free();
    }
  })();
  return readable;
}

// `prefix`, then `body` as it comes.
function after(prefix, body) {
  const { readable, writable } = new IdentityTransformStream();
  const writer = writable.getWriter();
  writer
    .write(prefix)
    .then(() => (writer.releaseLock(), body.pipeTo(writable)))
    .catch(() => {});
  return readable;
}

// Values of bindings: text, null where there is none, or { error } where a secret could not be read.
export async function read(env, names) {
  const value = async (name) => {
    const binding = env[name];
    if (binding === undefined || binding === null || typeof binding === "string") return binding ?? null;
    if (typeof binding.get !== "function") return JSON.stringify(binding);
    try {
      return (await binding.get()) ?? null;
    } catch (error) {
      return { error: String(error?.message ?? error) };
    }
  };
  return JSON.stringify(await Promise.all(names.split("\n").map(value)));
}

export function random() {
  return crypto.getRandomValues(new Uint8Array(1024));
}

export function arm(milliseconds, closure) {
  return setTimeout(closure, milliseconds);
}

export function disarm(timer) {
  clearTimeout(timer);
}

export function log(line) {
  console.log(line);
}

// Resolves after what is ready now: an answer among it is on its way.
export function turn() {
  return new Promise((done) => setTimeout(done, 0));
}

// The longest answer to a report that is read.
const REPORT_ANSWER = 64 << 10;

// Sends a report; the status and the beginning of the answer.
export async function post(url, head, bytes, milliseconds) {
  const signal = AbortSignal.timeout(milliseconds);
  const reply = await fetch(url, { method: "POST", headers: parsed(head), body: bytes, redirect: "manual", signal });
  const decoder = new TextDecoder();
  let said = "";
  const reader = reply.body?.getReader();
  for (let step; reader && said.length < REPORT_ANSWER && !(step = await reader.read()).done; ) {
    said += decoder.decode(step.value, { stream: true });
  }
  reader?.cancel().catch(() => {});
  return `${reply.status}\n${said}`;
}

export class Call {
  constructor(request, leave) {
    this.request = request;
    this.leave = leave; // tells the module that the client left
    this.left = () => {
      // Said once; and nothing may free what is being called.
      const { leave } = this;
      this.leave = undefined;
      leave?.gone();
      leave?.free();
    };
    request.signal?.addEventListener("abort", this.left);
  }

  head() {
    return `${this.request.method}\n${this.request.url}${lines(this.request.headers)}`;
  }

  hasBody() {
    return this.request.body !== null;
  }

  async whole() {
    return new Uint8Array(await this.request.arrayBuffer());
  }

  // The next piece of the client's body.
  async piece() {
    this.asked ??= this.request.body.getReader();
    return (await this.asked.read()).value;
  }

  // Sends a request upstream; the reply's status and headers as text. `copy` sees the client's body, where one is given.
  async open(url, method, head, bytes, streamed, copy) {
    this.fetching = new AbortController();
    const length = this.request.headers.get("content-length");
    const client = !streamed ? null : copy ? watched(this.request.body, length, copy) : this.request.body;
    const body = client === null ? bytes : bytes === undefined ? client : after(bytes, client);
    const init = { method, headers: parsed(head), body, redirect: "manual", signal: this.fetching.signal };
    const reply = await fetch(url, init);
    this.body = reply.body;
    const headers = new Headers(reply.headers);
    if (reply.body !== null && DECODED.includes(headers.get("content-encoding")?.toLowerCase())) {
      headers.delete("content-encoding");
      headers.delete("content-length");
    }
    return `${reply.status}${lines(headers)}`;
  }

  // Reads the upstream's body to its end: one call into the module per chunk, and no chunk before the last one is taken.
  async pump(feed) {
    try {
      if (this.body === null) return feed.end();
      this.reader = this.body.getReader();
      let next = this.reader.read();
      for (let first = true; ; first = false) {
        let step;
        try {
          step = await next;
        } catch (error) {
          return feed.fail(String(error?.message ?? error));
        }
        if (step.done) return feed.end();
        next = undefined;
        if (first && looksWhole(step.value)) {
          next = this.reader.read();
          if (await next.then(({ done }) => done, () => false)) return feed.whole(step.value);
        }
        this.awaited = true;
        feed.push(step.value);
        this.awaited = false;
        await this.last;
        next ??= this.reader.read();
      }
    } catch {
      this.left();
    } finally {
      feed.free();
    }
  }

  // Nobody wants the rest of what the upstream says.
  cancel() {
    if (this.reader) this.reader.cancel().catch(() => {});
    else this.fetching?.abort();
  }

  // A reply that is all there.
  reply(status, head, bytes) {
    this.over();
    const none = BODILESS.includes(status) || this.request.method === "HEAD";
    return new Response(none ? null : bytes, { status, headers: parsed(head) });
  }

  // A reply with the upstream's own body: nothing of it comes by here, and a client that leaves cancels it.
  through(status, head) {
    this.over();
    return new Response(this.body, { status, headers: parsed(head) });
  }

  // A reply that is written piece by piece.
  stream(status, head) {
    const headers = parsed(head);
    const length = headers.get("content-length");
    const { readable, writable } =
      length !== null && /^\d+$/.test(length) ? new FixedLengthStream(BigInt(length)) : new IdentityTransformStream();
    this.writer = writable.getWriter();
    return new Response(readable, { status, headers, encodeBody: headers.has("content-encoding") ? "manual" : "automatic" });
  }

  write(view) {
    this.last = this.writer.write(view.slice());
    if (!this.awaited) this.last.catch(this.left);
  }

  end(abort) {
    const { writer, last } = this;
    Promise.resolve(last)
      .then(() => (abort ? this.breakOff() : writer.close()))
      .catch(() => {});
    this.over();
  }

  // A write counts as done when the runtime has taken it; broken off at once, the last words would stay in its hands.
  async breakOff() {
    await new Promise((done) => setTimeout(done, LAST_WORDS));
    await this.writer.abort(new Error("the reply was cut short"));
  }

  over() {
    this.request.signal?.removeEventListener("abort", this.left);
    this.leave?.free();
    this.leave = undefined;
  }
}
