/**
 * Writes the parts of docs/ that programs know better than people: what `--help` says, and the keys of the
 * configuration files. They stand between a comment that says what they are, and `<!-- end -->`:
 *
 *     <!-- help: animus deploy -->          output of `animus deploy --help`
 *     <!-- keys: settings.schema.json -->   a table of the keys of templates/schemas/settings.schema.json
 *     <!-- requests -->                     a table of what may be asked of the supervisor
 *
 *     npm run generate                writes them anew
 *     node scripts/docs.ts --check    fails when one is not what it should be
 */
import { execFile } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { describeSurface } from 'animus-protocol';

const ROOT = path.join(import.meta.dirname, '..');
const DOCS = path.join(ROOT, 'docs');
const BLOCK = /<!-- (help|keys|requests)(: .+?)? -->\n[\s\S]*?<!-- end -->/g;

/** Names of the pages whose generated parts are not what they should be; with `isWritten` they are, afterwards. */
export async function renewDocs({ isWritten }: { isWritten: boolean }): Promise<string[]> {
  const stale: string[] = [];
  for (const name of fs.readdirSync(DOCS).filter((each) => each.endsWith('.md'))) {
    const file = path.join(DOCS, name);
    const before = fs.readFileSync(file, 'utf8');
    const after = await renewPage(before);
    if (after === before) continue;
    stale.push(name);
    if (isWritten) fs.writeFileSync(file, after);
  }
  return stale;
}

async function renewPage(text: string): Promise<string> {
  const blocks = await Promise.all(
    [...text.matchAll(BLOCK)].map(async ([, kind = '', named = '']) => {
      const of = named.slice(2);
      const content = kind === 'help' ? `\`\`\`text\n${await helpOf(of)}\n\`\`\`` : kind === 'keys' ? tableOf(of) : tableOfRequests();
      return `<!-- ${kind}${named} -->\n${content}\n<!-- end -->`;
    }),
  );
  return text.replace(BLOCK, () => blocks.shift() ?? '');
}

/** What a program says to `--help`, as it is built: from its sources it would take three times as long. */
export async function helpOf(words: string): Promise<string> {
  const [program = '', ...command] = words.split(' ');
  const { stdout } = await promisify(execFile)(process.execPath, [path.join(ROOT, `dist/${program}.mjs`), ...command, '--help'], {
    cwd: ROOT,
  });
  return stdout.trimEnd();
}

function tableOfRequests(): string {
  const rows = describeSurface('').requests.map(({ method, path: url, summary }) => `| \`${method} ${url}\` | ${summary} |`);
  return ['| Request | What it does, or answers |', '| --- | --- |', ...rows].join('\n');
}

/** The part of JSON Schema that our schemas use (schemas.test.ts holds them to it). */
type Schema = {
  type?: string;
  description?: string;
  enum?: (string | null)[];
  minimum?: number;
  maximum?: number;
  anyOf?: Schema[];
  properties?: Record<string, Schema>;
  propertyNames?: Schema;
  additionalProperties?: Schema | boolean;
};

function tableOf(schemaFile: string): string {
  const schema = JSON.parse(fs.readFileSync(path.join(ROOT, 'templates/schemas', schemaFile), 'utf8')) as Schema;
  const rows = rowsOf(schema, '').map((cells) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`);
  return ['| Key | What it says | Allowed | Default |', '| --- | --- | --- | --- |', ...rows].join('\n');
}

function rowsOf({ properties = {} }: Schema, prefix: string): string[][] {
  return Object.entries(properties).flatMap(([name, inner]) => {
    const key = `${prefix}${name}`;
    if (name === '$schema') return [[`\`${key}\``, 'The schema of this file, for editors.', 'text', '']];
    // They are the sections of settings.json, which has a table of its own.
    if (prefix === 'defaults.') return [[`\`${key}.*\``, `As \`${name}.*\` in settings.json.`, '', '']];
    if (inner.propertyNames !== undefined) return rowsOfRecord(key, inner);
    if (inner.properties !== undefined) return rowsOf(inner, `${key}.`);
    return [rowOf(key, inner)];
  });
}

function rowsOfRecord(key: string, { additionalProperties: each, description }: Schema): string[][] {
  if (typeof each !== 'object') return [];
  // They are those of `supervisor`.
  if (key === 'agents') return [['`agents.<id>.*`', 'As `supervisor.*`, for one agent; what is said here goes first.', '', '']];
  if (each.properties === undefined) return [rowOf(`${key}.<name>`, { ...each, description: description ?? '' })];
  const isOpen = typeof each.additionalProperties === 'object';
  const rows = rowsOf(each, `${key}.<name>.`);
  return isOpen ? [...rows, [`\`${key}.<name>.*\``, "The plugin's own settings; it checks them.", '', '']] : rows;
}

function rowOf(key: string, schema: Schema): string[] {
  const [, meaning = '', standard = ''] = /^([\s\S]*?)(?:\s*Default: ([\s\S]*?)\.)?$/.exec(schema.description ?? '') ?? [];
  return [`\`${key}\``, meaning, allowedBy(schema), standard];
}

function allowedBy(schema: Schema): string {
  if (schema.anyOf !== undefined) return schema.anyOf.map(allowedBy).join(' or ');
  if (schema.enum !== undefined) return schema.enum.map((word) => `\`${word}\``).join(', ');
  if (schema.type === 'integer') return `${schema.minimum} to ${schema.maximum}`;
  if (schema.type === 'boolean') return '`true`, `false`';
  return schema.type === 'string' ? 'text' : `\`${schema.type}\``;
}

if (import.meta.main) {
  await promisify(execFile)(process.execPath, [path.join(ROOT, 'scripts/bootstrap.mjs')]);
  const isChecked = process.argv.includes('--check');
  const stale = await renewDocs({ isWritten: !isChecked });
  if (isChecked && stale.length > 0) {
    console.error(`docs: ${stale.join(', ')} differ from what the programs say; run: npm run generate`);
    process.exitCode = 1;
  }
}
