// What a person sets for a client, in Markdown: the same settings that the runner tries.

/** What stands for the gateway, its token and a model in the documentation. */
export const SHOWN = { base: 'http://localhost:8787', token: '<gateway-token>', alias: 'main' };
const MODELS = { anthropic: 'claude-sonnet-4-6#anthropic' };
const LANGUAGES = { json: 'json', jsonc: 'json', toml: 'toml', yaml: 'yaml', yml: 'yaml' };

const fenced = (language, text) => `\`\`\`${language}\n${text.endsWith('\n') ? text : `${text}\n`}\`\`\`\n`;

/** The files, then a shell's lines. */
export function shown(client) {
  const { files = {}, env = {}, start } = client.settings({ ...SHOWN, model: MODELS[client.speaks] ?? 'gpt-5.5#openai' });
  const blocks = Object.entries(files).map(([name, text]) => {
    const path = name.replace(/^home\//, '~/').replace(/^work\//, '');
    return `\`${path}\`:\n\n${fenced(LANGUAGES[path.split('.').at(-1)] ?? 'text', text)}`;
  });
  const exports = Object.entries(env).map(([name, value]) => `export ${name}='${value}'`);
  blocks.push(fenced('sh', [...exports, start].join('\n')));
  return blocks.join('\n');
}

/** `text` with what stands between `<!-- settings: NAME -->` and `<!-- end -->` written anew, and the names that were there. */
export function filled(text, clients) {
  const names = [];
  const fill = (_, name) => {
    const client = clients.find((one) => one.name === name);
    if (!client?.settings) throw new Error(`no client with settings is called ${name}`);
    names.push(name);
    return `<!-- settings: ${name} -->\n${shown(client)}<!-- end -->`;
  };
  return { text: text.replace(/<!-- settings: ([\w-]+) -->\n[^]*?<!-- end -->/g, fill), names };
}
