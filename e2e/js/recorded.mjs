// Recorded replies of real providers, played by the upstream: which there are, and what came of them.
import { UPSTREAM } from './setup.mjs';

// Enough to keep two cores busy; the SDKs are not, while they wait.
const AT_ONCE = 6;

async function call(path, data) {
  const answer = await fetch(UPSTREAM + path, data && { method: 'POST', body: JSON.stringify(data) });
  return answer.json();
}

// `recordings`, their `apis`, and the exceptions of answers that are `relayed`. Without a corpus there are none.
export const listed = await call('/__recordings');

// What an SDK tells of an error without raising one.
export class Raised extends Error {}

// Every recording, read by an SDK: `{ dialect, whole(model), streamed(model), errorOf(error), excepted }`. A reply in its
// own dialect is relayed, so it is asked for in the form that was recorded; others in both. `errorOf` tells
// `{ status, message }` of what the SDK raised, or nothing; `excepted` are `{ check, ids, why }`.
export async function replay(sdk) {
  const asked = listed.recordings.flatMap((recording) => {
    const forms = recording.dialect === sdk.dialect ? [recording.streamed] : [false, true];
    return forms.map((streamed) => ({ recording, streamed }));
  });
  const told = await inTurns(asked, async ({ recording, streamed }) => {
    const about = { id: recording.id, client: sdk.dialect };
    try {
      return { ...about, ...(await (streamed ? sdk.streamed : sdk.whole)(recording.model)) };
    } catch (error) { // whatever an SDK raises is what its user sees
      const known = sdk.errorOf(error);
      return known ? { ...about, error: known } : { ...about, broken: `${error.stack ?? error}`.slice(0, 500) };
    }
  });
  const outcome = { counts: {}, reasons: {}, failures: [] };
  const judged = await call('/__judge', told);
  asked.forEach(({ recording, streamed }, at) => {
    const except = (check) => sdk.excepted.find((e) => e.check === check && e.ids.includes(recording.id))?.why;
    const verdicts = judged[at].map((finding) => ({ ...finding, why: finding.why ?? except(finding.check) }));
    const count = (outcome.counts[recording.api] ??= { equal: 0, excepted: 0, failed: 0 });
    count[verdicts.some(({ why }) => !why) ? 'failed' : verdicts.length ? 'excepted' : 'equal'] += 1;
    for (const { check, what, why } of verdicts) {
      const form = streamed ? 'streamed' : 'whole';
      if (why) outcome.reasons[why] = (outcome.reasons[why] ?? 0) + 1;
      else outcome.failures.push(`${recording.api} ${recording.id} ${form} ${check}: ${what.slice(0, 500)}`);
    }
  });
  return outcome;
}

async function inTurns(items, work) {
  const results = [];
  let next = 0;
  const worker = async () => {
    while (next < items.length) {
      const at = next++;
      results[at] = await work(items[at]);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return results;
}

// Counts of each interface and SDK: equal, and `+` what differs and may.
export function table(outcomes) {
  const names = Object.keys(outcomes);
  const line = (name, cells) => name.padEnd(29) + cells.map((cell) => cell.padStart(18)).join('');
  const of = (counts) => {
    const [equal, excepted, failed] = ['equal', 'excepted', 'failed'].map((part) =>
      counts.reduce((sum, count) => sum + (count?.[part] ?? 0), 0));
    return `${equal}${excepted ? `+${excepted}` : ''}${failed ? ` FAILED ${failed}` : ''}`;
  };
  const apis = listed.apis.map((api) => line(api, names.map((name) => of([outcomes[name].counts[api]]))));
  const reasons = names.flatMap((name) =>
    Object.entries(outcomes[name].reasons).map(([why, times]) => `  ${name}: ${times} times: ${why}`));
  return [
    'recorded replies, as each SDK reads them (equal + excepted)',
    line('recorded interface', names),
    ...apis,
    line('all', names.map((name) => of(Object.values(outcomes[name].counts)))),
    ...reasons,
  ].join('\n');
}
