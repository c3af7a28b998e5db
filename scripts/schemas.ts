/**
 * Writes the JSON Schemas of the files people write, and of what the supervisor answers, from the schemas that the parsers use:
 *
 *     npm run generate                   writes templates/schemas/*.schema.json
 *     node scripts/schemas.ts --check    fails when a committed one differs
 */
import fs from 'node:fs';
import path from 'node:path';
import { toJsonSchema, toJsonSchemaDefs } from '@valibot/to-json-schema';
import { controlSchemas, fleetConfigSchema, settingsSchema } from 'animus-protocol';

const FOLDER = path.join(import.meta.dirname, '../templates/schemas');
const SOURCES = [
  { name: 'settings.schema.json', title: "An agent's settings.json", schema: settingsSchema },
  { name: 'animus.config.schema.json', title: "The fleet's animus.config.json", schema: fleetConfigSchema },
];

/** File name → text. */
export function generateSchemas(): Map<string, string> {
  const ofFiles = SOURCES.map(({ name, title, schema }) => {
    const generated = toJsonSchema(schema, {
      typeMode: 'input',
      // Whether a time zone exists, only the machine knows.
      ignoreActions: ['check'],
      // The parsers take unknown keys with a warning; an editor should underline them.
      overrideSchema: ({ valibotSchema, jsonSchema }) =>
        valibotSchema.type === 'object' ? { ...jsonSchema, additionalProperties: false } : undefined,
    });
    return [name, textOf({ $schema: generated.$schema, title, ...generated })] as const;
  });
  const $schema = 'http://json-schema.org/draft-07/schema#';
  // Fields may be added to an answer: who reads it takes no offence at them.
  const control = {
    $schema,
    title: 'What the supervisor answers, by request',
    $defs: toJsonSchemaDefs(controlSchemas, { typeMode: 'output' }),
  };
  return new Map([...ofFiles, ['control.schema.json', textOf(control)]]);
}

function textOf(schema: object): string {
  return `${JSON.stringify(schema, null, 2)}\n`;
}

/** Names of the committed schemas that are not what the parsers say now. */
export function listStaleSchemas(): string[] {
  return [...generateSchemas()].flatMap(([name, text]) => {
    const file = path.join(FOLDER, name);
    return fs.existsSync(file) && fs.readFileSync(file, 'utf8') === text ? [] : [name];
  });
}

if (import.meta.main) {
  if (process.argv.includes('--check')) {
    const stale = listStaleSchemas();
    if (stale.length > 0) {
      console.error(`templates/schemas: ${stale.join(', ')} differ from what the parsers take; run: npm run generate`);
      process.exitCode = 1;
    }
  } else {
    fs.mkdirSync(FOLDER, { recursive: true });
    for (const [name, text] of generateSchemas()) fs.writeFileSync(path.join(FOLDER, name), text);
  }
}
