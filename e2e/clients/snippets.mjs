// The programs in `docs/clients.md`: each is run as it stands there, with another address, token and model.

import { SHOWN } from './settings.mjs';

const BLOCK = /<!-- run: ([\w-]+) -->\n```(python|js)\n([^]*?)```/g;

/** `{ name, language, code }` of every program that says whose packages it is run with. */
export const snippets = (text) =>
  [...text.matchAll(BLOCK)].map(([, name, language, code]) => ({ name, language, code }));

/** The same program, for the gateway under test. In a path the model's `#` is `%23`. */
export const aimed = (code, { base, token, model, alias }) =>
  code
    .replaceAll(SHOWN.base, base)
    .replaceAll(SHOWN.token, token)
    .replaceAll(/[\w.-]+(#|%23)(?:openai|anthropic|cohere)/g, (_, sign) => model.replace('#', sign))
    .replaceAll(`"${SHOWN.alias}"`, `"${alias}"`);
