// What the drivers share: their arguments, and a tool that reads the note.
import { readFileSync } from 'node:fs';

export const [kind, base, token, model, note, alias] = process.argv.slice(2);
export const v1 = `${base}/v1`;
export const prompt = `Read the note: CALL read_note {"path":"${note}"}`;
export const about = 'Reads a note.';
export const path = { type: 'object', properties: { path: { type: 'string' } }, required: ['path'] };
export const read = (file) => readFileSync(file, 'utf8');

/** Prints an answer, which must tell the note. */
export function tell(answer) {
  if (!answer?.includes(read(note).trim())) throw new Error(`the answer does not tell the note: ${answer}`);
  console.log(answer);
}

export function check(truth, what) {
  if (!truth) throw new Error(JSON.stringify(what));
}
